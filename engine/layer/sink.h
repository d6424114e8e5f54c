/* The writing side of a layer: a tar, hashed, compressed, hashed again, written. */
#pragma once

#include <stddef.h>

#include <archive_entry.h>

#include "base/err.h"
#include "engine/layer/layer.h"

struct sink;

/* `fd` is borrowed and written from where it stands. The compressed bytes depend on the tar alone (no times, no names
 * in the gzip header). */
struct err *sink_open(int fd, enum layer_compression compression, struct sink **ret) ERR_RESULT;
void sink_free(struct sink *s);
/* Begin an entry; data follows, up to its size; what is missing is filled with zeros. */
struct err *sink_entry(struct sink *s, struct archive_entry *entry) ERR_RESULT;
struct err *sink_data(struct sink *s, const void *data, size_t len) ERR_RESULT;
/* Finish the archive. Fills digests and sizes of *ret and leaves the rest. */
struct err *sink_close(struct sink *s, struct layer_result *ret) ERR_RESULT;
