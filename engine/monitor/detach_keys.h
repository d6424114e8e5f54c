/* The keys that take a client off a container without ending it. Computes only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define DETACH_KEYS_DEFAULT "ctrl-p,ctrl-q"
#define DETACH_KEYS_MAX 32

struct detach_keys {
    unsigned char keys[DETACH_KEYS_MAX];
    size_t n;       /* 0: there are none */
    size_t matched; /* of them, seen and held back */
};

/* "ctrl-a,x": single characters or ctrl-<a-z @ [ \ ] ^ _>, and "DEL"; "" is none. ERR_INVALID. Source: the
 * --detach-keys option of podman-run(1) and docker-run(1). */
struct err *detach_keys_parse(const char *text, struct detach_keys *ret) ERR_RESULT;
/* Pass `len` bytes of input through: what is not part of the sequence comes out in `out`, which has room for
 * len + DETACH_KEYS_MAX bytes. A beginning of the sequence is held back until it is clear what it is. True: the
 * sequence is complete; input behind it is dropped. */
bool detach_keys_feed(struct detach_keys *d, const unsigned char *in, size_t len, unsigned char *out, size_t *ret_len);
