/* Opening segments of the container's TCP connections, which outgoing.h carries past libslirp, and how they are
 * refused. Computes only; hostile input. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "slirp/config.h"
#include "slirp/control.h"

#define FRAME_SYN_HEAD ((size_t)14 + 60 + 20) /* Ethernet, IP and TCP headers, of TCP without options */
#define FRAME_REFUSAL_MAX ((size_t)14 + 40 + 8 + 60 + 20)

enum frame_tcp {
    FRAME_TCP_NONE,  /* something else */
    FRAME_TCP_SYN,   /* opens a connection */
    FRAME_TCP_OTHER, /* of one that is open */
};

struct frame_syn {
    union slirp_addr client, server;
    uint8_t head[FRAME_SYN_HEAD]; /* as it came */
    size_t tcp_at;                /* where in it TCP begins */
};

/* What FRAME_PASS let through: `len` bytes from the Ethernet header on. *ret is written for FRAME_TCP_SYN. */
enum frame_tcp frame_syn_parse(const uint8_t *frame, size_t len, struct frame_syn *ret);

enum frame_refusal {
    FRAME_REFUSE_RESET, /* nobody listens there: TCP RST */
    FRAME_REFUSE_NET,   /* no route there: ICMP, from the gateway */
    FRAME_REFUSE_HOST,  /* cannot be reached: likewise */
};

/* The answer as a whole frame; its length. `out` has room for FRAME_REFUSAL_MAX. RFC 9293, 3.10.7.1; RFC 792; RFC 4443,
 * 3.1. */
size_t frame_refuse(const struct slirp_config *c, const struct frame_syn *syn, enum frame_refusal how, uint8_t *out);
