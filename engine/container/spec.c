/* Lifetime of a container_spec, and the small values in it. The value parsers of the flags are in spec_flags.c,
 * spec_mount.c, spec_volume.c, spec_ns.c, spec_publish.c and env.c; JSON in spec_json.c. */
#include "engine/container/spec.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/container/spec_internal.h"

/* Only what is not zero: a spec is compared with this to find what was set. */
void container_spec_init(struct container_spec *s)
{
    *s = (struct container_spec){0};
    s->stop_timeout = -1;
    s->health_log_count = HEALTH_LOG_COUNT;
    s->health_log_size = HEALTH_LOG_SIZE;
    s->res.memory_swappiness = -1;
}

static void ns_done(struct ns_spec *ns)
{
    free(ns->arg);
    *ns = (struct ns_spec){0};
}

void spec_mount_done(struct mount_spec *m)
{
    free(m->source);
    free(m->target);
    strv_done(&m->options);
    free(m->subpath);
    free(m->idmap);
    free(m->volume_driver);
    strv_done(&m->volume_options);
    free(m->digest);
    free(m->title);
    free(m->file_name);
    *m = (struct mount_spec){0};
}

void spec_device_done(struct device_spec *d)
{
    free(d->host_path);
    free(d->ct_path);
    free(d->permissions);
    *d = (struct device_spec){0};
}

void spec_ulimit_done(struct ulimit_spec *u)
{
    free(u->name);
    *u = (struct ulimit_spec){0};
}

/* Every string of the struct; a new member must be named here, or valgrind and the tests under ASan will. */
static void free_strings(struct container_spec *s)
{
    char **strings[] = {&s->name,
                        &s->image,
                        &s->rootfs,
                        &s->image_origin,
                        &s->image_id,
                        &s->image_config,
                        &s->workdir,
                        &s->user,
                        &s->hostname,
                        &s->umask,
                        &s->timezone,
                        &s->init_path,
                        &s->image_volumes,
                        &s->res.cpuset_cpus,
                        &s->res.cpuset_mems,
                        &s->cgroups,
                        &s->cgroup_parent,
                        &s->log_driver,
                        &s->stop_signal,
                        &s->pidfile,
                        &s->cidfile,
                        &s->detach_keys,
                        &s->pull,
                        &s->platform,
                        &s->runtime,
                        &s->storage_driver,
                        &s->healthcheck,
                        &s->ip,
                        &s->ip6,
                        &s->mac_address,
                        &s->passwd_entry,
                        &s->personality,
                        &s->group_entry,
                        &s->host_ip,
                        &s->sdnotify,
                        &s->seccomp_policy,
                        &s->rdt_class,
                        &s->hosts_file,
                        &s->subuid_name,
                        &s->subgid_name,
                        &s->startup_healthcheck,
                        &s->pod,
                        &s->init_ctr,
                        &s->pod_cgroup,
                        &s->health_on_failure,
                        &s->health_log_destination};
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        free(*strings[i]);
}

static void free_vectors(struct container_spec *s)
{
    struct strv *vectors[] = {&s->create_command,
                              &s->command,
                              &s->entrypoint,
                              &s->env,
                              &s->env_base,
                              &s->unsetenv,
                              &s->group_add,
                              &s->labels,
                              &s->annotations,
                              &s->volumes_from,
                              &s->cap_add,
                              &s->cap_drop,
                              &s->security_opt,
                              &s->sysctl,
                              &s->publish,
                              &s->expose,
                              &s->add_host,
                              &s->dns,
                              &s->dns_search,
                              &s->dns_option,
                              &s->log_opt,
                              &s->networks,
                              &s->network_alias,
                              &s->env_merge,
                              &s->host_users,
                              &s->requires,
                              &s->cgroup_conf,
                              &s->secrets,
                              &s->chrootdirs,
                              &s->preserve_fd,
                              &s->device_cgroup_rules,
                              &s->cdi_devices,
                              &s->res.blkio_weight_device,
                              &s->res.device_read_bps,
                              &s->res.device_write_bps,
                              &s->res.device_read_iops,
                              &s->res.device_write_iops};
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
        strv_done(vectors[i]);
}

