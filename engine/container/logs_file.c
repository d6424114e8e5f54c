/* The files of log driver k8s-file, in large blocks: forwards for their lines, backwards for the last few.
 *
 * Lines are "TIME STREAM TAG TEXT"; tag P means that the line goes on in the next record. The file may grow while it is
 * read, and its last line may be torn: what has no end yet waits in the buffer. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"
#include "base/timefmt.h"
#include "engine/container/internal.h"
#include "engine/container/logs_internal.h"

#define BLOCK ((size_t)256 << 10)
#define RECORD_MAX ((size_t)1 << 20) /* longer ones are left out: the monitor writes 16 KiB at most */
#define HEAD_MAX 64                  /* of a record: time, stream and tag are in there */

struct reader {
    struct logs_sink *sink;
    char *path;
    int fd;
    ino_t ino;
    char *buf; /* RECORD_MAX + BLOCK bytes; the first `len` are read, but no whole line */
    size_t len;
    bool skipping; /* within a record that is too long */
};

static void reader_done(struct reader *r)
{
    r->fd = fd_close(r->fd);
    mem_freep(&r->buf);
    mem_freep(&r->path);
}
#define AUTO_READER __attribute__((cleanup(reader_done)))

/* Split one line of the file in place; false when it is none of ours. */
static bool parse_record(const char *line, size_t len, struct logs_record *ret)
{
    const char *end = line + len, *sp = memchr(line, ' ', len < HEAD_MAX ? len : HEAD_MAX);
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
    char text[HEAD_MAX];
    if ((!opts->since_nsec && !opts->until_nsec) || rec->time_len >= sizeof(text))
        return;
    memcpy(text, rec->time, rec->time_len);
    text[rec->time_len] = '\0';
    err_drop(timefmt_parse_rfc3339(text, &rec->nsec)); /* a damaged line is shown */
}

/* The whole lines of the buffer; the rest is moved to its beginning. */
static struct err *put_lines(struct reader *r)
{
    const char *at = r->buf, *end = r->buf + r->len;
    for (const char *nl; !r->sink->past_until && (nl = memchr(at, '\n', (size_t)(end - at))); at = nl + 1) {
        struct logs_record rec;
        bool ours = !r->skipping && parse_record(at, (size_t)(nl - at), &rec);
        r->skipping = false;
        if (!ours)
            continue;
        parse_time(r->sink->opts, &rec);
        TRY(logs_put(r->sink, &rec));
    }
    r->len = (size_t)(end - at);
    memmove(r->buf, at, r->len);
    if (r->len > RECORD_MAX) {
        r->skipping = true;
        r->len = 0;
    }
    return NULL;
}

