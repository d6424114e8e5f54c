/* The other end of a maker (port_maker.h): sockets of the namespace, made ahead of need. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "slirp/port_maker.h"

struct port_pool;

/* A socket for flow `id` has come: `take_fd`, or -1 with an errno. */
typedef void (*port_pool_flow_fn)(uint64_t id, int take_fd, int errnum, void *arg);

struct err *port_pool_new(struct loop *loop, int take_sock, port_pool_flow_fn fn, void *arg,
                          struct port_pool **ret) ERR_RESULT;
void port_pool_free(struct port_pool *p);
/* Order sockets now, so that the first connection doesn't wait. */
void port_pool_prepare(struct port_pool *p, int family);
/* A transparent TCP socket, ready to be bound and connected. When there is none left this waits for the maker, a second
 * at most. -1: errno says why (EAFNOSUPPORT: the namespace has no such family; EPIPE: no maker any more). */
int port_pool_take(struct port_pool *p, int family);
/* Ask for a UDP socket; the answer comes to the callback. ERR_STATE: no maker. */
struct err *port_pool_flow(struct port_pool *p, const struct port_maker_flow *flow) ERR_RESULT;
/* The flow's socket was closed. */
void port_pool_flow_end(struct port_pool *p, const struct port_maker_flow *flow);
/* A port of the guest is published, or no longer. */
void port_pool_open(struct port_pool *p, uint32_t proto, uint32_t ct_port, bool open);
