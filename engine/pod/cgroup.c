/* Cgroups of pods: where they are. They are made and limited when the infra container starts
 * (container/pod_limits.c). */
#include <string.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "engine/monitor/cgroup.h"
#include "engine/pod/internal.h"

struct err *pod_cgroup_parent(struct engine *e, const struct pod *p, char **ret)
{
    const struct cgroup_facts *facts;
    if (*p->row.cgroup_parent)
        return mem_strdup(p->row.cgroup_parent, ret);
    TRY(engine_cgroup(e, &facts));
    bool possible = strcmp(facts->manager, "disabled") != 0;
    return mem_strdup(possible && facts->path ? facts->path : "", ret);
}

struct err *pod_cgroup_path(const struct pod *p, const char *parent, char **ret)
{
    return *parent ? mem_asprintf(ret, "%s/" POD_CGROUP "%s", strcmp(parent, "/") == 0 ? "" : parent, p->row.id) : NULL;
}

void pod_remove_cgroup(struct engine *e, const struct pod *p)
{
    AUTO_FREE char *parent = NULL, *path = NULL;
    if (!p->row.share_parent)
        return;
    struct err *err = pod_cgroup_parent(e, p, &parent);
    if (!err)
        err = pod_cgroup_path(p, parent, &path);
    if (!err && path)
        cgroup_remove(path);
    err_drop(err); /* it is empty, and goes with its parent at the latest */
}
