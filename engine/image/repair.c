/* What `system check` found damaged: the images that need it go. */
#include <string.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "engine/image/image.h"
#include "engine/store/store.h"

static struct err *users_of(struct engine *e, const char *digest, struct strv *ret_ids)
{
    struct store_stmt *st;
    bool row = true;
    TRY(store_prepare(
        engine_store(e),
        "SELECT id FROM images WHERE manifest = ?1 OR config = ?1 UNION SELECT image_id FROM image_layers "
        "WHERE blob = ?1 UNION SELECT il.image_id FROM image_layers il JOIN layers l ON l.id = il.layer_id "
        "WHERE l.diff_id = ?1",
        &st));
    TRY(store_bind(st, "t", digest));
    while (row) {
        TRY(store_step(st, &row));
        const char *id = row ? store_col_text(st, 0) : NULL;
        if (id && !strv_contains(ret_ids, id))
            TRY(strv_add(ret_ids, id));
    }
    return NULL;
}

struct err *image_remove_damaged(struct engine *e, const struct strv *damaged, const struct image_remove_opts *opts,
                                 struct strv *ret_removed, struct strv *ret_kept)
{
    AUTO_STRV struct strv ids = STRV_INIT;
    for (size_t i = 0; i < damaged->count; i++)
        TRY(users_of(e, damaged->items[i], &ids));
    for (size_t i = 0; i < ids.count; i++) {
        AUTO_STRV struct strv untagged = STRV_INIT, deleted = STRV_INIT;
        struct err *err = image_remove(e, ids.items[i], opts, &untagged, &deleted);
        bool kept = err && err_kind(err) == ERR_IN_USE;
        if (err && !kept && err_kind(err) != ERR_NOT_FOUND)
            return err;
        err_drop(err);
        TRY(strv_add(kept ? ret_kept : ret_removed, ids.items[i]));
    }
    return NULL;
}
