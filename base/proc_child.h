/* What happens between clone and exec, for proc.c. The child shares our memory (CLONE_VM): everything it needs is
 * prepared here beforehand, and its outcome is written here too. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/proc.h"

enum proc_step { PROC_STEP_PARENT, PROC_STEP_FDS, PROC_STEP_SESSION, PROC_STEP_CWD, PROC_STEP_EXEC };

struct proc_plan {
    const char *path; /* resolved */
    char *const *argv;
    char *const *envp;
    const char *cwd;
    int exec_fd; /* or -1 */
    bool new_session;
    bool default_signals;
    int parent_death_signal;
    pid_t parent;
    sigset_t mask;       /* to restore before exec */
    struct proc_fd *fds; /* `from` is changed by the child */
    size_t n_fds;
    int *keep; /* numbers that stay open, ascending; room for one more */
    size_t n_keep;
    int fd_base;         /* above every `to` and 2 */
    enum proc_step step; /* written by the child: where it failed */
    int errnum;          /* and with what; 0 when exec succeeded */
};

/* The child's whole life, as clone(2) wants it; returns only on failure. No malloc, no locks, no stdio. */
int proc_child_main(void *arg);
