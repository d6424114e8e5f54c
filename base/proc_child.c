/* Code between clone and exec. The child runs in our memory on a stack of its own while we are suspended
 * (CLONE_VM | CLONE_VFORK), with copies of our descriptors and signal handlers. So: no malloc, no locks, no stdio,
 * nothing written but the plan, and all signals stay blocked until no handler of ours is left.
 */
#include "base/proc_child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

/* For functions that never return when exec succeeds: the address sanitizer would leave the red zones of their frames
 * marked in the memory that the parent goes on using. */
#define PROC_CHILD_NO_RETURN __attribute__((no_sanitize_address))

/* Move a descriptor out of the range that dup2 is going to write to. */
static int proc_child_lift(const struct proc_plan *p, int fd)
{
    if (fd >= p->fd_base)
        return fd;
    int lifted = fcntl(fd, F_DUPFD_CLOEXEC, p->fd_base);
    return lifted < 0 ? -errno : lifted;
}

/* First lift every source above all targets, then put each in its place: no order of overlapping numbers can lose one.
 * A descriptor that is its own target is lifted and put back as well, which clears its close-on-exec flag. */
static int proc_child_place_fds(struct proc_plan *p)
{
    if (p->exec_fd >= 0 && (p->exec_fd = proc_child_lift(p, p->exec_fd)) < 0)
        return p->exec_fd;
    for (size_t i = 0; i < p->n_fds; i++) {
        int fd = proc_child_lift(p, p->fds[i].from);
        if (fd < 0)
            return fd;
        p->fds[i].from = fd;
    }
    /* dup2 leaves the copy without close-on-exec. */
    for (size_t i = 0; i < p->n_fds; i++) {
        if (dup2(p->fds[i].from, p->fds[i].to) < 0)
            return -errno;
    }
    return 0;
}

/* Close the gaps between the numbers to keep. */
static void proc_child_close_others(struct proc_plan *p)
{
    unsigned first = 0;
    if (p->exec_fd >= 0)
        p->keep[p->n_keep++] = p->exec_fd; /* lifted, so the highest */
    for (size_t i = 0; i < p->n_keep; i++) {
        unsigned keep = (unsigned)p->keep[i];
        if (keep > first)
            fd_close_range(first, keep - 1);
        first = keep + 1;
    }
    fd_close_range(first, UINT_MAX);
}

/* Handlers go in any case, for their code is ours; ignored signals stay ignored across exec unless `defaults`. */
static void proc_child_reset_signals(bool defaults)
{
    for (int sig = 1; sig < NSIG; sig++) {
        struct sigaction sa;
        if (sigaction(sig, NULL, &sa) < 0)
            continue; /* the two that libc keeps for itself */
        if (sa.sa_handler == SIG_DFL || (sa.sa_handler == SIG_IGN && !defaults))
            continue;
        sa = (struct sigaction){.sa_handler = SIG_DFL};
        (void)sigaction(sig, &sa, NULL);
    }
}

/* The parent may have been killed before prctl: then nobody would kill us. In a new pid namespace its number reads 0.
 */
static int proc_child_follow_parent(const struct proc_plan *p)
{
    if (prctl(PR_SET_PDEATHSIG, (unsigned long)p->parent_death_signal, 0UL, 0UL, 0UL) < 0)
        return -errno;
    pid_t now = getppid();
    return now == 0 || now == p->parent ? 0 : -ESRCH;
}

static int proc_child_session(const struct proc_plan *p)
{
    if (p->new_session && setsid() < 0)
        return -errno;
    return p->parent_death_signal ? proc_child_follow_parent(p) : 0;
}

PROC_CHILD_NO_RETURN static int proc_child_exec(const struct proc_plan *p)
{
    sigset_t mask = p->mask;
    if (p->default_signals)
        (void)sigemptyset(&mask);
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    if (p->exec_fd >= 0)
        (void)syscall(SYS_execveat, p->exec_fd, "", p->argv, p->envp, AT_EMPTY_PATH);
    else
        (void)execve(p->path, p->argv, p->envp);
    return -errno;
}

PROC_CHILD_NO_RETURN static int proc_child_steps(struct proc_plan *p)
{
    proc_child_reset_signals(p->default_signals);
    p->step = PROC_STEP_FDS;
    int r = proc_child_place_fds(p);
    if (r < 0)
        return r;
    proc_child_close_others(p);
    p->step = PROC_STEP_SESSION;
    r = proc_child_session(p);
    if (r < 0)
        return r;
    p->step = PROC_STEP_CWD;
    if (p->cwd && chdir(p->cwd) < 0)
        return -errno;
    p->step = PROC_STEP_EXEC;
    return proc_child_exec(p);
}

/* Returning ends the process: clone(2)'s wrapper calls _exit. */
PROC_CHILD_NO_RETURN int proc_child_main(void *arg)
{
    struct proc_plan *p = arg;
    p->errnum = -proc_child_steps(p);
    return 127;
}