/* Leaves an empty spec, so that it can be used again. */
void container_spec_done(struct container_spec *s)
{
    free_strings(s);
    free_vectors(s);
    for (size_t i = 0; i < s->n_mounts; i++)
        spec_mount_done(&s->mounts[i]);
    free(s->mounts);
    for (size_t i = 0; i < s->n_devices; i++)
        spec_device_done(&s->devices[i]);
    free(s->devices);
    for (size_t i = 0; i < s->n_ulimits; i++)
        spec_ulimit_done(&s->ulimits[i]);
    free(s->ulimits);

    struct ns_spec *spaces[] = {&s->pid, &s->ipc, &s->uts, &s->network, &s->cgroupns, &s->userns};
    for (size_t i = 0; i < ARRAY_LEN(spaces); i++)
        ns_done(spaces[i]);
    idmap_done(&s->uid_map);
    idmap_done(&s->gid_map);
    container_spec_init(s);
}

/* Arrays of a spec are short and grow by one: simpler than a capacity field in the contract. */
static struct err *append(void *slot, size_t *count, size_t size, const void *take_elem)
{
    if (*count >= SPEC_LIST_MAX)
        return ERR_NEW(ERR_INVALID, "more than %d mounts, devices or limits", SPEC_LIST_MAX);
    char *array = NULL;
    memcpy(&array, slot, sizeof(array));
    char *grown = mem_realloc_array(array, *count + 1, size);
    if (!grown)
        return err_oom();
    memcpy(grown + *count * size, take_elem, size);
    memcpy(slot, &grown, sizeof(grown));
    (*count)++;
    return NULL;
}

struct err *spec_take_mount(struct container_spec *s, struct mount_spec *take_m)
{
    struct err *e = append(&s->mounts, &s->n_mounts, sizeof(*take_m), take_m);
    if (e)
        spec_mount_done(take_m);
    *take_m = (struct mount_spec){0};
    return e;
}

struct err *spec_take_device(struct container_spec *s, struct device_spec *take_d)
{
    struct err *e = append(&s->devices, &s->n_devices, sizeof(*take_d), take_d);
    if (e)
        spec_device_done(take_d);
    *take_d = (struct device_spec){0};
    return e;
}

struct err *spec_take_ulimit(struct container_spec *s, struct ulimit_spec *take_u)
{
    struct err *e = append(&s->ulimits, &s->n_ulimits, sizeof(*take_u), take_u);
    if (e)
        spec_ulimit_done(take_u);
    *take_u = (struct ulimit_spec){0};
    return e;
}

bool container_spec_asks_userns(const struct container_spec *s)
{
    return (s->userns.mode != NS_DEFAULT && s->userns.mode != NS_HOST) || s->uid_map.count || s->gid_map.count ||
           s->subuid_name || s->subgid_name;
}

bool container_spec_keeps_id(const struct container_spec *s)
{
    return s->userns.mode == NS_KEEP_ID || s->keeps_id;
}

static void take_ns(struct ns_spec *from, struct ns_spec *to)
{
    if (from->mode == NS_DEFAULT && !from->arg)
        return;
    ns_done(to);
    *to = *from;
    *from = (struct ns_spec){0};
}

static void take_map(struct idmap *from, struct idmap *to)
{
    if (!from->count)
        return;
    idmap_done(to);
    *to = *from;
    *from = (struct idmap){0};
}

struct mount_spec *spec_mount_at(const struct container_spec *s, const char *target)
{
    for (size_t i = 0; i < s->n_mounts; i++)
        if (strcmp(s->mounts[i].target, target) == 0)
            return &s->mounts[i];
    return NULL;
}

static struct err *take_mount_over(struct container_spec *to, struct mount_spec *m)
{
    struct mount_spec *old = spec_mount_at(to, m->target);
    if (!old)
        return spec_take_mount(to, m);
    spec_mount_done(old);
    *old = *m;
    *m = (struct mount_spec){0};
    return NULL;
}

struct err *container_spec_take_over(struct container_spec *from, struct container_spec *to)
{
    take_ns(&from->pid, &to->pid);
    take_ns(&from->ipc, &to->ipc);
    take_ns(&from->uts, &to->uts);
    take_ns(&from->userns, &to->userns);
    take_map(&from->uid_map, &to->uid_map);
    take_map(&from->gid_map, &to->gid_map);
    for (size_t i = 0; i < from->n_mounts; i++)
        TRY(take_mount_over(to, &from->mounts[i]));
    from->n_mounts = 0;
    for (size_t i = 0; i < from->n_devices; i++)
        TRY(spec_take_device(to, &from->devices[i]));
    from->n_devices = 0;
    return NULL;
}
