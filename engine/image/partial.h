/* Blobs that are on their way: <root>/partial/<hex>, one file each, so that an interrupted pull goes on where it was.
 *
 * The file is written by coracle-layer, while it verifies and unpacks, and linked into staging; whoever fills it holds
 * its lock. Nothing in it is trusted: the next pull verifies it from its first byte.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "engine/store/store.h"

struct partial {
    char *path; /* relative to root; NULL: none */
    int fd;
    uint64_t have_bytes;
};
#define PARTIAL_INIT \
    {                \
        .fd = -1     \
    }
/* Somebody else fills it, or this cannot be done here: success with fd -1. */
struct err *partial_open(struct store *s, const char *digest, uint64_t size_bytes, struct partial *ret) ERR_RESULT;
/* Close it. `remove`: it is complete and in its place, or wrong. */
void partial_done(struct store *s, struct partial *p, bool remove);
/* Remove what nobody has gone on with for a week. */
void partial_clean(struct store *s);
/* Only one command at a time brings this image: waits for the other. *ret_fd holds the lock. */
struct err *partial_lock(struct store *s, const char *digest, int *ret_fd) ERR_RESULT;
void partial_unlock(struct store *s, const char *digest, int fd);
