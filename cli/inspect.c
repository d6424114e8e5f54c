/* inspect of containers, images, networks and volumes, alone or whatever has the name. */
#include <string.h>

#include "base/mem.h"
#include "cli/pod_members.h"
#include "cli/report.h"
#include "cli/select.h"
#include "cli/verbs.h"
#include "engine/image/image.h"
#include "engine/network/network.h"
#include "engine/pod/pod.h"
#include "engine/volume/volume.h"

struct inspect_opts {
    bool latest, size, all;
    const char *format, *type;
};
#define O(field) offsetof(struct inspect_opts, field)

enum object_type { OBJECT_ALL, OBJECT_CONTAINER, OBJECT_IMAGE, OBJECT_NETWORK, OBJECT_VOLUME, OBJECT_POD };

/* What Go's types of these objects are, where JSON doesn't tell. */
#define CONFIG_TYPE "*define.InspectContainerConfig"
#define HOST_TYPE "*define.InspectContainerHostConfig"
#define NETWORK_TYPE "*define.InspectNetworkSettings"
#define STATE_TYPE "*define.InspectContainerState"
#define EMPTY(name, hint, of)       \
    {                               \
        name, hint, NULL, name, of, \
    }
static const struct template_member members[] = {
    {"Config", TEMPLATE_STRUCT, CONFIG_TYPE},
    {"HostConfig", TEMPLATE_STRUCT, HOST_TYPE},
    {"NetworkSettings", TEMPLATE_STRUCT, NETWORK_TYPE},
    {"State", TEMPLATE_STRUCT, STATE_TYPE},
    {"Annotations", TEMPLATE_MAP, NULL},
    {"Data", TEMPLATE_MAP, "map[string]string"},
    {"ExposedPorts", TEMPLATE_MAP, "map[string]struct {}"},
    {"Labels", TEMPLATE_MAP, NULL},
    {"Networks", TEMPLATE_MAP, "map[string]*define.InspectAdditionalNetwork"},
    {"Options", TEMPLATE_MAP, NULL},
    {"PortBindings", TEMPLATE_MAP, "map[string][]define.InspectHostPort"},
    {"Ports", TEMPLATE_MAP, "map[string][]define.InspectHostPort"},
    {"Tmpfs", TEMPLATE_MAP, NULL},
    {"Volumes", TEMPLATE_MAP, "map[string]struct {}"},
    {"CheckpointedAt", TEMPLATE_TIME, NULL},
    {"Created", TEMPLATE_TIME, NULL},
    {"CreatedAt", TEMPLATE_TIME, NULL},
    {"FinishedAt", TEMPLATE_TIME, NULL},
    {"RestoredAt", TEMPLATE_TIME, NULL},
    {"StartedAt", TEMPLATE_TIME, NULL},
    {"Links", TEMPLATE_LIST, NULL},
    {"OnBuild", TEMPLATE_LIST, NULL},
    {"VolumesFrom", TEMPLATE_LIST, NULL},
    {"Log", TEMPLATE_LIST, NULL},
    {"BlkioWeightDevice", TEMPLATE_LIST, NULL},
    {"BlkioDeviceReadBps", TEMPLATE_LIST, NULL},
    {"BlkioDeviceReadIOps", TEMPLATE_LIST, NULL},
    {"BlkioDeviceWriteBps", TEMPLATE_LIST, NULL},
    {"BlkioDeviceWriteIOps", TEMPLATE_LIST, NULL},
    {"SdNotifyMode", TEMPLATE_STRUCT, NULL, "sdNotifyMode"},
    /* Left out of JSON where they are empty. */
    EMPTY("Networks", TEMPLATE_MAP, NETWORK_TYPE),
    EMPTY("Timezone", TEMPLATE_TEXT, CONFIG_TYPE),
    EMPTY("Secrets", TEMPLATE_LIST, CONFIG_TYPE),
    EMPTY("ChrootDirs", TEMPLATE_LIST, CONFIG_TYPE),
    EMPTY("Healthcheck", TEMPLATE_STRUCT, CONFIG_TYPE),
    EMPTY("User", TEMPLATE_TEXT, CONFIG_TYPE),
    EMPTY("Env", TEMPLATE_LIST, CONFIG_TYPE),
    EMPTY("Cmd", TEMPLATE_LIST, CONFIG_TYPE),
    EMPTY("Entrypoint", TEMPLATE_LIST, CONFIG_TYPE),
    EMPTY("ExposedPorts", TEMPLATE_MAP, CONFIG_TYPE),
    EMPTY("Volumes", TEMPLATE_MAP, CONFIG_TYPE),
    EMPTY("WorkingDir", TEMPLATE_TEXT, CONFIG_TYPE),
    EMPTY("Labels", TEMPLATE_MAP, CONFIG_TYPE),
    EMPTY("StopSignal", TEMPLATE_TEXT, CONFIG_TYPE),
    EMPTY("ArgsEscaped", TEMPLATE_FALSE, CONFIG_TYPE),
    EMPTY("Checkpointed", TEMPLATE_FALSE, STATE_TYPE),
    EMPTY("CheckpointLog", TEMPLATE_TEXT, STATE_TYPE),
    EMPTY("CheckpointPath", TEMPLATE_TEXT, STATE_TYPE),
    EMPTY("Restored", TEMPLATE_FALSE, STATE_TYPE),
    EMPTY("RestoreLog", TEMPLATE_TEXT, STATE_TYPE),
    EMPTY("IDMappings", TEMPLATE_STRUCT, HOST_TYPE),
    /* Of containers, images and volumes themselves, which share a type here. */
    EMPTY("SizeRw", TEMPLATE_STRUCT, NULL),
    EMPTY("SizeRootFs", TEMPLATE_NUMBER, NULL),
    {"HealthCheck", TEMPLATE_STRUCT, NULL, "Healthcheck", NULL},
    EMPTY("UID", TEMPLATE_NUMBER, NULL),
    EMPTY("GID", TEMPLATE_NUMBER, NULL),
    EMPTY("Anonymous", TEMPLATE_FALSE, NULL),
    EMPTY("NeedsChown", TEMPLATE_FALSE, NULL),
    EMPTY("StorageID", TEMPLATE_TEXT, NULL),
    EMPTY("Timeout", TEMPLATE_NUMBER, NULL),
    {0},
};

