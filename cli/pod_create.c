/* pod create, pod clone. */
#include "cli/pod_create.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cli/labels.h"
#include "cli/resource_flags.h"
#include "cli/verbs.h"
#include "engine/pod/pod.h"

/* Flags of both verbs go into `spec`, which is the infra container's. */
struct pod_create_flags {
    struct container_spec spec;
    struct strv labels, label_files;
    const char *name, *infra_command, *infra_image, *share, *exit_policy, *restart, *idfile, *cgroup_parent;
    bool no_infra, no_share_parent, replace;
    bool destroy, start; /* clone */
};
#define O(field) offsetof(struct pod_create_flags, field)
#define S(field) offsetof(struct pod_create_flags, spec.field)

#define SETTER(name, call)                                                           \
    static struct err *name(void *opts, const struct cli_flag *f, const char *value) \
    {                                                                                \
        struct pod_create_flags *o = opts;                                           \
        (void)f;                                                                     \
        return call(&o->spec, value);                                                \
    }
SETTER(add_device, spec_add_device)
SETTER(add_publish, spec_add_publish)
SETTER(add_volume, spec_add_volume)
SETTER(add_network, spec_add_network)

static struct err *set_namespace(void *opts, const struct cli_flag *f, const char *value)
{
    struct pod_create_flags *o = opts;
    return spec_set_ns(&o->spec, f->name, value);
}

static struct err *set_idmap(void *opts, const struct cli_flag *f, const char *value)
{
    return idmap_parse_flag(value, (struct idmap *)(void *)((char *)opts + f->offset));
}

static struct err *set_inverted(void *opts, const struct cli_flag *f, const char *value)
{
    *(bool *)((char *)opts + f->offset) = strcmp(value, "false") == 0;
    return NULL;
}

#define NO_CONMON_PIDFILE "there is no conmon here"

/* What both have, in parts so that tables stay in the order of the alphabet. */
#define LIMIT_FLAGS                                                  \
    RESOURCE_BLKIO_FLAGS(S(res)),                                    \
        {"cgroup-parent", 0, CLI_STRING, .offset = O(cgroup_parent), \
         .help = "Optional parent cgroup for the container"},        \
        RESOURCE_CPU_SHARE_FLAGS(S(res))
#define DEVICE_FLAGS                                                                                                 \
    {"device", 0, CLI_CALL_CSV, CLI_COMPLETE_FILE, .set = add_device, .help = "Add a host device to the container"}, \
        RESOURCE_READ_BPS_FLAG(S(res)), RESOURCE_WRITE_BPS_FLAG(S(res))
#define INFRA_FLAGS                                                                                           \
    {"infra-command", 0, CLI_STRING, .offset = O(infra_command),                                              \
     .help = "Overwrite the default ENTRYPOINT of the image"},                                                \
    {                                                                                                         \
        "infra-conmon-pidfile", 0, CLI_STRING, .missing = NO_CONMON_PIDFILE,                                  \
                                               .help = "Path to the file that will receive the PID of conmon" \
    }
#define INFRA_NAME_FLAG                                                         \
    {                                                                           \
        "infra-name", 0, CLI_CALL, .offset = S(name), .set = resource_set_text, \
                                   .help = "Assign a name to the container"     \
    }
#define LABEL_FLAGS                                                                                        \
    {"label", 'l', CLI_ARRAY, .offset = O(labels), .help = "Set metadata on container"},                   \
    {                                                                                                      \
        "label-file", 0, CLI_STRINGS, CLI_COMPLETE_FILE, .offset = O(label_files),                         \
                                                         .help = "Read in a line delimited file of labels" \
    }
#define LATE_FLAGS                                                                          \
    {                                                                                       \
        "security-opt", 0, CLI_ARRAY, .offset = S(security_opt), .help = "Security Options" \
    }
