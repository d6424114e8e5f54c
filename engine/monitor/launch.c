#include "engine/monitor/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/path.h"
#include "engine/monitor/early.h"
#include "engine/monitor/health.h"
#include "engine/monitor/life.h"
#include "engine/monitor/peer.h"
#include "engine/monitor/report.h"
#include "engine/monitor/runtime_socket.h"
#include "engine/monitor/sealed.h"
#include "engine/monitor/spawnfd.h"

#define LAUNCH_LOG_MAX ((size_t)256 << 10)
#define LAUNCH_TEXT_MAX 4096
#define LAUNCH_FDS_MAX (3 + PLAN_PRESERVE_FDS_MAX)

/* Files of a launch in the private directory: "pid.3" … */
struct launch_name {
    char s[24];
};

static struct launch_name name_of(const struct launch *l, const char *what)
{
    struct launch_name n;
    (void)snprintf(n.s, sizeof(n.s), "%s.%u", what, l->serial);
    return n;
}

/* --- command line --- */

bool launch_runtime_is(const struct server *s, const char *name)
{
    return strstr(path_last(s->plan.runtime), name) != NULL;
}

/* What comes before the verb. */
static struct err *add_globals(const struct launch *l, struct strv *argv)
{
    const struct server *s = l->server;
    const struct strv *flags = &s->plan.runtime_flags;
    TRY(strv_add(argv, path_last(s->plan.runtime)));
    TRY(strv_addf(argv, "--root=%s/state", s->private_path));
    TRY(strv_addf(argv, "--log=%s/%s", s->private_path, name_of(l, "log").s));
    TRY(strv_add(argv, "--log-format=json"));
    if (strcmp(s->cgroup_manager, "systemd") == 0)
        TRY(strv_add(argv, "--systemd-cgroup"));
    else if (launch_runtime_is(s, "crun")) /* runc finds out by itself */
        TRY(strv_addf(argv, "--cgroup-manager=%s", s->cgroup_manager));
    for (size_t i = 0; i < flags->count; i++)
        TRY(strv_addf(argv, "--%s", flags->items[i]));
    return NULL;
}

/* A socket's path has 107 bytes at most, and the private directory's may be longer: then by way of our descriptor. */
static struct err *add_console(const struct launch *l, struct strv *argv)
{
    const struct server *s = l->server;
    struct launch_name name = name_of(l, "console");
    if (strlen(s->private_path) + 1 + strlen(name.s) < sizeof(((struct sockaddr_un *)0)->sun_path))
        return strv_addf(argv, "--console-socket=%s/%s", s->private_path, name.s);
    return strv_addf(argv, "--console-socket=/proc/%d/fd/%d/%s", (int)getpid(), s->private_fd, name.s);
}

static struct err *make_argv(const struct launch *l, uint32_t preserve, struct strv *argv)
{
    const struct server *s = l->server;
    TRY(add_globals(l, argv));
    if (l->what == LAUNCH_DELETE) {
        TRY(strv_add(argv, "delete"));
        TRY(strv_add(argv, "--force"));
        return strv_add(argv, s->plan.id);
    }
    if (l->what == LAUNCH_UPDATE) {
        TRY(strv_add(argv, "update"));
        TRY(strv_addf(argv, "--resources=/proc/%d/fd/%d", (int)getpid(), l->process_fd));
        return strv_add(argv, s->plan.id);
    }
    if (l->what == LAUNCH_GO) {
        TRY(strv_add(argv, "start"));
        return strv_add(argv, s->plan.id);
    }
    bool hold = l->what == LAUNCH_RUN && s->plan.hold && !s->started;
    TRY(strv_add(argv, hold ? "create" : l->what == LAUNCH_RUN ? "run" : "exec"));
    if (!hold)
        TRY(strv_add(argv, "--detach"));
    TRY(strv_addf(argv, "--pid-file=%s/%s", s->private_path, name_of(l, "pid").s));
    if (l->console_fd >= 0)
        TRY(add_console(l, argv));
    if (preserve)
        TRY(strv_addf(argv, "--preserve-fds=%u", preserve));
    if (l->what == LAUNCH_RUN && s->plan.no_keyring)
        TRY(strv_add(argv, "--no-new-keyring"));
    if (l->what == LAUNCH_RUN && s->plan.no_pivot)
        TRY(strv_add(argv, "--no-pivot"));
    if (l->what == LAUNCH_RUN)
        TRY(strv_addf(argv, "--bundle=%s", s->plan.bundle ? s->plan.bundle : s->private_path));
    else
        TRY(strv_addf(argv, "--process=/proc/%d/fd/%d", (int)getpid(), l->process_fd));
    return strv_add(argv, s->plan.id);
}

