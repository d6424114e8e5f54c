/* Datagrams: a flow for each client of each published port.
 *
 * A flow is known by its port, the client, and the address of the host that the client wrote to, which is where answers
 * come from. It has a socket in the namespace, bound to the client's address and connected to the server, which the
 * maker sends when it is asked; the first few datagrams wait for that. Flows end when they have been quiet: sooner if
 * the server never answered (as conntrack does it); when there are too many, the one that was quiet longest goes. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "base/fd.h"
#include "base/mem.h"
#include "slirp/port_internal.h"

#define UDP_DATAGRAM_MAX 65536u
#define UDP_BATCH 16 /* datagrams for one event */
#define UDP_BUCKETS 256u
#define UDP_FLOWS_MAX 2048u
#define UDP_QUEUE_MAX 4u                       /* datagrams of a flow that has no socket yet … */
#define UDP_QUEUED_BYTES_MAX ((size_t)1 << 20) /* … and bytes of all of them */
#define UDP_QUIET_SEC 30
#define UDP_QUIET_ANSWERED_SEC 120
#define UDP_TICK_NSEC UINT64_C(5000000000)

struct datagram {
    struct datagram *next;
    size_t len;
    char data[];
};

struct udp_flow {
    struct udp_flow *chain;         /* of its bucket */
    struct udp_flow *newer, *older; /* by the last datagram */
    struct port_flows *all;
    const struct port_entry *entry;
    uint64_t id;
    union slirp_addr client, to; /* as the host's socket sees them */
    struct port_way way;
    int fd; /* -1: asked for */
    struct loop_source *src;
    struct datagram *queue; /* newest first: its order is of no use to anybody */
    unsigned n_queue;
    time_t last;
    bool answered;
};

struct port_flows {
    struct port *port;
    struct udp_flow *buckets[UDP_BUCKETS];
    struct udp_flow *newest, *oldest;
    size_t count, max;
    size_t queued_bytes;
    uint64_t next_id;
    struct loop_source *tick; /* NULL without flows */
    char buffer[UDP_DATAGRAM_MAX];
};

static time_t now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static unsigned bucket_of(const union slirp_addr *client)
{
    uint32_t h = client->in.sin_port;
    if (client->sa.sa_family == AF_INET6) {
        uint32_t words[4];
        memcpy(words, &client->in6.sin6_addr, sizeof(words));
        h ^= words[0] ^ words[1] ^ words[2] ^ words[3];
    } else {
        h ^= client->in.sin_addr.s_addr;
    }
    return (h * 2654435761u) >> 24;
}

/* --- the list of all, by age */

static void unlink_age(struct udp_flow *f)
{
    struct port_flows *all = f->all;
    *(f->newer ? &f->newer->older : &all->newest) = f->older;
    *(f->older ? &f->older->newer : &all->oldest) = f->newer;
    f->newer = f->older = NULL;
}

static void link_newest(struct udp_flow *f)
{
    struct port_flows *all = f->all;
    f->older = all->newest;
    *(all->newest ? &all->newest->newer : &all->oldest) = f;
    all->newest = f;
    f->last = now();
}

static void touch(struct udp_flow *f)
{
    f->last = now();
    if (f->all->newest == f)
        return;
    unlink_age(f);
    link_newest(f);
}

static void drop_queue(struct udp_flow *f)
{
    while (f->queue) {
        struct datagram *d = f->queue;
        f->queue = d->next;
        f->all->queued_bytes -= d->len;
        mem_freep(&d);
    }
    f->n_queue = 0;
}

static void flow_free(struct udp_flow *take_f)
{
    struct udp_flow *f = take_f;
    struct port_flows *all = f->all;
    struct udp_flow **at = &all->buckets[bucket_of(&f->client)];
    while (*at != f)
        at = &(*at)->chain;
    *at = f->chain;
    unlink_age(f);
    drop_queue(f);
    loop_remove(f->src);
    if (f->fd >= 0) {
        const struct port_maker_flow end = {.id = f->id, .source = f->way.source, .guest = f->way.guest};
        (void)fd_close(f->fd);
        port_pool_flow_end(all->port->pool, &end);
    }
    all->count--;
    mem_freep(&f);
    if (!all->count) {
        loop_remove(all->tick);
        all->tick = NULL;
    }
}

/* Quiet ones. Those that were answered stay longer, so the oldest is not always the first to go. */
static struct err *on_tick(struct loop_source *src, void *arg)
{
    struct port_flows *all = arg;
    time_t t = now();
    (void)src;
    for (struct udp_flow *f = all->oldest, *next; f && t - f->last >= UDP_QUIET_SEC; f = next) {
        next = f->newer;
        if (!f->answered || t - f->last >= UDP_QUIET_ANSWERED_SEC)
            flow_free(f);
    }
    return NULL;
}

