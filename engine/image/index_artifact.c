/* `manifest add --artifact`: files become an artifact of the list's own. */
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/image/artifact_internal.h"
#include "engine/image/index_internal.h"

#define DEFAULT_TYPE "application/vnd.unknown.artifact.v1"
#define DEFAULT_CONFIG_TYPE "application/vnd.unknown.config.v1+json" /* as ORAS calls it */

struct making {
    const struct index_artifact_opts *opts;
    const struct strv *files;
    json_t *subject;
    char *config; /* text, or NULL */
    size_t config_len;
};

static struct err *put_config(const struct making *m, struct content *content, json_t *manifest)
{
    struct digest digest;
    json_t *config;
    if (!m->config && !m->opts->config_type)
        return artifact_put_empty_config(content, manifest);
    const char *text = m->config ? m->config : "{}";
    size_t len = m->config ? m->config_len : 2;
    TRY(content_put_document(content, text, len, &digest));
    TRY(json_put_obj(manifest, "config", &config));
    TRY(json_put_str(config, "mediaType", m->opts->config_type ? m->opts->config_type : DEFAULT_CONFIG_TYPE));
    TRY(json_put_str(config, "digest", digest.s));
    return json_put_int(config, "size", (int64_t)len);
}

static struct err *build(const struct making *m, struct content *content, json_t *manifest)
{
    const struct strv none = STRV_INIT;
    json_t *layers;
    TRY(json_put_int(manifest, "schemaVersion", 2));
    TRY(json_put_str(manifest, "mediaType", MEDIA_OCI_MANIFEST));
    TRY(json_put_str(manifest, "artifactType", m->opts->type ? m->opts->type : DEFAULT_TYPE));
    TRY(put_config(m, content, manifest));
    TRY(json_put_arr(manifest, "layers", &layers));
    for (size_t i = 0; i < m->files->count; i++) {
        const char *path = m->files->items[i];
        TRY(artifact_put_file(content, path, m->opts->layer_type, m->opts->exclude_titles ? NULL : path_last(path),
                              &none, layers));
    }
    if (m->subject)
        TRY(json_put(manifest, "subject", json_incref(m->subject)));
    return listdoc_annotate(manifest, &m->opts->annotations);
}

/* Everything the list has to keep: the manifest and what it refers to. */
static struct err *remember_blobs(const json_t *manifest, const char *digest, struct strv *blobs)
{
    const json_t *layers = json_object_get(manifest, "layers");
    TRY(strv_add(blobs, digest));
    TRY(strv_add(blobs, json_string_value(json_object_get(json_object_get(manifest, "config"), "digest"))));
    for (size_t i = 0; i < json_array_size(layers); i++)
        TRY(strv_add(blobs, json_string_value(json_object_get(json_array_get(layers, i), "digest"))));
    return NULL;
}

static struct err *add_artifact(struct index_change *c, json_t *doc, struct content *content)
{
    const struct making *m = c->arg;
    AUTO_JSON json_t *manifest = json_object(), *entry = NULL;
    AUTO_FREE char *text = NULL;
    struct digest digest;
    TRY(build(m, content, manifest));
    TRY(json_text(manifest, &text));
    TRY(content_put_document(content, text, strlen(text), &digest));
    TRY(remember_blobs(manifest, digest.s, &c->blobs));
    TRY(listdoc_entry(MEDIA_OCI_MANIFEST, digest.s, strlen(text), NULL, &entry));
    TRY(json_put_str(entry, "artifactType", m->opts->type ? m->opts->type : DEFAULT_TYPE));
    TRY(listdoc_describe(entry, &m->opts->words));
    return listdoc_put(doc, TAKE_PTR(entry));
}

struct err *index_add_artifact(struct engine *e, const char *list, const struct strv *files,
                               const struct index_artifact_opts *opts, char **ret_id)
{
    AUTO_FREE char *id = NULL, *config = NULL;
    AUTO_JSON json_t *subject = NULL;
    struct making m = {.opts = opts, .files = files};
    struct index_change change = {.change = add_artifact, .arg = &m};
    TRY(index_find(e, list, &id));
    if (opts->config_path)
        TRY_WRAP(file_read(AT_FDCWD, opts->config_path, MANIFEST_CONFIG_MAX_BYTES, &config, &m.config_len), "read %s",
                 opts->config_path);
    if (opts->subject)
        TRY(index_subject(e, opts->subject, opts->registry, &subject));
    m.config = config;
    m.subject = subject;
    TRY(index_update(e, id, &change));
    *ret_id = TAKE_PTR(id);
    return NULL;
}
