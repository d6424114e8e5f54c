/* Starting a container. The order matters for speed: the monitor mounts the root while we resolve mounts and users. */
#include "engine/container/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "engine/container/internal.h"
#include "engine/container/pod_row.h"
#include "engine/container/user.h"
#include "engine/engine.h"
#include "engine/monitor/attach.h"
#include "rootless/session.h"

static void release_packed(struct start *s)
{
    if (s->packed_fd > 0)
        (void)fd_close(s->packed_fd);
    s->packed_fd = 0;
}

void start_done(struct start *s)
{
    release_packed(s);
    if (s->userns_fd > 0)
        (void)fd_close(s->userns_fd);
    image_free(s->image);
    image_config_done(&s->config);
    plan_done(&s->plan);
    strv_done(&s->layer_dirs);
    mem_freep(&s->pod_cgroup);
    s->root_fd = fd_close(s->root_fd);
    s->private_fd = fd_close(s->private_fd);
    idmap_done(&s->ct_uids);
    idmap_done(&s->ct_gids);
    oci_user_done(&s->user);
    for (size_t i = 0; i < s->n_mounts; i++) {
        mem_freep(&s->mounts[i].source);
        mem_freep(&s->mounts[i].target);
        mem_freep(&s->mounts[i].type);
        strv_done(&s->mounts[i].options);
    }
    mem_freep(&s->mounts);
    strv_done(&s->paths);
    mem_freep(&s->throttles);
    json_decref(s->hooks);
    json_decref(s->precreate);
    strv_done(&s->device_groups);
    strv_done(&s->facts.device_env);
    strv_done(&s->facts.cgroup_controllers);
    strv_done(&s->facts.cgroup_lacking);
    strv_done(&s->facts.secret_env);
    strv_done(&s->facts.host_devices);
    mem_freep(&s->config_json);
    network_options_done(&s->network);
    for (size_t i = 0; s->joins && i < s->places.count; i++)
        strbuf_done(&s->joins[i]);
    mem_freep(&s->joins);
    network_place_list_done(&s->places);
    strv_done(&s->resolvers);
    mem_freep(&s->publish);
}

struct err *start_keep(struct start *s, const char **ret, const char *fmt, ...)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    va_list ap;
    va_start(ap, fmt);
    struct err *err = strbuf_vprintf(&sb, fmt, ap);
    va_end(ap);
    TRY(err);
    TRY(strv_add(&s->paths, strbuf_str(&sb)));
    *ret = s->paths.items[s->paths.count - 1];
    return NULL;
}

struct err *start_load_image(struct start *s)
{
    if (!s->c->image_id)
        return NULL;
    if (s->c->read) {
        s->image = TAKE_PTR(s->c->read->image);
        s->config = s->c->read->config;
        mem_freep(&s->c->read);
    } else {
        TRY(container_find_image(s->e, s->c, &s->image));
        TRY(image_read_config(s->e, s->image, &s->config));
    }
    return image_layers_ready(s->e, &s->image->layer_dirs, &s->layer_dirs, &s->packed_fd);
}

/* The monitor writes it when the container runs, and nobody would hear of a failure then. */
static struct err *check_pidfile(const struct start *s, const struct container_start_opts *opts)
{
    const char *path = s->c->spec.pidfile;
    AUTO_FREE char *dir = NULL;
    if (!path || opts->pidfile_fd > 0)
        return NULL;
    TRY(mem_strndup(path, (size_t)(path_last(path) - path), &dir));
    if (access(dir, W_OK | X_OK) < 0)
        return ERR_SYS(errno, "--pidfile %s: write there from within the user namespace", path);
    return NULL;
}

/* Everything that needs no mounted root. */
static struct err *prepare(struct start *s, const struct container_start_opts *opts)
{
    TRY(check_pidfile(s, opts));
    TRY(start_load_image(s));
    TRY(engine_cgroup(s->e, &s->cgroup));
    TRY(start_settle_userns(s));
    TRY(start_settle_network(s));
    TRY(start_settle_cdi(s));
    TRY(start_fill_plan(s, opts));
    TRY(start_settle_hooks(s));
    return start_settle_health(s);
}

