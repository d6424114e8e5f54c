/* `container inspect`: Podman's object, from the row, the image and what a start would tell the runtime. */
#include "engine/container/inspect.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/container/internal.h"
#include "engine/container/oci.h"
#include "engine/engine.h"
#include "engine/monitor/client.h"
#include "engine/volume/volume.h"
#include "rootless/session.h"

static void inspection_done(struct inspection *in)
{
    image_free(in->image);
    image_config_done(&in->config);
    json_decref(in->oci);
    mem_freep(&in->dir);
    mem_freep(&in->run_dir);
}

json_t *inspect_oci(const struct inspection *in, const char *section, const char *key)
{
    return json_object_get(json_object_get(in->oci, section), key);
}

struct err *inspect_put_pairs(json_t *obj, const char *key, const struct strv *pairs)
{
    return pairs->count ? json_put_pairs(obj, key, pairs) : json_put(obj, key, json_null());
}

/* What a start would tell the runtime, with stand-ins for what only a mounted root knows: so env, args, capabilities
 * and limits are computed in one place. */
static struct err *generate_oci(struct inspection *in)
{
    AUTO_FREE char *text = NULL;
    AUTO_STRV struct strv notices = STRV_INIT;
    const struct container_spec *spec = &in->c->spec;
    const struct session *session = engine_session(in->e);
    const char *user_name = spec->user ? spec->user : in->config.user;
    bool is_root = !user_name || !*user_name || strcmp(user_name, "root") == 0 || strcmp(user_name, "0") == 0 ||
                   strncmp(user_name, "0:", 2) == 0 || strncmp(user_name, "root:", 5) == 0;
    struct oci_user user = {.ct_uid = is_root ? 0 : 1, .ct_gid = is_root ? 0 : 1, .home = (char[]){"/root"}};
    AUTO_FREE char *hostname = NULL;
    TRY(container_hostname(in->e, in->c, &hostname));
    const struct oci_facts facts = {
        .container_id = in->c->id,
        .rootfs = "/",
        .user = &user,
        .hostname = hostname,
        .session_uids = &session->uid_map,
        .session_gids = &session->gid_map,
        .rlimit_nofile_hard = 1048576,
        .rlimit_nproc_hard = 1048576,
        .cgroup_v2 = true,
        .cgroup_writable = true,
        .proc_mountable = true,
        .sys_mountable = true,
        .mqueue_mountable = true,
        .init_path = spec->init || spec->pause ? "/" : NULL,
        .log_driver = spec->log_driver,
        .describe = true,
    };
    TRY(oci_generate(spec, &in->config, &facts, &notices, &text));
    return json_parse(text, strlen(text), "OCI config", &in->oci);
}

static struct err *put_times(json_t *o, const struct inspection *in)
{
    const struct container *c = in->c;
    TRY(json_put_str(o, "StartedAt", timefmt_rfc3339_or_zero(c->started_nsec, 0).s));
    TRY(json_put_str(o, "FinishedAt", timefmt_rfc3339_or_zero(c->finished_nsec, 0).s));
    TRY(inspect_put_health(o, in));
    TRY(json_put_str(o, "CheckpointedAt", TIMEFMT_ZERO));
    return json_put_str(o, "RestoredAt", TIMEFMT_ZERO);
}

static struct err *put_state(json_t *obj, const struct inspection *in)
{
    const struct container *c = in->c;
    json_t *o;
    TRY(json_put_obj(obj, "State", &o));
    TRY(json_put_str(o, "OciVersion", "1.0.2-dev"));
    TRY(json_put_str(o, "Status", container_state_name(c->state)));
    TRY(json_put_bool(o, "Running", c->state == CT_RUNNING || c->state == CT_STOPPING));
    TRY(json_put_bool(o, "Paused", c->state == CT_PAUSED));
    TRY(json_put_bool(o, "Restarting", false));
    TRY(json_put_bool(o, "OOMKilled", c->oom_killed));
    TRY(json_put_bool(o, "Dead", false));
    TRY(json_put_int(o, "Pid", c->host_pid));
    TRY(json_put_int(o, "ExitCode", c->exit_code));
    TRY(json_put_str(o, "Error", c->error));
    return put_times(o, in);
}

static struct err *put_command(json_t *obj, const struct inspection *in)
{
    json_t *args = inspect_oci(in, "process", "args"), *rest;
    TRY(json_put_str(obj, "Path", json_string_value(json_array_get(args, 0))));
    TRY(json_put_arr(obj, "Args", &rest));
    for (size_t i = 1; i < json_array_size(args); i++)
        TRY(json_push(rest, json_incref(json_array_get(args, i))));
    return NULL;
}

