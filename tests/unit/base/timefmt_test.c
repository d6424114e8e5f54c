#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/timefmt.h"

#define SEC INT64_C(1000000000)
#define MAY_DAY (INT64_C(1714557600) * SEC) /* 2024-05-01T10:00:00Z */

static int set_zone(void **state)
{
    (void)state;
    /* A rule of its own, so that no zone files are needed: two hours east in summer, one in winter. */
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    return 0;
}

static void expect_invalid(struct err *take_e, const char *input)
{
    if (!take_e)
        fail_msg("'%s' was accepted", input);
    assert_int_equal(err_kind(take_e), ERR_INVALID);
    err_free(take_e);
}

static void now_is_after_2024(void **state)
{
    (void)state;
    assert_true(timefmt_now() > MAY_DAY);
}

static void rfc3339_trims_the_fraction(void **state)
{
    (void)state;
    assert_string_equal(timefmt_rfc3339(MAY_DAY, 0).s, "2024-05-01T10:00:00Z");
    assert_string_equal(timefmt_rfc3339(MAY_DAY + 123456789, 0).s, "2024-05-01T10:00:00.123456789Z");
    assert_string_equal(timefmt_rfc3339(MAY_DAY + 120000000, 0).s, "2024-05-01T10:00:00.12Z");
    assert_string_equal(timefmt_rfc3339(0, 0).s, "1970-01-01T00:00:00Z");
    assert_string_equal(timefmt_rfc3339(-1, 0).s, "1969-12-31T23:59:59.999999999Z");
    assert_string_equal(timefmt_rfc3339(INT64_MIN, 0).s, "1677-09-21T00:12:43.145224192Z");
    assert_string_equal(timefmt_rfc3339(INT64_MAX, 0).s, "2262-04-11T23:47:16.854775807Z");
}

static void rfc3339_local_has_the_offset(void **state)
{
    (void)state;
    assert_string_equal(timefmt_rfc3339(MAY_DAY, 1).s, "2024-05-01T12:00:00+02:00");
    assert_string_equal(timefmt_rfc3339(INT64_C(1704103200) * SEC, 1).s, "2024-01-01T11:00:00+01:00");
    setenv("TZ", "NST3:30", 1);
    tzset();
    assert_string_equal(timefmt_rfc3339(MAY_DAY, 1).s, "2024-05-01T06:30:00-03:30");
    setenv("TZ", "UTC0", 1);
    tzset();
    assert_string_equal(timefmt_rfc3339(MAY_DAY, 1).s, "2024-05-01T10:00:00Z");
}

static void unset_times_are_gos_zero(void **state)
{
    (void)state;
    assert_string_equal(timefmt_rfc3339_or_zero(0, 1).s, "0001-01-01T00:00:00Z");
    assert_string_equal(timefmt_rfc3339_or_zero(MAY_DAY, 0).s, "2024-05-01T10:00:00Z");
}

static void go_time_string(void **state)
{
    (void)state;
    assert_string_equal(timefmt_go(MAY_DAY + 123456789).s, "2024-05-01 10:00:00.123456789 +0000 UTC");
    assert_string_equal(timefmt_go(MAY_DAY).s, "2024-05-01 10:00:00 +0000 UTC");
}