/* The working directory: the image's is made when it is missing, the user's must be there. */
static struct err *check_workdir(struct start *s)
{
    const struct container_spec *spec = &s->c->spec;
    const char *dir = spec->workdir ? spec->workdir : s->config.workdir;
    AUTO_FD int fd = -1;
    if (!dir || !*dir || strcmp(dir, "/") == 0)
        return NULL;
    struct err *err = path_open_in_root(s->root_fd, dir, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, &fd);
    if (err && err_errno(err) == ENOTDIR) {
        err_drop(err);
        return ERR_NEW(ERR_CANNOT_EXEC, "workdir \"%s\" is not a directory", dir);
    }
    if (!err || err_kind(err) != ERR_NOT_FOUND)
        return ERR_WRAP(err, "workdir %s", dir);
    err_drop(err);
    for (size_t i = 0; i < spec->n_mounts; i++)
        if (path_is_below(dir, spec->mounts[i].target))
            return NULL; /* a mount will bring it */
    if (spec->workdir)
        return ERR_NEW(ERR_CANNOT_EXEC, "workdir \"%s\" does not exist on container %s", dir, s->c->id);
    return path_mkdir_in_root(s->root_fd, dir, 0755, &fd);
}

static struct err *write_config(struct start *s)
{
    AUTO_STRV struct strv notices = STRV_INIT;
    TRY_WRAP(oci_generate(&s->c->spec, &s->config, &s->facts, &notices, &s->config_json), "container %s", s->c->name);
    for (size_t i = 0; i < notices.count; i++)
        TRY(engine_notice(s->e, "%s", notices.items[i]));
    TRY(start_run_precreate(s));
    AUTO_FD int fd = openat(s->private_fd, MONITOR_CONFIG, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return ERR_SYS(errno, "create config.json");
    return fd_write_all(fd, s->config_json, strlen(s->config_json));
}

/* From the mounted root to a config.json. */
static struct err *configure(struct start *s)
{
    TRY(check_workdir(s));
    TRY(start_write_files(s));
    TRY(start_write_secrets(s));
    TRY(start_write_subscriptions(s));
    TRY(start_mount_artifacts(s));
    TRY(start_fill_facts(s));
    TRY(start_copy_up(s));
    TRY(start_write_health(s));
    return write_config(s);
}

/* The row says "running" from before the start: whatever is killed from here on, the next command knows that there is
 * something to settle. Not for what `run --rm` makes, which says so from its creation on. */
static struct err *record_start(struct start *s, int64_t started_nsec)
{
    struct store *st = engine_store(s->e);
    AUTO_TX struct store_tx_guard tx = {st};
    TRY(store_begin(st, STORE_WRITE, false));
    TRY(container_mark_started(s->e, s->c->id, started_nsec));
    return store_commit(st);
}

struct err *container_mark_started(struct engine *e, const char *id, int64_t started_nsec)
{
    struct store_stmt *q;
    TRY(store_prepare(engine_store(e),
                      "UPDATE containers SET started_nsec = ?2, finished_nsec = 0, exit_code = 0, oom_killed = 0, "
                      "stopped_by_user = 0, restart_count = 0, error = '' WHERE id = ?1",
                      &q));
    TRY(store_bind(q, "ti", id, started_nsec));
    return store_run(q);
}

/* The start failed: as if it had not been tried. */
static struct err *record_failure(struct start *s)
{
    const struct container *c = s->c;
    struct store *st = engine_store(s->e);
    AUTO_TX struct store_tx_guard tx = {st};
    struct store_stmt *q;
    TRY(store_begin(st, STORE_WRITE, false));
    TRY(store_prepare(st,
                      "UPDATE containers SET started_nsec = ?2, finished_nsec = ?3, exit_code = ?4, oom_killed = ?5, "
                      "error = ?6 WHERE id = ?1",
                      &q));
    TRY(store_bind(q, "tiiiit", c->id, c->started_nsec, c->finished_nsec, (int64_t)c->exit_code, (int64_t)c->oom_killed,
                   c->error ? c->error : ""));
    TRY(store_run(q));
    return store_commit(st);
}

struct telling {
    struct engine *e;
    struct container *c;
};

static struct err *tell_started(void *arg)
{
    const struct telling *t = arg;
    struct store *st = engine_store(t->e);
    AUTO_TX struct store_tx_guard tx = {st};
    if (t->c->untold == CT_ALL_TOLD)
        return NULL;
    TRY(store_begin(st, STORE_WRITE, false));
    TRY(container_event_started(t->e, t->c));
    return store_commit(st);
}

/* The start of what we are attached to is told when it has lasted for a moment, or together with its end. */
static struct err *note_started(struct start *s, const struct monitor_started *started, bool attached)
{
    bool was_initialized = s->c->state == CT_INITIALIZED, hold = s->plan.hold;
    s->c->state = hold ? CT_INITIALIZED : CT_RUNNING;
    s->c->started_nsec = hold ? 0 : started->started_nsec;
    s->c->finished_nsec = 0;
    s->c->host_pid = started->host_pid;
    s->c->untold =
        (was_initialized ? 0u : CT_INIT_UNTOLD) | (hold ? 0u : CT_START_UNTOLD) | (attached ? CT_ATTACH_UNTOLD : 0u);
    struct telling t = {s->e, s->c};
    return attached ? NULL : tell_started(&t);
}

/* stdin of the attached side counts only with -i, as in Podman. */
static struct monitor_attach attach_request(const struct container_spec *spec, const struct attach_opts *io)
{
    struct monitor_attach a = {
        .no_stdin = io->no_stdin || !spec->interactive,
        .no_stdout = io->no_stdout,
        .no_stderr = io->no_stderr,
    };
    if (spec->tty)
        a.size = monitor_terminal_size(io->out_fd);
    return a;
}

struct err *container_attach_loop(struct engine *e, struct container *c, struct monitor *m,
                                  const struct attach_opts *io, int *ret_exit, bool *ret_again)
{
    struct telling t = {e, c};
    const struct monitor_io mio = {
        .in_fd = io->no_stdin ? -1 : io->in_fd,
        .out_fd = io->out_fd,
        .err_fd = io->err_fd,
        .detach_keys = io->detach_keys ? io->detach_keys : c->spec.detach_keys,
        .sig_proxy = io->sig_proxy,
        .lasting = c->untold == CT_ALL_TOLD ? NULL : tell_started,
        .lasting_arg = &t,
    };
    struct monitor_outcome outcome;
    struct err *err = monitor_attach(m, &mio, &outcome);
    if (err)
        err_drop(tell_started(&t));
    TRY(err);
    *ret_exit = outcome.detached ? -1 : outcome.exit.exit_code;
    *ret_again = !outcome.detached && outcome.exit.restarting;
    return NULL;
}

/* After the end of a foreground run: what the monitor would have an extra process do. */
static struct err *finish(struct start *s, struct monitor *m, bool remove, int exit_code)
{
    AUTO_FD int lock = -1;
    TRY(container_lock_wait(s->e, s->c->id, &lock));
    s->c->exit_code = exit_code;
    s->c->finished_nsec = timefmt_now();
    struct err *err = remove ? container_forget(s->e, s->c, true) : container_record_exit(s->e, s->c);
    container_unlock(s->e, s->c->id, TAKE_FD(lock));
    struct err *told = monitor_cleaned(m, remove && !err);
    if (told && remove && !err) /* it was killed meanwhile */
        err = container_remove_directory(s->e, s->c->id);
    err_drop(told);
    return err || !s->c->spec.pod_stop ? err : pod_row_ended(s->e, s->c->spec.pod);
}

/* For root, whose session is another user to its files; restarts by the monitor find the file by its path, or not. */
static struct err *write_pidfile(const struct start *s, int fd, pid_t pid)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "%d", (int)pid);
    if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n)
        return ERR_SYS(errno, "write %s", s->c->spec.pidfile);
    return NULL;
}

