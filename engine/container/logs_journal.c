/* `logs` of a container with the log driver journald: what journalctl says in its JSON form (journalctl(1), "-o json";
 * the fields are those that the monitor's driver writes, ctlog_journald.c).
 *
 * First what is there; then, with --follow, journalctl goes on behind the last entry's cursor until the container's
 * end, and half a second of silence longer, since journald takes entries in at its own pace.
 *
 * journalctl shows what the user may read: with a journal on disk (/var/log/journal) that is the user's own part; one
 * in /run alone is for root and the groups adm and systemd-journal.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/proc.h"
#include "base/strv.h"
#include "base/timefmt.h"
#include "engine/container/internal.h"
#include "engine/container/logs_internal.h"

#define ENTRY_MAX ((size_t)1 << 20) /* of JSON: 16 KiB of text at most, as numbers; longer ones are passed over */
#define CURSOR_MAX 1024
#define SILENCE_MSEC 500
#define NSEC_PER_USEC 1000
#define TAIL_MAX ((int64_t)1 << 20)

/* The last lines of --tail, until all history was seen: a ring. */
struct tail_line {
    struct strbuf text;
    int64_t nsec;
    bool is_err;
};

struct journal {
    struct logs_sink *sink;
    char *match;       /* CONTAINER_ID_FULL=… */
    struct strbuf buf; /* what was read and is no whole line yet */
    bool skipping;     /* inside an entry that is too long */
    char *cursor;      /* of the last entry; NULL: none came */
    struct tail_line *ring;
    size_t ring_size, ring_seen;
    bool mid_line[2];
};

static void journal_done(struct journal *j)
{
    mem_freep(&j->match);
    mem_freep(&j->cursor);
    strbuf_done(&j->buf);
    for (size_t i = 0; i < j->ring_size; i++)
        strbuf_done(&j->ring[i].text);
    mem_freep(&j->ring);
}
#define AUTO_JOURNAL __attribute__((cleanup(journal_done)))

static struct err *put(struct journal *j, int64_t nsec, const char *text, size_t len, bool is_err, bool partial)
{
    struct timefmt_text time = timefmt_rfc3339(nsec, 1);
    const struct logs_record rec = {
        .nsec = nsec,
        .time = time.s,
        .time_len = strlen(time.s),
        .text = text,
        .text_len = len,
        .is_err = is_err,
        .partial = partial,
    };
    return logs_put(j->sink, &rec);
}

/* --tail counts lines, so pieces of one are joined. */
static struct err *keep(struct journal *j, int64_t nsec, const char *text, size_t len, bool is_err, bool partial)
{
    if (!j->mid_line[is_err] || !j->ring_seen) {
        struct tail_line *fresh = &j->ring[j->ring_seen++ % j->ring_size];
        strbuf_truncate(&fresh->text, 0);
        fresh->nsec = nsec;
        fresh->is_err = is_err;
    }
    j->mid_line[is_err] = partial;
    /* Pieces of two streams may alternate: the youngest line of this stream. */
    for (size_t back = 1; back <= j->ring_size && back <= j->ring_seen; back++) {
        struct tail_line *line = &j->ring[(j->ring_seen - back) % j->ring_size];
        if (line->is_err == is_err)
            return strbuf_add(&line->text, text, len);
    }
    return NULL;
}

static struct err *put_kept(struct journal *j)
{
    size_t n = j->ring_seen < j->ring_size ? j->ring_seen : j->ring_size;
    for (size_t i = j->ring_seen - n; i < j->ring_seen; i++) {
        const struct tail_line *line = &j->ring[i % j->ring_size];
        TRY(put(j, line->nsec, strbuf_str(&line->text), line->text.len, line->is_err, false));
    }
    return NULL;
}

/* --- one entry */

