/* The command line: parse, call the engine, print.
 *
 * main() parses argv with the verb and flag tables (verb.h, flag.h), runs one verb, prints its error as podman would
 * and exits with the error's code. Only cli/ prints. Output is collected in `out` and written by cli_flush(), so that
 * a listing is one write. Nothing is opened before a verb asks for it with cli_engine().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "cli/verb.h"
#include "engine/engine.h"

#define CLI_PROGRAM "coracle"
/* Entry for the flags of a verb that acts on a "container" or a "pod"; `at`: the offset of a bool. */
#define CLI_LATEST_FLAG(at, kind)                                                                                 \
    {                                                                                                             \
        "latest", 'l', CLI_BOOL, .offset = (at), .help = "Act on the latest " kind " " CLI_PROGRAM " is aware of" \
    }

struct cli_globals {
    const char *root, *runroot, *runtime, *storage_driver, *cgroup_manager;
    struct strv runtime_flags, hooks_dirs, cdi_dirs, storage_opts, modules;
    const char *out; /* file for what commands print */
    bool version, help, noout;
    /* Of containers.conf, which have no flag: healthcheck_events, interface_name, image_parallel_copies,
     * default_subnet_pools ("10.89.0.0/16:24"). */
    bool no_health_events, device_names;
    uint32_t parallel_copies;
    struct strv subnet_pools;
};

struct cli {
    int argc;
    char **argv;
    struct cli_globals globals;
    const struct cli_verb *verb; /* NULL at the top */
    char path[64];               /* how it was called: "container ls"; "" at the top */
    void *opts;                  /* the verb's options */
    char **args;                 /* borrowed from argv, NULL-terminated */
    size_t n_args;
    const struct cli_flag **given; /* flags that were on the command line */
    size_t n_given, given_cap;
    struct conf *conf;      /* containers.conf, from the start of the verb on */
    struct strv conf_texts; /* values from it, as long as the options that borrow them */
    bool help;
    char *hint; /* lines behind a usage error: suggestions, "See 'coracle ps --help'" */
    struct engine *engine;
    bool only_existing;                    /* don't start a session (completion) */
    bool quiet;                            /* no progress of pulls */
    const struct registry_opts *registry;  /* of pulls that a container needs, or NULL; as long as the engine */
    const struct engine_start *will_start; /* the verb is going to start a container */
    size_t notices_shown;
    struct strbuf out;
    int out_fd; /* of --out; 0: none */
};

void cli_done(struct cli *c);
#define AUTO_CLI __attribute__((cleanup(cli_done)))

/* Fill verb, opts, args and globals from argv. */
struct err *cli_parse(struct cli *c, int argc, char **argv) ERR_RESULT;
/* Run what was parsed; the exit code. Errors of the verb come back. */
struct err *cli_run(struct cli *c, int *ret_exit) ERR_RESULT;
/* Print an error as "Error: …" and, for wrong usage, where to read more. */
void cli_print_error(const struct cli *c, struct err *e);

/* Was the flag on the command line? */
bool cli_given(const struct cli *c, const char *flag);
/* The engine, opened when first asked for. */
struct err *cli_engine(struct cli *c, struct engine **ret) ERR_RESULT;
/* The same, from inside the session: elsewhere nobody would see what is mounted. unshare.c. */
struct err *cli_engine_inside(struct cli *c) ERR_RESULT;
/* Notices of the engine that weren't shown yet, to stderr. */
void cli_show_notices(struct cli *c);

/* Output. */
struct err *cli_printf(struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3))) ERR_RESULT;
struct err *cli_flush(struct cli *c) ERR_RESULT;
/* A line on stderr, now. */
void cli_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Several operations of one verb, each of which may fail: all errors but the last are printed at once, the last one is
 * returned at the end. */
struct cli_errors {
    struct err *last;
};
void cli_errors_add(struct cli_errors *errors, struct err *take_e);
struct err *cli_errors_finish(struct cli_errors *errors) ERR_RESULT;

/* What a lookup by `exists` gave: exit code 1 for what is not there; other errors come back. */
struct err *cli_exists(struct err *take_found, int *ret_exit) ERR_RESULT;

/* "Are you sure you want to continue? [y/N] "; ERR_INVALID "EOF" at the end of input. */
struct err *cli_confirm(struct cli *c, bool *ret_yes) ERR_RESULT;
/* The usage error `"coracle VERB" …` with the verb's name in place of %s. */
struct err *cli_usage_error(const struct cli *c, const char *fmt) ERR_RESULT;
/* `OPERATION PATH: no such file or directory`: an errno in the words of Go, which users of this field know. */
struct err *cli_errno(int errnum, const char *operation, const char *path) ERR_RESULT;
/* --since and --until (`flag` without dashes); NULL leaves *ret as it is. */
struct err *cli_parse_time(const char *flag, const char *value, int64_t *ret_nsec) ERR_RESULT;
/* Refuse a --detach-keys that can't be understood; NULL is fine. */
struct err *cli_check_detach_keys(const char *keys) ERR_RESULT;
/* A file that the user named, of whatever kind (--env-file <(…) is a FIFO), of `max` bytes at most; ret_len or NULL. */
struct err *cli_read_file(const char *path, size_t max, char **ret, size_t *ret_len) ERR_RESULT;
/* First line of a file, as --cidfile holds an id. */
struct err *cli_read_cidfile(const char *path, char **ret) ERR_RESULT;
