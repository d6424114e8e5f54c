/* Numbers from text.
 *
 * All scanners work the same way: scan_x(&p, …) consumes what it understands and moves p behind it, false leaves p
 * where it was. The public functions insist that p then is at the end. Everything is integer arithmetic with overflow
 * checks, so that large sizes and durations stay exact, where Go's libraries go through float64.
 */
#include "base/number.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

/* Digits of a decimal fraction that are looked at; the rest is below anything we count in. */
#define FRACTION_DIGITS 18

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Read digits of `base` at *s; false when there are none or the value exceeds `max`. */
static bool scan_digits(const char **s, unsigned base, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;
    const char *p = *s;
    for (; *p >= '0' && *p < (char)('0' + base); p++) {
        unsigned digit = (unsigned)(*p - '0');
        if (__builtin_mul_overflow(value, (uint64_t)base, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value) || value > max)
            return false;
    }
    if (p == *s)
        return false;
    *s = p;
    *ret = value;
    return true;
}

struct err *number_parse_u64(const char *s, uint64_t max, uint64_t *ret)
{
    const char *p = s;
    uint64_t value;
    if (!scan_digits(&p, 10, UINT64_MAX, &value) || *p)
        return ERR_NEW(ERR_INVALID, "invalid number '%s'", s);
    if (value > max)
        return ERR_NEW(ERR_INVALID, "number '%s' is above %llu", s, (unsigned long long)max);
    *ret = value;
    return NULL;
}

/* A leading "+" is fine, as for Go's ParseInt: "--oom-score-adj=+500". */
struct err *number_parse_i64(const char *s, int64_t min, int64_t max, int64_t *ret)
{
    const char *p = s;
    bool negative = *p == '-';
    if (*p == '-' || *p == '+')
        p++;
    uint64_t magnitude;
    if (!scan_digits(&p, 10, (uint64_t)INT64_MAX + (negative ? 1 : 0), &magnitude) || *p)
        return ERR_NEW(ERR_INVALID, "invalid number '%s'", s);
    int64_t value = (int64_t)(negative ? -magnitude : magnitude);
    if (value < min || value > max)
        return ERR_NEW(ERR_INVALID, "number '%s' is not between %lld and %lld", s, (long long)min, (long long)max);
    *ret = value;
    return NULL;
}

struct err *number_parse_octal(const char *s, uint32_t max, uint32_t *ret)
{
    const char *p = s;
    uint64_t value;
    if (!scan_digits(&p, 8, max, &value) || *p)
        return ERR_NEW(ERR_INVALID, "invalid octal number '%s'", s);
    *ret = (uint32_t)value;
    return NULL;
}

/* [+-]digits[.digits][e[+-]digits], at least one digit before the exponent. */
static bool is_decimal(const char *s)
{
    s += *s == '+' || *s == '-';
    size_t whole = strspn(s, "0123456789");
    s += whole;
    size_t fraction = 0;
    if (*s == '.') {
        s++;
        fraction = strspn(s, "0123456789");
        s += fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '+' || *s == '-';
        size_t exponent = strspn(s, "0123456789");
        if (exponent == 0)
            return false;
        s += exponent;
    }
    return *s == '\0';
}

struct err *number_parse_double(const char *s, double *ret)
{
    /* The grammar is checked first: strtod alone takes spaces, hex, "inf" and "nan". No program of ours calls
     * setlocale(), so the decimal point is a point. */
    if (!is_decimal(s))
        return ERR_NEW(ERR_INVALID, "invalid number '%s'", s);
    double value = strtod(s, NULL);
    if (__builtin_isinf(value))
        return ERR_NEW(ERR_INVALID, "number '%s' is too large", s);
    *ret = value;
    return NULL;
}

/* A decimal with a fraction, exactly: whole + fraction / scale. "5", "5.", ".5" and "1.25" are decimals, "." is not. */
struct decimal {
    uint64_t whole;
    uint64_t fraction;
    uint64_t scale;
};

static bool scan_decimal(const char **s, struct decimal *ret)
{
    struct decimal d = {.scale = 1};
    const char *p = *s;
    bool any = is_digit(*p);
    if (any && !scan_digits(&p, 10, UINT64_MAX, &d.whole))
        return false;
    if (*p == '.') {
        p++;
        any = any || is_digit(*p);
        for (unsigned n = 0; is_digit(*p); p++, n++) {
            if (n >= FRACTION_DIGITS)
                continue;
            d.fraction = d.fraction * 10 + (uint64_t)(*p - '0');
            d.scale *= 10;
        }
    }
    if (!any)
        return false;
    *s = p;
    *ret = d;
    return true;
}

