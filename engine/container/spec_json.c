/* A container_spec as JSON and back: one table per struct names every member, its type and its place.
 *
 * The text lives in the store as long as the container, across upgrades of coracle: a member that has its default is
 * not written, so it takes the newer version's default; a member unknown here (written by a later version) is ignored;
 * a value of an enumeration is written by name. What is damaged (a wrong type, an unknown name) is an error and not a
 * default, as the container would start with less confinement than it was created with. A test fills every member and
 * compares. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/container/spec_internal.h"

enum field_type { F_STR, F_BOOL, F_I64, F_U64, F_U32, F_DOUBLE, F_STRV, F_ENUM, F_NS, F_IDMAP };
struct field {
    const char *name;
    enum field_type type;
    size_t offset;
    const char *const *names; /* F_ENUM: what is written for 0, 1 …, up to NULL */
};

static const char *const ns_names[] = {"default", "private", "host", "container", "path", "none", "shareable",
                                       "keep-id", "nomap",   "auto", "bridge",    "pod",  NULL};
static const char *const restart_names[] = {"no", "on-failure", "always", "unless-stopped", NULL};
static const char *const systemd_names[] = {"true", "false", "always", NULL};
static const char *const mount_names[] = {"bind",  "volume", "tmpfs",    "ramfs", "devpts",
                                          "image", "glob",   "artifact", NULL};

/* clang-format off: rows of a table */
#define F(struct_, type_, member)                              \
    {                                                          \
#member, type_, offsetof(struct struct_, member), NULL \
    }
#define F_NAMED(struct_, member, names_)                          \
    {                                                             \
#member, F_ENUM, offsetof(struct struct_, member), names_ \
    }
