#include "engine/image/manifest.h"

#include <string.h>

#include "base/mem.h"
#include "engine/store/digest.h"

#define URLS_MAX 16
#define MEDIA_OCI_FOREIGN "application/vnd.oci.image.layer.nondistributable.v1.tar"
#define MEDIA_DOCKER_FOREIGN "application/vnd.docker.image.rootfs.foreign.diff.tar"

static void descriptor_done(struct manifest_descriptor *d)
{
    mem_freep(&d->media_type);
    mem_freep(&d->digest);
    mem_freep(&d->os);
    mem_freep(&d->arch);
    mem_freep(&d->variant);
    mem_freep(&d->ref_name);
    mem_freep(&d->full_name);
    strv_done(&d->urls);
}

void manifest_done(struct manifest *m)
{
    mem_freep(&m->media_type);
    descriptor_done(&m->config);
    for (size_t i = 0; i < m->count; i++)
        descriptor_done(&m->entries[i]);
    mem_freep(&m->entries);
    m->count = 0;
    json_unrefp(&m->annotations);
}

/* A string member, copied; NULL when absent. */
static struct err *copy_str(const json_t *obj, const char *key, const char *what, char **ret)
{
    const char *s = NULL;
    TRY(json_get_str(obj, key, what, &s));
    return mem_replace(ret, s);
}

static struct err *parse_platform(const json_t *obj, const char *what, struct manifest_descriptor *d)
{
    json_t *platform = NULL;
    TRY(json_get_obj(obj, "platform", what, &platform));
    if (!platform)
        return NULL;
    TRY(copy_str(platform, "os", what, &d->os));
    TRY(copy_str(platform, "architecture", what, &d->arch));
    return copy_str(platform, "variant", what, &d->variant);
}

static struct err *parse_annotations(const json_t *obj, const char *what, struct manifest_descriptor *d)
{
    json_t *annotations = NULL;
    const char *kind = NULL;
    TRY(json_get_obj(obj, "annotations", what, &annotations));
    if (!annotations)
        return NULL;
    TRY(copy_str(annotations, "org.opencontainers.image.ref.name", what, &d->ref_name));
    TRY(copy_str(annotations, "io.containerd.image.name", what, &d->full_name));
    TRY(json_get_str(annotations, "vnd.docker.reference.type", what, &kind));
    d->attestation = kind && strcmp(kind, "attestation-manifest") == 0;
    return NULL;
}

/* Other kinds of urls are no places that we could ask. */
static struct err *parse_urls(const json_t *obj, const char *what, struct manifest_descriptor *d)
{
    AUTO_STRV struct strv all = STRV_INIT;
    TRY(json_get_strv(obj, "urls", what, &all));
    for (size_t i = 0; i < all.count && d->urls.count < URLS_MAX; i++)
        if (strncmp(all.items[i], "https://", 8) == 0 || strncmp(all.items[i], "http://", 7) == 0)
            TRY(strv_add(&d->urls, all.items[i]));
    return NULL;
}

static struct err *fill_descriptor(const json_t *obj, const char *what, struct manifest_descriptor *d)
{
    int64_t size = -1;
    TRY(copy_str(obj, "mediaType", what, &d->media_type));
    TRY(copy_str(obj, "digest", what, &d->digest));
    TRY(json_get_int(obj, "size", what, &size));
    if (!d->media_type || !d->digest || size < 0)
        return ERR_NEW(ERR_INVALID, "%s: mediaType, digest and size are required", what);
    TRY_WRAP(digest_check(d->digest), "%s", what);
    if ((uint64_t)size > MANIFEST_BLOB_MAX_BYTES)
        return ERR_NEW(ERR_INVALID, "%s: a size of %lld bytes is beyond the limit", what, (long long)size);
    d->size_bytes = (uint64_t)size;
    TRY(parse_platform(obj, what, d));
    TRY(parse_urls(obj, what, d));
    return parse_annotations(obj, what, d);
}

