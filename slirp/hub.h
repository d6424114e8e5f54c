/* The hub of a named network: one process for each network that has running containers.
 *
 *   container ── eth0 ═ veth ═ port ─┐
 *   container ── eth0 ═ veth ═ port ─┤ bridge, in the network's own namespace; no address, no route, no rule is there
 *                        "uplink" ───┘
 *                         │ frames (device.h); but TCP to the outside ends at sockets behind it (gateway.h)
 *   confined half: those, libslirp, which is the gateway, and the resolver at its address (engine.c, dns*.c)
 *                         │ names of containers, text of resolv.conf
 *   the hub itself: makes the veths and configures their far ends (hub_link.c), for monitors that ask (hub_seat.c)
 *
 * What talks to containers and what has rights are two processes. The hub keeps CAP_NET_ADMIN of the session's user
 * namespace and a list of system calls that make no socket and enter no namespace: it works through netlink sockets
 * that were made inside, its own and one that each monitor brings. It reads nothing that a container wrote. The other
 * half is coracle-slirp as ever, in the sandbox of sandbox.h.
 *
 * It is nobody's child: the first monitor that needs it starts it (hub_client.h), all monitors of the network share it,
 * and it ends when the last of their connections does, and with it all of the network that is in the kernel. Each
 * connection is a container's place. Monitors keep a descriptor of the network's namespace: when the hub is killed,
 * bridge and veths stay, containers go on talking to each other, and the next hub, which one of the monitors starts at
 * once, finds everything in its place but the uplink.
 *
 * The lock in the network's directory is held by who looks for a hub, starts one, or ends being one: so there is one at
 * a time, and none that has decided to end is found. Neither holds it while it waits for the other.
 */
#pragma once

#include "base/err.h"

/* coracle-slirp --hub FD NETWORK: from HUB_START to the end of the last connection. The descriptor is taken. */
struct err *hub_run(int take_sock) ERR_RESULT;
