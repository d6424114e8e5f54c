/* The states of a container, as its monitor sees them:
 *
 *   STARTING ──► (INITIALIZED) ──► RUNNING ──► (STOPPING) ──► process ended ──► streams done
 *
 *   streams done ─┬─► RESTARTING ──► STARTING …
 *                 └─► EXITED ──► the end
 *
 * "Streams done" waits for attached clients that are slow to read, so that none of them misses a byte, unless somebody
 * asked for the container's end: then they have two seconds. After EXITED was told and recorded the root is unmounted,
 * and we stay until a client has said that it has put the exit into the store, all have gone, or five seconds are over.
 */
#include "engine/monitor/life.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "base/trim.h"
#include "engine/monitor/cgroup.h"
#include "engine/monitor/freeze.h"
#include "engine/monitor/health.h"
#include "engine/monitor/network.h"
#include "engine/monitor/peer.h"
#include "engine/monitor/record.h"
#include "engine/monitor/report.h"
#include "engine/monitor/spawnfd.h"

#define NSEC_PER_SEC UINT64_C(1000000000)
#define RESTART_FIRST_NSEC (100 * SERVER_NSEC_PER_MSEC)
#define RESTART_LAST_NSEC (60 * NSEC_PER_SEC)
#define RESTART_STABLE_NSEC ((int64_t)(10 * NSEC_PER_SEC)) /* ran that long: the delay begins anew */
#define SLOW_CLIENTS_NSEC (2 * NSEC_PER_SEC)
#define END_NSEC (5 * NSEC_PER_SEC)
#define TRIM_AFTER_NSEC NSEC_PER_SEC
#define EXIT_CODE_TIMED_OUT 255 /* as Podman's --timeout */

void life_publish(struct server *s, enum monitor_phase phase)
{
    const struct job *j = s->container;
    s->state.phase = (uint32_t)phase;
    s->state.monitor_pid = (int32_t)getpid();
    s->state.restart_count = s->plan.restart_count;
    s->state.host_pid = j && j->running ? j->pid : 0;
    s->state.started_nsec = j && j->exit.started_nsec ? j->exit.started_nsec : s->state.started_nsec;
    err_drop(lockfile_publish(&s->lock, &s->state));
}

static struct err *set_timer(struct server *s, struct loop_source **slot, uint64_t nsec, loop_timer_fn fn)
{
    if (*slot)
        return loop_rearm(*slot, nsec, 0);
    return loop_add_timer(s->loop, nsec, 0, fn, s, slot);
}

static void clear_timer(struct loop_source **slot)
{
    loop_remove(*slot);
    *slot = NULL;
}

/* Until the next event, which is then the loop's. */
static struct err *on_trim(struct loop_source *src, void *arg)
{
    struct server *s = arg;
    struct pollfd fd = {.fd = loop_fd(s->loop), .events = POLLIN};
    (void)src;
    s->sealed_fd = fd_close(s->sealed_fd);
    trim_stack();
    (void)trim_poll(&fd, 1, -1, false);
    return NULL;
}

void life_trim_later(struct server *s)
{
    if (!s->ending)
        err_drop(set_timer(s, &s->trim_timer, TRIM_AFTER_NSEC, on_trim));
}

/* --- start --- */

struct err *life_start(struct server *s)
{
    struct job *j = NULL;
    TRY(network_up(s));
    TRY(job_new(s, "", s->plan.tty, s->plan.interactive, &j));
    s->container = j;
    s->timed_out = false;
    return launch_run(s, j, NULL);
}

/* Descriptors of the client that only the container should hold, so that their other ends see it close them. */
static void close_inherited(struct server *s)
{
    if (s->plan.restart != PLAN_RESTART_NO)
        return;
    if (server_is_passthrough(s))
        fd_close_range(SPAWN_FD_STDIO, SPAWN_FD_STDIO + 2);
    if (s->plan.preserve_fds)
        fd_close_range(SPAWN_FD_PRESERVE, SPAWN_FD_PRESERVE + s->plan.preserve_fds - 1);
}

