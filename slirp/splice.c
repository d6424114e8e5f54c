/* A pair has two directions; direction i reads side i and writes side 1-i. A direction is, in turn,
 *
 *   open ── end of stream read ──► ending ── everything written ──► done (the other side got SHUT_WR)
 *
 * and the pair is closed when both are done. Between reads a direction holds nothing, unless the writer was refused:
 * then it is blocked, holds `rest` (bytes of a short write) or `piped` bytes in its pipe, and asks for EPOLLOUT of the
 * writer's side instead of EPOLLIN of the reader's.
 *
 * Epoll is level-triggered here: nothing that is left unread is forgotten, which lets each event do a limited amount of
 * work, so that one fast pair doesn't keep the others waiting.
 */
#include "slirp/splice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

#define SPLICE_BUFFER ((size_t)64 << 10) /* of all pairs together */
#define SPLICE_PIPE (512 << 10)          /* asked for; a user has 64 MiB of pipes (pipe-user-pages-soft, pipe(7)) */
#define SPLICE_MOVE_MAX ((size_t)1 << 20)
#define SPLICE_ROUNDS 16            /* reads for one event */
#define SPLICE_PIPES_IDLE 4         /* kept for the next bulk transfer */
#define SPLICE_SMALL ((size_t)8192) /* less than that in a round is no bulk */

#define SPLICE_FDS_OTHER ((rlim_t)512) /* for libslirp's sockets, pipes and everything else */

struct splice_pipe {
    int fds[2];
};

struct splice_side {
    int fd;
    struct loop_source *src; /* NULL: nothing is to be heard from it now */
    uint32_t events;         /* asked for */
};

struct splice_flow {
    char *rest; /* heap; what a short write left */
    size_t rest_at, rest_len;
    struct splice_pipe pipe; /* fds[0] -1: none */
    size_t piped;
    bool bulk;
    bool blocked;
    bool eof;
    bool done;
};

struct splice {
    struct splice_set *set;
    struct splice *next, *prev;
    struct splice_side side[2];
    struct splice_flow flow[2];
};

struct splice_set {
    struct loop *loop;
    void (*on_end)(void *arg);
    void *arg;
    struct splice *first;
    size_t count;
    struct splice_pipe idle[SPLICE_PIPES_IDLE];
    size_t n_idle;
    char buffer[SPLICE_BUFFER];
};

enum outcome { MOVED, DRAINED, BLOCKED, BROKEN };

/* --- pipes */

static bool pipe_take(struct splice_set *set, struct splice_flow *f)
{
    if (f->pipe.fds[0] >= 0)
        return true;
    if (set->n_idle) {
        f->pipe = set->idle[--set->n_idle];
        return true;
    }
    if (pipe2(f->pipe.fds, O_NONBLOCK | O_CLOEXEC) < 0) {
        f->pipe.fds[0] = f->pipe.fds[1] = -1;
        return false; /* no descriptors left: then by way of the buffer */
    }
    (void)fcntl(f->pipe.fds[0], F_SETPIPE_SZ, SPLICE_PIPE);
    return true;
}

/* An empty pipe is as good as new. */
static void pipe_release(struct splice_set *set, struct splice_flow *f)
{
    if (f->pipe.fds[0] < 0)
        return;
    if (!f->piped && set->n_idle < SPLICE_PIPES_IDLE) {
        set->idle[set->n_idle++] = f->pipe;
    } else {
        (void)fd_close(f->pipe.fds[0]);
        (void)fd_close(f->pipe.fds[1]);
    }
    f->pipe = (struct splice_pipe){{-1, -1}};
}

/* --- one direction */

static enum outcome failed(void)
{
    return errno == EAGAIN || errno == EINTR ? BLOCKED : BROKEN;
}

/* What is held goes first. MOVED: nothing is held any more. */
static enum outcome flush(struct splice_flow *f, int to)
{
    while (f->rest_len) {
        ssize_t n = send(to, f->rest + f->rest_at, f->rest_len, MSG_NOSIGNAL);
        if (n < 0)
            return failed();
        f->rest_at += (size_t)n;
        f->rest_len -= (size_t)n;
    }
    mem_freep(&f->rest);
    f->rest_at = 0;
    while (f->piped) {
        ssize_t n = splice(f->pipe.fds[0], NULL, to, NULL, f->piped, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n < 0)
            return failed();
        if (n == 0)
            return BROKEN;
        f->piped -= (size_t)n;
    }
    return MOVED;
}

