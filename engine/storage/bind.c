/* Roots that need no driver: one directory as it is, or none at all. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/override.h"
#include "base/path.h"
#include "engine/storage/driver.h"
#include "engine/storage/mountapi.h"

/* The flags of a mount that is bound must be repeated on remount where a less privileged namespace may not drop them,
 * so it is tried with the common ones too. */
struct err *bind_flags(const char *target, unsigned long flags, bool read_only)
{
    unsigned long all = MS_BIND | MS_REMOUNT | flags | (read_only ? MS_RDONLY : 0);
    if (!flags && !read_only)
        return NULL;
    if (mount(NULL, target, NULL, all, NULL) < 0 && mount(NULL, target, NULL, all | MS_NODEV | MS_NOSUID, NULL) < 0)
        return ERR_SYS(errno, "set the options of the mount on %s", target);
    return NULL;
}

/* For kernels, or seccomp filters, without open_tree(2) or mount_setattr(2, 5.12). */
struct err *bind_old(const char *source, const char *target, bool read_only)
{
    if (mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0)
        return ERR_SYS(errno, "bind %s", source);
    if (mount(NULL, target, NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return ERR_SYS(errno, "make %s private", target);
    return read_only ? ERR_WRAP(bind_flags(target, 0, true), "make %s read-only", source) : NULL;
}

struct err *bind_mount(const char *source, const char *target, bool read_only)
{
    AUTO_FD int mnt = mountapi_clone(source, true);
    if (mnt == -ENOENT || mnt == -EACCES || mnt == -ENOTDIR)
        return ERR_SYS(mnt, "bind %s", source);
    if (mnt < 0)
        return bind_old(source, target, read_only);
    if (mountapi_setattr(mnt, true, read_only ? MOUNTAPI_RDONLY : 0, MS_PRIVATE) < 0)
        return bind_old(source, target, read_only);
    int r = mountapi_move(mnt, target);
    return r < 0 ? ERR_SYS(r, "bind %s to %s", source, target) : NULL;
}

struct err *bind_flagged(const struct storage_mount *m, const char *source, const char *target, bool read_only)
{
    TRY(bind_mount(source, target, read_only));
    return m->flags ? bind_flags(target, m->flags, read_only) : NULL;
}

struct err *bind_empty(const char *target, bool read_only)
{
    unsigned long flags = MS_NODEV | (read_only ? MS_RDONLY : 0);
    if (mount("tmpfs", target, "tmpfs", flags, "mode=0755") < 0)
        return ERR_SYS(errno, "mount an empty root on %s", target);
    return NULL;
}

struct err *bind_make_dir(const char *path, const char *like)
{
    struct stat st;
    if (mkdir(path, 0755) < 0)
        return errno == EEXIST ? NULL : ERR_SYS(errno, "create %s", path);
    if (!like || stat(like, &st) < 0)
        return NULL;
    /* EINVAL: it belongs to somebody outside of this namespace, and shows as nobody's. */
    if ((lchown(path, st.st_uid, st.st_gid) < 0 && errno != EINVAL) || chmod(path, st.st_mode & 07777) < 0)
        return ERR_SYS(errno, "set owner and mode of %s", path);
    struct override o;
    int errnum = override_read_path(like, &o) ? override_write_path(path, &o) : 0;
    return errnum ? ERR_SYS(errnum, "record the owner of %s", path) : NULL;
}

struct err *bind_trivial(const struct storage_mount *m, const char *target, bool *ret_done)
{
    AUTO_FREE char *path = NULL;
    *ret_done = true;
    if (m->rootfs && !m->container_dir)
        return bind_mount(m->rootfs, target, m->read_only);
    if (!m->rootfs && m->layers.count == 0 && !m->container_dir)
        return bind_empty(target, m->read_only);
    if (!m->rootfs && m->layers.count == 0) {
        TRY(path_join(&path, m->container_dir, "upper"));
        TRY(file_mkdirs(path, 0755));
        return bind_flagged(m, path, target, m->read_only);
    }
    if (!m->rootfs && m->layers.count == 1 && !m->container_dir) {
        TRY(storage_layer_path(m, m->layers.items[0], &path));
        return bind_flagged(m, path, target, m->read_only);
    }
    *ret_done = false;
    return NULL;
}
