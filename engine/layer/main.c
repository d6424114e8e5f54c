/* coracle-layer: takes archives apart and makes them. Started by layer.c only; see wire.h and confine.h.
 *
 *     1. parse arguments, which come from coracle and are trusted
 *     2. load what libraries would load later (tar_prepare)
 *     3. close everything but the job's descriptors
 *     4. confine_process()
 *     5. only now read the first byte, and do the job
 *     6. one answer on the socket
 *
 * `coracle-layer serve` does step 2 and then forks for each job that it is sent (serve.h); the child goes on with 1. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/number.h"
#include "engine/layer/confine.h"
#include "engine/layer/pack.h"
#include "engine/layer/recode.h"
#include "engine/layer/serve.h"
#include "engine/layer/tar.h"
#include "engine/layer/unpack.h"
#include "engine/layer/wire.h"

struct main_opts {
    struct layer_unpack_opts unpack;
    struct layer_pack_opts pack;
    struct layer_recode_opts recode;
    struct layer_insert_opts insert;
};

/* Options that are text. *ret_done: it was one of them. */
static struct err *main_set_text(struct main_opts *o, const char *key, const char *value, bool *ret_done)
{
    *ret_done = true;
    if (strcmp(key, "diff-id") == 0)
        o->unpack.diff_id = o->recode.diff_id = value;
    else if (strcmp(key, "blob-digest") == 0)
        o->unpack.blob_digest = o->recode.blob_digest = value;
    else if (strcmp(key, "only") == 0)
        o->pack.only = value;
    else if (strcmp(key, "skip") == 0)
        return strv_add(&o->pack.skip, value);
    else if (strcmp(key, "uids") == 0)
        return idmap_parse_flag(value, &o->pack.uids);
    else if (strcmp(key, "gids") == 0)
        return idmap_parse_flag(value, &o->pack.gids);
    else if (strcmp(key, "omit") == 0)
        return strv_add(&o->pack.omit, value);
    else
        *ret_done = false;
    return NULL;
}

/* One option. Keys are those of layer.c; an unknown one means that the two programs are not of one build. */
static struct err *main_set(struct main_opts *o, const char *key, const char *value)
{
    uint64_t number = 0;
    bool done;
    TRY(main_set_text(o, key, value, &done));
    if (done)
        return NULL;
    TRY(number_parse_u64(value, UINT64_MAX, &number));
    if (strcmp(key, "copy") == 0)
        o->unpack.blob_copy_fd = number ? WIRE_COPY : -1;
    else if (strcmp(key, "format") == 0)
        o->unpack.format = number ? LAYER_WH : LAYER_OVERLAY;
    else if (strcmp(key, "single-id") == 0)
        o->unpack.single_id = o->pack.single_id = number != 0;
    else if (strcmp(key, "ignore-chown-errors") == 0)
        o->unpack.ignore_chown_errors = number != 0;
    else if (strcmp(key, "max-bytes") == 0)
        o->unpack.max_bytes = number;
    else if (strcmp(key, "max-entries") == 0)
        o->unpack.max_entries = number;
    else if (strcmp(key, "compression") == 0 && number <= LAYER_ZSTD)
        o->pack.compression = o->recode.compression = (enum layer_compression)number;
    else if (strcmp(key, "level") == 0 && number <= 22)
        o->recode.level = (int)number;
    else if (strcmp(key, "diff") == 0)
        o->pack.diff = number != 0;
    else if (strcmp(key, "no-root") == 0)
        o->pack.no_root = number != 0;
    else if (strcmp(key, "keep-root") == 0)
        o->insert.keep_root = number != 0;
    else if (strcmp(key, "keep-kinds") == 0)
        o->insert.keep_kinds = number != 0;
    else if (strcmp(key, "owner") == 0) {
        o->insert.own = true;
        o->insert.uid = (uid_t)(number >> 32);
        o->insert.gid = (gid_t)(number & UINT32_MAX);
    } else
        return ERR_NEW(ERR_INVALID, "unknown option %s", key);
    return NULL;
}

static struct err *main_parse(int argc, char **argv, struct main_opts *ret)
{
    *ret = (struct main_opts){
        .unpack = {.archive_fd = WIRE_ARCHIVE, .target_dirfd = WIRE_DIR, .blob_copy_fd = -1},
        .pack = {.archive_fd = WIRE_ARCHIVE, .source_dirfd = WIRE_DIR},
        .recode = {.archive_fd = WIRE_ARCHIVE, .output_fd = WIRE_COPY},
    };
    for (int i = 2; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals)
            return ERR_NEW(ERR_INVALID, "argument %s is not key=value", argv[i]);
        *equals = '\0';
        TRY(main_set(ret, argv[i], equals + 1));
    }
    return NULL;
}

