/* A volume's files as an archive. */
#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/layer/layer.h"
#include "engine/store/store.h"
#include "engine/volume/internal.h"
#include "rootless/session.h"

/* Where containers find them. */
static struct err *open_place(struct engine *e, const struct volume *v, int *ret)
{
    AUTO_VOLUME_OPTIONS struct volume_options o = {0};
    AUTO_FREE char *path = NULL;
    TRY_WRAP(volume_options_parse(&v->options, &o), "volume %s", v->name);
    TRY(volume_place(e, v->name, &o, true, &path));
    *ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (o.kind == VOLUME_BIND ? 0 : O_NOFOLLOW));
    return *ret < 0 ? ERR_SYS(errno, "open %s", path) : NULL;
}

struct err *volume_export(struct engine *e, const struct volume *v, int fd)
{
    AUTO_FD int dir = -1;
    struct layer_result result;
    TRY(open_place(e, v, &dir));
    const struct layer_pack_opts opts = {
        .source_dirfd = dir, .archive_fd = fd, .single_id = engine_session(e)->single_id};
    TRY_WRAP(layer_pack(&opts, &result), "export volume %s", v->name);
    return store_event(engine_store(e), "volume", "export", v->name, v->name, NULL);
}

/* From now on nothing of an image's goes into it. */
static struct err *forget_copy_up(struct store *s, const char *name)
{
    AUTO_TX struct store_tx_guard tx = {s};
    struct store_stmt *st;
    TRY(store_begin(s, STORE_WRITE, false));
    TRY(store_prepare(s, "UPDATE volumes SET needs_copy_up = 0 WHERE name = ?1", &st));
    TRY(store_bind(st, "t", name));
    TRY(store_run(st));
    TRY(store_event(s, "volume", "import", name, name, NULL));
    return store_commit(s);
}

struct err *volume_import(struct engine *e, const struct volume *v, int fd)
{
    AUTO_FD int dir = -1;
    struct layer_result result;
    TRY(open_place(e, v, &dir));
    const struct layer_insert_opts opts = {
        .archive_fd = fd, .target_dirfd = dir, .single_id = engine_session(e)->single_id};
    TRY_WRAP(layer_insert(&opts, &result), "import into volume %s", v->name);
    if (!result.blob_bytes)
        return ERR_NEW(ERR_CORRUPT, "import into volume %s: unexpected EOF", v->name);
    return forget_copy_up(engine_store(e), v->name);
}
