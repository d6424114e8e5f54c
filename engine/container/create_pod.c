/* A new container of a pod: which namespaces it shares, and what it takes over from the pod's infra container. */
#include <string.h>

#include "base/mem.h"
#include "engine/container/internal.h"
#include "engine/container/pod_row.h"
#include "engine/container/spec_internal.h"
#include "engine/engine.h"

#define NO_POD_NAMESPACE \
    "cannot use pod namespace as container is not joining a pod or pod has no infra container: invalid argument"

/* A namespace of the container, and the word for it in --share. */
struct space {
    const char *word;
    struct ns_spec *ns;
};
#define SPACES(s)                                                                           \
    {                                                                                       \
        {"pid", &(s)->pid}, {"ipc", &(s)->ipc}, {"uts", &(s)->uts}, {"net", &(s)->network}, \
            {"cgroup", &(s)->cgroupns}, {"user", &(s)->userns},                             \
    }

static struct err *check_no_pod(const struct container_spec *s)
{
    const enum ns_mode modes[] = {s->pid.mode,     s->ipc.mode,      s->uts.mode,
                                  s->network.mode, s->cgroupns.mode, s->userns.mode};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (modes[i] == NS_POD)
            return ERR_NEW(ERR_INVALID, NO_POD_NAMESPACE);
    return s->init_ctr ? ERR_NEW(ERR_INVALID, "must specify pod value with init-ctr") : NULL;
}

/* `its` is the infra container's. The host's cannot be joined (they are another user namespace's), only kept. */
static struct err *join(struct ns_spec *ns, const struct ns_spec *its, const struct pod_row *p)
{
    ns->mode = its->mode == NS_HOST ? NS_HOST : NS_CONTAINER;
    return mem_replace(&ns->arg, its->mode == NS_HOST ? NULL : p->infra_id);
}

/* What was said for the container alone stays; "pod" needs one to share with. */
static struct err *settle_spaces(struct container_spec *s, const struct container_spec *from, const struct pod_row *p)
{
    const struct space all[] = SPACES(s);
    const struct ns_spec *const its[] = {&from->pid,     &from->ipc,      &from->uts,
                                         &from->network, &from->cgroupns, &from->userns};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        bool shared = pod_row_shares(p, all[i].word);
        if (all[i].ns->mode == NS_POD && !p->infra_id)
            return ERR_NEW(ERR_INVALID, NO_POD_NAMESPACE);
        if (all[i].ns->mode == NS_POD || (all[i].ns->mode == NS_DEFAULT && !all[i].ns->arg && shared && p->infra_id))
            TRY(join(all[i].ns, its[i], p));
    }
    return NULL;
}

static bool in_pod(const struct ns_spec *ns, const struct pod_row *p)
{
    return ns->mode == NS_CONTAINER && p->infra_id && strcmp(ns->arg, p->infra_id) == 0;
}

/* What belongs to a namespace is said where that is made. Podman's words. */
static struct err *check_shared(const struct container_spec *s, const struct pod_row *p)
{
    const char *what = NULL;
    if (in_pod(&s->uts, p) && s->hostname)
        return ERR_NEW(ERR_INVALID, "invalid config provided: cannot set hostname when joining the pod UTS namespace: "
                                    "invalid configuration");
    if (!in_pod(&s->network, p))
        return NULL;
    if (s->publish.count || s->publish_all)
        what = "published or exposed ports must be defined when the pod is created";
    else if (s->add_host.count)
        what = "extra host entries must be specified on the pod";
    else if (s->ip || s->ip6)
        what = "static ip addresses must be defined when the pod is created";
    else if (s->mac_address)
        what = "MAC addresses must be defined when the pod is created";
    else if (s->network_alias.count)
        what = "network aliases must be defined when the pod is created";
    return what
               ? ERR_NEW(ERR_INVALID,
                         "invalid config provided: %s: network cannot be configured when it is shared with a pod", what)
               : NULL;
}

static bool has_device(const struct container_spec *s, const struct device_spec *d)
{
    for (size_t i = 0; i < s->n_devices; i++)
        if (strcmp(s->devices[i].ct_path, d->ct_path) == 0)
            return true;
    return false;
}

/* Mounts, devices and confinement that were given to the pod are every container's; its own come first. `from` is
 * emptied of what is taken. */
