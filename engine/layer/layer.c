/* The asking side: one coracle-layer per job.
 *
 * The helper gets its descriptors at fixed numbers and an empty environment, dies with us (parent death signal), and
 * answers once. Nothing that it says is believed further than its form: it has parsed hostile bytes. The wire carries
 * an outcome whose text has its control characters replaced (err_recv), and a struct whose strings are checked here.
 * Digests are what the helper computed; a caller that has an expectation hands it over and gets ERR_CORRUPT.
 */
#include "engine/layer/layer.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "engine/layer/starter.h"
#include "engine/layer/wire.h"

struct layer_job {
    struct proc proc;
    int sock;
    const char *what; /* for messages */
};

struct layer_request {
    const char *verb;
    const char *what;
    int archive_fd;
    int dirfd;
    int copy_fd; /* > 0, or none */
    struct layer_starter *starter;
    struct strv args;
};

static void layer_job_free(struct layer_job *j)
{
    if (!j)
        return;
    (void)fd_close(j->sock);
    proc_done(&j->proc);
    free(j);
}

static struct err *layer_add_number(struct strv *args, const char *key, uint64_t value)
{
    return value ? strv_addf(args, "%s=%llu", key, (unsigned long long)value) : NULL;
}

static struct err *layer_spawn_own(struct layer_job *j, const struct layer_request *r, char **argv, int theirs)
{
    AUTO_FREE char *path = NULL;
    static char *const no_env[] = {NULL};
    TRY(proc_find_helper(WIRE_HELPER, &path));
    const struct proc_fd fds[] = {
        {.from = theirs, .to = WIRE_RESULT},
        {.from = r->archive_fd, .to = WIRE_ARCHIVE},
        {.from = r->dirfd, .to = WIRE_DIR},
        {.from = r->copy_fd, .to = WIRE_COPY},
    };
    const struct proc_opts opts = {
        .path = path,
        .argv = argv,
        .envp = no_env,
        .fds = fds,
        .n_fds = r->copy_fd > 0 ? 4 : 3,
        .parent_death_signal = SIGKILL,
        .default_signals = true,
    };
    return proc_spawn(&opts, &j->proc);
}

/* The socket pair is for one answer; the archive itself never passes through us. */
static struct err *layer_spawn(struct layer_job *j, const struct layer_request *r)
{
    AUTO_STRV struct strv argv = STRV_INIT;
    int pair[2];
    TRY(strv_add(&argv, WIRE_HELPER));
    TRY(strv_add(&argv, r->verb));
    TRY(strv_add_all(&argv, r->args.items));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return ERR_SYS(errno, "make a socket pair");
    j->sock = pair[0];
    AUTO_FD int theirs = pair[1];
    const int fds[] = {theirs, r->archive_fd, r->dirfd, r->copy_fd};
    return r->starter ? layer_starter_fork(r->starter, argv.items, fds, r->copy_fd > 0 ? 4 : 3, &j->proc)
                      : layer_spawn_own(j, r, argv.items, theirs);
}

static struct err *layer_start(const struct layer_request *r, struct layer_job **ret)
{
    struct layer_job *j = mem_zalloc(sizeof(*j));
    if (!j)
        return err_oom();
    j->proc = (struct proc)PROC_INIT;
    j->sock = -1;
    j->what = r->what;
    struct err *e = layer_spawn(j, r);
    if (e) {
        layer_job_free(j);
        return ERR_WRAP(e, "%s", r->what);
    }
    *ret = j;
    return NULL;
}

