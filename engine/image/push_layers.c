/* Layers on their way out: as they are, or compressed anew.
 *
 *   store ──────────────────────────────► coracle-registry     up to BLOBS_AT_ONCE
 *   store ─► coracle-layer recode ─► staging ─┘                up to one per processor
 *
 * A digest has to be known before a registry takes a blob, so what is compressed is a file first; memory stays small.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"
#include "engine/image/progress.h"
#include "engine/image/push_files.h"
#include "engine/layer/layer.h"

#define BLOBS_AT_ONCE 6
#define JOBS_MAX 4

/* --- uploads */

struct uploads {
    struct push *push;
    bool shown;                  /* on a terminal, if there is one */
    uint32_t ids[BLOBS_AT_ONCE]; /* 0: free */
    int fds[BLOBS_AT_ONCE];      /* with `bars`: shares its position with coracle-registry */
    size_t bar[BLOBS_AT_ONCE];
    size_t next;
    struct image_bar *bars;
    size_t n_bars, cap_bars;
};

static void show_uploads(void *arg)
{
    struct uploads *u = arg;
    const struct image_bars *to = u->push->opts->bars;
    for (size_t i = 0; i < BLOBS_AT_ONCE; i++) {
        off_t at = u->ids[i] ? lseek(u->fds[i], 0, SEEK_CUR) : -1;
        if (at >= 0)
            u->bars[u->bar[i]].done_bytes = (uint64_t)at;
    }
    to->show(to->arg, u->bars, u->n_bars);
}

static struct err *begin_bar(struct uploads *u, size_t slot, const char *digest, uint64_t size_bytes, int fd)
{
    if (!u->shown || !u->push->opts->bars)
        return NULL;
    TRY(mem_grow(&u->bars, u->n_bars, &u->cap_bars, sizeof *u->bars, STRV_MAX));
    TRY(fd_duplicate(fd, &u->fds[slot]));
    (void)lseek(fd, 0, SEEK_SET);
    u->bar[slot] = u->n_bars;
    u->bars[u->n_bars++] = image_bar_of_blob(digest, size_bytes);
    registry_set_tick(u->push->to.registry, show_uploads, u);
    return NULL;
}

static void uploads_done(struct uploads *u)
{
    for (size_t i = 0; u->bars && i < BLOBS_AT_ONCE; i++)
        if (u->ids[i])
            fd_close(u->fds[i]);
    if (u->push->to.registry)
        registry_set_tick(u->push->to.registry, NULL, NULL);
    mem_freep(&u->bars);
}

/* What is under way in a slot, if anything. */
static struct err *finish_upload(struct uploads *u, size_t slot)
{
    AUTO_ANSWER struct registry_answer answer = {0};
    uint32_t id = u->ids[slot];
    if (!id)
        return NULL;
    TRY(registry_wait(u->push->to.registry, id, &answer));
    u->ids[slot] = 0;
    if (!u->bars)
        return NULL;
    struct image_bar *bar = &u->bars[u->bar[slot]];
    u->fds[slot] = fd_close(u->fds[slot]);
    bar->finished = true;
    bar->existed = answer.existed;
    bar->done_bytes = bar->total_bytes;
    show_uploads(u);
    return NULL;
}

/* A repository of the same registry that an image with this blob is known by: maybe it can be taken from there. */
static struct err *mount_source(struct push *p, const char *digest, char **ret)
{
    struct store_stmt *st;
    bool row;
    const struct reference *to = &p->to.ref;
    TRY(store_prepare(engine_store(p->engine),
                      "SELECT substr(d.name, length(?1) + 2) FROM image_digests d WHERE d.image_id IN"
                      " (SELECT image_id FROM image_layers WHERE blob = ?3"
                      "  UNION SELECT id FROM images WHERE config = ?3)"
                      " AND substr(d.name, 1, length(?1) + 1) = ?1 || '/' AND d.name <> ?1 || '/' || ?2 LIMIT 1",
                      &st));
    TRY(store_bind(st, "ttt", to->domain, to->path, digest));
    TRY(store_step(st, &row));
    struct err *e = row ? mem_strdup(store_col_text(st, 0), ret) : NULL;
    store_idle(engine_store(p->engine));
    return e;
}

