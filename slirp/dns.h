/* The resolver at the network's DNS address: answers the names of the host itself and forwards the rest to the host's
 * resolvers, which change while containers run. UDP queries are taken from frames; TCP comes from the gateway, or is
 * redirected by frame.c to a listener of ours on the host's loopback, which serves connections of this process alone
 * (dns_tcp.c).
 *
 * Every query has a socket, an id and a port of its own towards the host's resolver, so that nobody can guess where an
 * answer belongs; what doesn't answer costs a slot until its time is up, and never anybody else's time. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/loop.h"
#include "slirp/config.h"
#include "slirp/control.h"
#include "slirp/device.h"

struct dns;
struct dns_names;

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t dns_now(void);

struct dns_opts {
    struct loop *loop; /* all borrowed */
    const struct slirp_config *config;
    const struct device *device;
    /* Is this the address of a socket of the stack? For connections to the TCP listener. */
    bool (*is_ours)(void *arg, const struct sockaddr *addr, socklen_t len);
    void *is_ours_arg;
    const struct dns_names *names; /* of the network's containers; NULL: there are none */
};

struct err *dns_new(const struct dns_opts *opts, struct dns **ret) ERR_RESULT;
void dns_free(struct dns *d);
/* The host's resolv.conf; queries under way end where they are. */
void dns_set_resolv(struct dns *d, const char *text, size_t len);
/* A frame with a query. */
void dns_input(struct dns *d, const uint8_t *frame, size_t len);
/* Port on the loopback address of that family where TCP queries are to go; 0: there is none. */
uint16_t dns_tcp_port(struct dns *d, int family);
/* A connection of a container that needs no such port; non-blocking, and may not stand yet. `from`: who asks, or NULL.
 * Taken in every case. */
struct err *dns_tcp_serve(struct dns *d, int take_fd, const union slirp_addr *from) ERR_RESULT;
