/* Reading what a container wrote: the monitor's log file (CRI form), from the end, by time, and as it grows.
 *
 * A line of the file is "<RFC 3339 time> <stdout|stderr> <P|F> <text>"; P means that the line goes on in the next
 * record of the same stream. Following waits on inotify for the file and on the monitor's connection for the end: no
 * polling.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/container/internal.h"
#include "engine/container/logs_internal.h"
#include "engine/engine.h"
#include "engine/monitor/client.h"

#define CHUNK (64u << 10)
#define RECORD_MAX ((size_t)1 << 20) /* longer records are cut there: the monitor writes 16 KiB at most */

struct reader {
    struct logs_sink *sink;
    FILE *f;
    char *path;
    ino_t ino;
    char *line; /* getline's */
    size_t cap;
};

/* Split one line of the file in place; false when it is none of ours. */
static bool parse_record(const char *line, size_t len, struct logs_record *ret)
{
    const char *end = line + len, *sp = memchr(line, ' ', len);
    if (!sp || end - sp < 10)
        return false;
    *ret = (struct logs_record){.time = line};
    ret->time_len = (size_t)(sp - line);
    if (memcmp(sp + 1, "stdout ", 7) != 0 && memcmp(sp + 1, "stderr ", 7) != 0)
        return false;
    ret->is_err = sp[4] == 'e';
    char tag = sp[8];
    if ((tag != 'P' && tag != 'F') || sp[9] != ' ')
        return false;
    ret->partial = tag == 'P';
    ret->text = sp + 10;
    ret->text_len = (size_t)(end - ret->text);
    return true;
}

/* Only where somebody asks for it. */
static void parse_time(const struct logs_opts *opts, struct logs_record *rec)
{
    char text[64];
    if ((!opts->since_nsec && !opts->until_nsec) || rec->time_len >= sizeof(text))
        return;
    memcpy(text, rec->time, rec->time_len);
    text[rec->time_len] = '\0';
    err_drop(timefmt_parse_rfc3339(text, &rec->nsec)); /* a damaged line is shown */
}

/* --- output */

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

static struct err *put_prefix(struct logs_sink *s, struct strbuf *sb, const struct logs_record *rec)
{
    if (s->opts->color)
        TRY(strbuf_puts(sb, s->opts->color));
    if (s->opts->names)
        TRY(strbuf_printf(sb, "%s ", s->c->name));
    else if (s->opts->ids)
        TRY(strbuf_printf(sb, "%.12s ", s->c->id));
    if (s->opts->timestamps)
        TRY(strbuf_printf(sb, "%.*s ", (int)rec->time_len, rec->time));
    return NULL;
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
    if (!s->mid_line[rec->is_err])
        TRY(put_prefix(s, sb, rec));
    s->mid_line[rec->is_err] = rec->partial;
    TRY(strbuf_add(sb, rec->text, rec->text_len));
    if (!rec->partial)
        TRY(strbuf_puts(sb, s->opts->color ? "\033[0m\n" : "\n"));
    /* Order between the two streams matters when both go to one place. */
    return s->out[!rec->is_err].len || sb->len > CHUNK ? logs_flush(s) : NULL;
}

/* --- the file */

/* All complete lines from the file position on. A line that is still being written is left for the next time. */
static struct err *read_lines(struct reader *r)
{
    for (;;) {
        off_t at = ftello(r->f);
        ssize_t n = getline(&r->line, &r->cap, r->f);
        struct logs_record rec;
        if (n < 0 || r->sink->past_until)
            break;
        if (r->line[n - 1] != '\n') {
            if (fseeko(r->f, at, SEEK_SET) < 0)
                return ERR_SYS(errno, "read log");
            break;
        }
        if ((size_t)n > RECORD_MAX || !parse_record(r->line, (size_t)n - 1, &rec))
            continue;
        parse_time(r->sink->opts, &rec);
        TRY(logs_put(r->sink, &rec));
    }
    clearerr(r->f);
    return logs_flush(r->sink);
}