/* Podman's networks have other names in JSON than in Go. */
static const struct template_member network_members[] = {
    {"Name", TEMPLATE_STRUCT, NULL, "name"},
    {"ID", TEMPLATE_STRUCT, NULL, "id"},
    {"Driver", TEMPLATE_STRUCT, NULL, "driver"},
    {"NetworkInterface", TEMPLATE_STRUCT, NULL, "network_interface"},
    {"Created", TEMPLATE_TIME, NULL, "created"},
    {"Subnets", TEMPLATE_LIST, NULL, "subnets"},
    {"Routes", TEMPLATE_LIST, NULL, "routes"},
    {"Destination", TEMPLATE_STRUCT, NULL, "destination"},
    {"Metric", TEMPLATE_STRUCT, NULL, "metric"},
    {"Subnet", TEMPLATE_STRUCT, NULL, "subnet"},
    {"Gateway", TEMPLATE_STRUCT, NULL, "gateway"},
    {"LeaseRange", TEMPLATE_STRUCT, NULL, "lease_range"},
    {"StartIP", TEMPLATE_STRUCT, NULL, "start_ip"},
    {"EndIP", TEMPLATE_STRUCT, NULL, "end_ip"},
    {"IPv6Enabled", TEMPLATE_STRUCT, NULL, "ipv6_enabled"},
    {"Internal", TEMPLATE_STRUCT, NULL, "internal"},
    {"DNSEnabled", TEMPLATE_STRUCT, NULL, "dns_enabled"},
    {"NetworkDNSServers", TEMPLATE_LIST, NULL, "network_dns_servers"},
    {"Labels", TEMPLATE_MAP, NULL, "labels"},
    {"Options", TEMPLATE_MAP, NULL, "options"},
    {"IPAMOptions", TEMPLATE_MAP, NULL, "ipam_options"},
    {"Containers", TEMPLATE_MAP, NULL, "containers"},
    {"Interfaces", TEMPLATE_MAP, NULL, "interfaces"},
    {"IPNet", TEMPLATE_STRUCT, NULL, "ipnet"},
    {"MacAddress", TEMPLATE_STRUCT, NULL, "mac_address"},
    {0},
};

/* --- one object */

static struct err *find_container(struct cli *c, const char *name, bool size, char **ret)
{
    struct container *ct;
    TRY(container_find(c->engine, name, &ct));
    struct err *e = container_inspect(c->engine, ct, size, ret);
    container_free(ct);
    return e;
}

static struct err *find_volume(struct cli *c, const char *name, char **ret)
{
    struct volume *v;
    TRY(volume_find(c->engine, name, &v));
    struct err *e = volume_inspect(c->engine, v, ret);
    volume_free(v);
    return e;
}