static void human_duration_like_go_units(void **state)
{
    (void)state;
    const int64_t minute = 60 * SEC, hour = 60 * minute, day = 24 * hour;
    const struct {
        int64_t nsec;
        const char *text;
    } cases[] = {
        {-5 * SEC, "Less than a second"},
        {450000000, "Less than a second"},
        {SEC, "1 second"},
        {47 * SEC, "47 seconds"},
        {minute, "About a minute"},
        {minute + 59 * SEC, "About a minute"},
        {3 * minute, "3 minutes"},
        {35 * minute, "35 minutes"},
        {59 * minute + 59 * SEC, "59 minutes"},
        {hour, "About an hour"},
        {hour + 29 * minute, "About an hour"},
        {hour + 45 * minute, "2 hours"},
        {3 * hour, "3 hours"},
        {32 * hour, "32 hours"},
        {47 * hour + 30 * minute, "2 days"},
        {13 * day, "13 days"},
        {14 * day, "2 weeks"},
        {59 * day, "8 weeks"},
        {60 * day, "2 months"},
        {729 * day, "24 months"},
        {730 * day, "2 years"},
        {INT64_MAX, "292 years"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(timefmt_human_duration(cases[i].nsec).s, cases[i].text);
}

static void parse_rfc3339(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t nsec;
    } good[] = {
        {"2024-05-01T10:00:00Z", MAY_DAY},
        {"2024-05-01T10:00:00.123456789Z", MAY_DAY + 123456789},
        {"2024-05-01T10:00:00.5Z", MAY_DAY + 500000000},
        {"2024-05-01T10:00:00.1234567899999Z", MAY_DAY + 123456789},
        {"2024-05-01T12:00:00+02:00", MAY_DAY},
        {"2024-05-01T06:30:00-03:30", MAY_DAY},
        {"2024-02-29T00:00:00Z", INT64_C(1709164800) * SEC},
        {"1970-01-01T00:00:00Z", 0},
        {"1969-12-31T23:59:59.75Z", -250000000},
        {"0001-01-01T00:00:00Z", 0},
        {"0001-01-02T00:00:00Z", INT64_MIN},
        {"9999-12-31T23:59:59Z", INT64_MAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        int64_t v = 1;
        struct err *e = timefmt_parse_rfc3339(good[i].text, &v);
        if (e || v != good[i].nsec)
            fail_msg("'%s' gave %lld", good[i].text, (long long)v);
    }
}

static void parse_rfc3339_refuses_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "now",
        "2024-05-01",
        "2024-05-01T10:00:00",
        "2024-05-01T10:00Z",
        "2024-05-01 10:00:00Z",
        "2024-05-01t10:00:00z",
        "2024-13-01T00:00:00Z",
        "2024-00-01T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2024-05-00T00:00:00Z",
        "2024-05-01T24:00:00Z",
        "2024-05-01T10:60:00Z",
        "2024-05-01T10:00:60Z",
        "2024-05-01T10:00:00.Z",
        "2024-05-01T10:00:00+0200",
        "2024-05-01T10:00:00Zx",
        "2024-5-1T10:00:00Z",
        "+024-05-01T10:00:00Z",
    };
    int64_t v = 42;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_invalid(timefmt_parse_rfc3339(bad[i], &v), bad[i]);
    assert_int_equal(v, 42);
}

static void format_and_parse_agree(void **state)
{
    (void)state;
    /* Steps that are no multiple of anything, through leap days and both ends of summer time. */
    for (int64_t t = -3 * 366 * 86400 * SEC; t < 60 * 366 * 86400 * SEC; t += INT64_C(7654321987654321)) {
        int64_t back;
        assert_null(timefmt_parse_rfc3339(timefmt_rfc3339(t, 0).s, &back));
        assert_true(back == t);
        assert_null(timefmt_parse_rfc3339(timefmt_rfc3339(t, 1).s, &back));
        assert_true(back == t);
    }
}

static void input_takes_dates_unix_times_and_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t nsec;
    } good[] = {
        {"2024-05-01T10:00:00Z", MAY_DAY},
        {"2024-05-01T12:00:00", MAY_DAY}, /* local time */
        {"2024-05-01T12:00:00.5", MAY_DAY + 500000000},
        {"2024-05-01T12:00", MAY_DAY},
        {"2024-05-01", MAY_DAY - 12 * 3600 * SEC},
        {"2024-05-01Z", MAY_DAY - 10 * 3600 * SEC},
        {"2024-05-01+02:00", MAY_DAY - 12 * 3600 * SEC},
        {"1714557600", MAY_DAY},
        {"1714557600.25", MAY_DAY + 250000000},
        {"0", 0},
        {"10", 10 * SEC},
        {"10m", MAY_DAY - 600 * SEC},
        {"1h30m", MAY_DAY - 5400 * SEC},
        {"-5s", MAY_DAY + 5 * SEC},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        int64_t v = 1;
        struct err *e = timefmt_parse_input(good[i].text, MAY_DAY, &v);
        if (e || v != good[i].nsec)
            fail_msg("'%s' gave %lld", good[i].text, (long long)v);
    }
}

static void input_refuses_the_rest(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",     "yesterday", "2024-05", "2024-05-01T", "1714557600.", "1.2.3", "2024-05-01T25", "99999999999999999999",
        "10 m", "5d"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t v = 42;
        struct err *e = timefmt_parse_input(bad[i], MAY_DAY, &v);
        expect_invalid(e, bad[i]);
        assert_int_equal(v, 42);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(now_is_after_2024),
        cmocka_unit_test(rfc3339_trims_the_fraction),
        cmocka_unit_test_setup(rfc3339_local_has_the_offset, set_zone),
        cmocka_unit_test(unset_times_are_gos_zero),
        cmocka_unit_test(go_time_string),
        cmocka_unit_test(human_duration_like_go_units),
        cmocka_unit_test(parse_rfc3339),
        cmocka_unit_test(parse_rfc3339_refuses_malformed),
        cmocka_unit_test_setup(format_and_parse_agree, set_zone),
        cmocka_unit_test_setup(input_takes_dates_unix_times_and_durations, set_zone),
        cmocka_unit_test(input_refuses_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
