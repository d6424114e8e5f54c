/* Drives a real coracle-monitor from the command line, for tests/unit/engine/monitor/drive_test.py: what the container
 * module does, with a config.json of the simplest kind. Not installed.
 *
 *     drive WORKDIR start [options] -- ARGS…     options: see `struct settings`
 *     drive WORKDIR attach|stop|kill|wait|state|peek|clear|rotate|record|crowd [argument]
 *     drive WORKDIR exec [options] -- ARGS…
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/ident.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/strbuf.h"
#include "engine/monitor/attach.h"
#include "engine/monitor/client.h"
#include "engine/monitor/record.h"

#define ID "d0d0cafe0000000000000000000000000000000000000000000000000000cafe"

struct settings {
    const char *work, *id, *keys;
    struct monitor_plan plan;
    bool detach, attach, pid_host, quiet, no_clean, wait_start;
    const char *write_config; /* also keep the config here, and don't run */
};

static void fail(struct err *e)
{
    if (!e)
        return;
    fprintf(stderr, "Error: %s\n", err_text(e));
    int code = err_exit_code(e);
    err_drop(e);
    exit(code);
}

static char *in_work(const struct settings *s, const char *name)
{
    char *p = NULL;
    fail(mem_asprintf(&p, "%s/%s", s->work, name));
    return p;
}

static struct err *put_process(struct strbuf *sb, char **args, bool tty)
{
    TRY(strbuf_printf(sb, "{\"terminal\":%s,\"user\":{\"uid\":0,\"gid\":0},\"cwd\":\"/\",\"args\":[",
                      tty ? "true" : "false"));
    for (char **a = args; *a; a++) {
        if (a != args)
            TRY(strbuf_putc(sb, ','));
        TRY(strbuf_put_json(sb, *a, strlen(*a)));
    }
    return strbuf_puts(sb,
                       "],\"env\":[\"PATH=/bin:/usr/bin\",\"TERM=xterm\"],\"noNewPrivileges\":false,\"capabilities\":"
                       "{\"bounding\":[\"CAP_KILL\"],\"effective\":[\"CAP_KILL\"],\"permitted\":[\"CAP_KILL\"]}}");
}

#define MOUNT(target, type, options) \
    "{\"destination\":\"" target "\",\"type\":\"" type "\",\"source\":\"" type "\",\"options\":[" options "]}"

static struct err *put_config(struct strbuf *sb, const struct settings *s, char **args, const char *root)
{
    TRY(strbuf_puts(sb, "{\"ociVersion\":\"1.0.2\",\"process\":"));
    TRY(put_process(sb, args, s->plan.tty));
    TRY(strbuf_printf(sb, ",\"root\":{\"path\":\"%s\"},\"hostname\":\"drive\",\"mounts\":[", root));
    /* A new procfs takes rights over the pid namespace that it shows. */
    if (s->pid_host)
        TRY(strbuf_puts(sb,
                        "{\"destination\":\"/proc\",\"type\":\"bind\",\"source\":\"/proc\",\"options\":[\"rbind\"]},"));
    else
        TRY(strbuf_puts(sb, MOUNT("/proc", "proc", "") ","));
    TRY(strbuf_puts(sb, MOUNT("/dev", "tmpfs", "\"nosuid\",\"strictatime\",\"mode=755\"") ","));
    TRY(strbuf_puts(sb, MOUNT("/dev/pts", "devpts", "\"newinstance\",\"ptmxmode=0666\"")));
    return strbuf_printf(sb,
                         "],\"linux\":{\"namespaces\":[%s{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"}]}}",
                         s->pid_host ? "" : "{\"type\":\"pid\"},");
}

static int finish(struct settings *s, struct monitor *m, const struct monitor_outcome *o)
{
    if (o->detached) {
        fprintf(stderr, "detached\n");
        return 0;
    }
    if (!s->no_clean && !o->exit.restarting) {
        err_drop(monitor_cleaned(m, false));
        err_drop(record_remove(s->plan.container_dir));
    }
    return o->exit.exit_code;
}

static struct monitor_io our_io(const struct settings *s)
{
    return (struct monitor_io){.in_fd = 0, .out_fd = 1, .err_fd = 2, .detach_keys = s->keys, .sig_proxy = true};
}

static int start(struct settings *s, char **args)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    struct monitor *m = NULL;
    struct monitor_started started;
    struct monitor_outcome outcome = {0};
    AUTO_FD int private_fd = -1;
    char *root = in_work(s, "run/" MONITOR_ROOTFS);
    s->plan.foreground = !s->detach;
    const struct monitor_start_opts o = {.plan = &s->plan, .session_lock_fd = -1};
    fail(monitor_start(&o, &m));
    fail(put_config(&sb, s, args, root));
    fail(monitor_wait_mounted(m, NULL, &private_fd));
    fail(file_write_atomic(private_fd, MONITOR_CONFIG, sb.data, sb.len, 0600, FILE_NOSYNC));
    const struct monitor_attach a = {.no_stdin = !s->plan.interactive, .size = monitor_terminal_size(0)};
    fail(monitor_launch(m, s->detach ? NULL : &a));
    fail(monitor_wait_started(m, !s->detach, &started));
    int code = 0;
    if (s->detach) {
        printf("%d\n", started.host_pid);
    } else {
        const struct monitor_io io = our_io(s);
        fail(monitor_attach(m, &io, &outcome));
        code = finish(s, m, &outcome);
    }
    monitor_free(m);
    free(root);
    return code;
}

