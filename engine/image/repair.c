/* What `system check` found damaged: the images that need it go. */
#include <string.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "engine/image/image.h"
#include "engine/store/store.h"

static struct err *users_of(struct engine *e, const char *digest, struct strv *ret_ids)
{
    AUTO_STRV struct strv users = STRV_INIT;
    TRY(store_texts(engine_store(e),
                    "SELECT id FROM images WHERE manifest = ?1 OR config = ?1 UNION SELECT image_id FROM image_layers "
                    "WHERE blob = ?1 UNION SELECT il.image_id FROM image_layers il JOIN layers l ON l.id = il.layer_id "
                    "WHERE l.diff_id = ?1",
                    digest, &users));
    for (size_t i = 0; i < users.count; i++)
        if (!strv_contains(ret_ids, users.items[i]))
            TRY(strv_add(ret_ids, users.items[i]));
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
