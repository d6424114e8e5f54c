/* Two writers of libarchive in a row: pax, without compression, feeds one without format ("raw") that compresses. In
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

#define SINK_BLOCK (256 << 10)

struct sink {
    struct archive *tar;
    struct archive *packer; /* NULL: plain */
    int fd;
    struct hash tar_hash, blob_hash;
    uint64_t tar_bytes, blob_bytes;
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
    s->err = ERR_WRAP(fd_write_all(s->fd, data, len), "write an archive");
    s->discard = s->err != NULL;
}

static la_ssize_t sink_take_blob(struct archive *a, void *arg, const void *data, size_t len)
{
    struct sink *s = arg;
    (void)a;
    hash_update(&s->blob_hash, data, len);
    s->blob_bytes += len;
    sink_write_out(s, data, len);
    return (la_ssize_t)len;
}

static la_ssize_t sink_take_tar(struct archive *a, void *arg, const void *data, size_t len)
{
    struct sink *s = arg;
    (void)a;
    hash_update(&s->tar_hash, data, len);
    s->tar_bytes += len;
    if (!s->packer) {
        sink_write_out(s, data, len);
    } else if (!s->discard) {
        struct err *e = sink_check(s, s->packer, archive_write_data(s->packer, data, len));
        s->err = e;
        s->discard = e != NULL;
    }
    return (la_ssize_t)len;
}

static struct err *sink_open_packer(struct sink *s, enum layer_compression compression)
{
    s->packer = archive_write_new();
    if (!s->packer)
        return err_oom();
    int r = archive_write_set_format_raw(s->packer);
    if (r >= ARCHIVE_WARN && compression == LAYER_GZIP)
        r = archive_write_add_filter_gzip(s->packer);
    else if (r >= ARCHIVE_WARN)
        r = archive_write_add_filter_zstd(s->packer);
    if (r >= ARCHIVE_WARN && compression == LAYER_GZIP)
        r = archive_write_set_filter_option(s->packer, "gzip", "timestamp", NULL);
    if (r >= ARCHIVE_WARN)
        r = archive_write_set_bytes_per_block(s->packer, SINK_BLOCK);
    if (r >= ARCHIVE_WARN)
        r = archive_write_set_bytes_in_last_block(s->packer, 1);
    if (r >= ARCHIVE_WARN)
        r = archive_write_open(s->packer, s, NULL, sink_take_blob, NULL);
    struct archive_entry *entry = r >= ARCHIVE_WARN ? archive_entry_new() : NULL;
    if (entry) {
        archive_entry_set_filetype(entry, AE_IFREG); /* what "raw" asks for */
        archive_entry_set_pathname(entry, "data");
        r = archive_write_header(s->packer, entry);
        archive_entry_free(entry);
    }
    return sink_check(s, s->packer, r);
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
    hash_init(&s->blob_hash);
    struct err *e = compression == LAYER_PLAIN ? NULL : sink_open_packer(s, compression);
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
    (void)archive_write_free(s->packer);
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
    if (s->packer)
        TRY(sink_check(s, s->packer, archive_write_close(s->packer)));
    hash_text(&s->tar_hash, ret->diff_id);
    if (s->packer)
        hash_text(&s->blob_hash, ret->blob_digest);
    else
        memcpy(ret->blob_digest, ret->diff_id, sizeof(ret->blob_digest));
    ret->tar_bytes = s->tar_bytes;
    ret->blob_bytes = s->packer ? s->blob_bytes : s->tar_bytes;
    return NULL;
}