/* The monitor unmounts the root when the container has ended. If that isn't the last of it, who comes later takes the
 * file system apart, and whoever removes its directories meanwhile spins in the kernel till that is done. */
static void let_go(struct start *s)
{
    s->root_fd = fd_close(s->root_fd);
    s->private_fd = fd_close(s->private_fd);
}

/* While the runtime works. */
static void use_time(struct start *s, const struct container_start_opts *opts)
{
    let_go(s);
    if (opts->attach && (opts->remove_after || s->c->auto_remove))
        container_forget_prepare(s->e);
}

/* From its launch on, or the later start of what was initialized (`go`). */
static struct err *run_through(struct start *s, const struct container_start_opts *opts, struct monitor *m, bool go,
                               int *ret_exit)
{
    struct monitor_started started;
    struct monitor_attach attach = {0};
    bool again;
    if (opts->attach)
        attach = attach_request(&s->c->spec, &opts->io);
    const struct monitor_attach *asked = opts->attach ? &attach : NULL;
    TRY(start_notify_pid(s));
    TRY(go ? monitor_go(m, asked) : monitor_launch(m, asked));
    use_time(s, opts);
    TRY(monitor_wait_started(m, opts->attach, &started));
    if (!opts->hold)
        TRY(start_notify_ready(s));
    TRY(note_started(s, &started, opts->attach));
    if (opts->pidfile_fd > 0)
        TRY(write_pidfile(s, opts->pidfile_fd, started.host_pid));
    container_unlock(s->e, s->c->id, TAKE_FD(s->c->lock_fd));
    if (!opts->attach)
        return NULL;
    TRY(container_attach_loop(s->e, s->c, m, &opts->io, ret_exit, &again));
    if (again)
        return tell_started(&(struct telling){s->e, s->c});
    return *ret_exit < 0 ? NULL : finish(s, m, opts->remove_after || s->c->auto_remove, *ret_exit);
}