#define USER_FLAGS                                                                                                    \
    {"subgidname",                                                                                                    \
     0,                                                                                                               \
     CLI_CALL,                                                                                                        \
     .offset = S(subgid_name),                                                                                        \
     .set = resource_set_text,                                                                                        \
     .help = "Name of range listed in /etc/subgid for use in user namespace"},                                        \
        {"subuidname",                                                                                                \
         0,                                                                                                           \
         CLI_CALL,                                                                                                    \
         .offset = S(subuid_name),                                                                                    \
         .set = resource_set_text,                                                                                    \
         .help = "Name of range listed in /etc/subuid for use in user namespace"},                                    \
        {"sysctl", 0, CLI_STRINGS, .offset = S(sysctl), .help = "Sysctl options"},                                    \
        {"uidmap",         0,                                                                                         \
         CLI_CALL_CSV,     .offset = S(uid_map),                                                                      \
         .set = set_idmap, .help = "UID map to use for the user namespace"},                                          \
        {"userns", 0, CLI_CALL, .set = set_namespace, .help = "User namespace to use"},                               \
        {"uts", 0, CLI_CALL, .set = set_namespace, .help = "UTS namespace to use"},                                   \
        {"volume",                                                                                                    \
         'v',                                                                                                         \
         CLI_CALL,                                                                                                    \
         CLI_COMPLETE_VOLUME,                                                                                         \
         .set = add_volume,                                                                                           \
         .arg = "stringArray",                                                                                        \
         .help = "Bind mount a volume into the container"},                                                           \
    {                                                                                                                 \
        "volumes-from", 0, CLI_ARRAY, CLI_COMPLETE_CONTAINER, .offset = S(volumes_from),                              \
                                                              .help = "Mount volumes from the specified container(s)" \
    }
#define GIDMAP_FLAG                                                                \
    {                                                                              \
        "gidmap", 0, CLI_CALL_CSV, .offset = S(gid_map), .set = set_idmap,         \
                                   .help = "GID map to use for the user namespace" \
    }
#define HOSTNAME_FLAG                                                                                                \
    {                                                                                                                \
        "hostname", 'h', CLI_CALL, .offset = S(hostname), .set = resource_set_text, .help = "Set container hostname" \
    }
#define PID_FLAG                                                                 \
    {                                                                            \
        "pid", 0, CLI_CALL, .set = set_namespace, .help = "PID namespace to use" \
    }
#define SHM_FLAG                                                                                               \
    {                                                                                                          \
        "shm-size", 0, CLI_CALL, .offset = S(shm_bytes), .set = resource_set_bytes, .arg = "<number>[<unit>]", \
                                 .def = "65536k", .help = "Size of /dev/shm" RESOURCE_BYTES_HELP               \
    }

static const struct cli_flag create_pod_flags[] = {
    {"add-host", 0, CLI_STRINGS, .offset = S(add_host), .help = "Add a custom host-to-IP mapping (host:ip)"},
    LIMIT_FLAGS,
    DEVICE_FLAGS,
    {"dns", 0, CLI_STRINGS, .offset = S(dns), .help = "Set custom DNS servers"},
    {"dns-option", 0, CLI_STRINGS, .offset = S(dns_option), .help = "Set custom DNS options"},
    {"dns-search", 0, CLI_STRINGS, .offset = S(dns_search), .help = "Set custom DNS search domains"},
    {"exit-policy", 0, CLI_STRING, .offset = O(exit_policy),
     .help = "Behaviour when the last container exits "
             "(default \"continue\")"},
    GIDMAP_FLAG,
    HOSTNAME_FLAG,
    {"infra", 0, CLI_CALL_BOOL, .offset = O(no_infra), .set = set_inverted, .def = "true",
     .help = "Create an infra container associated with the pod to share namespaces with"},
    INFRA_FLAGS,
    {"infra-image", 0, CLI_STRING, CLI_COMPLETE_IMAGE, .offset = O(infra_image),
     .help = "Image to use to override builtin infra container"},
    INFRA_NAME_FLAG,
    {"ip", 0, CLI_CALL, .offset = S(ip), .set = resource_set_text,
     .help = "Specify a static IPv4 address for the container"},
    {"ip6", 0, CLI_CALL, .offset = S(ip6), .set = resource_set_text,
     .help = "Specify a static IPv6 address for the container"},
    LABEL_FLAGS,
    {"mac-address", 0, CLI_CALL, .offset = S(mac_address), .set = resource_set_text,
     .help = "Container MAC address (e.g. 92:d0:c6:0a:29:33)"},
    RESOURCE_MEMORY_FLAGS(S(res)),
    {"name", 'n', CLI_STRING, .offset = O(name), .help = "Assign a name to the pod"},
    {"net", 0, CLI_CALL, .hidden = true, .set = add_network},
    {"network", 0, CLI_CALL, CLI_COMPLETE_NETWORK, .set = add_network, .arg = "stringArray",
     .help = "Connect a container to a network"},
    {"network-alias", 0, CLI_STRINGS, .offset = S(network_alias), .help = "Add network-scoped alias for the container"},
    {"no-hosts", 0, CLI_BOOL, .offset = S(no_hosts),
     .help = "Do not create /etc/hosts within the container, instead use the version from the image"},
    PID_FLAG,
    {"pod-id-file", 0, CLI_STRING, CLI_COMPLETE_FILE, .offset = O(idfile), .help = "Write the pod ID to the file"},
    {"publish", 'p', CLI_CALL_CSV, .set = add_publish,
     .help = "Publish a container's port, or a range of ports, to the host"},
    {"replace", 0, CLI_BOOL, .offset = O(replace), .help = "If a pod with the same name exists, replace it"},
    {"restart", 0, CLI_STRING, .offset = O(restart),
     .help = "Restart policy to apply when a container exits (\"always\"|\"no\"|\"on-failure\"|\"unless-stopped\")"},
    LATE_FLAGS,
    {"share", 0, CLI_STRING, .offset = O(share),
     .help = "A comma delimited list of kernel namespaces the pod will share (default \"" POD_SHARE_DEFAULT "\")"},
    {"share-parent", 0, CLI_CALL_BOOL, .offset = O(no_share_parent), .set = set_inverted, .def = "true",
     .help = "Set the pod's cgroup as the cgroup parent for all containers joining the pod"},
    SHM_FLAG,
    USER_FLAGS,
    {0},
};

