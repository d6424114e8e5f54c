/* IPv4 reassembly (RFC 791), so that libslirp never sees a fragment: its own reassembly has been wrong again and again.
 * Strict: fragments that overlap, or don't fit together, end their datagram (as RFC 5722 has it for IPv6). Few at a
 * time; the oldest makes room. Computes only; hostile input. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct frame_reass;

void frame_reass_free(struct frame_reass *r);
/* A frame that frame_check() called FRAME_FRAGMENT, with its virtio header, `len` bytes together. When it was the last
 * one missing, *ret is the whole datagram in the same form (without offloads), valid until the next call; else NULL.
 * *slot holds the state, made when first needed. */
struct err *frame_reass_add(struct frame_reass **slot, const uint8_t *buf, size_t len, uint64_t now_nsec, uint8_t **ret,
                            size_t *ret_len) ERR_RESULT;
