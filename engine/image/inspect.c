/* `image inspect`: Podman's object, with its field names and their order. */
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/image/internal.h"

static struct err *put_copy(json_t *obj, const char *key, json_t *value)
{
    return value && !json_is_null(value) ? json_put(obj, key, json_incref(value)) : NULL;
}

/* The image's settings: what OCI knows, in Podman's order, without what is empty. */
static struct err *put_config(json_t *root, const struct manifest_config *config)
{
    static const char *const keys[] = {"User",    "ExposedPorts", "Env",    "Entrypoint", "Cmd",
                                       "Volumes", "WorkingDir",   "Labels", "StopSignal"};
    json_t *settings = NULL, *obj;
    TRY(json_get_obj(config->root, "config", "config", &settings));
    TRY(json_put_obj(root, "Config", &obj));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        json_t *value = json_object_get(settings, keys[i]);
        bool empty = (json_is_string(value) && json_string_length(value) == 0) ||
                     (json_is_array(value) && json_array_size(value) == 0) ||
                     (json_is_object(value) && json_object_size(value) == 0);
        if (!empty)
            TRY(put_copy(obj, keys[i], value));
    }
    return NULL;
}

/* Where the layers are: what a script that looks into a file system wants to know. */
static struct err *put_driver(struct engine *e, json_t *root, const struct image *i)
{
    const char *driver, *top = store_root(engine_store(e));
    json_t *graph, *data;
    AUTO_STRBUF struct strbuf lower = STRBUF_INIT;
    TRY(engine_storage_driver(e, &driver));
    TRY(json_put_obj(root, "GraphDriver", &graph));
    TRY(json_put_str(graph, "Name", driver));
    TRY(json_put_obj(graph, "Data", &data));
    size_t n = i->layer_dirs.count;
    for (size_t k = n; k-- > 1;)
        TRY(strbuf_printf(&lower, "%s%s/layers/%s/diff", lower.len ? ":" : "", top, i->layer_dirs.items[k - 1]));
    if (lower.len)
        TRY(json_put_str(data, "LowerDir", strbuf_str(&lower)));
    if (n == 0)
        return NULL;
    AUTO_FREE char *upper = NULL, *work = NULL;
    TRY(mem_asprintf(&upper, "%s/layers/%s/diff", top, i->layer_dirs.items[n - 1]));
    TRY(mem_asprintf(&work, "%s/layers/%s/work", top, i->layer_dirs.items[n - 1]));
    TRY(json_put_str(data, "UpperDir", upper));
    return json_put_str(data, "WorkDir", work);
}

static struct err *put_history(json_t *root, const struct manifest_config *config)
{
    json_t *array, *out;
    TRY(image_history_array(config, &array));
    TRY(json_put_arr(root, "History", &out));
    for (size_t k = 0; k < json_array_size(array); k++) {
        static const char *const keys[] = {"created", "created_by", "author", "comment", "empty_layer"};
        json_t *line;
        TRY(json_push_obj(out, &line));
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
            TRY(put_copy(line, keys[i], json_object_get(json_array_get(array, k), keys[i])));
    }
    return NULL;
}

/* As Podman: Docker's configs have a comment of their own, of OCI's the newest line of the history gives it. */
static struct err *put_comment(json_t *root, const struct image *i, const struct manifest_config *config)
{
    json_t *array;
    const char *comment = NULL;
    bool docker = strcmp(i->media_type, MEDIA_DOCKER_MANIFEST) == 0;
    TRY(json_get_str(config->root, "comment", "config", &comment));
    TRY(image_history_array(config, &array));
    size_t n = json_array_size(array);
    if (!docker && n > 0) {
        struct image_history_entry last;
        TRY(image_history_entry(array, n - 1, &last));
        comment = last.comment;
    }
    return json_put_str(root, "Comment", comment);
}

static struct err *put_text(json_t *root, const char *key, const struct manifest_config *config, const char *from)
{
    const char *text = NULL;
    TRY(json_get_str(config->root, from, "config", &text));
    return json_put_str(root, key, text);
}

static struct err *put_identity(struct engine *e, json_t *root, const struct image *i,
                                const struct manifest_config *config)
{
    AUTO_IMAGE struct image *parent = NULL;
    TRY(image_parent(e, i, &parent));
    TRY(json_put_str(root, "Id", i->id));
    TRY(json_put_str(root, "Digest", i->digest));
    TRY(json_put_strv(root, "RepoTags", &i->names));
    TRY(json_put_strv(root, "RepoDigests", &i->digests));
    TRY(json_put_str(root, "Parent", parent ? parent->id : ""));
    TRY(put_comment(root, i, config));
    TRY(json_put_str(root, "Created", timefmt_rfc3339_or_zero(i->created_nsec, 0).s));
    TRY(put_config(root, config));
    TRY(put_text(root, "Version", config, "docker_version"));
    TRY(put_text(root, "Author", config, "author"));
    TRY(json_put_str(root, "Architecture", i->arch));
    TRY(json_put_str(root, "Os", i->os));
    TRY(json_put_int(root, "Size", (int64_t)i->size_bytes));
    return json_put_int(root, "VirtualSize", (int64_t)i->size_bytes);
}

static struct err *put_rest(struct engine *e, json_t *root, const struct image *i, const struct manifest_config *config)
{
    AUTO_MANIFEST struct manifest manifest = {0};
    AUTO_STRV struct strv past = STRV_INIT;
    json_t *rootfs, *settings = NULL, *healthcheck = NULL;
    const char *user = NULL;
    TRY(image_parse_manifest(e, i, &manifest));
    TRY(json_get_obj(config->root, "config", "config", &settings));
    TRY(json_put_obj(root, "RootFS", &rootfs));
    TRY(json_put_str(rootfs, "Type", "layers"));
    TRY(json_put_strv(rootfs, "Layers", &i->diff_ids));
    TRY(json_put(root, "Labels", config->labels ? json_incref(config->labels) : json_null()));
    TRY(json_put(root, "Annotations", manifest.annotations ? json_incref(manifest.annotations) : json_object()));
    TRY(json_put_str(root, "ManifestType", i->media_type));
    if (settings) {
        TRY(json_get_str(settings, "User", "config", &user));
        TRY(json_get_obj(settings, "Healthcheck", "config", &healthcheck));
    }
    TRY(json_put_str(root, "User", user));
    TRY(put_history(root, config));
    TRY(store_texts(engine_store(e),
                    "SELECT name FROM image_past_names WHERE image_id = ? ORDER BY added_nsec DESC, name", i->id,
                    &past));
    TRY(json_put_strv(root, "NamesHistory", &past));
    return put_copy(root, "Healthcheck", healthcheck);
}

struct err *image_inspect(struct engine *e, const char *name, char **ret_json)
{
    AUTO_IMAGE struct image *i = NULL;
    AUTO_MANIFEST_CONFIG struct manifest_config config = {0};
    AUTO_JSON json_t *root = json_object();
    if (!root)
        return err_oom();
    TRY(image_find(e, name, &i));
    TRY(image_parse_config(e, i, &config));
    TRY(put_identity(e, root, i, &config));
    TRY(put_driver(e, root, i));
    TRY(put_rest(e, root, i, &config));
    return ERR_WRAP(json_text_indented(root, 5, ret_json), "inspect image %s", name);
}
