/* Queries by TCP (RFC 7766): each message behind two bytes of length. The container's connections come from the gateway
 * (outgoing.c), or through libslirp to a listener on the host's loopback (frame.c changes the addresses); others who
 * find it there are turned away. One query of a connection is under way at a time; a connection that is silent for
 * DNS_TCP_NSEC is closed, the one that was silent longest also when there are too many: nobody can keep others out. */
#include "slirp/dns_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

#define TCP_PREFIX ((size_t)2)
#define TCP_BACKLOG 16
#define TCP_BUF (TCP_PREFIX + DNS_MESSAGE_MAX)

enum tcp_state {
    TCP_READING,  /* a query from the client */
    TCP_ASKING,   /* sending it to the server, once that connection is made */
    TCP_WAITING,  /* reading the server's answer */
    TCP_ANSWERING /* sending it to the client */
};

struct dns_tcp {
    struct dns *dns;
    struct dns_tcp *next;
    enum tcp_state state;
    int fd, server_fd;
    struct loop_source *src, *server_src;
    union slirp_addr from; /* who asks; AF_UNSPEC: libslirp does not tell */
    uint64_t deadline_nsec;
    unsigned tries;
    size_t have, want; /* of buf: filled or sent, and to be */
    size_t query_len;  /* with the prefix; kept behind the answer's room for the next server */
    uint8_t query[TCP_PREFIX + DNS_QUERY_MAX];
    uint8_t buf[TCP_BUF];
};

static const union slirp_addr *tcp_from(const struct dns_tcp *t)
{
    return t->from.sa.sa_family ? &t->from : NULL;
}

static void tcp_drop_server(struct dns_tcp *t)
{
    loop_remove(t->server_src);
    t->server_src = NULL;
    t->server_fd = fd_close(t->server_fd);
}

static void tcp_remove(struct dns_tcp *t)
{
    for (struct dns_tcp **p = &t->dns->tcp; *p; p = &(*p)->next) {
        if (*p == t) {
            *p = t->next;
            t->dns->n_tcp--;
            break;
        }
    }
    tcp_drop_server(t);
    loop_remove(t->src);
    (void)fd_close(t->fd);
    free(t);
}

void dns_tcp_close_all(struct dns *d)
{
    while (d->tcp)
        tcp_remove(d->tcp);
}

static void tcp_watch(struct dns_tcp *t, struct loop_source *src, uint32_t events)
{
    struct err *e = src ? loop_set_events(src, events) : NULL;
    if (e)
        t->deadline_nsec = 0; /* the next tick closes it */
    err_drop(e);
}

static void tcp_touch(struct dns_tcp *t)
{
    t->deadline_nsec = dns_now() + DNS_TCP_NSEC;
}

static void tcp_read_next(struct dns_tcp *t)
{
    tcp_drop_server(t);
    t->state = TCP_READING;
    t->have = 0;
    t->want = TCP_PREFIX;
    t->tries = 0;
    tcp_touch(t);
    tcp_watch(t, t->src, EPOLLIN);
}

/* buf holds an answer of `len` bytes behind the prefix. */
static void tcp_answer(struct dns_tcp *t, size_t len)
{
    t->buf[0] = (uint8_t)(len >> 8);
    t->buf[1] = (uint8_t)len;
    t->state = TCP_ANSWERING;
    t->have = 0;
    t->want = TCP_PREFIX + len;
    tcp_watch(t, t->src, EPOLLOUT);
}

static struct err *tcp_server_ready(struct loop_source *src, int fd, uint32_t events, void *arg);

