/* `pod inspect`: Podman 4.3's object (libpod/define, InspectPodData). */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/container/inspect.h"
#include "engine/engine.h"
#include "engine/monitor/cgroup.h"
#include "engine/network/network.h"
#include "engine/pod/internal.h"

/* An empty list is Go's null here. */
static struct err *put_list(json_t *o, const char *key, const struct strv *v)
{
    return v->count ? json_put_strv(o, key, v) : json_put(o, key, json_null());
}

static struct err *put_networks(json_t *o, struct engine *e, const struct pod *p)
{
    AUTO_STRV struct strv names = STRV_INIT;
    TRY(network_names_of(e, pod_infra(p)->id, &names));
    TRY(put_list(o, "Networks", &names));
    return json_put(o, "NetworkOptions", json_null());
}

/* The limits, in the infra container's part and once more at the end. */
static struct err *put_cpu(json_t *o, const struct resource_spec *r)
{
    int64_t period = r->cpus > 0 ? 100000 : r->cpu_period;
    int64_t quota = r->cpus > 0 ? (int64_t)(r->cpus * 100000) : r->cpu_quota;
    if (period)
        TRY(json_put_int(o, "cpu_period", period));
    if (quota)
        TRY(json_put_int(o, "cpu_quota", quota));
    if (r->cpu_shares)
        TRY(json_put_int(o, "cpu_shares", r->cpu_shares));
    return r->cpuset_cpus ? json_put_str(o, "cpuset_cpus", r->cpuset_cpus) : NULL;
}

static struct err *put_spaces(json_t *o, const struct container_spec *s)
{
    TRY(json_put_str(o, "pid_ns", s->pid.mode == NS_HOST ? "host" : "private"));
    TRY(json_put_str(o, "userns", container_spec_asks_userns(s) ? "private" : "host"));
    return json_put_str(o, "uts_ns", s->uts.mode == NS_HOST ? "host" : "private");
}

static struct err *put_infra(json_t *obj, struct engine *e, const struct pod *p, const struct container_spec *s)
{
    AUTO_STRV struct strv published = STRV_INIT;
    json_t *o, *ports;
    TRY(json_put_obj(obj, "InfraConfig", &o));
    TRY(json_put_obj(o, "PortBindings", &ports));
    TRY(container_published(pod_infra(p), &published));
    TRY(inspect_put_ports(&published, ports));
    TRY(json_put_bool(o, "HostNetwork", s->network.mode == NS_HOST));
    TRY(json_put_str(o, "StaticIP", s->ip));
    TRY(json_put_str(o, "StaticMAC", s->mac_address));
    TRY(json_put_bool(o, "NoManageResolvConf", strv_contains(&s->dns, "none")));
    TRY(put_list(o, "DNSServer", &s->dns));
    TRY(put_list(o, "DNSSearch", &s->dns_search));
    TRY(put_list(o, "DNSOption", &s->dns_option));
    TRY(json_put_bool(o, "NoManageHosts", s->no_hosts));
    TRY(put_list(o, "HostAdd", &s->add_host));
    TRY(put_networks(o, e, p));
    TRY(put_cpu(o, &s->res));
    return put_spaces(o, s);
}

static struct err *put_shared(json_t *obj, const struct pod *p)
{
    AUTO_STRV struct strv words = STRV_INIT;
    if (!p->row.share || !*p->row.share)
        return NULL;
    TRY(strv_split(p->row.share, ',', &words));
    return json_put_strv(obj, "SharedNamespaces", &words);
}

static int by_id(const void *a, const void *b)
{
    const struct container *const *x = a, *const *y = b;
    return strcmp((*x)->id, (*y)->id);
}

struct err *pod_sorted_members(const struct pod *p, const struct container ***ret)
{
    const struct container **sorted = mem_zalloc((p->n_members + 1) * sizeof(*sorted));
    if (!sorted)
        return err_oom();
    for (size_t i = 0; i < p->n_members; i++)
        sorted[i] = p->members[i];
    qsort(sorted, p->n_members, sizeof(*sorted), by_id);
    *ret = sorted;
    return NULL;
}

