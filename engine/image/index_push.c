/* `manifest push`: a list, and what it lists, to a registry. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/image/index_internal.h"
#include "engine/image/push_files.h"
#include "engine/image/verify.h"

#define REGISTRY "docker://"
/* What other programs look for in lists with variants; containers/image's name. */
#define ZSTD_ANNOTATION "io.github.containers.compression.zstd"

/* --- images that are in another place of a registry */

struct elsewhere {
    struct push *push;
    struct remote from;
};

/* Into staging, verified. */
static struct err *open_elsewhere(void *arg, const char *digest, uint64_t size_bytes, int *ret_fd)
{
    struct elsewhere *x = arg;
    AUTO_FD int fd = -1;
    struct digest actual;
    TRY(push_stage(x->push, &fd));
    const struct registry_request request = {
        .verb = REGISTRY_GET_BLOB, .target = digest, .size_bytes = size_bytes, .fd = fd};
    TRY_WRAP(registry_do(x->from.registry, &request, NULL), "reading blob %s", digest);
    TRY(digest_of_file(fd, &actual));
    if (strcmp(actual.s, digest) != 0)
        return ERR_NEW(ERR_CORRUPT, "blob %s: its content has the digest %s", digest, actual.s);
    if (lseek(fd, 0, SEEK_SET) < 0)
        return ERR_SYS(errno, "seek");
    *ret_fd = TAKE_FD(fd);
    return NULL;
}

static struct err *push_elsewhere(struct push *p, const char *source, const char *digest, const char *compression,
                                  struct push_result *ret)
{
    struct elsewhere x = {.push = p};
    const struct push_source from = {.open = open_elsewhere, .arg = &x, .is_far = true};
    AUTO_FREE char *name = NULL, *text = NULL, *type = NULL;
    size_t len;
    /* The destination's credentials are nobody else's business. */
    struct registry_opts opts = p->opts->registry ? *p->opts->registry : (struct registry_opts){0};
    opts.push = false;
    opts.creds = NULL;
    TRY(mem_asprintf(&name, "%s@%s", source + strlen(REGISTRY), digest));
    struct err *e = remote_open(name, &opts, &x.from);
    if (!e)
        e = remote_manifest(&x.from, &text, &len, &type);
    if (!e)
        e = verify_remote(p->engine, NULL, name, x.from.registry, text, len);
    if (!e)
        e = push_one(p, &from, text, type, compression, NULL, ret);
    remote_close(&x.from);
    return e;
}

/* --- what is here */

/* An artifact of the list's own: as it is, whatever it holds. */
static struct err *push_own(struct push *p, const char *digest, struct push_result *ret)
{
    AUTO_MANIFEST struct manifest m = {0};
    AUTO_PUSH_RESULT struct push_result r = {0};
    const struct push_source source = {.open = push_open_stored, .arg = p->engine};
    size_t len;
    TRY(store_blob_read(engine_store(p->engine), digest, MANIFEST_MAX_BYTES, &r.text, &len));
    TRY(manifest_parse_artifact(r.text, len, &m));
    TRY_WRAP(push_blobs(p, &source, m.entries, m.count), "writing blob");
    TRY_WRAP(push_blobs(p, &source, &m.config, 1), "writing config");
    TRY(push_manifest(p, r.text, m.media_type, NULL));
    TRY(mem_strdup(m.media_type, &r.media_type));
    r.digest = digest_of(r.text, len);
    r.size_bytes = len;
    *ret = r;
    r = (struct push_result){0};
    return NULL;
}

static struct err *push_here(struct push *p, const char *id, const char *compression, struct push_result *ret)
{
    AUTO_IMAGE struct image *i = NULL;
    AUTO_FREE char *text = NULL;
    TRY(image_fetch(engine_store(p->engine), id, &i));
    const struct push_source source = {.open = push_open_stored, .arg = p->engine, .own_manifest = i->own_manifest};
    TRY(image_read_manifest_text(p->engine, i, &text));
    return push_one(p, &source, text, i->media_type, compression, NULL, ret);
}

/* --- the list */

static const char *text_of(const json_t *obj, const char *key)
{
    const char *s = json_string_value(json_object_get(obj, key));
    return s ? s : "";
}

