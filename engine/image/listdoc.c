#include "engine/image/listdoc.h"

#include <string.h>

#include "base/mem.h"

struct err *listdoc_new(json_t **ret)
{
    AUTO_JSON json_t *doc = json_object();
    json_t *entries;
    TRY(json_put_arr(doc, "entries", &entries));
    *ret = TAKE_PTR(doc);
    return NULL;
}

struct err *listdoc_parse(const char *text, json_t **ret)
{
    AUTO_JSON json_t *doc = NULL;
    json_t *entries = NULL;
    TRY(json_parse(text, strlen(text), "manifest list", &doc));
    TRY(json_get_arr(doc, "entries", "manifest list", &entries));
    if (!entries)
        return ERR_NEW(ERR_CORRUPT, "manifest list: it has no entries");
    *ret = TAKE_PTR(doc);
    return NULL;
}

json_t *listdoc_entries(const json_t *doc)
{
    return json_object_get(doc, "entries");
}

static const char *text_of(const json_t *obj, const char *key)
{
    const char *s = json_string_value(json_object_get(obj, key));
    return s ? s : "";
}

struct err *listdoc_entry(const char *media_type, const char *digest, uint64_t size_bytes, const char *source,
                          json_t **ret)
{
    AUTO_JSON json_t *entry = json_object();
    TRY(json_put_str(entry, "mediaType", media_type));
    TRY(json_put_str(entry, "digest", digest));
    TRY(json_put_int(entry, "size", (int64_t)size_bytes));
    if (source)
        TRY(json_put_str(entry, "source", source));
    *ret = TAKE_PTR(entry);
    return NULL;
}

/* The member `key`, made if missing. */
static struct err *child(json_t *obj, const char *key, json_t **ret)
{
    *ret = json_object_get(obj, key);
    return *ret ? NULL : json_put_obj(obj, key, ret);
}

static struct err *put_word(json_t *platform, const char *key, const char *value)
{
    return value && value[0] ? json_put_str(platform, key, value) : NULL;
}

struct err *listdoc_set_platform(json_t *entry, const char *os, const char *arch, const char *variant)
{
    json_t *platform;
    TRY(child(entry, "platform", &platform));
    TRY(put_word(platform, "architecture", arch));
    TRY(put_word(platform, "os", os));
    return put_word(platform, "variant", variant);
}

struct err *listdoc_annotate(json_t *obj, const struct strv *annotations)
{
    json_t *all;
    if (!annotations->count)
        return NULL;
    TRY(child(obj, "annotations", &all));
    for (size_t i = 0; i < annotations->count; i++) {
        const char *text = annotations->items[i], *equals = strchr(text, '=');
        AUTO_FREE char *key = NULL;
        if (!equals)
            return ERR_NEW(ERR_INVALID, "no value given for annotation \"%s\"", text);
        TRY(mem_strndup(text, (size_t)(equals - text), &key));
        TRY(json_put_str(all, key, equals + 1));
    }
    return NULL;
}

struct err *listdoc_describe(json_t *entry, const struct listdoc_words *w)
{
    json_t *platform;
    bool any = (w->arch && w->arch[0]) || (w->os && w->os[0]) || (w->variant && w->variant[0]) ||
               (w->os_version && w->os_version[0]) || w->features.count || w->os_features.count;
    if (any) {
        TRY(listdoc_set_platform(entry, w->os, w->arch, w->variant));
        TRY(child(entry, "platform", &platform));
        TRY(put_word(platform, "os.version", w->os_version));
        if (w->os_features.count)
            TRY(json_put_strv(platform, "os.features", &w->os_features));
        if (w->features.count)
            TRY(json_put_strv(platform, "features", &w->features));
    }
    return listdoc_annotate(entry, &w->annotations);
}

static long index_of(const json_t *doc, const char *digest)
{
    const json_t *entries = listdoc_entries(doc);
    for (size_t i = 0; i < json_array_size(entries); i++)
        if (strcmp(text_of(json_array_get(entries, i), "digest"), digest) == 0)
            return (long)i;
    return -1;
}

json_t *listdoc_find(const json_t *doc, const char *digest)
{
    long i = index_of(doc, digest);
    return i < 0 ? NULL : json_array_get(listdoc_entries(doc), (size_t)i);
}

bool listdoc_remove(json_t *doc, const char *digest)
{
    long i = index_of(doc, digest);
    return i >= 0 && json_array_remove(listdoc_entries(doc), (size_t)i) == 0;
}

struct err *listdoc_put(json_t *doc, json_t *take_entry)
{
    AUTO_JSON json_t *entry = take_entry;
    long i = index_of(doc, text_of(entry, "digest"));
    if (i >= 0)
        return json_array_set(listdoc_entries(doc), (size_t)i, entry) ? err_oom() : NULL;
    if (json_array_size(listdoc_entries(doc)) >= MANIFEST_INDEX_MAX)
        return ERR_NEW(ERR_NO_SPACE, "a manifest list holds %d images at most", MANIFEST_INDEX_MAX);
    return json_push(listdoc_entries(doc), TAKE_PTR(entry));
}

bool listdoc_is_docker(const json_t *doc)
{
    const json_t *entries = listdoc_entries(doc);
    bool docker = !json_object_get(doc, "annotations") && !json_object_get(doc, "subject");
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i);
        docker &= strcmp(text_of(entry, "mediaType"), MEDIA_DOCKER_MANIFEST) == 0;
        docker &= !json_object_get(entry, "annotations");
    }
    return docker;
}

