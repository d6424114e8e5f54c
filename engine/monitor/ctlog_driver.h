/* A log driver. Private to ctlog*.c. */
#pragma once

#include <sys/uio.h>

#include "engine/monitor/ctlog.h"

struct ctlog_driver {
    const char *name;
    struct err *(*open)(struct ctlog *log, const struct monitor_plan *plan);
    /* One line, without its line break; `partial`: it had none. 0 or an errno. */
    int (*line)(struct ctlog *log, enum ctlog_stream stream, bool partial, const char *text, size_t len);
    int (*flush)(struct ctlog *log); /* the end of a read; or NULL */
    struct err *(*rotate)(struct ctlog *log);
};

#define CTLOG_BATCH 96 /* pieces written at once: header, text and line break of 32 lines */
#define CTLOG_STAMP 48

struct ctlog {
    const struct ctlog_driver *driver;
    int fd;
    int lost;
    /* file */
    char *path;
    uint64_t size_bytes, max_bytes;
    int64_t stamp_sec; /* that `stamp` was made for */
    char stamp[CTLOG_STAMP];
    size_t stamp_len;
    struct iovec batch[CTLOG_BATCH];
    size_t n_batch, batch_bytes;
    char heads[4][CTLOG_STAMP + 16]; /* by stream and fullness, of this read */
    size_t head_len;
    /* journald */
    char *fields; /* those that are the same in each entry */
};

struct err *ctlog_file_open(struct ctlog *log, const struct monitor_plan *plan) ERR_RESULT;
int ctlog_file_line(struct ctlog *log, enum ctlog_stream stream, bool partial, const char *text, size_t len);
int ctlog_file_flush(struct ctlog *log);
struct err *ctlog_file_rotate(struct ctlog *log) ERR_RESULT;
struct err *ctlog_journald_open(struct ctlog *log, const struct monitor_plan *plan) ERR_RESULT;
int ctlog_journald_line(struct ctlog *log, enum ctlog_stream stream, bool partial, const char *text, size_t len);