static struct err *push_entry(struct push *p, const json_t *entry, const char *compression, struct push_result *ret)
{
    AUTO_STRV struct strv ids = STRV_INIT;
    const char *digest = text_of(entry, "digest"), *source = text_of(entry, "source");
    const char *type = text_of(entry, "mediaType");
    if (strcmp(type, MEDIA_OCI_INDEX) == 0 || strcmp(type, MEDIA_DOCKER_LIST) == 0)
        return ERR_NEW(ERR_UNSUPPORTED, "%s is a list inside of a list, which cannot be pushed", digest);
    TRY(store_texts(engine_store(p->engine), "SELECT id FROM images WHERE manifest = ?", digest, &ids));
    if (ids.count)
        return push_here(p, ids.items[0], compression, ret);
    if (source[0])
        return push_elsewhere(p, source, digest, compression, ret);
    if (json_object_get(entry, "artifactType") && store_blob_exists(engine_store(p->engine), digest))
        return push_own(p, digest, ret);
    return ERR_NEW(ERR_NOT_FOUND, "%s: image not known: it has been removed since it was added to the list", digest);
}

/* The entry as it was pushed. */
static struct err *result_entry(const json_t *entry, const struct push_result *r, json_t *out)
{
    AUTO_JSON json_t *copy = json_deep_copy(entry);
    TRY(json_put_str(copy, "mediaType", r->media_type));
    TRY(json_put_str(copy, "digest", r->digest.s));
    TRY(json_put_int(copy, "size", (int64_t)r->size_bytes));
    if (r->has_zstd) {
        const struct strv annotation = {.items = (char *[]){(char[]){ZSTD_ANNOTATION "=true"}, NULL}, .count = 1};
        TRY(listdoc_annotate(copy, &annotation));
    }
    return listdoc_put(out, TAKE_PTR(copy));
}

static struct err *push_and_put(struct push *p, const json_t *entry, const char *compression, json_t *out)
{
    AUTO_PUSH_RESULT struct push_result result = {0};
    TRY(push_entry(p, entry, compression, &result));
    return result_entry(entry, &result, out);
}

static struct err *push_entries(struct push *p, const json_t *doc, json_t *out)
{
    const json_t *entries = listdoc_entries(doc);
    size_t n = json_array_size(entries);
    push_say(p, "Copying %zu of %zu images in list", n, n);
    for (size_t i = 0; i < n; i++) {
        const json_t *entry = json_array_get(entries, i);
        push_say(p, "Copying image %s (%zu/%zu)", text_of(entry, "digest"), i + 1, n);
        TRY_WRAP(push_and_put(p, entry, NULL, out), "copying image %zu/%zu from manifest list", i + 1, n);
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *entry = json_array_get(entries, i);
        for (size_t k = 0; k < p->opts->add_compressions.count && !json_object_get(entry, "artifactType"); k++) {
            const char *compression = p->opts->add_compressions.items[k];
            push_say(p, "Replicating image %s with compression %s", text_of(entry, "digest"), compression);
            TRY_WRAP(push_and_put(p, entry, compression, out), "replicating image %zu/%zu with compression %s", i + 1,
                     n, compression);
        }
    }
    return NULL;
}

static struct err *push_list(struct push *p, const json_t *doc, char **ret_digest)
{
    AUTO_JSON json_t *out = json_deep_copy(doc);
    AUTO_FREE char *text = NULL;
    if (!out)
        return err_oom();
    push_say(p, "Getting image list signatures");
    if (!p->opts->list_alone) {
        TRY(json_array_clear(listdoc_entries(out)) ? err_oom() : NULL);
        TRY(push_entries(p, doc, out));
    }
    bool docker = p->opts->format ? strcmp(p->opts->format, "oci") != 0
                                  : listdoc_is_docker(out) && !(p->files && push_files_want_oci(p->files));
    TRY(listdoc_build(out, docker, &text));
    push_say(p, "Writing manifest list to image destination");
    TRY(push_manifest(p, text, docker ? MEDIA_DOCKER_LIST : MEDIA_OCI_INDEX, push_target(p)));
    push_say(p, "Storing list signatures");
    return ret_digest ? mem_strdup(digest_of(text, strlen(text)).s, ret_digest) : NULL;
}

struct err *index_push(struct engine *e, const char *list, const char *destination, const struct image_push_opts *opts,
                       char **ret_digest)
{
    AUTO_PUSH struct push p;
    AUTO_FREE char *id = NULL;
    AUTO_JSON json_t *doc = NULL;
    push_init(&p, e, opts);
    TRY(image_push_check(opts));
    for (size_t i = 0; i < opts->add_compressions.count; i++) {
        const struct image_push_opts one = {.format = opts->format, .compression = opts->add_compressions.items[i]};
        TRY_WRAP(image_push_check(&one), "--add-compression");
    }
    TRY_WRAP(index_find(e, list, &id), "retrieving local image from image name %s", list);
    TRY(index_read(e, id, &doc));
    TRY(push_open(&p, destination));
    TRY_WRAP(push_close(&p, push_list(&p, doc, ret_digest)), "copying %s to %s", list, p.where);
    return store_event(engine_store(e), "image", "push", id, opts->files ? p.where : p.to.full_name, NULL);
}
