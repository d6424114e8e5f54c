/* Frames of the container, before libslirp sees them: what is malformed or leads where nobody may go is dropped, and
 * what the interface left to us (checksums) is completed. Computes only; hostile input. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slirp/config.h"

enum frame_verdict {
    FRAME_DROP,
    FRAME_PASS,     /* for libslirp */
    FRAME_DNS,      /* a UDP query to the resolver's address */
    FRAME_FRAGMENT, /* of an IPv4 datagram: for frame_reass.h */
    FRAME_DNS_TCP,  /* part of a TCP connection there */
};

/* Numbers of headers, which are in network order. */
static inline uint16_t frame_get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void frame_put16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* Where the TCP header is in a frame that passed frame_check(), or is libslirp's; 0 if there is none, or only a
 * fragment. */
size_t frame_tcp_offset(const uint8_t *frame, size_t len);

/* `buf`: struct virtio_net_hdr and a frame, `len` bytes together; the frame's checksum may be written. */
enum frame_verdict frame_check(const struct slirp_config *c, uint8_t *buf, size_t len);

/* One's complement sum of bytes in network order, to be continued: at most 64 KiB per call but the last of odd length.
 * RFC 1071. */
uint32_t frame_sum(const uint8_t *p, size_t len, uint32_t sum);
/* The sum as it is written into a header, in network order. */
uint16_t frame_sum_fold(uint32_t sum);

/* The most that the container puts into one TCP segment, whatever the MTU. libslirp lets 64 KiB be under way: in few
 * large segments the container would wait for each acknowledgement, in several it fills the next while we handle the
 * last. Segments are still handed over in larger pieces (TSO). */
#define FRAME_MSS_MAX 12000u
/* A frame of libslirp for the container: no segment size above FRAME_MSS_MAX in a TCP SYN. `len` bytes, changed in
 * place, the checksum with it. */
void frame_limit_mss(uint8_t *frame, size_t len);

/* A router advertisement of libslirp: guests of a bridge have the addresses that they were given, and no others. */
bool frame_is_advertisement(const uint8_t *frame, size_t len);

/* A FRAME_DNS_TCP: send it to that port of the host's loopback instead. */
void frame_redirect(uint8_t *frame, size_t len, uint16_t port);
/* The other way, for a frame of libslirp: what comes from that port comes from the resolver's address. ports: for IPv4
 * and IPv6, 0: none. */
void frame_unredirect(const struct slirp_config *c, const uint16_t ports[2], uint8_t *frame, size_t len);
