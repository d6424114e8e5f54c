/* Points in time as text. Formats are spelled out rather than given to strftime(), which asks the locale. */
#include "base/timefmt.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NSEC_PER_SEC INT64_C(1000000000)

int64_t timefmt_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail with these arguments */
    return (int64_t)now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

/* Calendar fields and the nanosecond within the second; times before 1970 round down. */
static struct tm split(int64_t nsec, bool local, int *ret_fraction)
{
    time_t sec = (time_t)(nsec / NSEC_PER_SEC);
    int fraction = (int)(nsec % NSEC_PER_SEC);
    if (fraction < 0) {
        fraction += (int)NSEC_PER_SEC;
        sec--;
    }
    struct tm tm = {0};
    if (!(local ? localtime_r(&sec, &tm) : gmtime_r(&sec, &tm)))
        (void)gmtime_r(&sec, &tm);
    *ret_fraction = fraction;
    return tm;
}

/* Go's ".999999999": as many digits as it takes, nothing for a whole second. */
static void put_fraction(char out[12], int fraction)
{
    out[0] = '\0';
    if (fraction == 0)
        return;
    int len = snprintf(out, 12, ".%09d", fraction);
    while (out[len - 1] == '0')
        out[--len] = '\0';
}

/* An offset of zero is "Z" also in local time, as Go's "Z07:00" has it. */
struct timefmt_text timefmt_rfc3339(int64_t nsec, int local)
{
    struct timefmt_text text;
    int fraction;
    struct tm tm = split(nsec, local, &fraction);
    char decimals[12];
    put_fraction(decimals, fraction);
    char zone[16] = "Z";
    if (local && tm.tm_gmtoff) {
        long minutes = tm.tm_gmtoff / 60;
        char sign = minutes < 0 ? '-' : '+';
        minutes = minutes < 0 ? -minutes : minutes;
        (void)snprintf(zone, sizeof(zone), "%c%02d:%02d", sign, (int)(minutes / 60 % 100), (int)(minutes % 60));
    }
    (void)snprintf(text.s, sizeof(text.s), "%04d-%02d-%02dT%02d:%02d:%02d%s%s", tm.tm_year + 1900, tm.tm_mon + 1,
                   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, decimals, zone);
    return text;
}

struct timefmt_text timefmt_rfc3339_or_zero(int64_t nsec, int local)
{
    if (nsec)
        return timefmt_rfc3339(nsec, local);
    return (struct timefmt_text){TIMEFMT_ZERO};
}

struct timefmt_text timefmt_go(int64_t nsec)
{
    struct timefmt_text text;
    int fraction;
    struct tm tm = split(nsec, false, &fraction);
    char decimals[12];
    put_fraction(decimals, fraction);
    (void)snprintf(text.s, sizeof(text.s), "%04d-%02d-%02d %02d:%02d:%02d%s +0000 UTC", tm.tm_year + 1900,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, decimals);
    return text;
}

static struct timefmt_text count_of(int64_t count, const char *unit)
{
    struct timefmt_text text;
    (void)snprintf(text.s, sizeof(text.s), "%lld %s", (long long)count, unit);
    return text;
}

struct timefmt_text timefmt_human_duration(int64_t nsec)
{
    /* The thresholds and roundings are go-units': hours are rounded to the nearest, everything else down. */
    int64_t seconds = nsec / NSEC_PER_SEC;
    int64_t minutes = seconds / 60;
    int64_t hours = (seconds + 1800) / 3600;
    const int64_t day = 24, week = 7 * day, month = 30 * day, year = 365 * day; /* in hours */
    if (seconds < 1)
        return (struct timefmt_text){"Less than a second"};
    if (seconds == 1)
        return (struct timefmt_text){"1 second"};
    if (seconds < 60)
        return count_of(seconds, "seconds");
    if (minutes == 1)
        return (struct timefmt_text){"About a minute"};
    if (minutes < 60)
        return count_of(minutes, "minutes");
    if (hours == 1)
        return (struct timefmt_text){"About an hour"};
    if (hours < 48)
        return count_of(hours, "hours");
    if (hours < week * 2)
        return count_of(hours / day, "days");
    if (hours < month * 2)
        return count_of(hours / week, "weeks");
    if (hours < year * 2)
        return count_of(hours / month, "months");
    return count_of(seconds / 3600 / year, "years");
}