/* All complete lines from the file position on. */
static struct err *read_lines(struct reader *r)
{
    while (!r->sink->past_until) {
        ssize_t n = read(r->fd, r->buf + r->len, BLOCK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_SYS(errno, "read log");
        if (n == 0)
            break;
        r->len += (size_t)n;
        TRY(put_lines(r));
    }
    return logs_flush(r->sink);
}

/* --- the last lines */

struct tail {
    int fd;
    int64_t wanted, seen;
    off_t next;     /* the record behind the one that is looked at */
    bool have_next; /* there is one */
    off_t found;    /* where the wanted lines begin */
};

/* A record that ends a line has another line behind it. true: enough. */
static bool tail_record(struct tail *t, const char *head, size_t len, off_t at)
{
    struct logs_record rec;
    if (!parse_record(head, len, &rec))
        return false;
    if (t->have_next && !rec.partial && ++t->seen == t->wanted) {
        t->found = t->next;
        return true;
    }
    t->next = at;
    t->have_next = true;
    return false;
}

/* The beginning of the line at `at`, from the block where it is all there, else from the file. */
static bool look_at(struct tail *t, const char *block, off_t base, size_t len, off_t at)
{
    char own[HEAD_MAX * 2];
    size_t offset = (size_t)(at - base), have = len - offset;
    if (have >= HEAD_MAX)
        return tail_record(t, block + offset, HEAD_MAX, at);
    ssize_t n = pread(t->fd, own, sizeof(own), at);
    if (n <= 0)
        return false;
    const char *nl = memchr(own, '\n', (size_t)n);
    return tail_record(t, own, nl ? (size_t)(nl - own) : (size_t)n, at);
}

/* One block, from its end: every line break but the file's last has a line behind it. */
static bool scan_block(struct tail *t, const char *block, off_t base, size_t len, off_t end)
{
    size_t left = len;
    for (const char *nl; (nl = memrchr(block, '\n', left)); left = (size_t)(nl - block)) {
        off_t at = base + (nl - block) + 1;
        if (at < end && look_at(t, block, base, len, at))
            return true;
    }
    return base == 0 && end > 0 && look_at(t, block, base, len, 0);
}

/* Behind the last line break. */
static struct err *find_end(int fd, off_t size, char *block, off_t *ret)
{
    for (off_t at = size; at > 0;) {
        off_t base = at > (off_t)BLOCK ? at - (off_t)BLOCK : 0;
        ssize_t n = pread(fd, block, (size_t)(at - base), base);
        if (n < 0)
            return ERR_SYS(errno, "read log");
        const char *nl = memrchr(block, '\n', (size_t)n);
        if (nl) {
            *ret = base + (nl - block) + 1;
            return NULL;
        }
        at = base;
    }
    *ret = 0;
    return NULL;
}

/* Position the file at its last `count` lines. */
static struct err *seek_tail(struct reader *r, int64_t count)
{
    struct stat st;
    off_t end;
    struct tail t = {.fd = r->fd, .wanted = count};
    if (fstat(r->fd, &st) < 0)
        return ERR_SYS(errno, "read log");
    TRY(find_end(r->fd, st.st_size, r->buf, &end));
    t.found = count ? 0 : end;
    for (off_t at = end; count && at > 0;) {
        off_t base = at > (off_t)BLOCK ? at - (off_t)BLOCK : 0;
        ssize_t n = pread(r->fd, r->buf, (size_t)(at - base), base);
        if (n < 0)
            return ERR_SYS(errno, "read log");
        if (scan_block(&t, r->buf, base, (size_t)n, end))
            break;
        at = base;
    }
    return lseek(r->fd, t.found, SEEK_SET) < 0 ? ERR_SYS(errno, "read log") : NULL;
}

/* --- following */

static struct err *open_log(struct reader *r, bool *ret_there)
{
    struct stat st;
    fd_close(r->fd);
    r->len = 0;
    r->skipping = false;
    r->fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    *ret_there = r->fd >= 0;
    if (r->fd < 0)
        return errno == ENOENT ? NULL : ERR_SYS(errno, "open log %s", r->path);
    if (fstat(r->fd, &st) < 0 || !S_ISREG(st.st_mode))
        return ERR_NEW(ERR_INVALID, "log %s is not a regular file", r->path);
    r->ino = st.st_ino;
    return NULL;
}

/* The monitor renamed the file and began a new one: finish the old, go on with the new. */
static struct err *follow_rotation(struct reader *r)
{
    struct stat st;
    bool there;
    if (stat(r->path, &st) < 0 || (r->fd >= 0 && st.st_ino == r->ino))
        return NULL;
    if (r->fd >= 0)
        TRY(read_lines(r));
    return open_log(r, &there);
}

static struct err *read_news(struct reader *r)
{
    if (r->fd >= 0)
        TRY(read_lines(r));
    TRY(follow_rotation(r));
    return r->fd >= 0 ? read_lines(r) : NULL;
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
        err = read_news(r);
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
    return !err && r->fd >= 0 ? read_lines(r) : err;
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

struct err *logs_file(struct engine *e, struct logs_sink *sink)
{
    const struct logs_opts *opts = sink->opts;
    AUTO_READER struct reader r = {.sink = sink, .fd = -1};
    bool there;
    TRY(find_log(e, sink->c, &r.path));
    r.buf = mem_zalloc(RECORD_MAX + BLOCK);
    if (!r.buf)
        return err_oom();
    TRY(open_log(&r, &there));
    if (there && opts->tail >= 0)
        TRY(seek_tail(&r, opts->tail));
    if (opts->follow)
        return follow(e, &r);
    return there ? read_lines(&r) : NULL;
}