/* --- forms */

static struct err *copy(json_t *to, const json_t *from, const char *key)
{
    json_t *value = json_object_get(from, key);
    return value ? json_put(to, key, json_incref(value)) : NULL;
}

static struct err *copy_all(json_t *to, const json_t *from, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        TRY(copy(to, from, keys[i]));
    return NULL;
}

/* In the order of the family's own programs. */
static struct err *put_platform(json_t *out, const json_t *entry, bool docker)
{
    static const char *const keys[] = {"architecture", "os", "os.version", "os.features", "variant", "features"};
    const json_t *platform = json_object_get(entry, "platform");
    json_t *obj;
    if (!platform && !docker)
        return NULL;
    TRY(json_put_obj(out, "platform", &obj));
    return copy_all(obj, platform, keys, docker ? 6 : 5);
}

static struct err *put_entry(json_t *list, const json_t *entry, bool docker)
{
    static const char *const docker_keys[] = {"mediaType", "size", "digest"};
    static const char *const oci_keys[] = {"mediaType", "digest", "size", "annotations"};
    json_t *out;
    TRY(json_push_obj(list, &out));
    TRY(docker ? copy_all(out, entry, docker_keys, ARRAY_LEN(docker_keys))
               : copy_all(out, entry, oci_keys, ARRAY_LEN(oci_keys)));
    TRY(put_platform(out, entry, docker));
    return docker ? NULL : copy(out, entry, "artifactType");
}

struct err *listdoc_build(const json_t *doc, bool docker, char **ret)
{
    AUTO_JSON json_t *root = json_object();
    json_t *list;
    TRY(json_put_int(root, "schemaVersion", 2));
    TRY(json_put_str(root, "mediaType", docker ? MEDIA_DOCKER_LIST : MEDIA_OCI_INDEX));
    TRY(json_put_arr(root, "manifests", &list));
    for (size_t i = 0; i < json_array_size(listdoc_entries(doc)); i++)
        TRY(put_entry(list, json_array_get(listdoc_entries(doc), i), docker));
    if (!docker) {
        TRY(copy(root, doc, "subject"));
        TRY(copy(root, doc, "annotations"));
    }
    return json_text(root, ret);
}

/* Podman shows Docker's form, with OCI's members added where there are some. */
struct err *listdoc_inspect(const json_t *doc, char **ret)
{
    static const char *const keys[] = {"annotations", "artifactType"};
    AUTO_JSON json_t *root = json_object();
    json_t *list;
    TRY(json_put_int(root, "schemaVersion", 2));
    TRY(json_put_str(root, "mediaType", MEDIA_DOCKER_LIST));
    TRY(json_put_arr(root, "manifests", &list));
    for (size_t i = 0; i < json_array_size(listdoc_entries(doc)); i++) {
        const json_t *entry = json_array_get(listdoc_entries(doc), i);
        TRY(put_entry(list, entry, true));
        TRY(copy_all(json_array_get(list, i), entry, keys, ARRAY_LEN(keys)));
    }
    TRY(copy(root, doc, "subject"));
    TRY(copy(root, doc, "annotations"));
    return json_text_indented(root, 4, ret);
}

/* --- from lists of others */

static struct err *import_entry(json_t *doc, const json_t *from, const struct manifest_descriptor *d,
                                const char *source)
{
    static const char *const keys[] = {"architecture", "os", "os.version", "os.features", "variant", "features"};
    AUTO_JSON json_t *entry = NULL;
    json_t *platform = NULL, *annotations = NULL, *out;
    const char *type = NULL;
    TRY(listdoc_entry(d->media_type, d->digest, d->size_bytes, source, &entry));
    TRY(json_get_obj(from, "platform", "index", &platform));
    TRY(json_get_obj(from, "annotations", "index", &annotations));
    TRY(json_get_str(from, "artifactType", "index", &type));
    if (platform) {
        TRY(json_put_obj(entry, "platform", &out));
        TRY(copy_all(out, platform, keys, ARRAY_LEN(keys)));
    }
    if (annotations && json_object_size(annotations))
        TRY(json_put(entry, "annotations", json_incref(annotations)));
    if (type)
        TRY(json_put_str(entry, "artifactType", type));
    return listdoc_put(doc, TAKE_PTR(entry));
}

struct err *listdoc_import(const char *text, size_t len, const char *media_type, const char *source, json_t **ret)
{
    AUTO_MANIFEST struct manifest m = {0};
    AUTO_JSON json_t *doc = NULL, *root = NULL;
    json_t *annotations = NULL;
    TRY(manifest_parse(text, len, media_type, &m)); /* every descriptor is valid behind this */
    if (m.kind != MANIFEST_INDEX)
        return ERR_NEW(ERR_INVALID, "this is the manifest of an image, no list");
    TRY(json_parse(text, len, "index", &root));
    TRY(listdoc_new(&doc));
    TRY(json_get_obj(root, "annotations", "index", &annotations));
    if (annotations && json_object_size(annotations))
        TRY(json_put(doc, "annotations", json_incref(annotations)));
    for (size_t i = 0; i < m.count; i++)
        TRY(import_entry(doc, json_array_get(json_object_get(root, "manifests"), i), &m.entries[i], source));
    *ret = TAKE_PTR(doc);
    return NULL;
}