static struct err *main_unpack(const struct main_opts *o, struct layer_result *ret)
{
    return unpack_layer(&o->unpack, ret);
}

static struct err *main_insert(const struct main_opts *o, struct layer_result *ret)
{
    struct layer_unpack_opts unpack = o->unpack;
    unpack.insert = &o->insert;
    return unpack_layer(&unpack, ret);
}

static struct err *main_extract(const struct main_opts *o, struct layer_result *ret)
{
    (void)ret;
    return unpack_archive(WIRE_ARCHIVE, WIRE_DIR, o->unpack.max_bytes);
}

static struct err *main_pack(const struct main_opts *o, struct layer_result *ret)
{
    return pack_layer(&o->pack, ret);
}

static struct err *main_pack_archive(const struct main_opts *o, struct layer_result *ret)
{
    (void)o;
    (void)ret;
    return pack_archive(WIRE_DIR, WIRE_ARCHIVE);
}

static struct err *main_recode(const struct main_opts *o, struct layer_result *ret)
{
    return recode_layer(&o->recode, ret);
}

static const struct main_verb {
    const char *name;
    enum confine_for purpose;
    struct err *(*run)(const struct main_opts *o, struct layer_result *ret)ERR_RESULT;
} main_verbs[] = {
    {"unpack", CONFINE_UNPACK, main_unpack}, {"extract", CONFINE_UNPACK, main_extract},
    {"pack", CONFINE_PACK, main_pack},       {"pack-archive", CONFINE_PACK, main_pack_archive},
    {"recode", CONFINE_PACK, main_recode},   {"insert", CONFINE_UNPACK, main_insert},
};

/* Nothing that the parsers could read or write but the job's own descriptors. A sanitizer keeps its stderr. */
static struct err *main_close_others(void)
{
#if defined(__SANITIZE_ADDRESS__)
    const int last = 1;
#else
    const int last = 2;
#endif
    fd_close_from(WIRE_END);
    AUTO_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && fd <= last; fd++)
        (void)dup2(null, fd);
    return NULL;
}

/* `serve`: comes back in children alone. */
static struct err *main_serve(int *argc, char ***argv)
{
    struct serve_job job = {.argc = 0};
    bool child = false;
    tar_prepare();
    fd_close_from(WIRE_RESULT + 1);
    struct err *e = serve_jobs(&child, &job);
    if (!child)
        _exit(e ? 1 : 0); /* nobody is there to be told */
    *argc = job.argc;
    *argv = job.argv; /* for the rest of this process, as those that execve(2) gave */
    return e;
}

static struct err *main_run(int argc, char **argv, struct layer_result *ret)
{
    struct main_opts opts;
    TRY(main_parse(argc, argv, &opts));
    for (size_t i = 0; i < ARRAY_LEN(main_verbs); i++) {
        if (argc < 2 || strcmp(argv[1], main_verbs[i].name) != 0)
            continue;
        tar_prepare();
        TRY(main_close_others());
        int landlock = 0;
        TRY(confine_process(WIRE_DIR, main_verbs[i].purpose, &landlock));
        struct err *e = main_verbs[i].run(&opts, ret);
        ret->landlock_errno = landlock;
        strv_done(&opts.pack.skip);
        strv_done(&opts.pack.omit);
        idmap_done(&opts.pack.uids);
        idmap_done(&opts.pack.gids);
        return e;
    }
    return ERR_NEW(ERR_INVALID, "unknown verb");
}

int main(int argc, char **argv)
{
    struct layer_result result = {.entries = 0};
    bool serve = argc == 2 && strcmp(argv[1], WIRE_SERVE) == 0;
    if (fcntl(WIRE_RESULT, F_GETFD) < 0 || (!serve && fcntl(WIRE_DIR, F_GETFD) < 0)) {
        static const char usage[] = "coracle-layer is started by coracle and is of no use alone\n";
        return write(STDERR_FILENO, usage, sizeof(usage) - 1) < 0 ? 126 : 125;
    }
    AUTO_ERR struct err *e = serve ? main_serve(&argc, &argv) : NULL;
    if (!e)
        e = main_run(argc, argv, &result);
    struct err *sent = err_send(WIRE_RESULT, e);
    if (!e && !sent)
        sent = fd_write_all(WIRE_RESULT, &result, sizeof(result));
    int code = e || sent ? 1 : 0;
    err_drop(sent);
    /* Not exit(): nothing is buffered, and LeakSanitizer could not do its work behind the seccomp filter. */
    err_freep(&e);
    _exit(code);
}
