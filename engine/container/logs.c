/* logs: records of whatever source to the output: prefixes, times, the window of time. Following waits on inotify for
 * the file (logs_file.c) or on journalctl (logs_journal.c), and on the monitor's connection for the end: no polling. */
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/timefmt.h"
#include "engine/container/internal.h"
#include "engine/container/logs_internal.h"
#include "engine/engine.h"

#define CHUNK (256u << 10)
#define NSEC_PER_SEC INT64_C(1000000000)
/* "2024-05-01T10:00:00" and ".123456789+00:00" behind it: what monitors write. */
#define SECONDS_LEN 19
#define FRACTION_LEN 10
#define UTC "+00:00"

void logs_sink_done(struct logs_sink *s)
{
    strbuf_done(&s->out[0]);
    strbuf_done(&s->out[1]);
}

struct err *logs_flush(struct logs_sink *s)
{
    const int fds[2] = {s->opts->out_fd, s->opts->err_fd};
    for (int i = 0; i < 2; i++) {
        if (!s->out[i].len)
            continue;
        TRY(fd_write_all(fds[i], s->out[i].data, s->out[i].len));
        strbuf_truncate(&s->out[i], 0);
    }
    return NULL;
}

/* --- times: in the reader's zone, as Go's "2006-01-02T15:04:05.000000000Z07:00" */

/* A second as the record has it, into s->local. */
static bool localize(struct logs_sink *s, const char *seconds)
{
    char text[SECONDS_LEN + 2];
    int64_t nsec;
    memcpy(text, seconds, SECONDS_LEN);
    memcpy(text + SECONDS_LEN, "Z", 2);
    struct err *e = timefmt_parse_rfc3339(text, &nsec);
    if (e) {
        err_drop(e);
        return false;
    }
    s->local = timefmt_rfc3339(nsec / NSEC_PER_SEC * NSEC_PER_SEC, true);
    memcpy(s->seconds, seconds, SECONDS_LEN);
    return true;
}

static struct err *put_time(struct logs_sink *s, struct strbuf *sb, const struct logs_record *rec)
{
    bool usual = rec->time_len == SECONDS_LEN + FRACTION_LEN + strlen(UTC) &&
                 memcmp(rec->time + SECONDS_LEN + FRACTION_LEN, UTC, strlen(UTC)) == 0;
    bool same = usual && memcmp(s->seconds, rec->time, SECONDS_LEN) == 0; /* lines of one second share the work */
    if (!usual || (!same && !localize(s, rec->time)))
        return strbuf_printf(sb, "%.*s ", (int)rec->time_len, rec->time);
    TRY(strbuf_add(sb, s->local.s, SECONDS_LEN));
    TRY(strbuf_add(sb, rec->time + SECONDS_LEN, FRACTION_LEN));
    TRY(strbuf_puts(sb, s->local.s + SECONDS_LEN));
    return strbuf_putc(sb, ' ');
}

/* --- records */

static struct err *put_prefix(struct logs_sink *s, struct strbuf *sb, const struct logs_record *rec)
{
    if (s->opts->color)
        TRY(strbuf_puts(sb, s->opts->color));
    if (s->opts->names)
        TRY(strbuf_printf(sb, "%s ", s->c->name));
    else if (s->opts->ids)
        TRY(strbuf_printf(sb, "%.12s ", s->c->id));
    return s->opts->timestamps ? put_time(s, sb, rec) : NULL;
}

/* Before since: skipped. At or after until: the end. */
static bool in_window(struct logs_sink *s, const struct logs_record *rec)
{
    if (s->opts->until_nsec && rec->nsec >= s->opts->until_nsec)
        s->past_until = true;
    return !s->past_until && (!rec->nsec || rec->nsec >= s->opts->since_nsec);
}

struct err *logs_put(struct logs_sink *s, const struct logs_record *rec)
{
    struct strbuf *sb = &s->out[rec->is_err];
    if (!in_window(s, rec))
        return NULL;
    /* Order between the two streams matters when both go to one place. */
    if (s->out[!rec->is_err].len)
        TRY(logs_flush(s));
    if (!s->mid_line[rec->is_err])
        TRY(put_prefix(s, sb, rec));
    s->mid_line[rec->is_err] = rec->partial;
    TRY(strbuf_add(sb, rec->text, rec->text_len));
    if (!rec->partial)
        TRY(s->opts->color ? strbuf_puts(sb, "\033[0m\n") : strbuf_putc(sb, '\n'));
    return sb->len > CHUNK ? logs_flush(s) : NULL;
}

/* --- following */

struct err *logs_watch_end(struct engine *e, const struct container *c, struct monitor **ret)
{
    struct err *err = monitor_connect(engine_run_dir(e), c->id, ret);
    if (!err)
        err = msg_send(monitor_fd(*ret), MONITOR_WAIT, "", 0, NULL, 0);
    if (err && (err_kind(err) == ERR_STATE || err_kind(err) == ERR_NETWORK)) {
        err_drop(err);
        monitor_free(*ret);
        *ret = NULL;
        return NULL;
    }
    return err;
}

int logs_until_msec(const struct logs_opts *opts)
{
    if (!opts->until_nsec)
        return -1;
    int64_t left = (opts->until_nsec - timefmt_now()) / 1000000 + 1;
    return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

struct err *container_logs(struct engine *e, struct container *c, const struct logs_opts *opts)
{
    struct logs_sink sink = {.opts = opts, .c = c};
    TRY(container_load_spec(e, c));
    bool journal = c->spec.log_driver && strcmp(c->spec.log_driver, "journald") == 0;
    struct err *err = journal ? logs_journal(e, &sink) : logs_file(e, &sink);
    logs_sink_done(&sink);
    return err;
}
