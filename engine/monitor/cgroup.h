/* What this host lets the container's runtime do with cgroups.
 *
 * Looks at /proc/self/cgroup and /sys/fs/cgroup of the calling process, in whose cgroup the monitor, and so the
 * runtime, will run. Sources: cgroups(7), cgroup_namespaces(7), the kernel's cgroup-v2.rst ("Delegation").
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/strv.h"

struct cgroup_facts {
    bool unified;            /* cgroup2 is at /sys/fs/cgroup */
    bool hybrid;             /* v1 controllers there, cgroup2 mounted elsewhere or not at all */
    bool writable;           /* our own cgroup is delegated to us: children can be made, processes moved */
    char *path;              /* our own cgroup in the unified hierarchy, "/" based; NULL: none */
    struct strv controllers; /* that children of our cgroup can have */
    const char *manager;     /* "cgroupfs", "systemd" or "disabled": what the runtime should use */
    const char *why;         /* when disabled: a line for the user; else NULL */
};
void cgroup_facts_done(struct cgroup_facts *f);
struct err *cgroup_probe(struct cgroup_facts *ret) ERR_RESULT;
/* In the monitor's own mount namespace: have cgroup2 at /sys/fs/cgroup, in a new cgroup namespace where v1 is there
 * (crun ≥ 1.5 refuses v1 hosts). Without any cgroup2 nothing changes. */
struct err *cgroup_make_unified(void) ERR_RESULT;
