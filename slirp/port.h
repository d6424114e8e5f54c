/* Published ports: what arrives at a socket of the host goes to the container, as from the client itself.
 *
 * No packet passes libslirp here. A connection that arrives at a listening socket of the host is joined to a second
 * one, in the gateway's namespace (gateway.h) or inside the container's, by splice(2) (splice.h); datagrams go through
 * a socket for each client. Sockets inside are made by a small process that lives in the namespace, the maker
 * (port_maker.h). Either way they are bound to the client's own address there, so servers see who it is. Clients on
 * this host's loopback become the gateway's address: never the container's 127.0.0.1, to which servers may grant more
 * than to others.
 *
 *   host client ──► listening socket ── accept ──► port_tcp.c ─► socket of gateway or maker ─► connect to the guest
 *                                                    └── splice.c carries the bytes, both ways
 *   host client ──► UDP socket ──► port_udp.c: a flow for each client ─► socket of the maker
 *
 * Runs in coracle-slirp, inside its sandbox; all sockets and rights come from outside: listening sockets from whoever
 * publishes, sockets of the namespace from the maker. Single-threaded, on the process's loop.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/loop.h"
#include "slirp/control.h"

struct gateway;
struct port;

struct port_opts {
    struct loop *loop;
    const struct slirp_config *config; /* borrowed for the lifetime: guest and gateway addresses */
    const struct gateway *gateway;     /* borrowed; where it is on, TCP needs no maker; may be NULL */
};
/* Nothing is published yet. Call it before the sandbox: it raises the soft limit of descriptors to the hard one. */
struct err *port_new(const struct port_opts *opts, struct port **ret) ERR_RESULT;
void port_free(struct port *p);
/* The connection to a maker of our namespace (port_maker.h), before the first port; replaces an earlier one. */
struct err *port_set_maker(struct port *p, int take_sock) ERR_RESULT;
/* Carry what arrives at `take_sock`, a bound socket (TCP: listening) of `spec`. ERR_EXISTS: published already;
 * ERR_STATE: no maker, and one is needed. The socket is taken in every case. */
struct err *port_add(struct port *p, const struct slirp_port *spec, int take_sock) ERR_RESULT;
/* By protocol and host address. Connections that were made go on; datagrams stop. ERR_NOT_FOUND. */
struct err *port_remove(struct port *p, const struct slirp_port *spec) ERR_RESULT;
/* *ret is a heap array. */
struct err *port_list(const struct port *p, struct slirp_port **ret, size_t *ret_n) ERR_RESULT;
