#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/number.h"

static void expect_invalid(struct err *take_e, const char *input)
{
    if (!take_e)
        fail_msg("'%s' was accepted", input);
    assert_int_equal(err_kind(take_e), ERR_INVALID);
    err_free(take_e);
}

static void u64_takes_digits_up_to_the_maximum(void **state)
{
    (void)state;
    uint64_t v = 7;
    assert_null(number_parse_u64("0", 0, &v));
    assert_int_equal(v, 0);
    assert_null(number_parse_u64("18446744073709551615", UINT64_MAX, &v));
    assert_true(v == UINT64_MAX);
    assert_null(number_parse_u64("65535", 65535, &v));
    assert_null(number_parse_u64("007", 10, &v));
    assert_int_equal(v, 7);
}

static void u64_refuses_everything_else(void **state)
{
    (void)state;
    static const char *const bad[] = {"",  " 1", "1 ", "+1", "-1", "0x10", "1e3", "1.0", "18446744073709551616",
                                      "a", "1\n"};
    uint64_t v = 42;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_invalid(number_parse_u64(bad[i], UINT64_MAX, &v), bad[i]);
    expect_invalid(number_parse_u64("65536", 65535, &v), "65536");
    assert_int_equal(v, 42);
}

static void i64_takes_the_whole_range(void **state)
{
    (void)state;
    int64_t v;
    assert_null(number_parse_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &v));
    assert_true(v == INT64_MIN);
    assert_null(number_parse_i64("9223372036854775807", INT64_MIN, INT64_MAX, &v));
    assert_true(v == INT64_MAX);
    assert_null(number_parse_i64("+5", -1000, 1000, &v));
    assert_int_equal(v, 5);
    assert_null(number_parse_i64("-0", 0, 1, &v));
    assert_int_equal(v, 0);
}

static void i64_refuses_what_is_outside(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "-", "+", "--1", "+-1", "- 1", "9223372036854775808", "-9223372036854775809", "1k", "0x1", "1e1", "."};
    int64_t v = 42;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_invalid(number_parse_i64(bad[i], INT64_MIN, INT64_MAX, &v), bad[i]);
    expect_invalid(number_parse_i64("-1001", -1000, 1000, &v), "-1001");
    expect_invalid(number_parse_i64("1001", -1000, 1000, &v), "1001");
    assert_int_equal(v, 42);
}

static void octal_modes(void **state)
{
    (void)state;
    uint32_t v = 9;
    assert_null(number_parse_octal("755", 07777, &v));
    assert_int_equal(v, 0755);
    assert_null(number_parse_octal("07777", 07777, &v));
    assert_int_equal(v, 07777);
    static const char *const bad[] = {"", "8", "0o755", "-1", "10000", "7 ", "77777777777777777777777777"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_invalid(number_parse_octal(bad[i], 07777, &v), bad[i]);
}

static void doubles(void **state)
{
    (void)state;
    double v;
    assert_null(number_parse_double("1.5", &v));
    assert_true(v == 1.5);
    assert_null(number_parse_double("-.5e1", &v));
    assert_true(v == -5.0);
    assert_null(number_parse_double("2.", &v));
    assert_true(v == 2.0);
    static const char *const bad[] = {"", ".", "inf", "nan", "0x1p3", " 1", "1 ", "1e", "1e+", "1,5", "1e999", "+-1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_invalid(number_parse_double(bad[i], &v), bad[i]);
}

static void bytes_like_dockers_ram_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"0", 0},
        {"512", 512},
        {"512b", 512},
        {"32k", 32 << 10},
        {"32kb", 32 << 10},
        {"32KiB", 32 << 10},
        {"64m", 64 << 20},
        {"64 MB", 64 << 20},
        {"1.5g", UINT64_C(3) << 29},
        {"2GiB", UINT64_C(2) << 30},
        {".5k", 512},
        {"1t", UINT64_C(1) << 40},
        {"1P", UINT64_C(1) << 50},
        {"0.3k", 307},
        {"1.99", 1},
        {"9007199254740993", UINT64_C(9007199254740993)}, /* no detour through double */
        {"0.00000000000000000000001k", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        uint64_t v = 1;
        struct err *e = number_parse_bytes(good[i].text, &v);
        if (e || v != good[i].bytes)
            fail_msg("'%s' gave %llu", good[i].text, (unsigned long long)v);
    }
}

static void bytes_refuses_odd_sizes(void **state)
{
    (void)state;
    static const char *const bad[] = {"",      "k",   "-1", "-5m", "1x",   "1kk",   "1kib2", "1 k b",
                                      "1bb",   "1e3", "1 ", "  1", "1..5", "1.5.5", "1kbi",  "9223372036854775808",
                                      "9000p", "+1",  "."};
    uint64_t v = 42;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_invalid(number_parse_bytes(bad[i], &v), bad[i]);
    assert_int_equal(v, 42);
}

