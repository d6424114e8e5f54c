/* `artifact add`, and putting artifacts into the store. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "engine/image/artifact_internal.h"
#include "engine/image/listdoc.h"
#include "engine/image/sniff.h"

/* --- parts */

static struct err *open_file(const char *path, int *ret_fd, const char **ret_type)
{
    char start[SNIFF_BYTES];
    struct stat sb;
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &sb) < 0)
        return ERR_SYS(errno, "open %s", path);
    if (!S_ISREG(sb.st_mode))
        return ERR_NEW(ERR_INVALID, "%s is not a regular file", path);
    ssize_t n = pread(fd, start, sizeof start, 0);
    if (n < 0)
        return ERR_SYS(errno, "read %s", path);
    *ret_type = sniff_type(start, (size_t)n);
    *ret_fd = TAKE_FD(fd);
    return NULL;
}

struct err *artifact_put_file(struct content *c, const char *path, const char *type, const char *title,
                              const struct strv *annotations, json_t *layers)
{
    AUTO_FD int fd = -1;
    const char *found;
    struct digest digest;
    uint64_t bytes;
    json_t *layer, *all;
    TRY(open_file(path, &fd, &found));
    TRY_WRAP(content_put_file(c, fd, ARTIFACT_FILE_MAX_BYTES, -1, &digest, &bytes), "add %s", path);
    TRY(json_push_obj(layers, &layer));
    TRY(json_put_str(layer, "mediaType", type && type[0] ? type : found));
    TRY(json_put_str(layer, "digest", digest.s));
    TRY(json_put_int(layer, "size", (int64_t)bytes));
    TRY(listdoc_annotate(layer, annotations));
    if (!title)
        return NULL;
    all = json_object_get(layer, "annotations");
    if (!all)
        TRY(json_put_obj(layer, "annotations", &all));
    return json_put_str(all, ARTIFACT_TITLE, title);
}

struct err *artifact_put_empty_config(struct content *c, json_t *manifest)
{
    struct digest digest;
    json_t *config;
    TRY(content_put_document(c, "{}", 2, &digest));
    TRY(json_put_obj(manifest, "config", &config));
    TRY(json_put_str(config, "mediaType", MEDIA_OCI_EMPTY));
    TRY(json_put_str(config, "digest", digest.s));
    TRY(json_put_int(config, "size", 2));
    return json_put_str(config, "data", "e30=");
}

/* --- rows */

struct artifact_rows {
    const char *name;
    struct digest digest;
    const struct manifest *manifest;
    bool replace;
    const char *old; /* the digest that is replaced must be this one; NULL: any */
};

static struct err *put_blob_row(struct store *s, const char *name, const char *digest)
{
    struct store_stmt *st;
    TRY(store_prepare(s, "INSERT INTO artifact_blobs VALUES(?, ?) ON CONFLICT DO NOTHING", &st));
    TRY(store_bind(st, "tt", name, digest));
    return store_run(st);
}

static struct err *write_rows(struct store *s, void *arg)
{
    const struct artifact_rows *r = arg;
    struct store_stmt *st;
    uint64_t bytes = 0;
    for (size_t i = 0; i < r->manifest->count; i++)
        bytes += r->manifest->entries[i].size_bytes;
    if (r->replace) {
        TRY(store_prepare(s, "DELETE FROM artifacts WHERE name = ?1", &st));
        TRY(store_bind(st, "t", r->name));
        TRY(store_run(st));
    }
    TRY(store_prepare(s, "INSERT INTO artifacts VALUES(?, ?, ?, ?)", &st));
    TRY(store_bind(st, "ttii", r->name, r->digest.s, (int64_t)bytes, timefmt_now()));
    struct err *e = store_run(st);
    if (e && err_kind(e) == ERR_EXISTS) {
        err_drop(e);
        return ERR_NEW(ERR_EXISTS, "%s: artifact already exists", r->name);
    }
    TRY(e);
    TRY(put_blob_row(s, r->name, r->manifest->config.digest));
    for (size_t i = 0; i < r->manifest->count; i++)
        TRY(put_blob_row(s, r->name, r->manifest->entries[i].digest));
    return NULL;
}

struct err *artifact_commit(struct content *c, const char *name, const char *manifest, bool replace, struct digest *ret)
{
    AUTO_MANIFEST struct manifest m = {0};
    struct artifact_rows rows = {.name = name, .manifest = &m, .replace = replace};
    TRY(manifest_parse_artifact(manifest, strlen(manifest), &m));
    TRY(content_put_document(c, manifest, strlen(manifest), &rows.digest));
    content_set_rows(c, write_rows, &rows);
    TRY(content_commit(c));
    *ret = rows.digest;
    return NULL;
}