static struct err *flags_init(void *opts)
{
    struct pod_create_flags *o = opts;
    container_spec_init(&o->spec);
    return NULL;
}

static void flags_done(void *opts)
{
    struct pod_create_flags *o = opts;
    container_spec_done(&o->spec);
}

/* --- from flags to options */

/* What needs an infra container, in podman's words. */
static struct err *check_no_infra(const struct cli *c, const struct pod_create_flags *o)
{
    const struct container_spec *s = &o->spec;
    if (!o->no_infra)
        return NULL;
    if (s->publish.count)
        return ERR_NEW(ERR_INVALID, "you must have an infra container to publish port bindings to the host");
    if (cli_given(c, "network") || cli_given(c, "net"))
        return ERR_NEW(ERR_INVALID, "NoInfra and network modes cannot be used together");
    if (s->add_host.count || s->dns.count || s->dns_option.count || s->dns_search.count || s->no_hosts)
        return ERR_NEW(ERR_INVALID, "cannot specify hosts or DNS servers without an infra container");
    if (s->ip || s->ip6 || s->mac_address)
        return ERR_NEW(ERR_INVALID, "cannot set a static IP or MAC address without an infra container");
    return NULL;
}

/* What a pod's network can be, in podman's words. */
static struct err *check_network(const struct container_spec *s)
{
    const struct ns_spec *net = &s->network;
    if (net->mode == NS_CONTAINER || net->mode == NS_PATH)
        return ERR_NEW(ERR_INVALID, "pods presently do not support network mode %s",
                       net->mode == NS_PATH ? "path" : "container");
    if (s->publish.count && (net->mode == NS_HOST || net->mode == NS_NONE))
        return ERR_NEW(ERR_INVALID, "PortMappings can only be used with Bridge or slirp4netns networking");
    return NULL;
}

static struct err *settle_share(const struct cli *c, struct pod_create_flags *o, char **ret)
{
    bool none = false;
    TRY(pod_parse_share(o->share ? o->share : POD_SHARE_DEFAULT, ret, &none));
    if (!o->no_infra && none && !cli_given(c, "infra")) {
        o->no_infra = true; /* there is nothing to hold */
        return NULL;
    }
    if (!o->no_infra)
        return NULL;
    if (o->share && !none)
        return ERR_NEW(ERR_INVALID, "cannot set share(%s) namespaces without an infra container", o->share);
    return mem_replace(ret, "");
}

/* --infra-command is a command line, as Podman takes it: one word, or a JSON list. */
static struct err *settle_infra(struct pod_create_flags *o)
{
    if (o->infra_image)
        TRY(mem_replace(&o->spec.image, o->infra_image));
    return o->infra_command ? spec_set_entrypoint(&o->spec, o->infra_command) : NULL;
}

static struct err *check_words(const struct pod_create_flags *o, struct pod_create_opts *ret)
{
    struct container_spec scratch;
    const char *policy = o->exit_policy ? o->exit_policy : "continue";
    if (strcmp(policy, "continue") != 0 && strcmp(policy, "stop") != 0)
        return ERR_NEW(ERR_INVALID, "running pod create option: invalid pod exit policy: \"%s\"", policy);
    ret->stop_with_last = strcmp(policy, "stop") == 0;
    container_spec_init(&scratch);
    struct err *err = o->restart ? spec_set_restart(&scratch, o->restart) : NULL;
    container_spec_done(&scratch);
    return err;
}