#define S(type_, member) F(container_spec, type_, member)
static const struct field spec_fields[] = {
    S(F_STR, name),
    S(F_STR, image),
    S(F_STR, image_origin),
    S(F_STR, image_id),
    S(F_STR, image_config),
    S(F_STR, rootfs),
    S(F_BOOL, rootfs_overlay),
    S(F_STRV, create_command),
    S(F_STRV, command),
    S(F_STRV, entrypoint),
    S(F_BOOL, entrypoint_set),
    S(F_STRV, env),
    S(F_STRV, env_base),
    S(F_STRV, env_merge),
    S(F_STRV, unsetenv),
    S(F_BOOL, unsetenv_all),
    S(F_BOOL, env_host),
    S(F_BOOL, no_http_proxy),
    S(F_STR, workdir),
    S(F_STR, user),
    S(F_STR, hostname),
    S(F_STR, umask),
    S(F_STR, timezone),
    S(F_STRV, group_add),
    S(F_BOOL, no_passwd),
    S(F_STR, passwd_entry),
    S(F_STRV, host_users),
    S(F_STR, group_entry),
    S(F_STR, personality),
    S(F_STRV, requires),
    S(F_STRV, cgroup_conf),
    S(F_STRV, labels),
    S(F_STRV, annotations),
    S(F_BOOL, tty),
    S(F_BOOL, interactive),
    S(F_BOOL, privileged),
    S(F_BOOL, init),
    S(F_BOOL, read_only),
    S(F_BOOL, no_read_only_tmpfs),
    S(F_STR, init_path),
    S(F_STRV, volumes_from),
    S(F_STR, image_volumes),
    S(F_STRV, cap_add),
    S(F_STRV, cap_drop),
    S(F_STRV, security_opt),
    S(F_STRV, sysctl),
    S(F_STRV, cdi_devices),
    S(F_STRV, device_cgroup_rules),
    S(F_STRV, chrootdirs),
    S(F_STR, seccomp_policy),
    S(F_STR, rdt_class),
    S(F_STRV, secrets),
    S(F_I64, shm_bytes),
    S(F_I64, systemd_tmpfs_bytes),
    S(F_NS, pid),
    S(F_NS, ipc),
    S(F_NS, uts),
    S(F_NS, network),
    S(F_NS, cgroupns),
    S(F_NS, userns),
    S(F_STRV, publish),
    S(F_STRV, expose),
    S(F_BOOL, publish_all),
    S(F_STRV, networks),
    S(F_STRV, network_alias),
    S(F_STR, ip),
    S(F_STR, ip6),
    S(F_STR, mac_address),
    S(F_IDMAP, uid_map),
    S(F_IDMAP, gid_map),
    S(F_STR, subuid_name),
    S(F_STR, subgid_name),
    S(F_STRV, add_host),
    S(F_STRV, dns),
    S(F_STRV, dns_search),
    S(F_STRV, dns_option),
    S(F_BOOL, no_hosts),
    S(F_BOOL, no_hostname),
    S(F_STR, host_ip),
    S(F_BOOL, no_keyring),
    S(F_BOOL, no_pivot),
    S(F_STR, hosts_file),
    S(F_STR, cgroups),
    S(F_STR, cgroup_parent),
    S(F_STR, log_driver),
    S(F_STRV, log_opt),
    S(F_STR, stop_signal),
    S(F_I64, stop_timeout),
    S(F_I64, timeout),
    F_NAMED(container_spec, restart, restart_names),
    S(F_I64, restart_max),
    S(F_BOOL, auto_remove),
    F_NAMED(container_spec, systemd, systemd_names),
    S(F_STR, pidfile),
    S(F_BOOL, remove_image),
    S(F_STR, cidfile),
    S(F_STR, pod),
    S(F_STR, init_ctr),
    S(F_STR, pod_cgroup),
    S(F_BOOL, pod_stop),
    S(F_BOOL, pause),
    S(F_BOOL, keeps_id),
    S(F_U32, preserve_fds),
    S(F_STRV, preserve_fd),
    S(F_BOOL, no_sig_proxy),
    S(F_STR, detach_keys),
    S(F_STR, pull),
    S(F_STR, platform),
    S(F_STR, runtime),
    S(F_STR, storage_driver),
    S(F_BOOL, maps_ids),
    S(F_STR, sdnotify),
    S(F_I64, storage_bytes),
    S(F_I64, storage_inodes),
    S(F_STR, healthcheck),
    S(F_STR, startup_healthcheck),
    S(F_STR, health_on_failure),
    S(F_STR, health_log_destination),
    S(F_I64, health_log_count),
    S(F_I64, health_log_size),
};
#define R(type_, member) F(resource_spec, type_, member)
static const struct field resource_fields[] = {
    R(F_I64, memory_bytes),      R(F_I64, memory_reservation_bytes),
    R(F_I64, memory_swap_bytes), R(F_I64, memory_swappiness),
    R(F_I64, cpu_period),        R(F_I64, cpu_quota),
    R(F_I64, cpu_shares),        R(F_I64, cpu_rt_period),
    R(F_I64, cpu_rt_runtime),    R(F_DOUBLE, cpus),
    R(F_STR, cpuset_cpus),       R(F_STR, cpuset_mems),
    R(F_I64, pids_limit),        R(F_I64, blkio_weight),
    R(F_BOOL, oom_kill_disable), R(F_BOOL, oom_score_adj_set),
    R(F_I64, oom_score_adj),     R(F_STRV, blkio_weight_device),
    R(F_STRV, device_read_bps),  R(F_STRV, device_write_bps),
    R(F_STRV, device_read_iops), R(F_STRV, device_write_iops),
};
#define M(type_, member) F(mount_spec, type_, member)
static const struct field mount_fields[] = {
    F_NAMED(mount_spec, type, mount_names),
    M(F_STR, source),
    M(F_STR, target),
    M(F_STRV, options),
    M(F_BOOL, read_only),
    M(F_BOOL, no_copy),
    M(F_BOOL, tmpcopyup),
    M(F_BOOL, chown),
    M(F_BOOL, overlay),
    M(F_STR, subpath),
    M(F_STR, idmap),
    M(F_STR, volume_driver),
    M(F_STRV, volume_options),
    M(F_STR, digest),
    M(F_STR, title),
    M(F_STR, file_name),
    M(F_BOOL, from_image),
};
static const struct field device_fields[] = {
    F(device_spec, F_STR, host_path),
    F(device_spec, F_STR, ct_path),
    F(device_spec, F_STR, permissions),
};
static const struct field ulimit_fields[] = {
    F(ulimit_spec, F_STR, name),
    F(ulimit_spec, F_U64, soft),
    F(ulimit_spec, F_U64, hard),
};

