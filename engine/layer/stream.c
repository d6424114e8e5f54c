/* Theory of operation
 *
 *     reader:  input.h ──► codec.h ──► ring ──┬──► parser (the caller's thread: tar.h)
 *     hashes the blob      decompresses       └──► hasher: hashes the tar
 *
 * On two cores the three take turns well: decompression is the longest part of a gzip layer, writing files that of a
 * zstd layer, and hashing fits into the gaps of both.
 *
 * Ends: the reader publishes what it has and marks the end. If it fails, it keeps the error in s->err and cancels the
 * ring, so that parser and hasher see an early end; the error is read after the thread was joined, never before.
 * The parser may leave early (the tar has an end mark, and bytes may follow it): the hasher then goes on alone.
 */
#include "engine/layer/stream.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/layer/codec.h"
#include "engine/layer/input.h"
#include "engine/layer/ring.h"

struct stream {
    struct ring ring;
    struct input in;
    struct codec *codec;
    uint64_t max_bytes;
    uint64_t tar_bytes;
    struct hash tar_hash;
    struct err *err; /* of the reading thread; read after it was joined */
    pthread_t reader, hasher;
    bool reader_runs, hasher_runs;
};

/* Fill one buffer; *ret is less than a whole one only at the end. */
static struct err *stream_fill(struct stream *s, char *buf, size_t *ret)
{
    size_t n = 1;
    for (*ret = 0; *ret < RING_SLOT_BYTES && n; *ret += n) {
        n = 0;
        TRY(codec_read(s->codec, buf + *ret, RING_SLOT_BYTES - *ret, &n));
    }
    s->tar_bytes += *ret;
    if (s->tar_bytes > s->max_bytes)
        return ERR_NEW(ERR_NO_SPACE, "the archive is larger than the limit of %llu bytes",
                       (unsigned long long)s->max_bytes);
    return NULL;
}

static struct err *stream_produce(struct stream *s)
{
    TRY(codec_open(&s->in, &s->codec));
    for (;;) {
        size_t len = 0;
        char *slot = ring_acquire(&s->ring);
        if (!slot)
            return NULL;
        TRY(stream_fill(s, slot, &len));
        if (!len)
            return NULL;
        ring_publish(&s->ring, len);
    }
}

static void *stream_reader_main(void *arg)
{
    struct stream *s = arg;
    s->err = stream_produce(s);
    if (s->err)
        ring_cancel(&s->ring);
    ring_end(&s->ring);
    return NULL;
}

static void *stream_hasher_main(void *arg)
{
    struct stream *s = arg;
    const char *data = NULL;
    size_t len;
    while ((len = ring_read(&s->ring, RING_HASHER, &data)))
        hash_update(&s->tar_hash, data, len);
    ring_leave(&s->ring, RING_HASHER);
    return NULL;
}

static void stream_join(struct stream *s)
{
    if (s->reader_runs)
        (void)pthread_join(s->reader, NULL);
    if (s->hasher_runs)
        (void)pthread_join(s->hasher, NULL);
    s->reader_runs = s->hasher_runs = false;
}

static struct err *stream_start(struct stream *s, const struct stream_opts *opts)
{
    TRY(ring_init(&s->ring));
    TRY(input_init(&s->in, opts->fd, opts->copy_fd));
    hash_init(&s->tar_hash);
    int errnum = pthread_create(&s->hasher, NULL, stream_hasher_main, s);
    s->hasher_runs = errnum == 0;
    if (!errnum) {
        errnum = pthread_create(&s->reader, NULL, stream_reader_main, s);
        s->reader_runs = errnum == 0;
    }
    return errnum ? ERR_SYS(errnum, "start a thread") : NULL;
}

struct err *stream_open(const struct stream_opts *opts, struct stream **ret)
{
    struct stream *s = mem_zalloc(sizeof(*s));
    if (!s)
        return err_oom();
    s->max_bytes = opts->max_bytes;
    struct err *e = stream_start(s, opts);
    if (e) {
        stream_free(s);
        return e;
    }
    *ret = s;
    return NULL;
}

size_t stream_read(struct stream *s, const char **ret_data)
{
    return ring_read(&s->ring, RING_PARSER, ret_data);
}

struct err *stream_finish(struct stream *s, struct stream_sums *ret)
{
    ring_leave(&s->ring, RING_PARSER);
    stream_join(s);
    if (s->err)
        return TAKE_PTR(s->err);
    hash_text(&s->tar_hash, ret->tar_digest);
    if (codec_is_plain(s->codec))
        memcpy(ret->blob_digest, ret->tar_digest, sizeof(ret->blob_digest));
    else
        hash_text(&s->in.hash, ret->blob_digest);
    ret->blob_bytes = s->in.bytes;
    ret->tar_bytes = s->tar_bytes;
    return NULL;
}

struct err *stream_abort(struct stream *s)
{
    ring_cancel(&s->ring);
    stream_join(s);
    return TAKE_PTR(s->err);
}

void stream_free(struct stream *s)
{
    if (!s)
        return;
    if (s->ring.mem)
        err_drop(stream_abort(s));
    codec_free(s->codec);
    input_done(&s->in);
    ring_done(&s->ring);
    free(s);
}