static int exec(struct settings *s, char **args)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    struct monitor *m = NULL;
    struct ident id;
    struct monitor_started started;
    struct monitor_outcome outcome = {0};
    fail(ident_random(&id));
    struct monitor_exec x = {.id = id.s,
                             .tty = s->plan.tty,
                             .interactive = s->plan.interactive,
                             .attach = !s->detach,
                             .no_stdin = !s->plan.interactive};
    const struct monitor_size size = monitor_terminal_size(0);
    x.rows = size.rows;
    x.cols = size.cols;
    fail(put_process(&sb, args, x.tty));
    int fd = memfd_create("process", MFD_CLOEXEC);
    fail(fd_write_all(fd, sb.data, sb.len));
    fail(monitor_connect(s->plan.run_dir, s->id, &m));
    fail(monitor_exec(m, &x, fd, NULL, &started));
    int code = 0;
    if (s->detach) {
        printf("%s\n", id.s);
    } else {
        const struct monitor_io io = our_io(s);
        fail(monitor_attach(m, &io, &outcome));
        code = outcome.detached ? 0 : outcome.exit.exit_code;
        if (outcome.detached)
            printf("detached %s\n", id.s);
    }
    monitor_free(m);
    return code;
}

static int attach(struct settings *s, const char *job)
{
    struct monitor *m = NULL;
    struct monitor_outcome outcome = {0};
    struct monitor_attach a = {.no_stdin = !s->plan.interactive, .size = monitor_terminal_size(0)};
    (void)snprintf(a.job, sizeof(a.job), "%s", job ? job : "");
    fail(monitor_connect(s->plan.run_dir, s->id, &m));
    fail(monitor_request_attach(m, &a));
    const struct monitor_io io = our_io(s);
    fail(monitor_attach(m, &io, &outcome));
    int code = outcome.detached ? 0 : outcome.exit.exit_code;
    monitor_free(m);
    return code;
}

static void print_exit(const struct monitor_exit *x)
{
    printf("exit=%d oom=%u restarts=%u by_user=%u timed_out=%u restarting=%u\n", x->exit_code, x->oom_killed,
           x->restart_count, x->by_user, x->timed_out, x->restarting);
}

static int query(const struct settings *s, const char *what, const char *arg)
{
    struct monitor *m = NULL;
    struct monitor_exit x;
    struct monitor_state st;
    struct monitor_exec_state *execs = NULL;
    size_t n = 0;
    int64_t number = 0;
    if (arg && strcmp(what, "wait") != 0)
        fail(number_parse_i64(arg, -1, INT64_MAX, &number));
    fail(monitor_connect(s->plan.run_dir, s->id, &m));
    if (strcmp(what, "kill") == 0) {
        fail(monitor_kill(m, arg ? (int)number : 9));
    } else if (strcmp(what, "stop") == 0) {
        fail(monitor_stop(m, 0, arg ? number * 1000000 : -1, &x));
        print_exit(&x);
    } else if (strcmp(what, "wait") == 0) {
        fail(monitor_wait(m, arg, &x));
        print_exit(&x);
    } else if (strcmp(what, "rotate") == 0) {
        fail(monitor_reopen_log(m));
    } else if (strcmp(what, "namespaces") == 0) {
        struct monitor_namespaces ns;
        fail(monitor_namespaces(m, &ns));
        printf("%d\n", faccessat(ns.root_fd, "bin/sh", F_OK, 0) == 0 && ns.mntns_fd >= 0 && ns.pidfd >= 0);
    } else {
        fail(monitor_query(m, &st, &execs, &n));
        printf("phase=%u pid=%d monitor=%d restarts=%u\n", st.phase, st.host_pid, st.monitor_pid, st.restart_count);
        for (size_t i = 0; i < n; i++)
            printf("exec %s running=%u pid=%d exit=%d\n", execs[i].id, execs[i].running, execs[i].host_pid,
                   execs[i].exit_code);
        free(execs);
    }
    monitor_free(m);
    return 0;
}

/* So many clients at once, each of which asks, the first one last. */
static int crowd(const struct settings *s, const char *arg)
{
    int64_t n = 0;
    fail(number_parse_i64(arg, 1, 4096, &n));
    fd_want((size_t)n + 64);
    struct monitor **m = calloc((size_t)n, sizeof(struct monitor *));
    if (!m)
        fail(err_oom());
    for (int64_t i = 0; i < n; i++)
        fail(monitor_connect(s->plan.run_dir, s->id, &m[i]));
    for (int64_t i = n - 1; i >= 0; i--) {
        struct monitor_state st;
        struct monitor_exec_state *execs = NULL;
        size_t n_execs = 0;
        fail(monitor_query(m[i], &st, &execs, &n_execs));
        free(execs);
    }
    for (int64_t i = 0; i < n; i++)
        monitor_free(m[i]);
    free(m);
    return 0;
}

