/* `push`: an image or a manifest list to a registry. Layers are in push_layers.c. */
#include "engine/image/push.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/image/flat.h"
#include "engine/image/index.h"
#include "engine/image/outside.h"
#include "engine/image/progress.h"
#include "engine/image/push_files.h"
#include "engine/image/push_internal.h"
#include "rootless/session.h"

void push_init(struct push *p, struct engine *e, const struct image_push_opts *opts)
{
    *p = (struct push){.engine = e, .opts = opts, .staging = {.dirfd = -1, .lock_fd = -1}, .empty_dirfd = -1};
}

void push_done(struct push *p)
{
    if (p->files)
        err_drop(push_files_close(TAKE_PTR(p->files), ERR_NEW(ERR_STATE, "given up")));
    mem_freep(&p->where);
    remote_close(&p->to);
    signer_closep(&p->signer);
    fd_close(p->empty_dirfd);
    store_staging_done(engine_store(p->engine), &p->staging);
}

void push_say(const struct push *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    image_say(p->opts->progress, p->opts->progress_arg, fmt, ap);
    va_end(ap);
}

static bool wants_signature(const struct image_signing *o)
{
    return o && (o->gpg_key || o->sigstore_key_file || o->sigstore_params);
}

/* A signature is for a name in a registry, and files have none; as Podman. */
static struct err *open_files(struct push *p)
{
    const struct image_push_files *to = p->opts->files;
    if (wants_signature(p->opts->signing))
        return ERR_NEW(ERR_INVALID,
                       "Cannot determine canonical Docker reference for destination %s: signatures are for names in "
                       "registries",
                       to->text);
    TRY(mem_strdup(to->text, &p->where));
    return push_files_open(p->engine, to, &p->files);
}

const char *push_target(const struct push *p)
{
    return p->files ? "" : remote_target(&p->to);
}

struct err *push_close(struct push *p, struct err *take_e)
{
    return p->files ? push_files_close(TAKE_PTR(p->files), take_e) : take_e;
}

struct err *push_open(struct push *p, const char *destination)
{
    if (p->opts->files)
        return open_files(p);
    struct registry_opts opts = p->opts->registry ? *p->opts->registry : (struct registry_opts){0};
    AUTO_REFERENCE struct reference r = {0};
    opts.push = true;
    TRY(reference_parse(destination, &r));
    if (r.digest)
        return ERR_NEW(ERR_INVALID, "%s: a destination has a tag, not a digest", destination);
    TRY(remote_open(destination, &opts, &p->to));
    TRY(mem_asprintf(&p->where, "docker://%s", p->to.full_name));
    return signer_open(p->opts->signing, engine_session(p->engine)->host_uid, p->to.full_name, &p->signer);
}