static struct err *parse_descriptor(const json_t *obj, const char *what, struct manifest_descriptor *ret)
{
    if (!json_is_object(obj))
        return ERR_NEW(ERR_INVALID, "%s: not an object", what);
    struct manifest_descriptor d = {0};
    struct err *e = fill_descriptor(obj, what, &d);
    if (e) {
        descriptor_done(&d);
        return e;
    }
    *ret = d;
    return NULL;
}

static struct err *parse_entries(const json_t *array, const char *what, size_t max, struct manifest *m)
{
    size_t n = json_array_size(array);
    if (n > max)
        return ERR_NEW(ERR_INVALID, "%s: %zu entries; the limit is %zu", what, n, max);
    m->entries = mem_zalloc((n + 1) * sizeof *m->entries);
    if (!m->entries)
        return err_oom();
    for (; m->count < n; m->count++)
        TRY(parse_descriptor(json_array_get(array, m->count), what, &m->entries[m->count]));
    return NULL;
}

struct err *manifest_layer_packing(const char *media_type, enum manifest_packing *ret)
{
    static const struct {
        const char *type;
        enum manifest_packing packing;
    } known[] = {
        {MEDIA_OCI_LAYER, PACKING_PLAIN},
        {MEDIA_OCI_LAYER "+gzip", PACKING_GZIP},
        {MEDIA_OCI_LAYER "+zstd", PACKING_ZSTD},
        {MEDIA_DOCKER_LAYER, PACKING_PLAIN},
        {MEDIA_DOCKER_LAYER ".gzip", PACKING_GZIP},
        {MEDIA_DOCKER_LAYER ".zstd", PACKING_ZSTD},
        {MEDIA_OCI_FOREIGN, PACKING_PLAIN},
        {MEDIA_OCI_FOREIGN "+gzip", PACKING_GZIP},
        {MEDIA_OCI_FOREIGN "+zstd", PACKING_ZSTD},
        {MEDIA_DOCKER_FOREIGN, PACKING_PLAIN},
        {MEDIA_DOCKER_FOREIGN ".gzip", PACKING_GZIP},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcmp(known[i].type, media_type) == 0) {
            *ret = known[i].packing;
            return NULL;
        }
    }
    if (strstr(media_type, "encrypted"))
        return ERR_NEW(ERR_UNSUPPORTED, "encrypted layers (%.120s) are not supported", media_type);
    return ERR_NEW(ERR_UNSUPPORTED, "unknown media type of a layer: %.120s", media_type);
}

bool manifest_is_foreign(const struct manifest_descriptor *layer)
{
    const char *const prefixes[] = {MEDIA_OCI_FOREIGN, MEDIA_DOCKER_FOREIGN};
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (strncmp(layer->media_type, prefixes[i], strlen(prefixes[i])) == 0)
            return layer->urls.count > 0;
    return false;
}

struct err *manifest_layer_type(bool is_docker, enum manifest_packing packing, const char **ret)
{
    if (is_docker && packing == PACKING_ZSTD)
        return ERR_NEW(ERR_UNSUPPORTED, "Docker's manifest format has no zstd layers");
    static const char *const types[2][3] = {
        {MEDIA_OCI_LAYER, MEDIA_OCI_LAYER "+gzip", MEDIA_OCI_LAYER "+zstd"},
        {MEDIA_DOCKER_LAYER, MEDIA_DOCKER_LAYER ".gzip", NULL},
    };
    *ret = types[is_docker][packing];
    return NULL;
}

static struct err *parse_image(const json_t *root, const json_t *config, const json_t *layers, struct manifest *m)
{
    m->kind = MANIFEST_IMAGE;
    if (!config)
        return ERR_NEW(ERR_INVALID, "manifest: it has no config");
    TRY(parse_descriptor(config, "manifest: config", &m->config));
    const char *type = m->config.media_type;
    if (strcmp(type, MEDIA_OCI_CONFIG) != 0 && strcmp(type, MEDIA_DOCKER_CONFIG) != 0)
        return ERR_NEW(ERR_UNSUPPORTED, "this is not a container image but an artifact: its config is %.120s", type);
    m->is_docker = strcmp(type, MEDIA_DOCKER_CONFIG) == 0;
    TRY(parse_entries(layers, "manifest: layer", MANIFEST_LAYERS_MAX, m));
    for (size_t i = 0; i < m->count; i++) {
        enum manifest_packing packing;
        TRY_WRAP(manifest_layer_packing(m->entries[i].media_type, &packing), "layer %zu", i + 1);
    }
    json_t *annotations = NULL;
    TRY(json_get_obj(root, "annotations", "manifest", &annotations));
    m->annotations = json_incref(annotations);
    return NULL;
}

