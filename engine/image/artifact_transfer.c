/* Artifacts to and from registries. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/image/artifact_internal.h"
#include "engine/image/partial.h"
#include "engine/image/progress.h"
#include "engine/image/push_internal.h"
#include "engine/image/verify.h"
#include "engine/store/name.h"

#define PIPE_BYTES (1 << 20)

/* --- pull */

struct artifact_pull {
    struct engine *engine;
    const struct artifact_transfer_opts *opts;
    struct remote from;
    struct content *content;
    struct partial partial; /* of the blob that is coming */
    struct image_bar *bars; /* of blobs so far; NULL: no terminal */
    size_t n_bars;
};

__attribute__((format(printf, 2, 3))) static void say(const struct artifact_pull *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    image_say(p->opts->progress, p->opts->progress_arg, fmt, ap);
    va_end(ap);
}

/* The content lock is held: what has a row stays. */
static struct err *is_here(struct store *s, const char *digest, bool *ret)
{
    struct store_stmt *st;
    TRY(store_prepare(s, "SELECT 1 FROM blobs WHERE digest = ?", &st));
    TRY(store_bind_text(st, 1, digest));
    TRY(store_step(st, ret));
    store_idle(s);
    return NULL;
}

static void show(void *arg)
{
    const struct artifact_pull *p = arg;
    off_t at = p->partial.fd < 0 ? -1 : lseek(p->partial.fd, 0, SEEK_CUR);
    if (at > 0)
        p->bars[p->n_bars - 1].done_bytes = (uint64_t)at;
    p->opts->bars->show(p->opts->bars->arg, p->bars, p->n_bars);
}

/* Through a pipe: hashed by us, and written to the partial file, while coracle-registry fetches what that lacks. */
static struct err *fetch_blob(struct artifact_pull *p, const struct manifest_descriptor *d)
{
    int ends[2];
    uint32_t id;
    struct digest digest = {.s = ""};
    uint64_t bytes = 0;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return ERR_SYS(errno, "make a pipe");
    AUTO_FD int from = ends[0];
    AUTO_FD int to = ends[1];
    AUTO_FD int resume = -1;
    (void)fcntl(to, F_SETPIPE_SZ, PIPE_BYTES); /* only quicker */
    if (p->partial.fd >= 0)
        TRY(fd_duplicate(p->partial.fd, &resume));
    const struct registry_request request = {.verb = REGISTRY_GET_BLOB,
                                             .target = d->digest,
                                             .size_bytes = d->size_bytes,
                                             .offset = p->partial.have_bytes,
                                             .fd = to,
                                             .resume_fd = resume};
    TRY(registry_ask(p->from.registry, &request, &id));
    to = fd_close(to); /* so that its end is seen */
    struct err *e = content_put_file(p->content, from, d->size_bytes, p->partial.fd, &digest, &bytes);
    from = fd_close(from);
    struct err *network = registry_wait(p->from.registry, id, NULL);
    if (network && (!e || err_kind(network) != ERR_STATE)) { /* the cause; ours is what follows from it */
        err_drop(e);
        return network;
    }
    err_drop(network);
    TRY(e);
    if (bytes != d->size_bytes || strcmp(digest.s, d->digest) != 0)
        return ERR_NEW(ERR_CORRUPT, "its content has the digest %s", digest.s);
    return NULL;
}

/* What came before a failure is kept, unless it is wrong. *ret_again: then it was kept from earlier. */
static struct err *fetch_kept(struct artifact_pull *p, const struct manifest_descriptor *d, bool *ret_again)
{
    struct store *s = engine_store(p->engine);
    TRY(partial_open(s, d->digest, d->size_bytes, &p->partial));
    struct err *e = fetch_blob(p, d);
    bool corrupt = e && err_kind(e) == ERR_CORRUPT;
    *ret_again = corrupt && p->partial.have_bytes > 0;
    partial_done(s, &p->partial, !e || corrupt);
    p->partial = (struct partial)PARTIAL_INIT;
    return e;
}

static struct err *fetch(struct artifact_pull *p, const struct manifest_descriptor *d)
{
    bool again = false;
    struct err *e = fetch_kept(p, d, &again);
    if (!again)
        return e;
    log_debug("from the start again: %s", err_text(e));
    err_drop(e);
    return fetch_kept(p, d, &again);
}

static struct err *pull_blob(struct artifact_pull *p, const struct manifest_descriptor *d)
{
    bool here = false;
    TRY(is_here(engine_store(p->engine), d->digest, &here));
    if (!p->bars) {
        say(p, "Copying blob %s%s", d->digest, here ? " skipped: already exists  " : "");
        return here ? NULL : ERR_WRAP(fetch(p, d), "blob %s", d->digest);
    }
    struct image_bar *bar = &p->bars[p->n_bars++];
    *bar = image_bar_of_blob(d->digest, d->size_bytes);
    if (!here)
        TRY_WRAP(fetch(p, d), "blob %s", d->digest);
    bar->finished = true;
    bar->existed = here;
    bar->done_bytes = d->size_bytes;
    show(p);
    return NULL;
}