static struct err *put_containers(json_t *obj, const struct pod *p)
{
    AUTO_FREE const struct container **sorted = NULL;
    json_t *list;
    TRY(json_put_int(obj, "NumContainers", (int64_t)p->n_members));
    if (!p->n_members)
        return NULL;
    TRY(pod_sorted_members(p, &sorted));
    TRY(json_put_arr(obj, "Containers", &list));
    for (size_t i = 0; i < p->n_members; i++) {
        json_t *o;
        TRY(json_push_obj(list, &o));
        TRY(json_put_str(o, "Id", sorted[i]->id));
        TRY(json_put_str(o, "Name", sorted[i]->name));
        TRY(json_put_str(o, "State", container_state_name(sorted[i]->state)));
    }
    return NULL;
}

/* What isn't set is left out. */
static struct err *put_limits(json_t *obj, struct engine *e, const struct container_spec *s)
{
    const struct resource_spec *r = &s->res;
    json_t *devices;
    TRY(put_cpu(obj, r));
    if (r->cpuset_mems)
        TRY(json_put_str(obj, "cpuset_mems", r->cpuset_mems));
    if (r->blkio_weight)
        TRY(json_put_int(obj, "blkio_weight", r->blkio_weight));
    if (s->n_mounts) {
        json_t *list;
        TRY(json_put_arr(obj, "mounts", &list));
        for (size_t i = 0; i < s->n_mounts; i++)
            TRY(inspect_put_mount(list, engine_root(e), &s->mounts[i]));
    }
    for (size_t i = 0; i < s->n_devices; i++) {
        json_t *d;
        if (i == 0)
            TRY(json_put_arr(obj, "devices", &devices));
        TRY(json_push_obj(devices, &d));
        TRY(json_put_str(d, "PathOnHost", s->devices[i].host_path));
        TRY(json_put_str(d, "PathInContainer", s->devices[i].ct_path));
        TRY(json_put_str(d, "CgroupPermissions", ""));
    }
    if (s->volumes_from.count)
        TRY(json_put_strv(obj, "volumes_from", &s->volumes_from));
    if (s->security_opt.count)
        TRY(json_put_strv(obj, "security_opt", &s->security_opt));
    if (r->memory_bytes)
        TRY(json_put_int(obj, "memory_limit", r->memory_bytes));
    int64_t swap = r->memory_swap_bytes ? r->memory_swap_bytes : 2 * r->memory_bytes;
    return swap ? json_put_int(obj, "memory_swap", swap) : NULL;
}

static struct err *put_cgroups(json_t *obj, struct engine *e, const struct pod *p)
{
    AUTO_FREE char *parent = NULL, *path = NULL;
    TRY(pod_cgroup(e, p, &parent, &path));
    TRY(json_put_bool(obj, "CreateCgroup", p->row.share_parent));
    TRY(json_put_str(obj, "CgroupParent", parent));
    return p->row.share_parent ? json_put_str(obj, "CgroupPath", path) : NULL;
}

static struct err *build(struct engine *e, const struct pod *p, const struct container_spec *s, json_t *obj)
{
    TRY(json_put_str(obj, "Id", p->row.id));
    TRY(json_put_str(obj, "Name", p->row.name));
    TRY(json_put_str(obj, "Created", timefmt_rfc3339(p->row.created_nsec, 0).s));
    if (p->row.create_command.count)
        TRY(json_put_strv(obj, "CreateCommand", &p->row.create_command));
    TRY(json_put_str(obj, "ExitPolicy", p->row.stop_with_last ? "stop" : "continue"));
    TRY(json_put_str(obj, "State", pod_state_name(p->state)));
    TRY(json_put_str(obj, "Hostname", s->hostname));
    if (p->row.labels.count)
        TRY(json_put_pairs(obj, "Labels", &p->row.labels));
    TRY(put_cgroups(obj, e, p));
    TRY(json_put_bool(obj, "CreateInfra", p->row.infra));
    if (pod_infra(p)) {
        TRY(json_put_str(obj, "InfraContainerID", pod_infra(p)->id));
        TRY(put_infra(obj, e, p, s));
    }
    TRY(put_shared(obj, p));
    TRY(put_containers(obj, p));
    TRY(put_limits(obj, e, s));
    return *p->row.restart ? json_put_str(obj, "RestartPolicy", p->row.restart) : NULL;
}

struct err *pod_inspect(struct engine *e, const struct pod *p, char **ret_json)
{
    AUTO_JSON json_t *obj = json_object();
    struct container_spec spec;
    if (!obj)
        return err_oom();
    TRY(container_spec_from_json(p->row.spec, strlen(p->row.spec), &spec));
    struct err *err = build(e, p, &spec, obj);
    container_spec_done(&spec);
    return err ? err : json_text(obj, ret_json);
}
