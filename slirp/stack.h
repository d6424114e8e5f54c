/* libslirp: from frames to sockets of the host and back. The only files that know its interface. */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "slirp/config.h"
#include "slirp/control.h"
#include "slirp/device.h"

struct stack;

/* `config` and `device` are borrowed for its life. */
struct err *stack_new(const struct slirp_config *config, const struct device *device, struct stack **ret) ERR_RESULT;
void stack_free(struct stack *st);
/* An Ethernet frame of the container. */
void stack_input(struct stack *st, const uint8_t *frame, size_t len);
/* What to wait for: behind the `first` entries, which are the caller's, the array gets libslirp's descriptors. *ret is
 * the stack's, valid until the next call; *ret_timeout_msec -1: for ever. */
struct err *stack_prepare(struct stack *st, size_t first, struct pollfd **ret, size_t *ret_n,
                          int *ret_timeout_msec) ERR_RESULT;
/* After poll(2): serve sockets and timers. */
void stack_serve(struct stack *st);
/* Frames of libslirp that come from this port of the loopback address come from the resolver's (frame_unredirect()). */
void stack_set_dns_port(struct stack *st, int family, uint16_t port);
/* True when one of libslirp's TCP sockets has this address. */
bool stack_owns(const struct stack *st, const struct sockaddr *addr, socklen_t len);
/* True once the container's interface is gone. */
bool stack_is_gone(const struct stack *st);
/* libslirp's own port forwarding; the socket is made here. ERR_IN_USE …. */
struct err *stack_forward(struct stack *st, const struct slirp_port *port) ERR_RESULT;
struct err *stack_unforward(struct stack *st, const struct slirp_port *port) ERR_RESULT;
