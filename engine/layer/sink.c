/* Two writers of libarchive in a row: pax, without compression, feeds one without format (packer.h) that compresses. In
 * between we see every byte of the tar.
 *
 * The same tree must give the same bytes, today and with the next version: so no times, names or operating system in
 * the gzip header, no padding to a tape's block behind the end, and one spelling of extended attributes (SCHILY.xattr,
 * which Go's archive/tar, GNU tar and bsdtar read).
 */
#include "engine/layer/sink.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/layer/hash.h"
#include "engine/layer/packer.h"

#define SINK_BLOCK (256 << 10)

struct sink {
    struct archive *tar;
    struct packer *packer; /* NULL: plain */
    int fd;
    struct hash tar_hash;
    uint64_t tar_bytes;
    struct err *err; /* of our callbacks: they go on, without writing, and whoever called libarchive looks here */
    bool discard;
};

/* The outcome of a call of libarchive. A callback that fails would leave `a` unable to free itself, so ours do not. */
static struct err *sink_check(struct sink *s, struct archive *a, long r)
{
    if (s->err)
        return TAKE_PTR(s->err);
    if (r >= ARCHIVE_WARN)
        return NULL;
    const char *text = archive_error_string(a);
    return ERR_NEW(ERR_INTERNAL, "write an archive: %s", text ? text : "libarchive tells no more");
}

static void sink_write_out(struct sink *s, const void *data, size_t len)
{
    if (s->discard)
        return;
    s->err =
        s->packer ? packer_write(s->packer, data, len) : ERR_WRAP(fd_write_all(s->fd, data, len), "write an archive");
    s->discard = s->err != NULL;
}

static la_ssize_t sink_take_tar(struct archive *a, void *arg, const void *data, size_t len)
{
    struct sink *s = arg;
    (void)a;
    hash_update(&s->tar_hash, data, len);
    s->tar_bytes += len;
    sink_write_out(s, data, len);
    return (la_ssize_t)len;
}

static struct err *sink_open_tar(struct sink *s)
{
    s->tar = archive_write_new();
    if (!s->tar)
        return err_oom();
    /* pax only where an entry needs it; attributes in the one form that other tools read. */
    int r = archive_write_set_format_pax(s->tar);
    if (r >= ARCHIVE_WARN)
        r = archive_write_set_format_option(s->tar, "pax", "xattrheader", "SCHILY");
    if (r >= ARCHIVE_WARN)
        r = archive_write_set_bytes_per_block(s->tar, SINK_BLOCK);
    if (r >= ARCHIVE_WARN)
        r = archive_write_set_bytes_in_last_block(s->tar, 1);
    if (r >= ARCHIVE_WARN)
        r = archive_write_open(s->tar, s, NULL, sink_take_tar, NULL);
    return sink_check(s, s->tar, r);
}

struct err *sink_open(int fd, enum layer_compression compression, struct sink **ret)
{
    struct sink *s = mem_zalloc(sizeof(*s));
    if (!s)
        return err_oom();
    s->fd = fd;
    hash_init(&s->tar_hash);
    struct err *e = compression == LAYER_PLAIN ? NULL : packer_open(fd, compression, 0, &s->packer);
    if (!e)
        e = sink_open_tar(s);
    if (e) {
        sink_free(s);
        return e;
    }
    *ret = s;
    return NULL;
}

void sink_free(struct sink *s)
{
    if (!s)
        return;
    s->discard = true; /* an unfinished writer still writes its trailer */
    (void)archive_write_free(s->tar);
    packer_free(s->packer);
    err_drop(s->err);
    free(s);
}

struct err *sink_entry(struct sink *s, struct archive_entry *entry)
{
    return sink_check(s, s->tar, archive_write_header(s->tar, entry));
}

struct err *sink_data(struct sink *s, const void *data, size_t len)
{
    const char *p = data;
    while (len) {
        la_ssize_t n = archive_write_data(s->tar, p, len);
        TRY(sink_check(s, s->tar, n));
        if (n <= 0) /* beyond the size that the header told */
            return NULL;
        p += n;
        len -= (size_t)n;
    }
    return NULL;
}

struct err *sink_close(struct sink *s, struct layer_result *ret)
{
    TRY(sink_check(s, s->tar, archive_write_close(s->tar)));
    hash_text(&s->tar_hash, ret->diff_id);
    ret->tar_bytes = ret->blob_bytes = s->tar_bytes;
    memcpy(ret->blob_digest, ret->diff_id, sizeof(ret->blob_digest));
    return s->packer ? packer_close(s->packer, ret->blob_digest, &ret->blob_bytes) : NULL;
}
