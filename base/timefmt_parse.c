/* Points in time from text. scan_x(&s, …) consumes what it understands and moves s behind it. Years 0000 to 9999 of the
 * proleptic Gregorian calendar are read, as by Go's time.Parse(). */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "base/number.h"
#include "base/timefmt.h"

#define NSEC_PER_SEC INT64_C(1000000000)

/* What a text says, before it becomes a point in time. */
struct stamp {
    int year, month, day; /* month and day from 1 */
    int hour, minute, second;
    int nsec;
    bool has_zone;
    bool has_seconds;
    int offset_sec; /* east of UTC */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Exactly `count` digits, at most `max`. */
static bool scan_field(const char **s, int count, int max, int *ret)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (!is_digit((*s)[i]))
            return false;
        value = value * 10 + ((*s)[i] - '0');
    }
    if (value > max)
        return false;
    *s += count;
    *ret = value;
    return true;
}

static bool scan_char(const char **s, char c)
{
    if (**s != c)
        return false;
    (*s)++;
    return true;
}

/* ".digits", any number of them; nanoseconds, rounded down. No fraction is fine. */
static bool scan_fraction(const char **s, int *ret_nsec)
{
    if (!scan_char(s, '.'))
        return true;
    int nsec = 0, digits = 0;
    for (; is_digit(**s); (*s)++, digits++)
        if (digits < 9)
            nsec = nsec * 10 + (**s - '0');
    if (digits == 0)
        return false;
    for (; digits < 9; digits++)
        nsec *= 10;
    *ret_nsec = nsec;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool scan_date(const char **s, struct stamp *st)
{
    return scan_field(s, 4, 9999, &st->year) && scan_char(s, '-') && scan_field(s, 2, 12, &st->month) &&
           st->month >= 1 && scan_char(s, '-') && scan_field(s, 2, days_in_month(st->year, st->month), &st->day) &&
           st->day >= 1;
}

/* hh[:mm[:ss[.fraction]]]; leap seconds do not exist for Go either. */
static bool scan_clock(const char **s, struct stamp *st)
{
    if (!scan_field(s, 2, 23, &st->hour))
        return false;
    if (!scan_char(s, ':'))
        return true;
    if (!scan_field(s, 2, 59, &st->minute))
        return false;
    if (!scan_char(s, ':'))
        return true;
    st->has_seconds = true;
    return scan_field(s, 2, 59, &st->second) && scan_fraction(s, &st->nsec);
}

/* Z, +hh:mm, -hh:mm, or nothing. */
static bool scan_zone(const char **s, struct stamp *st)
{
    st->has_zone = **s != '\0';
    if (!st->has_zone || scan_char(s, 'Z'))
        return true;
    int sign = **s == '-' ? -1 : 1;
    if (!scan_char(s, '+') && !scan_char(s, '-'))
        return false;
    int hours, minutes;
    if (!scan_field(s, 2, 24, &hours) || !scan_char(s, ':') || !scan_field(s, 2, 59, &minutes))
        return false;
    st->offset_sec = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* A date with or without time and zone, to the end of the string. */
static bool scan_stamp(const char *s, struct stamp *ret)
{
    struct stamp st = {0};
    if (!scan_date(&s, &st) || (scan_char(&s, 'T') && !scan_clock(&s, &st)) || !scan_zone(&s, &st) || *s)
        return false;
    *ret = st;
    return true;
}

/* Days from 1970-01-01 in the Gregorian calendar; Howard Hinnant's days_from_civil. Years begin in March, so that the
 * leap day is the last of its year. */
static int64_t days_since_epoch(int year, int month, int day)
{
    int y = month <= 2 ? year - 1 : year;
    int era = (y >= 0 ? y : y - 399) / 400;
    int year_of_era = y - era * 400;
    int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)era * 146097 + day_of_era - 719468;
}

/* Saturates: int64_t nanoseconds reach from 1677 to 2262, documents may name any year. */
static int64_t nsec_of(int64_t sec, int nsec)
{
    int64_t value;
    if (__builtin_mul_overflow(sec, NSEC_PER_SEC, &value) || __builtin_add_overflow(value, (int64_t)nsec, &value))
        return sec < 0 ? INT64_MIN : INT64_MAX;
    return value;
}

static int64_t stamp_nsec(const struct stamp *st)
{
    if (st->has_zone) {
        int64_t sec = days_since_epoch(st->year, st->month, st->day) * 86400 +
                      (st->hour * INT64_C(60) + st->minute) * 60 + st->second - st->offset_sec;
        return nsec_of(sec, st->nsec);
    }
    /* Local time. In the hour that is skipped or doubled by daylight saving, mktime() picks one. */
    struct tm tm = {
        .tm_year = st->year - 1900,
        .tm_mon = st->month - 1,
        .tm_mday = st->day,
        .tm_hour = st->hour,
        .tm_min = st->minute,
        .tm_sec = st->second,
        .tm_isdst = -1,
    };
    return nsec_of((int64_t)mktime(&tm), st->nsec);
}

struct err *timefmt_parse_rfc3339(const char *s, int64_t *ret_nsec)
{
    struct stamp st;
    if (!scan_stamp(s, &st) || !st.has_seconds || !st.has_zone)
        return ERR_NEW(ERR_INVALID, "invalid time '%s'", s);
    *ret_nsec = strcmp(s, TIMEFMT_ZERO) == 0 ? 0 : stamp_nsec(&st);
    return NULL;
}

/* Unix time, "1714557600" or "1714557600.25". */
static bool scan_unix(const char *s, int64_t *ret_nsec)
{
    int64_t sec = 0;
    if (!is_digit(*s))
        return false;
    for (; is_digit(*s); s++)
        if (__builtin_mul_overflow(sec, 10, &sec) || __builtin_add_overflow(sec, *s - '0', &sec))
            return false;
    int nsec = 0;
    if (!scan_fraction(&s, &nsec) || *s)
        return false;
    *ret_nsec = nsec_of(sec, nsec);
    return true;
}

/* The order matters: "2024" alone is unix time, "2024-05-01" a date; only durations have units. */
struct err *timefmt_parse_input(const char *s, int64_t now_nsec, int64_t *ret_nsec)
{
    struct stamp st;
    if (scan_stamp(s, &st)) {
        *ret_nsec = stamp_nsec(&st);
        return NULL;
    }
    if (scan_unix(s, ret_nsec))
        return NULL;
    int64_t ago_nsec;
    AUTO_ERR struct err *e = number_parse_duration(s, false, &ago_nsec);
    if (e || __builtin_sub_overflow(now_nsec, ago_nsec, ret_nsec))
        return ERR_NEW(ERR_INVALID, "invalid time '%s': neither a date, unix time nor duration", s);
    return NULL;
}