static void durations_like_go(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t nsec;
    } good[] = {
        {"0", 0},
        {"0s", 0},
        {"300ms", 300000000},
        {"1h2m3.5s", INT64_C(3723500000000)},
        {"-1.5h", INT64_C(-5400000000000)},
        {"+5s", INT64_C(5000000000)},
        {"1us", 1000},
        {"1\u00b5s", 1000},
        {"1\u03bcs", 1000},
        {"7ns", 7},
        {".5s", 500000000},
        {"1m1m", INT64_C(120000000000)},
        {"0.0000000001s", 0},
        {"2562047h47m16.854775807s", INT64_MAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        int64_t v = 1;
        struct err *e = number_parse_duration(good[i].text, false, &v);
        if (e || v != good[i].nsec)
            fail_msg("'%s' gave %lld", good[i].text, (long long)v);
    }
}

static void bare_seconds_only_when_asked(void **state)
{
    (void)state;
    int64_t v = 1;
    expect_invalid(number_parse_duration("10", false, &v), "10");
    assert_null(number_parse_duration("10", true, &v));
    assert_int_equal(v, INT64_C(10000000000));
    assert_null(number_parse_duration("1.5", true, &v));
    assert_int_equal(v, INT64_C(1500000000));
    expect_invalid(number_parse_duration("1m10", true, &v), "1m10");
}

static void durations_refuse_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "s",   "-",    ".s",        "1x",
                                      "1 s",  "1s ", "1S",   "1d",        "5m3",
                                      "--1s", "1.",  "1e3s", "99999999h", "9223372036854775808ns",
                                      "1s-1s"};
    int64_t v = 42;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_invalid(number_parse_duration(bad[i], false, &v), bad[i]);
    assert_int_equal(v, 42);
}

static void packed_bytes_have_no_blank(void **state)
{
    (void)state;
    assert_string_equal(number_packed_bytes(0).s, "0B");
    assert_string_equal(number_packed_bytes(7840000).s, "7.84MB");
    assert_string_equal(number_packed_bytes(UINT64_MAX).s, "18.4EB");
}

static void human_bytes_like_podman_images(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {12, "12 B"},
        {999, "999 B"},
        {1000, "1 kB"},
        {1200, "1.2 kB"},
        {7837096, "7.84 MB"},
        {77862000, "77.9 MB"},
        {187000000, "187 MB"},
        {1234567890, "1.23 GB"},
        {UINT64_C(5000000000000), "5 TB"},
        {999999, "1e+03 kB"}, /* Podman's own rounding, see number_human_bytes() */
        {UINT64_MAX, "18.4 EB"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(number_human_bytes(cases[i].bytes).s, cases[i].text);
}

static void duration_text_like_go(void **state)
{
    (void)state;
    static const struct {
        int64_t nsec;
        const char *text;
    } cases[] = {
        {0, "0s"},
        {1, "1ns"},
        {1100, "1.1\u00b5s"},
        {2200000, "2.2ms"},
        {INT64_C(1500000000), "1.5s"},
        {INT64_C(30000000000), "30s"},
        {INT64_C(60000000000), "1m0s"},
        {INT64_C(90000000000), "1m30s"},
        {INT64_C(3600000000000), "1h0m0s"},
        {INT64_C(3723500000000), "1h2m3.5s"},
        {INT64_C(-90000000000), "-1m30s"},
        {INT64_C(10000000000), "10s"},
        {INT64_MAX, "2562047h47m16.854775807s"},
        {INT64_MIN, "-2562047h47m16.854775808s"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_string_equal(number_duration(cases[i].nsec).s, cases[i].text);
        int64_t back;
        if (cases[i].nsec == INT64_MIN)
            continue;
        assert_null(number_parse_duration(cases[i].text, false, &back));
        assert_true(back == cases[i].nsec);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u64_takes_digits_up_to_the_maximum),
        cmocka_unit_test(u64_refuses_everything_else),
        cmocka_unit_test(i64_takes_the_whole_range),
        cmocka_unit_test(i64_refuses_what_is_outside),
        cmocka_unit_test(octal_modes),
        cmocka_unit_test(doubles),
        cmocka_unit_test(bytes_like_dockers_ram_sizes),
        cmocka_unit_test(bytes_refuses_odd_sizes),
        cmocka_unit_test(durations_like_go),
        cmocka_unit_test(bare_seconds_only_when_asked),
        cmocka_unit_test(durations_refuse_malformed),
        cmocka_unit_test(packed_bytes_have_no_blank),
        cmocka_unit_test(human_bytes_like_podman_images),
        cmocka_unit_test(duration_text_like_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
