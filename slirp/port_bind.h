/* Sockets of the host that ports are published on. They are bound by who publishes (coracle-monitor), not by
 * coracle-slirp, which has no right to: so a port that is taken is known before the container starts, and none is lost
 * while coracle-slirp is started anew. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "slirp/control.h"

/* Bind (and for TCP listen on) port->host. With `dual` an unspecified IPv6 address takes IPv4 as well; where the host
 * has no IPv6 it becomes the unspecified IPv4 address, in *port too. Port 0: any, which is written to *port.
 * ERR_IN_USE `listen tcp 0.0.0.0:8080: bind: address already in use`; ERR_DENIED names the sysctl for ports below
 * its limit. */
struct err *port_bind(struct slirp_port *port, bool dual, int *ret) ERR_RESULT;

/* "0.0.0.0:80", "[::1]:80". */
struct port_text {
    char s[64];
};
struct port_text port_bind_text(const union slirp_addr *a);
