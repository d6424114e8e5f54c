/* What the monitor tells whoever reads events: restarts, health and exec, which no command is there to write down.
 *
 * Lines are appended to <root>/events.pending under a shared flock(2), until a reader has taken them into the store
 * (engine/container/events.c); nobody reading for long, the file stops growing. Losing a line harms nobody.
 */
#pragma once

#include <stddef.h>

struct server;

#define REPORT_FILE "events.pending"
#define REPORT_BYTES_MAX ((size_t)1 << 20)
#define REPORT_LOG_MAX 1500
#define REPORT_LINE_MAX 4096

/* `words`: "restart", "died exit=1". */
void report_event(const struct server *s, const char *words);
/* What a check said: of its output the first REPORT_LOG_MAX bytes, in hexadecimal digits. */
struct report_health {
    const char *status;
    unsigned failing_streak;
    const char *log; /* NULL: not told, and neither is the streak */
};
void report_health(const struct server *s, const struct report_health *h);
/* The same with an exit code. */
void report_end(const struct server *s, const char *action, int exit_code);
