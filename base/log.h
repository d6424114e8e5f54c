/* Log lines on stderr, in logrus' text form as Podman's are. The level is the only global state of the tree.
 * Libraries log at debug only; what a user should read is returned as an error or a notice. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, LOG_LEVEL_TRACE };

/* Initially LOG_LEVEL_WARN. On terminals, times count from the first call. */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);
/* "panic"…"trace", as Podman's --log-level. ERR_INVALID. */
struct err *log_parse_level(const char *name, enum log_level *ret) ERR_RESULT;
/* One line to stderr, if the level is enabled; cut after 4 KiB; a trailing newline is dropped. Does not allocate, keeps
 * errno. */
void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...)                               \
    do {                                             \
        if (log_enabled(LOG_LEVEL_DEBUG))            \
            log_write(LOG_LEVEL_DEBUG, __VA_ARGS__); \
    } while (0)
