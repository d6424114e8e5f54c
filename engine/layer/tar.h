/* Reading a tar through libarchive, fed by stream.h. No other format is accepted, whatever the bytes look like. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <archive_entry.h>

#include "base/err.h"
#include "engine/layer/stream.h"

struct tar;

/* Load what libarchive would load from files at its first use (locale, character sets). Before confinement: afterwards
 * "/" is the layer, and nothing must be loaded from there. */
void tar_prepare(void);

/* `s` is borrowed. */
struct err *tar_open(struct stream *s, struct tar **ret) ERR_RESULT;
void tar_free(struct tar *t);
/* The next entry, borrowed until the next call; NULL at the end. Failures of the stream below are told in place of
 * what they look like from here. */
struct err *tar_next(struct tar *t, struct archive_entry **ret) ERR_RESULT;
/* The next piece of the entry's data; *ret_len is 0 at the end. Offsets tell where holes are. */
struct err *tar_data(struct tar *t, const void **ret_data, size_t *ret_len, uint64_t *ret_offset) ERR_RESULT;
