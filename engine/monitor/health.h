/* Health checks: the command of a check is run in the container every so often, and what comes of it decides what
 * listings show and, if that was asked for, what happens to the container.
 *
 * The monitor's own timers; a probe is an exec of the runtime, whose process object lies in the private directory. As
 * Podman: the first probe at the start, each next one an interval after the end of the one before; failures within the
 * start period don't count; a startup check, where there is one, goes before the regular one. The last results are in
 * <container_dir>/health or the plan's log_file, as JSON that `inspect` shows; the status alone is in the lock file as
 * well.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "engine/monitor/plan.h"
#include "engine/monitor/protocol.h"

struct health;
struct job;
struct peer;
struct server;

#define HEALTH_FILE "health" /* in the container's directory */
/* Process objects of the two checks, in the private directory. */
#define HEALTH_PROCESS "health-process.json"
#define HEALTH_STARTUP_PROCESS "startup-process.json"
#define HEALTH_JOB "health" /* no exec session's id: those are hex */

/* A run has begun; it is over. */
void health_start(struct server *s);
void health_stop(struct server *s);
/* The plan's checks have changed. */
void health_changed(struct server *s);
/* `healthcheck run`: probe now, and tell the peer. ERR_NOT_FOUND: there is no check. */
struct err *health_ask(struct peer *p) ERR_RESULT;
/* Of the probe's job: what it writes, that it could not be started, that it is done. */
void health_output(struct server *s, const char *data, size_t len);
void health_failed(struct server *s, struct err *take_e);
void health_ended(struct server *s, const struct job *j);
void health_free(struct server *s);

/* What results make of the status. Computes only. */
struct health_count {
    uint32_t status; /* enum monitor_health */
    uint32_t streak; /* of failures */
    uint32_t startup_successes, startup_failures;
    bool startup_done;
};
enum health_verdict { HEALTH_GO_ON, HEALTH_ACT, HEALTH_RESTART };
enum health_verdict health_judge(const struct plan_health *plan, struct health_count *count, bool ok,
                                 int64_t since_start_nsec);