/* --- start --- */

static struct err *spawn(struct launch *l, const struct job_stdio *io, const int *preserve, uint32_t n_preserve)
{
    AUTO_STRV struct strv argv = STRV_INIT;
    struct proc_fd fds[LAUNCH_FDS_MAX];
    size_t n = 0;
    TRY(make_argv(l, n_preserve, &argv));
    for (int i = 0; i < 3; i++) /* our own 0, 1 and 2 are /dev/null */
        fds[n++] = (struct proc_fd){io && io->fds[i] >= 0 ? io->fds[i] : i, i};
    for (uint32_t i = 0; i < n_preserve; i++)
        fds[n++] = (struct proc_fd){preserve[i], 3 + (int)i};
    struct server *s = l->server;
    if (s->sealed_fd < 0)
        sealed_open(s->plan.runtime, &s->sealed_fd);
    const struct proc_opts opts = {
        .path = s->plan.runtime,
        .exec_fd = s->sealed_fd,
        .argv = argv.items,
        .fds = fds,
        .n_fds = n,
        .default_signals = true,
        /* It may be waiting in open(2) for an early.c that is no more. */
        .parent_death_signal = l->what == LAUNCH_RUN ? SIGKILL : 0,
    };
    TRY_WRAP(proc_spawn(&opts, &l->runtime), "OCI runtime");
    err_drop(launch_watch(l)); /* without it nothing is worse than it was */
    return NULL;
}

static struct err *console_event(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct launch *l = arg;
    int master = -1;
    (void)events;
    struct err *e = console_receive(fd, &master);
    if (master >= 0) {
        const struct server *s = l->server;
        const struct monitor_size size = {
            .rows = (uint16_t)(l->what == LAUNCH_RUN ? s->plan.rows : l->exec.rows),
            .cols = (uint16_t)(l->what == LAUNCH_RUN ? s->plan.cols : l->exec.cols),
        };
        job_take_terminal(l->job, master);
        job_resize(l->job, size);
    }
    if (e || master >= 0) {
        loop_remove(src);
        l->console_src = NULL;
    }
    err_drop(e); /* the runtime fails by itself, or launch_ended() misses the terminal */
    return NULL;
}

static struct err *launch_new(struct server *s, enum launch_what what, struct job *j, struct launch **ret)
{
    struct launch *l = mem_zalloc(sizeof(*l));
    if (!l)
        return err_oom();
    *l = (struct launch){.server = s, .what = what, .job = j, .runtime = PROC_INIT, .console_fd = -1, .process_fd = -1};
    l->serial = s->launch_serial++;
    struct err *e = NULL;
    if (j && j->tty)
        e = runtime_socket_listen(s->private_fd, name_of(l, "console").s, 1, &l->console_fd);
    if (!e && l->console_fd >= 0)
        e = loop_add_fd(s->loop, l->console_fd, EPOLLIN, console_event, l, &l->console_src);
    l->next = s->launches;
    s->launches = l;
    if (e)
        launch_free(l);
    else
        *ret = l;
    return e;
}

