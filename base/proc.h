/* Child processes, known by pidfd. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct proc {
    pid_t pid; /* 0 when none; only for messages and /proc, never to signal */
    int pidfd; /* owned, -1 when none */
};
#define PROC_INIT   \
    {               \
        .pidfd = -1 \
    }

struct proc_fd {
    int from; /* our descriptor */
    int to;   /* its number in the child */
};

struct proc_opts {
    const char *path;          /* absolute path, or a name looked up in PATH; required unless exec_fd > 0 */
    int exec_fd;               /* > 0: run this open binary (not a script) instead; `path` is for messages then */
    char *const *argv;         /* argv[0] included */
    char *const *envp;         /* NULL: this process's environment */
    const struct proc_fd *fds; /* what the child gets; all others are closed. 0, 1, 2 not named: /dev/null for 0,
                                  inherited for 1 and 2 */
    size_t n_fds;
    const char *cwd;         /* NULL: unchanged */
    bool new_session;        /* setsid() */
    int parent_death_signal; /* PR_SET_PDEATHSIG, or 0 */
    bool default_signals;    /* reset handlers and mask (always wanted for foreign programs) */
};

/* Start a program (clone with CLONE_VFORK|CLONE_VM and CLONE_PIDFD, so it is quick whatever our size). An exec failure
 * is reported here, with its errno: ENOENT is ERR_NOT_FOUND. */
struct err *proc_spawn(const struct proc_opts *opts, struct proc *ret) ERR_RESULT;
/* Wait for its end. *ret_status is a waitpid status. */
struct err *proc_wait(struct proc *p, int *ret_status) ERR_RESULT;
/* As wait, killing it (SIGKILL) after timeout_msec; ERR_TIMEOUT then. */
struct err *proc_wait_timeout(struct proc *p, int timeout_msec, int *ret_status) ERR_RESULT;
struct err *proc_signal(const struct proc *p, int sig) ERR_RESULT;
/* Kill and reap what is still there. */
void proc_done(struct proc *p);
#define AUTO_PROC __attribute__((cleanup(proc_done)))

/* Run to the end and collect stdout (at most max bytes); a non-zero exit is an error with the last line of stderr. */
struct err *proc_output(const struct proc_opts *opts, size_t max, char **ret_stdout) ERR_RESULT;
/* Exit code as shells give it: code, or 128 + signal. */
int proc_exit_code(int wait_status);
/* Where a filter refuses pidfd_open(2) it is the process's directory in /proc, which pidfd_send_signal(2) takes as
 * well, and which can't be polled: for that there is proc_is_pollable(). */
struct err *proc_pidfd_open(pid_t pid, int *ret) ERR_RESULT;
bool proc_is_pollable(int pidfd);
/* pidfd_send_signal(2): 0, or -1 with errno. Where a filter refuses it, kill(2) of the number that /proc has for the
 * descriptor, a moment later. */
int proc_pidfd_signal(int pidfd, int sig);
/* Find a program in PATH, or check an absolute path. ERR_NOT_FOUND. */
struct err *proc_find(const char *name, char **ret) ERR_RESULT;
/* Path of a helper program (coracle-monitor …): $CORACLE_LIBEXECDIR, beside this executable, the built-in libexec. */
struct err *proc_find_helper(const char *name, char **ret) ERR_RESULT;
