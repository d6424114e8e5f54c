/* Numbers as text for people, in the forms that Go programs print. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"

/* Podman's `images` puts a space into go-units' HumanSizeWithPrecision(size, 3). Its "%.3g" makes "1e+03 kB" of sizes
 * that round up to 1000 of a unit; kept, so that scripts see the same text. */
struct number_text number_human_bytes(uint64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    struct number_text text;
    double size = (double)bytes;
    size_t unit = 0;
    while (size >= 1000 && unit < ARRAY_LEN(units) - 1) {
        size /= 1000;
        unit++;
    }
    (void)snprintf(text.s, sizeof(text.s), "%.3g %s", size, units[unit]);
    return text;
}

struct number_text number_packed_bytes(uint64_t bytes)
{
    struct number_text text = number_human_bytes(bytes);
    char *blank = strchr(text.s, ' ');
    memmove(blank, blank + 1, strlen(blank));
    return text;
}

/* "value / unit" with as many decimals as it takes, then the suffix. `digits` is log10(unit). */
static size_t put_fraction(char *out, size_t cap, uint64_t value, uint64_t unit, int digits, const char *suffix)
{
    int n = snprintf(out, cap, "%llu", (unsigned long long)(value / unit));
    size_t len = (size_t)n;
    if (value % unit) {
        n = snprintf(out + len, cap - len, ".%0*llu", digits, (unsigned long long)(value % unit));
        len += (size_t)n;
        while (out[len - 1] == '0')
            len--;
    }
    n = snprintf(out + len, cap - len, "%s", suffix);
    return len + (size_t)n;
}

struct number_text number_duration(int64_t nsec)
{
    const uint64_t sec = UINT64_C(1000000000);
    struct number_text text;
    char *s = text.s;
    size_t cap = sizeof(text.s), len = 0;
    uint64_t value = nsec < 0 ? -(uint64_t)nsec : (uint64_t)nsec;

    if (nsec < 0)
        s[len++] = '-';
    if (value == 0) {
        (void)snprintf(s, cap, "0s");
    } else if (value < 1000) {
        put_fraction(s + len, cap - len, value, 1, 0, "ns");
    } else if (value < 1000000) {
        put_fraction(s + len, cap - len, value, 1000, 3, "\u00b5s");
    } else if (value < sec) {
        put_fraction(s + len, cap - len, value, 1000000, 6, "ms");
    } else {
        /* Once there are hours, minutes are always shown; once minutes, seconds always: "1h0m0s". */
        uint64_t hours = value / sec / 3600, minutes = value / sec / 60 % 60;
        if (hours)
            len += put_fraction(s + len, cap - len, hours, 1, 0, "h");
        if (hours || minutes)
            len += put_fraction(s + len, cap - len, minutes, 1, 0, "m");
        put_fraction(s + len, cap - len, value % (60 * sec), sec, 9, "s");
    }
    return text;
}