void launch_free(struct launch *l)
{
    static const char *const files[] = {"log", "pid", "console"};
    struct server *s = l->server;
    for (struct launch **at = &s->launches; *at; at = &(*at)->next) {
        if (*at == l) {
            *at = l->next;
            break;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        (void)unlinkat(s->private_fd, name_of(l, files[i]).s, 0);
    loop_remove(l->console_src);
    loop_remove(l->watch_src);
    fd_close(l->console_fd);
    fd_close(l->process_fd);
    fd_close(l->runtime.pidfd); /* reaped by reap.c */
    plan_exec_done(&l->exec);
    mem_freep(&l);
}

static struct err *run_stdio(struct server *s, struct job *j, struct job_stdio *ret)
{
    if (j->tty)
        return NULL;
    if (!server_is_passthrough(s))
        return job_open_pipes(j, ret);
    for (int i = 0; i < 3; i++)
        TRY(fd_duplicate(SPAWN_FD_STDIO + i, &ret->fds[i]));
    return NULL;
}

struct err *launch_run(struct server *s, struct job *j, struct launch **ret)
{
    struct job_stdio io = {{-1, -1, -1}};
    struct launch *l = NULL;
    int preserve[PLAN_PRESERVE_FDS_MAX];
    for (uint32_t i = 0; i < s->plan.preserve_fds; i++)
        preserve[i] = SPAWN_FD_PRESERVE + (int)i;
    struct err *e = run_stdio(s, j, &io);
    if (!e)
        e = launch_new(s, LAUNCH_RUN, j, &l);
    if (!e)
        e = spawn(l, &io, preserve, s->plan.preserve_fds);
    job_stdio_done(&io);
    if (e && l)
        launch_free(l);
    if (!e && ret)
        *ret = l;
    return e;
}

struct err *launch_exec(struct server *s, struct job *j, struct monitor_exec *take_x, struct peer *requester,
                        int process_fd, const int *preserve)
{
    struct job_stdio io = {{-1, -1, -1}};
    struct launch *l = NULL;
    struct err *e = launch_new(s, LAUNCH_EXEC, j, &l);
    if (e) {
        plan_exec_done(take_x);
        return e;
    }
    l->exec = *take_x;
    *take_x = (struct monitor_exec){0};
    l->requester = requester;
    e = fd_duplicate(process_fd, &l->process_fd);
    if (!e && !j->tty)
        e = job_open_pipes(j, &io);
    if (!e)
        e = spawn(l, &io, preserve, l->exec.preserve_fds);
    job_stdio_done(&io);
    if (e)
        launch_free(l);
    return e;
}

/* One that has no process of its own to make. */
static struct err *launch_plain(struct server *s, enum launch_what what)
{
    struct launch *l = NULL;
    TRY(launch_new(s, what, NULL, &l));
    struct err *e = spawn(l, NULL, NULL, 0);
    if (e)
        launch_free(l);
    return e;
}

struct err *launch_go(struct server *s)
{
    return launch_plain(s, LAUNCH_GO);
}

struct err *launch_delete(struct server *s)
{
    return launch_plain(s, LAUNCH_DELETE);
}

struct err *launch_update(struct server *s, struct peer *requester, int resources_fd)
{
    struct launch *l = NULL;
    TRY(launch_new(s, LAUNCH_UPDATE, NULL, &l));
    l->requester = requester;
    struct err *e = fd_duplicate(resources_fd, &l->process_fd);
    if (!e)
        e = spawn(l, NULL, NULL, 0);
    if (e)
        launch_free(l);
    return e;
}

void launch_forget_peer(struct server *s, const struct peer *p)
{
    for (struct launch *l = s->launches; l; l = l->next) {
        if (l->requester == p)
            l->requester = NULL;
    }
}

/* --- end --- */

/* Why it failed: its log, else what it wrote to stderr, else how it ended. */
static struct err *failure(const struct launch *l, int status)
{
    const struct server *s = l->server;
    const char *name = path_last(s->plan.runtime);
    AUTO_FREE char *log = NULL, *msg = NULL;
    char text[LAUNCH_TEXT_MAX] = "";
    struct err *e = file_read(s->private_fd, name_of(l, "log").s, LAUNCH_LOG_MAX, &log, NULL);
    if (!e)
        e = runtime_error_from_log(log, &msg);
    err_drop(e);
    if (msg && *msg)
        return runtime_error(name, msg);
    if (l->stuck)
        return ERR_NEW(ERR_INTERNAL, "%s lost one of its own processes, which was killed: OCI runtime error", name);
    if (l->job && !l->job->tty)
        stream_drain_text(&l->job->err, text, sizeof(text));
    if (*text)
        return runtime_error(name, text);
    if (WIFSIGNALED(status))
        return ERR_NEW(ERR_INTERNAL, "%s was killed by signal %d: OCI runtime error", name, WTERMSIG(status));
    return ERR_NEW(ERR_INTERNAL, "%s ended with code %d and no word: OCI runtime error", name, WEXITSTATUS(status));
}

/* The process that the runtime announces, and its terminal. */
static struct err *take_process(struct launch *l, pid_t *ret_pid)
{
    struct server *s = l->server;
    AUTO_FREE char *text = NULL;
    int64_t pid = 0;
    TRY_WRAP(file_read(s->private_fd, name_of(l, "pid").s, 64, &text, NULL), "pid file of the OCI runtime");
    text[strcspn(text, "\n")] = '\0';
    TRY_WRAP(number_parse_i64(text, 2, INT32_MAX, &pid), "pid file of the OCI runtime");
    if (l->console_src) /* sent, but not seen by the loop yet */
        TRY(console_event(l->console_src, l->console_fd, 0, l));
    if (l->job->tty && l->job->out.fd < 0)
        return ERR_NEW(ERR_INTERNAL, "the OCI runtime sent no terminal");
    *ret_pid = (pid_t)pid;
    return NULL;
}

static void tell_exec_started(const struct launch *l)
{
    struct job *j = l->job;
    struct peer *p = l->requester;
    const struct monitor_started started = {.started_nsec = j->exit.started_nsec, .host_pid = j->pid};
    const struct monitor_attach a = {
        .no_stdin = l->exec.no_stdin, .no_stdout = l->exec.no_stdout, .no_stderr = l->exec.no_stderr};
    if (!p)
        return;
    peer_send(p, MONITOR_STARTED, &started, sizeof(started), NULL, 0);
    if (l->exec.attach)
        request_attach(p, j, &a);
}

/* `early`: it has ended already, and was reaped before we knew it. */
static struct err *succeeded(struct launch *l, bool early, int status)
{
    struct server *s = l->server;
    struct job *j = l->job;
    if (l->what == LAUNCH_RUN)
        TRY(life_started(s));
    else
        tell_exec_started(l);
    if (l->what == LAUNCH_EXEC && !j->is_probe)
        report_event(s, "exec"); /* its client has its answer already */
    if (early)
        job_ended(j, status);
    else
        job_update(j);
    return NULL;
}

static struct err *failed(struct launch *l, struct err *take_e)
{
    if (l->what == LAUNCH_RUN)
        return life_start_failed(l->server, take_e);
    if (l->job->is_probe)
        health_failed(l->server, take_e);
    else if (l->requester)
        peer_send_error(l->requester, take_e);
    else
        err_drop(take_e);
    job_free(l->job);
    return NULL;
}

static void updated(struct launch *l, int status)
{
    bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    struct err *e = ok ? NULL : failure(l, status);
    if (l->requester && e)
        peer_send_error(l->requester, e);
    else if (l->requester)
        peer_send(l->requester, MONITOR_OK, NULL, 0, NULL, 0);
    else
        err_drop(e);
    launch_free(l);
}

static struct err *went(struct launch *l, int status)
{
    struct server *s = l->server;
    bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    struct err *e = ok ? NULL : failure(l, status);
    launch_free(l);
    return e ? life_go_failed(s, e) : life_gone_on(s);
}

struct err *launch_ended(struct launch *l, int status)
{
    struct err *e = NULL;
    bool early = false;
    pid_t pid = 0;
    int end = 0;
    l->runtime.pidfd = fd_close(l->runtime.pidfd);
    l->runtime.pid = 0;
    if (l->what == LAUNCH_DELETE) {
        launch_free(l);
        return NULL;
    }
    if (l->what == LAUNCH_UPDATE) {
        updated(l, status);
        return NULL;
    }
    if (l->what == LAUNCH_GO)
        return went(l, status);
    if (l == l->server->early)
        return early_ended(l->server);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        e = failure(l, status);
    else
        e = take_process(l, &pid);
    if (!e) {
        early = reap_was_orphan(l->server, pid, &end);
        e = job_started(l->job, pid, early);
        if (e)
            (void)kill(pid, SIGKILL); /* our child, not reaped yet */
    }
    e = e ? failed(l, e) : succeeded(l, early, end);
    life_trim_later(l->server);
    launch_free(l);
    return e;
}
