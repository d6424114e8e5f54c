#include "engine/monitor/health.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "engine/monitor/health_log.h"
#include "engine/monitor/job.h"
#include "engine/monitor/launch.h"
#include "engine/monitor/life.h"
#include "engine/monitor/notify.h"
#include "engine/monitor/peer.h"
#include "engine/monitor/report.h"

struct health {
    struct loop_source *timer, *limit; /* the next probe; the end of this one's time */
    bool probing, timed_out;
    int64_t started_nsec; /* of the probe */
    struct health_count count;
    struct health_log log;
    struct strbuf output; /* of the probe, as far as it is kept */
};

/* --- what others see */

static const char *status_name(uint32_t status)
{
    static const char *const names[] = {"", "starting", "healthy", "unhealthy"};
    return status < ARRAY_LEN(names) ? names[status] : "";
}

static struct err *put_document(struct strbuf *sb, const struct health *h)
{
    TRY(strbuf_printf(sb, "{\"Status\":\"%s\",\"FailingStreak\":%u,\"Log\":", status_name(h->count.status),
                      h->count.streak));
    TRY(health_log_put(&h->log, sb));
    return strbuf_putc(sb, '}');
}

/* Where the document goes: its directory, and its name there. */
static struct err *open_log(const struct server *s, int *ret_dir, const char **ret_name)
{
    const char *file = s->plan.health.log_file;
    AUTO_FREE char *dir = NULL;
    *ret_name = file ? path_last(file) : HEALTH_FILE;
    if (!file)
        return file_open_dir(AT_FDCWD, s->plan.container_dir, ret_dir);
    TRY(mem_strndup(file, (size_t)(*ret_name - file), &dir));
    return file_open_dir(AT_FDCWD, dir, ret_dir);
}

/* The file first: who sees the status may ask for the rest. */
static void publish(struct server *s)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    AUTO_FD int dir = -1;
    const char *name = NULL;
    struct err *e = put_document(&sb, s->health);
    if (!e)
        e = open_log(s, &dir, &name);
    if (!e)
        e = file_write_atomic(dir, name, sb.data, sb.len, 0600, FILE_NOSYNC);
    err_drop(e);
    s->state.health = s->health->count.status;
    life_publish(s, (enum monitor_phase)s->state.phase);
}

static void add_result(struct server *s, int32_t exit_code, int64_t finished_nsec)
{
    struct health *h = s->health;
    size_t len = h->output.len;
    while (len && h->output.data[len - 1] == '\n')
        len--;
    strbuf_truncate(&h->output, len);
    const struct health_result r = {
        .started_nsec = h->started_nsec,
        .finished_nsec = finished_nsec,
        .exit_code = exit_code,
        .output = strbuf_str(&h->output),
        .output_len = len,
    };
    err_drop(health_log_add(&h->log, &r, s->plan.health.log_max)); /* without memory it isn't told */
}

static void tell_events(const struct server *s)
{
    const struct health *h = s->health;
    struct report_health r = {.status = status_name(h->count.status), .failing_streak = h->count.streak};
    if (s->plan.health.no_events)
        return;
    if (s->plan.health.log_events)
        r.log = strbuf_str(&h->output);
    report_health(s, &r);
}

static void tell_askers(struct server *s, int32_t exit_code)
{
    const struct monitor_health_result result = {.status = s->health->count.status, .exit_code = exit_code};
    for (struct peer *p = s->peers; p; p = p->next) {
        if (p->waiting_health)
            peer_send(p, MONITOR_HEALTH, &result, sizeof(result), NULL, 0);
        p->waiting_health = false;
    }
}

/* --- probes */

static bool in_startup(const struct server *s)
{
    return s->plan.health.startup && !s->health->count.startup_done;
}

static struct err *on_timer(struct loop_source *src, void *arg);

/* After `nsec` from now; a timer of before is set anew. */
static void probe_after(struct server *s, int64_t nsec)
{
    struct health *h = s->health;
    err_drop(h->timer ? loop_rearm(h->timer, (uint64_t)nsec, 0)
                      : loop_add_timer(s->loop, (uint64_t)nsec, 0, on_timer, s, &h->timer));
}

/* 0: none but those that users ask for. */
static int64_t interval_of(const struct server *s)
{
    return in_startup(s) ? s->plan.health.startup_interval_nsec : s->plan.health.interval_nsec;
}

static void next_probe(struct server *s)
{
    if (interval_of(s) > 0)
        probe_after(s, interval_of(s));
}

static void act(struct server *s, enum health_verdict verdict)
{
    const struct monitor_stop usual = {.timeout_nsec = -1};
    uint32_t action = s->plan.health.on_failure;
    struct err *e = NULL;
    if (verdict == HEALTH_RESTART || (verdict == HEALTH_ACT && action == PLAN_HEALTH_RESTART))
        e = life_restart(s, &usual);
    else if (verdict == HEALTH_ACT && action == PLAN_HEALTH_KILL)
        e = life_kill(s, SIGKILL);
    else if (verdict == HEALTH_ACT && action == PLAN_HEALTH_STOP)
        e = life_stop(s, &usual);
    err_drop(e); /* it is ending already */
}

static void probe_over(struct server *s, int32_t exit_code, int64_t finished_nsec)
{
    struct health *h = s->health;
    h->probing = false;
    loop_remove(h->limit);
    h->limit = NULL;
    /* The container's end was this one's, or it was switched off meanwhile. */
    if (!s->container || !s->container->running || !s->plan.health.enabled) {
        tell_askers(s, exit_code);
        return;
    }
    bool startup = in_startup(s);
    enum health_verdict verdict =
        health_judge(&s->plan.health, &h->count, exit_code == 0, finished_nsec - s->container->exit.started_nsec);
    add_result(s, exit_code, finished_nsec);
    publish(s);
    if (h->count.status == MONITOR_HEALTH_HEALTHY)
        notify_healthy(s);
    tell_askers(s, exit_code);
    tell_events(s);
    if (startup && h->count.startup_done && interval_of(s) > 0)
        probe_after(s, 1); /* the regular check begins */
    else
        next_probe(s);
    act(s, verdict);
}

