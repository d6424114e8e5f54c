#include "engine/image/attached.h"

#include <string.h>

#include "base/mem.h"
#include "engine/image/manifest.h"
#include "engine/store/digest.h"
#include "engine/trust/trust.h"

#define ALGORITHM "sha256"

void attached_done(struct attached *a)
{
    mem_freep(&a->layers);
    json_unrefp(&a->root);
}

struct err *attached_tag(const char *digest, char **ret)
{
    TRY(digest_check(digest));
    return mem_asprintf(ret, ALGORITHM "-%s.sig", digest_hex(digest));
}

bool attached_is_tag(const char *tag)
{
    size_t prefix = strlen(ALGORITHM "-");
    if (strncmp(tag, ALGORITHM "-", prefix) != 0 || strspn(tag + prefix, "0123456789abcdef") != DIGEST_HEX_LEN)
        return false;
    const char *rest = tag + prefix + DIGEST_HEX_LEN;
    return strcmp(rest, ".sig") == 0 || strcmp(rest, ".att") == 0 || strcmp(rest, ".sbom") == 0;
}

static struct err *bad(const char *why)
{
    return ERR_NEW(ERR_INVALID, "manifest of attached signatures: %s", why);
}

static struct err *take_digest(const json_t *descriptor, const char **ret_digest, uint64_t *ret_size)
{
    const char *digest = json_string_value(json_object_get(descriptor, "digest"));
    const json_t *size = json_object_get(descriptor, "size");
    if (!digest || !json_is_integer(size) || json_integer_value(size) < 0)
        return bad("a descriptor without digest or size");
    TRY_WRAP(digest_check(digest), "manifest of attached signatures");
    *ret_digest = digest;
    *ret_size = (uint64_t)json_integer_value(size);
    return NULL;
}

static struct err *take_layer(const json_t *obj, struct attached_layer *ret)
{
    const char *key;
    json_t *value;
    ret->annotations = json_object_get(obj, "annotations");
    ret->media_type = json_string_value(json_object_get(obj, "mediaType"));
    if (!ret->media_type)
        return bad("a layer without a media type");
    if (ret->annotations && !json_is_object(ret->annotations))
        return bad("annotations that are no object");
    json_object_foreach (ret->annotations, key, value)
        if (!json_is_string(value))
            return bad("an annotation that is not a string");
    return take_digest(obj, &ret->digest, &ret->size_bytes);
}

static struct err *parse(struct attached *a)
{
    json_t *layers = json_object_get(a->root, "layers"), *one;
    const char *type = json_string_value(json_object_get(a->root, "mediaType"));
    size_t i;
    if (json_integer_value(json_object_get(a->root, "schemaVersion")) != 2 || json_object_get(a->root, "manifests"))
        return bad("it is not an image manifest");
    if (type && strcmp(type, MEDIA_OCI_MANIFEST) != 0)
        return bad("it is not an OCI image manifest");
    if (!json_is_array(layers) || json_array_size(layers) > TRUST_SIGNATURES_MAX)
        return bad("no layers, or more than 128");
    TRY(take_digest(json_object_get(a->root, "config"), &a->config_digest, &a->config_bytes));
    a->layers = mem_zalloc((json_array_size(layers) + 1) * sizeof *a->layers);
    if (!a->layers)
        return err_oom();
    json_array_foreach (layers, i, one)
        TRY(take_layer(one, &a->layers[a->count++]));
    return NULL;
}

struct err *attached_parse(const char *text, size_t len, struct attached *ret)
{
    AUTO_ATTACHED struct attached a = {0};
    TRY(json_parse(text, len, "manifest of attached signatures", &a.root));
    TRY(parse(&a));
    *ret = a;
    a = (struct attached){0};
    return NULL;
}

/* --- building */

static struct err *descriptor(json_t *obj, const char *media_type, const char *content)
{
    size_t len = strlen(content);
    TRY(json_put_str(obj, "mediaType", media_type));
    TRY(json_put_str(obj, "digest", digest_of(content, len).s));
    return json_put_int(obj, "size", (int64_t)len);
}

/* An image config with nothing but the list of layers, as containers/image writes it. */
static struct err *build_config(const char *before, const char *payload, char **ret)
{
    AUTO_JSON json_t *root = NULL;
    if (before)
        TRY(json_parse(before, strlen(before), "config of attached signatures", &root));
    else
        root = json_object();
    json_t *rootfs = json_object_get(root, "rootfs"), *ids = json_object_get(rootfs, "diff_ids");
    if (!before) {
        TRY(json_put_str(root, "architecture", ""));
        TRY(json_put_str(root, "os", ""));
        TRY(json_put_obj(root, "config", &ids));
    }
    if (!json_is_object(rootfs)) {
        TRY(json_put_obj(root, "rootfs", &rootfs));
        TRY(json_put_str(rootfs, "type", "layers"));
    }
    ids = json_object_get(rootfs, "diff_ids");
    if (!json_is_array(ids))
        TRY(json_put_arr(rootfs, "diff_ids", &ids));
    TRY(json_push_str(ids, digest_of(payload, strlen(payload)).s));
    return json_text(root, ret);
}

struct err *attached_build(const struct attached *before, const char *before_config, const char *payload,
                           const char *signature, char **ret_manifest, char **ret_config)
{
    AUTO_JSON json_t *root = before ? json_deep_copy(before->root) : json_object();
    AUTO_FREE char *config = NULL, *manifest = NULL;
    json_t *layers = json_object_get(root, "layers"), *layer, *annotations, *config_descriptor;
    TRY(build_config(before ? before_config : NULL, payload, &config));
    if (!before) {
        TRY(json_put_int(root, "schemaVersion", 2));
        TRY(json_put_str(root, "mediaType", MEDIA_OCI_MANIFEST));
        TRY(json_put_arr(root, "layers", &layers));
    }
    TRY(json_put_obj(root, "config", &config_descriptor));
    TRY(descriptor(config_descriptor, MEDIA_OCI_CONFIG, config));
    if (json_array_size(layers) >= TRUST_SIGNATURES_MAX)
        return ERR_NEW(ERR_NO_SPACE, "the image has %zu attached signatures already", json_array_size(layers));
    TRY(json_push_obj(layers, &layer));
    TRY(descriptor(layer, TRUST_COSIGN_TYPE, payload));
    TRY(json_put_obj(layer, "annotations", &annotations));
    TRY(json_put_str(annotations, TRUST_COSIGN_ANNOTATION, signature));
    TRY(json_text(root, &manifest));
    *ret_manifest = TAKE_PTR(manifest);
    *ret_config = TAKE_PTR(config);
    return NULL;
}
