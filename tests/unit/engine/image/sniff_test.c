#include "engine/image/sniff.h"

#include <string.h>

#include "tests/unit/engine/image/fixture.h"

/* What Go's http.DetectContentType() says of the same bytes. */
static void types_are_gos(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *type;
    } cases[] = {
        {"", 0, "text/plain; charset=utf-8"},
        {"hello\n", 6, "text/plain; charset=utf-8"},
        {"{\"a\":1}", 7, "text/plain; charset=utf-8"},
        {"a\0b", 3, "application/octet-stream"},
        {"\x1b[0m", 4, "text/plain; charset=utf-8"},
        {"\x01\x02", 2, "application/octet-stream"},
        {"\xef\xbb\xbfx", 4, "text/plain; charset=utf-8"},
        {"\xfe\xffx", 3, "text/plain; charset=utf-16be"},
        {"  <!doctype html>", 17, "text/html; charset=utf-8"},
        {"<bold>", 6, "text/plain; charset=utf-8"},
        {"<b>", 3, "text/html; charset=utf-8"},
        {"<!-- x", 6, "text/html; charset=utf-8"},
        {"<?xml version", 13, "text/xml; charset=utf-8"},
        {"%PDF-1.7", 8, "application/pdf"},
        {"GIF89a...", 9, "image/gif"},
        {"\x89PNG\r\n\x1a\n", 8, "image/png"},
        {"\x89PNG\r\n\x1a", 7, "application/octet-stream"},
        {"RIFF1234WEBPVP8 ", 16, "image/webp"},
        {"RIFF1234WAVEfmt ", 16, "audio/wave"},
        {"\x1f\x8b\x08xxx", 6, "application/x-gzip"},
        {"PK\3\4xx", 6, "application/zip"},
        {"\0asm\1\0\0\0", 8, "application/wasm"},
        {"GGUF\3\0\0\0", 8, "application/octet-stream"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (strcmp(sniff_type(cases[i].bytes, cases[i].len), cases[i].type) != 0)
            fail_msg("%zu: %s instead of %s", i, sniff_type(cases[i].bytes, cases[i].len), cases[i].type);
}

static void only_the_beginning_counts(void **state)
{
    (void)state;
    char bytes[1024];
    memset(bytes, 'a', sizeof bytes);
    bytes[SNIFF_BYTES] = '\0';
    assert_string_equal(sniff_type(bytes, sizeof bytes), "text/plain; charset=utf-8");
    bytes[SNIFF_BYTES - 1] = '\0';
    assert_string_equal(sniff_type(bytes, sizeof bytes), "application/octet-stream");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(types_are_gos), cmocka_unit_test(only_the_beginning_counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

FAKE_ENGINE
