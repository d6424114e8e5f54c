#include "slirp/port_pool.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/msg.h"

#define POOL_MIN 8u /* one message */
#define POOL_MAX 64u
#define POOL_WAIT_MSEC 1000

/* Sockets of one family. `target` doubles each time that somebody had to wait. */
struct stock {
    int fds[POOL_MAX];
    uint32_t count, ordered, target;
    int errnum; /* why there are none */
};

struct port_pool {
    struct loop *loop;
    int sock; /* to the maker; -1: gone */
    struct loop_source *src;
    struct stock v4, v6;
    port_pool_flow_fn fn;
    void *arg;
};

static struct stock *stock_of(struct port_pool *p, int family)
{
    return family == AF_INET6 ? &p->v6 : &p->v4;
}

/* The maker reads at once whatever comes, so a full socket means that it is as good as dead. */
static struct err *say(struct port_pool *p, uint32_t type, const void *data, size_t len)
{
    if (p->sock < 0)
        return ERR_NEW(ERR_STATE, "there is no maker of sockets");
    return msg_send(p->sock, type, data, len, NULL, 0);
}

static void lose(struct port_pool *p)
{
    if (p->sock < 0)
        return;
    loop_remove(p->src);
    p->src = NULL;
    p->sock = fd_close(p->sock);
    p->v4.errnum = p->v6.errnum = EPIPE;
}

static void order(struct port_pool *p, int family)
{
    struct stock *s = stock_of(p, family);
    if (s->errnum || s->count + s->ordered > s->target / 2)
        return;
    const struct port_maker_batch b = {.family = (uint32_t)family, .count = s->target - s->count - s->ordered};
    struct err *e = say(p, PORT_MAKER_TCP, &b, sizeof(b));
    if (e)
        lose(p);
    else
        s->ordered += b.count;
    err_drop(e);
}

static void on_batch(struct port_pool *p, struct msg *m)
{
    struct port_maker_batch b;
    memcpy(&b, m->data, sizeof(b));
    struct stock *s = stock_of(p, (int)b.family);
    for (size_t i = 0; i < m->n_fds && s->count < POOL_MAX; i++)
        s->fds[s->count++] = TAKE_FD(m->fds[i]);
    s->ordered -= m->n_fds < s->ordered ? (uint32_t)m->n_fds : s->ordered;
    if (!b.errnum)
        return;
    s->ordered = 0;
    if (b.errnum == EAFNOSUPPORT)
        s->errnum = b.errnum; /* for good; others may pass */
}

static void on_flow(struct port_pool *p, struct msg *m)
{
    struct port_maker_flow f;
    memcpy(&f, m->data, sizeof(f));
    int fd = m->n_fds ? TAKE_FD(m->fds[0]) : -1;
    p->fn(f.id, fd, fd < 0 && !f.errnum ? EPROTO : f.errnum, p->arg);
}

static void on_ready(struct port_pool *p, const struct msg *m)
{
    struct port_maker_ready r;
    memcpy(&r, m->data, sizeof(r));
    if (!r.ipv6)
        p->v6.errnum = EAFNOSUPPORT;
}

static void on_failed(struct port_pool *p, const struct msg *m)
{
    struct err *e = NULL, *bad = err_decode(m->data, m->len, &e);
    if (!bad && e)
        log_write(LOG_LEVEL_WARN, "published ports: %s", err_text(e));
    err_drop(e);
    err_drop(bad);
    lose(p);
}

/* One message. False when there was none. */
static bool receive(struct port_pool *p)
{
    AUTO_MSG struct msg m = MSG_INIT;
    bool eof = false;
    struct err *e = msg_recv(p->sock, &m, &eof);
    bool none = e && err_errno(e) == EAGAIN;
    err_drop(e);
    if (none)
        return false;
    if (e || eof)
        lose(p);
    else if (m.type == PORT_MAKER_TCP && m.len == sizeof(struct port_maker_batch))
        on_batch(p, &m);
    else if (m.type == PORT_MAKER_UDP && m.len == sizeof(struct port_maker_flow))
        on_flow(p, &m);
    else if (m.type == PORT_MAKER_READY && m.len == sizeof(struct port_maker_ready))
        on_ready(p, &m);
    else if (m.type == PORT_MAKER_FAILED)
        on_failed(p, &m);
    return true;
}

static struct err *on_maker(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct port_pool *p = arg;
    (void)src, (void)fd, (void)events;
    while (p->sock >= 0 && receive(p))
        continue;
    return NULL;
}

struct err *port_pool_new(struct loop *loop, int take_sock, port_pool_flow_fn fn, void *arg, struct port_pool **ret)
{
    struct port_pool *p = mem_zalloc(sizeof(*p));
    if (!p) {
        (void)fd_close(take_sock);
        return err_oom();
    }
    *p = (struct port_pool){.loop = loop, .sock = take_sock, .fn = fn, .arg = arg};
    p->v4.target = p->v6.target = POOL_MIN;
    struct err *e = fd_set_nonblock(take_sock, true);
    if (!e)
        e = loop_add_fd(loop, take_sock, EPOLLIN, on_maker, p, &p->src);
    if (e)
        port_pool_free(p);
    else
        *ret = p;
    return e;
}

void port_pool_free(struct port_pool *p)
{
    if (!p)
        return;
    lose(p);
    while (p->v4.count)
        (void)fd_close(p->v4.fds[--p->v4.count]);
    while (p->v6.count)
        (void)fd_close(p->v6.fds[--p->v6.count]);
    mem_freep(&p);
}

void port_pool_prepare(struct port_pool *p, int family)
{
    order(p, family);
}

/* Answers to flows that come meanwhile are served, too. */
static void wait_for(struct port_pool *p, const struct stock *s)
{
    while (!s->count && s->ordered && !s->errnum && p->sock >= 0) {
        struct pollfd pfd = {.fd = p->sock, .events = POLLIN};
        int n = poll(&pfd, 1, POOL_WAIT_MSEC);
        if (n == 0 || (n < 0 && errno != EINTR))
            lose(p);
        else if (n > 0)
            (void)receive(p);
    }
}

int port_pool_take(struct port_pool *p, int family)
{
    struct stock *s = stock_of(p, family);
    order(p, family);
    if (!s->count && p->sock >= 0) { /* more have come than the loop has told us yet, or we are too quick */
        if (receive(p) && !s->count && s->target < POOL_MAX)
            s->target *= 2;
        wait_for(p, s);
    }
    if (s->count)
        return s->fds[--s->count];
    errno = s->errnum ? s->errnum : ENOBUFS;
    return -1;
}

struct err *port_pool_flow(struct port_pool *p, const struct port_maker_flow *flow)
{
    return say(p, PORT_MAKER_UDP, flow, sizeof(*flow));
}

void port_pool_flow_end(struct port_pool *p, const struct port_maker_flow *flow)
{
    err_drop(say(p, PORT_MAKER_UDP_END, flow, sizeof(*flow)));
}

void port_pool_open(struct port_pool *p, uint32_t proto, uint32_t ct_port, bool open)
{
    const struct port_maker_port port = {.proto = proto, .port = ct_port};
    err_drop(say(p, open ? PORT_MAKER_OPEN : PORT_MAKER_CLOSE, &port, sizeof(port)));
}