/* The media type says whether this is Docker's or OCI's; it must agree with the form, wherever it is said. */
static struct err *check_type(const char *where, const char *type, struct manifest *m)
{
    static const struct {
        const char *type;
        enum manifest_kind kind;
        bool is_docker;
    } known[] = {
        {MEDIA_OCI_MANIFEST, MANIFEST_IMAGE, false},
        {MEDIA_OCI_INDEX, MANIFEST_INDEX, false},
        {MEDIA_DOCKER_MANIFEST, MANIFEST_IMAGE, true},
        {MEDIA_DOCKER_LIST, MANIFEST_INDEX, true},
    };
    if (!type)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcmp(known[i].type, type) == 0) {
            if (known[i].kind != m->kind)
                return ERR_NEW(ERR_INVALID, "manifest: %s says %s, but its content is something else", where, type);
            if (m->media_type && strcmp(m->media_type, type) != 0)
                return ERR_NEW(ERR_INVALID, "manifest: it is said to be %s, but says itself that it is %s", type,
                               m->media_type);
            m->is_docker = known[i].is_docker;
            return mem_replace(&m->media_type, type);
        }
    }
    return ERR_NEW(ERR_UNSUPPORTED, "unknown media type of a manifest: %.120s", type);
}

static struct err *parse_root(const json_t *root, const char *media_type, struct manifest *m)
{
    json_t *config = NULL, *layers = NULL, *manifests = NULL;
    const char *own_type = NULL;
    int64_t schema = -1;
    if (!json_is_object(root))
        return ERR_NEW(ERR_INVALID, "manifest: not an object");
    TRY(json_get_int(root, "schemaVersion", "manifest", &schema));
    if (schema == 1 || json_object_get(root, "fsLayers") || json_object_get(root, "signatures"))
        return ERR_NEW(ERR_UNSUPPORTED, "manifest: Docker's schema 1 is not supported; save or push the image anew");
    if (schema != 2)
        return ERR_NEW(ERR_INVALID, "manifest: schemaVersion is not 2");
    TRY(json_get_str(root, "mediaType", "manifest", &own_type));
    TRY(json_get_obj(root, "config", "manifest", &config));
    TRY(json_get_arr(root, "layers", "manifest", &layers));
    TRY(json_get_arr(root, "manifests", "manifest", &manifests));
    if (manifests && (layers || config))
        return ERR_NEW(ERR_INVALID, "manifest: it could be read as an image and as an index");
    if (layers) {
        TRY(parse_image(root, config, layers, m));
    } else if (manifests) {
        m->kind = MANIFEST_INDEX;
        TRY(parse_entries(manifests, "index: manifest", MANIFEST_INDEX_MAX, m));
    } else {
        return ERR_NEW(ERR_INVALID, "manifest: it has neither layers nor manifests");
    }
    TRY(check_type("mediaType", own_type, m));
    TRY(check_type("the reference to it", media_type, m));
    if (m->media_type)
        return NULL;
    const char *guess = m->kind == MANIFEST_INDEX ? MEDIA_OCI_INDEX
                        : m->is_docker            ? MEDIA_DOCKER_MANIFEST
                                                  : MEDIA_OCI_MANIFEST;
    return mem_strdup(guess, &m->media_type);
}

struct err *manifest_parse(const char *text, size_t len, const char *media_type, struct manifest *ret)
{
    AUTO_JSON json_t *root = NULL;
    AUTO_MANIFEST struct manifest m = {0};
    if (len > MANIFEST_MAX_BYTES)
        return ERR_NEW(ERR_INVALID, "manifest: %zu bytes; the limit is %zu", len, MANIFEST_MAX_BYTES);
    TRY(json_parse(text, len, "manifest", &root));
    TRY(parse_root(root, media_type, &m));
    *ret = m;
    m = (struct manifest){0};
    return NULL;
}

