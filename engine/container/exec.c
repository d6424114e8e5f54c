/* exec: another process in a running container. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/ident.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/container/ids.h"
#include "engine/container/internal.h"
#include "engine/container/oci.h"
#include "engine/container/user.h"
#include "engine/engine.h"
#include "engine/image/image.h"
#include "engine/monitor/attach.h"
#include "engine/monitor/client.h"
#include "rootless/session.h"

struct execution {
    struct engine *e;
    struct container *c;
    const struct exec_opts *opts;
    struct monitor *m;
    struct image_config config;
    struct oci_user user;
    struct monitor_exec request;
    struct ident id;
    int root_fd;
    int process_fd; /* memfd with process.json */
};

static void execution_done(struct execution *x)
{
    monitor_free(x->m);
    image_config_done(&x->config);
    oci_user_done(&x->user);
    plan_exec_done(&x->request);
    x->root_fd = fd_close(x->root_fd);
    x->process_fd = fd_close(x->process_fd);
}

static struct err *connect(struct execution *x)
{
    struct monitor_namespaces ns = {-1, -1, -1};
    struct err *err = monitor_connect(engine_run_dir(x->e), x->c->id, &x->m);
    if (!err)
        err = monitor_namespaces(x->m, &ns);
    if (err && err_kind(err) == ERR_STATE) {
        err_drop(err);
        return ERR_NEW(ERR_STATE, "can only create exec sessions on running containers: container state improper");
    }
    TRY(err);
    fd_close(ns.mntns_fd);
    fd_close(ns.pidfd);
    x->root_fd = ns.root_fd;
    return NULL;
}

/* The user as asked for, else the container's own. Files in the root may have changed since the start. */
static struct err *settle_user(struct execution *x)
{
    const struct container_spec *spec = &x->c->spec;
    const char *user = x->opts->user;
    AUTO_FREE char *own = NULL;
    if (!user || !*user)
        user = spec->user ? spec->user : x->config.user;
    if ((!user || !*user) && container_spec_keeps_id(spec)) {
        const struct session *s = engine_session(x->e);
        TRY(mem_asprintf(&own, "%u:%u", s->host_uid, s->host_gid));
        user = own;
    }
    return user_lookup(x->root_fd, user ? user : "", &spec->group_add, &x->user);
}

static struct err *check_workdir(const struct execution *x)
{
    AUTO_FD int fd = -1;
    if (!x->opts->workdir)
        return NULL;
    /* Volumes are mounted in the container's namespace, not under the root that we see: only what is plainly absent
     * from both is refused here, the rest is the runtime's to tell. */
    struct err *err = path_open_in_root(x->root_fd, x->opts->workdir, O_PATH | O_CLOEXEC, 0, &fd);
    for (size_t i = 0; err && i < x->c->spec.n_mounts; i++)
        if (path_is_below(x->opts->workdir, x->c->spec.mounts[i].target)) {
            err_drop(err);
            return NULL;
        }
    if (err && err_kind(err) == ERR_NOT_FOUND && strncmp(x->opts->workdir, "/proc", 5) != 0 &&
        strncmp(x->opts->workdir, "/dev", 4) != 0 && strncmp(x->opts->workdir, "/sys", 4) != 0) {
        err_drop(err);
        return ERR_NEW(ERR_NO_COMMAND, "workdir \"%s\" does not exist on container %s", x->opts->workdir, x->c->id);
    }
    err_drop(err);
    return NULL;
}