static struct err *find_network(struct cli *c, const char *name, char **ret)
{
    struct network *n;
    TRY(network_find(c->engine, name, &n));
    struct err *e = network_inspect(c->engine, n, ret);
    network_free(n);
    return e;
}

static struct err *find_pod(struct cli *c, const char *name, char **ret)
{
    struct pod *p;
    TRY(pod_find(c->engine, name, &p));
    struct err *e = pod_inspect(c->engine, p, ret);
    pod_free(p);
    return e;
}

/* The object's JSON; a miss is told in the words of its type. */
static struct err *find_object(struct cli *c, enum object_type type, const char *name, bool size, char **ret)
{
    struct err *e = NULL;
    if (type == OBJECT_ALL || type == OBJECT_CONTAINER) {
        e = find_container(c, name, size, ret);
        if (!e || err_kind(e) != ERR_NOT_FOUND)
            return e;
        err_free(e);
        if (type == OBJECT_CONTAINER)
            return ERR_NEW(ERR_NOT_FOUND, "no such container %s", name);
    }
    if (type == OBJECT_ALL || type == OBJECT_IMAGE) {
        e = image_inspect(c->engine, name, ret);
        if (!e || err_kind(e) != ERR_NOT_FOUND || type == OBJECT_IMAGE)
            return e;
        err_free(e);
    }
    if (type == OBJECT_ALL || type == OBJECT_VOLUME) {
        e = find_volume(c, name, ret);
        if (!e || err_kind(e) != ERR_NOT_FOUND)
            return e;
        err_free(e);
        if (type == OBJECT_VOLUME)
            return ERR_NEW(ERR_NOT_FOUND, "no such volume %s", name);
    }
    if (type == OBJECT_ALL || type == OBJECT_NETWORK) {
        e = find_network(c, name, ret);
        if (!e || err_kind(e) != ERR_NOT_FOUND || type == OBJECT_NETWORK)
            return ERR_WRAP(e, "network %s", name);
        err_free(e);
    }
    e = find_pod(c, name, ret);
    if (!e || err_kind(e) != ERR_NOT_FOUND)
        return e;
    err_free(e);
    if (type == OBJECT_POD)
        return ERR_NEW(ERR_NOT_FOUND, "no such pod %s", name);
    return ERR_NEW(ERR_NOT_FOUND, "no such object: \"%s\"", name);
}

static struct err *add_object(struct cli *c, enum object_type type, const char *name, bool size, json_t *list)
{
    AUTO_FREE char *text = NULL;
    json_t *object;
    TRY_WRAP(find_object(c, type, name, size, &text), "inspecting object");
    TRY(json_parse(text, strlen(text), "inspected object", &object));
    return json_push(list, object);
}

/* --- all that were named */

/* What is no template at all is told without saying where it was to be used. */
static struct err *check_format(const char *format)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    AUTO_TEMPLATE struct template *t = NULL;
    if (strncmp(format, "table ", 6) == 0)
        return NULL;
    TRY(strbuf_printf(&text, "{{range .}}%s{{end -}}", format));
    return template_parse("inspect", strbuf_str(&text), &t);
}

/* One pod of `pod inspect` is no list, as in Podman. */
static struct err *print_objects(struct cli *c, const char *format, const json_t *list)
{
    bool alone = c->verb == &cli_verb_pod_inspect && json_array_size(list) == 1;
    if (!format || report_is_json(format))
        return report_json(c, alone ? json_array_get(list, 0) : list, 5);
    json_t *first = json_array_get(list, 0);
    const struct template_member *known = members;
    if (json_object_get(first, "network_interface"))
        known = network_members;
    else if (pod_members_fit(first))
        known = pod_members;
    for (size_t i = 0; known == pod_members && i < json_array_size(list); i++)
        TRY(pod_members_complete(json_array_get(list, i)));
    TRY(check_format(format));
    return ERR_WRAP(report_objects(c, "inspect", format, list, known), "inspecting object: printing inspect output");
}

/* What was found is printed even when something was not. */
static struct err *inspect_names(struct cli *c, enum object_type type, const struct inspect_opts *o,
                                 const struct strv *names)
{
    struct cli_errors errors = {0};
    AUTO_JSON json_t *list = json_array();
    if (!list)
        return err_oom();
    for (size_t i = 0; i < names->count; i++)
        cli_errors_add(&errors, add_object(c, type, names->items[i], o->size, list));
    cli_errors_add(&errors, print_objects(c, o->format, list));
    if (errors.last)
        err_drop(cli_flush(c)); /* what was found comes before what was not */
    return cli_errors_finish(&errors);
}

