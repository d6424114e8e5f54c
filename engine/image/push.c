/* `push`: blobs and manifest go out as they came in, so that digests stay the same. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "engine/image/internal.h"
#include "engine/image/reference.h"
#include "engine/registry/registry.h"
#include "engine/store/digest.h"

#define BLOBS_AT_ONCE 6

struct push {
    struct engine *engine;
    const struct image_push_opts *opts;
    struct registry *registry;
    struct manifest manifest;
    struct digest digest; /* of the manifest */
};

__attribute__((format(printf, 2, 3))) static void say(const struct push *p, const char *fmt, ...)
{
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    va_list ap;
    if (!p->opts->progress)
        return;
    va_start(ap, fmt);
    struct err *e = strbuf_vprintf(&line, fmt, ap);
    va_end(ap);
    if (!e)
        p->opts->progress(p->opts->progress_arg, strbuf_str(&line));
    err_drop(e);
}

static struct err *ask_blob(struct push *p, const char *digest, uint32_t *ret_id)
{
    AUTO_FD int fd = -1;
    uint64_t size;
    TRY(store_blob_open(engine_store(p->engine), digest, &fd, &size));
    const struct registry_request request = {.verb = REGISTRY_PUT_BLOB, .target = digest, .size_bytes = size, .fd = fd};
    return registry_ask(p->registry, &request, ret_id);
}

static bool is_repeated(const struct push *p, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(p->manifest.entries[i].digest, p->manifest.entries[index].digest) == 0)
            return true;
    return false;
}

static struct err *push_layers(struct push *p)
{
    uint32_t under_way[BLOBS_AT_ONCE] = {0};
    size_t n = 0;
    for (size_t i = 0; i < p->manifest.count; i++) {
        if (is_repeated(p, i))
            continue;
        uint32_t *slot = &under_way[n++ % BLOBS_AT_ONCE];
        if (*slot)
            TRY(registry_wait(p->registry, *slot, NULL));
        say(p, "Copying blob %s", p->manifest.entries[i].digest);
        TRY(ask_blob(p, p->manifest.entries[i].digest, slot));
    }
    for (size_t i = 0; i < BLOBS_AT_ONCE; i++)
        if (under_way[i])
            TRY(registry_wait(p->registry, under_way[i], NULL));
    return NULL;
}

static struct err *push_config(struct push *p)
{
    uint32_t id;
    say(p, "Copying config %s", p->manifest.config.digest);
    TRY(ask_blob(p, p->manifest.config.digest, &id));
    return registry_wait(p->registry, id, NULL);
}

static struct err *push_manifest(struct push *p, const struct image *i, const char *text, const char *tag)
{
    AUTO_FD int fd = memfd_create("manifest", MFD_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "memfd_create");
    say(p, "Writing manifest to image destination");
    TRY(fd_write_all(fd, text, strlen(text)));
    const struct registry_request request = {.verb = REGISTRY_PUT_MANIFEST,
                                             .target = tag,
                                             .media_type = i->media_type,
                                             .size_bytes = strlen(text),
                                             .fd = fd};
    TRY(registry_do(p->registry, &request, NULL));
    say(p, "Storing signatures");
    return NULL;
}

static struct err *push_image(struct push *p, const struct image *i, const char *tag)
{
    AUTO_FREE char *text = NULL;
    TRY(image_read_manifest_text(p->engine, i, &text));
    TRY(manifest_parse(text, strlen(text), i->media_type, &p->manifest));
    p->digest = digest_of(text, strlen(text));
    say(p, "Getting image source signatures");
    TRY_WRAP(push_layers(p), "writing blob");
    TRY_WRAP(push_config(p), "writing config");
    return ERR_WRAP(push_manifest(p, i, text, tag), "writing manifest");
}

/* The full name to push to; a short one is not guessed. */
static struct err *destination_name(struct push *p, const char *name, const char *destination, struct reference *ret)
{
    AUTO_FREE char *id = NULL, *full = NULL, *normal = NULL;
    if (!destination) {
        TRY(image_find_id(engine_store(p->engine), name, &id, &full));
        if (!full)
            return ERR_NEW(ERR_INVALID, "%s: an image that is named by id or digest needs a destination", name);
        destination = full;
    }
    TRY(reference_normalize_docker(destination, &normal));
    TRY(reference_parse(normal, ret));
    if (ret->digest)
        return ERR_NEW(ERR_INVALID, "%s: a destination has a tag, not a digest", destination);
    return NULL;
}

static struct err *push(struct push *p, const char *name, const char *destination)
{
    AUTO_REGISTRY_CONF struct registry_conf *conf = NULL;
    AUTO_SOURCES struct registry_sources sources = {0};
    AUTO_REFERENCE struct reference to = {0};
    AUTO_IMAGE struct image *i = NULL;
    struct registry_opts opts = p->opts->registry ? *p->opts->registry : (struct registry_opts){0};
    opts.push = true;
    TRY(image_find(p->engine, name, &i));
    TRY(destination_name(p, name, destination, &to));
    TRY(registry_conf_load(&conf));
    TRY(registry_find_sources(conf, to.domain, to.path, &opts, false, &sources));
    TRY(registry_start(&sources, &opts, &p->registry));
    TRY_WRAP(push_image(p, i, to.tag), "copying %s to docker://%s/%s:%s", name, to.domain, to.path, to.tag);
    AUTO_FREE char *full = NULL;
    TRY(mem_asprintf(&full, "%s/%s:%s", to.domain, to.path, to.tag));
    return store_event(engine_store(p->engine), "image", "push", i->id, full, NULL);
}

struct err *image_push(struct engine *e, const char *name, const char *destination, const struct image_push_opts *opts,
                       char **ret_digest)
{
    struct push p = {.engine = e, .opts = opts};
    struct err *error = push(&p, name, destination);
    registry_stopp(&p.registry);
    manifest_done(&p.manifest);
    if (!error && ret_digest)
        error = mem_strdup(p.digest.s, ret_digest);
    return error;
}