/* The runtime made a cgroup of its own for the container: remember it, for its oom events and its removal. */
static void note_cgroup(struct server *s, pid_t pid)
{
    AUTO_FREE char *own = NULL, *its = NULL;
    if (strcmp(s->cgroup_manager, "disabled") == 0)
        return;
    struct err *e = cgroup_of(0, &own);
    if (!e)
        e = cgroup_of(pid, &its);
    if (!e && own && its && strcmp(own, its) != 0) {
        s->oom_fd = cgroup_open_oom(its);
        e = file_write_atomic(s->lock.dir_fd, LOCKFILE_CGROUP, its, strlen(its), 0600, FILE_NOSYNC);
        mem_freep(&s->cgroup);
        s->cgroup = TAKE_PTR(its);
    }
    err_drop(e);
}

static void write_pidfile(const struct server *s, pid_t pid)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "%d", (int)pid);
    if (s->plan.pidfile)
        err_drop(file_write_atomic(AT_FDCWD, s->plan.pidfile, text, (size_t)n, 0644, FILE_NOSYNC));
}

static struct err *on_timeout(struct loop_source *src, void *arg)
{
    struct server *s = arg;
    (void)src;
    s->timed_out = true;
    if (s->container)
        err_drop(job_signal(s->container, SIGKILL));
    return NULL;
}

static void tell_started(struct server *s)
{
    struct job *j = s->container;
    const struct monitor_started started = {.started_nsec = j->exit.started_nsec, .host_pid = j->pid};
    if (!s->started && s->control)
        peer_send(s->control, MONITOR_STARTED, &started, sizeof(started), NULL, 0);
    for (struct peer *p = s->peers; p; p = p->next) {
        if (p->waiting_start)
            peer_send(p, MONITOR_STARTED, &started, sizeof(started), NULL, 0);
        p->waiting_start = false;
        if (p->attach_asked)
            request_attach(p, j, &p->attach);
        p->attach_asked = false;
    }
}

/* Its command runs from now on. */
static struct err *running(struct server *s)
{
    life_publish(s, MONITOR_PHASE_RUNNING);
    tell_started(s);
    health_start(s);
    if (s->plan.timeout_nsec)
        TRY(set_timer(s, &s->timeout_timer, (uint64_t)s->plan.timeout_nsec, on_timeout));
    return NULL;
}

static struct err *initialized(struct server *s)
{
    s->initialized = true;
    life_publish(s, MONITOR_PHASE_INITIALIZED);
    tell_started(s);
    return NULL;
}

struct err *life_started(struct server *s)
{
    struct job *j = s->container;
    holder_register(s, j->pidfd);
    write_pidfile(s, j->pid);
    TRY(s->plan.hold && !s->started ? initialized(s) : running(s));
    if (s->started)
        report_event(s, "start");
    s->started = true;
    close_inherited(s);
    note_cgroup(s, j->pid);
    if (s->stop_pending)
        return life_stop(s, &s->stop);
    return NULL;
}

struct err *life_go(struct server *s)
{
    if (!s->initialized || s->going || s->ending)
        return ERR_NEW(ERR_STATE, "container %.12s is not waiting for its start", s->plan.id);
    TRY(launch_go(s));
    s->going = true;
    return NULL;
}

struct err *life_gone_on(struct server *s)
{
    struct job *j = s->container;
    s->going = false;
    if (!s->initialized || !j) /* its end was seen first */
        return NULL;
    s->initialized = false;
    /* A start that comes after the end would look like a run that is not over. */
    j->exit.started_nsec = j->ended ? j->exit.finished_nsec : timefmt_now();
    TRY(running(s));
    if (j->running)
        job_update(j);
    return NULL;
}