static struct err *upload(struct uploads *u, const char *digest, uint64_t size_bytes, int fd)
{
    size_t slot = u->next++ % BLOBS_AT_ONCE;
    AUTO_FREE char *mount = NULL;
    if (u->push->files)
        return push_files_put_blob(u->push->files, digest, fd);
    TRY(finish_upload(u, slot));
    TRY(begin_bar(u, slot, digest, size_bytes, fd));
    TRY(mount_source(u->push, digest, &mount));
    const struct registry_request request = {
        .verb = REGISTRY_PUT_BLOB, .target = digest, .mount_from = mount, .size_bytes = size_bytes, .fd = fd};
    return registry_ask(u->push->to.registry, &request, &u->ids[slot]);
}

static struct err *wait_all(struct uploads *u)
{
    for (size_t i = 0; i < BLOBS_AT_ONCE; i++)
        TRY(finish_upload(u, i));
    return NULL;
}

static bool is_repeated(const struct manifest_descriptor *list, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(list[i].digest, list[index].digest) == 0)
            return true;
    return false;
}

/* Whether the registry has it already. */
static struct err *is_there(struct push *p, const char *digest, bool *ret)
{
    if (p->files) {
        *ret = push_files_has(p->files, digest);
        return NULL;
    }
    AUTO_ANSWER struct registry_answer answer = {0};
    const struct registry_request request = {.verb = REGISTRY_HEAD_BLOB, .target = digest};
    TRY(registry_do(p->to.registry, &request, &answer));
    *ret = answer.existed;
    return NULL;
}

static struct err *upload_as_is(struct uploads *u, const struct push_source *source,
                                const struct manifest_descriptor *d)
{
    AUTO_FD int fd = -1;
    bool there = manifest_is_foreign(d); /* it stays where it is */
    if (source->is_far && !there)
        TRY(is_there(u->push, d->digest, &there));
    if (there)
        return NULL;
    TRY(source->open(source->arg, d->digest, d->size_bytes, &fd));
    return upload(u, d->digest, d->size_bytes, fd);
}

struct err *push_blobs(struct push *p, const struct push_source *source, const struct manifest_descriptor *blobs,
                       size_t count)
{
    __attribute__((cleanup(uploads_done))) struct uploads u = {.push = p, .shown = p->show_blobs};
    for (size_t i = 0; i < count; i++)
        if (!is_repeated(blobs, i))
            TRY(upload_as_is(&u, source, &blobs[i]));
    return wait_all(&u);
}

/* --- compression */

struct recoding {
    struct layer_job *job;
    size_t layer;
    int fd; /* in staging */
};

struct layers {
    struct push *push;
    const struct push_source *source;
    struct manifest *manifest;
    enum manifest_packing *wanted; /* by layer */
    struct uploads uploads;
    struct recoding jobs[JOBS_MAX];
    size_t n_jobs, jobs_max;
    struct manifest_descriptor *become; /* by layer; without digest: as it is */
};

static void layers_done(struct layers *l)
{
    for (size_t i = 0; i < l->n_jobs; i++) {
        layer_job_cancel(l->jobs[i].job);
        fd_close(l->jobs[i].fd);
    }
    for (size_t i = 0; l->become && i < l->manifest->count; i++) {
        mem_freep(&l->become[i].digest);
        mem_freep(&l->become[i].media_type);
    }
    mem_freep(&l->become);
    mem_freep(&l->wanted);
    uploads_done(&l->uploads);
}

static struct err *start_recoding(struct layers *l, size_t index)
{
    static const enum layer_compression compressions[] = {LAYER_PLAIN, LAYER_GZIP, LAYER_ZSTD};
    const struct manifest_descriptor *d = &l->manifest->entries[index];
    struct recoding r = {.layer = index, .fd = -1};
    AUTO_FD int from = -1;
    TRY(l->source->open(l->source->arg, d->digest, d->size_bytes, &from));
    TRY(push_stage(l->push, &r.fd));
    const struct layer_recode_opts opts = {
        .archive_fd = from,
        .output_fd = r.fd,
        .empty_dirfd = l->push->empty_dirfd,
        .blob_digest = d->digest,
        .compression = compressions[l->wanted[index]],
        .level = (int)l->push->opts->level,
    };
    struct err *e = layer_recode_start(&opts, &r.job);
    if (e) {
        fd_close(r.fd);
        return e;
    }
    l->jobs[l->n_jobs++] = r;
    return NULL;
}

