#include "engine/monitor/plan.h"

#include <signal.h>
#include <string.h>

#include "base/ident.h"
#include "base/mem.h"
#include "engine/monitor/wire.h"
#include "engine/storage/storage.h"

#define PLAN_MAGIC 0x4e4c5043u
#define EARLY_MAGIC 0x45455043u
#define UPDATE_MAGIC 0x44505543u
#define EXEC_MAGIC 0x43455843u
#define PLAN_SIZE_MAX 65535u /* of a terminal */

#define P(type, member) WIRE(type, struct monitor_plan, member)
static const struct wire_field plan_fields[] = {
    P(WIRE_STR, id),
    P(WIRE_STR, name),
    P(WIRE_STR, run_dir),
    P(WIRE_STR, session_dir),
    P(WIRE_STR, container_dir),
    P(WIRE_STR, bundle),
    P(WIRE_STR, runtime),
    P(WIRE_STRV, runtime_flags),
    P(WIRE_STR, cgroup_manager),
    P(WIRE_STR, cgroup_parent),
    P(WIRE_BOOL, network),
    P(WIRE_BOOL, emulate_ids),
    P(WIRE_BOOL, no_keyring),
    P(WIRE_BOOL, no_pivot),
    P(WIRE_BOOL, run_delete),
    P(WIRE_BOOL, tty),
    P(WIRE_BOOL, interactive),
    P(WIRE_U32, rows),
    P(WIRE_U32, cols),
    P(WIRE_STR, log_driver),
    P(WIRE_STR, log_path),
    P(WIRE_STR, log_tag),
    P(WIRE_U64, log_max_bytes),
    P(WIRE_U32, preserve_fds),
    P(WIRE_U32, restart),
    P(WIRE_U32, restart_max),
    P(WIRE_U32, restart_count),
    P(WIRE_U32, stop_signal),
    P(WIRE_U64, stop_timeout_nsec),
    P(WIRE_U64, timeout_nsec),
    P(WIRE_STR, pidfile),
    P(WIRE_STR, notify_socket),
    P(WIRE_U32, notify),
    P(WIRE_STRV, exit_command),
    P(WIRE_BOOL, foreground),
    P(WIRE_BOOL, auto_remove),
    P(WIRE_BOOL, hold),
};
static const struct wire_field early_fields[] = {
    P(WIRE_STR, id),
    P(WIRE_STR, run_dir),
    P(WIRE_STR, runtime),
    P(WIRE_STRV, runtime_flags),
    P(WIRE_STR, cgroup_manager),
    P(WIRE_STR, cgroup_parent),
    P(WIRE_BOOL, tty),
    P(WIRE_BOOL, interactive),
};
#undef P

#define H(type, member) WIRE(type, struct plan_health, member)
static const struct wire_field health_fields[] = {
    H(WIRE_BOOL, enabled),
    H(WIRE_U64, interval_nsec),
    H(WIRE_U64, timeout_nsec),
    H(WIRE_U64, start_period_nsec),
    H(WIRE_U32, retries),
    H(WIRE_U32, on_failure),
    H(WIRE_BOOL, startup),
    H(WIRE_U64, startup_interval_nsec),
    H(WIRE_U64, startup_timeout_nsec),
    H(WIRE_U32, startup_retries),
    H(WIRE_U32, startup_successes),
    H(WIRE_STR, log_file),
    H(WIRE_U32, log_max),
    H(WIRE_U32, output_max),
    H(WIRE_BOOL, no_events),
    H(WIRE_BOOL, log_events),
};
#undef H

#define U(type, member) WIRE(type, struct plan_update, member)
static const struct wire_field update_fields[] = {
    U(WIRE_BOOL, set_restart),
    U(WIRE_BOOL, set_health),
    U(WIRE_U32, restart),
    U(WIRE_U32, restart_max),
};
#undef U

#define M(type, member) WIRE(type, struct plan_mount, member)
static const struct wire_field mount_fields[] = {
    M(WIRE_STR, driver),       M(WIRE_STR, layers_dir),      M(WIRE_STRV, layers),    M(WIRE_STR, rootfs),
    M(WIRE_STR, mount_points), M(WIRE_STR, upper_dir),       M(WIRE_BOOL, read_only), M(WIRE_BOOL, is_volatile),
    M(WIRE_BOOL, may_change),  M(WIRE_U32, flags),           M(WIRE_STR, uid_map),    M(WIRE_STR, gid_map),
    M(WIRE_STR, program),      M(WIRE_STR, program_options), M(WIRE_STR, upper),      M(WIRE_STR, work),
};
#undef M

