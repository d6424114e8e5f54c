/* The formats that `save` writes. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "engine/image/save_internal.h"
#include "engine/store/digest.h"

/* docker-archive. Layers are named by their diff ids and may be compressed: docker, podman and skopeo look. */
static struct err *add_docker_image(const struct save *s, const struct save_image *i, json_t *list)
{
    AUTO_FREE char *config_path = NULL;
    AUTO_STRV struct strv layers = STRV_INIT;
    json_t *obj;
    TRY(mem_asprintf(&config_path, "%s.json", i->image->id));
    TRY(save_blob(s, i, i->image->config_digest, config_path));
    for (size_t k = 0; k < i->manifest.count; k++) {
        AUTO_FREE char *path = NULL;
        TRY(mem_asprintf(&path, "%s.tar", digest_hex(i->config.diff_ids.items[k])));
        TRY(save_blob(s, i, i->manifest.entries[k].digest, path));
        TRY(strv_take(&layers, TAKE_PTR(path)));
    }
    TRY(json_push_obj(list, &obj));
    TRY(json_put_str(obj, "Config", config_path));
    TRY(json_put_strv(obj, "RepoTags", &i->names));
    return json_put_strv(obj, "Layers", &layers);
}

struct err *save_docker_archive(const struct save *s)
{
    AUTO_JSON json_t *list = json_array();
    AUTO_FREE char *text = NULL;
    for (size_t i = 0; i < s->count; i++)
        TRY(add_docker_image(s, &s->images[i], list));
    TRY(json_text(list, &text));
    return save_text(s, "manifest.json", text);
}

/* OCI image layout, in an archive or a directory. */
struct err *save_oci_dirs(const struct save *s)
{
    static const char *const dirs[] = {"blobs", "blobs/sha256"};
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
        if (mkdirat(s->dirfd, dirs[i], 0755) < 0 && !(s->opts->add && errno == EEXIST))
            return ERR_SYS(errno, "create %s", dirs[i]);
    return NULL;
}

static struct err *save_oci_blob(const struct save *s, const struct save_image *i, const char *digest)
{
    AUTO_FREE char *path = NULL;
    TRY(mem_asprintf(&path, "blobs/sha256/%s", digest_hex(digest)));
    return save_blob(s, i, digest, path);
}

struct err *save_oci_entry(json_t *manifests, const char *text, const char *media_type, const char *name)
{
    json_t *entry, *annotations;
    struct digest d = digest_of(text, strlen(text));
    TRY(json_push_obj(manifests, &entry));
    TRY(json_put_str(entry, "mediaType", media_type));
    TRY(json_put_str(entry, "digest", d.s));
    TRY(json_put_int(entry, "size", (int64_t)strlen(text)));
    if (!name)
        return NULL;
    TRY(json_put_obj(entry, "annotations", &annotations));
    return json_put_str(annotations, SAVE_REF_NAME, name);
}

static struct err *add_oci_image(const struct save *s, const struct save_image *i, json_t *manifests)
{
    AUTO_FREE char *text = NULL, *path = NULL;
    TRY(save_oci_blob(s, i, i->image->config_digest));
    for (size_t k = 0; k < i->manifest.count; k++)
        TRY(save_oci_blob(s, i, i->manifest.entries[k].digest));
    TRY(save_manifest_text(s, i, false, &text));
    TRY(mem_asprintf(&path, "blobs/sha256/%s", digest_hex(digest_of(text, strlen(text)).s)));
    TRY(save_text(s, path, text));
    if (i->names.count == 0)
        return save_oci_entry(manifests, text, MEDIA_OCI_MANIFEST, NULL);
    for (size_t k = 0; k < i->names.count; k++)
        TRY(save_oci_entry(manifests, text, MEDIA_OCI_MANIFEST, i->names.items[k]));
    return NULL;
}

/* Whether an entry of the layout gives way: to one of its name, or to itself when it has none. */
static bool is_replaced(const json_t *old, const struct strv *names, json_t *entries)
{
    const char *name = json_string_value(json_object_get(json_object_get(old, "annotations"), SAVE_REF_NAME));
    const json_t *digest = json_object_get(old, "digest");
    size_t i;
    json_t *entry;
    if (name)
        return strv_contains(names, name);
    json_array_foreach (entries, i, entry)
        if (json_equal(digest, json_object_get(entry, "digest")))
            return true;
    return false;
}

static struct err *keep_entries(const struct save *s, const struct strv *names, json_t *entries, json_t *manifests)
{
    AUTO_JSON json_t *old = NULL;
    json_t *list = NULL, *entry;
    size_t i;
    TRY(json_read(s->dirfd, "index.json", "index.json", &old));
    TRY(json_get_arr(old, "manifests", "index.json", &list));
    json_array_foreach (list, i, entry) {
        if (!is_replaced(entry, names, entries))
            TRY(json_push(manifests, json_incref(entry)));
    }
    return NULL;
}

struct err *save_oci_index(const struct save *s, const struct strv *names, json_t *entries)
{
    AUTO_JSON json_t *index = json_object();
    AUTO_FREE char *text = NULL;
    json_t *manifests, *entry;
    size_t i;
    TRY(json_put_int(index, "schemaVersion", 2));
    TRY(json_put_arr(index, "manifests", &manifests));
    if (s->opts->add && file_exists(s->dirfd, "index.json"))
        TRY(keep_entries(s, names, entries, manifests));
    json_array_foreach (entries, i, entry)
        TRY(json_push(manifests, json_incref(entry)));
    TRY(save_text(s, "oci-layout", "{\"imageLayoutVersion\": \"1.0.0\"}"));
    TRY(json_text(index, &text));
    return save_text(s, "index.json", text); /* last: without it the directory is no layout */
}

struct err *save_oci(const struct save *s)
{
    AUTO_JSON json_t *entries = json_array();
    TRY(save_oci_dirs(s));
    for (size_t i = 0; i < s->count; i++)
        TRY(add_oci_image(s, &s->images[i], entries));
    return save_oci_index(s, &s->images[0].names, entries);
}

/* containers/image's "dir:": blobs named by the hex of their digests, manifest.json, version. */
struct err *save_docker_dir(const struct save *s)
{
    struct save_image *i = &s->images[0];
    AUTO_FREE char *text = NULL;
    bool docker = true;
    TRY(save_text(s, "version", SAVE_DIR_VERSION));
    TRY(save_blob(s, i, i->image->config_digest, digest_hex(i->image->config_digest)));
    for (size_t k = 0; k < i->manifest.count; k++) {
        enum manifest_packing packing;
        TRY(manifest_layer_packing(i->manifest.entries[k].media_type, &packing));
        docker &= packing != PACKING_ZSTD; /* Docker's format has no name for it: it stays OCI */
        if (packing == PACKING_PLAIN && s->opts->compress)
            TRY(save_compressed(s, i, k));
        else
            TRY(save_blob(s, i, i->manifest.entries[k].digest, digest_hex(i->manifest.entries[k].digest)));
    }
    TRY(save_manifest_text(s, i, docker, &text));
    return save_text(s, "manifest.json", text);
}