/* The oldest job: wait for it, and send what it has made. */
static struct err *finish_recoding(struct layers *l)
{
    struct recoding r = l->jobs[0];
    struct layer_result result = {.entries = 0};
    AUTO_FD int fd = r.fd;
    memmove(l->jobs, l->jobs + 1, --l->n_jobs * sizeof *l->jobs);
    TRY_WRAP(layer_job_finish(r.job, &result), "layer %s", l->manifest->entries[r.layer].digest);
    struct manifest_descriptor *d = &l->become[r.layer];
    const char *type;
    TRY_WRAP(digest_check(result.blob_digest), "compressed layer");
    TRY(mem_strdup(result.blob_digest, &d->digest));
    TRY(manifest_layer_type(false, l->wanted[r.layer], &type)); /* manifest_build() translates it */
    TRY(mem_strdup(type, &d->media_type));
    d->size_bytes = result.blob_bytes;
    return upload(&l->uploads, d->digest, d->size_bytes, fd);
}

/* Layers that nobody has compressed: a "dir:" keeps them, unless asked otherwise. */
static bool packs_plain(const struct layers *l)
{
    const struct image_push_files *to = l->push->opts->files;
    if (to && to->format == IMAGE_DOCKER_DIR)
        return to->compress;
    return l->source->own_manifest;
}

/* How each layer shall be compressed. */
static struct err *plan(struct layers *l, const char *compression, bool *docker)
{
    bool zstd = compression && strcmp(compression, "zstd") == 0;
    for (size_t i = 0; i < l->manifest->count; i++) {
        enum manifest_packing packing, wanted;
        bool keep = false;
        TRY(manifest_layer_packing(l->manifest->entries[i].media_type, &packing));
        wanted = packing;
        if (manifest_is_foreign(&l->manifest->entries[i])) {
            l->wanted[i] = packing; /* it stays as it is, where it is */
            continue;
        }
        if (compression)
            wanted = zstd ? PACKING_ZSTD : PACKING_GZIP;
        else if (packing == PACKING_PLAIN && packs_plain(l))
            wanted = PACKING_GZIP;
        if (compression && wanted != packing && packing != PACKING_PLAIN && l->push->opts->keep_differing)
            TRY(is_there(l->push, l->manifest->entries[i].digest, &keep));
        if (keep)
            wanted = packing;
        if (wanted == PACKING_ZSTD && *docker && l->push->opts->format)
            wanted = PACKING_GZIP; /* Docker's format has no other */
        if (wanted == PACKING_ZSTD && packing != wanted)
            *docker = false; /* OCI's has */
        l->wanted[i] = wanted;
    }
    return NULL;
}

static struct err *send_layer(struct layers *l, size_t index)
{
    const struct manifest_descriptor *d = &l->manifest->entries[index];
    enum manifest_packing packing;
    if (is_repeated(l->manifest->entries, index))
        return NULL;
    if (!l->push->opts->bars)
        push_say(l->push, "Copying blob %s", d->digest);
    TRY(manifest_layer_packing(d->media_type, &packing));
    if (packing == l->wanted[index])
        return upload_as_is(&l->uploads, l->source, d);
    if (l->n_jobs >= l->jobs_max)
        TRY(finish_recoding(l));
    return start_recoding(l, index);
}

/* The manifest learns what its layers have become; repeated ones too. */
static struct err *apply(struct layers *l, bool *ret_changed)
{
    struct manifest *m = l->manifest;
    for (size_t i = m->count; i-- > 0;) { /* backwards: earlier entries still tell which were the same */
        size_t first = 0;
        while (strcmp(m->entries[first].digest, m->entries[i].digest) != 0)
            first++;
        if (!l->become[first].digest)
            continue;
        TRY(mem_replace(&m->entries[i].digest, l->become[first].digest));
        TRY(mem_replace(&m->entries[i].media_type, l->become[first].media_type));
        m->entries[i].size_bytes = l->become[first].size_bytes;
        *ret_changed = true;
    }
    return NULL;
}

struct err *push_layers(struct push *p, const struct push_source *source, struct manifest *m, const char *compression,
                        bool *docker, bool *ret_changed)
{
    __attribute__((cleanup(layers_done))) struct layers l = {
        .push = p, .source = source, .manifest = m, .uploads = {.push = p, .shown = true}};
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    l.jobs_max = cpus < 1 ? 1 : cpus > JOBS_MAX ? JOBS_MAX : (size_t)cpus;
    l.wanted = mem_zalloc((m->count + 1) * sizeof *l.wanted);
    l.become = mem_zalloc((m->count + 1) * sizeof *l.become);
    if (!l.wanted || !l.become)
        return err_oom();
    TRY(plan(&l, compression, docker));
    for (size_t i = 0; i < m->count; i++)
        TRY(send_layer(&l, i));
    while (l.n_jobs)
        TRY(finish_recoding(&l));
    TRY(wait_all(&l.uploads));
    return apply(&l, ret_changed);
}