struct err *life_go_failed(struct server *s, struct err *take_e)
{
    s->going = false;
    struct peer *p = s->peers;
    err_drop(mem_replace(&s->error, err_text(take_e)));
    while (p && !p->waiting_start)
        p = p->next;
    if (p) {
        p->waiting_start = false;
        peer_send_error(p, take_e);
    } else {
        err_drop(take_e);
    }
    s->no_restart = true;
    if (s->container)
        err_drop(job_signal(s->container, SIGKILL));
    return NULL;
}

/* --- the end of a run --- */

/* What a run leaves besides its streams: stray processes, its cgroup, the runtime's record of it. */
static void clear_run(struct server *s)
{
    reap_kill_rest(s);
    s->oom_fd = fd_close(s->oom_fd);
    if (s->cgroup)
        cgroup_remove(s->cgroup);
}

static struct err *on_end_timer(struct loop_source *src, void *arg);

/* Somebody asked for the end, and should not have to wait for another's attached client. */
static void limit_slow_clients(struct server *s)
{
    err_drop(set_timer(s, &s->end_timer, SLOW_CLIENTS_NSEC, on_end_timer));
}

void life_process_ended(struct server *s)
{
    struct monitor_exit *exit = &s->container->exit;
    if (s->going) /* a command that was quicker than the runtime's end */
        err_drop(life_gone_on(s));
    s->initialized = false;
    holder_unregister(s);
    freeze_forget(s);
    health_stop(s);
    clear_timer(&s->stop_timer);
    clear_timer(&s->timeout_timer);
    exit->oom_killed = s->oom_fd >= 0 && cgroup_saw_oom(s->oom_fd);
    exit->restart_count = s->plan.restart_count;
    exit->by_user = s->by_user;
    exit->timed_out = s->timed_out;
    if (s->timed_out)
        exit->exit_code = EXIT_CODE_TIMED_OUT;
    if (s->no_restart || s->by_user)
        limit_slow_clients(s);
    clear_run(s);
}

bool life_wants_restart(const struct monitor_plan *plan, const struct monitor_exit *exit, bool by_user)
{
    if (by_user)
        return false;
    switch ((enum plan_restart)plan->restart) {
    case PLAN_RESTART_ALWAYS:
    case PLAN_RESTART_UNLESS_STOPPED:
        return true;
    case PLAN_RESTART_ON_FAILURE:
        return exit->exit_code != 0 && (!plan->restart_max || plan->restart_count < plan->restart_max);
    case PLAN_RESTART_NO:
    default:
        return false;
    }
}

static void life_end(struct server *s);

/* Before anybody is told of the end: who is told looks for it. */
static void record_end(struct server *s)
{
    if (!s->plan.auto_remove && !s->recorded)
        err_drop(record_write(s->plan.container_dir, &s->state.last, s->error));
    s->recorded = true;
}

static struct err *on_restart(struct loop_source *src, void *arg)
{
    struct server *s = arg;
    (void)src;
    clear_timer(&s->restart_timer);
    if (!s->restart_asked) { /* as Podman: what users ask for doesn't count */
        s->plan.restart_count++;
        report_event(s, "restart");
    }
    s->restart_asked = false;
    life_publish(s, MONITOR_PHASE_RESTARTING); /* until it runs: a first start is not there to be stopped, this is */
    struct err *e = life_start(s);
    return e ? life_start_failed(s, e) : NULL;
}

static struct err *restart_later(struct server *s)
{
    const struct monitor_exit *exit = &s->state.last;
    bool stable = exit->finished_nsec - exit->started_nsec > RESTART_STABLE_NSEC;
    uint64_t delay = stable || !s->restart_delay_nsec ? RESTART_FIRST_NSEC : s->restart_delay_nsec * 2;
    s->restart_delay_nsec = delay > RESTART_LAST_NSEC ? RESTART_LAST_NSEC : delay;
    if (s->restart_asked)
        s->restart_delay_nsec = 1;
    err_drop(file_remove_tree(s->private_fd, "state"));
    life_publish(s, MONITOR_PHASE_RESTARTING);
    return set_timer(s, &s->restart_timer, s->restart_delay_nsec, on_restart);
}