static struct err *replace_pod(struct cli *c, const char *name)
{
    struct pod *old = NULL;
    struct err *err = pod_find(c->engine, name, &old);
    if (!err && strcmp(old->row.name, name) == 0) /* a prefix of some id is nobody's name */
        err = pod_remove(c->engine, old, true, -1);
    pod_free(old);
    if (err && err_kind(err) == ERR_NOT_FOUND) {
        err_drop(err);
        return NULL;
    }
    return err;
}

static struct err *open_idfile(const char *path, int *ret_fd)
{
    *ret_fd = path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644) : -1;
    if (path && *ret_fd < 0 && errno == EEXIST)
        return ERR_NEW(ERR_EXISTS, "pod id file exists. Ensure another pod is not using it or delete %s", path);
    return path && *ret_fd < 0 ? ERR_SYS(errno, "opening pod-id-file %s", path) : NULL;
}

static struct err *make(struct cli *c, const struct pod_create_flags *o, const struct pod_create_opts *create)
{
    AUTO_FREE char *id = NULL;
    AUTO_FD int idfile = -1;
    struct engine *e;
    TRY(open_idfile(o->idfile, &idfile));
    struct err *err = cli_engine(c, &e);
    if (!err && o->replace)
        err = replace_pod(c, create->name);
    if (!err)
        err = pod_create(e, create, &id);
    if (!err)
        err = create_write_cidfile(o->idfile, idfile, id);
    if (err && idfile >= 0)
        (void)unlink(o->idfile);
    return err ? err : cli_printf(c, "%s\n", id);
}

static struct err *create_verb(struct cli *c, void *opts, int *exit_code)
{
    struct pod_create_flags *o = opts;
    AUTO_FREE char *share = NULL;
    AUTO_STRV struct strv labels = STRV_INIT, words = STRV_INIT;
    (void)exit_code;
    if (c->n_args && o->name)
        return ERR_NEW(ERR_INVALID, "cannot specify --name and NAME at the same time");
    struct pod_create_opts create = {.name = c->n_args ? c->args[0] : o->name, .spec = &o->spec};
    if (o->replace && !create.name)
        return ERR_NEW(ERR_INVALID, "cannot replace pod without --name being set");
    TRY(check_words(o, &create));
    TRY(settle_share(c, o, &share));
    TRY(check_no_infra(c, o));
    TRY(check_network(&o->spec));
    TRY(settle_infra(o));
    TRY(cli_parse_labels(&o->label_files, &o->labels, &labels));
    TRY(strv_add_all(&words, c->argv));
    create.share = share;
    create.no_infra = o->no_infra;
    create.no_share_parent = o->no_share_parent;
    create.restart = o->restart;
    create.cgroup_parent = o->cgroup_parent;
    create.labels = labels;
    create.create_command = words;
    return make(c, o, &create);
}

const struct cli_verb cli_verb_pod_create = {
    .paths = "pod create",
    .synopsis = "[options] [NAME]",
    .summary = "Create a new empty pod",
    .description = "After creating the pod, the pod ID is printed to stdout.\n\n"
                   "You can then start it at any time with the " CLI_PROGRAM " pod start <pod_id> command. The pod "
                   "will be created with the initial state 'created'.",
    .examples = "@\n@ --label foo=bar mypod",
    .flags = create_pod_flags,
    .opts_size = sizeof(struct pod_create_flags),
    .init = flags_init,
    .done = flags_done,
    .max_args = 1,
    .run = create_verb,
};

/* --- run --pod new:NAME */

/* What the pod is asked for in the container's place. */
static void move_network(struct container_spec *from, struct container_spec *to)
{
#define MOVE(member)                                    \
    do {                                                \
        to->member = from->member;                      \
        memset(&from->member, 0, sizeof(from->member)); \
    } while (0)
    MOVE(hostname);
    MOVE(network);
    MOVE(networks);
    MOVE(network_alias);
    MOVE(publish);
    MOVE(add_host);
    MOVE(dns);
    MOVE(dns_option);
    MOVE(dns_search);
    MOVE(no_hosts);
    MOVE(ip);
    MOVE(ip6);
    MOVE(mac_address);
    MOVE(userns);
    MOVE(uid_map);
    MOVE(gid_map);
#undef MOVE
}

