/* What each decompressor gives to codec.c. */
#pragma once

#include "engine/layer/codec.h"

struct codec_ops {
    const char *name;
    /* `state` is what open() made. read(): at the end of the compressed stream *ret is 0, and the input stands behind
     * what belongs to it. */
    struct err *(*open)(struct input *in, void **ret_state)ERR_RESULT;
    struct err *(*read)(void *state, char *buf, size_t cap, size_t *ret)ERR_RESULT;
    void (*free)(void *state);
};

extern const struct codec_ops codec_gzip;
extern const struct codec_ops codec_zstd;
extern const struct codec_ops codec_xz;
extern const struct codec_ops codec_bzip2;
