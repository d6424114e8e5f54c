/* "linux": namespaces, id maps, sysctls, propagation; and "annotations". config-linux.md, OCI runtime
 * specification 1.0. */
#include <string.h>

#include "base/mem.h"
#include "engine/container/oci_internal.h"

/* Without a path the runtime makes a new one. */
static void put_namespace(struct jsonout *j, const char *type, const char *path)
{
    jsonout_open(j, NULL, '{');
    jsonout_str(j, "type", type);
    if (path)
        jsonout_str(j, "path", path);
    jsonout_close(j, '}');
}

/* One that is joined by path, a new one, or none, which leaves the container in ours. */
static void put_space(struct oci_build *b, const char *type, const struct ns_spec *ns, const char *path, bool wanted)
{
    if (path)
        put_namespace(&b->out, type, path);
    else if (ns->mode != NS_HOST && wanted)
        put_namespace(&b->out, type, NULL);
}

/* The order is the specification's; runtimes join the user namespace first whatever its place. */
static void put_namespaces(struct oci_build *b)
{
    const struct container_spec *s = b->spec;
    const struct oci_facts *f = b->facts;
    jsonout_open(&b->out, "namespaces", '[');
    put_space(b, "pid", &s->pid, f->pid_ns, !f->no_pid_ns);
    put_space(b, "network", &s->network, f->network_ns, true);
    put_space(b, "ipc", &s->ipc, f->ipc_ns, !f->no_ipc_ns);
    put_space(b, "uts", &s->uts, f->uts_ns, !f->no_uts_ns);
    put_namespace(&b->out, "mount", NULL);
    /* cgroup v1 has no view of its own worth a namespace; Podman asks for none there either. */
    put_space(b, "cgroup", &s->cgroupns, f->cgroup_ns,
              !f->no_cgroup_ns && (f->cgroup_v2 || s->cgroupns.mode == NS_PRIVATE));
    put_space(b, "user", &s->userns, f->user_ns, f->ct_uids != NULL);
    jsonout_close(&b->out, ']');
}

/* "hostID" is the id in the namespace around the container's, which is the session's. */
static void put_map(struct jsonout *j, const char *key, const struct idmap *m)
{
    if (!m)
        return;
    jsonout_open(j, key, '[');
    for (size_t i = 0; i < m->count; i++) {
        jsonout_open(j, NULL, '{');
        jsonout_int(j, "containerID", m->ranges[i].ct);
        jsonout_int(j, "hostID", m->ranges[i].host);
        jsonout_int(j, "size", m->ranges[i].count);
        jsonout_close(j, '}');
    }
    jsonout_close(j, ']');
}

/* Root may ping: the range is empty in a new network namespace. Only where that is the container's own. */
static bool owns_network(const struct oci_build *b)
{
    enum ns_mode mode = b->spec->network.mode;
    return mode != NS_HOST && mode != NS_CONTAINER && mode != NS_PATH &&
           !(b->facts->ct_uids && b->facts->network_ns && !b->facts->owns_network_ns);
}

/* A value of the user's replaces the default of the same name; names were checked by container_spec_check(). */
static struct err *put_sysctls(struct oci_build *b)
{
    AUTO_STRV struct strv all = STRV_INIT;
    uint32_t host_gid;
    /* The kernel takes groups alone that the container has. */
    if (owns_network(b) && !b->facts->sysctl_read_only &&
        (!b->facts->ct_gids || idmap_to_host(b->facts->ct_gids, 0, &host_gid)))
        TRY(strv_add(&all, "net.ipv4.ping_group_range=0 0"));
    for (size_t i = 0; i < b->spec->sysctl.count; i++)
        TRY(strv_env_set(&all, b->spec->sysctl.items[i]));
    if (all.count == 0)
        return NULL;
    jsonout_open(&b->out, "sysctl", '{');
    for (size_t i = 0; i < all.count; i++) {
        char *eq = strchr(all.items[i], '=');
        if (!eq)
            return ERR_NEW(ERR_INVALID, "%s is invalid, sysctl values must be in the form of KEY=VALUE", all.items[i]);
        *eq = '\0';
        jsonout_str(&b->out, all.items[i], eq + 1);
    }
    jsonout_close(&b->out, '}');
    return NULL;
}

/* The root must let through what one of the mounts wants to send or receive. */
static const char *root_propagation(const struct oci_build *b)
{
    const char *found = NULL;
    for (size_t i = 0; i < b->facts->n_mounts; i++) {
        const struct strv *options = &b->facts->mounts[i].options;
        if (strv_contains(options, "shared") || strv_contains(options, "rshared"))
            return "shared";
        if (strv_contains(options, "slave") || strv_contains(options, "rslave"))
            found = "rslave";
    }
    return found;
}

struct err *oci_put_linux(struct oci_build *b)
{
    struct jsonout *j = &b->out;
    jsonout_open(j, "linux", '{');
    put_map(j, "uidMappings", b->facts->ct_uids);
    put_map(j, "gidMappings", b->facts->ct_gids);
    TRY(put_sysctls(b));
    TRY(oci_put_resources(b, "resources"));
    if (b->facts->cgroup_path)
        jsonout_str(j, "cgroupsPath", b->facts->cgroup_path);
    put_namespaces(b);
    if (b->spec->personality) {
        jsonout_open(j, "personality", '{');
        jsonout_str(j, "domain", b->spec->personality);
        jsonout_close(j, '}');
    }
    if (b->spec->rdt_class) { /* start_devices.c has seen that the class can be joined */
        jsonout_open(j, "intelRdt", '{');
        jsonout_str(j, "closID", b->spec->rdt_class);
        jsonout_close(j, '}');
    }
    const char *propagation = root_propagation(b);
    if (propagation)
        jsonout_str(j, "rootfsPropagation", propagation);
    TRY(oci_put_confinement(b));
    jsonout_close(j, '}');
    return NULL;
}

/* What the user sets wins over what is set by default, even where it breaks the container: annotations are how
 * runtimes are told things. */
static bool is_users_annotation(const struct oci_build *b, const char *key)
{
    return strv_env_get(&b->spec->annotations, key) != NULL;
}

static void put_annotation(struct oci_build *b, const char *key, const char *value)
{
    if (value && !is_users_annotation(b, key))
        jsonout_str(&b->out, key, value);
}

/* The stop signal is what `podman stop` of a container made elsewhere reads; the others speak to crun. */
struct err *oci_put_annotations(struct oci_build *b)
{
    int sig = 0;
    TRY(oci_stop_signal(b->spec, b->image, &sig));
    AUTO_FREE char *stop = NULL, *program = NULL;
    TRY(mem_asprintf(&stop, "%d", sig));
    TRY(oci_seccomp_program(b, &program));
    jsonout_open(&b->out, "annotations", '{');
    put_annotation(b, "io.container.manager", "coracle");
    put_annotation(b, "org.opencontainers.image.stopSignal", stop);
    bool keep = strv_contains(&b->spec->group_add, "keep-groups");
    put_annotation(b, "run.oci.keep_original_groups", keep ? "1" : NULL);
    put_annotation(b, "run.oci.seccomp_bpf_data", program);
    for (size_t i = 0; i < b->spec->annotations.count; i++) {
        const char *text = b->spec->annotations.items[i], *eq = strchr(text, '=');
        AUTO_FREE char *key = NULL;
        if (!eq)
            return ERR_NEW(ERR_INVALID, "annotations must be formatted KEY=VALUE");
        TRY(mem_strndup(text, (size_t)(eq - text), &key));
        jsonout_str(&b->out, key, eq + 1);
    }
    jsonout_close(&b->out, '}');
    return NULL;
}
