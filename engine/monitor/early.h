/* The OCI runtime, started before its config.json is there.
 *
 * A runtime spends more than a millisecond on loading its libraries. So the first one is started as soon as its command
 * line is known (MONITOR_EARLY, else the plan), with a FIFO for a config.json: it waits in read(2) while the client
 * works the plan out, the root is mounted and the document is generated. Whoever opens config.json later (crun does, a
 * second time) finds the regular file.
 */
#pragma once

#include "base/err.h"
#include "engine/monitor/server.h"

/* Start it, where that is known to work. Never fails: without it the start is an ordinary one. */
void early_start(struct server *s);
/* config.json is complete: MONITOR_CONFIG gets its name, and the early runtime what it waits for. When it turns out to
 * be of no use it is killed; start_asked says then that an ordinary start follows its end. */
struct err *early_finish(struct server *s) ERR_RESULT;
/* It was reaped before it was of use. */
struct err *early_ended(struct server *s) ERR_RESULT;