struct err *pod_create_for(struct cli *c, struct create_opts *o)
{
    AUTO_FREE char *id = NULL;
    AUTO_STRV struct strv words = STRV_INIT;
    struct container_spec spec;
    if (!o->spec.pod || strncmp(o->spec.pod, "new:", 4) != 0)
        return NULL;
    const char *name = o->spec.pod + 4;
    if (!*name)
        return ERR_NEW(ERR_INVALID, "new pod name must be at least one character");
    container_spec_init(&spec);
    move_network(&o->spec, &spec);
    struct err *err = strv_add_all(&words, c->argv);
    const struct pod_create_opts create = {
        .name = name, .spec = &spec, .share = POD_SHARE_DEFAULT, .create_command = words};
    if (!err)
        err = pod_create(c->engine, &create, &id);
    container_spec_done(&spec);
    return err ? err : mem_replace(&o->spec.pod, id);
}

/* --- clone */

static const struct cli_flag clone_flags[] = {
    LIMIT_FLAGS,
    {"destroy", 0, CLI_BOOL, .offset = O(destroy), .help = "destroy the original pod"},
    DEVICE_FLAGS,
    GIDMAP_FLAG,
    HOSTNAME_FLAG,
    INFRA_FLAGS,
    INFRA_NAME_FLAG,
    LABEL_FLAGS,
    RESOURCE_MEMORY_FLAGS(S(res)),
    {"name", 'n', CLI_STRING, .offset = O(name), .help = "name the new pod"},
    PID_FLAG,
    LATE_FLAGS,
    SHM_FLAG,
    {"start", 0, CLI_BOOL, .offset = O(start), .help = "start the new pod"},
    USER_FLAGS,
    {0},
};

/* Flags that were given go over what the old pod has. */
struct change {
    const struct cli *c;
    struct pod_create_flags *o;
};

static struct err *take_list(const struct cli *c, const char *flag, struct strv *from, struct strv *to)
{
    if (!cli_given(c, flag))
        return NULL;
    strv_clear(to);
    return strv_add_all(to, from->items);
}

static struct err *apply_changes(void *arg, struct container_spec *to)
{
    const struct change *k = arg;
    const struct cli *c = k->c;
    struct container_spec *from = &k->o->spec;
    bool any;
    TRY(resource_flags_apply(c, &from->res, &to->res, &any));
    TRY(take_list(c, "security-opt", &from->security_opt, &to->security_opt));
    TRY(take_list(c, "sysctl", &from->sysctl, &to->sysctl));
    TRY(take_list(c, "volumes-from", &from->volumes_from, &to->volumes_from));
    if (cli_given(c, "hostname"))
        TRY(mem_replace(&to->hostname, from->hostname));
    TRY(mem_replace(&to->name, from->name));
    if (k->o->infra_command)
        TRY(spec_set_entrypoint(to, k->o->infra_command));
    if (cli_given(c, "shm-size"))
        to->shm_bytes = from->shm_bytes;
    return container_spec_take_over(from, to);
}

static struct err *clone_verb(struct cli *c, void *opts, int *exit_code)
{
    struct pod_create_flags *o = opts;
    AUTO_FREE char *id = NULL;
    AUTO_STRV struct strv labels = STRV_INIT, words = STRV_INIT;
    struct pod *p = NULL;
    struct engine *e;
    (void)exit_code;
    if (c->n_args == 2 && o->name)
        return ERR_NEW(ERR_INVALID, "cannot specify --name and NAME at the same time");
    TRY(cli_parse_labels(&o->label_files, &o->labels, &labels));
    TRY(strv_add_all(&words, c->argv));
    struct change change = {c, o};
    const struct pod_clone_opts clone = {
        .name = c->n_args == 2 ? c->args[1] : o->name,
        .cgroup_parent = o->cgroup_parent,
        .labels = labels,
        .create_command = words,
        .destroy = o->destroy,
        .start = o->start,
        .apply = apply_changes,
        .arg = &change,
    };
    TRY(cli_engine(c, &e));
    TRY(pod_find(e, c->args[0], &p));
    struct err *err = pod_clone(e, p, &clone, &id);
    pod_free(p);
    if (id)
        TRY(cli_printf(c, "%s\n", id));
    return err;
}

const struct cli_verb cli_verb_pod_clone = {
    .paths = "pod clone",
    .synopsis = "[options] POD [NAME]",
    .summary = "Clone an existing pod",
    .description = "Create an exact copy of a pod and the containers within it",
    .examples = "@ pod_name new_name",
    .flags = clone_flags,
    .opts_size = sizeof(struct pod_create_flags),
    .init = flags_init,
    .done = flags_done,
    .min_args = 1,
    .max_args = 2,
    .complete = CLI_COMPLETE_POD,
    .complete_args = 1,
    .run = clone_verb,
};
