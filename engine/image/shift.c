/* Shifted copies of layers; see shift.h. */
#include "engine/image/shift.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/engine.h"
#include "engine/image/outside.h"
#include "engine/store/name.h"
#include "engine/store/store.h"

struct shift {
    const struct idmap *uids, *gids;
};

/* An image's id u is the session's id u in a plain layer; in the shifted one it is what the container's u maps to. What
 * the container has no id for stays as it is, and looks like nobody's inside. */
static bool shift_owner(uid_t *uid, gid_t *gid, void *arg)
{
    const struct shift *s = arg;
    uint32_t to;
    if (idmap_to_host(s->uids, *uid, &to))
        *uid = to;
    if (idmap_to_host(s->gids, *gid, &to))
        *gid = to;
    return true;
}

static struct err *map_key(const struct idmap *uids, const struct idmap *gids, char **ret)
{
    AUTO_FREE char *u = NULL, *g = NULL;
    TRY(idmap_text(uids, &u));
    TRY(idmap_text(gids, &g));
    return mem_asprintf(ret, "%s/%s", u, g);
}

/* *ret is NULL when there is none. */
static struct err *find_copy(struct store *s, const char *diff_id, const char *key, char **ret)
{
    struct store_stmt *st;
    bool row;
    TRY(store_prepare(s, "SELECT dir FROM layers WHERE diff_id = ?1 AND map = ?2", &st));
    TRY(store_bind(st, "tt", diff_id, key));
    TRY(store_step(st, &row));
    return row ? mem_strdup(store_col_text(st, 0), ret) : NULL;
}

static struct err *copy_layer(struct store *s, const char *dir, const struct shift *shift, int staging_fd,
                              uint64_t *ret_bytes)
{
    AUTO_FREE char *from_path = NULL;
    AUTO_FD int from = -1, to = -1;
    uint64_t inodes;
    TRY(mem_asprintf(&from_path, "layers/%s/diff", dir));
    TRY(file_open_dir(store_root_fd(s), from_path, &from));
    if (mkdirat(staging_fd, "layer", 0700) < 0 || mkdirat(staging_fd, "layer/diff", 0755) < 0)
        return ERR_SYS(errno, "create staging directory");
    TRY(file_open_dir(staging_fd, "layer/diff", &to));
    TRY(file_copy_tree_owned(from, to, shift_owner, (void *)(uintptr_t)shift));
    TRY(file_tree_size(to, ".", ret_bytes, &inodes));
    return syncfs(to) < 0 ? ERR_SYS(errno, "write layer to disk") : NULL;
}

static struct err *insert_row(struct store *s, const char *diff_id, const char *key, const char *dir, uint64_t bytes)
{
    struct store_stmt *st;
    TRY(store_prepare(s, "INSERT INTO layers(diff_id, map, dir, size_bytes, created_nsec) VALUES(?1, ?2, ?3, ?4, ?5)",
                      &st));
    TRY(store_bind(st, "tttii", diff_id, key, dir, (int64_t)bytes, timefmt_now()));
    return store_run(st);
}

/* The caller holds the content lock, so that no sweep comes between the rename and the row. */
static struct err *publish(struct store *s, const struct store_staging *staging, const char *diff_id, const char *key,
                           uint64_t bytes, char **ret)
{
    AUTO_TX struct store_tx_guard tx = {s};
    AUTO_FREE char *to = NULL, *other = NULL;
    struct store_name name;
    TRY(store_name_random(&name));
    TRY(mem_asprintf(&to, "layers/%s", name.s));
    TRY(store_begin(s, STORE_WRITE, true));
    TRY(find_copy(s, diff_id, key, &other)); /* another command was quicker */
    if (other) {
        *ret = TAKE_PTR(other);
        return NULL;
    }
    TRY(insert_row(s, diff_id, key, name.s, bytes));
    if (renameat(staging->dirfd, "layer", store_root_fd(s), to) < 0)
        return ERR_SYS(errno, "move layer to %s", to);
    TRY(store_sync_names(s));
    TRY(store_commit(s));
    return mem_strdup(name.s, ret);
}

static struct err *shift_layer(struct store *s, const char *dir, const char *diff_id, const char *key,
                               const struct shift *shift, char **ret)
{
    struct store_staging staging;
    uint64_t bytes = 0;
    AUTO_FD int lock = -1;
    TRY(find_copy(s, diff_id, key, ret));
    if (*ret)
        return NULL;
    TRY(store_content_lock(s, false, true, &lock));
    TRY(store_staging_new(s, &staging));
    struct err *err = copy_layer(s, dir, shift, staging.dirfd, &bytes);
    if (!err)
        err = publish(s, &staging, diff_id, key, bytes, ret);
    store_staging_done(s, &staging);
    return ERR_WRAP(err, "layer %s for another user namespace", diff_id);
}

struct err *image_shifted_layers(struct engine *e, const struct image *i, const struct idmap *uids,
                                 const struct idmap *gids, struct strv *ret_dirs)
{
    AUTO_FREE char *key = NULL;
    const struct shift shift = {uids, gids};
    TRY(outside_refuse(i, "a copy for another user namespace (the storage driver fuse-overlay needs none)"));
    TRY(map_key(uids, gids, &key));
    for (size_t n = 0; n < i->layer_dirs.count; n++) {
        AUTO_FREE char *dir = NULL;
        TRY(shift_layer(engine_store(e), i->layer_dirs.items[n], i->diff_ids.items[n], key, &shift, &dir));
        TRY(strv_add(ret_dirs, dir));
    }
    return NULL;
}