#define X(type, member) WIRE(type, struct monitor_exec, member)
static const struct wire_field exec_fields[] = {
    X(WIRE_STR, id),        X(WIRE_BOOL, tty),         X(WIRE_BOOL, interactive), X(WIRE_BOOL, attach),
    X(WIRE_BOOL, no_stdin), X(WIRE_BOOL, no_stdout),   X(WIRE_BOOL, no_stderr),   X(WIRE_U32, rows),
    X(WIRE_U32, cols),      X(WIRE_U32, preserve_fds),
};
#undef X

void plan_health_done(struct plan_health *h)
{
    wire_done(health_fields, ARRAY_LEN(health_fields), h);
    *h = (struct plan_health){0};
}

void plan_update_done(struct plan_update *u)
{
    plan_health_done(&u->health);
}

void plan_mount_done(struct plan_mount *p)
{
    wire_done(mount_fields, ARRAY_LEN(mount_fields), p);
}

void plan_mount_get(const struct plan_mount *p, struct storage_mount *ret)
{
    *ret = (struct storage_mount){
        .driver = p->driver,
        .layers_dir = p->layers_dir,
        .layers = p->layers,
        .container_dir = p->upper_dir,
        .upper = p->upper,
        .work = p->work,
        .mount_points = p->mount_points,
        .rootfs = p->rootfs,
        .read_only = p->read_only,
        .is_volatile = p->is_volatile,
        .may_change = p->may_change,
        .flags = p->flags,
        .uid_map = p->uid_map,
        .gid_map = p->gid_map,
        .program = p->program,
        .program_options = p->program_options,
    };
}

void plan_done(struct monitor_plan *p)
{
    wire_done(plan_fields, ARRAY_LEN(plan_fields), p);
    plan_health_done(&p->health);
    plan_mount_done(&p->root);
    for (size_t i = 0; i < p->n_mounts; i++)
        plan_mount_done(&p->mounts[i]);
    mem_freep(&p->mounts);
    *p = (struct monitor_plan){0};
}

struct err *plan_encode(const struct monitor_plan *p, struct strbuf *ret)
{
    TRY_WRAP(plan_check(p), "plan of a container");
    TRY(wire_put_u32(ret, PLAN_MAGIC));
    TRY(wire_put(ret, plan_fields, ARRAY_LEN(plan_fields), p));
    TRY(wire_put(ret, health_fields, ARRAY_LEN(health_fields), &p->health));
    TRY(wire_put(ret, mount_fields, ARRAY_LEN(mount_fields), &p->root));
    TRY(wire_put_u32(ret, (uint32_t)p->n_mounts));
    for (size_t i = 0; i < p->n_mounts; i++)
        TRY(wire_put(ret, mount_fields, ARRAY_LEN(mount_fields), &p->mounts[i]));
    return NULL;
}

static struct err *get_magic(struct wire_reader *r, uint32_t magic, const char *what)
{
    uint32_t got = 0;
    TRY(wire_get_u32(r, what, &got));
    return got == magic ? NULL : ERR_NEW(ERR_CORRUPT, "this is not %s", what);
}

static struct err *get_mounts(struct wire_reader *r, struct monitor_plan *p)
{
    uint32_t count = 0;
    TRY(wire_get_u32(r, "mounts", &count));
    if (count > PLAN_MOUNTS_MAX)
        return ERR_NEW(ERR_CORRUPT, "%u mounts are too many", count);
    p->mounts = mem_zalloc(count * sizeof(*p->mounts));
    if (!p->mounts)
        return err_oom();
    p->n_mounts = count;
    for (uint32_t i = 0; i < count; i++)
        TRY(wire_get(r, mount_fields, ARRAY_LEN(mount_fields), &p->mounts[i]));
    return NULL;
}

struct err *plan_decode(const void *data, size_t len, struct monitor_plan *ret)
{
    AUTO_PLAN struct monitor_plan p = {0};
    struct wire_reader r = {.at = data, .left = len};
    TRY(get_magic(&r, PLAN_MAGIC, "a plan"));
    TRY(wire_get(&r, plan_fields, ARRAY_LEN(plan_fields), &p));
    TRY(wire_get(&r, health_fields, ARRAY_LEN(health_fields), &p.health));
    TRY(wire_get(&r, mount_fields, ARRAY_LEN(mount_fields), &p.root));
    TRY(get_mounts(&r, &p));
    TRY(wire_end(&r));
    TRY(plan_check(&p));
    *ret = p;
    p = (struct monitor_plan){0};
    return NULL;
}

/* --- what cannot be right --- */

static struct err *check_path(const char *path, const char *what, bool required)
{
    if (!path && required)
        return ERR_NEW(ERR_INVALID, "%s is missing", what);
    if (path && path[0] != '/')
        return ERR_NEW(ERR_INVALID, "%s \"%s\" is not an absolute path", what, path);
    return NULL;
}

