/* What a host may refuse to a container although the session could be made: tried for real, each in a child of its own
 * whose namespaces and mounts go with it. Nobody tries before something was refused, or somebody asks (doctor,
 * --explain). What is done without is in engine/container/start_rungs.c; the whole ladder in ladder.h. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

enum rung {
    RUNG_PID_NS,
    RUNG_IPC_NS,
    RUNG_UTS_NS, /* with a name of its own */
    RUNG_CGROUP_NS,
    RUNG_NET_NS,
    RUNG_PROC,    /* a new /proc for a new pid namespace: mount_too_revealing() in the kernel */
    RUNG_SYSFS,   /* a new /sys for a new network namespace: the same */
    RUNG_SYSCTL,  /* writing below /proc/sys of a new network namespace */
    RUNG_MQUEUE,  /* a new /dev/mqueue for a new IPC namespace */
    RUNG_SECCOMP, /* installing a filter */
    RUNG_COUNT,
};
struct rungs {
    int errnum[RUNG_COUNT]; /* 0: it works */
};
/* In words: "pid namespaces", "a new /proc" … */
const char *rung_name(enum rung r);
/* It is one of those that this need of the ladder is made of. */
bool rung_is_of(enum rung r, const char *need);

/* In the session, or anywhere else with `enter`, which each child calls first: it makes the namespaces that the rest is
 * tried in, and returns 0 or an errno, which then is the answer to everything. The process must be single-threaded. */
struct err *rungs_probe(int (*enter)(void), struct rungs *ret) ERR_RESULT;
/* Who refused: one clause without a full stop; never NULL. */
struct err *rung_reason(enum rung r, int errnum, char **ret) ERR_RESULT;

/* What was found, for the next commands of the session: <run_dir>/rungs. ERR_NOT_FOUND as long as nothing was refused.
 */
struct err *rungs_load(const char *run_dir, struct rungs *ret) ERR_RESULT;
struct err *rungs_save(const char *run_dir, const struct rungs *r) ERR_RESULT;
