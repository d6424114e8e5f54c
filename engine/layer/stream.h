/* The reading side of a layer: from the bytes as they come to the uncompressed tar, both hashed over ALL their bytes,
 * padding and trailer included.
 *
 * Three threads: one reads, hashes the compressed bytes and decompresses; one hashes the tar; the caller's parses it.
 * All three see the same buffers (ring.h), so nothing is copied. An error of the reading thread shows up as an early
 * end at the parser; stream_finish() tells it, so ask that first for the reason of a failure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "engine/layer/hash.h"

struct stream;

struct stream_opts {
    int fd;             /* borrowed */
    int copy_fd;        /* borrowed; > 0: a copy of the compressed bytes goes there */
    uint64_t max_bytes; /* of the uncompressed tar; more is ERR_NO_SPACE */
};

struct stream_sums {
    char blob_digest[HASH_TEXT_SIZE]; /* of the bytes as they came */
    char tar_digest[HASH_TEXT_SIZE];
    uint64_t blob_bytes;
    uint64_t tar_bytes;
};

/* Starts the threads. The calling process may be confined already. */
struct err *stream_open(const struct stream_opts *opts, struct stream **ret) ERR_RESULT;
/* The next piece of the tar, valid until the next call; 0 at the end (or at an error). */
size_t stream_read(struct stream *s, const char **ret_data);
/* The parser needs no more: read and hash the rest, wait for the threads. The outcome of reading. */
struct err *stream_finish(struct stream *s, struct stream_sums *ret) ERR_RESULT;
/* Give up: stop reading; the error of the reading side if there is one, else NULL. */
struct err *stream_abort(struct stream *s) ERR_RESULT;
void stream_free(struct stream *s);
