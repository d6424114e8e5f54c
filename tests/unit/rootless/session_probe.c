/* The smallest command that enters a session, for tests/system/session.bats.
 *
 *   session-probe [--root DIR] [--runroot DIR] [--only-existing] [--refuse-userns] CMD [ARG…]   run CMD in the session
 *   session-probe … --print            what session_enter found, as KEY VALUE lines
 *   session-probe … --time N           enter N times (a process each), print the microseconds of the quickest and the
 * median session-probe … --monitor ID CMD   behave like a monitor: register CMD's process, adopt the session when
 * needed
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/proc.h"
#include "rootless/doctor.h"
#include "rootless/session.h"

enum probe_mode { PROBE_RUN, PROBE_PRINT, PROBE_DOCTOR, PROBE_TIME, PROBE_MONITOR };
struct probe {
    struct session_opts opts;
    enum probe_mode mode;
    const char *arg;
    char **command;
};

/* unshare(2) fails with EPERM, as under a container engine's default filter. */
static struct err *probe_refuse_userns(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog prog = {.len = ARRAY_LEN(code), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
        return ERR_SYS(errno, "install a seccomp filter");
    return NULL;
}

static struct err *probe_parse(char **argv, struct probe *p)
{
    char **a = argv + 1;
    for (; *a && strncmp(*a, "--", 2) == 0; a++) {
        if (strcmp(*a, "--root") == 0 && a[1])
            p->opts.root = *++a;
        else if (strcmp(*a, "--runroot") == 0 && a[1])
            p->opts.runroot = *++a;
        else if (strcmp(*a, "--only-existing") == 0)
            p->opts.only_existing = true;
        else if (strcmp(*a, "--refuse-userns") == 0)
            TRY(probe_refuse_userns());
        else if (strcmp(*a, "--print") == 0)
            p->mode = PROBE_PRINT;
        else if (strcmp(*a, "--doctor") == 0)
            p->mode = PROBE_DOCTOR;
        else if (strcmp(*a, "--time") == 0 && a[1])
            p->mode = PROBE_TIME, p->arg = *++a;
        else if (strcmp(*a, "--monitor") == 0 && a[1])
            p->mode = PROBE_MONITOR, p->arg = *++a;
        else
            return ERR_NEW(ERR_INVALID, "unknown option %s", *a);
    }
    p->command = a;
    if (!*a && (p->mode == PROBE_RUN || p->mode == PROBE_MONITOR))
        return ERR_NEW(ERR_INVALID, "no command given");
    return NULL;
}

static struct err *probe_print(const struct session *s)
{
    AUTO_FREE char *uids = NULL;
    AUTO_FREE char *gids = NULL;
    TRY(idmap_text(&s->uid_map, &uids));
    TRY(idmap_text(&s->gid_map, &gids));
    for (char *c = uids; (c = strchr(c, '\n'));)
        *c = ',';
    for (char *c = gids; (c = strchr(c, '\n'));)
        *c = ',';
    printf(
        "root %s\ndir %s\nrun_dir %s\nhost_uid %u\nhost_gid %u\nsingle %d\nremapped %d\nuids %s\ngids %s\nnotice %s\n",
        s->root, s->session_dir, s->run_dir, s->host_uid, s->host_gid, s->single_id, s->remapped, uids, gids,
        s->notice ? s->notice : "");
    return NULL;
}

static struct err *probe_doctor(const struct session_opts *opts)
{
    struct doctor_report report = {0};
    AUTO_FREE char *json = NULL;
    const struct doctor_opts o = {.root = opts->root, .runroot = opts->runroot};
    TRY(doctor_run(&o, &report));
    struct err *e = doctor_json(&report, &json);
    doctor_report_done(&report);
    if (!e)
        (void)puts(json);
    return e;
}

static int64_t probe_now_nsec(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int probe_compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* One entry in a process of its own; its duration comes through the pipe. */
static struct err *probe_time_one(const struct session_opts *opts, int64_t *ret)
{
    int p[2];
    if (pipe(p) < 0)
        return ERR_SYS(errno, "pipe");
    pid_t pid = fork();
    if (pid == 0) {
        struct session *s = NULL;
        int64_t start = probe_now_nsec();
        struct err *e = session_enter(opts, &s);
        int64_t taken = e ? -1 : probe_now_nsec() - start;
        ssize_t n = write(p[1], &taken, sizeof(taken));
        _exit(e || n < 0);
    }
    (void)close(p[1]);
    struct err *e = fd_read_exact(p[0], ret, sizeof(*ret));
    (void)close(p[0]);
    (void)waitpid(pid, NULL, 0);
    return e ? e : *ret < 0 ? ERR_NEW(ERR_INTERNAL, "an entry failed") : NULL;
}

static struct err *probe_time(const struct probe *p)
{
    uint64_t n = 0;
    TRY(number_parse_u64(p->arg, 100000, &n));
    AUTO_FREE int64_t *all = mem_zalloc((size_t)n * sizeof(*all));
    if (!all || n == 0)
        return err_oom();
    for (uint64_t i = 0; i < n; i++)
        TRY(probe_time_one(&p->opts, &all[i]));
    qsort(all, n, sizeof(*all), probe_compare);
    printf("min %lld median %lld\n", (long long)(all[0] / 1000), (long long)(all[n / 2] / 1000));
    return NULL;
}

static struct err *probe_reconnect(const struct session *s, const char *id, const struct proc *child, int *conn)
{
    *conn = fd_close(*conn);
    TRY(session_adopt(s->session_dir, s->lock_fd, s->mntns_fd));
    TRY(session_connect(s->session_dir, conn));
    return session_register(*conn, id, child->pidfd);
}

/* Until the command ends: when the holder goes, help to replace it and register again. */
static struct err *probe_watch(const struct session *s, const char *id, int *conn, const struct proc *child)
{
    for (;;) {
        struct pollfd p[2] = {{.fd = *conn, .events = POLLIN}, {.fd = child->pidfd, .events = POLLIN}};
        if (poll(p, 2, -1) < 0)
            return ERR_SYS(errno, "poll");
        if (p[1].revents)
            return session_unregister(*conn);
        struct err *e = probe_reconnect(s, id, child, conn);
        for (unsigned i = 0; e && i < 100; i++) { /* the new holder may be killed, too */
            (void)fprintf(stderr, "%s\n", err_text(e));
            err_drop(e);
            (void)usleep(20000);
            e = probe_reconnect(s, id, child, conn);
        }
        TRY(e);
        (void)fprintf(stderr, "adopted\n");
    }
}

static struct err *probe_monitor(const struct probe *p, struct session *s)
{
    AUTO_FD int conn = -1;
    AUTO_PROC struct proc child = PROC_INIT;
    int status = 0;
    struct proc_opts opts = {.path = p->command[0], .argv = p->command};
    s->conn_fd = fd_close(s->conn_fd);
    TRY(proc_spawn(&opts, &child));
    TRY(session_connect(s->session_dir, &conn));
    TRY(session_register(conn, p->arg, child.pidfd));
    printf("registered\n");
    (void)fflush(stdout);
    TRY(probe_watch(s, p->arg, &conn, &child));
    return proc_wait(&child, &status);
}

static struct err *probe_run(char **argv)
{
    struct probe p = {0};
    struct session *s = NULL;
    struct err *e = probe_parse(argv, &p);
    if (!e && p.mode == PROBE_TIME)
        return probe_time(&p);
    if (!e && p.mode == PROBE_DOCTOR)
        return probe_doctor(&p.opts);
    if (!e)
        e = session_enter(&p.opts, &s);
    if (!e && p.mode == PROBE_PRINT)
        e = probe_print(s);
    if (!e && p.mode == PROBE_MONITOR)
        e = probe_monitor(&p, s);
    if (!e && p.mode == PROBE_RUN) {
        if (s->notice)
            (void)fprintf(stderr, "notice: %s\n", s->notice);
        AUTO_PROC struct proc child = PROC_INIT;
        int status = 0;
        struct proc_opts opts = {.path = p.command[0], .argv = p.command};
        e = proc_spawn(&opts, &child);
        if (!e)
            e = proc_wait(&child, &status);
        if (!e && status)
            e = ERR_NEW(ERR_STATE, "%s: exit code %d", p.command[0], proc_exit_code(status));
    }
    session_free(s);
    return e;
}

int main(int argc, char **argv)
{
    (void)argc;
    AUTO_ERR struct err *e = probe_run(argv);
    if (!e)
        return 0;
    (void)fprintf(stderr, "session-probe: %s\n", err_text(e));
    return 125;
}
