/* What a monitor is told of its container's network, before the plan: so that coracle-slirp can be at work early.
 * Plain structs and text in one message; the reader checks everything. */
#pragma once

#include <stdint.h>

#include "slirp/control.h"

/* Below the private directory (protocol.h), as paths for config.json: the namespaces that the container joins. */
#define MONITOR_NETNS "m/netns"
#define MONITOR_USERNS "m/userns"

#define NETPLAN_MAP_MAX 8192 /* bytes of an id map */

/* MONITOR_NETWORK; behind it uid_map_len and gid_map_len bytes: the id maps, as written to /proc/PID/uid_map, of a user
 * namespace that the container is to have of its own, since a network namespace belongs to a user namespace. */
struct monitor_network {
    struct slirp_config config;
    uint32_t hostfwd; /* libslirp forwards ports, not coracle-slirp */
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
