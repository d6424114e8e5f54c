/* One image: what is missing of it comes through pipes, straight into the unpackers.
 *
 *   coracle-registry --pipe--> coracle-layer --> staging/layer-N, and the blob as it came into partial/<hex>
 *
 * coracle-layer checks digest and diff id while it unpacks; what it has not seen is in no blob. On a second try the
 * beginning comes from the partial file and the rest over the network.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/image/partial.h"
#include "engine/image/progress.h"
#include "engine/image/pull_internal.h"

#define LAYERS_AT_ONCE 6
#define LAYERS_MAX 32         /* processes, whatever is asked for */
#define ZSTD_LAYERS_AT_ONCE 5 /* each decompressor has a window of some megabytes */
#define PIPE_BYTES (1 << 20)
#define FAILURE_WAIT_MSEC 500

struct incoming {
    struct partial partial;
    uint32_t request; /* 0: none */
};

struct image_pull {
    struct pull *pull;
    struct content *content;
    struct manifest manifest;
    struct manifest_config config;
    size_t *layers;
    struct incoming *incoming; /* by layer */
    size_t n_put;              /* layers that were begun */
    struct image_bar *bars;    /* one per layer, and one more */
    bool resumed;              /* something came from partial files */
};

/* For a terminal: each layer that was begun, and all unpacking together. */
static void show(void *arg)
{
    struct image_pull *ip = arg;
    const struct image_bars *to = ip->pull->opts->bars;
    struct image_bar *all = &ip->bars[ip->n_put];
    *all = (struct image_bar){.what = "Unpacking", .passing = true, .finished = ip->n_put == ip->manifest.count};
    for (size_t i = 0; i < ip->n_put; i++) {
        const struct manifest_descriptor *d = &ip->manifest.entries[i];
        struct image_bar *bar = &ip->bars[i];
        uint64_t unpacked = 0;
        bool known = content_layer_is_known(ip->content, ip->layers[i]);
        *bar = image_bar_of_blob(d->digest, d->size_bytes);
        content_layer_moved(ip->content, ip->layers[i], &bar->done_bytes, &unpacked, &bar->finished);
        all->finished &= bar->finished;
        bar->existed = known;
        bar->finished |= bar->done_bytes >= bar->total_bytes;
        all->done_bytes += known ? 0 : unpacked;
        all->total_bytes += known ? 0 : d->size_bytes;
    }
    to->show(to->arg, ip->bars, ip->n_put + 1);
}

static struct err *ask_layer(struct image_pull *ip, size_t index, int pipe_fd)
{
    const struct manifest_descriptor *d = &ip->manifest.entries[index];
    struct incoming *in = &ip->incoming[index];
    const struct registry_request request = {.verb = REGISTRY_GET_BLOB,
                                             .target = d->digest,
                                             .urls = manifest_is_foreign(d) ? &d->urls : NULL,
                                             .size_bytes = d->size_bytes,
                                             .offset = in->partial.have_bytes,
                                             .fd = pipe_fd,
                                             .resume_fd = in->partial.fd};
    ip->resumed |= in->partial.have_bytes > 0;
    return registry_ask(ip->pull->registry, &request, &in->request);
}

static struct err *put_layer(struct image_pull *ip, size_t index)
{
    const struct manifest_descriptor *d = &ip->manifest.entries[index];
    struct incoming *in = &ip->incoming[index];
    struct store *store = engine_store(ip->pull->engine);
    int ends[2];
    for (size_t i = 0; i < index; i++) { /* the same layer twice is one */
        if (strcmp(ip->manifest.entries[i].digest, d->digest) == 0 &&
            strcmp(ip->config.diff_ids.items[i], ip->config.diff_ids.items[index]) == 0) {
            ip->layers[index] = ip->layers[i];
            return NULL;
        }
    }
    if (pipe2(ends, O_CLOEXEC) < 0)
        return ERR_SYS(errno, "make a pipe");
    AUTO_FD int from = ends[0];
    AUTO_FD int to = ends[1];
    (void)fcntl(to, F_SETPIPE_SZ, PIPE_BYTES); /* only quicker */
    TRY(partial_open(store, d->digest, d->size_bytes, &in->partial));
    const struct content_layer_source source = {.fd = from,
                                                .diff_id = ip->config.diff_ids.items[index],
                                                .blob_digest = d->digest,
                                                .size_bytes = d->size_bytes,
                                                .keep_fd = in->partial.fd};
    TRY(content_put_layer(ip->content, &source, &ip->layers[index]));
    bool known = content_layer_is_known(ip->content, ip->layers[index]);
    if (!ip->bars)
        pull_say(ip->pull, known ? "Copying blob %s skipped: already exists  " : "Copying blob %s", d->digest);
    if (known)
        return NULL;
    return ask_layer(ip, index, to);
}