static struct err *run(struct start *s, const struct container_start_opts *opts, struct monitor *m, int *ret_exit)
{
    TRY(monitor_wait_mounted(m, &s->root_fd, &s->private_fd));
    release_packed(s);
    TRY(start_open_userns(s));
    TRY(configure(s));
    return run_through(s, opts, m, false, ret_exit);
}

static struct err *start_initialized(struct start *s, const struct container_start_opts *opts, int *ret_exit)
{
    struct monitor *m = NULL;
    TRY(monitor_connect(engine_run_dir(s->e), s->c->id, &m));
    struct err *err = run_through(s, opts, m, true, ret_exit);
    monitor_free(m);
    return err;
}

static struct err *settle_preserved(const struct start *s, int *fds, int *ret_null)
{
    const struct container_spec *spec = &s->c->spec;
    if (s->plan.preserve_fds > PLAN_PRESERVE_FDS_MAX)
        return ERR_NEW(ERR_INVALID, "--preserve-fds: at most %d", PLAN_PRESERVE_FDS_MAX);
    return container_preserved(s->plan.preserve_fds, &spec->preserve_fd, ret_null, fds);
}

static struct err *start_monitor(struct start *s, const struct container_start_opts *opts, int *ret_exit)
{
    struct monitor *m = NULL;
    int preserve[PLAN_PRESERVE_FDS_MAX];
    AUTO_FD int null = -1;
    if (s->plan.preserve_fds)
        TRY(settle_preserved(s, preserve, &null));
    const struct monitor_start_opts mo = {
        .plan = &s->plan,
        .preserve = preserve,
        .session_lock_fd = engine_session(s->e)->lock_fd,
        .take_spare = engine_take_spare(s->e, s->c->id),
        .network = s->plan.network ? &s->network_head : NULL,
        .uid_map = s->uid_map,
        .gid_map = s->gid_map,
        .userns_fd = s->userns_fd,
        .publish = s->publish,
        .n_publish = s->n_publish,
        .joins = s->joins,
    };
    TRY(monitor_start(&mo, &m));
    s->monitor = m;
    bool recorded = s->recorded || s->c->started_nsec == CONTAINER_STARTING;
    s->recorded = true;
    struct err *err = recorded ? NULL : record_start(s, timefmt_now()); /* while the monitor mounts */
    if (!err)
        err = container_explain_port(s->e, s->c, &s->c->spec.publish, run(s, opts, m, ret_exit));
    monitor_free(m);
    return err;
}