static struct err *check_mount(const struct plan_mount *m)
{
    if (!m->driver)
        return ERR_NEW(ERR_INVALID, "a mount without a storage driver");
    TRY(check_path(m->layers_dir, "directory of layers", m->layers.count > 0));
    TRY(check_path(m->rootfs, "root file system", false));
    TRY(check_path(m->program, "mount program", false));
    TRY(check_path(m->upper, "upper directory", false));
    TRY(check_path(m->work, "work directory", false));
    return check_path(m->upper_dir, "directory of a mount", false);
}

static struct err *check_paths(const struct monitor_plan *p)
{
    TRY(check_path(p->run_dir, "transient directory", true));
    TRY(check_path(p->container_dir, "container's directory", true));
    TRY(check_path(p->runtime, "OCI runtime", true));
    TRY(check_path(p->bundle, "bundle", false));
    TRY(check_path(p->session_dir, "session's directory", false));
    TRY(check_path(p->pidfile, "pid file", false));
    TRY(check_path(p->log_path, "log file", false));
    return p->exit_command.count ? check_path(p->exit_command.items[0], "exit command", true) : NULL;
}

/* Log drivers and terminals. */
static struct err *check_stdio(const struct monitor_plan *p)
{
    static const char *const drivers[] = {"k8s-file", "json-file", "journald", "none", "passthrough"};
    bool known = !p->log_driver;
    for (size_t i = 0; i < ARRAY_LEN(drivers) && !known; i++)
        known = strcmp(p->log_driver, drivers[i]) == 0;
    if (!known)
        return ERR_NEW(ERR_INVALID,
                       "unknown log driver \"%s\"; there are k8s-file, json-file, journald, none and passthrough",
                       p->log_driver);
    if (p->log_driver && strcmp(p->log_driver, "passthrough") == 0 && p->tty)
        return ERR_NEW(ERR_INVALID, "log driver passthrough cannot be used together with a terminal");
    if (p->rows > PLAN_SIZE_MAX || p->cols > PLAN_SIZE_MAX)
        return ERR_NEW(ERR_INVALID, "a terminal of %u by %u", p->rows, p->cols);
    return NULL;
}

static struct err *check_health(const struct plan_health *h)
{
    if (h->on_failure > PLAN_HEALTH_STOP)
        return ERR_NEW(ERR_INVALID, "health: action %u", h->on_failure);
    if (h->interval_nsec < 0 || h->timeout_nsec < 0 || h->start_period_nsec < 0 || h->startup_interval_nsec < 0 ||
        h->startup_timeout_nsec < 0)
        return ERR_NEW(ERR_INVALID, "health: a negative time");
    return check_path(h->log_file, "log of health checks", false);
}

struct err *plan_check(const struct monitor_plan *p)
{
    if (!p->id || !ident_is_prefix(p->id))
        return ERR_NEW(ERR_INVALID, "\"%s\" is no container id", p->id ? p->id : "");
    TRY(check_paths(p));
    TRY(check_mount(&p->root));
    for (size_t i = 0; i < p->n_mounts; i++)
        TRY(check_mount(&p->mounts[i]));
    TRY(check_stdio(p));
    if (p->n_mounts > PLAN_MOUNTS_MAX || p->preserve_fds > PLAN_PRESERVE_FDS_MAX)
        return ERR_NEW(ERR_INVALID, "more than %u mounts or %u preserved descriptors", PLAN_MOUNTS_MAX,
                       PLAN_PRESERVE_FDS_MAX);
    TRY(check_health(&p->health));
    if (p->restart > PLAN_RESTART_UNLESS_STOPPED)
        return ERR_NEW(ERR_INVALID, "restart policy %u", p->restart);
    if (p->stop_signal >= (uint32_t)_NSIG)
        return ERR_NEW(ERR_INVALID, "stop signal %u", p->stop_signal);
    if (p->stop_timeout_nsec < 0 || p->timeout_nsec < 0)
        return ERR_NEW(ERR_INVALID, "a negative time-out");
    if (p->cgroup_manager && strcmp(p->cgroup_manager, "cgroupfs") != 0 && strcmp(p->cgroup_manager, "systemd") != 0 &&
        strcmp(p->cgroup_manager, "disabled") != 0)
        return ERR_NEW(ERR_INVALID, "unknown cgroup manager \"%s\"", p->cgroup_manager);
    return NULL;
}

/* --- changes --- */

struct err *plan_update_encode(const struct plan_update *u, struct strbuf *ret)
{
    TRY(wire_put_u32(ret, UPDATE_MAGIC));
    TRY(wire_put(ret, update_fields, ARRAY_LEN(update_fields), u));
    return wire_put(ret, health_fields, ARRAY_LEN(health_fields), &u->health);
}