static enum outcome hold(struct splice_flow *f, const char *data, size_t len)
{
    f->rest = mem_alloc(len);
    if (!f->rest)
        return BROKEN;
    memcpy(f->rest, data, len);
    f->rest_len = len;
    return BLOCKED;
}

/* By way of the buffer. A read that doesn't fill it has taken all there was. */
static enum outcome copy(struct splice_set *set, struct splice_flow *f, int from, int to)
{
    ssize_t n = recv(from, set->buffer, sizeof(set->buffer), 0);
    if (n < 0)
        return failed() == BROKEN ? BROKEN : DRAINED;
    f->eof = n == 0;
    f->bulk = (size_t)n == sizeof(set->buffer);
    if (f->eof)
        return MOVED;
    ssize_t sent = send(to, set->buffer, (size_t)n, MSG_NOSIGNAL);
    if (sent < 0 && failed() == BROKEN)
        return BROKEN;
    size_t at = sent < 0 ? 0 : (size_t)sent;
    if (at < (size_t)n)
        return hold(f, set->buffer + at, (size_t)n - at);
    return f->bulk ? MOVED : DRAINED;
}

/* By way of the pipe, which is empty before: so EAGAIN is about the socket. */
static enum outcome move(struct splice_flow *f, int from, int to)
{
    ssize_t n = splice(from, NULL, f->pipe.fds[1], NULL, SPLICE_MOVE_MAX, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n < 0)
        return failed() == BROKEN ? BROKEN : DRAINED;
    f->eof = n == 0;
    f->bulk = (size_t)n >= SPLICE_SMALL;
    f->piped = (size_t)n;
    return flush(f, to);
}

/* Carry on with direction i until there is nothing to read, the writer refuses, or enough was done for once. */
static enum outcome pump(struct splice *c, int i, int rounds)
{
    struct splice_flow *f = &c->flow[i];
    int from = c->side[i].fd, to = c->side[1 - i].fd;
    enum outcome out = f->done ? DRAINED : MOVED;
    if (!f->done && f->blocked)
        out = flush(f, to);
    for (int n = 0; out == MOVED && (f->eof || n < rounds); n++) {
        if (f->eof) {
            (void)shutdown(to, SHUT_WR);
            f->done = true;
            out = DRAINED;
        } else if (f->bulk && pipe_take(c->set, f)) {
            out = move(f, from, to);
        } else {
            out = copy(c->set, f, from, to);
        }
    }
    f->blocked = out == BLOCKED;
    if (!f->piped && (out == DRAINED || !f->bulk))
        pipe_release(c->set, f);
    return out;
}

/* --- a pair */

void splice_reset(int take_fd)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(take_fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    (void)fd_close(take_fd);
}

static void close_pair(struct splice *c, bool reset)
{
    struct splice_set *set = c->set;
    for (int i = 0; i < 2; i++) {
        loop_remove(c->side[i].src);
        if (reset && c->side[i].fd >= 0)
            splice_reset(c->side[i].fd);
        else
            (void)fd_close(c->side[i].fd);
        pipe_release(set, &c->flow[i]);
        mem_freep(&c->flow[i].rest);
    }
    if (c->prev)
        c->prev->next = c->next;
    else
        set->first = c->next;
    if (c->next)
        c->next->prev = c->prev;
    set->count--;
    mem_freep(&c);
    if (set->on_end)
        set->on_end(set->arg);
}

static struct err *on_side(struct loop_source *src, int fd, uint32_t events, void *arg);

/* Ask for what side i can bring on. `hung`: it reports the end of both its directions for ever; nothing is asked for
 * by then but room in the other one. */