/* MESSAGE is a string, or an array of bytes where it isn't printable text; null when it is huge. */
static struct err *message_of(const json_t *entry, struct strbuf *ret)
{
    const json_t *message = json_object_get(entry, "MESSAGE"), *item;
    size_t i;
    if (json_is_string(message))
        return strbuf_add(ret, json_string_value(message), json_string_length(message));
    json_array_foreach (message, i, item) {
        json_int_t byte = json_integer_value(item);
        if (!json_is_integer(item) || byte < 0 || byte > 255)
            return ERR_NEW(ERR_CORRUPT, "journalctl: a message that is neither text nor bytes");
        TRY(strbuf_putc(ret, (char)(unsigned char)byte));
    }
    return NULL;
}

static struct err *take_entry(struct journal *j, const char *line, size_t len)
{
    AUTO_JSON json_t *entry = NULL;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    const char *usec = NULL, *priority = NULL, *partial = NULL, *cursor = NULL;
    int64_t time = 0;
    TRY(json_parse(line, len, "journal entry", &entry));
    TRY(json_get_str(entry, "__REALTIME_TIMESTAMP", "journal entry", &usec));
    TRY(json_get_str(entry, "__CURSOR", "journal entry", &cursor));
    TRY(json_get_str(entry, "PRIORITY", "journal entry", &priority));
    TRY(json_get_str(entry, "CONTAINER_PARTIAL_MESSAGE", "journal entry", &partial));
    TRY(number_parse_i64(usec ? usec : "", 0, INT64_MAX / NSEC_PER_USEC, &time));
    TRY(message_of(entry, &text));
    if (cursor && strlen(cursor) < CURSOR_MAX)
        TRY(mem_replace(&j->cursor, cursor));
    bool is_err = priority && strcmp(priority, "3") == 0;
    bool is_partial = partial && strcmp(partial, "true") == 0;
    struct err *(*to)(struct journal *, int64_t, const char *, size_t, bool, bool) = j->ring_size ? keep : put;
    return to(j, time * NSEC_PER_USEC, strbuf_str(&text), text.len, is_err, is_partial);
}

/* All whole lines of the buffer. */
static struct err *take_lines(struct journal *j)
{
    size_t at = 0;
    for (const char *end; at < j->buf.len && (end = memchr(j->buf.data + at, '\n', j->buf.len - at));) {
        size_t len = (size_t)(end - (j->buf.data + at));
        if (!j->skipping && len)
            TRY(take_entry(j, j->buf.data + at, len));
        j->skipping = false;
        at += len + 1;
    }
    memmove(j->buf.data, j->buf.data + at, j->buf.len - at);
    strbuf_truncate(&j->buf, j->buf.len - at);
    if (j->buf.len > ENTRY_MAX) {
        j->skipping = true;
        strbuf_truncate(&j->buf, 0);
    }
    return NULL;
}

static struct err *take_bytes(struct journal *j, int fd, bool *ret_end)
{
    char bytes[16384];
    ssize_t n = read(fd, bytes, sizeof(bytes));
    *ret_end = n == 0;
    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? NULL : ERR_SYS(errno, "read from journalctl");
    TRY(strbuf_add(&j->buf, bytes, (size_t)n));
    return take_lines(j);
}

/* --- journalctl */

