/* Roots that need no driver: one directory as it is, or none at all. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>

#include "base/fd.h"
#include "engine/storage/driver.h"
#include "engine/storage/mountapi.h"

/* For kernels, or seccomp filters, without open_tree(2) or mount_setattr(2, 5.12): the flags of a mount that is bound
 * must be repeated on remount where a less privileged namespace may not drop them, so read-only is tried with the
 * common ones. */
static struct err *bind_old(const char *source, const char *target, bool read_only)
{
    if (mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0)
        return ERR_SYS(errno, "bind %s", source);
    if (mount(NULL, target, NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return ERR_SYS(errno, "make %s private", target);
    const unsigned long ro = MS_BIND | MS_REMOUNT | MS_RDONLY;
    if (read_only && mount(NULL, target, NULL, ro, NULL) < 0 &&
        mount(NULL, target, NULL, ro | MS_NODEV | MS_NOSUID, NULL) < 0)
        return ERR_SYS(errno, "make %s read-only", source);
    return NULL;
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

struct err *bind_empty(const char *target, bool read_only)
{
    unsigned long flags = MS_NODEV | (read_only ? MS_RDONLY : 0);
    if (mount("tmpfs", target, "tmpfs", flags, "mode=0755") < 0)
        return ERR_SYS(errno, "mount an empty root on %s", target);
    return NULL;
}
