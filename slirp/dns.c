#include "slirp/dns.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "slirp/dns_internal.h"
#include "slirp/dns_names.h"

#define DNS_NSEC_PER_SEC UINT64_C(1000000000)

uint64_t dns_now(void)
{
    struct timespec ts = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * DNS_NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* if_nametoindex(3) would use a Unix socket, which the sandbox does not have. */
static unsigned dns_scope(const char *name)
{
    struct ifreq ifr;
    memset(&ifr, 0, sizeof(ifr));
    AUTO_FD int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || strlen(name) >= sizeof(ifr.ifr_name))
        return 0;
    (void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
    return ioctl(fd, SIOCGIFINDEX, &ifr) < 0 ? 0 : (unsigned)ifr.ifr_ifindex;
}

void dns_set_resolv(struct dns *d, const char *text, size_t len)
{
    resolv_parse(text, len, dns_scope, &d->resolv);
    log_debug("%zu resolvers of the host", d->resolv.n);
}

const struct resolv *dns_resolvers(const struct dns *d, const union slirp_addr *from)
{
    const struct resolv *own = from && d->o.names ? dns_names_servers(d->o.names, from) : NULL;
    return own ? own : &d->resolv;
}

static struct err *dns_timer(struct loop_source *src, void *arg)
{
    struct dns *d = arg;
    uint64_t now = dns_now();
    (void)src;
    dns_udp_expire(d, now);
    dns_tcp_expire(d, now);
    d->ticking = d->udp || d->tcp;
    return d->ticking ? loop_rearm(d->timer, DNS_TICK_NSEC, 0) : NULL;
}

void dns_tick(struct dns *d)
{
    if (d->ticking)
        return;
    struct err *e = loop_rearm(d->timer, DNS_TICK_NSEC, 0);
    d->ticking = !e;
    err_drop(e);
}

struct err *dns_new(const struct dns_opts *opts, struct dns **ret)
{
    AUTO_FREE struct dns *d = mem_zalloc(sizeof(*d));
    if (!d)
        return err_oom();
    d->o = *opts;
    d->listeners[0].fd = d->listeners[1].fd = -1;
    dns_set_resolv(d, "", 0);
    TRY(loop_add_timer(opts->loop, LOOP_NEVER, 0, dns_timer, d, &d->timer));
    *ret = TAKE_PTR(d);
    return NULL;
}

void dns_free(struct dns *d)
{
    if (!d)
        return;
    dns_udp_close_all(d);
    dns_tcp_close_all(d);
    for (size_t i = 0; i < ARRAY_LEN(d->listeners); i++) {
        loop_remove(d->listeners[i].src);
        (void)fd_close(d->listeners[i].fd);
    }
    loop_remove(d->timer);
    free(d->buf);
    free(d);
}

int dns_connect(const union slirp_addr *server, int type)
{
    AUTO_FD int fd = socket(server->sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t len = server->sa.sa_family == AF_INET ? sizeof(server->in) : sizeof(server->in6);
    if (fd < 0 || (connect(fd, &server->sa, len) < 0 && errno != EINPROGRESS))
        return -1;
    return TAKE_FD(fd);
}

/* Names of this host, as Podman and Docker Desktop have them. */
static bool dns_is_host(const char *name)
{
    return !strcmp(name, "host.containers.internal") || !strcmp(name, "host.docker.internal");
}

/* The address from which this host would speak to the outside: what a container can reach it by when its loopback is
 * closed. Connecting a datagram socket sends nothing. False: no route. */
static bool dns_host_address(int family, void *ret, size_t ret_len)
{
    /* TEST-NET-1 and the documentation prefix (RFC 5737, 3849): as good as any for choosing a route. */
    union slirp_addr a;
    socklen_t len = sizeof(a);
    memset(&a, 0, sizeof(a));
    a.sa.sa_family = (sa_family_t)family;
    a.in.sin_port = htons(53);
    if (family == AF_INET)
        a.in.sin_addr.s_addr = htonl(0xc0000201u);
    else
        memcpy(&a.in6.sin6_addr, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
    AUTO_FD int fd = dns_connect(&a, SOCK_DGRAM);
    if (fd < 0 || getsockname(fd, &a.sa, &len) < 0 || a.sa.sa_family != family)
        return false;
    if (family == AF_INET)
        memcpy(ret, &a.in.sin_addr, ret_len);
    else
        memcpy(ret, &a.in6.sin6_addr, ret_len);
    return true;
}

/* An internal network has no way to the host, so its resolver knows none. */
static size_t dns_host(const struct dns *d, const uint8_t *msg, size_t len, const struct dns_query *q, uint8_t *out,
                       size_t cap)
{
    const struct slirp_config *c = d->o.config;
    uint8_t addr[16];
    size_t addr_len = 0;
    if (!dns_is_host(q->name) || c->internal)
        return 0;
    if (q->type == DNS_A) {
        addr_len = 4;
        memcpy(addr, &c->gateway, addr_len);
        if (!c->host_loopback)
            (void)dns_host_address(AF_INET, addr, addr_len);
    } else if (q->type == DNS_AAAA && c->ipv6) {
        addr_len = 16;
        memcpy(addr, &c->gateway6, addr_len);
        if (!c->host_loopback && !dns_host_address(AF_INET6, addr, addr_len))
            addr_len = 0;
    }
    return dns_reply_address(msg, len, q, addr, addr_len, out, cap);
}

/* What nobody here can answer, and nobody else is to be asked. */
static size_t dns_nobody(const struct dns *d, const uint8_t *msg, size_t len, const union slirp_addr *from,
                         uint8_t *out, size_t cap)
{
    bool more = from && d->o.names && dns_names_has_more(d->o.names, from);
    return dns_reply_code(msg, len, more ? DNS_REFUSED : DNS_NXDOMAIN, out, cap);
}

size_t dns_local(const struct dns *d, const union slirp_addr *from, const uint8_t *msg, size_t len,
                 const struct dns_query *q, uint8_t *out, size_t cap)
{
    size_t n = 0;
    enum dns_names_verdict v = d->o.names ? dns_names_ask(d->o.names, msg, len, q, out, cap, &n) : DNS_NAMES_NOTHING;
    if (v == DNS_NAMES_ANSWER)
        return n;
    n = v == DNS_NAMES_NOTHING ? dns_host(d, msg, len, q, out, cap) : 0;
    if (n)
        return n;
    bool elsewhere = from && d->o.names && *q->name && !strchr(q->name, '.') && dns_names_has_more(d->o.names, from);
    if (v == DNS_NAMES_NOBODY || d->o.config->internal || elsewhere)
        return dns_nobody(d, msg, len, from, out, cap);
    return 0;
}
