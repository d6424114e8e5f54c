/* The keys of containers.conf. Order matters where one looks at what another has done. Source: containers.conf(5) of
 * Podman 5. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/conf.h"
#include "cli/create.h"
#include "cli/verbs.h"
#include "engine/container/capability.h"
#include "engine/network/network.h"

/* --- [containers] */

/* The container's network is not one that it has for itself. */
static bool network_is_shared(const struct create_opts *o)
{
    enum ns_mode mode = o->spec.network.mode;
    return mode == NS_HOST || mode == NS_CONTAINER || mode == NS_PATH;
}

/* Below the image's, which is below --env. */
static struct err *use_env(struct cli *c, struct create_opts *o, const json_t *value)
{
    AUTO_STRV struct strv items = STRV_INIT;
    (void)c;
    TRY(conf_strings(value, &items));
    for (size_t i = 0; i < items.count; i++)
        TRY(strv_env_set(&o->spec.env_base, items.items[i]));
    return NULL;
}

static struct err *use_annotations(struct cli *c, struct create_opts *o, const json_t *value)
{
    AUTO_STRV struct strv items = STRV_INIT;
    (void)c;
    TRY(conf_strings(value, &items));
    for (size_t i = 0; i < items.count; i++) {
        AUTO_FREE char *key = NULL;
        TRY(mem_strndup(items.items[i], strcspn(items.items[i], "="), &key));
        if (!strv_env_get(&o->spec.annotations, key))
            TRY(strv_env_set(&o->spec.annotations, items.items[i]));
    }
    return NULL;
}

/* A bit for each capability that a list of --cap-add or --cap-drop names. */
static uint64_t caps_named(const struct strv *list)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < list->count; i++) {
        unsigned n;
        if (strcasecmp(list->items[i], "all") == 0)
            mask |= CAP_ALL;
        else if (cap_find(list->items[i], &n))
            mask |= UINT64_C(1) << n;
    }
    return mask;
}

/* As additions to and subtractions from what a container has without any word; --cap-add and --cap-drop go first. */
static struct err *use_capabilities(struct cli *c, struct create_opts *o, const json_t *value)
{
    AUTO_STRV struct strv items = STRV_INIT;
    struct container_spec plain = {0};
    struct cap_sets sets;
    unsigned number;
    (void)c;
    if (o->spec.privileged)
        return NULL;
    TRY(conf_strings(value, &items));
    TRY(cap_sets_compute(&plain, 0, &sets));
    for (size_t i = 0; i < items.count; i++)
        if (!cap_find(items.items[i], &number))
            return ERR_NEW(ERR_INVALID, "\"%s\": unknown capability", items.items[i]);
    const uint64_t wanted = caps_named(&items), decided = caps_named(&o->spec.cap_add) | caps_named(&o->spec.cap_drop);
    const uint64_t differ = (wanted ^ sets.bounding) & ~decided;
    for (unsigned n = 0; n < CAP_NUMBER_MAX; n++)
        if (differ >> n & 1)
            TRY(strv_add(wanted >> n & 1 ? &o->spec.cap_add : &o->spec.cap_drop, cap_name(n)));
    return NULL;
}

#define PING_RANGE "net.ipv4.ping_group_range"

/* Every container that has a network lets root ping without being asked to, as Podman's own default has it: no mention
 * of it means the kernel's default. */
static struct err *use_sysctls(struct cli *c, struct create_opts *o, const json_t *value)
{
    AUTO_STRV struct strv items = STRV_INIT;
    (void)c;
    TRY(conf_strings(value, &items));
    if (!strv_env_get(&items, PING_RANGE))
        TRY(strv_add(&items, PING_RANGE "=1 0"));
    for (size_t i = 0; i < items.count; i++) {
        AUTO_FREE char *name = NULL;
        TRY(mem_strndup(items.items[i], strcspn(items.items[i], "="), &name));
        bool net = strncmp(name, "net.", 4) == 0;
        bool ipc = strncmp(name, "kernel.", 7) == 0 || strncmp(name, "fs.mqueue.", 10) == 0;
        if (strv_env_get(&o->spec.sysctl, name) || strcmp(items.items[i], PING_RANGE "=0 0") == 0)
            continue;
        if ((net && network_is_shared(o)) || (ipc && o->spec.ipc.mode == NS_HOST))
            continue;
        TRY(strv_add(&o->spec.sysctl, items.items[i]));
    }
    return NULL;
}

