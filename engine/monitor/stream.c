/* One pipe or terminal. Reading is paused by taking the descriptor out of the loop: epoll reports a hang-up whatever
 * events were asked for, and would spin. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/monitor/health.h"
#include "engine/monitor/job.h"
#include "engine/monitor/peer.h"

/* A terminal whose last user closed it reads EIO until somebody opens it again (getty does). */
#define TERMINAL_RETRY_NSEC (200 * SERVER_NSEC_PER_MSEC)

void stream_pause(struct stream *st)
{
    loop_remove(st->src);
    st->src = NULL;
}

void stream_close(struct stream *st)
{
    stream_pause(st);
    st->fd = fd_close(st->fd);
}

static void stream_deliver(struct stream *st, const char *data, size_t len)
{
    struct job *j = st->job;
    struct server *s = j->server;
    if (j == s->container)
        ctlog_write(s->log, st->log_stream, data, len);
    if (j->is_probe)
        health_output(s, data, len);
    for (struct peer *p = s->peers; p; p = p->next) {
        bool wants = st->msg_type == MONITOR_OUTPUT ? p->want_stdout : p->want_stderr;
        if (p->attached == j && wants)
            peer_send(p, st->msg_type, data, len, NULL, 0);
    }
}

static struct err *stream_retry(struct loop_source *src, void *arg)
{
    struct job *j = arg;
    loop_remove(src);
    j->grace = NULL;
    job_update(j);
    return NULL;
}

/* The other side is closed: the end, except for the terminal of a process that lives. */
static struct err *stream_hangup(struct stream *st)
{
    struct job *j = st->job;
    if (!j->tty || j->ended) {
        stream_close(st);
        if (j->tty)
            j->in_fd = -1;
        job_update(j);
        return NULL;
    }
    stream_pause(st);
    if (!j->grace)
        return loop_add_timer(j->server->loop, TERMINAL_RETRY_NSEC, 0, stream_retry, j, &j->grace);
    return NULL;
}

static struct err *stream_event(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct stream *st = arg;
    struct server *s = st->job->server;
    (void)src;
    (void)events;
    ssize_t n = read(fd, s->buf, sizeof(s->buf));
    if (n > 0) {
        stream_deliver(st, s->buf, (size_t)n);
        job_update(st->job);
        return NULL;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return NULL;
    return stream_hangup(st);
}

struct err *stream_resume(struct stream *st)
{
    if (st->fd < 0 || st->src)
        return NULL;
    return loop_add_fd(st->job->server->loop, st->fd, EPOLLIN, stream_event, st, &st->src);
}

void stream_drain_text(struct stream *st, char *buf, size_t cap)
{
    size_t len = 0;
    while (st->fd >= 0 && len + 1 < cap) {
        ssize_t n = read(st->fd, buf + len, cap - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    buf[len] = '\0';
    for (char *c = buf; *c; c++)
        *c = *c == '\n' && c[1] == '\0' ? '\0' : *c;
}
