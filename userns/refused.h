/* Who refused a user namespace, and what would change that. */
#pragma once

#include "base/err.h"

enum refused_step {
    REFUSED_CREATE, /* unshare(CLONE_NEWUSER) or the mount namespace with it */
    REFUSED_MAP,    /* writing its id maps */
    REFUSED_MOUNT,  /* the first mount in it */
    /* What a container wants on top: */
    REFUSED_PID_NS,
    REFUSED_IPC_NS,
    REFUSED_UTS_NS,
    REFUSED_CGROUP_NS,
    REFUSED_NET_NS,
    REFUSED_PROC,   /* mounting a new proc */
    REFUSED_SYSFS,  /* mounting a new sysfs */
    REFUSED_SYSCTL, /* writing to /proc/sys */
    REFUSED_SECCOMP,
    REFUSED_COUNT,
};
/* An error (ERR_DENIED or ERR_UNSUPPORTED, with `errnum`) whose text names the sysctl, security module, seccomp
 * filter or chroot in the way, as far as this process can see it. Call it in the parent namespace. */
struct err *refused_explain(enum refused_step step, int errnum) __attribute__((returns_nonnull)) ERR_RESULT;
/* The reason alone, and what would help: a clause. */
struct err *refused_reason(enum refused_step step, int errnum, char **ret) ERR_RESULT;

/* An AppArmor profile (apparmor.d(5)) that lets the program at `path` make user namespaces, for Ubuntu 24.04 and others
 * that restrict them; printed by doctor. */
struct err *refused_apparmor_profile(const char *path, char **ret) ERR_RESULT;