/* The helper ended without an answer: say how. */
static struct err *layer_died(struct layer_job *j, struct err *take_cause)
{
    int status = 0;
    AUTO_ERR struct err *waited = proc_wait(&j->proc, &status);
    if (waited)
        return take_cause;
    err_drop(take_cause);
    if (WIFSIGNALED(status))
        return ERR_NEW(ERR_INTERNAL, WIRE_HELPER " was ended by signal %d (%s)", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    return ERR_NEW(ERR_INTERNAL, WIRE_HELPER " ended with code %d and no answer", WEXITSTATUS(status));
}

/* The peer has parsed hostile bytes: its strings are strings only if they say so. */
static struct err *layer_check_result(const struct layer_result *r)
{
    if (!memchr(r->diff_id, 0, sizeof(r->diff_id)) || !memchr(r->blob_digest, 0, sizeof(r->blob_digest)))
        return ERR_NEW(ERR_CORRUPT, WIRE_HELPER " sent an answer that makes no sense");
    return NULL;
}

/* An answer has two parts: the outcome, and after success the result. */
static struct err *layer_receive(struct layer_job *j, struct layer_result *ret)
{
    struct err *theirs = NULL;
    struct layer_result result;
    struct err *e = err_recv(j->sock, &theirs);
    if (e)
        return layer_died(j, e);
    TRY(theirs);
    e = fd_read_exact(j->sock, &result, sizeof(result));
    if (e)
        return layer_died(j, e);
    TRY(layer_check_result(&result));
    *ret = result;
    return NULL;
}

struct err *layer_job_finish(struct layer_job *take_job, struct layer_result *ret)
{
    const char *what = take_job->what;
    struct layer_result result;
    struct err *e = layer_receive(take_job, &result);
    layer_job_free(take_job);
    if (!e && result.landlock_errno)
        log_debug(WIRE_HELPER " without Landlock (errno %d): a root of its own and seccomp alone",
                  (int)result.landlock_errno);
    if (!e && ret)
        *ret = result;
    return ERR_WRAP(e, "%s", what);
}

int layer_job_fd(const struct layer_job *job)
{
    return job->sock;
}

void layer_job_cancel(struct layer_job *take_job)
{
    layer_job_free(take_job);
}

static struct err *layer_run(const struct layer_request *r, struct layer_result *ret)
{
    struct layer_job *job = NULL;
    TRY(layer_start(r, &job));
    return layer_job_finish(job, ret);
}

static struct err *layer_unpack_args(const struct layer_unpack_opts *o, struct strv *args)
{
    if (o->diff_id)
        TRY(strv_addf(args, "diff-id=%s", o->diff_id));
    if (o->blob_digest)
        TRY(strv_addf(args, "blob-digest=%s", o->blob_digest));
    TRY(layer_add_number(args, "copy", o->blob_copy_fd > 0));
    TRY(layer_add_number(args, "format", o->format));
    TRY(layer_add_number(args, "single-id", o->single_id));
    TRY(layer_add_number(args, "ignore-chown-errors", o->ignore_chown_errors));
    TRY(layer_add_number(args, "max-bytes", o->max_bytes));
    return layer_add_number(args, "max-entries", o->max_entries);
}

struct err *layer_unpack_start(const struct layer_unpack_opts *opts, struct layer_job **ret)
{
    struct layer_request r = {
        .verb = "unpack",
        .what = "unpack layer",
        .archive_fd = opts->archive_fd,
        .dirfd = opts->target_dirfd,
        .copy_fd = opts->blob_copy_fd,
        .starter = opts->starter,
    };
    struct err *e = layer_unpack_args(opts, &r.args);
    if (!e)
        e = layer_start(&r, ret);
    strv_done(&r.args);
    return e;
}

struct err *layer_unpack(const struct layer_unpack_opts *opts, struct layer_result *ret)
{
    struct layer_job *job = NULL;
    TRY(layer_unpack_start(opts, &job));
    return layer_job_finish(job, ret);
}

struct err *layer_extract_archive(int archive_fd, int target_dirfd, uint64_t max_bytes)
{
    struct layer_request r = {
        .verb = "extract",
        .what = "unpack archive",
        .archive_fd = archive_fd,
        .dirfd = target_dirfd,
        .copy_fd = -1,
    };
    struct err *e = layer_add_number(&r.args, "max-bytes", max_bytes);
    if (!e)
        e = layer_run(&r, NULL);
    strv_done(&r.args);
    return e;
}

static struct err *layer_add_map(struct strv *args, const char *key, const struct idmap *m)
{
    for (size_t i = 0; i < m->count; i++)
        TRY(strv_addf(args, "%s=%u:%u:%u", key, m->ranges[i].ct, m->ranges[i].host, m->ranges[i].count));
    return NULL;
}

static struct err *layer_pack_args(const struct layer_pack_opts *o, struct strv *args)
{
    TRY(layer_add_number(args, "compression", o->compression));
    TRY(layer_add_number(args, "diff", o->diff));
    TRY(layer_add_number(args, "no-root", o->no_root));
    TRY(layer_add_number(args, "single-id", o->single_id));
    if (o->only)
        TRY(strv_addf(args, "only=%s", o->only));
    for (size_t i = 0; i < o->skip.count; i++)
        TRY(strv_addf(args, "skip=%s", o->skip.items[i]));
    for (size_t i = 0; i < o->omit.count; i++)
        TRY(strv_addf(args, "omit=%s", o->omit.items[i]));
    TRY(layer_add_map(args, "uids", &o->uids));
    return layer_add_map(args, "gids", &o->gids);
}

struct err *layer_pack_start(const struct layer_pack_opts *opts, struct layer_job **ret)
{
    struct layer_request r = {
        .verb = "pack",
        .what = "pack layer",
        .archive_fd = opts->archive_fd,
        .dirfd = opts->source_dirfd,
        .copy_fd = -1,
    };
    struct err *e = layer_pack_args(opts, &r.args);
    if (!e)
        e = layer_start(&r, ret);
    strv_done(&r.args);
    return e;
}

struct err *layer_pack(const struct layer_pack_opts *opts, struct layer_result *ret)
{
    struct layer_job *job = NULL;
    TRY(layer_pack_start(opts, &job));
    return layer_job_finish(job, ret);
}

static struct err *layer_insert_args(const struct layer_insert_opts *o, struct strv *args)
{
    TRY(layer_add_number(args, "format", LAYER_WH));
    TRY(layer_add_number(args, "keep-root", o->keep_root));
    TRY(layer_add_number(args, "keep-kinds", o->keep_kinds));
    TRY(layer_add_number(args, "single-id", o->single_id));
    if (!o->own)
        return NULL;
    return strv_addf(args, "owner=%llu", (unsigned long long)o->uid << 32 | o->gid);
}

struct err *layer_insert(const struct layer_insert_opts *opts, struct layer_result *ret)
{
    struct layer_request r = {
        .verb = "insert",
        .what = "unpack archive",
        .archive_fd = opts->archive_fd,
        .dirfd = opts->target_dirfd,
        .copy_fd = -1,
    };
    struct err *e = layer_insert_args(opts, &r.args);
    if (!e)
        e = layer_run(&r, ret);
    strv_done(&r.args);
    return e;
}

static struct err *layer_recode_args(const struct layer_recode_opts *o, struct strv *args)
{
    if (o->diff_id)
        TRY(strv_addf(args, "diff-id=%s", o->diff_id));
    if (o->blob_digest)
        TRY(strv_addf(args, "blob-digest=%s", o->blob_digest));
    TRY(layer_add_number(args, "compression", o->compression));
    return layer_add_number(args, "level", (uint64_t)o->level);
}

struct err *layer_recode_start(const struct layer_recode_opts *opts, struct layer_job **ret)
{
    struct layer_request r = {
        .verb = "recode",
        .what = "compress layer",
        .archive_fd = opts->archive_fd,
        .dirfd = opts->empty_dirfd,
        .copy_fd = opts->output_fd,
    };
    struct err *e = layer_recode_args(opts, &r.args);
    if (!e)
        e = layer_start(&r, ret);
    strv_done(&r.args);
    return e;
}

struct err *layer_pack_archive(int source_dirfd, int archive_fd)
{
    const struct layer_request r = {
        .verb = "pack-archive",
        .what = "pack archive",
        .archive_fd = archive_fd,
        .dirfd = source_dirfd,
        .copy_fd = -1,
    };
    return layer_run(&r, NULL);
}