static struct err *put_path(json_t *obj, const char *key, const char *dir, const char *file)
{
    AUTO_FREE char *path = NULL;
    TRY(mem_asprintf(&path, "%s/%s", dir, file));
    return json_put_str(obj, key, path);
}

static struct err *put_paths(json_t *obj, const struct inspection *in)
{
    AUTO_FREE char *private_dir = NULL;
    TRY(mem_asprintf(&private_dir, "%s/" MONITOR_PRIVATE, engine_run_dir(in->e)));
    TRY(put_path(obj, "ResolvConfPath", private_dir, "resolv.conf"));
    TRY(put_path(obj, "HostnamePath", private_dir, "hostname"));
    TRY(put_path(obj, "HostsPath", private_dir, "hosts"));
    TRY(json_put_str(obj, "StaticDir", in->dir));
    TRY(put_path(obj, "OCIConfigPath", private_dir, "config.json"));
    TRY(json_put_str(obj, "OCIRuntime", in->c->spec.runtime ? strrchr(in->c->spec.runtime, '/') + 1 : ""));
    TRY(json_put_str(obj, "ConmonPidFile", ""));
    return json_put_str(obj, "PidFile", in->c->spec.pidfile);
}

/* "[]" for a process without capabilities is null in Podman. */
static struct err *put_caps(json_t *obj, const struct inspection *in, const char *key, const char *set)
{
    json_t *caps = json_object_get(inspect_oci(in, "process", "capabilities"), set);
    return json_put(obj, key, json_array_size(caps) ? json_incref(caps) : json_null());
}

