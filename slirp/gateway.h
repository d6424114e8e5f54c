/* The other side of the container's interface: a network namespace of coracle-slirp's own, with one end of a veth pair,
 * in which the container's TCP connections end, at sockets of the kernel. So their bytes need no stack of ours: they
 * are spliced to sockets of the host (outgoing.h). Everything else that the container sends is read as frames
 * (device.h). The uplink of a named network's bridge (hub.h) is such an interface too: then containers are several.
 *
 * How a connection gets a socket here: its first segment (SYN) is seen by the packet socket, and dropped by the kernel,
 * which is kept from answering. Once the host's side stands, a socket here takes the address that the container wants
 * to reach (IP_TRANSPARENT) and connects to the container's socket, which is waiting for just that: a simultaneous open
 * (RFC 9293, 3.5), after which both are what they would be otherwise. Until then the container knows nothing, so a
 * connection that the host refuses is refused.
 *
 * What the namespace needs for it, all set up while there are rights:
 *   - TCP from the container is for this host, whatever its destination: a rule to a table where all is local.
 *   - What has our mark finds the way to the container, and nothing else does: the kernel's resets for segments that
 *     it knows no socket of go nowhere.
 *   - Sockets with mark and transparency, which only rights can give. coracle-slirp has none any more when connections
 *     come, and lives in another namespace. But what a listening socket accepts has all that it has. So there is one,
 *     with a socket that connects to it, and each connection between the two, once it is dissolved (connect(2) to
 *     AF_UNSPEC), is a fresh socket.
 *
 * Linux 4.17 (rules that look at the protocol).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "slirp/config.h"

enum gateway_family { GATEWAY_IP4, GATEWAY_IP6, GATEWAY_FAMILIES };

struct gateway {
    bool on;
    uint8_t mac[6];                  /* of our end: gateway_choose_mac() */
    int listener[GATEWAY_FAMILIES];  /* -1: no such family */
    int connector[GATEWAY_FAMILIES]; /* connects to it, again and again */
};

#define GATEWAY_INIT ((struct gateway){.listener = {-1, -1}, .connector = {-1, -1}})

struct netlink;

/* The address of our end: what libslirp answers for the IPv4 gateway. */
void gateway_choose_mac(struct gateway *g, const struct slirp_config *config);
/* In our namespace, with rights: routes, rules, sockets. Name and number: those of our end, which has its address. */
struct err *gateway_prepare(struct gateway *g, const struct slirp_config *config, struct netlink *nl,
                            const char *ifname, unsigned index) ERR_RESULT;
/* Of all TCP, let a packet socket see only what opens connections. */
struct err *gateway_filter(const struct gateway *g, int packet_fd) ERR_RESULT;
/* A stream socket there, unbound, not connected, non-blocking; or -1 with errno. Needs no rights. */
int gateway_socket(const struct gateway *g, int family);
void gateway_close(struct gateway *g);