/* What no command is there to write down. */
static void report_ended(const struct server *s)
{
    report_end(s, "died", s->state.last.exit_code);
    report_event(s, "cleanup");
}

static void container_closed(struct server *s, struct job *j)
{
    bool again = s->restart_asked || life_wants_restart(&s->plan, &j->exit, s->no_restart || s->by_user);
    j->exit.restarting = again;
    s->state.last = j->exit;
    if (!again) {
        record_end(s);
        life_publish(s, MONITOR_PHASE_EXITED);
    }
    if (again && !s->restart_asked)
        report_ended(s);
    job_tell_end(j);
    job_free(j);
    struct err *e = again ? restart_later(s) : NULL;
    if (e)
        s->state.last.restarting = 0;
    if (e || !again)
        life_end(s);
    err_drop(e);
}

/* Finished exec sessions stay for who asks for their exit code, but not without limit. */
static void forget_execs(struct server *s)
{
    size_t n = 0;
    struct job *oldest = NULL;
    for (struct job *j = s->jobs; j; j = j->next) {
        if (j == s->container)
            continue;
        n++;
        oldest = j->closed ? j : oldest; /* new ones come first in the list */
    }
    if (n > MONITOR_EXECS_MAX && oldest)
        job_free(oldest);
}

void life_job_closed(struct server *s, struct job *j)
{
    if (j == s->container) {
        container_closed(s, j);
    } else if (j->is_probe) {
        health_ended(s, j);
        job_free(j);
    } else {
        forget_execs(s);
    }
    life_check_end(s);
}

struct err *life_start_failed(struct server *s, struct err *take_e)
{
    if (s->container)
        job_free(s->container);
    if (!s->started) {
        life_publish(s, MONITOR_PHASE_EXITED);
        if (s->control)
            peer_send_error(s->control, take_e);
        else
            err_drop(take_e);
        clear_run(s);
        loop_quit(s->loop);
        return NULL;
    }
    s->state.last.exit_code = err_exit_code(take_e);
    s->state.last.finished_nsec = timefmt_now();
    s->state.last.restart_count = s->plan.restart_count;
    err_drop(mem_replace(&s->error, err_text(take_e)));
    err_drop(take_e);
    clear_run(s);
    life_end(s);
    return NULL;
}

/* --- the end --- */

static struct err *on_end_timer(struct loop_source *src, void *arg)
{
    struct server *s = arg;
    bool blocked = false;
    for (struct peer *p = s->peers; p; p = p->next) {
        if (!peer_is_blocked(p))
            continue;
        blocked = true;
        if (s->by_user || s->no_restart)
            peer_break(p);
    }
    /* Somebody reads slowly what the container wrote, and nobody minds: wait on. */
    if (blocked || !s->ending)
        return loop_rearm(src, END_NSEC, 0);
    loop_quit(s->loop);
    return NULL;
}

static void life_end(struct server *s)
{
    struct err *e = NULL;
    s->ending = true;
    clear_timer(&s->restart_timer);
    clear_timer(&s->stop_timer);
    s->state.last.restarting = 0;
    record_end(s);
    life_publish(s, MONITOR_PHASE_EXITED);
    for (struct peer *p = s->peers; p; p = p->next) {
        if (p->waiting_start)
            peer_send_error(p, ERR_NEW(ERR_STATE, "container %.12s has ended: %s", s->plan.id,
                                       s->error ? s->error : "it was stopped meanwhile"));
        p->waiting_start = false;
        if (p->waiting_end)
            peer_send(p, MONITOR_EXITED, &s->state.last, sizeof(s->state.last), NULL, 0);
        p->waiting_end = false;
    }
    peer_unlisten(s);
    network_end(s);
    if (s->plan.run_delete)
        err_drop(launch_delete(s));
    e = set_timer(s, &s->end_timer, END_NSEC, on_end_timer);
    if (e)
        loop_quit(s->loop);
    err_drop(e);
    life_check_end(s);
}

