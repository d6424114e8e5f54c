/* coracle-slirp: a network for one network namespace, without any right on the host.
 *
 * One process for each namespace. It stays in the namespace of its starter, where the sockets of the outside are made,
 * and owns an interface inside the other one; libslirp turns frames into sockets. Single-threaded.
 *
 *   frames ── device.c ── frame.c (checks, checksums) ── stack.c (libslirp) ── sockets of the host
 *                              ├── dns*.c (the resolver at .3)
 *                              └── outgoing.c (SYN of TCP)
 *   sockets of the host ── outgoing.c, splice.c ── sockets behind the interface (gateway.h)
 *   sockets of the host ── port*.c, splice.c ── sockets inside the namespace
 *
 * Started as `coracle-slirp [OPTIONS] PID|PATH TAPNAME` (options.c: slirp4netns' command line) or by coracle-monitor as
 * `coracle-slirp --engine FD` (control.h, engine.c). Set-up happens with rights (netns.c, netlink.c); then the sandbox
 * (sandbox.c) takes everything away but open descriptors, and only after that the first frame is read: whatever comes
 * from the container is parsed by a process that can do nothing but use its sockets.
 *
 * Always holds: nothing that arrives from the container, a peer, the API socket or the engine ends the process, except
 * the end of the engine's connection, of the exit descriptor, or of the namespace.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "slirp/config.h"
#include "slirp/hostfwd.h"

struct device;
struct dns;
struct dns_names;
struct frame_reass;
struct outgoing;
struct port;
struct stack;

/* What belongs together in a running process. */
struct slirp {
    struct slirp_config config;
    struct loop *loop;           /* everything but the tap and libslirp's sockets: control, API, names */
    const struct device *device; /* frames of the container */
    struct stack *stack;         /* libslirp */
    struct outgoing *outgoing;   /* TCP that doesn't go through it; NULL: the device has no gateway */
    struct hostfwd hostfwd;
    struct port *port;         /* published ports that don't go through libslirp; NULL before the first */
    struct dns *dns;           /* NULL: nobody answers */
    struct dns_names *names;   /* of the containers of a bridge; NULL: there are none */
    char *resolv_text;         /* the host's resolv.conf as it was at the start */
    int resolv_sock;           /* of a process that watches it, or -1 */
    struct frame_reass *reass; /* fragments; NULL before the first */
    bool stack_used;           /* libslirp got a frame since this was cleared */
    bool quit;
};

/* Serve until quit is set, without an interface: what is in the loop, published ports. */
struct err *slirp_serve_ports(struct slirp *s) ERR_RESULT;
/* Serve until quit is set, the interface is gone or a source of the loop fails. */
struct err *slirp_serve(struct slirp *s) ERR_RESULT;
