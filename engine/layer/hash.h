/* Running SHA-256 and its OCI text form. coracle-layer links nettle itself, not the store. */
#pragma once

#include <stddef.h>

#include <nettle/sha2.h>

#define HASH_TEXT_SIZE 80 /* "sha256:" + 64 hex + NUL, rounded up as in struct layer_result */

struct hash {
    struct sha256_ctx ctx;
};

void hash_init(struct hash *h);
void hash_update(struct hash *h, const void *data, size_t len);
/* Finish, and start anew. */
void hash_text(struct hash *h, char ret[HASH_TEXT_SIZE]);
