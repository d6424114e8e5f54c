/* The last results of a container's health checks, as the JSON that `inspect` shows. Computes only. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/strv.h"

/* What "no limit" comes to: the monitor keeps it all in memory, and writes it anew after each result. */
#define HEALTH_LOG_BYTES_MAX ((size_t)1 << 20)
#define HEALTH_OUTPUT_BYTES_MAX ((size_t)64 << 10)

struct health_result {
    int64_t started_nsec, finished_nsec;
    int32_t exit_code; /* -1: it took too long, or could not be run */
    const char *output;
    size_t output_len;
};

struct health_log {
    struct strv results; /* each an object as text, oldest first */
    size_t bytes;        /* of all of them */
};
void health_log_done(struct health_log *l);

/* One more; the oldest go when there are more than `max` (0: any number) or than HEALTH_LOG_BYTES_MAX holds. */
struct err *health_log_add(struct health_log *l, const struct health_result *r, uint32_t max) ERR_RESULT;
/* The list, or null where there is none. */
struct err *health_log_put(const struct health_log *l, struct strbuf *sb) ERR_RESULT;