void health_output(struct server *s, const char *data, size_t len)
{
    struct health *h = s->health;
    size_t max = s->plan.health.output_max ? s->plan.health.output_max : HEALTH_OUTPUT_BYTES_MAX;
    if (max > HEALTH_OUTPUT_BYTES_MAX)
        max = HEALTH_OUTPUT_BYTES_MAX;
    if (!h || h->output.len >= max)
        return;
    len = len < max - h->output.len ? len : max - h->output.len;
    err_drop(strbuf_add(&h->output, data, len)); /* less of it, then */
}

void health_failed(struct server *s, struct err *take_e)
{
    if (s->health && s->health->probing) {
        const char *text = s->health->timed_out ? "healthcheck command exceeded its timeout" : err_text(take_e);
        strbuf_truncate(&s->health->output, 0);
        health_output(s, text, strlen(text));
        /* A command that isn't there fails the check as its exit code would. */
        probe_over(s, s->health->timed_out ? -1 : err_exit_code(take_e), timefmt_now());
    }
    err_drop(take_e);
}

void health_ended(struct server *s, const struct job *j)
{
    struct health *h = s->health;
    if (h && h->probing)
        probe_over(s, h->timed_out ? -1 : j->exit.exit_code, j->exit.finished_nsec);
}

/* Whatever it is at: the runtime or the command. */
static struct err *on_limit(struct loop_source *src, void *arg)
{
    struct server *s = arg;
    (void)src;
    s->health->timed_out = true;
    for (struct launch *l = s->launches; l; l = l->next)
        if (l->job && l->job->is_probe)
            err_drop(proc_signal(&l->runtime, SIGKILL));
    for (const struct job *j = s->jobs; j; j = j->next)
        if (j->is_probe && j->running)
            err_drop(job_signal(j, SIGKILL));
    return NULL;
}

static struct err *launch_probe(struct server *s)
{
    struct job *j = NULL;
    struct monitor_exec x = {0};
    const char *name = in_startup(s) ? HEALTH_STARTUP_PROCESS : HEALTH_PROCESS;
    AUTO_FD int process_fd = openat(s->private_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (process_fd < 0)
        return ERR_SYS(errno, "open %s", name);
    TRY(job_new(s, HEALTH_JOB, false, false, &j));
    j->is_probe = true;
    struct err *e = launch_exec(s, j, &x, NULL, process_fd, NULL);
    if (e)
        job_free(j);
    return e;
}

static void probe(struct server *s)
{
    struct health *h = s->health;
    int64_t timeout = in_startup(s) ? s->plan.health.startup_timeout_nsec : s->plan.health.timeout_nsec;
    h->probing = true;
    h->timed_out = false;
    strbuf_truncate(&h->output, 0);
    h->started_nsec = timefmt_now();
    struct err *e = timeout > 0 ? loop_add_timer(s->loop, (uint64_t)timeout, 0, on_limit, s, &h->limit) : NULL;
    if (!e)
        e = launch_probe(s);
    if (e)
        health_failed(s, e);
}

static struct err *on_timer(struct loop_source *src, void *arg)
{
    struct server *s = arg;
    (void)src;
    if (!s->container || !s->container->running)
        return NULL;
    if (s->paused) /* nothing can be said about it */
        next_probe(s);
    else if (!s->health->probing)
        probe(s);
    return NULL;
}

/* --- a run */

void health_start(struct server *s)
{
    struct health *h = s->health;
    if (!s->plan.health.enabled)
        return;
    if (!h) {
        s->health = h = mem_zalloc(sizeof(*h));
        if (!h)
            return; /* no checks without memory, but a container */
    }
    h->count = (struct health_count){.status = MONITOR_HEALTH_STARTING};
    publish(s);
    if (interval_of(s) > 0)
        probe_after(s, 1);
}

void health_stop(struct server *s)
{
    struct health *h = s->health;
    s->state.health = MONITOR_HEALTH_NONE;
    if (!h)
        return;
    loop_remove(h->timer);
    loop_remove(h->limit);
    h->timer = h->limit = NULL;
}

void health_changed(struct server *s)
{
    bool running = s->container && s->container->running;
    if (!s->plan.health.enabled) {
        health_stop(s);
        if (running)
            life_publish(s, (enum monitor_phase)s->state.phase);
        return;
    }
    if (!running)
        return;
    if (s->state.health == MONITOR_HEALTH_NONE) { /* there was no check, or it was switched off */
        health_start(s);
        return;
    }
    loop_remove(s->health->timer); /* of the interval before */
    s->health->timer = NULL;
    if (!s->health->probing)
        next_probe(s);
}

struct err *health_ask(struct peer *p)
{
    struct server *s = p->server;
    if (!s->container || !s->container->running || s->ending)
        return ERR_NEW(ERR_STATE, "container %s is not running", s->plan.id);
    if (!s->plan.health.enabled || !s->health)
        return ERR_NEW(ERR_NOT_FOUND, "container %s has no defined healthcheck", s->plan.id);
    if (s->paused)
        return ERR_NEW(ERR_STATE, "container %s is paused", s->plan.id);
    p->waiting_health = true;
    if (!s->health->probing)
        probe(s);
    return NULL;
}

void health_free(struct server *s)
{
    if (s->health) {
        health_log_done(&s->health->log);
        strbuf_done(&s->health->output);
    }
    mem_freep(&s->health);
}
