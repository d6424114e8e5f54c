/* The HostConfig object of `container inspect`. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/strbuf.h"
#include "engine/container/inspect.h"
#include "engine/engine.h"
#include "engine/monitor/cgroup.h"
#include "engine/network/publish.h"
#include "rootless/session.h"

/* How a namespace choice is printed: "private", "host", "container:<id>", "ns:<path>", "keep-id" … */
static struct err *ns_text(const struct ns_spec *ns, const char *fallback, char **ret)
{
    static const char *const names[] = {
        [NS_PRIVATE] = "private", [NS_HOST] = "host",           [NS_CONTAINER] = "container", [NS_PATH] = "ns",
        [NS_NONE] = "none",       [NS_SHAREABLE] = "shareable", [NS_KEEP_ID] = "keep-id",     [NS_NOMAP] = "nomap",
        [NS_AUTO] = "auto",       [NS_BRIDGE] = "bridge",
    };
    const char *name = (size_t)ns->mode < ARRAY_LEN(names) ? names[ns->mode] : NULL;
    if (!name)
        return mem_strdup(fallback, ret);
    return ns->arg ? mem_asprintf(ret, "%s:%s", name, ns->arg) : mem_strdup(name, ret);
}

static struct err *put_ns(json_t *o, const char *key, const struct ns_spec *ns, const char *fallback)
{
    AUTO_FREE char *text = NULL;
    TRY(ns_text(ns, fallback, &text));
    return json_put_str(o, key, text);
}

static struct err *put_binds(json_t *o, const struct inspection *in)
{
    json_t *binds, *tmpfs;
    TRY(json_put_arr(o, "Binds", &binds));
    TRY(json_put_obj(o, "Tmpfs", &tmpfs));
    for (size_t i = 0; i < in->c->spec.n_mounts; i++) {
        const struct mount_spec *m = &in->c->spec.mounts[i];
        AUTO_FREE char *options = NULL, *text = NULL;
        AUTO_STRV struct strv others = STRV_INIT;
        for (size_t j = 0; j < m->options.count; j++)
            if (strcmp(m->options.items[j], "ro") != 0 && strcmp(m->options.items[j], "rw") != 0)
                TRY(strv_add(&others, m->options.items[j]));
        TRY(strv_join(m->type == MOUNT_TMPFS ? &m->options : &others, ",", &options));
        if (m->type == MOUNT_TMPFS)
            TRY(json_put_str(tmpfs, m->target, options));
        if (m->type != MOUNT_BIND && m->type != MOUNT_VOLUME)
            continue;
        TRY(mem_asprintf(&text, "%s:%s:%s%s%s", m->source, m->target, m->read_only ? "ro" : "rw", *options ? "," : "",
                         options));
        TRY(json_push(binds, json_string(text)));
    }
    return NULL;
}

static struct err *put_log(json_t *o, const struct inspection *in)
{
    const struct container_spec *spec = &in->c->spec;
    AUTO_FREE char *path = NULL;
    json_t *log;
    const char *given = strv_env_get(&spec->log_opt, "path"), *tag = strv_env_get(&spec->log_opt, "tag");
    const char *max = strv_env_get(&spec->log_opt, "max-size");
    uint64_t bytes = 0;
    if (max)
        TRY(number_parse_bytes(max, &bytes));
    TRY(given ? mem_strdup(given, &path) : mem_asprintf(&path, "%s/ctr.log", in->dir));
    TRY(json_put_obj(o, "LogConfig", &log));
    TRY(json_put_str(log, "Type", spec->log_driver ? spec->log_driver : "k8s-file"));
    TRY(json_put(log, "Config", json_null()));
    TRY(json_put_str(log, "Path", path));
    TRY(json_put_str(log, "Tag", tag));
    if (!bytes)
        return json_put_str(log, "Size", "0B");
    return json_put_str(log, "Size", number_human_bytes(bytes).s);
}

