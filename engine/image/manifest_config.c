/* Image configs and docker-archive's manifest.json.
 * https://github.com/opencontainers/image-spec/blob/main/config.md */
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "engine/image/manifest.h"
#include "engine/store/digest.h"

void manifest_config_done(struct manifest_config *c)
{
    mem_freep(&c->os);
    mem_freep(&c->arch);
    mem_freep(&c->variant);
    strv_done(&c->diff_ids);
    json_unrefp(&c->labels);
    json_unrefp(&c->root);
}

static struct err *get_str_copy(const json_t *obj, const char *key, const char *otherwise, char **ret)
{
    const char *s = otherwise;
    TRY(json_get_str(obj, key, "config", &s));
    return mem_replace(ret, s);
}

/* Labels are a map of strings; whatever else is in it would surprise its readers later. */
static struct err *parse_labels(const json_t *settings, struct manifest_config *c)
{
    json_t *labels = NULL;
    TRY(json_get_obj(settings, "Labels", "config", &labels));
    const char *key;
    json_t *value;
    json_object_foreach (labels, key, value)
        if (!json_is_string(value))
            return ERR_NEW(ERR_INVALID, "config: label %.100s is not a string", key);
    c->labels = json_incref(labels);
    return NULL;
}

static struct err *parse_rootfs(const json_t *root, struct manifest_config *c)
{
    json_t *rootfs = NULL;
    const char *type = NULL;
    TRY(json_get_obj(root, "rootfs", "config", &rootfs));
    if (!rootfs)
        return ERR_NEW(ERR_INVALID, "config: it has no rootfs");
    TRY(json_get_str(rootfs, "type", "config: rootfs", &type));
    if (!type || strcmp(type, "layers") != 0)
        return ERR_NEW(ERR_INVALID, "config: rootfs is not of type layers");
    TRY(json_get_strv(rootfs, "diff_ids", "config: rootfs", &c->diff_ids));
    if (c->diff_ids.count > MANIFEST_LAYERS_MAX)
        return ERR_NEW(ERR_INVALID, "config: %zu layers; the limit is %d", c->diff_ids.count, MANIFEST_LAYERS_MAX);
    for (size_t i = 0; i < c->diff_ids.count; i++)
        TRY_WRAP(digest_check(c->diff_ids.items[i]), "config: diff_ids");
    return NULL;
}

static struct err *parse_config(json_t *root, struct manifest_config *c)
{
    json_t *settings = NULL;
    const char *created = NULL;
    if (!json_is_object(root))
        return ERR_NEW(ERR_INVALID, "config: not an object");
    TRY(get_str_copy(root, "os", "", &c->os));
    TRY(get_str_copy(root, "architecture", "", &c->arch));
    TRY(get_str_copy(root, "variant", "", &c->variant));
    TRY(json_get_str(root, "created", "config", &created));
    if (created && created[0])
        TRY_WRAP(timefmt_parse_rfc3339(created, &c->created_nsec), "config: created");
    TRY(parse_rootfs(root, c));
    TRY(json_get_obj(root, "config", "config", &settings));
    if (settings)
        TRY(parse_labels(settings, c));
    c->root = json_incref(root);
    return NULL;
}

struct err *manifest_config_parse(const char *text, size_t len, struct manifest_config *ret)
{
    AUTO_JSON json_t *root = NULL;
    AUTO_MANIFEST_CONFIG struct manifest_config c = {0};
    if (len > MANIFEST_CONFIG_MAX_BYTES)
        return ERR_NEW(ERR_INVALID, "config: %zu bytes; the limit is %zu", len, MANIFEST_CONFIG_MAX_BYTES);
    TRY(json_parse(text, len, "config", &root));
    TRY(parse_config(root, &c));
    *ret = c;
    c = (struct manifest_config){0};
    return NULL;
}

void manifest_archive_done(struct manifest_archive *a)
{
    for (size_t i = 0; i < a->count; i++) {
        mem_freep(&a->images[i].config_path);
        strv_done(&a->images[i].names);
        strv_done(&a->images[i].layer_paths);
    }
    mem_freep(&a->images);
    a->count = 0;
}

/* Relative, no "..", no control characters. */
static struct err *check_member(const char *path)
{
    bool good = path[0] && path[0] != '/' && strlen(path) < 1024;
    for (const char *p = path; *p && good; p++) {
        bool at_start = p == path || p[-1] == '/';
        good = (unsigned char)*p >= ' ' && !(at_start && strncmp(p, "..", 2) == 0 && (p[2] == '/' || !p[2]));
    }
    return good ? NULL : ERR_NEW(ERR_INVALID, "manifest.json: '%.200s' is no path inside the archive", path);
}

static struct err *parse_archive_image(const json_t *obj, struct manifest_archive_image *image)
{
    static const char what[] = "manifest.json";
    const char *config = NULL;
    if (!json_is_object(obj))
        return ERR_NEW(ERR_INVALID, "%s: not a list of images", what);
    TRY(json_get_str(obj, "Config", what, &config));
    if (!config)
        return ERR_NEW(ERR_INVALID, "%s: an image has no Config", what);
    TRY(check_member(config));
    TRY(mem_strdup(config, &image->config_path));
    TRY(json_get_strv(obj, "RepoTags", what, &image->names));
    TRY(json_get_strv(obj, "Layers", what, &image->layer_paths));
    if (image->layer_paths.count > MANIFEST_LAYERS_MAX)
        return ERR_NEW(ERR_INVALID, "%s: %zu layers; the limit is %d", what, image->layer_paths.count,
                       MANIFEST_LAYERS_MAX);
    for (size_t i = 0; i < image->layer_paths.count; i++)
        TRY(check_member(image->layer_paths.items[i]));
    return NULL;
}

struct err *manifest_archive_parse(const char *text, size_t len, struct manifest_archive *ret)
{
    AUTO_JSON json_t *root = NULL;
    AUTO_MANIFEST_ARCHIVE struct manifest_archive a = {0};
    if (len > MANIFEST_MAX_BYTES)
        return ERR_NEW(ERR_INVALID, "manifest.json: %zu bytes; the limit is %zu", len, MANIFEST_MAX_BYTES);
    TRY(json_parse(text, len, "manifest.json", &root));
    if (!json_is_array(root))
        return ERR_NEW(ERR_INVALID, "manifest.json: not a list of images");
    size_t n = json_array_size(root);
    if (n == 0 || n > MANIFEST_ARCHIVE_IMAGES_MAX)
        return ERR_NEW(ERR_INVALID, "manifest.json: %zu images; 1 to %d are possible", n, MANIFEST_ARCHIVE_IMAGES_MAX);
    a.images = mem_zalloc(n * sizeof *a.images);
    if (!a.images)
        return err_oom();
    while (a.count < n) {
        a.count++; /* first, so that a half-made one is freed */
        TRY(parse_archive_image(json_array_get(root, a.count - 1), &a.images[a.count - 1]));
    }
    *ret = a;
    a = (struct manifest_archive){0};
    return NULL;
}