/* --latest. */
static struct err *latest_pod(struct cli *c, struct strv *ret)
{
    struct pod *p;
    TRY(pod_latest(c->engine, &p));
    struct err *e = strv_add(ret, p->row.id);
    pod_free(p);
    return e;
}

static struct err *latest_name(struct cli *c, struct strv *ret)
{
    struct container *ct;
    struct err *e = select_latest(c, &ct);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_free(e);
        TRY(cli_printf(c, "[]\n"));
        return ERR_NEW(ERR_NOT_FOUND, "inspecting object: no containers to inspect: no such container");
    }
    TRY(e);
    e = strv_add(ret, ct->id);
    container_free(ct);
    return e;
}

/* The checks that all of these verbs share. */
static struct err *inspect_type(struct cli *c, enum object_type type, const struct inspect_opts *o)
{
    AUTO_STRV struct strv names = STRV_INIT;
    struct engine *e;
    if (o->latest && c->n_args)
        return ERR_NEW(ERR_INVALID, "--latest and arguments cannot be used together");
    if (!o->latest && !c->n_args)
        return ERR_NEW(ERR_INVALID, "no names or ids specified");
    if (o->size && type != OBJECT_ALL && type != OBJECT_CONTAINER)
        return ERR_NEW(ERR_INVALID, "size is only supported for type \"container\"");
    if (o->latest && type != OBJECT_ALL && type != OBJECT_CONTAINER && type != OBJECT_POD)
        return ERR_NEW(ERR_INVALID, "latest is only supported for type \"container\"");
    TRY(cli_engine(c, &e));
    if (o->latest && type == OBJECT_POD) {
        TRY(latest_pod(c, &names));
        return inspect_names(c, type, o, &names);
    }
    if (o->latest) {
        TRY(latest_name(c, &names));
        return inspect_names(c, OBJECT_CONTAINER, o, &names);
    }
    TRY(strv_add_all(&names, c->args));
    return inspect_names(c, type, o, &names);
}

static struct err *inspect_verb(struct cli *c, void *opts, int *exit_code)
{
    static const struct {
        const char *name;
        enum object_type type;
    } types[] = {
        {"all", OBJECT_ALL},         {"container", OBJECT_CONTAINER}, {"image", OBJECT_IMAGE},
        {"network", OBJECT_NETWORK}, {"volume", OBJECT_VOLUME},       {"pod", OBJECT_POD},
    };
    const struct inspect_opts *o = opts;
    (void)exit_code;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(types[i].name, o->type) == 0)
            return inspect_type(c, types[i].type, o);
    return ERR_NEW(
        ERR_INVALID,
        "invalid type \"%s\": must be \"image\", \"container\", \"pod\", \"network\", \"volume\", or \"all\"", o->type);
}

static struct err *inspect_container_verb(struct cli *c, void *opts, int *exit_code)
{
    (void)exit_code;
    return inspect_type(c, OBJECT_CONTAINER, opts);
}

static struct err *inspect_image_verb(struct cli *c, void *opts, int *exit_code)
{
    (void)exit_code;
    return inspect_type(c, OBJECT_IMAGE, opts);
}

static struct err *inspect_network_verb(struct cli *c, void *opts, int *exit_code)
{
    (void)exit_code;
    return inspect_type(c, OBJECT_NETWORK, opts);
}

static struct err *inspect_pod_verb(struct cli *c, void *opts, int *exit_code)
{
    (void)exit_code;
    return inspect_type(c, OBJECT_POD, opts);
}

/* --- volume inspect [--all] */

static struct err *all_volumes(struct cli *c, struct strv *ret)
{
    struct engine *e;
    struct volume **list;
    size_t count;
    TRY(cli_engine(c, &e));
    TRY(volume_list(e, &(const struct strv)STRV_INIT, &list, &count));
    struct err *err = NULL;
    for (size_t i = 0; i < count && !err; i++)
        err = strv_add(ret, list[i]->name);
    volume_list_free(list, count);
    return err;
}

static struct err *inspect_volume_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct inspect_opts *o = opts;
    AUTO_STRV struct strv names = STRV_INIT;
    struct engine *e;
    (void)exit_code;
    if (o->all == (c->n_args > 0))
        return ERR_NEW(ERR_INVALID, "provide one or more volume names or use --all");
    TRY(cli_engine(c, &e));
    TRY(o->all ? all_volumes(c, &names) : strv_add_all(&names, c->args));
    return inspect_names(c, OBJECT_VOLUME, o, &names);
}

/* --- the verbs */

