/* The container's log: what its processes write, line by line, with the time and the stream it came from.
 *
 * k8s-file (json-file is another name for it, as in Podman): the CRI format,
 *     2024-05-01T10:00:00.123456789+00:00 stdout F text of a line
 *     2024-05-01T10:00:00.123456789+00:00 stderr P text without its line break yet
 * in UTC. A "P" line goes on in the next line of the same stream. At max_bytes the file becomes <path>.1, replacing an
 * older one, and a new one is begun; readers that follow see another inode under the name.
 * journald: one entry for each line, with the fields that Podman's have, over journald's native protocol
 * (systemd.io/JOURNAL_NATIVE_PROTOCOL). none and passthrough: nothing.
 *
 * A log that cannot be written (full disk) loses lines, but never stops a container.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "engine/monitor/plan.h"

enum ctlog_stream { CTLOG_STDOUT, CTLOG_STDERR };

struct ctlog;
/* ERR_UNSUPPORTED where journald isn't there. */
struct err *ctlog_open(const struct monitor_plan *plan, struct ctlog **ret) ERR_RESULT;
void ctlog_close(struct ctlog *log);
/* The bytes of one read. Never blocks for long, never fails. */
void ctlog_write(struct ctlog *log, enum ctlog_stream stream, const char *data, size_t len);
/* Begin a new file now, whatever its size. ERR_UNSUPPORTED for what is no file. */
struct err *ctlog_rotate(struct ctlog *log) ERR_RESULT;
/* errno of the last line that was lost; 0: none. */
int ctlog_lost(const struct ctlog *log);