static struct err *put_layers(struct image_pull *ip)
{
    for (size_t i = 0; i < ip->manifest.count; i++) {
        TRY(put_layer(ip, i));
        ip->n_put++;
        if (ip->bars)
            show(ip);
    }
    TRY(content_wait(ip->content));
    if (ip->bars)
        show(ip);
    for (size_t i = 0; i < ip->manifest.count; i++)
        if (ip->incoming[i].request)
            TRY(registry_wait(ip->pull->registry, ip->incoming[i].request, NULL));
    return NULL;
}

/* When the network failed, the unpacker only sees an early end: say what happened first. */
static struct err *real_cause(struct image_pull *ip, struct err *take_e)
{
    if (!take_e)
        return NULL;
    struct err *failure = registry_failure(ip->pull->registry, FAILURE_WAIT_MSEC);
    if (!failure)
        return take_e;
    err_drop(take_e);
    return failure;
}

static struct err *fetch_config(struct image_pull *ip, char **ret, size_t *ret_len)
{
    const struct manifest_descriptor *d = &ip->manifest.config;
    if (d->size_bytes > MANIFEST_CONFIG_MAX_BYTES)
        return ERR_NEW(ERR_INVALID, "the config has %llu bytes, too many", (unsigned long long)d->size_bytes);
    TRY_WRAP(pull_fetch(ip->pull, REGISTRY_GET_BLOB, d->digest, d->digest, (size_t)d->size_bytes, ret, ret_len, NULL),
             "config %s", d->digest);
    TRY(manifest_config_parse(*ret, *ret_len, &ip->config));
    if (ip->config.diff_ids.count != ip->manifest.count)
        return ERR_NEW(ERR_CORRUPT, "the manifest has %zu layers, the config %zu", ip->manifest.count,
                       ip->config.diff_ids.count);
    return NULL;
}

static struct err *add_image(struct image_pull *ip, const char *manifest, size_t len, const char *config,
                             size_t config_len)
{
    struct pull *p = ip->pull;
    AUTO_STRV struct strv names = STRV_INIT, digests = STRV_INIT;
    struct content_image image = {.media_type = ip->manifest.media_type,
                                  .parsed = &ip->config,
                                  .layers = ip->layers,
                                  .names = &names,
                                  .extra_digests = &digests,
                                  .manifest_len = len,
                                  .config_len = config_len,
                                  .event = "pull"};
    TRY(strv_add(&names, p->full_name));
    image.pulled_digest = p->index_digest;
    if (p->index_digest)
        TRY(strv_add(&digests, p->index_digest));
    TRY(content_put_document(ip->content, manifest, len, &image.manifest));
    TRY(content_put_document(ip->content, config, config_len, &image.config));
    return content_add_image(ip->content, &image);
}

static size_t layers_at_once(const struct image_pull *ip)
{
    const struct manifest *m = &ip->manifest;
    uint32_t asked = engine_options(ip->pull->engine)->parallel_copies;
    if (asked)
        return asked < LAYERS_MAX ? asked : LAYERS_MAX;
    for (size_t i = 0; i < m->count; i++) {
        enum manifest_packing packing = PACKING_PLAIN;
        struct err *e = manifest_layer_packing(m->entries[i].media_type, &packing);
        err_drop(e); /* it comes out when that layer is looked at */
        if (packing == PACKING_ZSTD)
            return ZSTD_LAYERS_AT_ONCE;
    }
    return LAYERS_AT_ONCE;
}

static struct err *bring(struct image_pull *ip, const char *manifest, size_t len)
{
    AUTO_FREE char *config = NULL;
    size_t config_len = 0;
    TRY(fetch_config(ip, &config, &config_len));
    ip->layers = mem_zalloc((ip->manifest.count + 1) * sizeof *ip->layers);
    ip->incoming = mem_zalloc((ip->manifest.count + 1) * sizeof *ip->incoming);
    if (!ip->layers || !ip->incoming)
        return err_oom();
    for (size_t i = 0; i < ip->manifest.count; i++)
        ip->incoming[i].partial.fd = -1;
    TRY(content_begin(ip->pull->engine, &ip->content));
    content_set_jobs(ip->content, layers_at_once(ip));
    if (ip->pull->opts->bars) {
        ip->bars = mem_zalloc((ip->manifest.count + 1) * sizeof *ip->bars);
        if (!ip->bars)
            return err_oom();
        content_set_tick(ip->content, show, ip);
    }
    TRY(real_cause(ip, put_layers(ip)));
    pull_say(ip->pull, "Copying config %s", ip->manifest.config.digest);
    pull_say(ip->pull, "Writing manifest to image destination");
    TRY(add_image(ip, manifest, len, config, config_len));
    TRY(content_commit(ip->content));
    pull_say(ip->pull, "Storing signatures");
    return NULL;
}