struct err *plan_update_decode(const void *data, size_t len, struct plan_update *ret)
{
    AUTO_PLAN_UPDATE struct plan_update u = {0};
    struct wire_reader r = {.at = data, .left = len};
    TRY(get_magic(&r, UPDATE_MAGIC, "an update"));
    TRY(wire_get(&r, update_fields, ARRAY_LEN(update_fields), &u));
    TRY(wire_get(&r, health_fields, ARRAY_LEN(health_fields), &u.health));
    TRY(wire_end(&r));
    TRY(check_health(&u.health));
    if (u.restart > PLAN_RESTART_UNLESS_STOPPED)
        return ERR_NEW(ERR_INVALID, "restart policy %u", u.restart);
    *ret = u;
    u.health.log_file = NULL;
    return NULL;
}

/* --- the early part --- */

static struct err *check_early(const struct monitor_plan *p)
{
    if (!p->id || !ident_is_prefix(p->id))
        return ERR_NEW(ERR_INVALID, "\"%s\" is no container id", p->id ? p->id : "");
    TRY(check_path(p->run_dir, "transient directory", true));
    TRY(check_path(p->runtime, "OCI runtime", true));
    return p->cgroup_manager ? NULL : ERR_NEW(ERR_INVALID, "the cgroup manager is missing");
}

struct err *plan_encode_early(const struct monitor_plan *p, struct strbuf *ret)
{
    TRY_WRAP(check_early(p), "early plan of a container");
    TRY(wire_put_u32(ret, EARLY_MAGIC));
    return wire_put(ret, early_fields, ARRAY_LEN(early_fields), p);
}

struct err *plan_decode_early(const void *data, size_t len, struct monitor_plan *ret)
{
    AUTO_PLAN struct monitor_plan p = {0};
    struct wire_reader r = {.at = data, .left = len};
    TRY(get_magic(&r, EARLY_MAGIC, "an early plan"));
    TRY(wire_get(&r, early_fields, ARRAY_LEN(early_fields), &p));
    TRY(wire_end(&r));
    TRY(check_early(&p));
    *ret = p;
    p = (struct monitor_plan){0};
    return NULL;
}

static bool same_text(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

bool plan_matches_early(const struct monitor_plan *p, const struct monitor_plan *early)
{
    bool passthrough = p->log_driver && strcmp(p->log_driver, "passthrough") == 0;
    if (p->bundle || p->preserve_fds || passthrough || p->no_keyring || p->no_pivot || p->tty != early->tty ||
        p->interactive != early->interactive || p->runtime_flags.count != early->runtime_flags.count)
        return false;
    for (size_t i = 0; i < p->runtime_flags.count; i++)
        if (strcmp(p->runtime_flags.items[i], early->runtime_flags.items[i]) != 0)
            return false;
    return same_text(p->runtime, early->runtime) && same_text(p->cgroup_manager, early->cgroup_manager);
}

/* --- exec requests --- */

void plan_exec_done(struct monitor_exec *x)
{
    wire_done(exec_fields, ARRAY_LEN(exec_fields), x);
    *x = (struct monitor_exec){0};
}

static struct err *check_exec(const struct monitor_exec *x)
{
    if (!x->id || !ident_is_prefix(x->id))
        return ERR_NEW(ERR_INVALID, "\"%s\" is no exec session id", x->id ? x->id : "");
    if (x->preserve_fds > PLAN_EXEC_PRESERVE_FDS_MAX)
        return ERR_NEW(ERR_UNSUPPORTED, "exec can preserve %u descriptors at most, not %u", PLAN_EXEC_PRESERVE_FDS_MAX,
                       x->preserve_fds);
    if (x->rows > PLAN_SIZE_MAX || x->cols > PLAN_SIZE_MAX)
        return ERR_NEW(ERR_INVALID, "a terminal of %u by %u", x->rows, x->cols);
    return NULL;
}

struct err *plan_exec_encode(const struct monitor_exec *x, struct strbuf *ret)
{
    TRY(check_exec(x));
    TRY(wire_put_u32(ret, EXEC_MAGIC));
    return wire_put(ret, exec_fields, ARRAY_LEN(exec_fields), x);
}

struct err *plan_exec_decode(const void *data, size_t len, struct monitor_exec *ret)
{
    struct monitor_exec x = {0};
    struct wire_reader r = {.at = data, .left = len};
    struct err *e = get_magic(&r, EXEC_MAGIC, "an exec request");
    if (!e)
        e = wire_get(&r, exec_fields, ARRAY_LEN(exec_fields), &x);
    if (!e)
        e = wire_end(&r);
    if (!e)
        e = check_exec(&x);
    if (e)
        plan_exec_done(&x);
    else
        *ret = x;
    return e;
}