static struct err *start_locked(struct start *s, const struct container_start_opts *opts, int *ret_exit)
{
    TRY(prepare(s, opts));
    struct err *err = start_lease_networks(s);
    if (!err)
        err = start_monitor(s, opts, ret_exit);
    if (err && s->recorded && s->c->started_nsec != CONTAINER_STARTING && s->c->state != CT_RUNNING)
        err_drop(record_failure(s));
    return err;
}

/* Where the host refuses something that the container can do without, once more without it. */
static struct err *start_once(struct start *s, const struct container_start_opts *opts, int *ret_exit)
{
    bool again = false, initialized = s->c->state == CT_INITIALIZED;
    struct err *err = initialized ? start_initialized(s, opts, ret_exit) : start_locked(s, opts, ret_exit);
    monitor_free(engine_take_spare(s->e, s->c->id)); /* it didn't come to that: the lock it holds goes with it */
    if (err && !initialized && s->c->lock_fd >= 0)
        err = start_step_down(s, err, &again);
    struct start next = {.e = s->e, .c = s->c, .root_fd = -1, .private_fd = -1};
    start_done(s);
    if (!again || err)
        return err;
    TRY(container_wait_monitor(next.e, next.c));
    err = start_locked(&next, opts, ret_exit);
    if (err && next.c->lock_fd >= 0)
        err = start_step_down(&next, err, NULL);
    start_done(&next);
    return err;
}

struct err *container_start(struct engine *e, struct container *c, const struct container_start_opts *opts,
                            int *ret_exit)
{
    int ignored;
    struct start s = {.e = e, .c = c, .root_fd = -1, .private_fd = -1};
    TRY(container_load_spec(e, c));
    if (c->lock_fd < 0) {
        TRY(container_lock_wait(e, c->id, &c->lock_fd));
        c->engine = e;
        TRY(container_settle(e, c)); /* an exit that nobody has recorded yet belongs to the run before */
        if (c->gone)
            return container_not_found(c->name);
        if (c->state == CT_PAUSED)
            return ERR_NEW(ERR_STATE,
                           "container %s must be in Created or Stopped state to be started: container state improper",
                           c->id);
        if (c->state == CT_RUNNING) { /* as Podman: nothing to do */
            container_unlock(e, c->id, TAKE_FD(c->lock_fd));
            return opts->attach ? container_attach(e, c, &opts->io, ret_exit ? ret_exit : &ignored) : NULL;
        }
    }
    struct err *err = start_once(&s, opts, ret_exit ? ret_exit : &ignored);
    if (c->lock_fd >= 0)
        container_unlock(e, c->id, TAKE_FD(c->lock_fd));
    return err;
}

struct err *container_init(struct engine *e, struct container *c)
{
    const struct container_start_opts opts = {.hold = true};
    if (c->state != CT_CREATED && c->state != CT_EXITED)
        return ERR_NEW(ERR_STATE, "container %s has already been created in runtime: container state improper", c->id);
    if (c->spec.preserve_fds || c->spec.preserve_fd.count ||
        (c->spec.log_driver && strcmp(c->spec.log_driver, "passthrough") == 0))
        return ERR_NEW(ERR_UNSUPPORTED, "container %s: descriptors of this command would be gone at its start", c->id);
    return container_start(e, c, &opts, NULL);
}

struct err *container_attach(struct engine *e, struct container *c, const struct attach_opts *io, int *ret_exit)
{
    struct monitor *m = NULL;
    bool again;
    TRY(container_load_spec(e, c));
    struct err *err = monitor_connect(engine_run_dir(e), c->id, &m);
    if (err && err_kind(err) == ERR_STATE) {
        err_drop(err);
        return ERR_NEW(ERR_STATE, "you can only attach to running containers");
    }
    TRY(err);
    struct monitor_attach a = attach_request(&c->spec, io);
    err = monitor_request_attach(m, &a);
    if (!err)
        err = container_attach_loop(e, c, m, io, ret_exit, &again);
    monitor_free(m);
    return err;
}
