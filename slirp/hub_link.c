/* Interfaces of a network: its bridge, and the pairs that connect containers to it. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "slirp/hub_internal.h"

#define LINK_INDEX_FIRST 1000u
#define LINK_INDEX_MASK 0xffffffu

struct err *hub_link_bridge(struct hub *h)
{
    struct netlink_found bridge, uplink;
    const struct netlink_link up = {.up = true, .no_ipv6 = true};
    TRY(netlink_find(&h->nl, HUB_BRIDGE, &bridge));
    if (!bridge.index) {
        TRY(netlink_add_bridge(&h->nl, HUB_BRIDGE, h->config.mtu, (uint16_t)h->config.vlan));
        TRY(netlink_find(&h->nl, HUB_BRIDGE, &bridge));
    }
    h->bridge = bridge.index;
    TRY(netlink_set_link(&h->nl, h->bridge, &up));
    TRY(netlink_find(&h->nl, HUB_UPLINK, &uplink));
    const struct netlink_link port = {.mtu = h->config.mtu, .up = true, .no_ipv6 = true, .master = h->bridge};
    return netlink_set_link(&h->nl, uplink.index, &port);
}

/* Our end of a container's pair. */
static void link_name(const struct hub_join *j, char ret[IFNAMSIZ])
{
    (void)snprintf(ret, IFNAMSIZ, "v%.*s", HUB_VETH_DIGITS, j->container);
}

/* Is it there, with the other end where it belongs? What is half there is of a namespace that is gone, or going: that
 * goes, inside only what has the address that we gave it. */
static struct err *link_find(struct hub *h, const struct hub_join *j, struct netlink *inside, unsigned *ret_inside)
{
    char name[IFNAMSIZ];
    struct netlink_found ours, its;
    link_name(j, name);
    TRY(netlink_find(&h->nl, name, &ours));
    TRY(netlink_find(inside, j->ifname, &its));
    *ret_inside = ours.index && its.index && ours.peer == its.index && its.peer == ours.index ? its.index : 0;
    if (*ret_inside)
        return NULL;
    if (its.index && memcmp(its.mac, j->mac, sizeof(its.mac)) == 0)
        TRY(netlink_remove(inside, its.index));
    return ours.index ? netlink_remove(&h->nl, ours.index) : NULL;
}

/* By the address, and never what the far end has in its namespace: see DEVICE_INNER_INDEX (device.c). */
static unsigned port_index(const struct hub_join *j)
{
    const struct slirp_config *c = &j->network;
    if (!c->prefix_len && !c->ipv6)
        return 0;
    uint32_t host = c->prefix_len ? ntohl(j->ip.s_addr) & ~ntohl(slirp_config_netmask(c))
                                  : (uint32_t)j->ip6.s6_addr[14] << 8 | j->ip6.s6_addr[15];
    return LINK_INDEX_FIRST + (host & LINK_INDEX_MASK);
}

static struct err *link_make(struct hub *h, const struct hub_join *j, int netns_fd, struct netlink *inside,
                             unsigned *ret_inside)
{
    char name[IFNAMSIZ];
    struct netlink_found ours, its;
    link_name(j, name);
    struct netlink_veth veth = {
        .index = port_index(j),
        .name = name,
        .peer = j->ifname,
        .peer_netns = netns_fd,
        .mtu = j->network.mtu,
        .mac = j->mac,
        .master = h->bridge,
    };
    struct err *e = netlink_add_veth(&h->nl, &veth);
    if (e && (err_errno(e) == EEXIST || err_errno(e) == EBUSY)) { /* of one that is about to go, or the name is taken */
        err_drop(e);
        veth.index = 0;
        e = netlink_add_veth(&h->nl, &veth);
    }
    TRY(e);
    TRY(netlink_find(&h->nl, name, &ours));
    TRY(netlink_set_link(&h->nl, ours.index, &(struct netlink_link){.up = true, .no_ipv6 = true}));
    TRY(netlink_find(inside, j->ifname, &its));
    *ret_inside = its.index;
    return its.index ? NULL : ERR_NEW(ERR_NETWORK, "the interface %s was removed meanwhile", j->ifname);
}

/* IPv6's is not what libslirp would answer; and nobody has to ask. */
static struct err *link_know_gateway(const struct hub *h, const struct slirp_config *c, struct netlink *inside,
                                     unsigned index)
{
    if (!h->gateway)
        return NULL;
    if (c->prefix_len)
        TRY(netlink_add_neighbour(inside, index, AF_INET, &c->gateway, h->gateway_mac));
    return c->ipv6 ? netlink_add_neighbour(inside, index, AF_INET6, &c->gateway6, h->gateway_mac) : NULL;
}

static struct err *link_configure(const struct hub *h, const struct hub_join *j, struct netlink *inside, unsigned index)
{
    const struct slirp_config *c = &j->network;
    bool route = !c->internal && !j->no_default_route;
    TRY(netlink_set_loopback(inside));
    TRY(netlink_set_link(inside, index, &(struct netlink_link){.up = true, .no_ipv6 = !c->ipv6}));
    if (c->prefix_len)
        TRY(netlink_add_address(inside, index, AF_INET, &j->ip, c->prefix_len));
    TRY(link_know_gateway(h, c, inside, index));
    if (c->prefix_len && route)
        TRY(netlink_add_default_route(inside, index, AF_INET, &c->gateway, j->metric));
    if (!c->ipv6)
        return NULL;
    TRY(netlink_add_address(inside, index, AF_INET6, &j->ip6, c->prefix6_len));
    return route ? netlink_add_default_route(inside, index, AF_INET6, &c->gateway6, j->metric) : NULL;
}

static struct err *link_add_routes(const struct hub_join *j, struct netlink *inside, unsigned index)
{
    for (size_t i = 0; i < j->n_routes; i++) {
        const struct hub_route *r = &j->routes[i];
        const struct netlink_via via = {
            .family = (int)r->family, .to = r->to, .bits = r->prefix_len, .gateway = r->gateway, .metric = r->metric};
        TRY(netlink_add_route_via(inside, index, &via));
    }
    return NULL;
}

struct err *hub_link_join(struct hub *h, const struct hub_join *j, int netns_fd, struct netlink *inside)
{
    unsigned index = 0;
    TRY(link_find(h, j, inside, &index));
    bool found = index != 0;
    struct err *e = found ? NULL : link_make(h, j, netns_fd, inside, &index);
    if (!e)
        e = link_configure(h, j, inside, index);
    if (!e)
        e = link_add_routes(j, inside, index);
    if (e && !found && err_kind(e) != ERR_EXISTS)
        err_drop(hub_link_leave(h, j));
    return ERR_WRAP(e, "interface %s", j->ifname);
}

struct err *hub_link_leave(struct hub *h, const struct hub_join *j)
{
    char name[IFNAMSIZ];
    struct netlink_found ours;
    link_name(j, name);
    TRY(netlink_find(&h->nl, name, &ours));
    return ours.index ? netlink_remove(&h->nl, ours.index) : NULL;
}