/* clang-format on */

/* Read a member of the given type; memcpy keeps the table free of aliasing and alignment questions. */
#define LOAD(type_, base_, field_)                                                   \
    ({                                                                               \
        type_ load_v_;                                                               \
        memcpy(&load_v_, (const char *)(base_) + (field_)->offset, sizeof(load_v_)); \
        load_v_;                                                                     \
    })
#define PEEK(type_, base_, field_) ((const type_ *)(const void *)((const char *)(base_) + (field_)->offset))
#define PLACE(type_, base_, field_) ((type_ *)(void *)((char *)(base_) + (field_)->offset))

/* An object, so that arguments with colons stay whole. */
static struct err *put_ns(json_t *obj, const char *name, const struct ns_spec *ns)
{
    if (ns->mode == NS_DEFAULT && !ns->arg)
        return NULL;
    json_t *o = NULL;
    TRY(json_put_obj(obj, name, &o));
    TRY(json_put_str(o, "mode", ns_names[ns->mode]));
    return ns->arg ? json_put_str(o, "arg", ns->arg) : NULL;
}

/* The text of /proc/PID/uid_map, which idmap_parse() reads. */
static struct err *put_idmap(json_t *obj, const char *name, const struct idmap *m)
{
    if (m->count == 0)
        return NULL;
    AUTO_FREE char *text = NULL;
    TRY(idmap_text(m, &text));
    return json_put_str(obj, name, text);
}

/* Nothing is written for a member that has its default; enumerations are always written, by name, so that their
 * order in the header can change. */
static struct err *put_field(json_t *obj, const struct field *f, const void *base, const void *def)
{
    switch (f->type) {
    case F_STR: {
        const char *v = LOAD(const char *, base, f);
        return v ? json_put_str(obj, f->name, v) : NULL;
    }
    case F_BOOL:
        return LOAD(bool, base, f) ? json_put_bool(obj, f->name, true) : NULL;
    case F_I64: {
        int64_t v = LOAD(int64_t, base, f);
        return v != LOAD(int64_t, def, f) ? json_put_int(obj, f->name, v) : NULL;
    }
    case F_U64: /* JSON's integers are signed here: UINT64_MAX, "unlimited", is written as -1. */
        return json_put_int(obj, f->name, (int64_t)LOAD(uint64_t, base, f));
    case F_U32: {
        uint32_t v = LOAD(uint32_t, base, f);
        return v ? json_put_int(obj, f->name, v) : NULL;
    }
    case F_DOUBLE: {
        double v = LOAD(double, base, f);
        return v > 0 || v < 0 ? json_put(obj, f->name, json_real(v)) : NULL;
    }
    case F_STRV: {
        struct strv v = LOAD(struct strv, base, f);
        return v.count ? json_put_strv(obj, f->name, &v) : NULL;
    }
    case F_ENUM:
        return json_put_str(obj, f->name, f->names[LOAD(unsigned, base, f)]);
    case F_NS:
        return put_ns(obj, f->name, PEEK(struct ns_spec, base, f));
    case F_IDMAP:
        return put_idmap(obj, f->name, PEEK(struct idmap, base, f));
    default:
        return ERR_NEW(ERR_INTERNAL, "container spec: field %s has no type", f->name);
    }
}

static struct err *put_fields(json_t *obj, const struct field *fields, size_t n, const void *base, const void *def)
{
    for (size_t i = 0; i < n; i++)
        TRY(put_field(obj, &fields[i], base, def));
    return NULL;
}

/* An array of structs, each an object by its own table. Their default is all zero. */
static struct err *put_list(json_t *obj, const char *name, const struct field *fields, size_t n_fields,
                            const void *items, size_t count, size_t size)
{
    static const char zeroes[sizeof(struct mount_spec) + sizeof(struct device_spec) + sizeof(struct ulimit_spec)];
    if (count == 0)
        return NULL;
    json_t *arr = NULL;
    TRY(json_put_arr(obj, name, &arr));
    for (size_t i = 0; i < count; i++) {
        json_t *o = NULL;
        TRY(json_push_obj(arr, &o));
        TRY(put_fields(o, fields, n_fields, (const char *)items + i * size, zeroes));
    }
    return NULL;
}

