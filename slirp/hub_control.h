/* What monitors and the hub of a named network (hub.h) say to each other: base/msg messages over a connection for each
 * container, structs and text native-endian, as all are processes of one user and one build.
 *
 * A connection is one container's place in the network: what it has there (its veth, its names) ends with it. The hub
 * answers each HUB_JOIN and HUB_LEAVE, in order, and ends when its last connection does. A hub that cannot be set up
 * tells everybody who waits HUB_FAILED, and ends.
 *
 * Programs use hub_client.h rather than these. Needs base/ alone.
 */
#pragma once

#include <net/if.h>
#include <stdint.h>

#include "base/err.h"
#include "slirp/config.h"
#include "slirp/resolv.h"

#define HUB_ID_MAX 64                    /* of a container or a network: hexadecimal digits */
#define HUB_NAMES_MAX ((size_t)16 << 10) /* bytes of text with names */

enum hub_msg {
    HUB_START = 1, /* starter →: struct slirp_start, with the text of resolvers; fds in this order: the directory of
                      the network's socket and lock, the listening socket, the session's mount namespace, and, if
                      SLIRP_START_NETNS, the namespace that an earlier hub has left */
    HUB_JOIN,      /* monitor →: struct hub_join, names, resolvers; fds: the container's network namespace, a netlink
                      socket of that namespace */
    HUB_JOINED,    /* →  monitor: fd: the network's namespace, to be kept for the next hub */
    HUB_LEAVE,     /* monitor →; answer HUB_LEFT */
    HUB_LEFT,      /* →  monitor: the interface is gone, and so are the names */
    HUB_FAILED,    /* →  monitor: err_encode()d error */
    HUB_MSG_MAX,
};

#define HUB_ROUTES_MAX 16

/* A static route inside the container; IPv4 addresses are the first four bytes. */
struct hub_route {
    uint32_t family, prefix_len, metric;
    uint8_t to[16], gateway[16];
};

/* One container's place in a network. */
struct hub_join {
    struct slirp_config network;    /* bridge is set; the same for all containers of the network */
    char container[HUB_ID_MAX + 1]; /* id */
    char ifname[IFNAMSIZ];          /* inside the container: eth0 … */
    struct in_addr ip;              /* if network.prefix_len */
    struct in6_addr ip6;            /* if network.ipv6 */
    uint8_t mac[6]; /* always set. One that follows from the address (02:42 and the IPv4 address, say) leaves no stale
                       neighbours behind when a lease changes hands */
    uint8_t no_default_route; /* also without it where the network is internal */
    uint8_t
        more; /* there is another network's resolver for the container to ask: see dns_names.h. The monitor sets it */
    uint32_t metric; /* of the default routes: the lowest wins; another one when that interface goes */
    uint32_t n_routes, n_servers;
    struct hub_route routes[HUB_ROUTES_MAX];
    struct in6_addr servers[RESOLV_SERVERS_MAX]; /* that are asked for this container, instead of those of all; IPv4
                                                 ones are mapped (RFC 4291, 2.5.5.2) */
    uint32_t names_len;                          /* of the text behind: names, one a line … */
    uint32_t resolv_len;                         /* … and resolvers, SLIRP_DNS_TEXT_MAX at most */
};

/* As it came: strings end, digits are digits, addresses are inside. ERR_INVALID. (hub_join.c) */
struct err *hub_join_check(const struct hub_join *j) ERR_RESULT;
