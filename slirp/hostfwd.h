/* Ports that are published as slirp4netns does it: the list of them, with ids as the API socket has them. They are
 * libslirp's to forward; TCP where connections don't pass libslirp (gateway.h) is port.h's. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "slirp/control.h"
#include "slirp/port.h"
#include "slirp/stack.h"

struct hostfwd {
    struct stack *stack; /* borrowed */
    struct port *port;   /* borrowed; NULL: all are libslirp's */
    struct slirp_port *ports;
    size_t n, cap;
    uint32_t next_id;
};

void hostfwd_done(struct hostfwd *h);
/* Listens on port->host, which must have a port; *ret_id may be NULL. */
struct err *hostfwd_add(struct hostfwd *h, const struct slirp_port *port, uint32_t *ret_id) ERR_RESULT;
/* By what it listens on. ERR_NOT_FOUND. */
struct err *hostfwd_remove(struct hostfwd *h, const struct slirp_port *port) ERR_RESULT;
struct err *hostfwd_remove_id(struct hostfwd *h, uint32_t id) ERR_RESULT;