static struct err *inherit(struct container_spec *s, struct container_spec *from)
{
    for (size_t i = 0; i < from->n_mounts; i++)
        if (!spec_mount_at(s, from->mounts[i].target))
            TRY(spec_take_mount(s, &from->mounts[i]));
    for (size_t i = 0; i < from->n_devices; i++)
        if (!has_device(s, &from->devices[i]))
            TRY(spec_take_device(s, &from->devices[i]));
    if (!s->security_opt.count)
        TRY(strv_copy(&from->security_opt, &s->security_opt));
    for (size_t i = 0; i < from->volumes_from.count; i++)
        if (!strv_contains(&s->volumes_from, from->volumes_from.items[i]))
            TRY(strv_add(&s->volumes_from, from->volumes_from.items[i]));
    bool own_shm = s->ipc.mode != NS_CONTAINER && s->ipc.mode != NS_HOST && s->ipc.mode != NS_NONE;
    if (own_shm && !s->shm_bytes)
        s->shm_bytes = from->shm_bytes;
    if (s->network.mode == NS_CONTAINER && from->no_hosts)
        s->no_hosts = true;
    /* --userns keep-id runs as the user, in all containers of the pod. */
    if (from->userns.mode == NS_KEEP_ID && s->userns.mode == NS_CONTAINER)
        s->keeps_id = true;
    return NULL;
}

/* Init containers run before the others start. */
static struct err *check_init(struct engine *e, const struct container_spec *s, const struct pod_row *p)
{
    struct container *infra = NULL;
    if (!s->init_ctr)
        return NULL;
    if (strcmp(s->init_ctr, "always") != 0 && strcmp(s->init_ctr, "once") != 0)
        return ERR_NEW(ERR_INVALID, "init-ctr value must be 'always' or 'once'");
    if (!p->infra_id)
        return NULL;
    TRY(container_find(e, p->infra_id, &infra));
    bool live = container_is_live(infra);
    container_free(infra);
    return live ? ERR_NEW(ERR_STATE, "cannot add init-ctr to a running pod") : NULL;
}

/* `run` wants the monitor at once: its place among cgroups is known now. */
static struct err *start_early(struct engine *e, const struct container_spec *s)
{
    AUTO_FREE char *slice = NULL;
    struct engine_start start;
    const char *manager;
    if (!s->for_run || !container_starts_early(s, &start))
        return NULL;
    TRY(engine_cgroup_manager(e, start.cgroups_disabled, &manager));
    if (s->pod_cgroup && strcmp(manager, "systemd") == 0)
        TRY(container_pod_slice(s, &slice));
    if (slice)
        start.cgroup_parent = slice;
    return engine_will_start(e, &start);
}

static struct err *settle_member(struct engine *e, struct container_spec *s, struct container_spec *from,
                                 const struct pod_row *p)
{
    TRY(check_init(e, s, p));
    TRY(settle_spaces(s, from, p));
    TRY(check_shared(s, p));
    s->pod_stop = p->stop_with_last && !s->init_ctr;
    if (p->share_parent && !s->cgroup_parent) {
        if (*p->cgroup_parent)
            TRY(mem_replace(&s->cgroup_parent, p->cgroup_parent));
        TRY(mem_asprintf(&s->pod_cgroup, POD_CGROUP "%s", s->pod));
    }
    if (!s->restart_given && *p->restart && !s->auto_remove && !s->init_ctr)
        TRY(spec_set_restart(s, p->restart));
    return inherit(s, from);
}

struct err *create_settle_pod(struct engine *e, struct container_spec *s, struct pod_row *ret)
{
    struct container_spec from;
    if (s->new_pod) {
        TRY(mem_replace(&s->pod, s->new_pod->id));
        return s->new_pod->share_parent ? mem_asprintf(&s->pod_cgroup, POD_CGROUP "%s", s->pod) : NULL;
    }
    if (!s->pod)
        return check_no_pod(s);
    TRY(pod_row_find(e, s->pod, ret));
    TRY(mem_replace(&s->pod, ret->id));
    TRY(container_spec_from_json(ret->spec, strlen(ret->spec), &from));
    struct err *err = settle_member(e, s, &from, ret);
    container_spec_done(&from);
    return err ? err : start_early(e, s);
}

/* Inside the transaction that makes the container. */
struct err *create_insert_pod(struct engine *e, const struct container_spec *s, const char *id)
{
    if (!s->pod)
        return NULL;
    if (s->new_pod)
        TRY(pod_row_insert(e, s->new_pod));
    return pod_row_add(e, s->pod, id, s->new_pod != NULL, !s->new_pod && s->network.mode == NS_CONTAINER);
}

/* What a row would tell of it, for the object of a new container. */
struct err *create_fill_pod(struct container_spec *s, const struct pod_row *p, struct container *c)
{
    TRY(mem_strdup(s->pod, &c->pod_id));
    TRY(mem_strdup(s->new_pod ? s->new_pod->name : p->name, &c->pod_name));
    c->is_infra = s->new_pod != NULL;
    s->new_pod = NULL;
    return NULL;
}
