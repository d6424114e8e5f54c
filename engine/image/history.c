/* `history`: the config's history, with the sizes of the layers that each line made. */
#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/image/internal.h"

#define HISTORY_MAX 65536

void image_history_free(struct image_history *h, size_t count)
{
    for (size_t i = 0; h && i < count; i++) {
        mem_freep(&h[i].id);
        mem_freep(&h[i].created_by);
        mem_freep(&h[i].comment);
        strv_done(&h[i].tags);
    }
    mem_freep(&h);
}

static struct err *fill_line(const struct image_history_entry *from, struct image_history *line)
{
    TRY(mem_strdup("<missing>", &line->id));
    TRY(mem_strdup(from->created_by ? from->created_by : "", &line->created_by));
    TRY(mem_strdup(from->comment ? from->comment : "", &line->comment));
    if (from->created && from->created[0])
        err_drop(timefmt_parse_rfc3339(from->created, &line->created_nsec)); /* shown as never */
    return NULL;
}

/* Oldest first in the document, newest first in `lines`. */
static struct err *fill_lines(struct engine *e, const struct image *i, json_t *array, struct image_history *lines)
{
    size_t count = json_array_size(array), layer = 0;
    AUTO_FREE uint64_t *sizes = mem_zalloc((i->diff_ids.count + 1) * sizeof *sizes);
    if (!sizes)
        return err_oom();
    TRY(image_layer_sizes(engine_store(e), i, sizes));
    for (size_t k = 0; k < count; k++) {
        struct image_history_entry entry;
        struct image_history *line = &lines[count - 1 - k];
        TRY(image_history_entry(array, k, &entry));
        TRY(fill_line(&entry, line));
        if (!entry.empty_layer && layer < i->diff_ids.count)
            line->size_bytes = sizes[layer++];
    }
    return NULL;
}

/* Lines that an image here ends with get its id and names: the image itself, and what it was built on. */
static struct err *name_lines(struct engine *e, const struct image *i, struct image_history *lines, size_t count)
{
    AUTO_IMAGE struct image *owner = NULL;
    TRY(image_fetch(engine_store(e), i->id, &owner));
    for (size_t k = 0; k < count && owner; k++) {
        AUTO_IMAGE struct image *parent = NULL;
        TRY(mem_replace(&lines[k].id, owner->id));
        TRY(strv_add_all(&lines[k].tags, owner->names.items));
        TRY(image_parent(e, owner, &parent));
        image_freep(&owner);
        owner = TAKE_PTR(parent);
    }
    return NULL;
}

struct err *image_history(struct engine *e, const char *name, struct image_history **ret, size_t *ret_count)
{
    AUTO_IMAGE struct image *i = NULL;
    AUTO_MANIFEST_CONFIG struct manifest_config config = {0};
    json_t *array;
    TRY(image_find(e, name, &i));
    TRY(image_parse_config(e, i, &config));
    TRY(image_history_array(&config, &array));
    size_t count = json_array_size(array);
    if (count > HISTORY_MAX)
        return ERR_NEW(ERR_INVALID, "image %.12s: a history of %zu lines is beyond the limit", i->id, count);
    struct image_history *lines = mem_zalloc((count + 1) * sizeof *lines);
    if (!lines)
        return err_oom();
    struct err *error = fill_lines(e, i, array, lines);
    if (!error)
        error = name_lines(e, i, lines, count);
    if (error) {
        image_history_free(lines, count);
        return error;
    }
    *ret = lines;
    *ret_count = count;
    return NULL;
}