/* What the store keeps; see the top of the file. */
struct err *container_spec_to_json(const struct container_spec *s, char **ret_text)
{
    struct container_spec def;
    container_spec_init(&def);
    AUTO_JSON json_t *root = json_object();
    if (!root)
        return err_oom();
    TRY(put_fields(root, spec_fields, ARRAY_LEN(spec_fields), s, &def));
    json_t *res = NULL;
    TRY(json_put_obj(root, "res", &res));
    TRY(put_fields(res, resource_fields, ARRAY_LEN(resource_fields), &s->res, &def.res));
    TRY(put_list(root, "mounts", mount_fields, ARRAY_LEN(mount_fields), s->mounts, s->n_mounts, sizeof(*s->mounts)));
    TRY(put_list(root, "devices", device_fields, ARRAY_LEN(device_fields), s->devices, s->n_devices,
                 sizeof(*s->devices)));
    TRY(put_list(root, "ulimits", ulimit_fields, ARRAY_LEN(ulimit_fields), s->ulimits, s->n_ulimits,
                 sizeof(*s->ulimits)));
    return json_text(root, ret_text);
}

#define WHAT "container spec"

/* An unknown name is refused: it was written by a later version that means something else by it. */
static struct err *get_enum(const json_t *obj, const char *key, const char *const *names, unsigned *ret)
{
    const char *text = NULL;
    TRY(json_get_str(obj, key, WHAT, &text));
    if (!text)
        return NULL;
    for (unsigned i = 0; names[i]; i++) {
        if (strcmp(names[i], text) == 0) {
            *ret = i;
            return NULL;
        }
    }
    return ERR_NEW(ERR_INVALID, WHAT ": %s: unknown value \"%s\"", key, text);
}

/* As put_ns() writes it. */
static struct err *get_ns(const json_t *obj, const char *name, struct ns_spec *ret)
{
    json_t *o = NULL;
    TRY(json_get_obj(obj, name, WHAT, &o));
    if (!o)
        return NULL;
    unsigned mode = NS_DEFAULT;
    const char *arg = NULL;
    TRY(get_enum(o, "mode", ns_names, &mode));
    TRY(json_get_str(o, "arg", WHAT, &arg));
    ret->mode = (enum ns_mode)mode;
    return mem_replace(&ret->arg, arg);
}

/* 0 to max. */
static struct err *get_ranged(const json_t *obj, const char *key, int64_t max, int64_t *ret)
{
    TRY(json_get_int(obj, key, WHAT, ret));
    if (*ret < 0 || *ret > max)
        return ERR_NEW(ERR_INVALID, WHAT ": %s: %lld is out of range", key, (long long)*ret);
    return NULL;
}

/* The reverse of put_field(). Absent members keep what `base` had: the default. */
static struct err *get_field(const json_t *obj, const struct field *f, void *base)
{
    const char *text = NULL;
    switch (f->type) {
    case F_STR:
        TRY(json_get_str(obj, f->name, WHAT, &text));
        return mem_replace(PLACE(char *, base, f), text);
    case F_BOOL:
        return json_get_bool(obj, f->name, WHAT, PLACE(bool, base, f));
    case F_I64:
        return json_get_int(obj, f->name, WHAT, PLACE(int64_t, base, f));
    case F_U64: {
        int64_t v = 0;
        TRY(json_get_int(obj, f->name, WHAT, &v));
        *PLACE(uint64_t, base, f) = (uint64_t)v;
        return NULL;
    }
    case F_U32: {
        int64_t v = 0;
        TRY(get_ranged(obj, f->name, UINT32_MAX, &v));
        *PLACE(uint32_t, base, f) = (uint32_t)v;
        return NULL;
    }
    case F_DOUBLE: {
        const json_t *v = json_object_get(obj, f->name);
        if (v && !json_is_number(v))
            return ERR_NEW(ERR_INVALID, WHAT ": %s: not a number", f->name);
        *PLACE(double, base, f) = json_number_value(v);
        return NULL;
    }
    case F_STRV:
        return json_get_strv(obj, f->name, WHAT, PLACE(struct strv, base, f));
    case F_ENUM: {
        unsigned v = 0;
        TRY(get_enum(obj, f->name, f->names, &v));
        memcpy((char *)base + f->offset, &v, sizeof(v));
        return NULL;
    }
    case F_NS:
        return get_ns(obj, f->name, PLACE(struct ns_spec, base, f));
    case F_IDMAP:
        TRY(json_get_str(obj, f->name, WHAT, &text));
        return text ? idmap_parse(text, PLACE(struct idmap, base, f)) : NULL;
    default:
        return ERR_NEW(ERR_INTERNAL, WHAT ": field %s has no type", f->name);
    }
}