static struct err *put_restart(json_t *o, const struct container_spec *spec)
{
    static const char *const names[] = {
        [RESTART_NO] = "",
        [RESTART_ON_FAILURE] = "on-failure",
        [RESTART_ALWAYS] = "always",
        [RESTART_UNLESS_STOPPED] = "unless-stopped",
    };
    json_t *r;
    TRY(json_put_obj(o, "RestartPolicy", &r));
    TRY(json_put_str(r, "Name", names[spec->restart]));
    return json_put_int(r, "MaximumRetryCount", spec->restart_max);
}

/* What cap-add and cap-drop come to, as Podman tells it: against the default set. */
static struct err *put_cap_changes(json_t *o, const struct inspection *in)
{
    static const char *const defaults[] = {"CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FOWNER",    "CAP_FSETID",
                                           "CAP_KILL",    "CAP_NET_BIND_SERVICE", "CAP_SETFCAP",   "CAP_SETGID",
                                           "CAP_SETPCAP", "CAP_SETUID",           "CAP_SYS_CHROOT"};
    json_t *bounding = json_object_get(inspect_oci(in, "process", "capabilities"), "bounding"), *add, *drop, *cap;
    size_t i;
    TRY(json_put_arr(o, "CapAdd", &add));
    TRY(json_put_arr(o, "CapDrop", &drop));
    json_array_foreach (bounding, i, cap) {
        bool known = false;
        for (size_t j = 0; j < ARRAY_LEN(defaults); j++)
            known |= strcmp(defaults[j], json_string_value(cap)) == 0;
        if (!known)
            TRY(json_push(add, json_incref(cap)));
    }
    for (size_t j = 0; j < ARRAY_LEN(defaults); j++) {
        bool there = false;
        json_array_foreach (bounding, i, cap)
            there |= strcmp(defaults[j], json_string_value(cap)) == 0;
        if (!there)
            TRY(json_push(drop, json_string(defaults[j])));
    }
    return NULL;
}

static struct err *put_lists(json_t *o, const struct inspection *in)
{
    const struct container_spec *spec = &in->c->spec;
    if (spec->volumes_from.count)
        TRY(json_put_strv(o, "VolumesFrom", &spec->volumes_from));
    else
        TRY(json_put(o, "VolumesFrom", json_null()));
    TRY(put_cap_changes(o, in));
    TRY(json_put_strv(o, "Dns", &spec->dns));
    TRY(json_put_strv(o, "DnsOptions", &spec->dns_option));
    TRY(json_put_strv(o, "DnsSearch", &spec->dns_search));
    TRY(json_put_strv(o, "ExtraHosts", &spec->add_host));
    return json_put_strv(o, "GroupAdd", &spec->group_add);
}

/* Podman's name for the default network, whatever it was asked for by. */
static struct err *put_network_mode(json_t *o, const struct ns_spec *ns)
{
    if (ns->mode == NS_DEFAULT || ns->mode == NS_PRIVATE)
        return json_put_str(o, "NetworkMode", "slirp4netns");
    return put_ns(o, "NetworkMode", ns, "slirp4netns");
}

static struct err *put_namespaces(json_t *o, const struct container_spec *spec)
{
    TRY(put_ns(o, "CgroupMode", &spec->cgroupns, "private"));
    TRY(put_network_mode(o, &spec->network));
    TRY(put_ns(o, "IpcMode", &spec->ipc, "shareable"));
    TRY(json_put_str(o, "Cgroup", ""));
    TRY(json_put_str(o, "Cgroups", spec->cgroups ? spec->cgroups : "default"));
    TRY(put_ns(o, "PidMode", &spec->pid, "private"));
    TRY(put_ns(o, "UTSMode", &spec->uts, "private"));
    return put_ns(o, "UsernsMode", &spec->userns, "");
}

static struct err *put_memory(json_t *o, const struct resource_spec *r)
{
    TRY(json_put_int(o, "Memory", r->memory_bytes));
    TRY(json_put_int(o, "MemoryReservation", r->memory_reservation_bytes));
    TRY(json_put_int(o, "MemorySwap", r->memory_swap_bytes));
    TRY(json_put_int(o, "MemorySwappiness", r->memory_swappiness < 0 ? 0 : r->memory_swappiness));
    TRY(json_put_bool(o, "OomKillDisable", r->oom_kill_disable));
    TRY(json_put_int(o, "OomScoreAdj", r->oom_score_adj));
    return json_put_int(o, "KernelMemory", 0);
}