static void tcp_ask(struct dns_tcp *t)
{
    struct dns *d = t->dns;
    const struct resolv *servers = dns_resolvers(d, tcp_from(t));
    t->state = TCP_ASKING;
    tcp_watch(t, t->src, 0);
    while (t->tries < DNS_TRIES) {
        tcp_drop_server(t);
        t->server_fd = dns_connect(&servers->servers[t->tries++ % servers->n], SOCK_STREAM);
        if (t->server_fd < 0)
            continue;
        memcpy(t->buf, t->query, t->query_len);
        t->have = 0;
        t->want = t->query_len;
        struct err *e = loop_add_fd(d->o.loop, t->server_fd, EPOLLOUT, tcp_server_ready, t, &t->server_src);
        bool good = !e;
        err_drop(e);
        t->deadline_nsec = dns_now() + DNS_TRY_NSEC;
        if (good)
            return;
    }
    tcp_drop_server(t);
    tcp_answer(t, dns_reply_code(t->query + TCP_PREFIX, t->query_len - TCP_PREFIX, DNS_SERVFAIL, t->buf + TCP_PREFIX,
                                 DNS_MESSAGE_MAX));
}

/* A whole query is in buf. False: the connection is of no use. */
static bool tcp_query(struct dns_tcp *t)
{
    struct dns_query q;
    enum dns_rcode rcode = DNS_FORMERR;
    const uint8_t *msg = t->buf + TCP_PREFIX;
    uint8_t out[DNS_HEADER + DNS_NAME_MAX + 64];
    size_t len = t->want - TCP_PREFIX, n;
    switch (dns_parse(msg, len, &q, &rcode)) {
    case DNS_QUERY:
        memcpy(t->query, t->buf, t->want); /* dns_parse() takes no more than DNS_QUERY_MAX */
        t->query_len = t->want;
        n = dns_local(t->dns, tcp_from(t), t->query + TCP_PREFIX, len, &q, t->buf + TCP_PREFIX, DNS_MESSAGE_MAX);
        break;
    case DNS_BROKEN:
        n = dns_reply_code(msg, len, rcode, out, sizeof(out));
        memcpy(t->buf + TCP_PREFIX, out, n);
        break;
    case DNS_IGNORE:
    default:
        return false;
    }
    if (n)
        tcp_answer(t, n);
    else
        tcp_ask(t);
    return true;
}

