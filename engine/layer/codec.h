/* Decompression of one layer: the format is told by the first bytes, and exactly one layer of compression is taken off,
 * so that a gzip in a gzip in a gzip stays what it is.
 *
 * gzip is read by ISA-L (or zlib), which check the CRC of each member; zstd, xz and bzip2 by libarchive's filters.
 * Several members or frames in a row are one stream, as their formats say. Behind the last one only zero bytes may
 * follow; anything else is ERR_CORRUPT, as is an early end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "engine/layer/input.h"

struct codec;

/* Looks at the start of `in`, which is borrowed. Bytes that no format claims are taken as they are. */
struct err *codec_open(struct input *in, struct codec **ret) ERR_RESULT;
/* The next bytes, up to `cap`; *ret is 0 at the end of the stream, and then all of `in` was read. */
struct err *codec_read(struct codec *c, char *buf, size_t cap, size_t *ret) ERR_RESULT;
bool codec_is_plain(const struct codec *c);
void codec_free(struct codec *c);