static struct err *pull_config(struct artifact_pull *p, const struct manifest_descriptor *d)
{
    bool here = false;
    TRY(is_here(engine_store(p->engine), d->digest, &here));
    say(p, "Copying config %s%s", d->digest, here ? " skipped: already exists  " : "");
    content_set_tick(p->content, NULL, NULL);
    return here ? NULL : ERR_WRAP(fetch(p, d), "config %s", d->digest);
}

static struct err *bring(struct artifact_pull *p, const struct manifest *m)
{
    if (p->opts->bars) {
        p->bars = mem_zalloc((m->count + 1) * sizeof *p->bars);
        if (!p->bars)
            return err_oom();
        content_set_tick(p->content, show, p);
    }
    for (size_t i = 0; i < m->count; i++)
        TRY(pull_blob(p, &m->entries[i]));
    return pull_config(p, &m->config);
}

static struct err *pull(struct artifact_pull *p, const char *full, char **ret_digest)
{
    AUTO_FREE char *text = NULL, *type = NULL;
    AUTO_MANIFEST struct manifest m = {0};
    struct digest digest;
    size_t len;
    TRY(remote_open(full, p->opts->registry, &p->from));
    TRY(remote_manifest(&p->from, &text, &len, &type));
    TRY(verify_remote(p->engine, NULL, full, p->from.registry, text, len));
    if (type && strcmp(type, MEDIA_OCI_MANIFEST) != 0)
        return ERR_NEW(ERR_UNSUPPORTED, "it is no artifact but %s", type);
    TRY(manifest_parse_artifact(text, len, &m));
    say(p, "Getting image source signatures");
    TRY(store_clean(engine_store(p->engine))); /* a killed pull's links to its partial files, in staging */
    TRY(content_begin(p->engine, &p->content));
    TRY(bring(p, &m));
    say(p, "Writing manifest to image destination");
    TRY(artifact_commit(p->content, full, text, true, &digest));
    return mem_strdup(digest.s, ret_digest);
}

struct err *artifact_pull(struct engine *e, const char *name, const struct artifact_transfer_opts *opts,
                          char **ret_digest)
{
    struct artifact_pull p = {.engine = e, .opts = opts, .partial = PARTIAL_INIT};
    AUTO_STRV struct strv names = STRV_INIT;
    AUTO_FREE char *full = NULL;
    TRY(remote_names(name, &names));
    TRY(reference_normalize_docker(names.items[0], &full));
    struct err *error = ERR_WRAP(pull(&p, full, ret_digest), "initializing source docker://%s", full);
    content_free(p.content);
    mem_freep(&p.bars);
    remote_close(&p.from);
    if (!error)
        partial_clean(engine_store(e));
    return error;
}

/* --- push */

static struct err *push(struct push *p, const struct artifact *a, const char *text)
{
    AUTO_MANIFEST struct manifest m = {0};
    const struct push_source source = {.open = push_open_stored, .arg = p->engine};
    TRY(manifest_parse_artifact(text, strlen(text), &m));
    TRY(push_open(p, a->name));
    push_say(p, "Getting image source signatures");
    for (size_t i = 0; i < m.count && !p->opts->bars; i++)
        push_say(p, "Copying blob %s", m.entries[i].digest);
    p->show_blobs = true;
    TRY_WRAP(push_blobs(p, &source, m.entries, m.count), "writing blob");
    p->show_blobs = false;
    push_say(p, "Copying config %s", m.config.digest);
    TRY_WRAP(push_blobs(p, &source, &m.config, 1), "writing config");
    push_say(p, "Writing manifest to image destination");
    return push_manifest(p, text, m.media_type, remote_target(&p->to));
}

struct err *artifact_push(struct engine *e, const char *name, const struct artifact_transfer_opts *opts,
                          char **ret_digest)
{
    AUTO_ARTIFACT struct artifact *a = NULL;
    AUTO_FREE char *text = NULL;
    AUTO_PUSH struct push p;
    const struct image_push_opts push_opts = {.registry = opts->registry,
                                              .signing = opts->signing,
                                              .progress = opts->progress,
                                              .progress_arg = opts->progress_arg,
                                              .bars = opts->bars};
    push_init(&p, e, &push_opts);
    TRY(artifact_find(e, name, &a));
    TRY(artifact_read(e, a, &text));
    TRY_WRAP(push(&p, a, text), "copying %s to docker://%s", name, a->name);
    *ret_digest = TAKE_PTR(a->digest);
    return NULL;
}
