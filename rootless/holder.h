/* The holder: the one process that keeps a session's namespaces open, hands them to whoever of the same user connects,
 * and kills the containers whose monitor dies. It runs inside both namespaces, with no secrets and few descriptors. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct holder_opts {
    const char *dir; /* session directory */
    int dir_fd;      /* the same, opened; borrowed */
    int lock;        /* the session's lock; borrowed */
    int ready;       /* gets NULL by err_send() when it listens, and is closed */
    int start_lock;  /* -1, or closed when it listens */
    bool adopted;    /* monitors of a holder that died are about to connect */
};
/* Serve until idle. Every descriptor above 2 that it leaves open is the process's own business: it ends then. */
struct err *holder_run(const struct holder_opts *opts) ERR_RESULT;

/* --hold: descriptors 3 the lock, 4 the pipe. The process was made by starter_run() and is in the namespaces. */
struct err *holder_main_hold(const char *dir) ERR_RESULT;
/* --adopt: descriptors 3 the lock, 4 the mount namespace, 5 the pipe; session_adopt() describes it. */
struct err *holder_main_adopt(const char *dir) ERR_RESULT;
