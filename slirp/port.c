#include "slirp/port.h"

#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/mem.h"
#include "slirp/gateway.h"
#include "slirp/port_internal.h"

#define PORT_ENTRIES_MAX 32768

struct err *port_new(const struct port_opts *opts, struct port **ret)
{
    struct port *p = mem_zalloc(sizeof(*p));
    if (!p)
        return err_oom();
    (void)signal(SIGPIPE, SIG_IGN);
    p->loop = opts->loop;
    p->config = opts->config;
    p->gateway = opts->gateway && opts->gateway->on ? opts->gateway : NULL;
    p->connections_max = splice_pairs_max();
    *ret = p;
    return NULL;
}

static void entry_free(struct port_entry *take_e)
{
    loop_remove(take_e->src);
    (void)fd_close(take_e->fd);
    mem_freep(&take_e);
}

void port_free(struct port *p)
{
    if (!p)
        return;
    while (p->entries) {
        struct port_entry *e = p->entries;
        p->entries = e->next;
        entry_free(e);
    }
    port_tcp_done(p);
    splice_set_free(p->pairs);
    port_udp_free(p->flows);
    port_pool_free(p->pool);
    mem_freep(&p);
}

/* Ports of the guest: several host ports may lead to one. */
static bool leads_to(const struct port *p, uint32_t proto, in_port_t guest_port)
{
    for (const struct port_entry *e = p->entries; e; e = e->next)
        if (e->spec.proto == proto && e->spec.guest.in.sin_port == guest_port)
            return true;
    return false;
}

static bool by_maker(const struct port *p, uint32_t proto)
{
    return proto != SLIRP_TCP || !p->gateway;
}

static void tell_maker(struct port *p, const struct slirp_port *spec, bool open)
{
    if (p->pool && by_maker(p, spec->proto))
        port_pool_open(p->pool, spec->proto, ntohs(spec->guest.in.sin_port), open);
}

struct err *port_set_maker(struct port *p, int take_sock)
{
    struct port_pool *pool = NULL;
    TRY(port_pool_new(p->loop, take_sock, port_udp_socket, p, &pool));
    if (p->flows)
        port_udp_clear(p->flows);
    port_pool_free(p->pool);
    p->pool = pool;
    for (const struct port_entry *e = p->entries; e; e = e->next)
        tell_maker(p, &e->spec, true);
    return NULL;
}

static struct port_entry **find(struct port *p, const struct slirp_port *spec)
{
    for (struct port_entry **at = &p->entries; *at; at = &(*at)->next)
        if ((*at)->spec.proto == spec->proto && port_source_equal(&(*at)->spec.host, &spec->host))
            return at;
    return NULL;
}

/* What is needed for the first port of a kind. */
static struct err *prepare(struct port *p, uint32_t proto)
{
    if (!p->pool && by_maker(p, proto))
        return ERR_NEW(ERR_STATE, "there is no maker of sockets");
    if (proto == SLIRP_UDP)
        return p->flows ? NULL : port_udp_new(p, &p->flows);
    if (!p->pairs)
        TRY(splice_set_new(p->loop, port_tcp_room, p, &p->pairs));
    if (by_maker(p, proto))
        port_pool_prepare(p->pool, AF_INET);
    return NULL;
}

/* Replies to datagrams must leave from the address that the client wrote to. */
static void want_destination(const struct port_entry *e)
{
    static const int on = 1;
    if (e->spec.host.sa.sa_family == AF_INET6)
        (void)setsockopt(e->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
    else
        (void)setsockopt(e->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
}

struct err *port_add(struct port *p, const struct slirp_port *spec, int take_sock)
{
    AUTO_FD int fd = take_sock;
    bool udp = spec->proto == SLIRP_UDP;
    if (spec->proto >= SLIRP_PROTO_MAX || !spec->guest.in.sin_port ||
        (spec->host.sa.sa_family != AF_INET && spec->host.sa.sa_family != AF_INET6))
        return ERR_NEW(ERR_INVALID, "a port of protocol %u and family %u", spec->proto, spec->host.sa.sa_family);
    if (find(p, spec))
        return ERR_NEW(ERR_EXISTS, "port %u is published already", ntohs(spec->host.in.sin_port));
    if (p->count >= PORT_ENTRIES_MAX)
        return ERR_NEW(ERR_NO_SPACE, "more than %u published ports", PORT_ENTRIES_MAX);
    TRY(prepare(p, spec->proto));
    TRY(fd_set_nonblock(fd, true));
    struct port_entry *e = mem_zalloc(sizeof(*e));
    if (!e)
        return err_oom();
    *e = (struct port_entry){.port = p, .spec = *spec, .fd = TAKE_FD(fd)};
    uint32_t events = udp || !p->resting ? EPOLLIN : 0;
    struct err *err = loop_add_fd(p->loop, e->fd, events, udp ? port_udp_receive : port_tcp_accept, e, &e->src);
    if (err) {
        entry_free(e);
        return err;
    }
    if (udp)
        want_destination(e);
    if (!leads_to(p, spec->proto, spec->guest.in.sin_port))
        tell_maker(p, spec, true);
    e->next = p->entries;
    p->entries = e;
    p->count++;
    return NULL;
}

struct err *port_remove(struct port *p, const struct slirp_port *spec)
{
    struct port_entry **at = find(p, spec);
    if (!at)
        return ERR_NEW(ERR_NOT_FOUND, "port %u is not published", ntohs(spec->host.in.sin_port));
    struct port_entry *e = *at;
    *at = e->next;
    p->count--;
    if (e->spec.proto == SLIRP_UDP)
        port_udp_close(p, e);
    if (!leads_to(p, e->spec.proto, e->spec.guest.in.sin_port))
        tell_maker(p, &e->spec, false);
    entry_free(e);
    return NULL;
}

struct err *port_list(const struct port *p, struct slirp_port **ret, size_t *ret_n)
{
    size_t n = 0;
    struct slirp_port *list = mem_alloc((p->count + 1) * sizeof(*list));
    if (!list)
        return err_oom();
    for (const struct port_entry *e = p->entries; e; e = e->next)
        list[n++] = e->spec;
    *ret = list;
    *ret_n = n;
    return NULL;
}
