/* stop, kill, pause, restart: requests to the monitor. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/container/internal.h"
#include "engine/engine.h"
#include "engine/monitor/client.h"

#define NSEC_PER_SEC INT64_C(1000000000)

static struct err *not_running(const struct container *c, const char *verb)
{
    return ERR_NEW(ERR_STATE, "can only %s running containers. %s is in state %s: container state improper", verb,
                   c->id, container_state_name(c->state));
}

/* ERR_STATE in Podman's words when it isn't running. */
static struct err *connect_running(struct engine *e, struct container *c, const char *verb, struct monitor **ret)
{
    struct err *err = monitor_connect(engine_run_dir(e), c->id, ret);
    if (err && err_kind(err) == ERR_STATE) {
        err_drop(err);
        return not_running(c, verb);
    }
    return err;
}

/* `--rm` containers remove themselves after their end; what a plain one left is recorded by whoever looks next. The
 * user's wish to stop is a fact of its own: unless-stopped depends on it. */
static struct err *note_stopped(struct engine *e, const struct container *c)
{
    struct store *s = engine_store(e);
    AUTO_TX struct store_tx_guard tx = {s};
    struct store_stmt *st;
    TRY(store_begin(s, STORE_WRITE, false));
    TRY(store_prepare(s, "UPDATE containers SET stopped_by_user = 1 WHERE id = ?1", &st));
    TRY(store_bind(st, "t", c->id));
    TRY(store_run(st));
    TRY(container_event(e, c, "stop"));
    return store_commit(s);
}

void container_note_exit(struct container *c, const struct monitor_exit *x)
{
    container_take_exit(c, x);
    c->state = CT_EXITED;
    c->host_pid = 0;
}

/* The monitor answers, then clears up: the next start must not meet its lock. */
static struct err *wait_until_gone(struct engine *e, const struct container *c)
{
    struct monitor_state st;
    for (unsigned wait_usec = 200; wait_usec < 4000000; wait_usec *= 2) {
        TRY(monitor_peek(engine_run_dir(e), c->id, &st));
        if (st.phase == MONITOR_PHASE_NONE)
            return NULL;
        usleep(wait_usec);
    }
    return ERR_NEW(ERR_TIMEOUT, "container %s: its monitor does not end", c->name);
}

/* *ret_m: its monitor, which has been asked; its answer is for stop_end(). */
static struct err *stop_begin(struct engine *e, struct container *c, int64_t timeout_sec, bool even_paused,
                              struct monitor **ret_m)
{
    struct monitor *m;
    if (c->state == CT_PAUSED && !even_paused)
        return ERR_NEW(ERR_STATE,
                       "can only stop created or running containers. %s is in state paused: container state "
                       "improper",
                       c->id);
    TRY(connect_running(e, c, "stop", &m));
    struct err *err = note_stopped(e, c);
    if (!err)
        err = monitor_begin_stop(m, 0, timeout_sec < 0 ? -1 : timeout_sec * NSEC_PER_SEC);
    if (err && err_kind(err) == ERR_NETWORK) { /* it is gone, as stop_end() will find */
        err_drop(err);
        err = NULL;
    }
    if (err) {
        monitor_free(m);
        return err;
    }
    *ret_m = m;
    return NULL;
}

static struct err *stop_end(struct engine *e, struct container *c, struct monitor *take_m)
{
    struct monitor_exit x;
    struct err *err = monitor_end_stop(take_m, &x);
    monitor_free(take_m);
    if (err && err_kind(err) == ERR_NETWORK) { /* it was on its way out: killed, or its client was before the start */
        err_drop(err);
        TRY(wait_until_gone(e, c));
        return container_observe(e, c);
    }
    TRY_WRAP(err, "stop container %s", c->name);
    container_note_exit(c, &x);
    return NULL;
}

struct err *container_stop_any(struct engine *e, struct container *c, int64_t timeout_sec, bool even_paused)
{
    struct monitor *m;
    TRY(stop_begin(e, c, timeout_sec, even_paused, &m));
    return stop_end(e, c, m);
}

