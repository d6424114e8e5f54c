/* The bytes of an archive as they come: read in large pieces, hashed, counted, and copied to a second descriptor. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "engine/layer/hash.h"

#define INPUT_BYTES ((size_t)256 << 10)
#define INPUT_WRITE_BACK_BYTES ((uint64_t)4 << 20)

struct input {
    int fd;      /* borrowed */
    int copy_fd; /* borrowed; > 0, or none */
    struct hash hash;
    uint64_t bytes;
    char *buf;                     /* INPUT_BYTES */
    size_t at, len;                /* unread part of buf */
    uint64_t copied, written_back; /* of copy_fd */
    bool no_hash;                  /* plain tar: the hash of the tar is the hash of the input */
};

struct err *input_init(struct input *in, int fd, int copy_fd) ERR_RESULT;
void input_done(struct input *in);
/* Make sure that at least `want` (at most INPUT_BYTES) unread bytes are there, or all that is left. */
struct err *input_fill(struct input *in, size_t want) ERR_RESULT;
/* Read past the buffer straight into `buf`; *ret is 0 at the end. Takes what is buffered first. */
struct err *input_read(struct input *in, char *buf, size_t cap, size_t *ret) ERR_RESULT;
