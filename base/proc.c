/* Child processes: starting them, waiting, signals. Collecting their output and finding programs: proc_output.c,
 * proc_find.c. */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc_child.h"

/* For the code of proc_child.c; its largest buffer has 2 KiB. Our own caller's stack has room for it, and is idle
 * until the child has called exec. */
#define PROC_CHILD_STACK ((size_t)48 << 10)
/* Far more than anybody passes; keeps the sums below from overflowing. */
#define PROC_FDS_MAX ((size_t)1024)
#define PROC_P_PIDFD ((idtype_t)3) /* P_PIDFD; glibc before 2.36 has no name for it */
#define PROC_MSEC 1000

static int proc_compare_int(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* True when the caller says what the child gets as `to`. */
static bool proc_names_fd(const struct proc_opts *o, int to)
{
    for (size_t i = 0; i < o->n_fds; i++) {
        if (o->fds[i].to == to)
            return true;
    }
    return false;
}

/* Memory of a plan, ours; the plan only points there. */
struct proc_plan_mem {
    char *path;
    struct proc_fd *fds;
    int *keep;
    int null_fd;
};

static void proc_plan_mem_done(struct proc_plan_mem *m)
{
    free(m->path);
    free(m->fds);
    free(m->keep);
    (void)fd_close(m->null_fd);
}
#define AUTO_PLAN_MEM __attribute__((cleanup(proc_plan_mem_done)))

/* The descriptors of the child: those asked for, and /dev/null for 0 unless named. */
static struct err *proc_plan_fds(const struct proc_opts *o, struct proc_plan *p, struct proc_plan_mem *m)
{
    if (o->n_fds > PROC_FDS_MAX)
        return ERR_NEW(ERR_INVALID, "%zu descriptors for a child are too many", o->n_fds);
    /* One more for /dev/null; three more numbers to keep for 1, 2 and exec_fd. */
    m->fds = mem_zalloc((o->n_fds + 1) * sizeof(*m->fds));
    m->keep = mem_zalloc((o->n_fds + 4) * sizeof(*m->keep));
    if (!m->fds || !m->keep)
        return err_oom();
    if (o->n_fds)
        memcpy(m->fds, o->fds, o->n_fds * sizeof(*m->fds));
    p->n_fds = o->n_fds;
    if (!proc_names_fd(o, 0)) {
        m->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (m->null_fd < 0)
            return ERR_SYS(errno, "open /dev/null");
        m->fds[p->n_fds++] = (struct proc_fd){.from = m->null_fd, .to = 0};
    }
    for (size_t i = 0; i < p->n_fds; i++)
        m->keep[p->n_keep++] = m->fds[i].to;
    for (int fd = 1; fd <= 2; fd++) {
        if (!proc_names_fd(o, fd))
            m->keep[p->n_keep++] = fd;
    }
    /* Sorted, so that the child can close the gaps between them. */
    qsort(m->keep, p->n_keep, sizeof(*m->keep), proc_compare_int);
    for (size_t i = 0; i < p->n_keep; i++) {
        if (m->keep[i] < 0 || (i && m->keep[i] == m->keep[i - 1]))
            return ERR_NEW(ERR_INVALID, "descriptor %d of a child is named twice or cannot be", m->keep[i]);
    }
    p->fds = m->fds;
    p->keep = m->keep;
    p->fd_base = m->keep[p->n_keep - 1] + 1;
    return NULL;
}

/* Everything that may fail, allocate or search happens here, before there is a child. */
static struct err *proc_plan_make(const struct proc_opts *o, struct proc_plan *p, struct proc_plan_mem *m)
{
    static char *const no_env[] = {NULL};
    bool by_fd = o->exec_fd > 0;
    if (!o->argv || !o->argv[0] || (!by_fd && !o->path))
        return ERR_NEW(ERR_INVALID, "a child needs a program and its name");
    if (by_fd)
        TRY(mem_strdup(o->path ? o->path : o->argv[0], &m->path));
    else if (strchr(o->path, '/'))
        TRY(mem_strdup(o->path, &m->path));
    else
        TRY(proc_find(o->path, &m->path));
    p->path = m->path;
    p->argv = o->argv;
    p->envp = o->envp ? o->envp : environ ? environ : no_env;
    p->cwd = o->cwd;
    p->exec_fd = by_fd ? o->exec_fd : -1;
    p->new_session = o->new_session;
    p->default_signals = o->default_signals;
    p->parent_death_signal = o->parent_death_signal;
    p->parent = getpid();
    return proc_plan_fds(o, p, m);
}

/* Run the child until it has called exec or failed; pid or negative errno. The array is its stack: CLONE_VFORK suspends
 * us meanwhile, so nothing else uses it, and no memory has to be mapped for every start. */
static __attribute__((noinline)) pid_t proc_clone(struct proc_plan *p, int *ret_pidfd)
{
    _Alignas(64) char stack[PROC_CHILD_STACK];
    sigset_t all;
    int pidfd = -1;
    /* A handler of ours that ran in the child would write to our memory: none may, until they are all reset. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &p->mask);
    pid_t pid =
        clone(proc_child_main, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, p, &pidfd);
    int errnum = errno;
    (void)pthread_sigmask(SIG_SETMASK, &p->mask, NULL);
    if (pid < 0)
        return -errnum;
    *ret_pidfd = pidfd;
    return pid;
}

/* The child wrote where and why into the plan, which is in our memory. */
static struct err *proc_spawn_failed(const struct proc_plan *p)
{
    switch (p->step) {
    case PROC_STEP_FDS:
        return ERR_SYS(p->errnum, "arrange the descriptors of %s", p->path);
    case PROC_STEP_SESSION:
        return ERR_SYS(p->errnum, "detach %s", p->path);
    case PROC_STEP_CWD:
        return ERR_SYS(p->errnum, "change to directory %s for %s", p->cwd, p->path);
    case PROC_STEP_PARENT:
    case PROC_STEP_EXEC:
    default:
        return ERR_SYS(p->errnum, "run %s", p->path);
    }
}

struct err *proc_spawn(const struct proc_opts *opts, struct proc *ret)
{
    AUTO_PLAN_MEM struct proc_plan_mem m = {.null_fd = -1};
    AUTO_PROC struct proc child = PROC_INIT;
    struct proc_plan plan = {.step = PROC_STEP_PARENT};
    TRY(proc_plan_make(opts, &plan, &m));
    pid_t pid = fault_hit(FAULT_SYS) ? -EAGAIN : proc_clone(&plan, &child.pidfd);
    if (pid < 0)
        return ERR_SYS(pid, "start a process for %s", plan.path);
    child.pid = pid;
    /* It is a zombie then; proc_done reaps it. */
    if (plan.errnum) {
        struct err *e = proc_spawn_failed(&plan);
        proc_done(&child);
        return e;
    }
    *ret = child;
    child = (struct proc)PROC_INIT;
    return NULL;
}

/* waitid(2) tells in two fields what waitpid(2) tells in one. */
static int proc_status_of(const siginfo_t *si)
{
    if (si->si_code == CLD_EXITED)
        return (si->si_status & 0xff) << 8;
    return (si->si_status & 0x7f) | (si->si_code == CLD_DUMPED ? 0x80 : 0);
}

struct err *proc_wait(struct proc *p, int *ret_status)
{
    siginfo_t si = {.si_pid = 0};
    if (p->pidfd < 0)
        return ERR_NEW(ERR_STATE, "no process to wait for");
    /* By pidfd (Linux 5.4): the number might be another process's once somebody else has reaped ours. */
    bool by_number = false;
    while (waitid(by_number ? P_PID : PROC_P_PIDFD, by_number ? (id_t)p->pid : (id_t)p->pidfd, &si, WEXITED) < 0) {
        /* EBADF: a directory of /proc (proc_pidfd_open). A child that nobody else reaps keeps its number. */
        if (errno == EBADF && !by_number && p->pid > 0)
            by_number = true;
        else if (errno != EINTR)
            return ERR_SYS(errno, "wait for process %d", (int)p->pid);
    }
    *ret_status = proc_status_of(&si);
    p->pidfd = fd_close(p->pidfd);
    p->pid = 0;
    return NULL;
}

static int64_t proc_now_msec(void)
{
    struct timespec ts = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * PROC_MSEC + ts.tv_nsec / 1000000;
}

struct err *proc_wait_timeout(struct proc *p, int timeout_msec, int *ret_status)
{
    /* A pidfd becomes readable when the process ends (pidfd_open(2)). */
    int64_t end = proc_now_msec() + timeout_msec;
    if (p->pidfd < 0)
        return ERR_NEW(ERR_STATE, "no process to wait for");
    for (;;) {
        struct pollfd pfd = {.fd = p->pidfd, .events = POLLIN};
        int64_t left = timeout_msec < 0 ? -1 : end - proc_now_msec();
        int n = poll(&pfd, 1, timeout_msec < 0 ? -1 : left > 0 ? (int)left : 0);
        if (n > 0)
            return proc_wait(p, ret_status);
        if (n < 0 && errno != EINTR)
            return ERR_SYS(errno, "wait for process %d", (int)p->pid);
        /* EINTR: again, with what is left of the time. */
        if (n == 0)
            break;
    }
    /* Killed and reaped before we tell: the caller need not clean up. */
    pid_t pid = p->pid;
    proc_done(p);
    return ERR_NEW(ERR_TIMEOUT, "process %d did not end within %d ms", (int)pid, timeout_msec);
}

struct err *proc_signal(const struct proc *p, int sig)
{
    if (p->pidfd < 0)
        return ERR_NEW(ERR_STATE, "no process to send signal %d to", sig);
    if (proc_pidfd_signal(p->pidfd, sig) < 0)
        return ERR_SYS(errno, "send signal %d to process %d", sig, (int)p->pid);
    return NULL;
}

void proc_done(struct proc *p)
{
    /* Killing one that has ended already does no harm before it is reaped. */
    int status;
    if (p->pidfd >= 0) {
        err_drop(proc_signal(p, SIGKILL));
        err_drop(proc_wait(p, &status));
    }
    (void)fd_close(p->pidfd);
    *p = (struct proc)PROC_INIT;
}

int proc_exit_code(int wait_status)
{
    if (WIFEXITED(wait_status))
        return WEXITSTATUS(wait_status);
    return 128 + WTERMSIG(wait_status);
}
