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
void netlink_close(struct netlink *nl);
#define AUTO_NETLINK __attribute__((cleanup(netlink_close)))

struct netlink_link {
    uint32_t mtu;       /* 0: as it is */
    const uint8_t *mac; /* 6 bytes, or NULL */
    bool up;
    bool no_ipv6; /* no link-local address, and so none of the chatter that comes with it */
};
struct err *netlink_set_link(struct netlink *nl, unsigned index, const struct netlink_link *link) ERR_RESULT;
/* `bits` of `addr` (in_addr or in6_addr); usable at once, without duplicate address detection. One that exists already
 * is fine. */
struct err *netlink_add_address(struct netlink *nl, unsigned index, int family, const void *addr,
                                unsigned bits) ERR_RESULT;
struct err *netlink_add_default_route(struct netlink *nl, unsigned index, int family, const void *gateway) ERR_RESULT;
/* To `bits` of `addr` directly, without a gateway; table 0: main. */
struct err *netlink_add_route(struct netlink *nl, unsigned index, int family, uint32_t table, const void *addr,
                              unsigned bits) ERR_RESULT;
/* Who has `addr` is known for good: nobody asks (arp(7), NDP). */
struct err *netlink_add_neighbour(struct netlink *nl, unsigned index, int family, const void *addr,
                                  const uint8_t mac[6]) ERR_RESULT;
struct err *netlink_delete_link(struct netlink *nl, unsigned index) ERR_RESULT;
/* A veth pair: `name` here, `peer` in the namespace of peer_netns. ERR_UNSUPPORTED where the kernel has no veth. */
struct err *netlink_add_veth(struct netlink *nl, const char *name, const char *peer, int peer_netns) ERR_RESULT;
