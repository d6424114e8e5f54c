#include "engine/layer/codec.h"

#include <stdlib.h>
#include <unistd.h>

#include <archive.h>

#include "base/fd.h"
#include "base/mem.h"
#include "tests/unit/engine/layer/fixture.h"

/* Decompress all of `packed`, through a pipe fed `piece` bytes at a time when that is not 0. */
static struct err *decode(const struct strbuf *packed, size_t piece, struct strbuf *ret)
{
    struct input in;
    struct codec *c = NULL;
    static char buf[777];
    int fds[2] = {-1, -1};
    pid_t pid = -1;
    if (piece) {
        assert_int_equal(pipe(fds), 0);
        pid = fork();
        for (size_t at = 0; pid == 0 && at < packed->len; at += piece)
            err_drop(fd_write_all(fds[1], packed->data + at, packed->len - at < piece ? packed->len - at : piece));
        if (pid == 0)
            _exit(0);
        (void)fd_close(fds[1]);
    }
    AUTO_FD int fd = piece ? fds[0] : tb_memfd(strbuf_str(packed), packed->len);
    expect_success(input_init(&in, fd, -1));
    struct err *e = codec_open(&in, &c);
    for (size_t n = 1; !e && n;) {
        n = 0;
        e = codec_read(c, buf, sizeof(buf), &n);
        if (!e)
            expect_success(strbuf_add(ret, buf, n));
    }
    codec_free(c);
    input_done(&in);
    return e;
}

static struct strbuf sample(size_t len)
{
    struct strbuf sb = STRBUF_INIT;
    unsigned seed = 1;
    while (sb.len < len) {
        seed = seed * 1103515245 + 12345;
        assert_null(strbuf_printf(&sb, "%u line\n", seed >> 16));
    }
    return sb;
}

static void expect_decoded(const struct strbuf *packed, size_t piece, const struct strbuf *plain)
{
    struct strbuf out = STRBUF_INIT;
    expect_success(decode(packed, piece, &out));
    assert_int_equal(out.len, plain->len);
    assert_memory_equal(strbuf_str(&out), strbuf_str(plain), plain->len);
    strbuf_done(&out);
}

static const int filters[] = {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD, ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_BZIP2};

static void every_format(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 5000, 700000};
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        struct strbuf plain = sample(sizes[s]);
        expect_decoded(&plain, 0, &plain);
        for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
            struct strbuf packed = STRBUF_INIT;
            tb_compress(&plain, filters[i], &packed);
            expect_decoded(&packed, 0, &plain);
            strbuf_done(&packed);
        }
        strbuf_done(&plain);
    }
}

static void members_in_a_row_in_small_pieces(void **state)
{
    (void)state;
    struct strbuf plain = sample(3000), whole = STRBUF_INIT;
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        struct strbuf packed = STRBUF_INIT;
        strbuf_truncate(&whole, 0);
        for (int n = 0; n < 5; n++) {
            tb_compress(&plain, filters[i], &packed);
            assert_null(strbuf_add(&whole, plain.data, plain.len));
        }
        for (size_t piece = 1; piece < 12; piece += 2)
            expect_decoded(&packed, piece, &whole);
        assert_null(strbuf_add(&packed, "\0\0\0\0", 4)); /* padding */
        if (filters[i] == ARCHIVE_FILTER_GZIP)
            expect_decoded(&packed, 3, &whole);
        strbuf_done(&packed);
    }
    strbuf_done(&plain);
    strbuf_done(&whole);
}

/* Name, comment, extra field and header CRC, cut into single bytes. */
static void gzip_header_with_everything(void **state)
{
    (void)state;
    struct strbuf plain = sample(100), packed = STRBUF_INIT, full = STRBUF_INIT;
    tb_compress(&plain, ARCHIVE_FILTER_GZIP, &packed);
    assert_int_equal(packed.data[3], 0);
    assert_null(strbuf_add(&full, "\x1f\x8b\x08\x1e\0\0\0\0\0\3", 10));
    assert_null(strbuf_add(&full, "\5\0extra", 7));
    assert_null(strbuf_add(&full, "name\0comment\0", 13));
    /* The CRC16 of the header so far, by zlib's crc32() & 0xffff. */
    assert_null(strbuf_add(&full, "\x00\x00", 2));
    assert_null(strbuf_add(&full, packed.data + 10, packed.len - 10));
    struct strbuf out = STRBUF_INIT;
    struct err *e = decode(&full, 1, &out);
    /* zlib checks the header's CRC, ISA-L's user does not. */
    if (!e)
        assert_int_equal(out.len, plain.len);
    err_drop(e);
    strbuf_done(&out);
    strbuf_done(&plain);
    strbuf_done(&packed);
    strbuf_done(&full);
}

