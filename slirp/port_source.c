#include "slirp/port_source.h"

#include <string.h>

void port_source_unmap(union slirp_addr *a)
{
    if (a->sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
        return;
    union slirp_addr v4 = {.in = {.sin_family = AF_INET, .sin_port = a->in6.sin6_port}};
    memcpy(&v4.in.sin_addr, &a->in6.sin6_addr.s6_addr[12], sizeof(v4.in.sin_addr));
    *a = v4;
}

bool port_source_is_loopback(const union slirp_addr *a)
{
    return a->sa.sa_family == AF_INET6 ? IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr)
                                       : ntohl(a->in.sin_addr.s_addr) >> 24 == 127;
}

socklen_t port_source_length(const union slirp_addr *a)
{
    return a->sa.sa_family == AF_INET6 ? sizeof(a->in6) : sizeof(a->in);
}

bool port_source_equal(const union slirp_addr *a, const union slirp_addr *b)
{
    if (a->sa.sa_family != b->sa.sa_family)
        return false;
    if (a->sa.sa_family == AF_INET6)
        return a->in6.sin6_port == b->in6.sin6_port &&
               memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(a->in6.sin6_addr)) == 0;
    return a->in.sin_port == b->in.sin_port && a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
}

/* May be seen as it is, inside. */
static bool is_true4(const struct slirp_config *c, struct in_addr a)
{
    uint32_t n = ntohl(a.s_addr);
    return n >> 24 != 0 && n >> 24 != 127 && n >> 28 < 14 && a.s_addr != c->guest.s_addr;
}

static bool is_true6(const struct slirp_config *c, const struct in6_addr *a)
{
    return !IN6_IS_ADDR_UNSPECIFIED(a) && !IN6_IS_ADDR_LOOPBACK(a) && !IN6_IS_ADDR_MULTICAST(a) &&
           !IN6_IS_ADDR_LINKLOCAL(a) && memcmp(a, &c->guest6, sizeof(*a)) != 0;
}

static void way4(const struct slirp_config *c, const struct slirp_port *p, const union slirp_addr *client,
                 struct port_way *ret)
{
    bool same = client->sa.sa_family == AF_INET;
    *ret = (struct port_way){.source.in = {.sin_family = AF_INET}, .guest.in = {.sin_family = AF_INET}};
    ret->source.in.sin_addr = same && is_true4(c, client->in.sin_addr) ? client->in.sin_addr : c->gateway;
    ret->source.in.sin_port = same ? client->in.sin_port : 0;
    ret->guest.in.sin_addr = c->guest;
    if (p->guest.sa.sa_family == AF_INET && p->guest.in.sin_addr.s_addr)
        ret->guest.in.sin_addr = p->guest.in.sin_addr;
    ret->guest.in.sin_port = p->guest.in.sin_port; /* at the same place in both families */
}

static void way6(const struct slirp_config *c, const struct slirp_port *p, const union slirp_addr *client,
                 struct port_way *ret)
{
    *ret = (struct port_way){.source.in6 = {.sin6_family = AF_INET6}, .guest.in6 = {.sin6_family = AF_INET6}};
    ret->source.in6.sin6_addr = is_true6(c, &client->in6.sin6_addr) ? client->in6.sin6_addr : c->gateway6;
    ret->source.in6.sin6_port = client->in6.sin6_port;
    ret->guest.in6.sin6_addr = c->guest6;
    if (p->guest.sa.sa_family == AF_INET6 && !IN6_IS_ADDR_UNSPECIFIED(&p->guest.in6.sin6_addr))
        ret->guest.in6.sin6_addr = p->guest.in6.sin6_addr;
    ret->guest.in6.sin6_port = p->guest.in.sin_port;
}

int port_source_ways(const struct slirp_config *config, const struct slirp_port *port, const union slirp_addr *client,
                     struct port_way ret[2])
{
    bool fixed4 = port->guest.sa.sa_family == AF_INET && port->guest.in.sin_addr.s_addr;
    bool fixed6 = port->guest.sa.sa_family == AF_INET6 && !IN6_IS_ADDR_UNSPECIFIED(&port->guest.in6.sin6_addr);
    int n = 0;
    if (client->sa.sa_family == AF_INET6 && config->ipv6 && !fixed4)
        way6(config, port, client, &ret[n++]);
    if (!fixed6 && config->prefix_len)
        way4(config, port, client, &ret[n++]);
    return n;
}
