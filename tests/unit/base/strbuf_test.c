#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "tests/unit/base/tempdir.h"

static void test_starts_empty(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    assert_string_equal(strbuf_str(&sb), "");
    strbuf_truncate(&sb, 0);
    AUTO_FREE char *s = NULL;
    expect_success(strbuf_take(&sb, &s));
    assert_string_equal(s, "");
}

static void test_adds(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    expect_success(strbuf_puts(&sb, "abc"));
    expect_success(strbuf_putc(&sb, '-'));
    expect_success(strbuf_printf(&sb, "%05d", 42));
    expect_success(strbuf_add(&sb, "\0x", 2));
    assert_int_equal(sb.len, 11);
    assert_memory_equal(sb.data, "abc-00042\0x", 12);
    strbuf_truncate(&sb, 3);
    assert_string_equal(strbuf_str(&sb), "abc");
    strbuf_truncate(&sb, 50); /* never grows */
    assert_int_equal(sb.len, 3);
    AUTO_FREE char *s = NULL;
    expect_success(strbuf_take(&sb, &s));
    assert_string_equal(s, "abc");
    assert_int_equal(sb.len, 0);
    expect_success(strbuf_puts(&sb, "again"));
    assert_string_equal(strbuf_str(&sb), "again");
}

static void test_long_printf(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    expect_success(strbuf_printf(&sb, "%*s", 5000, "x"));
    assert_int_equal(sb.len, 5000);
    assert_int_equal(sb.data[4999], 'x');
}

static void test_max_is_kept(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf sb = {.max = 4};
    expect_success(strbuf_puts(&sb, "abcd"));
    expect_kind(strbuf_putc(&sb, 'e'), ERR_NO_SPACE);
    expect_kind(strbuf_printf(&sb, "%s", "e"), ERR_NO_SPACE);
    expect_kind(strbuf_reserve(&sb, SIZE_MAX), ERR_NO_SPACE);
    assert_string_equal(strbuf_str(&sb), "abcd");
}

static void test_json(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t len;
        const char *out;
    } cases[] = {
        {"", 0, "\"\""},
        {"a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\""},
        {"\b\f\n\r\t\x01\x1f\x7f", 8, "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\""},
        {"\0", 1, "\"\\u0000\""},
        {"\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x9a\xa2", 9, "\"\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x9a\xa2\""},
        {"\xc0\x80", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},                                 /* overlong */
        {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},                 /* surrogate */
        {"\xf4\x90\x80\x80", 4, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* past U+10FFFF */
        {"\xe6\xbc", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},                                 /* cut off */
        {"\xe6\xbc"
         "A",
         3,
         "\"\xef\xbf\xbd\xef\xbf\xbd"
         "A\""},
        {"\xff\xfe", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
        expect_success(strbuf_put_json(&sb, cases[i].in, cases[i].len));
        assert_string_equal(strbuf_str(&sb), cases[i].out);
    }
}

static void test_runes(void **state)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    static const uint64_t codes[] = {'a',     0x7f,     0x80,   0x7ff,  0x800,   0xffff,
                                     0x10000, 0x10ffff, 0xd800, 0xdfff, 0x110000};
    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
        assert_null(strbuf_put_rune(&sb, codes[i]));
    assert_string_equal(strbuf_str(&sb), "a\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"
                                         "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_starts_empty), cmocka_unit_test(test_adds), cmocka_unit_test(test_long_printf),
        cmocka_unit_test(test_max_is_kept),  cmocka_unit_test(test_json), cmocka_unit_test(test_runes),
    };
    return cmocka_run_group_tests_name("strbuf", tests, NULL, NULL);
}
