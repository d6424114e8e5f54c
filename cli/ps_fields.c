/* The fields of `ps`, as Podman's psReporter has them: for --format, and for the default table. */
#include "cli/ps.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/timefmt.h"
#include "cli/report.h"

#define COMMAND_MAX 17
#define SECOND INT64_C(1000000000)
/* Unix seconds of Go's zero time. */
#define ZERO_SECONDS INT64_C(-62135596800)

#define FIELD(name)                                            \
    static struct err *get_##name(const void *p, json_t **ret) \
    {                                                          \
        const struct ps_row *row = p;                          \
        return make_##name(row, ret);                          \
    }

/* --- command, labels, mounts */

struct err *ps_command(const struct ps_row *row, struct strv *ret)
{
    const struct container_spec *s = &row->container->spec;
    if (s->command.count || s->entrypoint_set || !row->config)
        return strv_copy(&s->command, ret);
    return strv_copy(&row->config->cmd, ret);
}

static struct err *make_command(const struct ps_row *row, json_t **ret)
{
    const char *text = row->container->command ? row->container->command : "";
    if (row->no_trunc || strlen(text) <= COMMAND_MAX)
        return report_string(ret, text);
    char cut[COMMAND_MAX + 4];
    (void)snprintf(cut, sizeof cut, "%.*s...", COMMAND_MAX, text);
    return report_string(ret, cut);
}
FIELD(command)

static struct err *add_labels(json_t *object, const struct strv *labels)
{
    for (size_t i = 0; i < labels->count; i++) {
        const char *label = labels->items[i], *equals = strchr(label, '=');
        AUTO_FREE char *key = NULL;
        TRY(mem_strndup(label, equals ? (size_t)(equals - label) : strlen(label), &key));
        TRY(json_put_str(object, key, equals ? equals + 1 : ""));
    }
    return NULL;
}

/* The image's labels, then the container's own. */
static struct err *make_labels(const struct ps_row *row, json_t **ret)
{
    AUTO_JSON json_t *object = json_object();
    if (!object)
        return err_oom();
    if (row->config)
        TRY(add_labels(object, &row->config->labels));
    TRY(add_labels(object, &row->container->spec.labels));
    *ret = json_incref(object);
    return NULL;
}
FIELD(labels)

static struct err *call_label(const void *p, const char *name, json_t **ret)
{
    AUTO_JSON json_t *labels = NULL;
    TRY(make_labels(p, &labels));
    return report_string(ret, json_string_value(json_object_get(labels, name)));
}

/* Podman's order: binds and what is like them, then named volumes. */
static struct err *make_mounts(const struct ps_row *row, json_t **ret)
{
    const struct container_spec *s = &row->container->spec;
    AUTO_JSON json_t *list = json_array();
    for (int volumes = 0; volumes < 2; volumes++)
        for (size_t i = 0; i < s->n_mounts; i++)
            if ((s->mounts[i].type == MOUNT_VOLUME) == (volumes == 1))
                TRY(json_push_str(list, s->mounts[i].target));
    *ret = json_incref(list);
    return *ret ? NULL : err_oom();
}
FIELD(mounts)

/* --- times and states */

static int64_t whole_seconds(int64_t nsec)
{
    return nsec / SECOND * SECOND;
}

static struct err *ago(int64_t since_nsec, const char *before, char **ret)
{
    return mem_asprintf(ret, "%s%s ago", before, timefmt_human_duration(since_nsec).s);
}

static struct err *running_status(const struct ps_row *row, char **ret)
{
    const struct container *c = row->container;
    const char *health = container_health_name(c->health);
    struct timefmt_text since = timefmt_human_duration(row->now_nsec - whole_seconds(c->started_nsec));
    return mem_asprintf(ret, "Up %s ago%s%s%s", since.s, *health ? " (" : "", health, *health ? ")" : "");
}

