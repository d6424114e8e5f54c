/* Compression of one stream: bytes in, compressed, hashed, written. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "engine/layer/hash.h"
#include "engine/layer/layer.h"

struct packer;

/* The quickest that this build has, where size matters less than time: for gzip ISA-L, several times as fast as zlib
 * and some per cent larger. Its bytes may differ between processors, and so do digests. */
#define PACKER_QUICK (-1)
/* `fd` is borrowed and written from where it stands. `level` 0: the format's default. The compressed bytes depend on
 * what was written alone (but for PACKER_QUICK): no times or names in the gzip header. LAYER_PLAIN only hashes and
 * writes. */
struct err *packer_open(int fd, enum layer_compression compression, int level, struct packer **ret) ERR_RESULT;
struct err *packer_write(struct packer *p, const void *data, size_t len) ERR_RESULT;
/* Finish the stream. Digest and length of the compressed bytes. */
struct err *packer_close(struct packer *p, char ret_digest[HASH_TEXT_SIZE], uint64_t *ret_bytes) ERR_RESULT;
/* Without packer_close() before: what was written stays as it is. */
void packer_free(struct packer *p);
