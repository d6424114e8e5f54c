/* Points in time as nanoseconds since the epoch (int64_t, `_nsec`), and the forms Go programs print them in. */
#pragma once

#include <stdint.h>

#include "base/err.h"

/* Go's zero time.Time: what its programs print for "never". */
#define TIMEFMT_ZERO "0001-01-01T00:00:00Z"

struct timefmt_text {
    char s[64];
};
int64_t timefmt_now(void);
/* RFC 3339 with nanoseconds, as encoding/json prints ("2024-05-01T10:00:00.123456789Z"); local offset when `local`. */
struct timefmt_text timefmt_rfc3339(int64_t nsec, int local);
/* The same, but 0 is TIMEFMT_ZERO: for fields that may be unset (StartedAt …), not for those where 1970 is a date. */
struct timefmt_text timefmt_rfc3339_or_zero(int64_t nsec, int local);
/* Go's Time.String(): "2024-05-01 10:00:00.123456789 +0000 UTC". */
struct timefmt_text timefmt_go(int64_t nsec);
/* "2 minutes ago" without the "ago": go-units' HumanDuration. */
struct timefmt_text timefmt_human_duration(int64_t nsec);
/* Parse RFC 3339 as Go does; TIMEFMT_ZERO gives 0. What is outside int64_t (before 1677, after 2262) saturates. */
struct err *timefmt_parse_rfc3339(const char *s, int64_t *ret_nsec) ERR_RESULT;
/* What --since and --until take: RFC 3339, dates, unix seconds[.fraction], Go durations meaning "ago". Without
 * a zone it is local time. */
struct err *timefmt_parse_input(const char *s, int64_t now_nsec, int64_t *ret_nsec) ERR_RESULT;
