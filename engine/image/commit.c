#include "engine/image/commit.h"

#include <stdarg.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/image/content.h"
#include "engine/image/flat.h"
#include "engine/image/internal.h"
#include "engine/image/platform.h"
#include "engine/image/progress.h"
#include "engine/image/reference.h"

#define DOCKER_VERSION "20.10.0" /* the one whose documents these are */

struct commit {
    struct engine *engine;
    const struct image_commit_opts *opts;
    const struct image *base, *from; /* as in opts, but for ... */
    struct flat *flat;               /* ... what has no layers of its own here (outside.h): all as one; or NULL */
    struct content *content;
    struct strv names;           /* the full name, or nothing */
    struct manifest manifest;    /* of the base */
    struct manifest_config past; /* of opts->from */
    struct image_platform platform;
    size_t *layers; /* indexes in content, bottom first */
    size_t n_layers;
    int64_t now_nsec;
};

static void commit_done(struct commit *m)
{
    content_free(m->content);
    flat_freep(&m->flat);
    strv_done(&m->names);
    manifest_done(&m->manifest);
    manifest_config_done(&m->past);
    image_platform_done(&m->platform);
    mem_freep(&m->layers);
}

__attribute__((format(printf, 2, 3))) static void say(const struct commit *m, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    image_say(m->opts->progress, m->opts->progress_arg, fmt, ap);
    va_end(ap);
}

struct err *image_commit_check_name(const char *name)
{
    AUTO_FREE char *full = NULL;
    return reference_normalize_new(name, &full);
}

struct err *image_settings(struct engine *e, const struct image *i, json_t **ret)
{
    AUTO_MANIFEST_CONFIG struct manifest_config c = {0};
    json_t *settings = NULL;
    TRY(image_parse_config(e, i, &c));
    TRY(json_get_obj(c.root, "config", "config", &settings));
    *ret = settings ? json_deep_copy(settings) : json_object();
    return *ret ? NULL : err_oom();
}

/* One of the base's layers, which is in the store, unless it was made for us. */
static struct err *put_below(struct commit *m, size_t i)
{
    AUTO_FD int fd = -1;
    struct content_layer_source source = {.fd = -1,
                                          .diff_id = m->base->diff_ids.items[i],
                                          .blob_digest = m->manifest.entries[i].digest,
                                          .size_bytes = UINT64_MAX};
    if (m->flat)
        TRY(flat_open(m->flat, source.blob_digest, m->manifest.entries[i].size_bytes, &fd));
    source.fd = fd;
    TRY(content_put_layer(m->content, &source, &m->layers[i]));
    if (!m->flat && !content_layer_is_known(m->content, m->layers[i]))
        return ERR_NEW(ERR_CORRUPT, "layer %s of image %.12s is not in the store", source.diff_id, m->base->id);
    return NULL;
}

/* Below the new layer, `top`. */
static struct err *put_base(struct commit *m, size_t top)
{
    if (m->base && m->base->origin) {
        TRY(flat_make(m->engine, m->base, &m->flat));
        m->from = m->from == m->base ? m->flat->image : m->from;
        m->base = m->flat->image;
    }
    const struct image *base = m->base;
    size_t below = base ? base->diff_ids.count : 0;
    if (base)
        TRY(image_parse_manifest(m->engine, base, &m->manifest));
    if (base && m->manifest.count != below)
        return ERR_NEW(ERR_CORRUPT, "image %.12s: its manifest has %zu layers, its config %zu", base->id,
                       m->manifest.count, below);
    m->layers = mem_alloc((below + 1) * sizeof *m->layers);
    if (!m->layers)
        return err_oom();
    for (size_t i = 0; i < below; i++)
        TRY(put_below(m, i));
    m->layers[below] = top;
    m->n_layers = below + 1;
    return content_wait(m->content);
}

static struct err *put_top(struct commit *m, size_t *ret)
{
    const struct content_layer_source source = {.fd = m->opts->layer_fd, .size_bytes = UINT64_MAX};
    TRY(content_put_layer(m->content, &source, ret));
    return content_wait(m->content);
}

static struct err *put_history(const struct commit *m, json_t *root, const char *created)
{
    json_t *list = NULL, *old = NULL, *line;
    if (m->base && m->past.root)
        TRY(image_history_array(&m->past, &old));
    TRY(json_put(root, "history", old ? json_deep_copy(old) : json_array()));
    TRY(json_get_arr(root, "history", "config", &list));
    TRY(json_push_obj(list, &line));
    TRY(json_put_str(line, "created", created));
    TRY(json_put_str(line, "created_by", m->opts->created_by));
    if (m->opts->author)
        TRY(json_put_str(line, "author", m->opts->author));
    return m->opts->comment ? json_put_str(line, "comment", m->opts->comment) : NULL;
}

static struct err *put_docker(const struct commit *m, json_t *root)
{
    AUTO_FREE char *parent = NULL;
    TRY(json_put_str(root, "container", m->opts->container_id));
    TRY(json_put(root, "container_config", json_deep_copy(m->opts->settings)));
    TRY(json_put_str(root, "docker_version", DOCKER_VERSION));
    if (m->opts->message)
        TRY(json_put_str(root, "comment", m->opts->message));
    if (!m->base || m->flat)
        return NULL;
    TRY(mem_asprintf(&parent, "sha256:%s", m->base->id));
    return json_put_str(root, "parent", parent);
}

