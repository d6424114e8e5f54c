/* Removing what no row refers to.
 *
 * Whoever adds content holds the content lock shared, from its first look at what is there until the rows are in; so
 * under the exclusive lock, a file without a row belongs to nobody. Who cannot get it leaves the garbage to the holder,
 * who cleans when it is done. Rows go first,
 * durably: after a power cut a row must never be there without its file. Large trees are only renamed into staging
 * under the lock, and removed after it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "engine/store/internal.h"

static const char orphan_blobs[] = "FROM blobs WHERE NOT EXISTS(SELECT 1 FROM images WHERE manifest = digest)"
                                   " AND NOT EXISTS(SELECT 1 FROM images WHERE config = digest)"
                                   " AND NOT EXISTS(SELECT 1 FROM image_layers WHERE blob = digest)"
                                   " AND NOT EXISTS(SELECT 1 FROM image_blobs WHERE blob = digest)"
                                   " AND NOT EXISTS(SELECT 1 FROM artifacts WHERE manifest = digest)"
                                   " AND NOT EXISTS(SELECT 1 FROM artifact_blobs WHERE blob = digest)";
static const char orphan_layers[] =
    "FROM layers WHERE NOT EXISTS(SELECT 1 FROM image_layers WHERE layer_id = id)"
    /* A shifted copy lives as long as the layer it was made from. */
    " AND (map = '' OR NOT EXISTS(SELECT 1 FROM layers o JOIN image_layers ON layer_id = o.id"
    " WHERE o.diff_id = layers.diff_id AND o.map = ''))";

static struct err *count(struct store *s, const char *from, int64_t *ret)
{
    AUTO_FREE char *sql = NULL;
    TRY(mem_asprintf(&sql, "SELECT count(*) %s", from));
    return store_query_int(s, sql, ret);
}

static struct err *delete_rows(struct store *s)
{
    int64_t blobs, layers;
    TRY(count(s, orphan_blobs, &blobs));
    TRY(count(s, orphan_layers, &layers));
    if (blobs == 0 && layers == 0)
        return NULL;
    AUTO_FREE char *sql = NULL;
    TRY(mem_asprintf(&sql, "DELETE %s; DELETE %s", orphan_layers, orphan_blobs));
    struct store_tx_guard guard AUTO_TX = {.store = s};
    TRY(store_begin(s, STORE_WRITE, true));
    TRY(store_exec(s, sql));
    return store_commit(s);
}

struct err *store_dir_names(struct store *s, const char *path, struct strv *ret)
{
    int fd = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "open %s/%s", s->root, path);
    DIR *dir = fdopendir(fd);
    if (!dir) {
        fd_close(fd);
        return err_oom();
    }
    struct err *e = NULL;
    struct dirent *d;
    while (!e && (d = readdir(dir)))
        if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
            e = strv_add(ret, d->d_name);
    closedir(dir);
    if (e)
        strv_done(ret);
    return e;
}

struct err *store_has_row(struct store *s, const char *sql, const char *key, bool *ret)
{
    struct store_stmt *st;
    TRY(store_prepare(s, sql, &st));
    TRY(store_bind_text(st, 1, key));
    TRY(store_step(st, ret));
    if (*ret) {
        bool more;
        return store_step(st, &more);
    }
    return NULL;
}

static struct err *remove_blobs(struct store *s)
{
    AUTO_STRV struct strv names = STRV_INIT;
    TRY(store_dir_names(s, "blobs/sha256", &names));
    for (size_t i = 0; i < names.count; i++) {
        AUTO_FREE char *digest = NULL, *path = NULL;
        bool known;
        TRY(mem_asprintf(&digest, "sha256:%s", names.items[i]));
        TRY(store_has_row(s, STORE_SQL_BLOB_KNOWN, digest, &known));
        if (known)
            continue;
        TRY(path_join(&path, "blobs/sha256", names.items[i]));
        if (unlinkat(s->root_fd, path, 0) < 0 && errno != ENOENT)
            return ERR_SYS(errno, "remove %s/%s", s->root, path);
    }
    return NULL;
}

/* Move the directories below `parent` that have no row into `staging`. `sql` looks for a row by the directory's name.
 */
static struct err *take_away(struct store *s, const char *parent, const char *sql, struct store_staging *staging)
{
    AUTO_STRV struct strv names = STRV_INIT;
    TRY(store_dir_names(s, parent, &names));
    for (size_t i = 0; i < names.count; i++) {
        AUTO_FREE char *path = NULL;
        bool known;
        TRY(store_has_row(s, sql, names.items[i], &known));
        if (known)
            continue;
        if (!staging->name)
            TRY(store_staging_new(s, staging));
        TRY(path_join(&path, parent, names.items[i]));
        if (renameat(s->root_fd, path, staging->dirfd, names.items[i]) < 0 && errno != ENOENT)
            return ERR_SYS(errno, "move %s/%s away", s->root, path);
    }
    return NULL;
}

/* Of containers and volumes whose creation or removal was cut short. They are made within a write transaction, with
 * their rows, so that inside another one nothing is half there. */
static struct err *clean_directories(struct store *s, struct store_staging *staging)
{
    AUTO_TX struct store_tx_guard tx = {s};
    TRY(store_begin(s, STORE_WRITE, false));
    TRY(take_away(s, "containers", STORE_SQL_CONTAINER_KNOWN, staging));
    TRY(take_away(s, "volumes", STORE_SQL_VOLUME_KNOWN, staging));
    return store_commit(s);
}

static struct err *clean_content(struct store *s, struct store_staging *staging)
{
    AUTO_FD int lock = -1;
    struct err *e = store_content_lock(s, true, false, &lock);
    if (e && err_kind(e) == ERR_IN_USE) {
        err_drop(e);
        return NULL;
    }
    TRY(e);
    TRY(delete_rows(s));
    TRY(remove_blobs(s));
    return take_away(s, "layers", STORE_SQL_LAYER_KNOWN, staging);
}

struct err *store_clean(struct store *s)
{
    struct store_staging staging = {.dirfd = -1, .lock_fd = -1};
    struct err *e = clean_content(s, &staging);
    if (!e)
        e = clean_directories(s, &staging);
    store_staging_done(s, &staging);
    struct err *staging_error = store_clean_staging(s);
    if (e)
        err_drop(staging_error);
    return ERR_WRAP(e ? e : staging_error, "clean the store");
}
