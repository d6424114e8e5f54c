#include "engine/layer/recode.h"

#include <string.h>

#include "base/mem.h"
#include "engine/layer/packer.h"
#include "engine/layer/stream.h"

#define RECODE_BYTES_MAX ((uint64_t)1 << 40)

struct recode {
    struct stream *stream;
    struct packer *packer;
};

static void recode_done(struct recode *r)
{
    stream_free(r->stream);
    packer_free(r->packer);
}

static struct err *recode_check(const char *what, const char *expected, const char *actual)
{
    if (!expected || strcmp(expected, actual) == 0)
        return NULL;
    return ERR_NEW(ERR_CORRUPT, "the %s is %s, where %s was expected", what, actual, expected);
}

/* The stream's own error comes first: the packer only saw an early end. */
static struct err *recode_copy(struct recode *r)
{
    const char *data = NULL;
    size_t len;
    while ((len = stream_read(r->stream, &data)))
        TRY(packer_write(r->packer, data, len));
    return NULL;
}

struct err *recode_layer(const struct layer_recode_opts *opts, struct layer_result *ret)
{
    __attribute__((cleanup(recode_done))) struct recode r = {0};
    const struct stream_opts so = {.fd = opts->archive_fd, .copy_fd = -1, .max_bytes = RECODE_BYTES_MAX};
    struct layer_result result = {.entries = 0};
    struct stream_sums sums;
    /* Somebody waits for an upload: quick, unless a level was asked for. */
    int level = opts->level == 0 && opts->compression == LAYER_GZIP ? PACKER_QUICK : opts->level;
    TRY(packer_open(opts->output_fd, opts->compression, level, &r.packer));
    TRY(stream_open(&so, &r.stream));
    TRY(recode_copy(&r));
    TRY(stream_finish(r.stream, &sums));
    TRY(recode_check("digest of the archive", opts->blob_digest, sums.blob_digest));
    TRY(recode_check("diff id of the layer", opts->diff_id, sums.tar_digest));
    TRY(packer_close(r.packer, result.blob_digest, &result.blob_bytes));
    memcpy(result.diff_id, sums.tar_digest, sizeof(result.diff_id));
    result.tar_bytes = sums.tar_bytes;
    *ret = result;
    return NULL;
}
