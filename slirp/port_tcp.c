/* From an accepted connection to a joined pair.
 *
 * The second connection stays inside the namespaces, so it mostly stands at once (splice_connect()). Otherwise (a
 * server whose backlog is full) it becomes a "dial" that waits. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "slirp/gateway.h"
#include "slirp/pace.h"
#include "slirp/port_internal.h"

#define TCP_ACCEPTS 8                       /* for one event of a listening socket */
#define TCP_RESUME_NSEC UINT64_C(100000000) /* without room: look again */
#define TCP_DIALS_MAX 1024u

struct port_dial {
    struct port_dial *next, *prev;
    struct port *port;
    int client, guest;
    struct loop_source *src;
    struct port_way ways[2];
    int at, n_ways;
};

/* --- when there is no room */

static void set_listening(struct port *p, bool on)
{
    p->resting = !on;
    for (struct port_entry *e = p->entries; e; e = e->next)
        if (e->spec.proto == SLIRP_TCP)
            err_drop(loop_set_events(e->src, on ? EPOLLIN : 0));
}

static struct err *on_resume(struct loop_source *src, void *arg)
{
    struct port *p = arg;
    (void)src;
    set_listening(p, true);
    return NULL;
}

/* Connections wait in the backlog, as with any server that is busy. */
static void rest(struct port *p)
{
    struct err *e = p->resume ? loop_rearm(p->resume, TCP_RESUME_NSEC, 0)
                              : loop_add_timer(p->loop, TCP_RESUME_NSEC, 0, on_resume, p, &p->resume);
    if (!e)
        set_listening(p, false);
    err_drop(e);
}

void port_tcp_room(void *port)
{
    struct port *p = port;
    if (p->resting && splice_count(p->pairs) + p->n_dials < p->connections_max - p->connections_max / 16)
        set_listening(p, true);
}

/* --- dials */

/* A socket that is bound to the source of `way`: with its port, else (it is in use) with any. */
static int open_bound(struct port *p, const struct port_way *way)
{
    int family = way->source.sa.sa_family;
    AUTO_FD int fd = p->gateway ? gateway_socket(p->gateway, family) : port_pool_take(p->pool, family);
    union slirp_addr source = way->source;
    if (fd < 0)
        return -1;
    if (bind(fd, &source.sa, port_source_length(&source)) == 0)
        return TAKE_FD(fd);
    source.in.sin_port = 0;
    return bind(fd, &source.sa, port_source_length(&source)) == 0 ? TAKE_FD(fd) : -1;
}

/* The client's port may still be in use at that server, by a connection that ended just now. */
static enum splice_progress try_way(struct port *p, struct port_way *way, int *ret_fd)
{
    AUTO_FD int fd = open_bound(p, way);
    if (fd < 0)
        return SPLICE_FAILED;
    enum splice_progress out = splice_connect(fd, &way->guest.sa, port_source_length(&way->guest));
    if (out == SPLICE_FAILED && errno == EADDRNOTAVAIL && way->source.in.sin_port) {
        way->source.in.sin_port = 0;
        return try_way(p, way, ret_fd);
    }
    if (out != SPLICE_FAILED)
        *ret_fd = TAKE_FD(fd);
    return out;
}

/* From way `at` on, the first that doesn't fail at once. */
static enum splice_progress try_ways(struct port_dial *d)
{
    for (; d->at < d->n_ways; d->at++) {
        enum splice_progress out = try_way(d->port, &d->ways[d->at], &d->guest);
        if (out != SPLICE_FAILED)
            return out;
    }
    return SPLICE_FAILED;
}

static struct err *on_dial(struct loop_source *src, int fd, uint32_t events, void *arg);

static struct err *dial_wait(const struct port_dial *model)
{
    struct port *p = model->port;
    struct port_dial *d = p->n_dials < TCP_DIALS_MAX ? mem_alloc(sizeof(*d)) : NULL;
    if (!d)
        return err_oom();
    *d = *model;
    struct err *e = loop_add_fd(p->loop, d->guest, EPOLLOUT, on_dial, d, &d->src);
    if (e) {
        mem_freep(&d);
        return e;
    }
    d->next = p->dials;
    if (p->dials)
        p->dials->prev = d;
    p->dials = d;
    p->n_dials++;
    return NULL;
}

static void dial_remove(struct port_dial *take_d)
{
    struct port *p = take_d->port;
    loop_remove(take_d->src);
    if (take_d->prev)
        take_d->prev->next = take_d->next;
    else
        p->dials = take_d->next;
    if (take_d->next)
        take_d->next->prev = take_d->prev;
    p->n_dials--;
    mem_freep(&take_d);
}

/* The end of a dial that lives in the caller's memory. A refused client learns it by a reset. */
static void dial_finish(struct port_dial *d, enum splice_progress out)
{
    struct err *e = NULL;
    if (out == SPLICE_STANDS)
        e = splice_join(d->port->pairs, d->client, d->guest);
    else if (out == SPLICE_WAITS)
        e = dial_wait(d);
    if (out == SPLICE_WAITS && e)
        (void)fd_close(d->guest);
    if (out == SPLICE_FAILED || (out == SPLICE_WAITS && e))
        splice_reset(d->client);
    err_drop(e);
}

static struct err *on_dial(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct port_dial *d = arg, copy;
    int error = 0;
    socklen_t len = sizeof(error);
    (void)src, (void)events;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    copy = *d;
    dial_remove(d);
    copy.src = NULL;
    copy.next = copy.prev = NULL;
    if (!error) {
        dial_finish(&copy, SPLICE_STANDS);
        return NULL;
    }
    (void)fd_close(copy.guest);
    copy.guest = -1;
    copy.at++;
    dial_finish(&copy, try_ways(&copy));
    return NULL;
}

void port_tcp_done(struct port *p)
{
    while (p->dials) {
        (void)fd_close(p->dials->guest);
        splice_reset(p->dials->client);
        dial_remove(p->dials);
    }
    loop_remove(p->resume);
}

/* --- accept */

/* False when the rest of the backlog has to wait. */
static bool accept_one(struct port_entry *e)
{
    struct port *p = e->port;
    union slirp_addr client = {0};
    socklen_t len = sizeof(client);
    if (splice_count(p->pairs) + p->n_dials >= p->connections_max) {
        rest(p);
        return false;
    }
    int fd = accept4(e->fd, &client.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            rest(p);
        return errno == ECONNABORTED || errno == EINTR; /* the next may be all right */
    }
    struct port_dial d = {.port = p, .client = fd, .guest = -1};
    port_source_unmap(&client);
    if (port_source_is_loopback(
            &client)) /* nothing is between us and the client that data would have to be paced for */
        pace_disable(fd);
    d.n_ways = port_source_ways(p->config, &e->spec, &client, d.ways);
    dial_finish(&d, try_ways(&d));
    return true;
}

struct err *port_tcp_accept(struct loop_source *src, int fd, uint32_t events, void *entry)
{
    (void)src, (void)fd, (void)events;
    for (int i = 0; i < TCP_ACCEPTS && accept_one(entry); i++)
        continue;
    return NULL;
}
