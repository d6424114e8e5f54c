/* `image tree`: the layers of an image, or the images that stand on its layers. */
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/strbuf.h"
#include "engine/image/internal.h"

/* "1.987MB": four digits, no space, as go-units prints there. */
static struct err *put_size(struct strbuf *sb, uint64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1000.0 && unit + 1 < ARRAY_LEN(units)) {
        value /= 1000.0;
        unit++;
    }
    return strbuf_printf(sb, "%.4g%s", value, units[unit]);
}

static struct err *put_tags(struct strbuf *sb, const struct strv *names)
{
    AUTO_FREE char *joined = NULL;
    if (names->count > 0)
        TRY(strv_join(names, " ", &joined));
    return strbuf_printf(sb, "[%s]", joined ? joined : "");
}

/* Names of the images whose uppermost layer is that of `i` number `index`: the same layers up to there, and no more. */
static struct err *tags_on_top(struct engine *e, const struct image *i, size_t index, struct strv *ret)
{
    struct store *s = engine_store(e);
    AUTO_STRV struct strv ids = STRV_INIT;
    TRY(store_texts(s,
                    "SELECT o.image_id FROM image_layers o WHERE o.position = 0 AND o.layer_id ="
                    " (SELECT layer_id FROM image_layers WHERE image_id = ?1 AND position = 0)",
                    i->id, &ids));
    for (size_t k = 0; k < ids.count; k++) {
        AUTO_IMAGE struct image *other = NULL;
        TRY(image_fetch(s, ids.items[k], &other));
        bool same = other->diff_ids.count == index + 1;
        for (size_t d = 0; d <= index && same; d++)
            same = strcmp(other->diff_ids.items[d], i->diff_ids.items[d]) == 0;
        if (same)
            TRY(strv_add_all(ret, other->names.items));
    }
    return NULL;
}

static struct err *put_layers(struct engine *e, const struct image *i, struct strbuf *sb)
{
    AUTO_STRV struct strv ids = STRV_INIT;
    AUTO_FREE uint64_t *sizes = mem_zalloc((i->diff_ids.count + 1) * sizeof *sizes);
    if (!sizes)
        return err_oom();
    TRY(image_layer_sizes(engine_store(e), i, sizes));
    TRY(image_chain_ids(i, &ids));
    for (size_t k = 0; k < ids.count; k++) {
        AUTO_STRV struct strv tags = STRV_INIT;
        TRY(strbuf_printf(sb, "%s ID: %.12s Size: ", k + 1 == ids.count ? "└──" : "├──", ids.items[k]));
        TRY(put_size(sb, sizes[k]));
        TRY(tags_on_top(e, i, k, &tags));
        if (tags.count > 0) {
            TRY(strbuf_puts(sb, " Top Layer of: "));
            TRY(put_tags(sb, &tags));
        }
        TRY(strbuf_putc(sb, '\n'));
    }
    return NULL;
}

static bool stands_on(const struct image *upper, const struct image *lower)
{
    if (upper->diff_ids.count <= lower->diff_ids.count)
        return false;
    for (size_t k = 0; k < lower->diff_ids.count; k++)
        if (strcmp(upper->diff_ids.items[k], lower->diff_ids.items[k]) != 0)
            return false;
    return true;
}

/* Whether another image lies between the two. */
static bool is_direct(struct image *const *list, size_t count, const struct image *lower, const struct image *upper)
{
    for (size_t k = 0; k < count; k++)
        if (stands_on(list[k], lower) && stands_on(upper, list[k]))
            return false;
    return true;
}

static struct err *put_dependents(struct image *const *list, size_t count, const struct image *lower,
                                  const char *indent, int depth, struct strbuf *sb)
{
    size_t left = 0;
    if (depth > MANIFEST_LAYERS_MAX)
        return NULL;
    for (size_t k = 0; k < count; k++)
        left += stands_on(list[k], lower) && is_direct(list, count, lower, list[k]);
    for (size_t k = 0; k < count; k++) {
        if (!stands_on(list[k], lower) || !is_direct(list, count, lower, list[k]))
            continue;
        AUTO_FREE char *deeper = NULL;
        left--;
        TRY(strbuf_printf(sb, "%s%s ID: %.12s", indent, left ? "├──" : "└──", list[k]->id));
        if (list[k]->names.count > 0) {
            TRY(strbuf_putc(sb, ' '));
            TRY(put_tags(sb, &list[k]->names));
        }
        TRY(strbuf_putc(sb, '\n'));
        TRY(mem_asprintf(&deeper, "%s%s", indent, left ? "│   " : "    "));
        TRY(put_dependents(list, count, list[k], deeper, depth + 1, sb));
    }
    return NULL;
}

static struct err *put_required_by(struct engine *e, const struct image *i, struct strbuf *sb)
{
    const struct image_list_opts opts = {.all = true};
    struct image **list;
    size_t count;
    TRY(image_list(e, &opts, &list, &count));
    struct err *error = i->diff_ids.count ? put_dependents(list, count, i, "", 0, sb) : NULL;
    image_list_free(list, count);
    return error;
}

struct err *image_tree(struct engine *e, const char *name, bool whatrequires, char **ret_text)
{
    AUTO_IMAGE struct image *i = NULL;
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    TRY(image_find(e, name, &i));
    TRY(strbuf_printf(&sb, "Image ID: %.12s\nTags:     ", i->id));
    TRY(put_tags(&sb, &i->names));
    TRY(strbuf_puts(&sb, "\nSize:     "));
    TRY(put_size(&sb, i->size_bytes));
    TRY(strbuf_puts(&sb, "\n"));
    if (whatrequires)
        TRY(put_required_by(e, i, &sb));
    else if (i->diff_ids.count == 0)
        TRY(strbuf_puts(&sb, "No Image Layers\n"));
    else {
        TRY(strbuf_puts(&sb, "Image Layers\n"));
        TRY(put_layers(e, i, &sb));
    }
    return strbuf_take(&sb, ret_text);
}
