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

struct cgroup_facts {
    bool unified;            /* cgroup2 is at /sys/fs/cgroup */
    bool hybrid;             /* v1 controllers are there instead */
    bool writable;           /* our own cgroup is delegated to us: children can be made, processes moved */
    char *path;              /* our own cgroup in the unified hierarchy, "/" based; NULL: none */
    struct strv controllers; /* of our cgroup: what its children can have at most */
    const char *manager;     /* "cgroupfs", "systemd" or "disabled": what the runtime should use */
    const char *why;         /* when disabled: a line for the user; else NULL */
};
void cgroup_facts_done(struct cgroup_facts *f);
struct err *cgroup_probe(struct cgroup_facts *ret) ERR_RESULT;

/* In the monitor's own mount namespace: have cgroup2 at /sys/fs/cgroup, in a new cgroup namespace where v1 is there
 * (crun ≥ 1.5 refuses v1 hosts). Where no cgroup2 can be mounted nothing changes. */
struct err *cgroup_make_unified(void) ERR_RESULT;

/* Path ("/" based) of a process' cgroup in the unified hierarchy; NULL when there is none. */
struct err *cgroup_of(pid_t pid, char **ret) ERR_RESULT;
/* memory.events of a cgroup, -1 where it isn't there. Opened while the container runs, read after its end. */
int cgroup_open_oom(const char *path);
bool cgroup_saw_oom(int fd);
/* Remove an empty cgroup and those below it; what is missing or busy stays. */
void cgroup_remove(const char *path);