/* More of a message with its prefix; 1: complete, 0: later, -1: ended or failed. */
static int tcp_fill(struct dns_tcp *t, int fd)
{
    for (;;) {
        if (t->have == t->want && t->want == TCP_PREFIX) {
            t->want += (size_t)(t->buf[0] << 8 | t->buf[1]);
            if (t->want == TCP_PREFIX)
                return -1;
        } else if (t->have == t->want) {
            return 1;
        }
        ssize_t n = recv(fd, t->buf + t->have, t->want - t->have, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (n <= 0)
            return -1;
        t->have += (size_t)n;
    }
}

static int tcp_flush(struct dns_tcp *t, int fd)
{
    while (t->have < t->want) {
        ssize_t n = send(fd, t->buf + t->have, t->want - t->have, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (n < 0)
            return -1;
        t->have += (size_t)n;
    }
    return 1;
}

static struct err *tcp_server_ready(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct dns_tcp *t = arg;
    (void)src;
    (void)events;
    int r = t->state == TCP_ASKING ? tcp_flush(t, fd) : tcp_fill(t, fd);
    if (r < 0) {
        tcp_ask(t);
    } else if (r && t->state == TCP_ASKING) {
        t->state = TCP_WAITING;
        t->have = 0;
        t->want = TCP_PREFIX;
        tcp_watch(t, t->server_src, EPOLLIN);
    } else if (r) {
        size_t len = t->want - TCP_PREFIX;
        const uint8_t *query = t->query + TCP_PREFIX;
        bool fits = dns_reply_fits(t->buf + TCP_PREFIX, len, query, t->query_len - TCP_PREFIX, dns_id(query));
        tcp_drop_server(t);
        if (fits)
            tcp_answer(t, len);
        else
            tcp_ask(t);
    }
    return NULL;
}

static struct err *tcp_ready(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct dns_tcp *t = arg;
    bool good = true;
    (void)src;
    if (t->state == TCP_READING) {
        int r = tcp_fill(t, fd);
        good = r >= 0 && (!r || tcp_query(t));
    } else if (t->state == TCP_ANSWERING) {
        int r = tcp_flush(t, fd);
        good = r >= 0;
        if (r > 0)
            tcp_read_next(t);
    } else {
        good = !(events & (EPOLLERR | EPOLLHUP)); /* the client left before its answer came */
    }
    if (!good)
        tcp_remove(t);
    return NULL;
}

void dns_tcp_expire(struct dns *d, uint64_t now)
{
    struct dns_tcp *next;
    for (struct dns_tcp *t = d->tcp; t; t = next) {
        next = t->next;
        if (t->deadline_nsec > now)
            continue;
        if (t->state == TCP_ASKING || t->state == TCP_WAITING)
            tcp_ask(t); /* the next server */
        else
            tcp_remove(t);
    }
}

/* Room for one more: the connection that was silent longest goes. */
static void tcp_make_room(struct dns *d)
{
    struct dns_tcp *oldest = d->tcp;
    if (!oldest || d->n_tcp < DNS_TCP_MAX)
        return;
    for (struct dns_tcp *t = d->tcp; t; t = t->next) {
        if (t->deadline_nsec < oldest->deadline_nsec)
            oldest = t;
    }
    tcp_remove(oldest);
}

struct err *dns_tcp_serve(struct dns *d, int take_fd, const union slirp_addr *from)
{
    AUTO_FD int fd = take_fd;
    int one = 1;
    tcp_make_room(d);
    AUTO_FREE struct dns_tcp *t = mem_zalloc(sizeof(*t));
    if (!t)
        return err_oom();
    t->dns = d;
    t->server_fd = -1;
    if (from)
        t->from = *from;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    TRY(loop_add_fd(d->o.loop, fd, EPOLLIN, tcp_ready, t, &t->src));
    t->fd = TAKE_FD(fd);
    t->next = d->tcp;
    d->tcp = t;
    d->n_tcp++;
    tcp_read_next(t);
    dns_tick(d);
    (void)TAKE_PTR(t);
    return NULL;
}

static struct err *tcp_accept(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct dns *d = arg;
    union slirp_addr peer;
    socklen_t len = sizeof(peer);
    (void)src;
    (void)events;
    AUTO_FD int client = accept4(fd, &peer.sa, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0)
        return NULL;
    /* Any user of this host can connect here; only the container's connections are served. */
    if (d->o.is_ours(d->o.is_ours_arg, &peer.sa, len))
        err_drop(dns_tcp_serve(d, TAKE_FD(client), NULL));
    return NULL;
}

static struct err *tcp_listen(struct dns *d, int family, struct dns_listener *l)
{
    union slirp_addr a;
    socklen_t len = sizeof(a);
    int one = 1;
    memset(&a, 0, sizeof(a));
    a.sa.sa_family = (sa_family_t)family;
    if (family == AF_INET)
        a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        a.in6.sin6_addr = in6addr_loopback;
    AUTO_FD int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return ERR_SYS(errno, "make a socket");
    if (family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    if (bind(fd, &a.sa, family == AF_INET ? sizeof(a.in) : sizeof(a.in6)) < 0 || listen(fd, TCP_BACKLOG) < 0 ||
        getsockname(fd, &a.sa, &len) < 0)
        return ERR_SYS(errno, "listen on the loopback address");
    TRY(loop_add_fd(d->o.loop, fd, EPOLLIN, tcp_accept, d, &l->src));
    l->port = ntohs(a.in.sin_port);
    l->fd = TAKE_FD(fd);
    return NULL;
}

uint16_t dns_tcp_port(struct dns *d, int family)
{
    struct dns_listener *l = &d->listeners[family == AF_INET6];
    if (l->fd < 0)
        err_drop(tcp_listen(d, family, l));
    return l->fd < 0 ? 0 : l->port;
}