static struct err *parse_artifact(const json_t *root, struct manifest *m)
{
    json_t *config = NULL, *layers = NULL;
    const char *type = MEDIA_OCI_MANIFEST;
    int64_t schema = -1;
    if (!json_is_object(root))
        return ERR_NEW(ERR_INVALID, "manifest: not an object");
    TRY(json_get_int(root, "schemaVersion", "manifest", &schema));
    TRY(json_get_str(root, "mediaType", "manifest", &type));
    TRY(json_get_obj(root, "config", "manifest", &config));
    TRY(json_get_arr(root, "layers", "manifest", &layers));
    if (schema != 2 || strcmp(type, MEDIA_OCI_MANIFEST) != 0 || !config || !layers ||
        json_object_get(root, "manifests"))
        return ERR_NEW(ERR_INVALID, "this is not an artifact: it has no OCI manifest with config and layers");
    m->kind = MANIFEST_IMAGE;
    TRY(mem_strdup(type, &m->media_type));
    TRY(parse_descriptor(config, "manifest: config", &m->config));
    TRY(parse_entries(layers, "manifest: layer", MANIFEST_LAYERS_MAX, m));
    json_t *annotations = NULL;
    TRY(json_get_obj(root, "annotations", "manifest", &annotations));
    m->annotations = json_incref(annotations);
    return NULL;
}

struct err *manifest_parse_artifact(const char *text, size_t len, struct manifest *ret)
{
    AUTO_JSON json_t *root = NULL;
    AUTO_MANIFEST struct manifest m = {0};
    if (len > MANIFEST_MAX_BYTES)
        return ERR_NEW(ERR_INVALID, "manifest: %zu bytes; the limit is %zu", len, MANIFEST_MAX_BYTES);
    TRY(json_parse(text, len, "manifest", &root));
    TRY(parse_artifact(root, &m));
    *ret = m;
    m = (struct manifest){0};
    return NULL;
}

/* In the order of the family's own programs, so that the same image gets the same digest from them and from us. */
static struct err *put_descriptor(json_t *obj, bool is_docker, const char *media_type,
                                  const struct manifest_descriptor *d)
{
    TRY(json_put_str(obj, "mediaType", media_type));
    if (is_docker)
        TRY(json_put_int(obj, "size", (int64_t)d->size_bytes));
    TRY(json_put_str(obj, "digest", d->digest));
    return is_docker ? NULL : json_put_int(obj, "size", (int64_t)d->size_bytes);
}

struct err *manifest_build(bool is_docker, const struct manifest_descriptor *config,
                           const struct manifest_descriptor *layers, size_t count, json_t *annotations, char **ret_text)
{
    AUTO_JSON json_t *root = json_object();
    json_t *config_obj, *layers_arr;
    TRY(json_put_int(root, "schemaVersion", 2));
    TRY(json_put_str(root, "mediaType", is_docker ? MEDIA_DOCKER_MANIFEST : MEDIA_OCI_MANIFEST));
    TRY(json_put_obj(root, "config", &config_obj));
    TRY(put_descriptor(config_obj, is_docker, is_docker ? MEDIA_DOCKER_CONFIG : MEDIA_OCI_CONFIG, config));
    TRY(json_put_arr(root, "layers", &layers_arr));
    for (size_t i = 0; i < count; i++) {
        enum manifest_packing packing;
        const char *type;
        json_t *layer;
        TRY(manifest_layer_packing(layers[i].media_type, &packing));
        TRY(manifest_layer_type(is_docker, packing, &type));
        TRY(json_push_obj(layers_arr, &layer));
        TRY(put_descriptor(layer, is_docker, type, &layers[i]));
    }
    if (annotations && json_object_size(annotations) > 0 && !is_docker)
        TRY(json_put(root, "annotations", json_incref(annotations)));
    return json_text(root, ret_text);
}
