/* Who a client is to the server in the container. Computes only. */
#pragma once

#include <stdbool.h>

#include "slirp/control.h"

/* What a socket inside the namespace is bound and connected to. */
struct port_way {
    union slirp_addr source, guest;
};

/* *ret[0] is to be tried first; the result counts how many there are: 1, or 2 where an IPv6 client may find a server
 * that listens on IPv4 alone. A client keeps its address and port, except: on the host's loopback, where it becomes the
 * gateway (with its port); with an address that cannot be a client's inside (the guest's own, multicast, link-local …),
 * likewise; an IPv6 client on an IPv4 way: the gateway, with any port. Zero: no way at all. */
int port_source_ways(const struct slirp_config *config, const struct slirp_port *port, const union slirp_addr *client,
                     struct port_way ret[2]);

/* IPv4 inside IPv6 as plain IPv4. */
void port_source_unmap(union slirp_addr *a);
bool port_source_equal(const union slirp_addr *a, const union slirp_addr *b); /* address and port */
bool port_source_is_loopback(const union slirp_addr *a);
socklen_t port_source_length(const union slirp_addr *a);
