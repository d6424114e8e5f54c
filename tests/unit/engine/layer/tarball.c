#include "tests/unit/engine/layer/tarball.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "base/fd.h"

struct tb_header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[8], uname[32],
        gname[32], major[8], minor[8], prefix[155], pad[12];
};

/* Octal, or base 256 where that is too small. */
static void tb_number(char *field, size_t size, uint64_t value)
{
    if (value < (uint64_t)1 << (3 * (size - 1))) {
        char text[32];
        (void)snprintf(text, sizeof(text), "%0*llo", (int)size - 1, (unsigned long long)value);
        memcpy(field, text, size);
        return;
    }
    memset(field, 0, size);
    for (size_t i = 0; i < 8 && i < size - 1; i++)
        field[size - 1 - i] = (char)(value >> (8 * i));
    field[0] = (char)0x80;
}

static void tb_checksum(struct tb_header *h)
{
    unsigned sum = 0;
    memset(h->checksum, ' ', sizeof(h->checksum));
    for (size_t i = 0; i < sizeof(*h); i++)
        sum += ((unsigned char *)h)[i];
    (void)snprintf(h->checksum, sizeof(h->checksum), "%06o", sum);
    h->checksum[7] = ' ';
}

static void tb_data(struct strbuf *t, const void *data, uint64_t size)
{
    static const char zeros[512];
    assert_null(strbuf_add(t, data, size));
    if (size % 512)
        assert_null(strbuf_add(t, zeros, 512 - size % 512));
}

void tb_add(struct strbuf *t, struct tb_entry e)
{
    struct tb_header h = {.type = e.type ? e.type : '0'};
    _Static_assert(sizeof(h) == 512, "a tar header");
    uint64_t size = e.size ? e.size : e.data ? strlen(e.data) : 0;
    memcpy(h.name, e.name, strnlen(e.name, sizeof(h.name)));
    if (e.link)
        memcpy(h.link, e.link, strnlen(e.link, sizeof(h.link)));
    tb_number(h.mode, sizeof(h.mode), e.mode ? e.mode : e.type == '5' ? 0755 : 0644);
    tb_number(h.uid, sizeof(h.uid), e.uid);
    tb_number(h.gid, sizeof(h.gid), e.gid);
    tb_number(h.size, sizeof(h.size), size);
    if (e.raw_size)
        memcpy(h.size, e.raw_size, sizeof(h.size));
    tb_number(h.mtime, sizeof(h.mtime), (uint64_t)e.mtime);
    memcpy(h.magic, "ustar\00000", 8);
    tb_number(h.major, sizeof(h.major), e.major);
    tb_number(h.minor, sizeof(h.minor), e.minor);
    tb_checksum(&h);
    assert_null(strbuf_add(t, &h, sizeof(h)));
    if (e.data)
        tb_data(t, e.data, size);
}

void tb_pax(struct strbuf *t, const char *key, const void *value, size_t len)
{
    struct strbuf record = STRBUF_INIT;
    size_t body = strlen(key) + len + 3, total = body; /* a length that counts its own digits */
    while (total != body + (size_t)snprintf(NULL, 0, "%zu", total))
        total = body + (size_t)snprintf(NULL, 0, "%zu", total);
    assert_null(strbuf_printf(&record, "%zu %s=", total, key));
    assert_null(strbuf_add(&record, value, len));
    assert_null(strbuf_putc(&record, '\n'));
    tb_add(t, (struct tb_entry){.name = "PaxHeaders/x", .type = 'x', .data = record.data, .size = record.len});
    strbuf_done(&record);
}

void tb_end(struct strbuf *t)
{
    static const char zeros[1024];
    assert_null(strbuf_add(t, zeros, sizeof(zeros)));
}

void tb_file(struct strbuf *t, const char *name, const char *data)
{
    tb_add(t, (struct tb_entry){.name = name, .data = data});
}

void tb_dir(struct strbuf *t, const char *name)
{
    tb_add(t, (struct tb_entry){.name = name, .type = '5'});
}

void tb_symlink(struct strbuf *t, const char *name, const char *target)
{
    tb_add(t, (struct tb_entry){.name = name, .type = '2', .link = target});
}

void tb_hardlink(struct strbuf *t, const char *name, const char *target)
{
    tb_add(t, (struct tb_entry){.name = name, .type = '1', .link = target});
}

static la_ssize_t tb_collect(struct archive *a, void *arg, const void *data, size_t len)
{
    (void)a;
    assert_null(strbuf_add(arg, data, len));
    return (la_ssize_t)len;
}

void tb_compress(const struct strbuf *from, int filter, struct strbuf *ret)
{
    struct archive *a = archive_write_new();
    struct archive_entry *e = archive_entry_new();
    assert_int_equal(archive_write_set_format_raw(a), ARCHIVE_OK);
    assert_int_equal(archive_write_add_filter(a, filter), ARCHIVE_OK);
    assert_int_equal(archive_write_set_bytes_in_last_block(a, 1), ARCHIVE_OK);
    assert_int_equal(archive_write_open(a, ret, NULL, tb_collect, NULL), ARCHIVE_OK);
    archive_entry_set_filetype(e, AE_IFREG);
    assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
    assert_int_equal(archive_write_data(a, strbuf_str(from), from->len), from->len);
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    (void)archive_write_free(a);
    archive_entry_free(e);
}

int tb_memfd(const void *data, size_t len)
{
    int fd = memfd_create("tarball", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_null(fd_write_all(fd, data, len));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}