/* --- from the server to the client */

union udp_control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* Leave from the address that the client knows. */
static void put_source(struct msghdr *h, union udp_control *control, const union slirp_addr *from)
{
    bool six = from->sa.sa_family == AF_INET6;
    size_t len = six ? sizeof(struct in6_pktinfo) : sizeof(struct in_pktinfo);
    memset(control, 0, sizeof(*control));
    h->msg_control = control->bytes;
    h->msg_controllen = CMSG_SPACE(len);
    struct cmsghdr *c = CMSG_FIRSTHDR(h);
    c->cmsg_len = CMSG_LEN(len);
    if (six) {
        const struct in6_pktinfo info = {.ipi6_addr = from->in6.sin6_addr, .ipi6_ifindex = from->in6.sin6_scope_id};
        c->cmsg_level = IPPROTO_IPV6;
        c->cmsg_type = IPV6_PKTINFO;
        memcpy(CMSG_DATA(c), &info, sizeof(info));
    } else {
        const struct in_pktinfo info = {.ipi_spec_dst = from->in.sin_addr};
        c->cmsg_level = IPPROTO_IP;
        c->cmsg_type = IP_PKTINFO;
        memcpy(CMSG_DATA(c), &info, sizeof(info));
    }
}

/* A datagram that the host doesn't take now is lost, as datagrams may be. */
static void answer(const struct udp_flow *f, size_t len)
{
    union udp_control control;
    union slirp_addr client = f->client;
    struct iovec iov = {.iov_base = f->all->buffer, .iov_len = len};
    struct msghdr h = {
        .msg_name = &client, .msg_namelen = port_source_length(&client), .msg_iov = &iov, .msg_iovlen = 1};
    if (f->to.sa.sa_family != AF_UNSPEC)
        put_source(&h, &control, &f->to);
    (void)sendmsg(f->entry->fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static struct err *on_answer(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct udp_flow *f = arg;
    (void)src, (void)events;
    for (int i = 0; i < UDP_BATCH; i++) {
        ssize_t n = recv(fd, f->all->buffer, sizeof(f->all->buffer), MSG_DONTWAIT);
        if (n < 0 && errno == ECONNREFUSED)
            continue; /* nobody listens in the container (yet) */
        if (n < 0)
            break;
        f->answered = true;
        touch(f);
        answer(f, (size_t)n);
    }
    return NULL;
}

/* --- from the client to the server */

static struct udp_flow *find(const struct port_flows *all, const struct port_entry *entry,
                             const union slirp_addr *client, const union slirp_addr *to)
{
    for (struct udp_flow *f = all->buckets[bucket_of(client)]; f; f = f->chain)
        if (f->entry == entry && port_source_equal(&f->client, client) && port_source_equal(&f->to, to))
            return f;
    return NULL;
}

/* Two flows must not look alike to the server; loopback has many addresses, and the gateway one. */
static void keep_apart(const struct port_flows *all, struct port_way *way)
{
    for (const struct udp_flow *f = all->newest; f; f = f->older)
        if (port_source_equal(&f->way.source, &way->source) && port_source_equal(&f->way.guest, &way->guest))
            way->source.in.sin_port = 0;
}

static struct err *flow_new(struct port_flows *all, const struct port_entry *entry, const union slirp_addr *client,
                            const union slirp_addr *to, struct udp_flow **ret)
{
    struct port_way ways[2];
    union slirp_addr plain = *client;
    port_source_unmap(&plain);
    if (!port_source_ways(all->port->config, &entry->spec, &plain, ways))
        return ERR_NEW(ERR_INVALID, "no way to the container for this client");
    if (all->count >= all->max)
        flow_free(all->oldest);
    if (!all->tick)
        TRY(loop_add_timer(all->port->loop, UDP_TICK_NSEC, UDP_TICK_NSEC, on_tick, all, &all->tick));
    keep_apart(all, &ways[0]);
    const struct port_maker_flow ask = {.id = all->next_id, .source = ways[0].source, .guest = ways[0].guest};
    struct udp_flow *f = mem_alloc(sizeof(*f));
    if (!f)
        return err_oom();
    struct err *e = port_pool_flow(all->port->pool, &ask);
    if (e) {
        mem_freep(&f);
        return e;
    }
    *f = (struct udp_flow){
        .all = all, .entry = entry, .id = all->next_id++, .client = *client, .to = *to, .way = ways[0], .fd = -1};
    unsigned b = bucket_of(client);
    f->chain = all->buckets[b];
    all->buckets[b] = f;
    link_newest(f);
    all->count++;
    *ret = f;
    return NULL;
}

static void enqueue(struct udp_flow *f, size_t len)
{
    struct datagram *d = NULL;
    if (f->n_queue < UDP_QUEUE_MAX && f->all->queued_bytes + len <= UDP_QUEUED_BYTES_MAX)
        d = mem_alloc(sizeof(*d) + len);
    if (!d)
        return;
    d->len = len;
    memcpy(d->data, f->all->buffer, len);
    d->next = f->queue;
    f->queue = d;
    f->n_queue++;
    f->all->queued_bytes += len;
}

static void forward(struct port_flows *all, const struct port_entry *entry, const union slirp_addr *client,
                    const union slirp_addr *to, size_t len)
{
    struct udp_flow *f = find(all, entry, client, to);
    if (!f) {
        struct err *e = flow_new(all, entry, client, to, &f);
        bool ok = !e;
        err_drop(e); /* the datagram is lost */
        if (!ok)
            return;
    }
    touch(f);
    if (f->fd < 0)
        enqueue(f, len);
    else
        (void)send(f->fd, all->buffer, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Where the client wrote to. */
static void take_destination(struct msghdr *h, union slirp_addr *ret)
{
    *ret = (union slirp_addr){.sa.sa_family = AF_UNSPEC};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            *ret = (union slirp_addr){.in = {.sin_family = AF_INET, .sin_addr = info.ipi_addr}};
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            *ret = (union slirp_addr){.in6 = {.sin6_family = AF_INET6, .sin6_addr = info.ipi6_addr}};
            if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
                ret->in6.sin6_scope_id = (uint32_t)info.ipi6_ifindex;
        }
    }
}

struct err *port_udp_receive(struct loop_source *src, int fd, uint32_t events, void *entry)
{
    const struct port_entry *e = entry;
    struct port_flows *all = e->port->flows;
    (void)src, (void)events;
    for (int i = 0; i < UDP_BATCH; i++) {
        union udp_control control;
        union slirp_addr client = {0}, to;
        struct iovec iov = {.iov_base = all->buffer, .iov_len = sizeof(all->buffer)};
        struct msghdr h = {.msg_name = &client,
                           .msg_namelen = sizeof(client),
                           .msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof(control.bytes)};
        ssize_t n = recvmsg(fd, &h, MSG_DONTWAIT);
        if (n < 0)
            break;
        take_destination(&h, &to);
        forward(all, e, &client, &to, (size_t)n);
    }
    return NULL;
}

/* --- sockets come, ports go */

static void flush_queue(struct udp_flow *f)
{
    struct datagram *oldest_first = NULL;
    while (f->queue) {
        struct datagram *d = f->queue;
        f->queue = d->next;
        d->next = oldest_first;
        oldest_first = d;
    }
    f->queue = oldest_first;
    for (struct datagram *d = f->queue; d; d = d->next)
        (void)send(f->fd, d->data, d->len, MSG_NOSIGNAL | MSG_DONTWAIT);
    drop_queue(f);
}

void port_udp_socket(uint64_t id, int take_fd, int errnum, void *port)
{
    struct port *p = port;
    struct udp_flow *f = p->flows ? p->flows->newest : NULL;
    AUTO_FD int fd = take_fd;
    while (f && f->id != id)
        f = f->older;
    if (fd < 0 || !f) {
        (void)errnum; /* datagrams of this client are lost until the flow is tried again */
        if (f)
            flow_free(f);
        return; /* f is NULL: it has gone meanwhile; the maker keeps a route of its address, which is harmless */
    }
    struct err *e = loop_add_fd(p->loop, fd, EPOLLIN, on_answer, f, &f->src);
    f->fd = TAKE_FD(fd);
    if (e)
        flow_free(f);
    else
        flush_queue(f);
    err_drop(e);
}

struct err *port_udp_new(struct port *p, struct port_flows **ret)
{
    struct port_flows *all = mem_zalloc(sizeof(*all));
    if (!all)
        return err_oom();
    all->port = p;
    all->max = p->connections_max / 4 < UDP_FLOWS_MAX ? p->connections_max / 4 : UDP_FLOWS_MAX;
    *ret = all;
    return NULL;
}

void port_udp_clear(struct port_flows *f)
{
    while (f->oldest)
        flow_free(f->oldest);
}

void port_udp_free(struct port_flows *f)
{
    if (!f)
        return;
    port_udp_clear(f);
    mem_freep(&f);
}

void port_udp_close(struct port *p, const struct port_entry *entry)
{
    for (struct udp_flow *f = p->flows->oldest, *next; f; f = next) {
        next = f->newer;
        if (f->entry == entry)
            flow_free(f);
    }
}
