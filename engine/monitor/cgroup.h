/* What this host lets the container's runtime do with cgroups.
 *
 * Looks at /proc/self/cgroup and /sys/fs/cgroup of the calling process, in whose cgroup the monitor, and so the
 * runtime, will run. Sources: cgroups(7), cgroup_namespaces(7), the kernel's cgroup-v2.rst ("Delegation").
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/strv.h"
#include "rootless/cgroup_host.h"

struct cgroup_facts {
    enum cgroup_layout layout;
    bool writable;           /* our own cgroup is delegated to us: children can be made, processes moved */
    char *path;              /* cgroup_place() */
    struct strv controllers; /* of what containers' cgroups are made below: the most they can have */
    const char *manager;     /* "cgroupfs", "systemd" or "disabled": what the runtime should use */
    const char *why, *fix;   /* when disabled: what is in the way, and who does what about it; else NULL */
};
void cgroup_facts_done(struct cgroup_facts *f);
/* `host_uid`: whose systemd is asked to make scopes where our own cgroup isn't ours to change. */
struct err *cgroup_probe(uid_t host_uid, struct cgroup_facts *ret) ERR_RESULT;
/* A controller that cgroups of ours could not have whatever was delegated: the kernel has none, or it was switched off.
 */
bool cgroup_kernel_lacks(const char *controller);

/* In the monitor's own mount namespace: have cgroup2 at /sys/fs/cgroup, in a new cgroup namespace where v1 is there
 * (crun ≥ 1.5 refuses v1 hosts). Where no cgroup2 can be mounted nothing changes. */
struct err *cgroup_make_unified(void) ERR_RESULT;

/* The cgroup, "/" based, below which ours would make others: our own, or the one above when we are in its leaf. NULL:
 * none. */
struct err *cgroup_place(char **ret) ERR_RESULT;
/* Path ("/" based) of a process' cgroup in the unified hierarchy; NULL when there is none. */
struct err *cgroup_of(pid_t pid, char **ret) ERR_RESULT;
/* memory.events of a cgroup, -1 where it isn't there. Opened while the container runs, read after its end. */
int cgroup_open_oom(const char *path);
bool cgroup_saw_oom(int fd);
/* Freeze a cgroup and all below, or thaw it (cgroup-v2.rst, "cgroup.freeze"); returns when all are, or after a second
 * (what waits for a disk is frozen later). *ret_done false: it has no freezer. */
struct err *cgroup_freeze(const char *path, bool on, bool *ret_done) ERR_RESULT;
/* Remove an empty cgroup and those below it; what is missing or busy stays. */
void cgroup_remove(const char *path);