/* Only where the container has a resolv.conf of its own. */
static struct err *add_dns(struct cli *c, const struct create_opts *o, const char *flag, const json_t *value,
                           struct strv *into)
{
    if (o->spec.network.mode == NS_NONE || o->spec.network.mode == NS_CONTAINER || cli_given(c, flag))
        return NULL;
    return conf_strings(value, into);
}

static struct err *use_dns_servers(struct cli *c, struct create_opts *o, const json_t *value)
{
    return add_dns(c, o, "dns", value, &o->spec.dns);
}

static struct err *use_dns_searches(struct cli *c, struct create_opts *o, const json_t *value)
{
    return add_dns(c, o, "dns-search", value, &o->spec.dns_search);
}

static struct err *use_dns_options(struct cli *c, struct create_opts *o, const json_t *value)
{
    return add_dns(c, o, "dns-option", value, &o->spec.dns_option);
}

static struct err *use_netns(struct cli *c, struct create_opts *o, const json_t *value)
{
    const char *text = NULL;
    if (cli_given(c, "network") || cli_given(c, "net"))
        return NULL;
    TRY(conf_text(c, value, &text));
    if (!*text || strcmp(text, "private") == 0) /* the default, whose options may come from network_cmd_options */
        return NULL;
    return spec_set_ns(&o->spec, "network", text);
}

static bool has_option(const struct strv *list, const char *prefix)
{
    for (size_t i = 0; i < list->count; i++)
        if (strncmp(list->items[i], prefix, strlen(prefix)) == 0)
            return true;
    return false;
}

static struct err *use_seccomp(struct cli *c, struct create_opts *o, const json_t *value)
{
    const char *text = NULL;
    if (o->spec.privileged || has_option(&o->spec.security_opt, "seccomp"))
        return NULL;
    TRY(conf_text(c, value, &text));
    return *text ? strv_addf(&o->spec.security_opt, "seccomp=%s", text) : NULL;
}

static bool logs_to_file(const struct create_opts *o)
{
    const char *driver = o->spec.log_driver;
    return !driver || strcmp(driver, "k8s-file") == 0 || strcmp(driver, "json-file") == 0;
}

static struct err *use_log_size(struct cli *c, struct create_opts *o, const json_t *value)
{
    const char *text = NULL;
    if (strv_env_get(&o->spec.log_opt, "max-size") || !logs_to_file(o))
        return NULL;
    TRY(conf_text(c, value, &text));
    return !*text || *text == '-' ? NULL : strv_addf(&o->spec.log_opt, "max-size=%s", text);
}

static struct err *use_log_tag(struct cli *c, struct create_opts *o, const json_t *value)
{
    const char *text = NULL;
    if (strv_env_get(&o->spec.log_opt, "tag"))
        return NULL;
    TRY(conf_text(c, value, &text));
    return *text ? strv_addf(&o->spec.log_opt, "tag=%s", text) : NULL;
}

/* --- [engine] */

static struct err *use_engine_env(struct cli *c, struct create_opts *o, const json_t *value)
{
    AUTO_STRV struct strv items = STRV_INIT;
    (void)c, (void)o;
    TRY(conf_strings(value, &items));
    for (size_t i = 0; i < items.count; i++) {
        char *eq = strchr(items.items[i], '=');
        if (!eq || eq == items.items[i])
            return ERR_NEW(ERR_INVALID, "\"%s\": not NAME=VALUE", items.items[i]);
        *eq = '\0';
        if (setenv(items.items[i], eq + 1, 1) < 0)
            return err_oom();
    }
    return NULL;
}