/* Position the file at its last `count` lines: scan backwards for the ends of complete lines ("F"). */
static struct err *seek_tail(struct reader *r, int64_t count)
{
    AUTO_FREE off_t *starts = NULL;
    if (count > (int64_t)1 << 24)
        return NULL;
    starts = mem_zalloc((size_t)(count + 1) * sizeof(*starts));
    if (!starts)
        return err_oom();
    /* A ring of the starts of the last `count` lines, each with its partial records. */
    size_t seen = 0, slots = (size_t)count + 1;
    bool open_line = false;
    for (;;) {
        off_t at = ftello(r->f);
        ssize_t n = getline(&r->line, &r->cap, r->f);
        struct logs_record rec;
        if (n <= 0)
            break;
        if (!parse_record(r->line, (size_t)n - (r->line[n - 1] == '\n'), &rec))
            continue;
        if (!open_line)
            starts[seen++ % slots] = at;
        open_line = rec.partial;
    }
    off_t end = ftello(r->f);
    clearerr(r->f);
    off_t to = count == 0 ? end : seen <= (size_t)count ? 0 : starts[(seen - (size_t)count) % slots];
    return fseeko(r->f, to, SEEK_SET) < 0 ? ERR_SYS(errno, "read log") : NULL;
}

static struct err *open_log(struct reader *r, bool *ret_there)
{
    struct stat st;
    if (r->f)
        fclose(r->f);
    r->f = fopen(r->path, "re");
    *ret_there = r->f != NULL;
    if (!r->f)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "open log %s", r->path);
    if (fstat(fileno(r->f), &st) < 0 || !S_ISREG(st.st_mode))
        return ERR_NEW(ERR_INVALID, "log %s is not a regular file", r->path);
    r->ino = st.st_ino;
    return NULL;
}

/* The monitor renamed the file and began a new one: finish the old, go on with the new. */
static struct err *follow_rotation(struct reader *r)
{
    struct stat st;
    bool there;
    if (stat(r->path, &st) < 0 || (r->f && st.st_ino == r->ino))
        return NULL;
    if (r->f)
        TRY(read_lines(r));
    TRY(open_log(r, &there));
    return NULL;
}

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

static struct err *follow(struct engine *e, struct reader *r)
{
    AUTO_FREE char *dir = NULL;
    AUTO_FD int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    struct monitor *m = NULL;
    const char *slash = strrchr(r->path, '/');
    TRY(mem_strndup(r->path, slash ? (size_t)(slash - r->path) : 0, &dir));
    if (watch < 0 || inotify_add_watch(watch, dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE) < 0)
        return ERR_SYS(errno, "watch log %s", r->path);
    TRY(logs_watch_end(e, r->sink->c, &m));
    struct err *err = NULL;
    for (bool more = true; !err && more && !r->sink->past_until;) {
        struct pollfd p[2] = {{.fd = watch, .events = POLLIN}, {.fd = m ? monitor_fd(m) : -1, .events = POLLIN}};
        char events[4096];
        err = r->f ? read_lines(r) : NULL;
        if (!err)
            err = follow_rotation(r);
        if (!err && r->f)
            err = read_lines(r);
        if (!m || err)
            break;
        int n = poll(p, 2, logs_until_msec(r->sink->opts));
        if (n < 0 && errno != EINTR)
            err = ERR_SYS(errno, "follow log");
        while (read(watch, events, sizeof(events)) > 0)
            continue;
        more = n != 0 && !p[1].revents;
    }
    monitor_free(m);
    if (!err && r->f)
        err = read_lines(r);
    return err;
}

static struct err *find_log(struct engine *e, const struct container *c, char **ret)
{
    const char *driver = c->spec.log_driver ? c->spec.log_driver : "k8s-file";
    if (strcmp(driver, "k8s-file") != 0 && strcmp(driver, "json-file") != 0)
        return ERR_NEW(ERR_INVALID,
                       "this container is using the '%s' log driver, cannot read logs: this container is not logging "
                       "output",
                       driver);
    const char *path = strv_env_get(&c->spec.log_opt, "path");
    if (path)
        return mem_strdup(path, ret);
    AUTO_FREE char *dir = NULL;
    TRY(container_dir(e, c->id, &dir));
    return mem_asprintf(ret, "%s/ctr.log", dir);
}

static struct err *read_all(struct engine *e, struct reader *r)
{
    const struct logs_opts *opts = r->sink->opts;
    bool there;
    TRY(open_log(r, &there));
    if (there && opts->tail >= 0)
        TRY(seek_tail(r, opts->tail));
    if (opts->follow)
        return follow(e, r);
    return there ? read_lines(r) : NULL;
}

static struct err *logs_file(struct engine *e, struct logs_sink *sink)
{
    struct reader r = {.sink = sink};
    TRY(find_log(e, sink->c, &r.path));
    struct err *err = read_all(e, &r);
    if (r.f)
        fclose(r.f);
    free(r.line);
    mem_freep(&r.path);
    return err;
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
