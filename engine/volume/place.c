/* Where a volume's files are. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/store/store.h"
#include "engine/volume/internal.h"

/* In the session's mount namespace; monitors' are slaves of it, so that it shows there too. It goes with the session,
 * or when the volume is removed, or is begun anew when the volume is used after nobody used it any more. */
static struct err *tmpfs_path(struct engine *e, const char *name, char **ret)
{
    return mem_asprintf(ret, "%s/volumes/%s", engine_run_dir(e), name);
}

static struct err *tmpfs_place(struct engine *e, const char *name, const struct volume_options *o, bool in_use,
                               char **ret)
{
    AUTO_FREE char *path = NULL, *data = NULL, *lock_name = NULL;
    AUTO_FD int lock = -1;
    TRY(tmpfs_path(e, name, &path));
    TRY(mem_asprintf(&lock_name, "volumes/%s/.lock", name));
    TRY(file_open_locked(store_root_fd(engine_store(e)), lock_name, true, true, &lock));
    if (!in_use)
        (void)umount2(path, MNT_DETACH);
    if (!file_is_mount(AT_FDCWD, path)) {
        TRY(file_mkdirs(path, 0755));
        TRY(strv_join(&o->tmpfs, ",", &data));
        if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, data) < 0)
            return ERR_SYS(errno, "mounting volume %s: tmpfs with \"%s\"", name, data);
    }
    *ret = TAKE_PTR(path);
    return NULL;
}

void volume_leave_place(struct engine *e, const char *name)
{
    AUTO_FREE char *path = NULL;
    struct err *err = engine_run_dir(e) ? tmpfs_path(e, name, &path) : NULL;
    if (path && umount2(path, MNT_DETACH) == 0)
        (void)rmdir(path);
    err_drop(err);
}

static struct err *bind_place(const char *name, const struct volume_options *o, char **ret)
{
    struct stat st;
    if (stat(o->device, &st) < 0)
        return ERR_SYS(errno, "mounting volume %s: %s", name, o->device);
    return mem_strdup(o->device, ret);
}

struct err *volume_read_options(struct engine *e, const char *name, struct volume_options *ret)
{
    struct volume *v;
    TRY(volume_find(e, name, &v));
    struct err *err = volume_options_parse(&v->options, ret);
    volume_free(v);
    return ERR_WRAP(err, "volume %s", name);
}

struct err *volume_place(struct engine *e, const char *name, const struct volume_options *o, bool in_use,
                         char **ret_path)
{
    switch (o->kind) {
    case VOLUME_BIND:
        return bind_place(name, o, ret_path);
    case VOLUME_TMPFS:
        return tmpfs_place(e, name, o, in_use, ret_path);
    case VOLUME_DIRECTORY:
    default:
        return mem_asprintf(ret_path, "%s/volumes/%s/_data", engine_root(e), name);
    }
}