static struct err *use_cgroup_manager(struct cli *c, struct create_opts *o, const json_t *value)
{
    const char *text = NULL;
    (void)o;
    if (c->globals.cgroup_manager)
        return NULL;
    TRY(conf_text(c, value, &text));
    if (*text && strcmp(text, "cgroupfs") != 0 && strcmp(text, "systemd") != 0)
        return ERR_NEW(ERR_INVALID, "\"%s\": neither cgroupfs nor systemd", text);
    /* "systemd" says how, not that: without a systemd of the user it stays what works here. */
    if (strcmp(text, "cgroupfs") == 0)
        c->globals.cgroup_manager = "cgroupfs";
    return NULL;
}

static struct err *use_runtime(struct cli *c, struct create_opts *o, const json_t *value)
{
    const char *text = NULL;
    (void)o;
    if (c->globals.runtime)
        return NULL;
    TRY(conf_text(c, value, &text));
    if (*text)
        c->globals.runtime = text;
    return NULL;
}

/* The names that --runtime and the key above may use: the first of the paths that is there. */
static struct err *use_runtimes(struct cli *c, struct create_opts *o, const json_t *value)
{
    const char *name = c->globals.runtime;
    AUTO_STRV struct strv paths = STRV_INIT;
    const json_t *list = name && !strchr(name, '/') ? json_object_get(value, name) : NULL;
    (void)o;
    if (!list)
        return NULL;
    TRY(conf_strings(list, &paths));
    for (size_t i = 0; i < paths.count; i++) {
        if (access(paths.items[i], X_OK) < 0)
            continue;
        TRY(strv_add(&c->conf_texts, paths.items[i]));
        c->globals.runtime = c->conf_texts.items[c->conf_texts.count - 1];
        break;
    }
    return NULL;
}

static struct err *use_hooks(struct cli *c, struct create_opts *o, const json_t *value)
{
    (void)o;
    return c->globals.hooks_dirs.count ? NULL : conf_strings(value, &c->globals.hooks_dirs);
}

static struct err *use_cdi_dirs(struct cli *c, struct create_opts *o, const json_t *value)
{
    (void)o;
    return c->globals.cdi_dirs.count ? NULL : conf_strings(value, &c->globals.cdi_dirs);
}

static struct err *take_boolean(const json_t *value, bool *ret)
{
    *ret = json_is_true(value);
    return json_is_boolean(value) ? NULL : ERR_NEW(ERR_INVALID, "neither true nor false");
}

static struct err *use_health_events(struct cli *c, struct create_opts *o, const json_t *value)
{
    bool events;
    (void)o;
    TRY(take_boolean(value, &events));
    c->globals.no_health_events = !events;
    return NULL;
}

/* "device": as the interface of the network; else eth0, eth1 … */
static struct err *use_interface_name(struct cli *c, struct create_opts *o, const json_t *value)
{
    const char *text = NULL;
    (void)o;
    TRY(conf_text(c, value, &text));
    if (*text && strcmp(text, "device") != 0)
        return ERR_NEW(ERR_INVALID, "\"%s\": not device", text);
    c->globals.device_names = *text;
    return NULL;
}

static struct err *use_parallel_copies(struct cli *c, struct create_opts *o, const json_t *value)
{
    json_int_t n = json_integer_value(value);
    (void)o;
    if (!json_is_integer(value) || n < 0 || n > UINT32_MAX)
        return ERR_NEW(ERR_INVALID, "not a number of copies");
    c->globals.parallel_copies = (uint32_t)n;
    return NULL;
}

/* A list of tables: {"base" = "10.89.0.0/16", "size" = 24}. */
static struct err *use_subnet_pools(struct cli *c, struct create_opts *o, const json_t *value)
{
    size_t i;
    json_t *pool;
    (void)o;
    if (!json_is_array(value))
        return ERR_NEW(ERR_INVALID, "not a list");
    json_array_foreach ((json_t *)(uintptr_t)value, i, pool) {
        const char *base = json_string_value(json_object_get(pool, "base"));
        const json_t *size = json_object_get(pool, "size");
        if (!base || !json_is_integer(size))
            return ERR_NEW(ERR_INVALID, "not a list of {base, size}");
        TRY(strv_addf(&c->globals.subnet_pools, "%s:%" JSON_INTEGER_FORMAT, base, json_integer_value(size)));
    }
    return NULL;
}

