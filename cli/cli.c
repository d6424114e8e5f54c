/* The life of one command: parsed, run, printed, closed. Nothing here knows a verb. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/choose.h"
#include "cli/conf.h"
#include "cli/help.h"
#include "cli/progress.h"
#include "cli/registry_flags.h"
#include "engine/conf/conf.h"
#include "engine/monitor/detach_keys.h"
#include "engine/store/store.h"
#include "userns/limits.h"

#define CIDFILE_MAX 4096

void cli_done(struct cli *c)
{
    if (c->verb && c->opts) {
        cli_flag_done(c->verb->flags, c->opts);
        cli_flag_done(c->verb->more_flags, c->opts);
        if (c->verb->done)
            c->verb->done(c->opts);
    }
    cli_flag_done(cli_global_flags, &c->globals);
    mem_freep(&c->opts);
    mem_freep(&c->args);
    mem_freep(&c->given);
    mem_freep(&c->hint);
    strbuf_done(&c->out);
    strv_done(&c->conf_texts);
    strv_done(&c->globals.subnet_pools);
    engine_close(c->engine);
    conf_free(c->conf);
    *c = (struct cli){0};
}

bool cli_given(const struct cli *c, const char *flag)
{
    for (size_t i = 0; i < c->n_given; i++)
        if (strcmp(c->given[i]->name, flag) == 0)
            return true;
    return false;
}

/* The options are borrowed from argv and from the globals' lists, which live as long as the engine. */
struct err *cli_engine(struct cli *c, struct engine **ret)
{
    if (!c->engine) {
        const struct engine_opts opts = {
            .root = c->globals.root,
            .runroot = c->globals.runroot,
            .runtime = c->globals.runtime,
            .runtime_flags = c->globals.runtime_flags,
            .storage_driver = c->globals.storage_driver,
            .storage_opts = c->globals.storage_opts,
            .cgroup_manager = c->globals.cgroup_manager,
            .hooks_dirs = c->globals.hooks_dirs,
            .cdi_dirs = c->globals.cdi_dirs,
            .no_health_events = c->globals.no_health_events,
            .device_names = c->globals.device_names,
            .parallel_copies = c->globals.parallel_copies,
            .only_existing = c->only_existing,
            .will_start = c->will_start,
            .progress = c->quiet ? NULL : registry_flags_progress,
            .choose = choose_function(),
            .bars = c->quiet ? NULL : progress_bars(),
            .registry = c->registry,
        };
        store_one_thread();
        TRY(engine_open(&opts, &c->engine));
    }
    *ret = c->engine;
    return NULL;
}

void cli_show_notices(struct cli *c)
{
    if (!c->engine)
        return;
    const struct strv *notices = engine_notices(c->engine);
    for (; c->notices_shown < notices->count; c->notices_shown++)
        cli_warn("%s", notices->items[c->notices_shown]);
}

struct err *cli_printf(struct cli *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct err *e = strbuf_vprintf(&c->out, fmt, ap);
    va_end(ap);
    return e;
}

/* Output is written once; what could not be written is not tried again at the end. */
struct err *cli_flush(struct cli *c)
{
    size_t len = c->out.len;
    if (!len)
        return NULL;
    c->out.len = 0; /* one try only, whatever happens */
    progress_hide();
    if (c->globals.noout)
        return NULL;
    int fd = c->out_fd > 0 ? c->out_fd : STDOUT_FILENO;
    return ERR_WRAP(fd_write_all(fd, c->out.data, len), "write to %s",
                    c->out_fd > 0 ? c->globals.out : "standard output");
}

void cli_warn(const char *fmt, ...)
{
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    va_list ap;
    va_start(ap, fmt);
    struct err *e = strbuf_vprintf(&line, fmt, ap);
    va_end(ap);
    if (!e)
        e = strbuf_putc(&line, '\n');
    progress_hide();
    if (!e)
        e = fd_write_all(STDERR_FILENO, line.data, line.len);
    err_drop(e); /* there is nobody left to tell */
}

void cli_print_error(const struct cli *c, struct err *e)
{
    AUTO_FREE char *limit = NULL;
    err_drop(limits_reason(e, &limit));
    if (limit)
        cli_warn("Error: %s (%s)", err_text(e), limit);
    else
        cli_warn("Error: %s", err_text(e));
    if (c->hint)
        err_drop(fd_write_all(STDERR_FILENO, c->hint, strlen(c->hint)));
    log_debug("%s: %s", err_kind_name(err_kind(e)), err_trace(e));
}