static struct err *spawn(struct journal *j, bool follow, struct proc *ret, int *ret_fd)
{
    const struct logs_opts *opts = j->sink->opts;
    AUTO_STRV struct strv argv = STRV_INIT;
    AUTO_FREE char *path = NULL;
    int ends[2];
    struct err *err = proc_find("journalctl", &path);
    if (err && err_kind(err) == ERR_NOT_FOUND) {
        err_drop(err);
        return ERR_NEW(ERR_UNSUPPORTED, "the log of container %s is in the journal, and journalctl is not installed",
                       j->sink->c->name);
    }
    TRY(err);
    static const char *const fixed[] = {"journalctl",    "--quiet",
                                        "--no-pager",    "--all",
                                        "--output=json", "--output-fields=MESSAGE,PRIORITY,CONTAINER_PARTIAL_MESSAGE"};
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        TRY(strv_add(&argv, fixed[i]));
    if (follow)
        TRY(strv_add(&argv, "--follow"));
    if (follow)
        TRY(strv_add(&argv, "--no-tail"));
    if (j->cursor)
        TRY(strv_addf(&argv, "--after-cursor=%s", j->cursor));
    else if (opts->since_nsec) /* by whole seconds; logs_put() is exact */
        TRY(strv_addf(&argv, "--since=@%lld", (long long)(opts->since_nsec / 1000000000)));
    TRY(strv_add(&argv, j->match));
    if (pipe2(ends, O_CLOEXEC) < 0)
        return ERR_SYS(errno, "make a pipe");
    AUTO_FD int out = ends[0], in = ends[1];
    const struct proc_fd fds[] = {{in, 1}};
    const struct proc_opts po = {.path = path, .argv = argv.items, .fds = fds, .n_fds = 1, .default_signals = true};
    TRY(proc_spawn(&po, ret));
    *ret_fd = TAKE_FD(out);
    return NULL;
}

static struct err *read_history(struct journal *j)
{
    struct proc p = PROC_INIT;
    AUTO_FD int fd = -1;
    bool end = false;
    int status = 0;
    TRY(spawn(j, false, &p, &fd));
    struct err *err = NULL;
    while (!err && !end && !j->sink->past_until)
        err = take_bytes(j, fd, &end);
    if (!err && end)
        err = proc_wait(&p, &status);
    proc_done(&p);
    if (!err && status)
        err = ERR_NEW(ERR_INTERNAL, "journalctl ended with code %d", proc_exit_code(status));
    return err;
}

/* Until journalctl ends, --until has come, or the container has ended and its last entries have arrived. */
static struct err *follow_entries(struct journal *j, int fd, struct monitor *m)
{
    bool running = m != NULL, end = false;
    while (!end && !j->sink->past_until) {
        struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = running ? monitor_fd(m) : -1, .events = POLLIN}};
        int until = logs_until_msec(j->sink->opts);
        int wait = running ? until : until < 0 || until > SILENCE_MSEC ? SILENCE_MSEC : until;
        int n = poll(p, 2, wait);
        if (n < 0 && errno != EINTR)
            return ERR_SYS(errno, "follow the journal");
        if (n == 0)
            return NULL;
        if (p[1].revents)
            running = false;
        if (n > 0 && p[0].revents) {
            TRY(take_bytes(j, fd, &end));
            TRY(logs_flush(j->sink));
        }
    }
    return NULL;
}

static struct err *follow(struct engine *e, struct journal *j)
{
    struct proc p = PROC_INIT;
    AUTO_FD int fd = -1;
    struct monitor *m = NULL;
    TRY(logs_watch_end(e, j->sink->c, &m));
    struct err *err = spawn(j, true, &p, &fd);
    if (!err)
        err = follow_entries(j, fd, m);
    proc_done(&p);
    monitor_free(m);
    return err;
}

struct err *logs_journal(struct engine *e, struct logs_sink *sink)
{
    AUTO_JOURNAL struct journal j = {.sink = sink};
    int64_t tail = sink->opts->tail;
    TRY(mem_asprintf(&j.match, "CONTAINER_ID_FULL=%s", sink->c->id));
    if (tail >= 0 && tail <= TAIL_MAX) { /* 0: one place is kept for the cursor's sake, and nothing shown */
        j.ring_size = tail ? (size_t)tail : 1;
        j.ring = mem_zalloc(j.ring_size * sizeof(*j.ring));
        if (!j.ring)
            return err_oom();
    }
    TRY(read_history(&j));
    if (tail > 0)
        TRY(put_kept(&j));
    TRY(logs_flush(sink));
    if (!sink->opts->follow || sink->past_until)
        return NULL;
    for (size_t i = 0; i < j.ring_size; i++)
        strbuf_done(&j.ring[i].text);
    j.ring_size = 0;
    return follow(e, &j);
}