/* What `--network bridge`, or netns above, means. Without such a word a container has a network of its own. */
static struct err *use_default_network(struct cli *c, struct create_opts *o, const json_t *value)
{
    const char *text = NULL, *arg = o->spec.network.arg;
    TRY(conf_text(c, value, &text));
    if (!*text || strcmp(text, NETWORK_DEFAULT) == 0 || !arg || strcmp(arg, "bridge") != 0)
        return NULL;
    mem_freep(&o->spec.network.arg);
    o->spec.network.mode = NS_DEFAULT;
    return spec_add_network(&o->spec, text);
}

/* "none", or an address: what containers call the host. */
static struct err *use_host_ip(struct cli *c, struct create_opts *o, const json_t *value)
{
    const char *text = NULL;
    char scratch[16];
    TRY(conf_text(c, value, &text));
    if (!*text)
        return NULL;
    if (strcmp(text, "none") != 0 && inet_pton(AF_INET, text, scratch) != 1)
        return ERR_NEW(ERR_INVALID, "\"%s\" is neither an IPv4 address nor none", text);
    return mem_replace(&o->spec.host_ip, strcmp(text, "none") == 0 ? "" : text);
}

static struct err *use_keyring(struct cli *c, struct create_opts *o, const json_t *value)
{
    bool keyring;
    (void)c;
    TRY(take_boolean(value, &keyring));
    o->spec.no_keyring = !keyring;
    return NULL;
}

static struct err *use_no_pivot(struct cli *c, struct create_opts *o, const json_t *value)
{
    (void)c;
    return take_boolean(value, &o->spec.no_pivot);
}

/* By --platform, as it was given, unless --runtime names one. Before `runtimes`, which knows what the name means. */
static struct err *use_platform_runtime(struct cli *c, struct create_opts *o, const json_t *value)
{
    const char *name = o->platform ? json_string_value(json_object_get(value, o->platform)) : NULL;
    if (name && !cli_given(c, "runtime"))
        c->globals.runtime = name;
    return NULL;
}

/* A default of one verb's flag: other verbs have flags of that name that mean something else. */
static struct err *set_default(struct cli *c, const struct cli_verb *v, const char *flag, const char *text)
{
    const struct cli_flag *f = cli_flag_find(v->flags, flag, strlen(flag));
    if (c->verb != v || !f || !*text || cli_given(c, flag))
        return NULL;
    return cli_flag_apply(f, c->opts, text);
}

/* Of what is pushed; images keep what they have otherwise. */
static struct err *use_image_format(struct cli *c, struct create_opts *o, const json_t *value)
{
    const char *text = NULL;
    (void)o;
    TRY(conf_text(c, value, &text));
    return set_default(c, &cli_verb_push, "format", text);
}

static struct err *use_secret_driver(struct cli *c, struct create_opts *o, const json_t *value)
{
    const char *text = NULL;
    (void)o;
    TRY(conf_text(c, value, &text));
    return set_default(c, &cli_verb_secret_create, "driver", text);
}

/* A table, each entry as KEY=VALUE of --driver-opts. */
static struct err *use_secret_opts(struct cli *c, struct create_opts *o, const json_t *value)
{
    const char *key;
    json_t *each;
    (void)o;
    if (!json_is_object(value))
        return ERR_NEW(ERR_INVALID, "not a table");
    json_object_foreach ((json_t *)(uintptr_t)value, key, each) {
        AUTO_FREE char *text = NULL;
        const char *single = NULL;
        TRY(conf_text(c, each, &single));
        TRY(mem_asprintf(&text, "%s=%s", key, single));
        TRY(set_default(c, &cli_verb_secret_create, "driver-opts", text));
    }
    return NULL;
}

/* Options of the default network. */
static struct err *use_network_options(struct cli *c, struct create_opts *o, const json_t *value)
{
    AUTO_STRV struct strv items = STRV_INIT;
    AUTO_FREE char *joined = NULL, *text = NULL;
    if (cli_given(c, "network") || cli_given(c, "net") || o->spec.network.mode != NS_DEFAULT)
        return NULL;
    TRY(conf_strings(value, &items));
    if (!items.count)
        return NULL;
    TRY(strv_join(&items, ",", &joined));
    TRY(mem_asprintf(&text, "slirp4netns:%s", joined));
    return spec_set_ns(&o->spec, "network", text);
}

