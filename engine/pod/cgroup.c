/* Cgroups of pods: where they are. They are made and limited when the infra container starts
 * (container/pod_limits.c). */
#include <string.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "engine/monitor/cgroup.h"
#include "engine/pod/internal.h"

#define SLICE_DEFAULT "user.slice"

/* Where it would be made now. */
static struct err *planned(struct engine *e, const struct pod *p, char **ret_parent, char **ret)
{
    const struct container_spec spec = {.pod = p->row.id,
                                        .cgroup_parent = *p->row.cgroup_parent ? p->row.cgroup_parent : NULL};
    AUTO_FREE char *slice = NULL;
    const struct cgroup_facts *facts;
    const char *manager, *parent = spec.cgroup_parent;
    TRY(engine_cgroup(e, &facts));
    TRY(engine_cgroup_manager(e, false, &manager));
    if (strcmp(manager, "systemd") == 0) {
        TRY(container_pod_slice(&spec, &slice));
        TRY(mem_strdup(parent ? parent : SLICE_DEFAULT, ret_parent));
        return mem_asprintf(ret, "%s/%s", *ret_parent, slice);
    }
    if (!parent)
        parent = strcmp(manager, "disabled") != 0 && facts->path ? facts->path : "";
    TRY(mem_strdup(parent, ret_parent));
    return *parent ? mem_asprintf(ret, "%s/" POD_CGROUP "%s", strcmp(parent, "/") == 0 ? "" : parent, p->row.id) : NULL;
}

struct err *pod_cgroup(struct engine *e, const struct pod *p, char **ret_parent, char **ret)
{
    AUTO_FREE char *name = NULL, *path = NULL;
    bool systemd = false;
    *ret = NULL;
    TRY(mem_asprintf(&name, POD_CGROUP "%s", p->row.id));
    if (p->row.share_parent && pod_infra(p))
        TRY(container_pod_cgroup(pod_infra(p), name, &systemd, &path));
    if (!path)
        return planned(e, p, ret_parent, ret);
    TRY(mem_strndup(path, (size_t)(strrchr(path, '/') - path), ret_parent));
    *ret = TAKE_PTR(path);
    return NULL;
}

void pod_remove_cgroup(const struct pod *p, const char *path)
{
    if (p->row.share_parent && path && *path == '/') /* systemd's slices go by themselves */
        cgroup_remove(path);
}