#define FORMAT_FLAG                                                                     \
    {                                                                                   \
        "format", 'f', CLI_STRING, .offset = O(format), .def = "json",                  \
                                   .help = "Format the output to a Go template or json" \
    }
#define SIZE_FLAG                                                                   \
    {                                                                               \
        "size", 's', CLI_BOOL, .offset = O(size), .help = "Display total file size" \
    }

static const struct cli_flag inspect_flags[] = {
    FORMAT_FLAG, CLI_LATEST_FLAG(O(latest), "container"),
    SIZE_FLAG,   {"type", 't', CLI_STRING, .offset = O(type), .def = "all", .help = "Specify inspect-object type"},
    {0},
};
static const struct cli_flag container_inspect_flags[] = {
    FORMAT_FLAG, CLI_LATEST_FLAG(O(latest), "container"), SIZE_FLAG, {0}};
static const struct cli_flag format_flags[] = {FORMAT_FLAG, {0}}; /* of images and networks */
static const struct cli_flag pod_inspect_flags[] = {FORMAT_FLAG, CLI_LATEST_FLAG(O(latest), "pod"), {0}};
static const struct cli_flag volume_inspect_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Inspect all volumes"},
    FORMAT_FLAG,
    {0},
};

const struct cli_verb cli_verb_inspect = {
    .paths = "inspect",
    .synopsis = "[options] {CONTAINER|IMAGE|NETWORK|VOLUME} [...]",
    .summary = "Display the configuration of object denoted by ID",
    .description = "Displays the low-level information on an object identified by name or ID.\n"
                   "For more inspection options, see:\n\n"
                   "    " CLI_PROGRAM " container inspect\n    " CLI_PROGRAM " image inspect\n    " CLI_PROGRAM
                   " network inspect\n    " CLI_PROGRAM " volume inspect",
    .examples =
        "@ fedora\n@ --type image fedora\n@ CtrID ImgID\n@ --format \"imageId: {{.Id}} size: {{.Size}}\" fedora",
    .flags = inspect_flags,
    .opts_size = sizeof(struct inspect_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_OBJECT,
    .run = inspect_verb,
};

const struct cli_verb cli_verb_container_inspect = {
    .paths = "container inspect",
    .synopsis = "[options] CONTAINER [CONTAINER...]",
    .summary = "Display the configuration of a container",
    .description = "Displays the low-level information on a container identified by name or ID.",
    .examples = "@ myCtr\n@ -l --format '{{.Id}} {{.Config.Labels}}'",
    .flags = container_inspect_flags,
    .opts_size = sizeof(struct inspect_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_CONTAINER,
    .run = inspect_container_verb,
};

const struct cli_verb cli_verb_image_inspect = {
    .paths = "image inspect",
    .synopsis = "[options] IMAGE [IMAGE...]",
    .summary = "Display the configuration of an image",
    .description = "Displays the low-level information of an image identified by name or ID.",
    .examples = "@ alpine\n@ --format \"imageId: {{.Id}} size: {{.Size}}\" alpine",
    .flags = format_flags,
    .opts_size = sizeof(struct inspect_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_IMAGE,
    .run = inspect_image_verb,
};

const struct cli_verb cli_verb_network_inspect = {
    .paths = "network inspect",
    .synopsis = "[options] NETWORK [NETWORK...]",
    .summary = "Inspect network",
    .description = "Displays the network configuration for one or more networks.",
    .examples = "@ podman",
    .flags = format_flags,
    .opts_size = sizeof(struct inspect_opts),
    .min_args = 1,
    .max_args = -1,
    .complete = CLI_COMPLETE_NETWORK_NAME,
    .run = inspect_network_verb,
};

const struct cli_verb cli_verb_pod_inspect = {
    .paths = "pod inspect",
    .synopsis = "[options] POD [POD...]",
    .summary = "Displays a pod configuration",
    .description = "Display the configuration for a pod by name or id.",
    .examples = "@ podID",
    .flags = pod_inspect_flags,
    .opts_size = sizeof(struct inspect_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_POD,
    .run = inspect_pod_verb,
};

const struct cli_verb cli_verb_volume_inspect = {
    .paths = "volume inspect",
    .synopsis = "[options] VOLUME [VOLUME...]",
    .summary = "Display detailed information on one or more volumes",
    .description =
        "Display detailed information on one or more volumes.\n\nUse a Go template to change the format from "
        "JSON.",
    .examples = "@ myvol\n@ --all\n@ --format \"{{.Driver}} {{.Scope}}\" myvol",
    .flags = volume_inspect_flags,
    .opts_size = sizeof(struct inspect_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_VOLUME,
    .run = inspect_volume_verb,
};