struct err *ps_status(const struct ps_row *row, char **ret)
{
    const struct container *c = row->container;
    char exited[48];
    switch (c->state) {
    case CT_CREATED:
        return mem_strdup("Created", ret);
    case CT_RUNNING:
        return running_status(row, ret);
    case CT_EXITED:
        (void)snprintf(exited, sizeof exited, "Exited (%d) ", c->exit_code);
        return ago(row->now_nsec - whole_seconds(c->finished_nsec), exited, ret);
    case CT_PAUSED:
        return mem_strdup("Paused", ret);
    case CT_STOPPING:
        return mem_strdup("Stopping", ret);
    case CT_INITIALIZED:
        return mem_strdup("Initialized", ret);
    case CT_REMOVING:
        break;
    }
    return mem_strdup("Removing", ret);
}

static struct err *make_status(const struct ps_row *row, json_t **ret)
{
    AUTO_FREE char *text = NULL;
    TRY(ps_status(row, &text));
    return report_string(ret, text);
}
FIELD(status)

static struct err *make_created_human(const struct ps_row *row, json_t **ret)
{
    AUTO_FREE char *text = NULL;
    TRY(ago(row->now_nsec - row->container->created_nsec, "", &text));
    return report_string(ret, text);
}
FIELD(created_human)

/* A hint makes it a time: printed as Go does, in JSON RFC 3339. */
static struct err *make_created(const struct ps_row *row, json_t **ret)
{
    return report_string(ret, timefmt_rfc3339(row->container->created_nsec, 0).s);
}
FIELD(created)

/* Unix seconds; "never" is what Go's zero time is in them. */
static struct err *make_seconds(int64_t nsec, json_t **ret)
{
    return report_integer(ret, nsec ? nsec / SECOND : ZERO_SECONDS);
}

static struct err *make_started_at(const struct ps_row *row, json_t **ret)
{
    return make_seconds(row->container->started_nsec, ret);
}
FIELD(started_at)

static struct err *make_exited_at(const struct ps_row *row, json_t **ret)
{
    return make_seconds(row->container->finished_nsec, ret);
}
FIELD(exited_at)

static bool has_exited(const struct ps_row *row)
{
    return row->container->state == CT_EXITED;
}

static struct err *make_exited(const struct ps_row *row, json_t **ret)
{
    return report_boolean(ret, has_exited(row));
}
FIELD(exited)

/* --- the rest */

static struct err *make_id(const struct ps_row *row, json_t **ret)
{
    return report_id(ret, row->container->id, row->no_trunc);
}
FIELD(id)

static struct err *make_image_id(const struct ps_row *row, json_t **ret)
{
    return report_id(ret, row->container->image_id, row->no_trunc);
}
FIELD(image_id)

static struct err *make_image(const struct ps_row *row, json_t **ret)
{
    return report_string(ret, row->container->image_name);
}
FIELD(image)

static struct err *make_names(const struct ps_row *row, json_t **ret)
{
    return report_string(ret, row->container->name);
}
FIELD(names)

/* The state alone, as Docker has it; Podman 4.3 shows the same text as for Status here. */
static struct err *make_state(const struct ps_row *row, json_t **ret)
{
    return report_string(ret, container_state_name(row->container->state));
}
FIELD(state)

static struct err *make_pid(const struct ps_row *row, json_t **ret)
{
    return report_integer(ret, row->container->host_pid);
}
FIELD(pid)

static struct err *make_exit_code(const struct ps_row *row, json_t **ret)
{
    return report_integer(ret, row->container->exit_code);
}
FIELD(exit_code)

static struct err *make_restarts(const struct ps_row *row, json_t **ret)
{
    return report_integer(ret, row->container->restart_count);
}
FIELD(restarts)

static struct err *make_auto_remove(const struct ps_row *row, json_t **ret)
{
    return report_boolean(ret, row->container->auto_remove);
}
FIELD(auto_remove)

static struct err *make_cidfile(const struct ps_row *row, json_t **ret)
{
    return report_string(ret, row->container->spec.cidfile);
}
FIELD(cidfile)

static struct err *make_is_infra(const struct ps_row *row, json_t **ret)
{
    return report_boolean(ret, row->container->is_infra);
}
FIELD(is_infra)

static struct err *get_ports(const void *p, json_t **ret)
{
    return ps_ports_text(p, ret);
}