static bool watch(struct splice *c, int i, bool hung)
{
    struct splice_side *s = &c->side[i];
    const struct splice_flow *in = &c->flow[i], *out = &c->flow[1 - i];
    uint32_t want = 0;
    if (!in->eof && !in->blocked)
        want |= EPOLLIN;
    if (out->blocked)
        want |= EPOLLOUT;
    if (!want && (hung || (in->eof && out->done))) {
        loop_remove(s->src);
        s->src = NULL;
        return true;
    }
    struct err *e = NULL;
    if (!s->src)
        e = want ? loop_add_fd(c->set->loop, s->fd, want, on_side, c, &s->src) : NULL;
    else if (want != s->events)
        e = loop_set_events(s->src, want);
    s->events = want;
    bool ok = !e;
    err_drop(e);
    return ok;
}

/* A reset: what arrived before it is still carried on, then the other end gets one too. */
static void broken(struct splice *c, int i)
{
    while (!c->flow[i].blocked && !c->flow[i].eof && pump(c, i, SPLICE_ROUNDS) == MOVED)
        continue;
    close_pair(c, true);
}

static struct err *on_side(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct splice *c = arg;
    int i = c->side[1].src == src;
    enum outcome in = MOVED, out = MOVED;
    (void)fd;
    if (events & EPOLLERR) {
        broken(c, i);
        return NULL;
    }
    if ((events & (EPOLLIN | EPOLLHUP)) && !c->flow[i].blocked)
        in = pump(c, i, SPLICE_ROUNDS);
    if ((events & EPOLLOUT) && in != BROKEN)
        out = pump(c, 1 - i, SPLICE_ROUNDS);
    if (in == BROKEN || out == BROKEN) {
        close_pair(c, true);
        return NULL;
    }
    bool done = c->flow[0].done && c->flow[1].done;
    if (done || !watch(c, i, events & EPOLLHUP) || !watch(c, 1 - i, false))
        close_pair(c, !done);
    return NULL;
}

/* --- the set */

struct err *splice_set_new(struct loop *loop, void (*on_end)(void *arg), void *arg, struct splice_set **ret)
{
    struct splice_set *set = mem_zalloc(sizeof(*set));
    if (!set)
        return err_oom();
    set->loop = loop;
    set->on_end = on_end;
    set->arg = arg;
    *ret = set;
    return NULL;
}

void splice_set_free(struct splice_set *set)
{
    if (!set)
        return;
    set->on_end = NULL;
    while (set->first)
        close_pair(set->first, true);
    while (set->n_idle) {
        set->n_idle--;
        (void)fd_close(set->idle[set->n_idle].fds[0]);
        (void)fd_close(set->idle[set->n_idle].fds[1]);
    }
    mem_freep(&set);
}

struct err *splice_join(struct splice_set *set, int take_a, int take_b)
{
    struct splice *c = mem_zalloc(sizeof(*c));
    if (!c) {
        splice_reset(take_a);
        splice_reset(take_b);
        return err_oom();
    }
    c->set = set;
    for (int i = 0; i < 2; i++) {
        c->side[i].fd = i ? take_b : take_a;
        c->flow[i].pipe = (struct splice_pipe){{-1, -1}};
    }
    c->next = set->first;
    if (set->first)
        set->first->prev = c;
    set->first = c;
    set->count++;
    /* The client has mostly sent something by now: that need not wait for epoll to say so. */
    if (pump(c, 0, 1) == BROKEN || !watch(c, 0, false) || !watch(c, 1, false))
        close_pair(c, true);
    return NULL;
}

size_t splice_count(const struct splice_set *set)
{
    return set->count;
}

enum splice_progress splice_connect(int fd, const struct sockaddr *to, socklen_t len)
{
    if (connect(fd, to, len) == 0)
        return SPLICE_STANDS;
    if (errno != EINPROGRESS)
        return SPLICE_FAILED;
    if (connect(fd, to, len) == 0)
        return SPLICE_STANDS;
    return errno == EALREADY || errno == EINPROGRESS ? SPLICE_WAITS : SPLICE_FAILED;
}

/* A connection is two descriptors; pipes come and go. */
size_t splice_pairs_max(void)
{
    struct rlimit l = {.rlim_cur = 1024, .rlim_max = 1024};
    if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
        l.rlim_cur = l.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &l) < 0)
            (void)getrlimit(RLIMIT_NOFILE, &l);
    }
    return l.rlim_cur > 2 * SPLICE_FDS_OTHER ? (size_t)(l.rlim_cur - SPLICE_FDS_OTHER) / 2 : SPLICE_FDS_OTHER / 4;
}