static struct err *get_fields(const json_t *obj, const struct field *fields, size_t n, void *base)
{
    for (size_t i = 0; i < n; i++)
        TRY(get_field(obj, &fields[i], base));
    return NULL;
}

/* Members that everything else relies on are checked here, since a database can be damaged or edited. */
static struct err *get_mounts(const json_t *root, struct container_spec *s)
{
    json_t *arr = NULL, *o;
    size_t i;
    TRY(json_get_arr(root, "mounts", WHAT, &arr));
    json_array_foreach (arr, i, o) {
        AUTO_MOUNT struct mount_spec m = {0};
        TRY(get_fields(o, mount_fields, ARRAY_LEN(mount_fields), &m));
        if (!m.target)
            return ERR_NEW(ERR_CORRUPT, WHAT ": mount %zu has no target", i);
        TRY(spec_take_mount(s, &m));
    }
    return NULL;
}

static struct err *get_devices(const json_t *root, struct container_spec *s)
{
    json_t *arr = NULL, *o;
    size_t i;
    TRY(json_get_arr(root, "devices", WHAT, &arr));
    json_array_foreach (arr, i, o) {
        AUTO_DEVICE struct device_spec d = {0};
        TRY(get_fields(o, device_fields, ARRAY_LEN(device_fields), &d));
        if (!d.host_path || !d.ct_path || !d.permissions)
            return ERR_NEW(ERR_CORRUPT, WHAT ": device %zu is incomplete", i);
        TRY(spec_take_device(s, &d));
    }
    return NULL;
}

static struct err *get_ulimits(const json_t *root, struct container_spec *s)
{
    json_t *arr = NULL, *o;
    size_t i;
    TRY(json_get_arr(root, "ulimits", WHAT, &arr));
    json_array_foreach (arr, i, o) {
        AUTO_ULIMIT struct ulimit_spec u = {0};
        TRY(get_fields(o, ulimit_fields, ARRAY_LEN(ulimit_fields), &u));
        if (!u.name)
            return ERR_NEW(ERR_CORRUPT, WHAT ": limit %zu has no name", i);
        TRY(spec_take_ulimit(s, &u));
    }
    return NULL;
}

static struct err *get_spec(const json_t *root, struct container_spec *s)
{
    json_t *res = NULL;
    TRY(get_fields(root, spec_fields, ARRAY_LEN(spec_fields), s));
    TRY(json_get_obj(root, "res", WHAT, &res));
    if (res)
        TRY(get_fields(res, resource_fields, ARRAY_LEN(resource_fields), &s->res));
    TRY(get_mounts(root, s));
    TRY(get_devices(root, s));
    return get_ulimits(root, s);
}

/* On failure *ret is untouched. */
struct err *container_spec_from_json(const char *text, size_t len, struct container_spec *ret)
{
    AUTO_JSON json_t *root = NULL;
    TRY(json_parse(text, len, WHAT, &root));
    if (!json_is_object(root))
        return ERR_NEW(ERR_INVALID, WHAT ": not a JSON object");
    struct container_spec s;
    container_spec_init(&s);
    struct err *e = get_spec(root, &s);
    if (e) {
        container_spec_done(&s);
        return e;
    }
    *ret = s;
    return NULL;
}
