/* `image prune`: what has no name and no container; with `all` also what has names. */
#include <string.h>

#include "base/mem.h"
#include "engine/image/internal.h"
#include "engine/image/list.h"

static struct err *unused_ids(struct store *s, bool all, struct strv *ret)
{
    static const char unused[] = "SELECT id FROM images i WHERE NOT EXISTS(SELECT 1 FROM containers WHERE"
                                 " image_id = i.id) AND NOT EXISTS(SELECT 1 FROM container_images WHERE image_id ="
                                 " i.id)";
    static const char unnamed[] = "SELECT id FROM images i WHERE NOT EXISTS(SELECT 1 FROM containers WHERE"
                                  " image_id = i.id) AND NOT EXISTS(SELECT 1 FROM container_images WHERE image_id ="
                                  " i.id) AND NOT EXISTS(SELECT 1 FROM image_names WHERE image_id = i.id)";
    return store_texts(s, all ? unused : unnamed, NULL, ret);
}

static struct err *bytes_in_layers(struct store *s, int64_t *ret)
{
    struct store_stmt *st;
    bool row;
    TRY(store_prepare(s, "SELECT coalesce(sum(size_bytes), 0) FROM layers", &st));
    TRY(store_step(st, &row));
    *ret = store_col_int(st, 0);
    store_idle(s);
    return NULL;
}

static struct err *prune_one(struct engine *e, const char *id, const struct image_filters *filters, bool all,
                             struct strv *deleted, bool *ret_done)
{
    AUTO_IMAGE struct image *i = NULL;
    bool wanted, has_children;
    const struct image_remove_opts opts = {.force = all, .no_prune = true, .ignore = true};
    AUTO_STRV struct strv untagged = STRV_INIT;
    TRY(image_fetch(engine_store(e), id, &i));
    TRY(image_filters_match(e, filters, i, &wanted));
    TRY(image_has_children(e, i, &has_children));
    if (!wanted || has_children)
        return NULL;
    TRY(image_remove(e, id, &opts, &untagged, deleted));
    *ret_done = true;
    return NULL;
}

/* Somebody else has just removed it, or made a container of it. */
static struct err *unless_changed(struct err *take_e)
{
    if (!take_e || (err_kind(take_e) != ERR_NOT_FOUND && err_kind(take_e) != ERR_IN_USE))
        return take_e;
    err_drop(take_e);
    return NULL;
}

/* Children first; then their parents may go: until nothing more does. */
static struct err *prune_all(struct engine *e, bool all, const struct image_filters *filters, struct strv *deleted)
{
    for (bool again = true; again;) {
        AUTO_STRV struct strv ids = STRV_INIT;
        TRY(unused_ids(engine_store(e), all, &ids));
        again = false;
        for (size_t k = 0; k < ids.count; k++) {
            bool done = false;
            TRY(unless_changed(prune_one(e, ids.items[k], filters, all, deleted, &done)));
            again |= done;
        }
    }
    return NULL;
}

struct err *image_prune(struct engine *e, bool all, const struct strv *filters, struct strv *ret_deleted,
                        uint64_t *ret_bytes)
{
    struct store *s = engine_store(e);
    struct image_filters *parsed = NULL;
    int64_t before, after;
    TRY(image_filters_new(e, filters, &parsed));
    struct err *error = bytes_in_layers(s, &before);
    if (!error)
        error = prune_all(e, all, parsed, ret_deleted);
    if (!error)
        error = bytes_in_layers(s, &after);
    if (!error)
        *ret_bytes = before > after ? (uint64_t)(before - after) : 0;
    image_filters_free(parsed);
    return error;
}