static struct err *make_pod(const struct ps_row *row, json_t **ret)
{
    return report_id(ret, row->container->pod_id, row->no_trunc);
}
FIELD(pod)

static struct err *make_pod_name(const struct ps_row *row, json_t **ret)
{
    return report_string(ret, row->container->pod_name);
}
FIELD(pod_name)

/* "12B (virtual 1.98MB)" */
static struct err *make_size(const struct ps_row *row, json_t **ret)
{
    char text[128];
    if (!row->has_size)
        return report_string(ret, "");
    (void)snprintf(text, sizeof text, "%s (virtual %s)", number_packed_bytes(row->size_rw).s,
                   number_packed_bytes(row->size_root).s);
    return report_string(ret, text);
}
FIELD(size)

#define NAMESPACE(name)                                                          \
    static struct err *get_ns_##name(const void *p, json_t **ret)                \
    {                                                                            \
        const struct ps_row *row = p;                                            \
        return report_string(ret, row->namespaces ? row->namespaces->name : ""); \
    }
NAMESPACE(cgroup)
NAMESPACE(ipc)
NAMESPACE(mnt)
NAMESPACE(net)
NAMESPACE(pid)
NAMESPACE(user)
NAMESPACE(uts)

/* In JSON what is empty is left out; a template sees all members. */
static struct err *make_namespaces(const struct ps_row *row, bool empty, json_t **ret)
{
    static const struct ps_namespaces none;
    const struct ps_namespaces *ns = row->namespaces ? row->namespaces : &none;
    const struct {
        const char *key, *value;
    } members[] = {{"MNT", ns->mnt},   {"Cgroup", ns->cgroup}, {"IPC", ns->ipc},  {"NET", ns->net},
                   {"PIDNS", ns->pid}, {"UTS", ns->uts},       {"User", ns->user}};
    AUTO_JSON json_t *object = json_object();
    if (!object)
        return err_oom();
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (empty || *members[i].value)
            TRY(json_put_str(object, members[i].key, members[i].value));
    *ret = json_incref(object);
    return NULL;
}

static struct err *get_namespaces(const void *p, json_t **ret)
{
    return make_namespaces(p, true, ret);
}

static struct err *get_networks(const void *p, json_t **ret)
{
    const struct ps_row *row = p;
    AUTO_FREE char *text = NULL;
    if (!row->networks)
        return report_string(ret, "");
    TRY(strv_join(row->networks, ",", &text));
    return report_string(ret, text);
}

/* --- --format json, {{.}} */

struct err *ps_json(const struct ps_row *row, json_t **ret)
{
    const struct container *c = row->container;
    AUTO_JSON json_t *o = json_object();
    AUTO_STRV struct strv command = STRV_INIT;
    AUTO_FREE char *status = NULL, *created = NULL;
    json_t *value;
    TRY(ps_command(row, &command));
    TRY(ps_status(row, &status));
    TRY(ago(row->now_nsec - c->created_nsec, "", &created));
    TRY(json_put_bool(o, "AutoRemove", c->auto_remove));
    TRY(json_put_strv(o, "Command", &command));
    TRY(json_put_str(o, "CreatedAt", created));
    TRY(json_put_bool(o, "Exited", has_exited(row)));
    TRY(json_put_int(o, "ExitedAt", c->finished_nsec ? c->finished_nsec / SECOND : ZERO_SECONDS));
    TRY(json_put_int(o, "ExitCode", c->exit_code));
    TRY(json_put_str(o, "Id", c->id));
    TRY(json_put_str(o, "Image", c->image_name));
    TRY(json_put_str(o, "ImageID", c->image_id));
    TRY(json_put_bool(o, "IsInfra", c->is_infra));
    TRY(make_labels(row, &value));
    TRY(json_put(o, "Labels", json_object_size(value) ? value : (json_decref(value), json_null())));
    TRY(make_mounts(row, &value));
    TRY(json_put(o, "Mounts", value));
    TRY(json_put_arr(o, "Names", &value));
    TRY(json_push_str(value, c->name));
    TRY(make_namespaces(row, false, &value));
    TRY(json_put(o, "Namespaces", value));
    TRY(json_put_arr(o, "Networks", &value));
    for (size_t i = 0; row->networks && i < row->networks->count; i++)
        TRY(json_push_str(value, row->networks->items[i]));
    TRY(json_put_int(o, "Pid", c->host_pid));
    TRY(json_put_str(o, "Pod", c->pod_id));
    TRY(json_put_str(o, "PodName", c->pod_name));
    TRY(ps_ports_list(row, &value));
    TRY(json_put(o, "Ports", value));
    if (row->has_size) {
        TRY(json_put_obj(o, "Size", &value));
        TRY(json_put_int(value, "rootFsSize", (int64_t)row->size_root));
        TRY(json_put_int(value, "rwSize", (int64_t)row->size_rw));
    } else {
        TRY(json_put(o, "Size", json_null()));
    }
    TRY(json_put_int(o, "StartedAt", c->started_nsec ? c->started_nsec / SECOND : ZERO_SECONDS));
    TRY(json_put_str(o, "State", container_state_name(c->state)));
    TRY(json_put_str(o, "Status", status));
    TRY(json_put_int(o, "Created", c->created_nsec / SECOND));
    *ret = json_incref(o);
    return NULL;
}