static void image_pull_done(struct image_pull *ip, bool remove)
{
    struct store *store = engine_store(ip->pull->engine);
    content_freep(&ip->content);
    for (size_t i = 0; ip->incoming && i < ip->manifest.count; i++)
        partial_done(store, &ip->incoming[i].partial, remove);
    mem_freep(&ip->incoming);
    mem_freep(&ip->layers);
    mem_freep(&ip->bars);
    manifest_config_done(&ip->config);
    manifest_done(&ip->manifest);
}

/* What it is known by, for names that are here and digests that came by digest. */
static struct err *remember(struct pull *p, const char *id, const char *manifest_digest)
{
    struct store *s = engine_store(p->engine);
    const char *const digests[] = {manifest_digest, p->index_digest};
    struct store_tx_guard guard AUTO_TX = {.store = s};
    TRY(store_begin(s, STORE_WRITE, true));
    struct store_stmt *st;
    TRY(image_name_set(s, p->full_name, id, timefmt_now()));
    for (size_t i = 0; i < ARRAY_LEN(digests); i++) {
        if (!digests[i])
            continue;
        TRY(store_prepare(s, "INSERT INTO image_digests VALUES(?, ?, ?) ON CONFLICT DO NOTHING", &st));
        TRY(store_bind(st, "ttt", p->repository, digests[i], id));
        TRY(store_run(st));
    }
    return store_commit(s);
}

/* Is exactly this image here? Then only its name may be new. */
static struct err *find_present(struct pull *p, const struct manifest *m, const struct digest *manifest_digest,
                                bool *ret)
{
    AUTO_IMAGE struct image *i = NULL;
    struct err *e = image_fetch(engine_store(p->engine), digest_hex(m->config.digest), &i);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_drop(e);
        *ret = false;
        return NULL;
    }
    TRY(e);
    if (strcmp(i->manifest_digest, manifest_digest->s) != 0) {
        *ret = false; /* the same files, but another manifest */
        return NULL;
    }
    for (size_t k = 0; k < m->count; k++) {
        struct image_bar bar = image_bar_of_blob(m->entries[k].digest, m->entries[k].size_bytes);
        bar.finished = bar.existed = true;
        if (p->opts->bars)
            p->opts->bars->show(p->opts->bars->arg, &bar, 1);
        else
            pull_say(p, "Copying blob %s skipped: already exists  ", m->entries[k].digest);
    }
    pull_say(p, "Copying config %s", m->config.digest);
    pull_say(p, "Writing manifest to image destination");
    TRY(remember(p, i->id, manifest_digest->s));
    pull_say(p, "Storing signatures");
    *ret = true;
    return NULL;
}

static struct err *try_once(struct pull *p, const char *text, size_t len, const char *media_type, bool *ret_again)
{
    struct image_pull ip = {.pull = p};
    struct err *e = manifest_parse(text, len, media_type, &ip.manifest);
    if (!e)
        e = bring(&ip, text, len);
    /* A file that was torn by a power cut, or damaged: from the start then, once. */
    bool corrupt = e && err_kind(e) == ERR_CORRUPT;
    *ret_again = corrupt && ip.resumed;
    image_pull_done(&ip, !e || corrupt);
    return e;
}

/* What is not here comes; the manifest's lock is held. */
static struct err *bring_missing(struct pull *p, const char *manifest, size_t len, const char *media_type,
                                 const struct manifest *m)
{
    struct store *store = engine_store(p->engine);
    struct digest digest = digest_of(manifest, len);
    bool present = false, again = false;
    TRY(find_present(p, m, &digest, &present));
    if (present)
        return NULL;
    TRY(store_clean(store)); /* links of a killed pull to its partial files, in staging or already among the blobs */
    struct err *e = try_once(p, manifest, len, media_type, &again);
    if (e && again) {
        log_debug("from the start again: %s", err_text(e));
        err_drop(e);
        e = try_once(p, manifest, len, media_type, &again);
    }
    TRY(e);
    partial_clean(store);
    return remember(p, digest_hex(m->config.digest), digest.s);
}

struct err *pull_image(struct pull *p, const char *manifest, size_t len, const char *media_type, char **ret_id)
{
    struct store *store = engine_store(p->engine);
    AUTO_MANIFEST struct manifest m = {0};
    int lock = -1;
    struct digest digest = digest_of(manifest, len);
    TRY(manifest_parse(manifest, len, media_type, &m));
    if (m.kind != MANIFEST_IMAGE)
        return ERR_NEW(ERR_INVALID, "an index where the manifest of an image is expected");
    pull_say(p, "Getting image source signatures");
    TRY(partial_lock(store, digest.s, &lock));
    struct err *e = bring_missing(p, manifest, len, media_type, &m);
    partial_unlock(store, digest.s, lock);
    TRY(e);
    return mem_strdup(digest_hex(m.config.digest), ret_id);
}
