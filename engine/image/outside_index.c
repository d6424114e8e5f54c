/* index.json of an additional image store; see outside.h. */
#include <string.h>

#include "base/file.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/image/outside.h"

#define INDEX_MAX_BYTES ((size_t)8 << 20)
#define INDEX_IMAGES_MAX 65536
#define INDEX_VERSION_KEY "coracle-image-store"
#define INDEX_WHAT "index.json"

static void entry_done(struct outside_entry *x)
{
    mem_freep(&x->id);
    mem_freep(&x->path);
    strv_done(&x->names);
}

void outside_index_done(struct outside_index *x)
{
    for (size_t i = 0; i < x->count; i++)
        entry_done(&x->entries[i]);
    mem_freep(&x->entries);
    x->count = x->cap = 0;
}

static struct err *new_entry(struct outside_index *x, struct outside_entry **ret)
{
    TRY(mem_grow(&x->entries, x->count, &x->cap, sizeof(*x->entries), INDEX_IMAGES_MAX));
    *ret = &x->entries[x->count++];
    **ret = (struct outside_entry){0};
    return NULL;
}

/* Below the store, whatever it says. */
static bool is_inside(const char *path)
{
    AUTO_STRV struct strv parts = STRV_INIT;
    struct err *e = strv_split(path, '/', &parts);
    bool good = !e && *path;
    err_drop(e);
    for (size_t i = 0; i < parts.count; i++)
        good = good && *parts.items[i] && strcmp(parts.items[i], ".") != 0 && strcmp(parts.items[i], "..") != 0;
    return good;
}

static struct err *parse_entry(const json_t *obj, struct outside_index *x)
{
    const char *id = NULL, *path = NULL;
    struct outside_entry *entry;
    if (!json_is_object(obj))
        return ERR_NEW(ERR_CORRUPT, INDEX_WHAT ": an image is no object");
    TRY(json_get_str(obj, "id", INDEX_WHAT, &id));
    TRY(json_get_str(obj, "path", INDEX_WHAT, &path));
    if (!id || strlen(id) != IDENT_LEN || !ident_is_prefix(id) || !path || !is_inside(path))
        return ERR_NEW(ERR_CORRUPT, INDEX_WHAT ": an image without a proper id and path");
    TRY(new_entry(x, &entry));
    TRY(mem_strdup(id, &entry->id));
    TRY(mem_strdup(path, &entry->path));
    return json_get_strv(obj, "names", INDEX_WHAT, &entry->names);
}

struct err *outside_index_parse(const char *text, size_t len, struct outside_index *ret)
{
    AUTO_JSON json_t *root = NULL;
    AUTO_OUTSIDE_INDEX struct outside_index x = {0};
    json_t *images = NULL;
    int64_t version = 0;
    TRY(json_parse(text, len, INDEX_WHAT, &root));
    if (!json_is_object(root) || !json_object_get(root, INDEX_VERSION_KEY))
        return ERR_NEW(ERR_NOT_FOUND, INDEX_WHAT " is not that of an image store");
    TRY(json_get_int(root, INDEX_VERSION_KEY, INDEX_WHAT, &version));
    if (version != 1)
        return ERR_NEW(ERR_UNSUPPORTED, "the image store was made by a later version");
    TRY(json_get_arr(root, "images", INDEX_WHAT, &images));
    for (size_t i = 0; i < json_array_size(images); i++)
        TRY(parse_entry(json_array_get(images, i), &x));
    *ret = x;
    x = (struct outside_index){0};
    return NULL;
}

struct err *outside_index_read(int dirfd, struct outside_index *ret)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    TRY(file_read(dirfd, OUTSIDE_INDEX, INDEX_MAX_BYTES, &text, &len));
    return outside_index_parse(text, len, ret);
}

struct outside_entry *outside_index_by_name(const struct outside_index *x, const struct strv *candidates)
{
    for (size_t k = 0; k < candidates->count; k++)
        for (size_t i = 0; i < x->count; i++)
            if (strv_contains(&x->entries[i].names, candidates->items[k]))
                return &x->entries[i];
    return NULL;
}

struct outside_entry *outside_index_by_id(const struct outside_index *x, const char *prefix)
{
    struct outside_entry *found = NULL;
    for (size_t i = 0; i < x->count; i++) {
        if (strncmp(x->entries[i].id, prefix, strlen(prefix)) != 0)
            continue;
        if (found)
            return NULL;
        found = &x->entries[i];
    }
    return found;
}

struct err *outside_index_put(struct outside_index *x, const char *id, const char *path, const struct strv *names)
{
    struct outside_entry *entry = NULL;
    for (size_t i = 0; i < x->count; i++) {
        struct outside_entry *other = &x->entries[i];
        if (strcmp(other->id, id) == 0)
            entry = other;
        for (size_t k = 0; k < names->count; k++) {
            long at = strv_find(&other->names, names->items[k]);
            if (at >= 0)
                strv_remove(&other->names, (size_t)at);
        }
    }
    if (!entry)
        TRY(new_entry(x, &entry));
    TRY(mem_replace(&entry->id, id));
    TRY(mem_replace(&entry->path, path));
    return strv_add_all(&entry->names, names->items);
}

struct err *outside_index_write(int dirfd, const struct outside_index *x)
{
    AUTO_JSON json_t *root = json_object();
    AUTO_FREE char *text = NULL;
    json_t *images, *one;
    TRY(json_put_int(root, INDEX_VERSION_KEY, 1));
    TRY(json_put_arr(root, "images", &images));
    for (size_t i = 0; i < x->count; i++) {
        TRY(json_push_obj(images, &one));
        TRY(json_put_str(one, "id", x->entries[i].id));
        TRY(json_put_strv(one, "names", &x->entries[i].names));
        TRY(json_put_str(one, "path", x->entries[i].path));
    }
    TRY(json_text_indented(root, 4, &text));
    return file_write_atomic(dirfd, OUTSIDE_INDEX, text, strlen(text), 0644, FILE_SYNC);
}
