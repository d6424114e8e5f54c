/* Relations between images, and the ids of their layers. */
#include <string.h>

#include "base/mem.h"
#include "engine/image/internal.h"
#include "engine/store/digest.h"

struct err *image_history_array(const struct manifest_config *c, json_t **ret_array)
{
    *ret_array = NULL;
    return json_get_arr(c->root, "history", "config", ret_array);
}

struct err *image_history_entry(json_t *array, size_t index, struct image_history_entry *ret)
{
    static const char what[] = "config: history";
    const json_t *obj = json_array_get(array, index);
    struct image_history_entry h = {0};
    if (!json_is_object(obj))
        return ERR_NEW(ERR_INVALID, "%s: not an object", what);
    TRY(json_get_str(obj, "created", what, &h.created));
    TRY(json_get_str(obj, "created_by", what, &h.created_by));
    TRY(json_get_str(obj, "comment", what, &h.comment));
    TRY(json_get_str(obj, "author", what, &h.author));
    TRY(json_get_bool(obj, "empty_layer", what, &h.empty_layer));
    *ret = h;
    return NULL;
}

/* `parent` is `child` without its last step. */
static struct err *is_parent(struct engine *e, const struct image *parent, const struct image *child, bool *ret)
{
    *ret = false;
    size_t n = parent->diff_ids.count;
    if (parent->is_list || child->is_list)
        return NULL;
    if (strcmp(parent->id, child->id) == 0 || n > child->diff_ids.count || n + 1 < child->diff_ids.count)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (strcmp(parent->diff_ids.items[i], child->diff_ids.items[i]) != 0)
            return NULL;
    AUTO_MANIFEST_CONFIG struct manifest_config pc = {0}, cc = {0};
    json_t *ph, *ch;
    TRY(image_parse_config(e, parent, &pc));
    TRY(image_parse_config(e, child, &cc));
    TRY(image_history_array(&pc, &ph));
    TRY(image_history_array(&cc, &ch));
    if (json_array_size(ph) + 1 != json_array_size(ch))
        return NULL;
    for (size_t i = 0; i < json_array_size(ph); i++)
        if (!json_equal(json_array_get(ph, i), json_array_get(ch, i)))
            return NULL;
    *ret = true;
    return NULL;
}

/* Images that share the bottom layer with `i`; without layers those that have none either. */
static struct err *relatives(struct store *s, const struct image *i, struct strv *ret)
{
    if (i->diff_ids.count > 0)
        return store_texts(s,
                           "SELECT o.image_id FROM image_layers o WHERE o.position = 0 AND o.layer_id ="
                           " (SELECT layer_id FROM image_layers WHERE image_id = ?1 AND position = 0)",
                           i->id, ret);
    return store_texts(s, "SELECT id FROM images WHERE id NOT IN (SELECT image_id FROM image_layers)", NULL, ret);
}

/* Whether image `id` and `i` are parent and child; one that was removed meanwhile is neither. */
static struct err *compare(struct engine *e, const char *id, const struct image *i, bool id_is_parent,
                           struct image **ret)
{
    AUTO_IMAGE struct image *other = NULL;
    bool found = false;
    struct err *error = image_fetch(engine_store(e), id, &other);
    if (!error)
        error = id_is_parent ? is_parent(e, other, i, &found) : is_parent(e, i, other, &found);
    if (found)
        *ret = TAKE_PTR(other);
    if (error && err_kind(error) == ERR_NOT_FOUND) {
        err_drop(error);
        return NULL;
    }
    return error;
}

struct err *image_parent(struct engine *e, const struct image *i, struct image **ret)
{
    AUTO_STRV struct strv ids = STRV_INIT;
    AUTO_IMAGE struct image *parent = NULL;
    TRY(relatives(engine_store(e), i, &ids));
    for (size_t k = 0; k < ids.count && !parent; k++)
        TRY(compare(e, ids.items[k], i, true, &parent));
    *ret = TAKE_PTR(parent);
    return NULL;
}

struct err *image_has_children(struct engine *e, const struct image *i, bool *ret)
{
    AUTO_STRV struct strv ids = STRV_INIT;
    AUTO_IMAGE struct image *child = NULL;
    TRY(relatives(engine_store(e), i, &ids));
    for (size_t k = 0; k < ids.count && !child; k++)
        TRY(compare(e, ids.items[k], i, false, &child));
    *ret = child;
    return NULL;
}

/* As containers/image makes them: the first is the diff id, each further one the hash of "<id below>+<diff id>". */
struct err *image_chain_ids(const struct image *i, struct strv *ret)
{
    for (size_t k = 0; k < i->diff_ids.count; k++) {
        const char *hex = digest_hex(i->diff_ids.items[k]);
        if (k == 0) {
            TRY(strv_add(ret, hex));
            continue;
        }
        AUTO_FREE char *text = NULL;
        TRY(mem_asprintf(&text, "%s+%s", ret->items[ret->count - 1], hex));
        struct digest d = digest_of(text, strlen(text));
        TRY(strv_add(ret, digest_hex(d.s)));
    }
    return NULL;
}

struct err *image_layer_sizes(struct store *s, const struct image *i, uint64_t *ret)
{
    struct store_stmt *st;
    TRY(store_prepare(s,
                      "SELECT l.size_bytes FROM image_layers il JOIN layers l ON l.id = il.layer_id"
                      " WHERE il.image_id = ? ORDER BY il.position",
                      &st));
    TRY(store_bind_text(st, 1, i->id));
    for (size_t k = 0;; k++) {
        bool row;
        TRY(store_step(st, &row));
        if (!row || k >= i->diff_ids.count)
            return NULL;
        ret[k] = (uint64_t)store_col_int(st, 0);
    }
}