static struct err *get_all(const void *p, json_t **ret)
{
    return ps_json(p, ret);
}

static const struct template_field fields[] = {
    {"ID", "CONTAINER ID", get_id, NULL},
    {"Image", NULL, get_image, NULL},
    {"Command", NULL, get_command, NULL},
    {"CreatedHuman", "CREATED", get_created_human, NULL},
    {"Status", NULL, get_status, NULL},
    {"Ports", NULL, get_ports, NULL},
    {"Names", NULL, get_names, NULL},
    {"ImageID", "IMAGE ID", get_image_id, NULL},
    {"Created", NULL, get_created, NULL},
    {"CreatedAt", NULL, get_created, NULL},
    {"RunningFor", NULL, get_created_human, NULL},
    {"State", NULL, get_state, NULL},
    {"Labels", NULL, get_labels, NULL},
    {"Label", NULL, NULL, call_label},
    {"Mounts", NULL, get_mounts, NULL},
    {"Networks", NULL, get_networks, NULL},
    {"Pid", "PID", get_pid, NULL},
    {"ExitCode", NULL, get_exit_code, NULL},
    {"Exited", NULL, get_exited, NULL},
    {"ExitedAt", NULL, get_exited_at, NULL},
    {"StartedAt", NULL, get_started_at, NULL},
    {"AutoRemove", NULL, get_auto_remove, NULL},
    {"Restarts", NULL, get_restarts, NULL},
    {"IsInfra", NULL, get_is_infra, NULL},
    {"Pod", "POD ID", get_pod, NULL},
    {"PodName", "PODNAME", get_pod_name, NULL},
    {"Size", NULL, get_size, NULL},
    {"CIDFile", "CIDFILE", get_cidfile, NULL},
    {"Namespaces", NULL, get_namespaces, NULL},
    {"Cgroup", "CGROUPNS", get_ns_cgroup, NULL},
    {"IPC", NULL, get_ns_ipc, NULL},
    {"MNT", NULL, get_ns_mnt, NULL},
    {"NET", NULL, get_ns_net, NULL},
    {"PIDNS", NULL, get_ns_pid, NULL},
    {"USERNS", NULL, get_ns_user, NULL},
    {"User", "USERNS", get_ns_user, NULL},
    {"UTS", NULL, get_ns_uts, NULL},
    {0},
};

const struct template_class ps_class = {
    .type_name = "containers.psReporter",
    .fields = fields,
    .get_all = get_all,
};

const struct template_member ps_members[] = {
    {"Labels", TEMPLATE_MAP, NULL},
    {"Created", TEMPLATE_TIME, NULL},
    {"CreatedAt", TEMPLATE_TIME, NULL},
    {"Mounts", TEMPLATE_LIST, NULL},
    {0},
};