void cli_errors_add(struct cli_errors *errors, struct err *take_e)
{
    if (!take_e)
        return;
    if (errors->last) {
        cli_warn("Error: %s", err_text(errors->last));
        err_free(errors->last);
    }
    errors->last = take_e;
}

struct err *cli_errors_finish(struct cli_errors *errors)
{
    return TAKE_PTR(errors->last);
}

struct err *cli_exists(struct err *take_found, int *ret_exit)
{
    if (!take_found || err_kind(take_found) != ERR_NOT_FOUND)
        return take_found;
    err_drop(take_found);
    *ret_exit = 1;
    return NULL;
}

/* Byte by byte: what stands behind the line belongs to whoever reads standard input next. */
struct err *cli_confirm(struct cli *c, bool *ret_yes)
{
    TRY(cli_printf(c, "Are you sure you want to continue? [y/N] "));
    TRY(cli_flush(c));
    char answer[64] = "";
    size_t len = 0;
    while (len < sizeof answer - 1) {
        ssize_t n = read(STDIN_FILENO, answer + len, 1);
        if (n <= 0)
            return ERR_NEW(ERR_INVALID, "EOF");
        if (answer[len++] == '\n')
            break;
    }
    *ret_yes = answer[0] == 'y' || answer[0] == 'Y';
    return NULL;
}

struct err *cli_usage_error(const struct cli *c, const char *text)
{
    return ERR_NEW(ERR_INVALID, "\"" CLI_PROGRAM " %s\" %s", c->path, text);
}

struct err *cli_errno(int errnum, const char *operation, const char *path)
{
    AUTO_FREE char *why = NULL;
    TRY(mem_strdup(strerrordesc_np(errnum), &why));
    if (why && why[0] >= 'A' && why[0] <= 'Z' && !(why[1] >= 'A' && why[1] <= 'Z'))
        why[0] = (char)(why[0] - 'A' + 'a');
    return ERR_NEW(err_kind_of_errno(errnum), "%s %s: %s", operation, path, why ? why : "unknown error");
}

struct err *cli_check_detach_keys(const char *keys)
{
    struct detach_keys parsed;
    return keys ? detach_keys_parse(keys, &parsed) : NULL;
}

struct err *cli_read_file(const char *path, size_t max, char **ret, size_t *ret_len)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cli_errno(errno, "open", path);
    return fd_read_all(fd, max, ret, ret_len);
}

struct err *cli_read_cidfile(const char *path, char **ret)
{
    AUTO_FREE char *text = NULL;
    TRY_WRAP(cli_read_file(path, CIDFILE_MAX, &text, NULL), "reading CIDFile");
    text[strcspn(text, "\r\n")] = '\0';
    *ret = TAKE_PTR(text);
    return NULL;
}

/* --out: what commands print goes there; what containers print does not. */
static struct err *open_out(struct cli *c)
{
    int fd = open(c->globals.out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0)
        return cli_errno(errno, "open", c->globals.out);
    c->out_fd = fd;
    return NULL;
}

struct err *cli_run(struct cli *c, int *ret_exit)
{
    *ret_exit = 0;
    if (c->globals.version) {
        TRY(cli_printf(c, CLI_PROGRAM " version " CORACLE_VERSION "\n"));
        return cli_flush(c);
    }
    if (c->help || !c->verb || c->verb->traits & CLI_GROUP) {
        TRY(help_render(c->verb, c->path, &c->out));
        TRY(cli_flush(c));
        if (c->help || !c->verb)
            return NULL;
        return ERR_NEW(ERR_INVALID, "missing command '" CLI_PROGRAM " %s COMMAND'", c->path);
    }
    /* What a verb has printed before it failed is shown before its error. */
    if (!(c->verb->traits & CLI_RAW))
        TRY(cli_conf_apply(c));
    if (c->globals.out)
        TRY(open_out(c));
    struct err *e = c->verb->run(c, c->opts, ret_exit);
    progress_end();
    cli_show_notices(c);
    struct err *flushed = cli_flush(c);
    if (!e)
        return flushed;
    err_drop(flushed);
    return e;
}

struct err *cli_parse_time(const char *flag, const char *value, int64_t *ret_nsec)
{
    struct err *e = value ? timefmt_parse_input(value, timefmt_now(), ret_nsec) : NULL;
    if (!e)
        return NULL;
    err_drop(e);
    return ERR_NEW(ERR_INVALID, "parsing --%s \"%s\": unable to interpret time value", flag, value);
}