/* All of them are asked before the first is waited for. */
struct err *container_stop_all(struct engine *e, struct container *const *list, size_t n, int64_t timeout_sec,
                               bool even_paused)
{
    AUTO_FREE struct monitor **asked = mem_zalloc((n + 1) * sizeof(struct monitor *));
    struct err *all = asked ? NULL : err_oom();
    for (size_t i = 0; asked && i < n; i++) {
        struct err *err = stop_begin(e, list[i], timeout_sec, even_paused, &asked[i]);
        bool over = err && err_kind(err) == ERR_STATE && list[i]->state != CT_PAUSED;
        if (over) { /* it has stopped meanwhile */
            err_drop(err);
            err = NULL;
        }
        all = err_both(all, err);
    }
    for (size_t i = 0; asked && i < n; i++)
        if (asked[i])
            all = err_both(all, stop_end(e, list[i], asked[i]));
    return all;
}

struct err *container_stop(struct engine *e, struct container *c, int64_t timeout_sec)
{
    return container_stop_any(e, c, timeout_sec, false);
}

struct err *container_kill(struct engine *e, struct container *c, int sig)
{
    struct monitor *m;
    if (c->state == CT_INITIALIZED)
        return not_running(c, "kill");
    TRY(connect_running(e, c, "kill", &m));
    struct err *err = monitor_kill(m, sig);
    monitor_free(m);
    TRY_WRAP(err, "kill container %s", c->name);
    return container_event_alone(e, c, "kill");
}

static struct err *set_paused(struct engine *e, struct container *c, bool on)
{
    struct monitor *m;
    bool signals = false;
    TRY(connect_running(e, c, on ? "pause" : "unpause", &m));
    struct err *err = monitor_pause(m, on, &signals);
    monitor_free(m);
    TRY(err);
    c->state = on ? CT_PAUSED : CT_RUNNING;
    if (signals)
        TRY(engine_notice(e,
                          "there is no cgroup of its own to freeze for container %s: its processes were stopped with "
                          "SIGSTOP",
                          c->name));
    return container_event_alone(e, c, on ? "pause" : "unpause");
}

struct err *container_pause(struct engine *e, struct container *c)
{
    if (c->state == CT_PAUSED)
        return ERR_NEW(ERR_STATE, "\"%s\" is already paused: container state improper", c->id);
    if (c->state != CT_RUNNING)
        return ERR_NEW(ERR_STATE, "\"%s\" is not running, can't pause: container state improper",
                       container_state_name(c->state));
    return set_paused(e, c, true);
}

struct err *container_unpause(struct engine *e, struct container *c)
{
    if (c->state != CT_PAUSED)
        return ERR_NEW(ERR_STATE, "\"%s\" is not paused, can't unpause: container state improper", c->id);
    return set_paused(e, c, false);
}

/* Stopping it would remove it, so its monitor stops and starts it without letting go. */
static struct err *restart_in_place(struct engine *e, struct container *c, int64_t timeout_sec)
{
    struct monitor *m;
    struct monitor_started started;
    TRY(connect_running(e, c, "restart", &m));
    struct err *err = monitor_restart(m, timeout_sec < 0 ? -1 : timeout_sec * NSEC_PER_SEC, &started);
    monitor_free(m);
    TRY_WRAP(err, "restart container %s", c->name);
    TRY(container_event_alone(e, c, "restart"));
    c->started_nsec = started.started_nsec;
    c->host_pid = started.host_pid;
    return NULL;
}

struct err *container_restart(struct engine *e, struct container *c, int64_t timeout_sec)
{
    const struct container_start_opts opts = {.attach = false};
    if (c->state == CT_PAUSED)
        return ERR_NEW(ERR_STATE,
                       "unable to restart a container in a paused or unknown state: container state improper");
    if (c->auto_remove && c->state == CT_RUNNING)
        return restart_in_place(e, c, timeout_sec);
    if (c->state == CT_RUNNING || c->state == CT_STOPPING) {
        struct err *err = container_stop(e, c, timeout_sec);
        if (err && err_kind(err) != ERR_STATE)
            return err;
        err_drop(err);
        TRY(wait_until_gone(e, c));
    }
    TRY(container_start(e, c, &opts, NULL));
    return container_event_alone(e, c, "restart");
}