static struct err *build_config(const struct commit *m, char **ret)
{
    AUTO_JSON json_t *root = json_object();
    json_t *rootfs, *ids;
    struct timefmt_text created = timefmt_rfc3339(m->now_nsec, 0);
    TRY(json_put_str(root, "created", created.s));
    if (m->opts->author)
        TRY(json_put_str(root, "author", m->opts->author));
    TRY(json_put_str(root, "architecture", m->platform.arch));
    if (m->platform.variant && *m->platform.variant)
        TRY(json_put_str(root, "variant", m->platform.variant));
    TRY(json_put_str(root, "os", m->platform.os));
    TRY(json_put(root, "config", json_deep_copy(m->opts->settings)));
    if (m->opts->docker)
        TRY(put_docker(m, root));
    TRY(json_put_obj(root, "rootfs", &rootfs));
    TRY(json_put_str(rootfs, "type", "layers"));
    TRY(json_put_arr(rootfs, "diff_ids", &ids));
    for (size_t i = 0; i < m->n_layers; i++)
        TRY(json_push_str(ids, content_layer_at(m->content, m->layers[i])->diff_id.s));
    TRY(put_history(m, root, created.s));
    return json_text(root, ret);
}

/* Descriptors borrow their strings. */
static struct err *build_manifest(const struct commit *m, const char *config, char **ret)
{
    struct content_layer top = *content_layer_at(m->content, m->layers[m->n_layers - 1]);
    struct digest config_digest = digest_of(config, strlen(config));
    char plain[] = MEDIA_OCI_LAYER;
    struct manifest_descriptor *layers = mem_zalloc(m->n_layers * sizeof *layers);
    if (!layers)
        return err_oom();
    for (size_t i = 0; i + 1 < m->n_layers; i++)
        layers[i] = m->manifest.entries[i];
    layers[m->n_layers - 1] =
        (struct manifest_descriptor){.media_type = plain, .digest = top.blob.s, .size_bytes = top.blob_bytes};
    const struct manifest_descriptor config_entry = {.digest = config_digest.s, .size_bytes = strlen(config)};
    struct err *e = manifest_build(m->opts->docker, &config_entry, layers, m->n_layers, NULL, ret);
    mem_freep(&layers);
    return e;
}

static struct err *settle_platform(struct commit *m)
{
    struct image_platform wanted = {0};
    const struct image *from = m->from;
    if (!from)
        return platform_resolve(&wanted, &m->platform);
    TRY(image_parse_config(m->engine, from, &m->past));
    TRY(mem_strdup(from->os, &m->platform.os));
    TRY(mem_strdup(from->arch, &m->platform.arch));
    return mem_strdup(from->variant, &m->platform.variant);
}

static struct err *add_image(struct commit *m, char **ret_id)
{
    AUTO_FREE char *config = NULL, *manifest = NULL;
    struct content_image image = {.media_type = m->opts->docker ? MEDIA_DOCKER_MANIFEST : MEDIA_OCI_MANIFEST,
                                  .layers = m->layers,
                                  .names = &m->names,
                                  .event = "commit"};
    TRY(build_config(m, &config));
    TRY(build_manifest(m, config, &manifest));
    TRY(content_add_made(m->content, config, manifest, &image));
    for (size_t i = 0; i < m->n_layers; i++)
        say(m, "Copying blob %s", content_layer_at(m->content, m->layers[i])->blob.s);
    say(m, "Copying config %s", image.config.s);
    TRY(content_commit(m->content));
    say(m, "Writing manifest to image destination");
    say(m, "Storing signatures");
    return mem_strdup(digest_hex(image.config.s), ret_id);
}

static struct err *commit(struct commit *m, const struct image_commit_source *source, char **ret_id)
{
    const char *name = m->opts->name;
    m->now_nsec = timefmt_now();
    if (name && *name) {
        char *full = NULL;
        TRY(reference_normalize_new(name, &full));
        TRY(strv_take(&m->names, full));
    }
    m->base = m->opts->base;
    m->from = m->opts->from;
    TRY(content_begin(m->engine, &m->content));
    say(m, "Getting image source signatures");
    /* First what may be a pipe from a container that stands still meanwhile. */
    size_t top = 0;
    struct err *e = put_top(m, &top);
    const char *diff_id = e ? NULL : content_layer_at(m->content, top)->diff_id.s;
    struct err *theirs = source->finish(source->arg, diff_id);
    if (theirs) {
        err_drop(e);
        return theirs;
    }
    TRY(e);
    TRY(put_base(m, top));
    TRY(settle_platform(m));
    return add_image(m, ret_id);
}

struct err *image_commit(struct engine *e, const struct image_commit_opts *opts,
                         const struct image_commit_source *source, char **ret_id)
{
    struct commit m = {.engine = e, .opts = opts};
    struct err *error = commit(&m, source, ret_id);
    commit_done(&m);
    return error;
}