/* --- add */

struct adding {
    struct engine *engine;
    const struct artifact_add_opts *opts;
    const struct strv *files;
    const char *name; /* full */
    struct content *content;
    json_t *manifest, *layers;
};

/* A new manifest, in the order of the specification. */
static struct err *begin_new(struct adding *a)
{
    a->manifest = json_object();
    TRY(json_put_int(a->manifest, "schemaVersion", 2));
    TRY(json_put_str(a->manifest, "mediaType", MEDIA_OCI_MANIFEST));
    if (a->opts->type && a->opts->type[0])
        TRY(json_put_str(a->manifest, "artifactType", a->opts->type));
    TRY(artifact_put_empty_config(a->content, a->manifest));
    TRY(json_put_arr(a->manifest, "layers", &a->layers));
    json_t *annotations;
    TRY(json_put_obj(a->manifest, "annotations", &annotations));
    return json_put_str(annotations, ARTIFACT_CREATED, timefmt_rfc3339(timefmt_now(), 1).s);
}

static struct err *begin_append(struct adding *a)
{
    AUTO_ARTIFACT struct artifact *old = NULL;
    AUTO_FREE char *text = NULL;
    TRY(artifact_find(a->engine, a->name, &old));
    TRY(artifact_read(a->engine, old, &text));
    TRY(json_parse(text, strlen(text), "manifest", &a->manifest));
    return json_get_arr(a->manifest, "layers", "manifest", &a->layers);
}

static bool has_title(const json_t *layers, const char *title)
{
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *annotations = json_object_get(json_array_get(layers, i), "annotations");
        const char *own = json_string_value(json_object_get(annotations, ARTIFACT_TITLE));
        if (own && strcmp(own, title) == 0)
            return true;
    }
    return false;
}

static struct err *put_files(struct adding *a)
{
    for (size_t i = 0; i < a->files->count; i++) {
        const char *title = path_last(a->files->items[i]);
        if (has_title(a->layers, title))
            return ERR_NEW(ERR_EXISTS, "%s: file already exists in artifact", title);
        TRY(artifact_put_file(a->content, a->files->items[i], a->opts->file_type, title, &a->opts->annotations,
                              a->layers));
    }
    return NULL;
}

static struct err *add(struct adding *a, char **ret_digest)
{
    AUTO_FREE char *text = NULL;
    struct digest digest;
    TRY(content_begin(a->engine, &a->content));
    TRY(a->opts->append ? begin_append(a) : begin_new(a));
    TRY(put_files(a));
    TRY(json_text(a->manifest, &text));
    TRY(artifact_commit(a->content, a->name, text, a->opts->append || a->opts->replace, &digest));
    return mem_strdup(digest.s, ret_digest);
}

/* What can be said before anything is read. */
static struct err *check(struct engine *e, const char *name, const struct artifact_add_opts *opts)
{
    AUTO_ARTIFACT struct artifact *old = NULL;
    if (opts->append && opts->type && opts->type[0])
        return ERR_NEW(ERR_INVALID, "append option is not compatible with type option");
    if (opts->append && opts->replace)
        return ERR_NEW(ERR_INVALID, "append option is not compatible with replace option");
    for (size_t i = 0; i < opts->annotations.count; i++)
        if (strncmp(opts->annotations.items[i], ARTIFACT_TITLE "=", strlen(ARTIFACT_TITLE "=")) == 0)
            return ERR_NEW(ERR_INVALID, "cannot override filename with " ARTIFACT_TITLE " annotation");
    if (opts->append || opts->replace)
        return NULL;
    struct err *error = artifact_find(e, name, &old);
    if (!error)
        return ERR_NEW(ERR_EXISTS, "%s: artifact already exists", name);
    if (err_kind(error) != ERR_NOT_FOUND)
        return error;
    err_drop(error);
    return NULL;
}

struct err *artifact_add(struct engine *e, const char *name, const struct strv *files,
                         const struct artifact_add_opts *opts, char **ret_digest)
{
    AUTO_FREE char *full = NULL;
    TRY(artifact_full_name(name, &full));
    TRY(check(e, full, opts));
    struct adding a = {.engine = e, .opts = opts, .files = files, .name = full};
    struct err *error = add(&a, ret_digest);
    content_free(a.content);
    json_unrefp(&a.manifest);
    return error;
}