static struct err *put_cpu(json_t *o, const struct resource_spec *r)
{
    TRY(json_put_int(o, "CpuShares", r->cpu_shares));
    TRY(json_put_int(o, "NanoCpus", (int64_t)(r->cpus * 1e9)));
    TRY(json_put_int(o, "CpuPeriod", r->cpus > 0 ? 100000 : r->cpu_period));
    TRY(json_put_int(o, "CpuQuota", r->cpus > 0 ? (int64_t)(r->cpus * 100000) : r->cpu_quota));
    TRY(json_put_int(o, "CpuRealtimePeriod", r->cpu_rt_period));
    TRY(json_put_int(o, "CpuRealtimeRuntime", r->cpu_rt_runtime));
    TRY(json_put_str(o, "CpusetCpus", r->cpuset_cpus));
    TRY(json_put_str(o, "CpusetMems", r->cpuset_mems));
    TRY(json_put_int(o, "CpuCount", 0));
    return json_put_int(o, "CpuPercent", 0);
}

static struct err *put_throttles(json_t *o, const char *key, const struct resource_spec *r, enum throttle_kind kind)
{
    const struct strv *list = spec_throttles(r, kind);
    json_t *arr;
    if (!list->count)
        return json_put(o, key, json_null());
    TRY(json_put_arr(o, key, &arr));
    for (size_t i = 0; i < list->count; i++) {
        AUTO_FREE char *path = NULL;
        uint64_t rate = 0;
        json_t *item;
        TRY(spec_parse_throttle(kind, list->items[i], &path, &rate));
        TRY(json_push_obj(arr, &item));
        TRY(json_put_str(item, "Path", path));
        TRY(json_put_int(item, kind == THROTTLE_WEIGHT ? "Weight" : "Rate", (int64_t)rate));
    }
    return NULL;
}

static struct err *put_block_io(json_t *o, const struct resource_spec *r)
{
    static const char *const keys[] = {[THROTTLE_WEIGHT] = "BlkioWeightDevice",
                                       [THROTTLE_READ_BPS] = "BlkioDeviceReadBps",
                                       [THROTTLE_WRITE_BPS] = "BlkioDeviceWriteBps",
                                       [THROTTLE_READ_IOPS] = "BlkioDeviceReadIOps",
                                       [THROTTLE_WRITE_IOPS] = "BlkioDeviceWriteIOps"};
    TRY(json_put_int(o, "BlkioWeight", r->blkio_weight));
    for (int kind = 0; kind < THROTTLE_KINDS; kind++)
        TRY(put_throttles(o, keys[kind], r, (enum throttle_kind)kind));
    TRY(json_put(o, "CgroupConf", json_null()));
    TRY(json_put_int(o, "DiskQuota", 0));
    TRY(json_put_int(o, "PidsLimit", r->pids_limit));
    TRY(json_put_int(o, "IOMaximumIOps", 0));
    return json_put_int(o, "IOMaximumBandwidth", 0);
}

static struct err *put_devices(json_t *o, const struct container_spec *spec)
{
    json_t *arr;
    TRY(json_put_arr(o, "Devices", &arr));
    for (size_t i = 0; i < spec->n_devices; i++) {
        json_t *d;
        TRY(json_push_obj(arr, &d));
        TRY(json_put_str(d, "PathOnHost", spec->devices[i].host_path));
        TRY(json_put_str(d, "PathInContainer", spec->devices[i].ct_path));
        TRY(json_put_str(d, "CgroupPermissions", ""));
    }
    return NULL;
}

static struct err *put_ulimits(json_t *o, const struct inspection *in)
{
    json_t *arr, *limits = inspect_oci(in, "process", "rlimits"), *l;
    size_t i;
    TRY(json_put_arr(o, "Ulimits", &arr));
    json_array_foreach (limits, i, l) {
        json_t *u;
        TRY(json_push_obj(arr, &u));
        TRY(json_put(u, "Name", json_incref(json_object_get(l, "type"))));
        TRY(json_put(u, "Soft", json_incref(json_object_get(l, "soft"))));
        TRY(json_put(u, "Hard", json_incref(json_object_get(l, "hard"))));
    }
    return NULL;
}

