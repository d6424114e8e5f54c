/* The exit record: <container_dir>/exit, what the last run left, until a command has put it into the store.
 *
 * Text, one "key=value" per line, so that a person can read it: exit_code, started_nsec, finished_nsec, oom,
 * restart_count, by_user, timed_out, error. Appears by rename. Unknown keys are skipped.
 */
#pragma once

#include "base/err.h"
#include "engine/monitor/protocol.h"

#define RECORD_FILE "exit"

/* `error` may be NULL: why a restart failed. */
struct err *record_write(const char *container_dir, const struct monitor_exit *exit, const char *error) ERR_RESULT;
/* ERR_NOT_FOUND: none. *ret_error (may be NULL) is heap text or NULL. */
struct err *record_read(const char *container_dir, struct monitor_exit *ret, char **ret_error) ERR_RESULT;
struct err *record_remove(const char *container_dir) ERR_RESULT;
