/* A UDP datagram of the container, and the frame that answers it. Computes only; hostile input. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slirp/control.h"

/* Ethernet, IPv6 and UDP: what an answer is longer than its payload, at most. */
#define FRAME_UDP_HEADERS ((size_t)14 + 40 + 8)

/* Where it came from and went to: enough to answer. */
struct frame_udp {
    uint8_t from_mac[6], to_mac[6];
    union slirp_addr from, to;
};

/* An Ethernet frame that frame_check() let pass. *ret_payload points into it. False: no whole datagram. */
bool frame_udp_parse(const uint8_t *frame, size_t len, struct frame_udp *ret, const uint8_t **ret_payload,
                     size_t *ret_len);
/* The answer's frame; its length, 0 when it does not fit into `cap`. */
size_t frame_udp_answer(const struct frame_udp *u, const void *payload, size_t payload_len, uint8_t *out, size_t cap);
