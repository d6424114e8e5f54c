#include "engine/layer/tar.h"

#include <errno.h>
#include <iconv.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>

#include <archive.h>

#include "base/mem.h"

/* libarchive is given one format (tar in its dialects: v7, ustar, pax, GNU, old and new sparse files) and no filter,
 * and reads the ring's buffers in place. Its warnings are about names that are not UTF-8; everything worse ends the
 * archive, since after a damaged header nothing says where the next one would be.
 */
struct tar {
    struct archive *archive;
    struct stream *stream;
};

void tar_prepare(void)
{
    /* Names are UTF-8 in pax headers; in the C locale libarchive would convert each one, and complain. */
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        (void)setlocale(LC_CTYPE, "C");
    iconv_t converter = iconv_open(nl_langinfo(CODESET), "UTF-8");
    if (converter != (iconv_t)-1) /* NOLINT(performance-no-int-to-ptr): POSIX' error value */
        (void)iconv_close(converter);
}

static la_ssize_t tar_feed(struct archive *a, void *arg, const void **ret_data)
{
    struct tar *t = arg;
    const char *data = NULL;
    (void)a;
    size_t len = stream_read(t->stream, &data);
    *ret_data = data;
    return (la_ssize_t)len;
}

static struct err *tar_failed(struct tar *t)
{
    TRY(stream_abort(t->stream));
    if (archive_errno(t->archive) == ENOMEM)
        return err_oom();
    const char *text = archive_error_string(t->archive);
    return ERR_NEW(ERR_CORRUPT, "not a valid tar archive: %s", text ? text : "libarchive tells no more");
}

struct err *tar_open(struct stream *s, struct tar **ret)
{
    struct tar *t = mem_zalloc(sizeof(*t));
    if (!t)
        return err_oom();
    t->stream = s;
    t->archive = archive_read_new();
    if (!t->archive || archive_read_support_format_tar(t->archive) != ARCHIVE_OK ||
        archive_read_support_format_empty(t->archive) != ARCHIVE_OK) {
        tar_free(t);
        return err_oom();
    }
    if (archive_read_open(t->archive, t, NULL, tar_feed, NULL) < ARCHIVE_WARN) {
        struct err *e = tar_failed(t);
        tar_free(t);
        return e;
    }
    *ret = t;
    return NULL;
}

void tar_free(struct tar *t)
{
    if (!t)
        return;
    (void)archive_read_free(t->archive);
    free(t);
}

struct err *tar_next(struct tar *t, struct archive_entry **ret)
{
    int r = archive_read_next_header(t->archive, ret);
    if (r == ARCHIVE_EOF) {
        *ret = NULL;
        return NULL;
    }
    /* A warning is a name that is not UTF-8: names are bytes to us. */
    return r >= ARCHIVE_WARN ? NULL : tar_failed(t);
}

struct err *tar_data(struct tar *t, const void **ret_data, size_t *ret_len, uint64_t *ret_offset)
{
    la_int64_t offset = 0;
    *ret_len = 0;
    int r = archive_read_data_block(t->archive, ret_data, ret_len, &offset);
    if (r == ARCHIVE_EOF) {
        *ret_len = 0;
        return NULL;
    }
    if (r < ARCHIVE_WARN)
        return tar_failed(t);
    if (offset < 0)
        return ERR_NEW(ERR_CORRUPT, "not a valid tar archive: data at a negative offset");
    *ret_offset = (uint64_t)offset;
    return NULL;
}