static struct err *put_flags(json_t *o, const struct inspection *in)
{
    const struct container_spec *spec = &in->c->spec;
    json_t *console;
    TRY(json_put_bool(o, "AutoRemove", spec->auto_remove));
    TRY(json_put_str(o, "VolumeDriver", ""));
    TRY(json_put(o, "Links", json_null()));
    TRY(json_put_bool(o, "Privileged", spec->privileged));
    TRY(json_put_bool(o, "PublishAllPorts", spec->publish_all));
    TRY(json_put_bool(o, "ReadonlyRootfs", spec->read_only));
    TRY(json_put_strv(o, "SecurityOpt", &spec->security_opt));
    TRY(json_put_int(o, "ShmSize", spec->shm_bytes ? spec->shm_bytes : 65536000));
    TRY(json_put_str(o, "Runtime", "oci"));
    TRY(json_put_arr(o, "ConsoleSize", &console));
    TRY(json_push(console, json_integer(0)));
    TRY(json_push(console, json_integer(0)));
    TRY(json_put_str(o, "Isolation", ""));
    return json_put_str(o, "CgroupParent", spec->cgroup_parent);
}

/* Podman knows no third one. */
static struct err *put_cgroup_manager(json_t *o, const struct inspection *in)
{
    const char *given = engine_options(in->e)->cgroup_manager;
    struct cgroup_facts facts = {0};
    if (given)
        return json_put_str(o, "CgroupManager", given);
    TRY(cgroup_probe(engine_session(in->e)->host_uid, &facts));
    struct err *err = json_put_str(o, "CgroupManager", strcmp(facts.manager, "systemd") == 0 ? "systemd" : "cgroupfs");
    cgroup_facts_done(&facts);
    return err;
}

static struct err *put_port(json_t *obj, const struct publish *p, uint32_t offset)
{
    char key[32], host[8];
    json_t *o;
    snprintf(key, sizeof(key), "%u/%s", p->ct_port + offset, publish_proto_name(p->proto));
    snprintf(host, sizeof(host), "%u", p->host_port + offset);
    json_t *list = json_object_get(obj, key);
    if (!list)
        TRY(json_put_arr(obj, key, &list));
    TRY(json_push_obj(list, &o));
    TRY(json_put_str(o, "HostIp", p->host_ip));
    return json_put_str(o, "HostPort", host);
}

struct err *inspect_put_ports(const struct strv *published, json_t *obj)
{
    AUTO_PUBLISH struct publish_list list = {0};
    TRY(publish_parse_all(published, &list));
    for (size_t i = 0; i < list.count; i++)
        for (uint32_t k = 0; k < list.items[i].count; k++)
            TRY(put_port(obj, &list.items[i], k));
    return NULL;
}

static struct err *build(const struct inspection *in, json_t *o)
{
    const struct container_spec *spec = &in->c->spec;
    json_t *ports;
    TRY(put_binds(o, in));
    TRY(put_cgroup_manager(o, in));
    TRY(json_put_str(o, "ContainerIDFile", spec->cidfile));
    TRY(put_log(o, in));
    TRY(json_put_obj(o, "PortBindings", &ports));
    TRY(inspect_put_ports(&spec->publish, ports));
    TRY(put_restart(o, spec));
    TRY(put_lists(o, in));
    TRY(put_namespaces(o, spec));
    TRY(put_flags(o, in));
    TRY(put_memory(o, &spec->res));
    TRY(put_cpu(o, &spec->res));
    TRY(put_block_io(o, &spec->res));
    TRY(put_devices(o, spec));
    return put_ulimits(o, in);
}

struct err *inspect_host(const struct inspection *in, json_t **ret)
{
    AUTO_JSON json_t *o = json_object();
    if (!o)
        return err_oom();
    TRY(build(in, o));
    *ret = TAKE_PTR(o);
    return NULL;
}