/* Somebody who may yet say that the exit was recorded. */
static bool cleaner_left(const struct server *s)
{
    for (const struct peer *p = s->peers; p; p = p->next) {
        if (p != s->control || s->plan.foreground)
            return true;
    }
    return false;
}

static bool all_closed(const struct server *s)
{
    for (const struct job *j = s->jobs; j; j = j->next) {
        if (!j->closed)
            return false;
    }
    for (const struct peer *p = s->peers; p; p = p->next) {
        if (peer_is_blocked(p))
            return false;
    }
    return true;
}

void life_check_end(struct server *s)
{
    if (!s->ending || s->launches)
        return;
    if (!s->unmounted && reap_is_alone(s)) {
        server_unmount(s);
        s->unmounted = true;
    }
    /* Who said "cleaned" is about to end, and should not share its processor with our own end: so after it. */
    bool settled = s->cleaned ? !s->control : !cleaner_left(s);
    if (s->unmounted && all_closed(s) && settled)
        loop_quit(s->loop);
}

/* --- stop and kill --- */

static struct err *on_stop_timer(struct loop_source *src, void *arg)
{
    struct server *s = arg;
    (void)src;
    if (s->container)
        err_drop(job_signal(s->container, SIGKILL));
    return NULL;
}

static struct err *stop_running(struct server *s, const struct monitor_stop *stop)
{
    uint32_t sig = stop->signal ? stop->signal : s->plan.stop_signal;
    uint64_t timeout = (uint64_t)(stop->timeout_nsec < 0 ? s->plan.stop_timeout_nsec : stop->timeout_nsec);
    if (s->paused) /* else only SIGKILL would reach it */
        TRY(freeze_resume(s));
    life_publish(s, MONITOR_PHASE_STOPPING);
    if (s->initialized) /* there is no command yet that could act on a signal */
        timeout = 0;
    err_drop(job_signal(s->container, timeout == 0 ? SIGKILL : sig ? (int)sig : SIGTERM));
    return timeout ? set_timer(s, &s->stop_timer, timeout, on_stop_timer) : NULL;
}

static struct err *stop(struct server *s, const struct monitor_stop *stop)
{
    s->no_restart = true;
    s->restart_asked = false;
    if (s->ending)
        return NULL;
    if (s->restart_timer) {
        life_end(s);
        return NULL;
    }
    if (s->container && s->container->running)
        return stop_running(s, stop);
    if (s->container && s->container->ended) {
        limit_slow_clients(s);
        return NULL;
    }
    s->stop_pending = true; /* the runtime is at work */
    s->stop = *stop;
    return NULL;
}

struct err *life_stop(struct server *s, const struct monitor_stop *request)
{
    s->by_user = true;
    s->state.last.by_user = 1;
    return stop(s, request);
}

struct err *life_restart(struct server *s, const struct monitor_stop *request)
{
    if (s->ending || s->no_restart || !s->container || !s->container->running)
        return ERR_NEW(ERR_STATE, "container %.12s is not running", s->plan.id);
    if (server_is_passthrough(s) || s->plan.preserve_fds)
        return ERR_NEW(ERR_UNSUPPORTED, "container %.12s: descriptors that it was started with are gone", s->plan.id);
    s->restart_asked = true;
    return stop_running(s, request);
}

struct err *life_terminate(struct server *s)
{
    const struct monitor_stop request = {.timeout_nsec = -1};
    return stop(s, &request);
}

struct err *life_kill(struct server *s, int sig)
{
    if (!s->container || !s->container->running)
        return ERR_NEW(ERR_STATE, "container %.12s is not running", s->plan.id);
    int stop_signal = s->plan.stop_signal ? (int)s->plan.stop_signal : SIGTERM;
    if (sig == SIGKILL || sig == SIGTERM || sig == stop_signal)
        s->by_user = true;
    return job_signal(s->container, sig);
}
