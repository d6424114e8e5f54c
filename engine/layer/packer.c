/* A writer of libarchive without format ("raw") and with one filter. A callback that fails would leave it unable to
 * free itself, so ours go on without writing, and whoever called libarchive looks at p->err.
 */
#include "engine/layer/packer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef CORACLE_ISAL
#include <isa-l/igzip_lib.h>
#endif
#include <archive.h>
#include <archive_entry.h>

#include "base/fd.h"
#include "base/mem.h"

#define PACKER_BLOCK (256 << 10)

#ifdef CORACLE_ISAL
#define PACKER_ISAL_LEVEL 3 /* of 0 to 3 */
#define PACKER_ISAL_BUFFER ISAL_DEF_LVL3_DEFAULT

/* ISA-L's state, and its room for work and output. */
struct quick {
    struct isal_zstream stream;
    uint8_t work[PACKER_ISAL_BUFFER];
    uint8_t out[PACKER_BLOCK];
};
#endif

struct packer {
    struct archive *archive; /* NULL: plain, or quick */
    struct quick *quick;     /* NULL: not */
    int fd;
    struct hash hash;
    uint64_t bytes;
    struct err *err; /* of our callback */
    bool discard;
};

static struct err *packer_check(struct packer *p, long r)
{
    if (p->err)
        return TAKE_PTR(p->err);
    if (r >= ARCHIVE_WARN)
        return NULL;
    const char *text = archive_error_string(p->archive);
    return ERR_NEW(ERR_INTERNAL, "compress: %s", text ? text : "libarchive tells no more");
}

static la_ssize_t packer_take(struct archive *a, void *arg, const void *data, size_t len)
{
    struct packer *p = arg;
    (void)a;
    hash_update(&p->hash, data, len);
    p->bytes += len;
    if (!p->discard) {
        p->err = ERR_WRAP(fd_write_all(p->fd, data, len), "write an archive");
        p->discard = p->err != NULL;
    }
    return (la_ssize_t)len;
}

#ifdef CORACLE_ISAL
static struct err *quick_start(struct packer *p)
{
    struct quick *q = mem_zalloc(sizeof(*q));
    if (!q)
        return err_oom();
    isal_deflate_init(&q->stream);
    q->stream.level = PACKER_ISAL_LEVEL;
    q->stream.level_buf = q->work;
    q->stream.level_buf_size = sizeof(q->work);
    q->stream.gzip_flag = IGZIP_GZIP;
    p->quick = q;
    return NULL;
}

/* At most UINT32_MAX bytes at once, which is what every caller gives. */
static struct err *quick_write(struct packer *p, const void *data, size_t len, bool last)
{
    struct isal_zstream *z = &p->quick->stream;
    /* Only read. */
    memcpy(&z->next_in, &data, sizeof(z->next_in));
    z->avail_in = (uint32_t)len;
    z->end_of_stream = last;
    do {
        z->next_out = p->quick->out;
        z->avail_out = sizeof(p->quick->out);
        int r = isal_deflate(z);
        if (r != COMP_OK)
            return ERR_NEW(ERR_INTERNAL, "compress: ISA-L error %d", r);
        (void)packer_take(NULL, p, p->quick->out, sizeof(p->quick->out) - z->avail_out);
        if (p->err)
            return TAKE_PTR(p->err);
    } while (z->avail_in > 0 || z->avail_out == 0 || (last && z->internal_state.state != ZSTATE_END));
    return NULL;
}
#else
static struct err *quick_start(struct packer *p)
{
    (void)p;
    return NULL;
}

static struct err *quick_write(struct packer *p, const void *data, size_t len, bool last)
{
    (void)p, (void)data, (void)len, (void)last;
    return NULL;
}
#endif

static bool is_quick(enum layer_compression compression, int level)
{
#ifdef CORACLE_ISAL
    return compression == LAYER_GZIP && level == PACKER_QUICK;
#else
    (void)compression, (void)level;
    return false;
#endif
}

static int packer_add_filter(struct packer *p, enum layer_compression compression, int level)
{
    char text[16];
    bool gzip = compression == LAYER_GZIP;
    int r = gzip ? archive_write_add_filter_gzip(p->archive) : archive_write_add_filter_zstd(p->archive);
    if (r >= ARCHIVE_WARN && gzip)
        r = archive_write_set_filter_option(p->archive, "gzip", "timestamp", NULL);
    (void)snprintf(text, sizeof text, "%d", level);
    if (r >= ARCHIVE_WARN && level > 0)
        r = archive_write_set_filter_option(p->archive, gzip ? "gzip" : "zstd", "compression-level", text);
    return r;
}

static struct err *packer_start(struct packer *p, enum layer_compression compression, int level)
{
    p->archive = archive_write_new();
    if (!p->archive)
        return err_oom();
    int r = archive_write_set_format_raw(p->archive);
    if (r >= ARCHIVE_WARN)
        r = packer_add_filter(p, compression, level);
    if (r >= ARCHIVE_WARN)
        r = archive_write_set_bytes_per_block(p->archive, PACKER_BLOCK);
    if (r >= ARCHIVE_WARN)
        r = archive_write_set_bytes_in_last_block(p->archive, 1);
    if (r >= ARCHIVE_WARN)
        r = archive_write_open(p->archive, p, NULL, packer_take, NULL);
    struct archive_entry *entry = r >= ARCHIVE_WARN ? archive_entry_new() : NULL;
    if (entry) {
        archive_entry_set_filetype(entry, AE_IFREG); /* what "raw" asks for */
        archive_entry_set_pathname(entry, "data");
        r = archive_write_header(p->archive, entry);
        archive_entry_free(entry);
    }
    return packer_check(p, r);
}

struct err *packer_open(int fd, enum layer_compression compression, int level, struct packer **ret)
{
    struct packer *p = mem_zalloc(sizeof(*p));
    if (!p)
        return err_oom();
    p->fd = fd;
    hash_init(&p->hash);
    struct err *e = NULL;
    if (is_quick(compression, level))
        e = quick_start(p);
    else if (compression != LAYER_PLAIN)
        e = packer_start(p, compression, level);
    if (e) {
        packer_free(p);
        return e;
    }
    *ret = p;
    return NULL;
}

struct err *packer_write(struct packer *p, const void *data, size_t len)
{
    if (p->quick)
        return quick_write(p, data, len, false);
    if (!p->archive) {
        (void)packer_take(NULL, p, data, len);
        return TAKE_PTR(p->err);
    }
    const char *at = data;
    while (len) {
        la_ssize_t n = archive_write_data(p->archive, at, len);
        TRY(packer_check(p, n));
        if (n <= 0)
            return ERR_NEW(ERR_INTERNAL, "compress: libarchive takes no more");
        at += n;
        len -= (size_t)n;
    }
    return NULL;
}

struct err *packer_close(struct packer *p, char ret_digest[HASH_TEXT_SIZE], uint64_t *ret_bytes)
{
    if (p->quick)
        TRY(quick_write(p, "", 0, true));
    if (p->archive)
        TRY(packer_check(p, archive_write_close(p->archive)));
    hash_text(&p->hash, ret_digest);
    *ret_bytes = p->bytes;
    return NULL;
}

void packer_free(struct packer *p)
{
    if (!p)
        return;
    p->discard = true; /* an unfinished writer still writes its trailer */
    (void)archive_write_free(p->archive);
    err_drop(p->err);
    free(p->quick);
    free(p);
}
