/* The container's life: first start, stop, restart, end. */
#pragma once

#include "engine/monitor/launch.h"
#include "engine/monitor/server.h"

/* MONITOR_START, or the next run after a back-off. */
struct err *life_start(struct server *s) ERR_RESULT;
/* The runtime has made the container's process (and job_started() was called). */
struct err *life_started(struct server *s) ERR_RESULT;
/* MONITOR_GO: have the runtime start what it has only created. ERR_STATE when there is no such thing. */
struct err *life_go(struct server *s) ERR_RESULT;
/* ... it did so, or could not: then the container ends. */
struct err *life_gone_on(struct server *s) ERR_RESULT;
struct err *life_go_failed(struct server *s, struct err *take_e) ERR_RESULT;
/* A run could not be started. */
struct err *life_start_failed(struct server *s, struct err *take_e) ERR_RESULT;
/* The container's process was reaped, ... */
void life_process_ended(struct server *s);
/* ... and its streams are done. */
void life_job_closed(struct server *s, struct job *j);
/* Stop it as life_stop() does and start it again in the same root; who waits for that (waiting_start) is told.
 * ERR_STATE, ERR_UNSUPPORTED when descriptors that came with the first start would be missing. */
struct err *life_restart(struct server *s, const struct monitor_stop *request) ERR_RESULT;
/* Stop it: signal, then SIGKILL. What a restarting or ended container does about it comes of itself. */
struct err *life_stop(struct server *s, const struct monitor_stop *stop) ERR_RESULT;
/* A signal from a user; one that is meant to end it keeps the restart policy from acting. */
struct err *life_kill(struct server *s, int sig) ERR_RESULT;
/* SIGTERM to ourselves: end the container as stop does. */
struct err *life_terminate(struct server *s) ERR_RESULT;
/* A peer has gone, a child was reaped, an exit was recorded: maybe that was the last thing to wait for. */
void life_check_end(struct server *s);
/* Something unusual was done: give memory back when it has been quiet for a second. */
void life_trim_later(struct server *s);
void life_publish(struct server *s, enum monitor_phase phase);
/* Decides by policy whether a run that ended so is followed by another. Computes only. */
bool life_wants_restart(const struct monitor_plan *plan, const struct monitor_exit *exit, bool by_user);

/* reap.c */
struct err *reap_children(struct server *s) ERR_RESULT;
/* No children left but the session's holder and the network's. */
bool reap_is_alone(const struct server *s);
/* Was `pid` reaped before it was known? */
bool reap_was_orphan(struct server *s, pid_t pid, int *ret_status);
/* A child of ours that is none of the container's: a runtime, the session's holder, the network's. */
bool reap_is_helper(const struct server *s, pid_t pid);
/* SIGKILL to every child that is neither a runtime of ours, nor the session's holder, nor the network's: what a
 * container without a pid namespace leaves. */
void reap_kill_rest(struct server *s);