struct err *push_stage(struct push *p, int *ret_fd)
{
    AUTO_FREE char *name = NULL;
    if (!p->staging.name) {
        TRY(store_staging_new(engine_store(p->engine), &p->staging));
        if (mkdirat(p->staging.dirfd, "empty", 0700) < 0)
            return ERR_SYS(errno, "create %s/empty", p->staging.path);
        TRY(file_open_dir(p->staging.dirfd, "empty", &p->empty_dirfd));
    }
    TRY(mem_asprintf(&name, "blob-%zu", p->n_staged++));
    *ret_fd = openat(p->staging.dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return *ret_fd < 0 ? ERR_SYS(errno, "create %s/%s", p->staging.path, name) : NULL;
}

struct err *push_open_stored(void *arg, const char *digest, uint64_t size_bytes, int *ret_fd)
{
    uint64_t actual;
    AUTO_FD int fd = -1;
    TRY(store_blob_open(engine_store(arg), digest, &fd, &actual));
    if (actual != size_bytes)
        return ERR_NEW(ERR_CORRUPT, "blob %s has %llu bytes, the manifest says %llu", digest,
                       (unsigned long long)actual, (unsigned long long)size_bytes);
    *ret_fd = TAKE_FD(fd);
    return NULL;
}

void push_result_done(struct push_result *r)
{
    mem_freep(&r->media_type);
    mem_freep(&r->text);
}

struct err *push_manifest(struct push *p, const char *text, const char *media_type, const char *tag)
{
    struct digest digest = digest_of(text, strlen(text));
    if (p->files)
        return ERR_WRAP(push_files_put_manifest(p->files, text, media_type, tag != NULL), "writing manifest");
    AUTO_FD int fd = -1;
    TRY(fd_memory("manifest", text, strlen(text), &fd));
    const struct registry_request request = {.verb = REGISTRY_PUT_MANIFEST,
                                             .target = tag ? tag : digest.s,
                                             .media_type = media_type,
                                             .size_bytes = strlen(text),
                                             .fd = fd};
    AUTO_MADE struct made_signatures made = {0};
    if (p->signer) /* first: what cannot be signed is not there either */
        TRY(signer_make(p->signer, digest.s, &made));
    TRY_WRAP(registry_do(p->to.registry, &request, NULL), "writing manifest");
    if (made.gpg)
        push_say(p, "Signing manifest using simple signing");
    if (made.sigstore)
        push_say(p, "Signing manifest using a sigstore signature");
    return p->signer ? signer_store(p->signer, p->to.registry, &made) : NULL;
}

/* --- one image */

/* What the user wants it to be, else what it is. */
static bool wants_docker(const struct push *p, const struct manifest *m)
{
    if (p->opts->format)
        return strcmp(p->opts->format, "oci") != 0;
    return m->is_docker && !(p->files && push_files_want_oci(p->files));
}

/* The same document with other layers: whatever else is in it stays. */
static struct err *rewrite(const char *text, const struct manifest *m, char **ret)
{
    AUTO_JSON json_t *root = NULL;
    json_t *layers = NULL;
    TRY(json_parse(text, strlen(text), "manifest", &root));
    TRY(json_get_arr(root, "layers", "manifest", &layers));
    for (size_t i = 0; i < m->count; i++) {
        json_t *layer = json_array_get(layers, i);
        const char *digest = json_string_value(json_object_get(layer, "digest"));
        if (digest && strcmp(digest, m->entries[i].digest) == 0)
            continue;
        enum manifest_packing packing;
        const char *type;
        TRY(manifest_layer_packing(m->entries[i].media_type, &packing));
        TRY(manifest_layer_type(m->is_docker, packing, &type));
        TRY(json_put_str(layer, "mediaType", type));
        TRY(json_put_str(layer, "digest", m->entries[i].digest));
        TRY(json_put_int(layer, "size", (int64_t)m->entries[i].size_bytes));
        (void)json_object_del(layer, "annotations"); /* they tell of the bytes that it had */
    }
    return json_text(root, ret);
}

static struct err *new_manifest(const char *text, const struct manifest *m, bool docker, char **ret)
{
    if (docker == m->is_docker)
        return rewrite(text, m, ret);
    return manifest_build(docker, &m->config, m->entries, m->count, m->annotations, ret);
}

struct err *push_one(struct push *p, const struct push_source *source, const char *manifest, const char *media_type,
                     const char *compression, const char *tag, struct push_result *ret)
{
    AUTO_MANIFEST struct manifest m = {0};
    AUTO_PUSH_RESULT struct push_result r = {0};
    bool changed = false;
    TRY(manifest_parse(manifest, strlen(manifest), media_type, &m));
    bool docker = wants_docker(p, &m);
    push_say(p, "Getting image source signatures");
    TRY_WRAP(push_layers(p, source, &m, compression ? compression : p->opts->compression, &docker, &changed),
             "writing blob");
    for (size_t i = 0; i < m.count; i++) {
        enum manifest_packing packing;
        TRY(manifest_layer_packing(m.entries[i].media_type, &packing));
        r.has_zstd |= packing == PACKING_ZSTD;
    }
    push_say(p, "Copying config %s", m.config.digest);
    TRY_WRAP(push_blobs(p, source, &m.config, 1), "writing config");
    push_say(p, "Writing manifest to image destination");
    if (changed || docker != m.is_docker) {
        TRY(new_manifest(manifest, &m, docker, &r.text));
        TRY(mem_strdup(docker ? MEDIA_DOCKER_MANIFEST : MEDIA_OCI_MANIFEST, &r.media_type));
    } else {
        TRY(mem_strdup(manifest, &r.text));
        TRY(mem_strdup(m.media_type, &r.media_type));
    }
    TRY(push_manifest(p, r.text, r.media_type, tag));
    push_say(p, "Storing signatures");
    r.size_bytes = strlen(r.text);
    r.digest = digest_of(r.text, r.size_bytes);
    *ret = r;
    r = (struct push_result){0};
    return NULL;
}

/* --- push */

struct err *image_push_check(const struct image_push_opts *o)
{
    static const char *const compressions[] = {"gzip", "zstd"};
    bool docker = o->format && strcmp(o->format, "oci") != 0;
    bool known = !o->compression;
    if (o->format && strcmp(o->format, "v2s1") == 0)
        return ERR_NEW(ERR_UNSUPPORTED, "format v2s1 (Docker's schema 1) is not supported: registries refuse it");
    if (docker && strcmp(o->format, "v2s2") != 0 && strcmp(o->format, "docker") != 0)
        return ERR_NEW(ERR_INVALID, "unknown format \"%s\". Choose one of the supported formats: 'oci' or 'v2s2'",
                       o->format);
    if (o->compression && strcmp(o->compression, "zstd:chunked") == 0)
        return ERR_NEW(ERR_UNSUPPORTED, "compression zstd:chunked is not made here: there are gzip and zstd");
    for (size_t i = 0; i < ARRAY_LEN(compressions); i++)
        known |= o->compression && strcmp(o->compression, compressions[i]) == 0;
    if (!known)
        return ERR_NEW(ERR_INVALID, "cannot find compressor for \"%s\": there are gzip and zstd", o->compression);
    bool zstd = o->compression && strcmp(o->compression, "zstd") == 0;
    if (docker && zstd)
        return ERR_NEW(ERR_UNSUPPORTED, "format v2s2 has no zstd layers: use --format oci");
    if (o->level && !o->compression)
        return ERR_NEW(ERR_INVALID, "--compression-level needs --compression-format");
    if (o->level < 0 || o->level > (zstd ? 19 : 9))
        return ERR_NEW(ERR_INVALID, "compression level %lld: %s has 1 to %d", (long long)o->level, o->compression,
                       zstd ? 19 : 9);
    return NULL;
}

/* The full name to push to; a short one is not guessed. */
static struct err *destination_name(struct push *p, const char *name, const char *destination, char **ret)
{
    AUTO_FREE char *id = NULL, *full = NULL;
    if (destination)
        return reference_normalize_docker(destination, ret);
    TRY(image_find_id(engine_store(p->engine), name, &id, &full));
    if (!full || strchr(full, '@'))
        return ERR_NEW(ERR_INVALID, "%s: an image that is named by id or digest needs a destination", name);
    *ret = TAKE_PTR(full);
    return NULL;
}

/* `flat`: it is that one's, or NULL. */
static struct err *push_image(struct push *p, const struct image *i, struct flat *flat, const char *tag,
                              char **ret_digest)
{
    AUTO_FREE char *text = NULL;
    AUTO_PUSH_RESULT struct push_result result = {0};
    struct push_source source = {.open = push_open_stored, .arg = p->engine, .own_manifest = i->own_manifest};
    if (flat)
        source = (struct push_source){.open = flat_open, .arg = flat};
    TRY(image_read_manifest_text(p->engine, i, &text));
    TRY(push_one(p, &source, text, i->media_type, NULL, tag, &result));
    return ret_digest ? mem_strdup(result.digest.s, ret_digest) : NULL;
}

/* An image of another store, or a packed one. `take_error`: what is wrong when it isn't that either. */
static struct err *push_outside(struct push *p, const char *name, struct err *take_error, const char *destination,
                                char **ret_digest)
{
    AUTO_ERR struct err *error = take_error;
    AUTO_IMAGE struct image *from = NULL;
    AUTO_FLAT struct flat *flat = NULL;
    AUTO_FREE char *full = NULL;
    TRY(outside_find(p->engine, name, &from));
    if (!from)
        return TAKE_PTR(error);
    if (!p->opts->files && destination)
        TRY(reference_normalize_docker(destination, &full));
    else if (!p->opts->files)
        TRY(outside_full_name(from, name, &full));
    if (!p->opts->files && !full)
        return ERR_NEW(ERR_INVALID, "%s: an image that is named by id or digest needs a destination", name);
    TRY(flat_make(p->engine, from, &flat));
    TRY(push_open(p, full));
    TRY_WRAP(push_close(p, push_image(p, flat->image, flat, push_target(p), ret_digest)), "copying %s to %s", name,
             p->where);
    return store_event(engine_store(p->engine), "image", "push", from->id, p->opts->files ? p->where : p->to.full_name,
                       NULL);
}

struct err *image_push(struct engine *e, const char *name, const char *destination, const struct image_push_opts *opts,
                       char **ret_digest)
{
    AUTO_PUSH struct push p;
    AUTO_FREE char *full = NULL, *id = NULL;
    AUTO_IMAGE struct image *i = NULL;
    push_init(&p, e, opts);
    TRY(image_push_check(opts));
    struct err *error = image_find_id(engine_store(e), name, &id, NULL);
    if (error && err_kind(error) == ERR_NOT_FOUND)
        return push_outside(&p, name, error, destination, ret_digest);
    TRY(error);
    TRY(image_fetch(engine_store(e), id, &i));
    if (!opts->files)
        TRY(destination_name(&p, name, destination, &full));
    if (i->is_list)
        return index_push(e, id, full, opts, ret_digest);
    TRY(push_open(&p, full));
    TRY_WRAP(push_close(&p, push_image(&p, i, NULL, push_target(&p), ret_digest)), "copying %s to %s", name, p.where);
    return store_event(engine_store(e), "image", "push", i->id, opts->files ? p.where : p.to.full_name, NULL);
}