/* d * unit, rounded down; false above INT64_MAX. */
static bool decimal_times(const struct decimal *d, uint64_t unit, uint64_t *ret)
{
    uint64_t whole;
    if (__builtin_mul_overflow(d->whole, unit, &whole))
        return false;
    uint64_t part = (uint64_t)((unsigned __int128)d->fraction * unit / d->scale);
    return !__builtin_add_overflow(whole, part, ret) && *ret <= INT64_MAX;
}

/* "", "b", "k", "kb", "kib" and so on for m, g, t, p, in any case; 0 for anything else. */
static uint64_t bytes_unit(const char *suffix)
{
    static const char letters[] = "kmgtp";
    if (suffix[0] == '\0' || strcasecmp(suffix, "b") == 0)
        return 1;
    for (unsigned i = 0; letters[i]; i++) {
        if ((suffix[0] | 0x20) != letters[i])
            continue;
        const char *rest = suffix + 1;
        bool known = *rest == '\0' || strcasecmp(rest, "b") == 0 || strcasecmp(rest, "ib") == 0;
        return known ? UINT64_C(1) << (10 * (i + 1)) : 0;
    }
    return 0;
}

/* go-units' RAMInBytes: one space may precede the unit, "b" and "ib" are decoration, units are always powers of 1024.
 */
struct err *number_parse_bytes(const char *s, uint64_t *ret)
{
    const char *p = s;
    struct decimal d;
    if (!scan_decimal(&p, &d))
        return ERR_NEW(ERR_INVALID, "invalid size '%s'", s);
    if (*p == ' ' && p[1])
        p++;
    uint64_t unit = bytes_unit(p);
    if (unit == 0)
        return ERR_NEW(ERR_INVALID, "invalid size '%s': unknown unit '%s'", s, p);
    uint64_t value;
    if (!decimal_times(&d, unit, &value))
        return ERR_NEW(ERR_INVALID, "size '%s' is too large", s);
    *ret = value;
    return NULL;
}

/* Unit at *s in nanoseconds, 0 when there is none. Longer names first where one begins another. */
static uint64_t scan_duration_unit(const char **s)
{
    static const struct {
        const char *name;
        uint64_t nsec;
    } units[] = {
        {"ns", 1},
        {"us", 1000},
        {"\u00b5s", 1000}, /* micro sign */
        {"\u03bcs", 1000}, /* Greek letter mu */
        {"ms", 1000000},
        {"s", UINT64_C(1000000000)},
        {"m", UINT64_C(60) * 1000000000},
        {"h", UINT64_C(3600) * 1000000000},
    };
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        size_t len = strlen(units[i].name);
        if (strncmp(*s, units[i].name, len) == 0) {
            *s += len;
            return units[i].nsec;
        }
    }
    return 0;
}

/* The sum of all "number unit" pairs; false when malformed or above INT64_MAX. */
static bool scan_duration(const char *p, bool bare_seconds, uint64_t *ret_nsec)
{
    uint64_t total = 0;
    bool first = true;
    do {
        struct decimal d;
        if (!scan_decimal(&p, &d))
            return false;
        uint64_t unit = 0;
        if (*p)
            unit = scan_duration_unit(&p);
        else if (first && (bare_seconds || (d.whole == 0 && d.fraction == 0)))
            unit = UINT64_C(1000000000);
        uint64_t part;
        if (unit == 0 || !decimal_times(&d, unit, &part) || __builtin_add_overflow(total, part, &total) ||
            total > INT64_MAX)
            return false;
        first = false;
    } while (*p);
    *ret_nsec = total;
    return true;
}

struct err *number_parse_duration(const char *s, bool bare_seconds, int64_t *ret_nsec)
{
    const char *p = s;
    bool negative = *p == '-';
    if (*p == '-' || *p == '+')
        p++;
    uint64_t nsec;
    if (!scan_duration(p, bare_seconds, &nsec))
        return ERR_NEW(ERR_INVALID, "invalid duration '%s'", s);
    *ret_nsec = negative ? -(int64_t)nsec : (int64_t)nsec;
    return NULL;
}
