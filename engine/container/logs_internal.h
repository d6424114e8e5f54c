/* What the sources of `logs` share: logs.c puts records out, logs_file.c reads the monitor's files, logs_journal.c asks
 * journald. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/container/container.h"
#include "engine/monitor/client.h"

/* Output: prefixes and the time window are applied here. Zero but for opts and c. */
struct logs_sink {
    const struct logs_opts *opts;
    const struct container *c;
    bool past_until;  /* a record was at or after --until: there is no more to come */
    bool mid_line[2]; /* a partial record was the last of this stream */
    struct strbuf out[2];
    char seconds[20];          /* of the last record with a time, as it had it … */
    struct timefmt_text local; /* … and as it is printed, but for the fraction */
};

struct logs_record {
    int64_t nsec;     /* 0: unknown (a damaged line), which is always shown */
    const char *time; /* as it is printed */
    const char *text;
    size_t time_len, text_len;
    bool is_err, partial; /* partial: the line goes on in the next record of the same stream */
};

void logs_sink_done(struct logs_sink *s);
struct err *logs_put(struct logs_sink *s, const struct logs_record *rec) ERR_RESULT;
struct err *logs_flush(struct logs_sink *s) ERR_RESULT;

/* A connection that the monitor answers at the container's end; *ret is NULL when nothing runs. */
struct err *logs_watch_end(struct engine *e, const struct container *c, struct monitor **ret) ERR_RESULT;
/* Until --until, for poll(2); -1: for ever. */
int logs_until_msec(const struct logs_opts *opts);

struct err *logs_file(struct engine *e, struct logs_sink *sink) ERR_RESULT;
struct err *logs_journal(struct engine *e, struct logs_sink *sink) ERR_RESULT;
