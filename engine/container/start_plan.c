/* What the monitor is told at a start. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/proc.h"
#include "base/self.h"
#include "base/signame.h"
#include "engine/container/internal.h"
#include "engine/container/start.h"
#include "engine/engine.h"
#include "engine/monitor/attach.h"
#include "rootless/session.h"

#define NSEC_PER_SEC INT64_C(1000000000)
#define STOP_TIMEOUT_SEC 10

/* "key=value" in --log-opt; NULL when absent. */
static const char *log_option(const struct container_spec *spec, const char *key)
{
    return strv_env_get(&spec->log_opt, key);
}

static struct err *fill_log(struct start *s)
{
    const struct container_spec *spec = &s->c->spec;
    const char *max = log_option(spec, "max-size");
    TRY(mem_strdup(spec->log_driver, &s->plan.log_driver));
    TRY(mem_strdup(log_option(spec, "path"), &s->plan.log_path));
    TRY(mem_strdup(log_option(spec, "tag"), &s->plan.log_tag));
    if (max)
        TRY_WRAP(number_parse_bytes(max, &s->plan.log_max_bytes), "--log-opt max-size");
    return NULL;
}

static struct err *fill_stop(struct start *s)
{
    const struct container_spec *spec = &s->c->spec;
    const char *sig = spec->stop_signal ? spec->stop_signal : s->config.stop_signal;
    int number = SIGTERM;
    if (sig && *sig)
        TRY_WRAP(signame_parse(sig, &number), "stop signal");
    s->plan.stop_signal = (uint32_t)number;
    s->plan.stop_timeout_nsec = (spec->stop_timeout < 0 ? STOP_TIMEOUT_SEC : spec->stop_timeout) * NSEC_PER_SEC;
    s->plan.timeout_nsec = spec->timeout * NSEC_PER_SEC;
    return NULL;
}

/* `coracle --root … container cleanup [--rm] ID`: run by the monitor when no client records the end. */
static struct err *fill_exit_command(struct start *s)
{
    AUTO_FREE char *self = NULL;
    struct strv *argv = &s->plan.exit_command;
    if (!s->c->auto_remove && !s->c->spec.pod_stop)
        return NULL; /* the exit file tells the next command */
    struct err *e = self_path(&self);
    if (e) { /* the next command cleans up */
        err_drop(e);
        return NULL;
    }
    TRY(strv_add(argv, self));
    TRY(strv_addf(argv, "--root=%s", engine_root(s->e)));
    if (engine_options(s->e)->runroot)
        TRY(strv_addf(argv, "--runroot=%s", engine_options(s->e)->runroot));
    TRY(strv_add(argv, "container"));
    TRY(strv_add(argv, "cleanup"));
    if (s->c->auto_remove)
        TRY(strv_add(argv, "--rm"));
    if (s->c->spec.pod_stop)
        TRY(strv_addf(argv, "--pod=%s", s->c->spec.pod));
    return strv_add(argv, s->c->id);
}

enum plan_restart start_restart_of(enum restart_policy p)
{
    switch (p) {
    case RESTART_ON_FAILURE:
        return PLAN_RESTART_ON_FAILURE;
    case RESTART_ALWAYS:
        return PLAN_RESTART_ALWAYS;
    case RESTART_UNLESS_STOPPED:
        return PLAN_RESTART_UNLESS_STOPPED;
    case RESTART_NO:
    default:
        return PLAN_RESTART_NO;
    }
}

static struct err *fill_identity(struct start *s)
{
    struct monitor_plan *p = &s->plan;
    const struct container_spec *spec = &s->c->spec;
    bool no_cgroups = spec->cgroups && strcmp(spec->cgroups, "disabled") == 0;
    const char *manager;
    TRY(mem_strdup(s->c->id, &p->id));
    TRY(mem_strdup(s->c->name, &p->name));
    TRY(mem_strdup(engine_run_dir(s->e), &p->run_dir));
    TRY(mem_strdup(engine_session(s->e)->session_dir, &p->session_dir));
    TRY(container_dir(s->e, s->c->id, &p->container_dir));
    TRY(proc_find(spec->runtime, &p->runtime));
    TRY(strv_copy(&engine_options(s->e)->runtime_flags, &p->runtime_flags));
    TRY(engine_cgroup_manager(s->e, no_cgroups, &manager));
    TRY(mem_strdup(manager, &p->cgroup_manager));
    TRY(mem_strdup(spec->cgroup_parent, &p->cgroup_parent));
    return start_pod_place(s);
}

struct err *start_fill_plan(struct start *s, const struct container_start_opts *opts)
{
    struct monitor_plan *p = &s->plan;
    const struct container_spec *spec = &s->c->spec;
    TRY(fill_identity(s));
    TRY(ids_choose(s->e, spec, p->runtime, &s->ids));
    p->emulate_ids = s->ids.ids == SECCOMP_IDS_ASK;
    TRY(start_plan_root(s));
    TRY(start_settle_mounts(s));
    TRY(fill_log(s));
    TRY(fill_stop(s));
    TRY(fill_exit_command(s));
    TRY(start_settle_notify(s));
    TRY(mem_strdup(spec->pidfile, &p->pidfile));
    p->no_keyring = spec->no_keyring;
    p->no_pivot = spec->no_pivot;
    p->tty = spec->tty;
    p->interactive = spec->interactive;
    p->preserve_fds = spec->preserve_fds;
    p->restart = (uint32_t)start_restart_of(spec->restart);
    p->restart_max = (uint32_t)spec->restart_max;
    p->auto_remove = s->c->auto_remove;
    p->foreground = opts->attach;
    p->hold = opts->hold;
    if (opts->attach && spec->tty) {
        struct monitor_size size = monitor_terminal_size(opts->io.out_fd);
        p->rows = size.rows;
        p->cols = size.cols;
    }
    return NULL;
}
