/* What a monitor is told of its container's network, before the plan: so that coracle-slirp can be at work early.
 * Plain structs and text in one message; the reader checks everything. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "slirp/control.h"
#include "slirp/hub_control.h"

/* Below the private directory (protocol.h), as paths for config.json: the namespaces that the container joins. */
#define MONITOR_NETNS "m/netns"
#define MONITOR_USERNS "m/userns"

#define NETPLAN_MAP_MAX 8192 /* bytes of an id map */
#define NETPLAN_JOINS_MAX 32 /* named networks of one container */

/* MONITOR_NETWORK; behind it uid_map_len and gid_map_len bytes: the id maps, as written to /proc/PID/uid_map, of a user
 * namespace that the container is to have of its own, since a network namespace belongs to a user namespace; or with
 * it, for the same reason, a descriptor of the user namespace of another container. */
struct monitor_network {
    struct slirp_config config; /* looked at when joins is 0 */
    uint32_t joins;             /* named networks: that many MONITOR_JOIN follow, and there is no network of its own */
    uint32_t hostfwd;           /* ports are forwarded as slirp4netns does */
    uint32_t uid_map_len, gid_map_len;
};

/* A range of published ports: each goes one up on both sides. */
struct monitor_publish {
    struct slirp_port first; /* the unspecified IPv6 address means all of IPv4 as well */
    uint32_t count;
};

/* MONITOR_PORT */
struct monitor_port_change {
    struct monitor_publish publish;
    uint32_t add; /* else remove */
};

/* A named network and a container's place in it: MONITOR_JOIN. Before the plan, behind MONITOR_NETWORK, they come in
 * the order of the interfaces, and get no reply. A running container's monitor (one that was started with joins)
 * takes them too, `network connect`: reply MONITOR_OK once the interface is there, or MONITOR_FAILED. The same network
 * once more replaces names and resolvers (a new alias, a renamed container, `network update`); addresses stay as they
 * are.
 *
 * Encoded: struct monitor_join, then names_len and resolv_len bytes of text. */
struct monitor_join {
    char network[HUB_ID_MAX + 1]; /* id of the network, hexadecimal: its process is found by it */
    struct hub_join join;         /* filled but for its lengths of text, which netplan_encode_join() knows */
};
/* names: one a line, the container's name first, then its short id, aliases …: names of hosts, any case, without
 * "dns.podman" (the resolver knows them with and without); resolv: the network's own resolvers as lines of
 * resolv.conf(5), "" for the host's. ERR_INVALID: too long. */
struct err *netplan_encode_join(const struct monitor_join *j, const char *names, const char *resolv,
                                struct strbuf *ret) ERR_RESULT;
/* As it came: every length and string is checked. The texts are heap copies. ERR_CORRUPT, ERR_INVALID. */
struct err *netplan_decode_join(const void *data, size_t len, struct monitor_join *ret, char **ret_names,
                                char **ret_resolv) ERR_RESULT;

/* MONITOR_LEAVE, of a running container: `network disconnect`. Reply MONITOR_OK or MONITOR_FAILED. */
struct monitor_leave {
    char network[HUB_ID_MAX + 1];
};