static int peek(const struct settings *s)
{
    struct monitor_state st;
    fail(monitor_peek(s->plan.run_dir, s->id, &st));
    printf("phase=%u pid=%d monitor=%d restarts=%u\n", st.phase, st.host_pid, st.monitor_pid, st.restart_count);
    return 0;
}

static int record(const struct settings *s)
{
    struct monitor_exit x;
    char *error = NULL;
    fail(record_read(s->plan.container_dir, &x, &error));
    print_exit(&x);
    if (error)
        printf("error=%s\n", error);
    free(error);
    return 0;
}

static void set_defaults(struct settings *s)
{
    struct monitor_plan *p = &s->plan;
    if (!p->id)
        fail(mem_strdup(s->id, &p->id));
    p->run_dir = in_work(s, "run");
    p->container_dir = in_work(s, "containers/" ID);
    fail(mem_strdup("drive", &p->name));
    p->root.layers_dir = in_work(s, "layers");
    p->root.upper_dir = in_work(s, "containers/" ID);
    fail(mem_strdup("overlay", &p->root.driver));
    fail(strv_add(&p->root.layers, "base"));
    p->stop_timeout_nsec = 10 * INT64_C(1000000000);
    fail(file_mkdirs(p->run_dir, 0700));
    fail(file_mkdirs(p->container_dir, 0700));
    if (!p->runtime)
        fail(mem_strdup("/usr/bin/crun", &p->runtime));
}

static void set_option(struct settings *s, const char *name, const char *value)
{
    struct monitor_plan *p = &s->plan;
    int64_t n = 0;
    if (strcmp(name, "runtime") == 0)
        fail(mem_replace(&p->runtime, value));
    else if (strcmp(name, "id") == 0)
        s->id = value;
    else if (strcmp(name, "keys") == 0)
        s->keys = value;
    else if (strcmp(name, "log") == 0)
        fail(mem_replace(&p->log_driver, value));
    else if (strcmp(name, "pidfile") == 0)
        fail(mem_replace(&p->pidfile, value));
    else if (strcmp(name, "session") == 0)
        fail(mem_replace(&p->session_dir, value));
    else if (strcmp(name, "exit-command") == 0)
        fail(strv_split(value, ' ', &p->exit_command));
    else if (strcmp(name, "cgroup-manager") == 0)
        fail(mem_replace(&p->cgroup_manager, value));
    else
        fail(number_parse_i64(value, 0, INT64_MAX, &n));
    if (strcmp(name, "log-max") == 0)
        p->log_max_bytes = (uint64_t)n;
    else if (strcmp(name, "restart") == 0)
        p->restart = (uint32_t)n;
    else if (strcmp(name, "restart-max") == 0)
        p->restart_max = (uint32_t)n;
    else if (strcmp(name, "timeout-ms") == 0)
        p->timeout_nsec = n * 1000000;
    else if (strcmp(name, "preserve-fds") == 0)
        p->preserve_fds = (uint32_t)n;
}

static char **parse(struct settings *s, int argc, char **argv)
{
    int i = 0;
    for (; i < argc && argv[i][0] == '-'; i++) {
        const char *a = argv[i];
        if (strcmp(a, "--") == 0)
            return argv + i + 1;
        if (strcmp(a, "-t") == 0)
            s->plan.tty = true;
        else if (strcmp(a, "-i") == 0)
            s->plan.interactive = true;
        else if (strcmp(a, "-d") == 0)
            s->detach = true;
        else if (strcmp(a, "--pid-host") == 0)
            s->pid_host = true;
        else if (strcmp(a, "--rm") == 0)
            s->plan.auto_remove = s->plan.root.is_volatile = true;
        else if (strcmp(a, "--no-clean") == 0)
            s->no_clean = true;
        else if (i + 1 < argc && strncmp(a, "--", 2) == 0)
            set_option(s, a + 2, argv[++i]);
    }
    return argv + i;
}

int main(int argc, char **argv)
{
    struct settings s = {.work = argc > 1 ? argv[1] : "", .id = ID};
    if (argc < 3)
        return 2;
    const char *what = argv[2];
    char **args = parse(&s, argc - 3, argv + 3);
    const char *arg = args - argv < argc ? args[0] : NULL;
    set_defaults(&s);
    int code;
    if (strcmp(what, "start") == 0)
        code = start(&s, args);
    else if (strcmp(what, "exec") == 0)
        code = exec(&s, args);
    else if (strcmp(what, "attach") == 0)
        code = attach(&s, arg);
    else if (strcmp(what, "crowd") == 0 && arg)
        code = crowd(&s, arg);
    else if (strcmp(what, "peek") == 0)
        code = peek(&s);
    else if (strcmp(what, "record") == 0)
        code = record(&s);
    else if (strcmp(what, "clear") == 0) {
        fail(monitor_clear_leftovers(s.plan.run_dir, s.id));
        code = 0;
    } else
        code = query(&s, what, arg);
    plan_done(&s.plan);
    return code;
}