/* --- the table */

#define NO_LABELS "processes and files have no SELinux labels or AppArmor profiles here"
#define NO_CONMON "there is no conmon"
#define NO_BACKEND "networks need no programs of netavark's or CNI's"
#define NO_REMOTE "the REST API and remote services"
#define NO_MACHINE "coracle has no virtual machines"
#define OWN_NETWORK "the default network is each container's own, with cidr= of network_cmd_options"
#define DATABASE "it is in the database"

const struct conf_key conf_keys[] = {
    {"containers", "annotations", CONF_CREATE_CALL, "annotation", use_annotations},
    {"containers", "apparmor_profile", CONF_NONE, NO_LABELS, NULL},
    {"containers", "base_hosts_file", CONF_CREATE, "hosts-file", NULL},
    {"containers", "cgroup_conf", CONF_CREATE, "cgroup-conf", NULL},
    {"containers", "cgroups", CONF_CREATE, "cgroups", NULL},
    {"containers", "cgroupns", CONF_CREATE, "cgroupns", NULL},
    {"containers", "privileged", CONF_CREATE, "privileged", NULL},
    {"containers", "default_capabilities", CONF_CREATE_CALL, "cap-add", use_capabilities},
    {"containers", "default_ulimits", CONF_CREATE, "ulimit", NULL},
    {"containers", "devices", CONF_ADD, "device", NULL},
    {"containers", "env", CONF_CREATE_CALL, "env", use_env},
    {"containers", "env_host", CONF_CREATE, "env-host", NULL},
    {"containers", "host_containers_internal_ip", CONF_CREATE_CALL, "add-host", use_host_ip},
    {"containers", "http_proxy", CONF_CREATE, "http-proxy", NULL},
    {"containers", "init", CONF_CREATE, "init", NULL},
    {"containers", "init_path", CONF_CREATE, "init-path", NULL},
    {"containers", "interface_name", CONF_CALL, "network", use_interface_name},
    {"containers", "ipcns", CONF_CREATE, "ipc", NULL},
    {"containers", "keyring", CONF_CREATE_CALL, "runtime", use_keyring},
    {"containers", "label", CONF_NONE, NO_LABELS, NULL},
    {"containers", "label_users", CONF_NONE, NO_LABELS, NULL},
    {"containers", "log_driver", CONF_CREATE, "log-driver", NULL},
    {"containers", "log_size_max", CONF_CREATE_CALL, "max-size", use_log_size},
    {"containers", "log_tag", CONF_CREATE_CALL, "tag", use_log_tag},
    {"containers", "mounts", CONF_ADD, "mount", NULL},
    {"containers", "netns", CONF_CREATE_CALL, "network", use_netns},
    {"containers", "no_hosts", CONF_CREATE, "no-hosts", NULL},
    {"containers", "oom_score_adj", CONF_CREATE, "oom-score-adj", NULL},
    {"containers", "pidns", CONF_CREATE, "pid", NULL},
    {"containers", "pids_limit", CONF_CREATE, "pids-limit", NULL},
    {"containers", "prepare_volume_on_create", CONF_NONE, "volumes are filled when they are first mounted", NULL},
    {"containers", "read_only", CONF_CREATE, "read-only", NULL},
    {"containers", "seccomp_profile", CONF_CREATE_CALL, "security-opt", use_seccomp},
    {"containers", "shm_size", CONF_CREATE, "shm-size", NULL},
    {"containers", "tz", CONF_CREATE, "tz", NULL},
    {"containers", "umask", CONF_CREATE, "umask", NULL},
    {"containers", "userns", CONF_CREATE, "userns", NULL},
    {"containers", "utsns", CONF_CREATE, "uts", NULL},
    {"containers", "volumes", CONF_ADD, "volume", NULL},
    {"containers", "dns_options", CONF_CREATE_CALL, "dns-option", use_dns_options},
    {"containers", "dns_searches", CONF_CREATE_CALL, "dns-search", use_dns_searches},
    {"containers", "dns_servers", CONF_CREATE_CALL, "dns", use_dns_servers},
    {"containers", "default_sysctls", CONF_CREATE_CALL, "sysctl", use_sysctls},

    {"engine", "active_service", CONF_NONE, NO_REMOTE, NULL},
    {"engine", "add_compression", CONF_DEFAULT, "add-compression", NULL},
    {"engine", "chown_copied_files", CONF_DEFAULT, "archive", NULL},
    {"engine", "cgroup_manager", CONF_CALL, "cgroup-manager", use_cgroup_manager},
    {"engine", "cdi_spec_dirs", CONF_CALL, "cdi-spec-dir", use_cdi_dirs},
    {"engine", "compat_api_enforce_docker_hub", CONF_NONE, NO_REMOTE, NULL},
    {"engine", "compose_providers", CONF_NONE, "there is no compose command", NULL},
    {"engine", "compose_warning_logs", CONF_NONE, "there is no compose command", NULL},
    {"engine", "compression_format", CONF_DEFAULT, "compression-format", NULL},
    {"engine", "compression_level", CONF_DEFAULT, "compression-level", NULL},
    {"engine", "conmon_env_vars", CONF_NONE, NO_CONMON, NULL},
    {"engine", "conmon_path", CONF_NONE, NO_CONMON, NULL},
    {"engine", "database_backend", CONF_NONE, "there is one database, SQLite", NULL},
    {"engine", "detach_keys", CONF_DEFAULT, "detach-keys", NULL},
    {"engine", "enable_port_reservation", CONF_NONE, "published ports are always held", NULL},
    {"engine", "env", CONF_CALL, "environment", use_engine_env},
    {"engine", "events_container_create_inspect_data", CONF_NONE, DATABASE, NULL},
    {"engine", "events_logfile_max_size", CONF_NONE, DATABASE, NULL},
    {"engine", "events_logfile_path", CONF_NONE, DATABASE, NULL},
    {"engine", "events_logger", CONF_NONE, DATABASE, NULL},
    {"engine", "exit_command_delay", CONF_NONE, "exited exec sessions are forgotten at once", NULL},
    {"engine", "healthcheck_events", CONF_CALL, "health-cmd", use_health_events},
    {"engine", "helper_binaries_dir", CONF_NONE, "coracle's programs are beside it", NULL},
    {"engine", "hooks_dir", CONF_CALL, "hooks-dir", use_hooks},
    {"engine", "image_copy_tmp_dir", CONF_NONE, "what is on its way lies below --root", NULL},
    {"engine", "image_default_format", CONF_CALL, "format", use_image_format},
    {"engine", "image_default_transport", CONF_LATER, "names without a transport mean a registry", NULL},
    {"engine", "image_parallel_copies", CONF_CALL, "retry", use_parallel_copies},
    {"engine", "image_volume_mode", CONF_CREATE, "image-volume", NULL},
    {"engine", "infra_command", CONF_DEFAULT, "infra-command", NULL},
    {"engine", "infra_image", CONF_DEFAULT, "infra-image", NULL},
    {"engine", "kube_generate_type", CONF_LATER, "kube", NULL},
    {"engine", "lock_type", CONF_NONE, "locks are those of files", NULL},
    {"engine", "multi_image_archive", CONF_DEFAULT, "multi-image-archive", NULL},
    {"engine", "namespace", CONF_NONE, "use --root", NULL},
    {"engine", "network_cmd_options", CONF_CREATE_CALL, "network", use_network_options},
    {"engine", "network_cmd_path", CONF_NONE, "coracle-slirp is beside coracle", NULL},
    {"engine", "no_pivot_root", CONF_CREATE_CALL, "runtime", use_no_pivot},
    {"engine", "num_locks", CONF_NONE, "there is no limit", NULL},
    {"engine", "pod_exit_policy", CONF_DEFAULT, "exit-policy", NULL},
    {"engine", "pull_policy", CONF_CREATE, "pull", NULL},
    {"engine", "remote", CONF_NONE, NO_REMOTE, NULL},
    {"engine", "retry", CONF_DEFAULT, "retry", NULL},
    {"engine", "retry_delay", CONF_DEFAULT, "retry-delay", NULL},
    {"engine", "runtime", CONF_CALL, "runtime", use_runtime},
    {"engine", "platform_to_oci_runtime", CONF_CREATE_CALL, "runtime", use_platform_runtime},
    {"engine", "runtimes", CONF_CALL, "runtime", use_runtimes},
    {"engine", "runtime_supports_json", CONF_NONE, "every runtime's words are understood", NULL},
    {"engine", "runtime_supports_kvm", CONF_NONE, "crun and runc need no KVM", NULL},
    {"engine", "runtime_supports_nocgroups", CONF_NONE, "--cgroups=disabled works with each", NULL},
    {"engine", "service_destinations", CONF_NONE, NO_REMOTE, NULL},
    {"engine", "service_timeout", CONF_NONE, NO_REMOTE, NULL},
    {"engine", "ssh_config", CONF_NONE, NO_REMOTE, NULL},
    {"engine", "static_dir", CONF_NONE, "use --root", NULL},
    {"engine", "stop_timeout", CONF_CREATE, "stop-timeout", NULL},
    {"engine", "tmp_dir", CONF_NONE, "use --runroot", NULL},
    {"engine", "volume_path", CONF_NONE, "volumes are below --root", NULL},
    {"engine", "volume_plugin_timeout", CONF_NONE, "there are no volume plugins", NULL},
    {"engine", "volume_plugins", CONF_NONE, "there are no volume plugins", NULL},

    {"network", "network_backend", CONF_NONE, NO_BACKEND, NULL},
    {"network", "cni_plugin_dirs", CONF_NONE, NO_BACKEND, NULL},
    {"network", "netavark_plugin_dirs", CONF_NONE, NO_BACKEND, NULL},
    {"network", "default_network", CONF_CREATE_CALL, "network", use_default_network},
    {"network", "default_rootless_network_cmd", CONF_NONE, "coracle-slirp takes the place of both", NULL},
    {"network", "default_subnet", CONF_NONE, OWN_NETWORK, NULL},
    {"network", "default_subnet_pools", CONF_CALL, "subnet", use_subnet_pools},
    {"network", "dns_bind_port", CONF_NONE, NO_BACKEND, NULL},
    {"network", "firewall_driver", CONF_NONE, NO_BACKEND, NULL},
    {"network", "network_config_dir", CONF_NONE, DATABASE, NULL},
    {"network", "pasta_options", CONF_LATER, "options in pasta's words", NULL},

    {"secrets", "driver", CONF_CALL, "driver", use_secret_driver},
    {"secrets", "opts", CONF_CALL, "driver-opts", use_secret_opts},
    {"configmaps", "driver", CONF_NONE, "kube", NULL},
    {"configmaps", "opts", CONF_NONE, "kube", NULL},
    {"farms", "default", CONF_NONE, NO_REMOTE, NULL},
    {"farms", "list", CONF_NONE, NO_REMOTE, NULL},
    {"podmansh", "container", CONF_NONE, "there is no podmansh", NULL},
    {"podmansh", "shell", CONF_NONE, "there is no podmansh", NULL},
    {"podmansh", "timeout", CONF_NONE, "there is no podmansh", NULL},
    {"machine", "cpus", CONF_NONE, NO_MACHINE, NULL},
    {"machine", "disk_size", CONF_NONE, NO_MACHINE, NULL},
    {"machine", "image", CONF_NONE, NO_MACHINE, NULL},
    {"machine", "memory", CONF_NONE, NO_MACHINE, NULL},
    {"machine", "provider", CONF_NONE, NO_MACHINE, NULL},
    {"machine", "rosetta", CONF_NONE, NO_MACHINE, NULL},
    {"machine", "user", CONF_NONE, NO_MACHINE, NULL},
    {"machine", "volumes", CONF_NONE, NO_MACHINE, NULL},
    {0},
};
