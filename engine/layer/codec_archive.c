/* zstd, xz and bzip2 through libarchive: one filter that is named, and no format ("raw"), so that libarchive guesses
 * nothing.
 *
 * libarchive asks for input through filter_feed() and takes all of input.h's buffer each time. It answers in pieces of
 * its own, which are copied into the ring: that costs less than a tenth of what decompressing them did.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/mem.h"
#include "engine/layer/codec_ops.h"

struct filter {
    struct archive *archive;
    struct input *in;
    struct err *err; /* of the input, while libarchive was reading */
    const char *name;
    bool started;
    bool empty; /* the stream holds no bytes at all */
};

static la_ssize_t filter_feed(struct archive *a, void *arg, const void **ret_data)
{
    struct filter *f = arg;
    (void)a;
    /* What was given the last time was used up; input_fill() would keep it otherwise. */
    f->in->at = f->in->len;
    f->err = input_fill(f->in, 1);
    if (f->err)
        return -1;
    *ret_data = f->in->buf;
    return (la_ssize_t)f->in->len;
}

/* The first call must not drop what codec_open() looked at. */
static la_ssize_t filter_feed_first(struct archive *a, void *arg, const void **ret_data)
{
    struct filter *f = arg;
    if (f->started)
        return filter_feed(a, arg, ret_data);
    f->started = true;
    *ret_data = f->in->buf + f->in->at;
    return (la_ssize_t)(f->in->len - f->in->at);
}

static void filter_free(void *state)
{
    struct filter *f = state;
    (void)archive_read_free(f->archive);
    err_drop(f->err);
    free(f);
}

static struct err *filter_failed(struct filter *f)
{
    if (f->err)
        return TAKE_PTR(f->err);
    const char *text = archive_error_string(f->archive);
    return ERR_NEW(ERR_CORRUPT, "the %s stream is damaged: %s", f->name, text ? text : "libarchive tells no more");
}

static struct err *filter_start(struct filter *f, int code)
{
    struct archive_entry *entry = NULL;
    f->archive = archive_read_new();
    if (!f->archive)
        return err_oom();
    if (archive_read_append_filter(f->archive, code) < ARCHIVE_WARN ||
        archive_read_support_format_raw(f->archive) < ARCHIVE_WARN ||
        archive_read_support_format_empty(f->archive) < ARCHIVE_WARN)
        return ERR_NEW(ERR_UNSUPPORTED, "this libarchive cannot read %s", f->name);
    if (archive_read_open(f->archive, f, NULL, filter_feed_first, NULL) < ARCHIVE_WARN)
        return filter_failed(f);
    /* "empty" also claims a stream whose first bytes could not be decompressed; only this complaint tells. */
    if (archive_errno(f->archive))
        return filter_failed(f);
    int r = archive_read_next_header(f->archive, &entry);
    if (r < ARCHIVE_WARN)
        return filter_failed(f);
    f->empty = r == ARCHIVE_EOF;
    return NULL;
}

static struct err *filter_open(struct input *in, int code, const char *name, void **ret_state)
{
    struct filter *f = mem_zalloc(sizeof(*f));
    if (!f)
        return err_oom();
    f->in = in;
    f->name = name;
    struct err *e = filter_start(f, code);
    if (e) {
        filter_free(f);
        return e;
    }
    *ret_state = f;
    return NULL;
}

static struct err *filter_open_zstd(struct input *in, void **ret_state)
{
    return filter_open(in, ARCHIVE_FILTER_ZSTD, "zstd", ret_state);
}

static struct err *filter_open_xz(struct input *in, void **ret_state)
{
    return filter_open(in, ARCHIVE_FILTER_XZ, "xz", ret_state);
}

static struct err *filter_open_bzip2(struct input *in, void **ret_state)
{
    return filter_open(in, ARCHIVE_FILTER_BZIP2, "bzip2", ret_state);
}

/* libarchive stops where a member ends and no other begins: give back what it did not use, for codec.c to look at.
 * Where it has looked ahead so far that our buffer is gone, what is left can be no padding that anybody writes. */
static struct err *filter_give_back(struct filter *f)
{
    int64_t used = archive_filter_bytes(f->archive, -1);
    uint64_t unused = used >= 0 && (uint64_t)used < f->in->bytes ? f->in->bytes - (uint64_t)used : 0;
    if (unused > f->in->len)
        return ERR_NEW(ERR_CORRUPT, "there are bytes behind the end of the %s stream", f->name);
    f->in->at = f->in->len - (size_t)unused;
    return NULL;
}

static struct err *filter_read(void *state, char *buf, size_t cap, size_t *ret)
{
    struct filter *f = state;
    la_ssize_t n = f->empty ? 0 : archive_read_data(f->archive, buf, cap);
    if (n < 0)
        return filter_failed(f);
    *ret = (size_t)n;
    return n ? NULL : filter_give_back(f);
}

const struct codec_ops codec_zstd = {"zstd", filter_open_zstd, filter_read, filter_free};
const struct codec_ops codec_xz = {"xz", filter_open_xz, filter_read, filter_free};
const struct codec_ops codec_bzip2 = {"bzip2", filter_open_bzip2, filter_read, filter_free};