static void zstd_skippable_frames(void **state)
{
    (void)state;
    struct strbuf plain = sample(5000), packed = STRBUF_INIT;
    assert_null(strbuf_add(&packed, "\x5a\x2a\x4d\x18\4\0\0\0abcd", 12));
    tb_compress(&plain, ARCHIVE_FILTER_ZSTD, &packed);
    assert_null(strbuf_add(&packed, "\x50\x2a\x4d\x18\4\0\0\0abcd", 12));
    expect_decoded(&packed, 0, &plain);
    strbuf_done(&plain);
    strbuf_done(&packed);
}

static void every_truncation_is_an_error(void **state)
{
    (void)state;
    struct strbuf plain = sample(600);
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        struct strbuf packed = STRBUF_INIT;
        tb_compress(&plain, filters[i], &packed);
        for (size_t len = packed.len - 1; len >= 10; len--) {
            struct strbuf out = STRBUF_INIT;
            strbuf_truncate(&packed, len);
            struct err *e = decode(&packed, 0, &out);
            if (!e)
                fail_msg("filter %d: %zu bytes were taken for a whole stream", filters[i], len);
            err_drop(e);
            strbuf_done(&out);
        }
        strbuf_done(&packed);
    }
    strbuf_done(&plain);
}

static void garbage_behind_the_end(void **state)
{
    (void)state;
    struct strbuf plain = sample(600);
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        struct strbuf packed = STRBUF_INIT, out = STRBUF_INIT;
        tb_compress(&plain, filters[i], &packed);
        assert_null(strbuf_puts(&packed, "garbage"));
        expect_error(decode(&packed, 0, &out), ERR_CORRUPT, "stream");
        strbuf_done(&packed);
        strbuf_done(&out);
    }
    strbuf_done(&plain);
}

static void gzip_checksum_is_verified(void **state)
{
    (void)state;
    struct strbuf plain = sample(600), packed = STRBUF_INIT, out = STRBUF_INIT;
    tb_compress(&plain, ARCHIVE_FILTER_GZIP, &packed);
    packed.data[packed.len - 6] ^= 1;
    expect_error(decode(&packed, 0, &out), ERR_CORRUPT, "gzip");
    packed.data[packed.len - 6] ^= 1;
    packed.data[packed.len - 2] ^= 1; /* length */
    expect_error(decode(&packed, 0, &out), ERR_CORRUPT, "gzip");
    strbuf_done(&plain);
    strbuf_done(&packed);
    strbuf_done(&out);
}

/* Names may look like a compressed stream: a tar is told by nothing less than a whole magic number. */
static void plain_bytes_stay_plain(void **state)
{
    static const char *const texts[] = {"BZh",
                                        "BZh9 is a name",
                                        "\x1f\x8b",
                                        "\x28\xb5\x2f",
                                        "\xfd"
                                        "7zXY and more",
                                        "x"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct strbuf plain = STRBUF_INIT;
        assert_null(strbuf_puts(&plain, texts[i]));
        expect_decoded(&plain, 0, &plain);
        strbuf_done(&plain);
    }
}

static void only_one_compression_is_taken_off(void **state)
{
    (void)state;
    struct strbuf plain = sample(600), once = STRBUF_INIT, twice = STRBUF_INIT;
    tb_compress(&plain, ARCHIVE_FILTER_GZIP, &once);
    tb_compress(&once, ARCHIVE_FILTER_ZSTD, &twice);
    expect_decoded(&twice, 0, &once);
    strbuf_done(&plain);
    strbuf_done(&once);
    strbuf_done(&twice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format),
        cmocka_unit_test(members_in_a_row_in_small_pieces),
        cmocka_unit_test(gzip_header_with_everything),
        cmocka_unit_test(zstd_skippable_frames),
        cmocka_unit_test(every_truncation_is_an_error),
        cmocka_unit_test(garbage_behind_the_end),
        cmocka_unit_test(gzip_checksum_is_verified),
        cmocka_unit_test(plain_bytes_stay_plain),
        cmocka_unit_test(only_one_compression_is_taken_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
