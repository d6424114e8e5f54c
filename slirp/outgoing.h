/* TCP connections of the container to the outside, past libslirp: a socket of the host for each, joined by splice(2) to
 * one in the gateway's namespace (gateway.h, where it is told how that gets the container's connection).
 *
 *   SYN of the container ──► connect to the server ─► stands: socket of the gateway connects to the client ─► splice.c
 *                                                  └► fails: reset, or ICMP "unreachable", as a router would
 *
 * Runs in coracle-slirp, inside its sandbox. What the container may not reach is frame.c's to know. Connections without
 * an answer are bounded, as are all; a SYN for which there is no room is dropped, and comes again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "slirp/device.h"

struct dns;
struct outgoing;

struct outgoing_opts {
    struct loop *loop;
    const struct slirp_config *config;
    const struct device *device; /* with a gateway */
    size_t connections_max;      /* splice_pairs_max() */
};

struct err *outgoing_new(const struct outgoing_opts *opts, struct outgoing **ret) ERR_RESULT;
void outgoing_free(struct outgoing *o);
/* A frame that passed frame_check(). False: it is none of ours, but libslirp's. */
bool outgoing_input(struct outgoing *o, const uint8_t *frame, size_t len);
/* The same of one to the resolver's port, which on a bridge is at the gateway's own address. dns NULL: nobody is there.
 */
bool outgoing_input_dns(struct outgoing *o, struct dns *dns, const uint8_t *frame, size_t len);
