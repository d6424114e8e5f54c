/* Filling a new volume with what the image has at its mount point. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/override.h"
#include "engine/engine.h"
#include "engine/store/store.h"
#include "engine/volume/internal.h"
#include "rootless/session.h"

static struct err *is_empty(int dirfd, bool *ret)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        struct err *e = ERR_SYS(errno, "read volume");
        fd_close(fd);
        return e;
    }
    *ret = true;
    for (struct dirent *de; *ret && (de = readdir(d));)
        *ret = strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0;
    closedir(d);
    return NULL;
}

/* Copy into a directory beside _data, then swap it in: a copy that was cut short is never seen as the volume. */
static struct err *fill(struct store *s, const char *dir, int source_fd)
{
    AUTO_FREE char *fresh = NULL, *data = NULL;
    TRY(mem_asprintf(&fresh, "%s/_new", dir));
    TRY(mem_asprintf(&data, "%s/_data", dir));
    int root = store_root_fd(s);
    TRY(file_remove_tree(root, fresh));
    if (mkdirat(root, fresh, 0755) < 0)
        return ERR_SYS(errno, "create %s", fresh);
    AUTO_FD int to = -1;
    TRY(file_open_dir(root, fresh, &to));
    TRY(file_copy_tree(source_fd, to));
    if (unlinkat(root, data, AT_REMOVEDIR) < 0)
        return ERR_SYS(errno, "replace %s", data);
    if (renameat(root, fresh, root, data) < 0)
        return ERR_SYS(errno, "replace %s", data);
    return NULL;
}

struct err *volume_copy_up(struct engine *e, const char *name, int source_fd, uid_t uid, gid_t gid)
{
    struct store *s = engine_store(e);
    AUTO_FREE char *dir = NULL, *lock_name = NULL, *data = NULL;
    AUTO_FD int lock = -1, datafd = -1;
    struct volume *v;
    struct store_stmt *st;
    AUTO_VOLUME_OPTIONS struct volume_options o = {0};
    bool empty, wanted;
    TRY(mem_asprintf(&dir, "volumes/%s", name));
    TRY(mem_asprintf(&lock_name, "%s/.lock", dir));
    TRY(mem_asprintf(&data, "%s/_data", dir));
    TRY(file_open_locked(store_root_fd(s), lock_name, true, true, &lock));
    TRY(volume_find(e, name, &v)); /* under the lock: another start may have filled it */
    wanted = v->needs_copy_up;
    struct err *err = volume_options_parse(&v->options, &o);
    volume_free(v);
    TRY(err);
    if (!wanted || o.kind != VOLUME_DIRECTORY)
        return NULL;
    if (o.no_copy)
        source_fd = -1;
    err = file_open_dir(store_root_fd(s), data, &datafd);
    if (err && err_kind(err) == ERR_NOT_FOUND) { /* killed between the two steps of fill() */
        err_drop(err);
        if (mkdirat(store_root_fd(s), data, 0755) < 0)
            return ERR_SYS(errno, "create %s", data);
        err = file_open_dir(store_root_fd(s), data, &datafd);
    }
    TRY(err);
    TRY(is_empty(datafd, &empty));
    if (empty && source_fd >= 0)
        TRY_WRAP(fill(s, dir, source_fd), "copy the image's files into volume %s", name);
    else if (empty) {
        int errnum =
            override_chown(datafd, o.has_uid ? o.uid : uid, o.has_gid ? o.gid : gid, engine_session(e)->single_id);
        if (errnum)
            return ERR_SYS(errnum, "set owner of volume %s", name);
    }
    AUTO_TX struct store_tx_guard tx = {s};
    TRY(store_begin(s, STORE_WRITE, false));
    TRY(store_prepare(s, "UPDATE volumes SET needs_copy_up = 0 WHERE name = ?1", &st));
    TRY(store_bind(st, "t", name));
    TRY(store_run(st));
    return store_commit(s);
}
