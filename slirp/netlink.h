/* Interfaces, addresses and routes of the network namespace that the caller is in: rtnetlink(7) through libmnl. Each
 * call waits for the kernel's answer. Needs CAP_NET_ADMIN in the user namespace that owns the network namespace. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct netlink {
    struct mnl_socket *sock;
    unsigned portid;
    uint32_t seq;
};

struct err *netlink_open(struct netlink *ret) ERR_RESULT;
/* The same with a NETLINK_ROUTE socket that was made elsewhere: it speaks of the namespace that it was made in. The
 * socket is taken in every case. */
struct err *netlink_adopt(int take_fd, struct netlink *ret) ERR_RESULT;
void netlink_close(struct netlink *nl);
#define AUTO_NETLINK __attribute__((cleanup(netlink_close)))

struct netlink_link {
    uint32_t mtu;       /* 0: as it is */
    const uint8_t *mac; /* 6 bytes, or NULL */
    bool up;
    bool no_ipv6;    /* no link-local address, and so none of the chatter that comes with it */
    unsigned master; /* the bridge that it is to be a port of; 0: as it is */
};
struct err *netlink_set_link(struct netlink *nl, unsigned index, const struct netlink_link *link) ERR_RESULT;
/* lo is up from now on. */
struct err *netlink_set_loopback(struct netlink *nl) ERR_RESULT;
/* `bits` of `addr` (in_addr or in6_addr); usable at once, without duplicate address detection. One that exists already
 * is fine. */
struct err *netlink_add_address(struct netlink *nl, unsigned index, int family, const void *addr,
                                unsigned bits) ERR_RESULT;
/* Of several with different metrics the lowest counts; 0: the kernel's choice. */
struct err *netlink_add_default_route(struct netlink *nl, unsigned index, int family, const void *gateway,
                                      uint32_t metric) ERR_RESULT;
/* The same to `bits` of `to` alone. */
struct netlink_via {
    int family;
    const void *to, *gateway;
    unsigned bits;
    uint32_t metric;
};
struct err *netlink_add_route_via(struct netlink *nl, unsigned index, const struct netlink_via *via) ERR_RESULT;

/* To `bits` of `addr` directly, without a gateway; table 0: main. */
struct err *netlink_add_route(struct netlink *nl, unsigned index, int family, uint32_t table, const void *addr,
                              unsigned bits) ERR_RESULT;
/* Who has `addr` is known for good: nobody asks (arp(7), NDP). */
struct err *netlink_add_neighbour(struct netlink *nl, unsigned index, int family, const void *addr,
                                  const uint8_t mac[6]) ERR_RESULT;

/* A veth pair: `name` here, `peer` in the namespace of peer_netns, neither of them up. */
struct netlink_veth {
    const char *name, *peer;
    int peer_netns;
    unsigned index;     /* of `name`; 0: the kernel's choice */
    uint32_t mtu;       /* of both; 0: the kernel's default */
    const uint8_t *mac; /* 6 bytes, of the peer; NULL: any */
    unsigned master;    /* the bridge that `name` becomes a port of; 0: none */
};
/* ERR_UNSUPPORTED where the kernel has no veth, ERR_EXISTS: one of the names is taken. */
struct err *netlink_add_veth(struct netlink *nl, const struct netlink_veth *veth) ERR_RESULT;
/* A bridge that learns, forwards at once and leaves multicast alone. With `vlan` its ports are in that one, without
 * tags, and frames with other tags are dropped. ERR_UNSUPPORTED where the kernel has none. */
struct err *netlink_add_bridge(struct netlink *nl, const char *name, uint32_t mtu, uint16_t vlan) ERR_RESULT;
struct netlink_found {
    unsigned index; /* 0: there is no such interface */
    unsigned peer;  /* the other end of a veth pair, by its number in its own namespace */
    uint8_t mac[6];
};
struct err *netlink_find(struct netlink *nl, const char *name, struct netlink_found *ret) ERR_RESULT;
/* With a veth its other end goes, too. */
struct err *netlink_remove(struct netlink *nl, unsigned index) ERR_RESULT;