static struct err *put_exec_ids(json_t *obj, const struct inspection *in)
{
    struct monitor *m = NULL;
    struct monitor_state st;
    AUTO_FREE struct monitor_exec_state *execs = NULL;
    size_t count = 0;
    json_t *ids;
    TRY(json_put_arr(obj, "ExecIDs", &ids));
    if (in->c->state != CT_RUNNING)
        return NULL;
    struct err *err = monitor_connect(engine_run_dir(in->e), in->c->id, &m);
    if (!err)
        err = monitor_query(m, &st, &execs, &count);
    monitor_free(m);
    if (err) { /* it ended meanwhile */
        err_drop(err);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        if (execs[i].running)
            TRY(json_push(ids, json_string(execs[i].id)));
    return NULL;
}

static struct err *put_graph_driver(json_t *obj, const struct inspection *in)
{
    json_t *o, *data;
    AUTO_STRBUF struct strbuf lower = STRBUF_INIT;
    TRY(json_put_obj(obj, "GraphDriver", &o));
    TRY(json_put_str(o, "Name", in->driver));
    TRY(json_put_obj(o, "Data", &data));
    for (size_t i = in->image ? in->image->layer_dirs.count : 0; i-- > 0;)
        TRY(strbuf_printf(&lower, "%s%s/layers/%s/diff", lower.len ? ":" : "", engine_root(in->e),
                          in->image->layer_dirs.items[i]));
    if (lower.len)
        TRY(json_put_str(data, "LowerDir", strbuf_str(&lower)));
    if (in->c->state == CT_RUNNING)
        TRY(put_path(data, "MergedDir", engine_run_dir(in->e), MONITOR_ROOTFS));
    TRY(put_path(data, "UpperDir", in->dir, "upper"));
    return put_path(data, "WorkDir", in->dir, "work");
}

struct err *inspect_put_mount(json_t *arr, const char *root, const struct mount_spec *m)
{
    json_t *o, *options;
    if (m->type != MOUNT_BIND && m->type != MOUNT_VOLUME)
        return NULL;
    TRY(json_push_obj(arr, &o));
    TRY(json_put_str(o, "Type", m->type == MOUNT_BIND ? "bind" : "volume"));
    if (m->type == MOUNT_VOLUME) {
        AUTO_FREE char *data = NULL;
        TRY(mem_asprintf(&data, "%s/volumes/%s/_data", root, m->source));
        TRY(json_put_str(o, "Name", m->source));
        TRY(json_put_str(o, "Source", data));
    } else {
        TRY(json_put_str(o, "Source", m->source));
    }
    TRY(json_put_str(o, "Destination", m->target));
    TRY(json_put_str(o, "Driver", m->type == MOUNT_VOLUME ? "local" : ""));
    TRY(json_put_str(o, "Mode", ""));
    TRY(json_put_arr(o, "Options", &options));
    const char *propagation = "rprivate";
    for (size_t i = 0; i < m->options.count; i++) {
        const char *opt = m->options.items[i];
        size_t n = strlen(opt);
        if (strstr("rprivate rshared rslave", opt) && n > 4)
            propagation = opt;
        else if (strcmp(opt, "ro") != 0 && strcmp(opt, "rw") != 0)
            TRY(json_push(options, json_string(opt)));
    }
    TRY(json_put_bool(o, "RW", !m->read_only));
    return json_put_str(o, "Propagation", propagation);
}

static struct err *put_mounts(json_t *obj, const struct inspection *in)
{
    json_t *arr;
    TRY(json_put_arr(obj, "Mounts", &arr));
    for (size_t i = 0; i < in->c->spec.n_mounts; i++)
        TRY(inspect_put_mount(arr, engine_root(in->e), &in->c->spec.mounts[i]));
    return NULL;
}

static struct err *put_dependencies(json_t *obj, const struct inspection *in)
{
    json_t *arr;
    struct store_stmt *st;
    bool row;
    TRY(json_put_arr(obj, "Dependencies", &arr));
    TRY(store_prepare(engine_store(in->e), "SELECT needs_id FROM container_needs WHERE container_id = ?1", &st));
    TRY(store_bind(st, "t", in->c->id));
    for (;;) {
        TRY(store_step(st, &row));
        if (!row)
            return NULL;
        TRY(json_push(arr, json_string(store_col_text(st, 0))));
    }
}

static struct err *put_identity(json_t *obj, const struct inspection *in)
{
    const struct container *c = in->c;
    TRY(json_put_str(obj, "Image", c->image_id));
    TRY(json_put_str(obj, "ImageDigest", in->image ? in->image->manifest_digest : ""));
    TRY(json_put_str(obj, "ImageName", c->image_name));
    TRY(json_put_str(obj, "Rootfs", c->spec.rootfs));
    TRY(json_put_str(obj, "Pod", c->pod_id));
    TRY(put_paths(obj, in));
    TRY(json_put_str(obj, "Name", c->name));
    TRY(json_put_int(obj, "RestartCount", c->restart_count));
    TRY(json_put_str(obj, "Driver", in->driver));
    TRY(json_put_str(obj, "MountLabel", ""));
    TRY(json_put_str(obj, "ProcessLabel", ""));
    TRY(json_put_str(obj, "AppArmorProfile", ""));
    TRY(put_caps(obj, in, "EffectiveCaps", "effective"));
    return put_caps(obj, in, "BoundingCaps", "bounding");
}

static struct err *put_size(json_t *obj, const struct inspection *in)
{
    uint64_t rw, root;
    TRY(container_size(in->e, in->c, &rw, &root));
    TRY(json_put_int(obj, "SizeRw", (int64_t)rw));
    return json_put_int(obj, "SizeRootFs", (int64_t)root);
}

static struct err *build(struct inspection *in, bool size, json_t *obj)
{
    json_t *sub;
    TRY(json_put_str(obj, "Id", in->c->id));
    TRY(json_put_str(obj, "Created", timefmt_rfc3339(in->c->created_nsec, 0).s));
    TRY(put_command(obj, in));
    TRY(put_state(obj, in));
    TRY(put_identity(obj, in));
    TRY(put_exec_ids(obj, in));
    TRY(put_graph_driver(obj, in));
    if (size)
        TRY(put_size(obj, in));
    TRY(put_mounts(obj, in));
    TRY(put_dependencies(obj, in));
    TRY(inspect_put_network(in, obj));
    TRY(json_put_str(obj, "Namespace", ""));
    TRY(json_put_bool(obj, "IsInfra", in->c->is_infra));
    TRY(json_put_bool(obj, "IsService", false));
    TRY(inspect_config(in, &sub));
    TRY(json_put(obj, "Config", sub));
    TRY(inspect_host(in, &sub));
    return json_put(obj, "HostConfig", sub);
}

static struct err *inspect(struct inspection *in, bool size, char **ret_json)
{
    AUTO_JSON json_t *obj = json_object();
    if (!obj)
        return err_oom();
    TRY(container_load_spec(in->e, in->c));
    TRY(container_dir(in->e, in->c->id, &in->dir));
    TRY(container_run_dir(in->e, in->c->id, &in->run_dir));
    TRY(container_driver(in->e, &in->c->spec, &in->driver));
    if (in->c->image_id) {
        struct err *err = container_find_image(in->e, in->c, &in->image);
        if (err && !in->c->image_origin)
            return err;
        err_drop(err); /* elsewhere it may be gone */
        TRY(in->image ? image_read_config(in->e, in->image, &in->config)
                      : container_image_config(in->e, in->c, &in->config));
    }
    TRY(generate_oci(in));
    TRY(build(in, size, obj));
    return json_text(obj, ret_json);
}

struct err *container_inspect(struct engine *e, struct container *c, bool size, char **ret_json)
{
    struct inspection in = {.e = e, .c = c};
    struct err *err = inspect(&in, size, ret_json);
    inspection_done(&in);
    return err;
}