static struct err *write_process(struct execution *x)
{
    const struct session *session = engine_session(x->e);
    AUTO_FREE char *json = NULL, *hostname = NULL;
    struct rlimit nofile = {0}, nproc = {0};
    struct ids_choice ids;
    TRY(container_hostname(x->e, x->c, &hostname));
    TRY(ids_choose(x->e, &x->c->spec, x->c->spec.runtime, &ids));
    if (getrlimit(RLIMIT_NOFILE, &nofile) < 0 || getrlimit(RLIMIT_NPROC, &nproc) < 0)
        return ERR_SYS(errno, "exec: resource limits");
    const struct oci_facts facts = {
        .container_id = x->c->id,
        .user = &x->user,
        .ids = ids.ids,
        .hostname = hostname,
        .session_uids = &session->uid_map,
        .session_gids = &session->gid_map,
        .rlimit_nofile_hard = nofile.rlim_max,
        .rlimit_nproc_hard = nproc.rlim_max,
    };
    const struct oci_exec exec = {
        .command = x->opts->command,
        .env = x->opts->env,
        .workdir = x->opts->workdir,
        .user = &x->user,
        .tty = x->opts->tty,
        .privileged = x->opts->privileged,
        .preserve_fds = x->opts->preserve_fds,
    };
    TRY(oci_generate_process(&x->c->spec, &x->config, &facts, &exec, &json));
    return ERR_WRAP(fd_memory("process.json", json, strlen(json), &x->process_fd), "exec");
}

static struct err *fill_request(struct execution *x)
{
    const struct exec_opts *o = x->opts;
    struct monitor_exec *r = &x->request;
    TRY(ident_random(&x->id));
    TRY(mem_strdup(x->id.s, &r->id));
    r->tty = o->tty;
    r->interactive = o->interactive;
    r->attach = !o->detach;
    r->no_stdin = o->io.no_stdin || !o->interactive;
    r->no_stdout = o->io.no_stdout;
    r->no_stderr = o->io.no_stderr;
    r->preserve_fds = o->preserve_fds;
    if (o->tty && !o->detach) {
        struct monitor_size size = monitor_terminal_size(o->io.out_fd);
        r->rows = size.rows;
        r->cols = size.cols;
    }
    return NULL;
}

static struct err *start(struct execution *x)
{
    struct monitor_started started;
    int preserve[PLAN_EXEC_PRESERVE_FDS_MAX];
    if (x->opts->preserve_fds > PLAN_EXEC_PRESERVE_FDS_MAX)
        return ERR_NEW(ERR_INVALID, "exec --preserve-fds: at most %d", PLAN_EXEC_PRESERVE_FDS_MAX);
    AUTO_FD int null = -1;
    TRY(container_preserved(x->opts->preserve_fds, &x->opts->preserve_fd, &null, preserve));
    return monitor_exec(x->m, &x->request, x->process_fd, preserve, &started);
}

static struct err *run(struct execution *x, int *ret_exit)
{
    TRY(connect(x));
    TRY(container_image_config(x->e, x->c, &x->config));
    TRY(settle_user(x));
    TRY(check_workdir(x));
    TRY(write_process(x));
    TRY(fill_request(x));
    TRY(start(x));
    if (x->opts->detach) {
        *ret_exit = 0;
        return NULL;
    }
    struct attach_opts io = x->opts->io;
    io.no_stdin |= !x->opts->interactive;
    if (x->opts->detach_keys)
        io.detach_keys = x->opts->detach_keys;
    bool again;
    return container_attach_loop(x->e, x->c, x->m, &io, ret_exit, &again);
}

struct err *container_exec(struct engine *e, struct container *c, const struct exec_opts *opts, int *ret_exit,
                           char **ret_id)
{
    struct execution x = {.e = e, .c = c, .opts = opts, .root_fd = -1, .process_fd = -1};
    int exit_code = 0;
    TRY(container_load_spec(e, c));
    struct err *err = run(&x, &exit_code);
    if (!err && ret_id)
        err = mem_strdup(x.id.s, ret_id);
    if (!err && ret_exit)
        *ret_exit = exit_code;
    execution_done(&x);
    return err;
}

struct err *container_exec_process(struct engine *e, struct container *c, const struct strv *command, int *ret_fd)
{
    const struct exec_opts opts = {.command = *command};
    struct execution x = {.e = e, .c = c, .opts = &opts, .root_fd = -1, .process_fd = -1};
    struct err *err = connect(&x);
    if (!err)
        err = container_image_config(e, c, &x.config);
    if (!err)
        err = settle_user(&x);
    if (!err)
        err = write_process(&x);
    if (!err)
        *ret_fd = TAKE_FD(x.process_fd);
    execution_done(&x);
    return err;
}
