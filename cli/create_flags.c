/* The table of run's and create's flags, with the setters that fill a container_spec. */
#include "cli/create.h"
#include "cli/resource_flags.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/path.h"

#define O(field) offsetof(struct create_opts, field)
#define S(field) offsetof(struct create_opts, spec.field)

static void *slot(void *opts, const struct cli_flag *f)
{
    return (char *)opts + f->offset;
}

static struct err *set_inverted(void *opts, const struct cli_flag *f, const char *value)
{
    *(bool *)slot(opts, f) = strcmp(value, "false") == 0;
    return NULL;
}

/* For the one flag that does nothing in Podman either. */
static struct err *ignore(void *opts, const struct cli_flag *f, const char *value)
{
    (void)opts, (void)f, (void)value;
    return NULL;
}

static struct err *set_oom_score(void *opts, const struct cli_flag *f, const char *value)
{
    struct create_opts *o = opts;
    struct err *e = number_parse_i64(value, -1000, 1000, &o->spec.res.oom_score_adj);
    if (e) {
        err_drop(e);
        return ERR_NEW(ERR_INVALID, "invalid argument \"%s\" for \"--%s\" flag: not a number from -1000 to 1000", value,
                       f->name);
    }
    o->spec.res.oom_score_adj_set = true;
    return NULL;
}

static struct err *set_namespace(void *opts, const struct cli_flag *f, const char *value)
{
    struct create_opts *o = opts;
    return spec_set_ns(&o->spec, f->name, value);
}

static struct err *set_network(void *opts, const struct cli_flag *f, const char *value)
{
    struct create_opts *o = opts;
    (void)f;
    return spec_add_network(&o->spec, value);
}

static struct err *set_idmap(void *opts, const struct cli_flag *f, const char *value)
{
    return idmap_parse_flag(value, slot(opts, f));
}

static struct err *set_systemd(void *opts, const struct cli_flag *f, const char *value)
{
    struct create_opts *o = opts;
    (void)f;
    if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)
        o->spec.systemd = *value == 't' ? SYSTEMD_TRUE : SYSTEMD_FALSE;
    else if (strcmp(value, "always") == 0)
        o->spec.systemd = SYSTEMD_ALWAYS;
    else
        return ERR_NEW(ERR_INVALID, "invalid config provided: --systemd values must be one of \"true, false, always\": "
                                    "invalid configuration");
    return NULL;
}

static struct err *set_pull(void *opts, const struct cli_flag *f, const char *value)
{
    static const char *const policies[] = {"always", "missing", "never", "newer"};
    for (size_t i = 0; i < ARRAY_LEN(policies); i++)
        if (strcasecmp(value, policies[i]) == 0)
            return mem_replace(slot(opts, f), policies[i]);
    return ERR_NEW(ERR_INVALID, "unsupported pull policy \"%s\"", value);
}

/* The value parsers of container/spec.h behind one signature. */
#define SPEC_SETTER(name, call)                                                      \
    static struct err *name(void *opts, const struct cli_flag *f, const char *value) \
    {                                                                                \
        struct create_opts *o = opts;                                                \
        (void)f;                                                                     \
        return call(&o->spec, value);                                                \
    }
SPEC_SETTER(add_volume, spec_add_volume)
SPEC_SETTER(add_mount, spec_add_mount)
SPEC_SETTER(add_tmpfs, spec_add_tmpfs)
SPEC_SETTER(add_device, spec_add_device)
SPEC_SETTER(add_ulimit, spec_add_ulimit)
SPEC_SETTER(add_publish, spec_add_publish)
SPEC_SETTER(add_annotation, spec_add_annotation)
SPEC_SETTER(set_restart, spec_set_restart)
SPEC_SETTER(set_entrypoint, spec_set_entrypoint)

/* Below the container's root, wherever the user is. */
static struct err *add_chrootdir(void *opts, const struct cli_flag *f, const char *value)
{
    struct create_opts *o = opts;
    AUTO_FREE char *path = NULL, *clean = NULL;
    (void)f;
    TRY(mem_asprintf(&path, "/%s", value));
    TRY(path_clean(path, &clean));
    return strv_add(&o->spec.chrootdirs, clean[1] ? clean : "");
}

/* "all", or one by number or id: CDI devices of the one vendor who has them. */
static struct err *add_gpu(void *opts, const struct cli_flag *f, const char *value)
{
    struct create_opts *o = opts;
    AUTO_FREE char *name = NULL;
    const char *id = strncmp(value, "device=", 7) == 0 ? value + 7 : value;
    (void)f;
    TRY(mem_asprintf(&name, "nvidia.com/gpu=%s", id));
    struct err *e = spec_add_device(&o->spec, name);
    return e ? ERR_WRAP(e, "--gpus %s", value) : NULL;
}

static struct err *set_hosts_file(void *opts, const struct cli_flag *f, const char *value)
{
    struct create_opts *o = opts;
    (void)f;
    if (strcmp(value, "none") == 0 || strcmp(value, "image") == 0)
        return mem_replace(&o->spec.hosts_file, value);
    mem_freep(&o->spec.hosts_file);
    TRY(path_absolute(value, &o->spec.hosts_file));
    return access(o->spec.hosts_file, R_OK) < 0 ? cli_errno(errno, "open", o->spec.hosts_file) : NULL;
}

const struct cli_flag create_flags[] = {
    {"add-host", 0, CLI_STRINGS, .offset = S(add_host), .help = "Add a custom host-to-IP mapping (host:ip)"},
    {"annotation", 0, CLI_CALL_CSV, .set = add_annotation, .help = "Add annotations to container (key=value)"},
    {"arch", 0, CLI_STRING, .offset = O(arch), .arg = "ARCH",
     .help = "use ARCH instead of the architecture of the machine for choosing images"},
    {"attach", 'a', CLI_STRINGS, .offset = O(attach), .help = "Attach to STDIN, STDOUT or STDERR"},
    {"authfile", 0, CLI_STRING, CLI_COMPLETE_FILE, .offset = O(registry.authfile),
     .help = "Path of the authentication file. Use REGISTRY_AUTH_FILE environment variable to override"},
    RESOURCE_BLKIO_FLAGS(S(res)),
    {"cap-add", 0, CLI_STRINGS, .offset = S(cap_add), .help = "Add capabilities to the container"},
    {"cap-drop", 0, CLI_STRINGS, .offset = S(cap_drop), .help = "Drop capabilities from the container"},
    {"cert-dir", 0, CLI_STRING, CLI_COMPLETE_DIR, .offset = O(registry.cert_dir),
     .help = "Pathname of a directory containing TLS certificates and keys"},
    {"cgroup-conf", 0, CLI_STRINGS, .offset = S(cgroup_conf), .help = "Configure cgroup v2 (key=value)"},
    {"cgroup-parent", 0, CLI_CALL, .offset = S(cgroup_parent), .set = resource_set_text,
     .help = "Optional parent cgroup for the container"},
    {"cgroupns", 0, CLI_CALL, .set = set_namespace, .help = "cgroup namespace to use"},
    {"cgroups", 0, CLI_CALL, .offset = S(cgroups), .set = resource_set_text, .def = "enabled",
     .help = "control container cgroup configuration (\"enabled\"|\"disabled\"|\"no-conmon\"|\"split\")"},
    {"chrootdirs", 0, CLI_CALL_CSV, .set = add_chrootdir, .help = "Chroot directories inside the container"},
    {"cidfile", 0, CLI_CALL, CLI_COMPLETE_FILE, .offset = S(cidfile), .set = resource_set_text,
     .help = "Write the container ID to the file"},
    {"conmon-pidfile", 0, CLI_STRING, .missing = "there is no conmon here; --pidfile gives the container's process",
     .help = "Path to the file that will receive the PID of conmon"},
    RESOURCE_CPU_FLAGS(S(res)),
    {"creds", 0, CLI_STRING, .offset = O(registry.creds),
     .help = "Credentials (USERNAME:PASSWORD) to use for authenticating to a registry"},
    {"decryption-key", 0, CLI_ARRAY, .missing = "encrypted images are not built yet",
     .help = "Key needed to decrypt the image"},
    {"device", 0, CLI_CALL_CSV, CLI_COMPLETE_FILE, .set = add_device, .help = "Add a host device to the container"},
    {"device-cgroup-rule", 0, CLI_STRINGS, .offset = S(device_cgroup_rules),
     .help = "Add a rule to the cgroup allowed devices list"},
    RESOURCE_THROTTLE_FLAGS(S(res)),
    {"disable-content-trust", 0, CLI_CALL_BOOL, .set = ignore,
     .help = "This is a Docker specific option and is a NOOP"},
    {"dns", 0, CLI_STRINGS, .offset = S(dns), .help = "Set custom DNS servers"},
    {"dns-opt", 0, CLI_STRINGS, .hidden = true, .offset = S(dns_option)},
    {"dns-option", 0, CLI_STRINGS, .offset = S(dns_option), .help = "Set custom DNS options"},
    {"dns-search", 0, CLI_STRINGS, .offset = S(dns_search), .help = "Set custom DNS search domains"},
    {"entrypoint", 0, CLI_CALL, .set = set_entrypoint, .help = "Overwrite the default ENTRYPOINT of the image"},
    {"env", 'e', CLI_ARRAY, .offset = O(env), .help = "Set environment variables in container"},
    {"env-file", 0, CLI_STRINGS, CLI_COMPLETE_FILE, .offset = O(env_files),
     .help = "Read in a file of environment variables"},
    {"env-host", 0, CLI_BOOL, .offset = S(env_host), .help = "Use all current host environment variables in container"},
    {"env-merge", 0, CLI_ARRAY, .offset = S(env_merge),
     .help = "Preprocess environment variables from image before injecting them into the container"},
    {"expose", 0, CLI_STRINGS, .offset = S(expose), .help = "Expose a port or a range of ports"},
    {"gidmap", 0, CLI_CALL_CSV, .offset = S(gid_map), .set = set_idmap,
     .help = "GID map to use for the user namespace"},
    {"gpus", 0, CLI_CALL_CSV, .set = add_gpu, .help = "GPU devices to add to the container ('all' to pass all GPUs)"},
    {"group-add", 0, CLI_STRINGS, .offset = S(group_add),
     .help = "Add additional groups to the primary container process. 'keep-groups' allows container processes to use "
             "supplementary groups."},
    {"group-entry", 0, CLI_CALL, .offset = S(group_entry), .set = resource_set_text,
     .help = "Entry to write to /etc/group"},
    HEALTH_FLAGS(O(health)),
    {"hostname", 'h', CLI_CALL, .offset = S(hostname), .set = resource_set_text, .help = "Set container hostname"},
    {"hosts-file", 0, CLI_CALL, CLI_COMPLETE_FILE, .set = set_hosts_file,
     .help = "File that /etc/hosts of the container begins with (a path, \"none\" or \"image\"; default: the host's)"},
    {"hostuser", 0, CLI_STRINGS, .offset = S(host_users),
     .help = "Host user account to add to /etc/passwd within container"},
    {"http-proxy", 0, CLI_CALL_BOOL, .offset = S(no_http_proxy), .set = set_inverted, .def = "true",
     .help = "Set proxy environment variables in the container based on the host proxy vars"},
    {"image-volume", 0, CLI_CALL, .offset = S(image_volumes), .set = resource_set_text, .def = "bind",
     .help = "Tells " CLI_PROGRAM " how to handle the builtin image volumes (\"bind\"|\"tmpfs\"|\"ignore\")"},
    {"init", 0, CLI_BOOL, .offset = S(init),
     .help = "Run an init binary inside the container that forwards signals and reaps processes"},
    {"init-ctr", 0, CLI_CALL, .offset = S(init_ctr), .set = resource_set_text,
     .help = "Make this a pod init container (\"always\"|\"once\")"},
    {"init-path", 0, CLI_CALL, CLI_COMPLETE_FILE, .offset = S(init_path), .set = resource_set_text,
     .help = "Path to the container-init binary"},
    {"interactive", 'i', CLI_BOOL, .offset = S(interactive), .help = "Keep STDIN open even if not attached"},
    {"ip", 0, CLI_CALL, .offset = S(ip), .set = resource_set_text,
     .help = "Specify a static IPv4 address for the container"},
    {"ip6", 0, CLI_CALL, .offset = S(ip6), .set = resource_set_text,
     .help = "Specify a static IPv6 address for the container"},
    {"ipc", 0, CLI_CALL, .set = set_namespace, .help = "IPC namespace to use"},
    {"label", 'l', CLI_ARRAY, .offset = O(labels), .help = "Set metadata on container"},
    {"label-file", 0, CLI_STRINGS, CLI_COMPLETE_FILE, .offset = O(label_files),
     .help = "Read in a line delimited file of labels"},
    {"log-driver", 0, CLI_CALL, .offset = S(log_driver), .set = resource_set_text, .def = "k8s-file",
     .help = "Logging driver for the container"},
    {"log-opt", 0, CLI_STRINGS, .offset = S(log_opt), .help = "Logging driver options"},
    {"mac-address", 0, CLI_CALL, .offset = S(mac_address), .set = resource_set_text,
     .help = "Container MAC address (e.g. 92:d0:c6:0a:29:33)"},
    RESOURCE_MEMORY_FLAGS(S(res)),
    {"mount", 0, CLI_CALL, .set = add_mount, .arg = "stringArray",
     .help = "Attach a filesystem mount to the container"},
    {"name", 0, CLI_CALL, .offset = S(name), .set = resource_set_text, .help = "Assign a name to the container"},
    {"nestable", 0, CLI_BOOL, .offset = O(nestable),
     .help = "Give another container engine inside what it needs: /dev/fuse and /dev/net/tun where this host has them, "
             "a /proc without masks"},
    {"net", 0, CLI_CALL, .hidden = true, .set = set_network},
    {"network", 0, CLI_CALL, CLI_COMPLETE_NETWORK, .set = set_network, .arg = "stringArray",
     .help = "Connect a container to a network (NAME[:OPTIONS], slirp4netns[:OPTIONS], private, none, host, "
             "container:NAME, ns:PATH)"},
    {"network-alias", 0, CLI_STRINGS, .offset = S(network_alias), .help = "Add network-scoped alias for the container"},
    NO_HEALTHCHECK_FLAG(O(health)),
    {"no-hostname", 0, CLI_BOOL, .offset = S(no_hostname),
     .help = "Do not create /etc/hostname within the container, instead use the version from the image"},
    {"no-hosts", 0, CLI_BOOL, .offset = S(no_hosts),
     .help = "Do not create /etc/hosts within the container, instead use the version from the image"},
    {"oom-kill-disable", 0, CLI_BOOL, .offset = S(res.oom_kill_disable), .help = "Disable OOM Killer"},
    {"oom-score-adj", 0, CLI_CALL, .set = set_oom_score, .arg = "int",
     .help = "Tune the host's OOM preferences (-1000 to 1000)"},
    {"os", 0, CLI_STRING, .offset = O(os), .arg = "OS", .help = "use OS instead of the running OS for choosing images"},
    {"passwd", 0, CLI_CALL_BOOL, .offset = S(no_passwd), .set = set_inverted, .def = "true",
     .help = "add entries to /etc/passwd and /etc/group"},
    {"passwd-entry", 0, CLI_CALL, .offset = S(passwd_entry), .set = resource_set_text,
     .help = "Entry to write to /etc/passwd"},
    {"personality", 0, CLI_CALL, .offset = S(personality), .set = resource_set_text,
     .help = "Configure execution domain using personality (e.g., LINUX/LINUX32)"},
    {"pid", 0, CLI_CALL, .set = set_namespace, .help = "PID namespace to use"},
    {"pidfile", 0, CLI_CALL, CLI_COMPLETE_FILE, .offset = S(pidfile), .set = resource_set_text,
     .help = "Write the container process ID to the file"},
    RESOURCE_PIDS_FLAG(S(res)),
    {"platform", 0, CLI_STRING, .offset = O(platform),
     .help = "Specify the platform for selecting the image.  (Conflicts with --arch and --os)"},
    {"pod", 0, CLI_CALL, CLI_COMPLETE_POD, .offset = S(pod), .set = resource_set_text,
     .help = "Run container in an existing pod"},
    {"pod-id-file", 0, CLI_STRING, CLI_COMPLETE_FILE, .offset = O(pod_id_file),
     .help = "Read the pod ID from the file"},
    {"privileged", 0, CLI_BOOL, .offset = S(privileged), .help = "Give extended privileges to container"},
    {"publish", 'p', CLI_CALL_CSV, .set = add_publish,
     .help = "Publish a container's port, or a range of ports, to the host"},
    {"publish-all", 'P', CLI_BOOL, .offset = S(publish_all),
     .help = "Publish all exposed ports to random ports on the host interface"},
    {"pull", 0, CLI_CALL, .offset = S(pull), .set = set_pull, .def = "missing", .help = "Pull image policy"},
    {"quiet", 'q', CLI_BOOL, .offset = O(quiet), .help = "Suppress output information when pulling images"},
    {"rdt-class", 0, CLI_CALL, .offset = S(rdt_class), .set = resource_set_text,
     .help = "Class of Service (COS) that the container should be assigned to"},
    {"read-only", 0, CLI_BOOL, .offset = S(read_only), .help = "Make containers root filesystem read-only"},
    {"read-only-tmpfs", 0, CLI_CALL_BOOL, .offset = S(no_read_only_tmpfs), .set = set_inverted, .def = "true",
     .help = "When running containers in read-only mode mount a read-write tmpfs on /run, /tmp and /var/tmp"},
    {"replace", 0, CLI_BOOL, .offset = O(replace), .help = "If a container with the same name exists, replace it"},
    {"requires", 0, CLI_STRINGS, CLI_COMPLETE_CONTAINER, .offset = S(requires),
     .help = "Add one or more requirement containers that must be started before this container will start"},
    {"restart", 0, CLI_CALL, .set = set_restart,
     .help = "Restart policy to apply when a container exits "
             "(\"always\"|\"no\"|\"on-failure\"|\"unless-stopped\")"},
    {"retry", 0, CLI_UINT, .offset = O(registry.retry), .def = "3",
     .help = "number of times to retry in case of failure when performing pull"},
    {"retry-delay", 0, CLI_STRING, .offset = O(registry.retry_delay),
     .help = "delay between retries in case of pull failures (default: grows from 250ms)"},
    {"rm", 0, CLI_BOOL, .offset = S(auto_remove), .help = "Remove container (and pod if created) after exit"},
    {"rootfs", 0, CLI_BOOL, .offset = O(rootfs),
     .help = "The first argument is not an image but the rootfs to the exploded container"},
    {"sdnotify", 0, CLI_CALL, .offset = S(sdnotify), .set = resource_set_text, .def = "container",
     .help = "control sd-notify behavior (\"container\"|\"conmon\"|\"healthy\"|\"ignore\")"},
    {"seccomp-policy", 0, CLI_CALL, .offset = S(seccomp_policy), .set = resource_set_text, .def = "default",
     .help = "Policy for selecting a seccomp profile: the default one, or the image's (\"default\"|\"image\")"},
    {"secret", 0, CLI_ARRAY, .offset = S(secrets), .help = "Add secret to container"},
    {"security-opt", 0, CLI_ARRAY, .offset = S(security_opt), .help = "Security Options"},
    {"shm-size", 0, CLI_CALL, .offset = S(shm_bytes), .set = resource_set_bytes, .arg = "<number>[<unit>]",
     .def = "65536k", .help = "Size of /dev/shm" RESOURCE_BYTES_HELP},
    {"shm-size-systemd", 0, CLI_CALL, .offset = S(systemd_tmpfs_bytes), .set = resource_set_bytes,
     .arg = "<number>[<unit>]",
     .help = "Size of systemd specific tmpfs mounts (/run, /run/lock, /var/log/journal, /tmp)" RESOURCE_BYTES_HELP},
    {"stop-signal", 0, CLI_CALL, .offset = S(stop_signal), .set = resource_set_text,
     .help = "Signal to stop a container. Default is SIGTERM"},
    {"stop-timeout", 0, CLI_UINT, .offset = S(stop_timeout), .def = "10",
     .help =
         "Timeout (in seconds) that containers stopped by user command have to exit. If exceeded, the container will "
         "be forcibly stopped via SIGKILL."},
    {"subgidname", 0, CLI_CALL, .offset = S(subgid_name), .set = resource_set_text,
     .help = "Name of range listed in /etc/subgid for use in user namespace"},
    {"subuidname", 0, CLI_CALL, .offset = S(subuid_name), .set = resource_set_text,
     .help = "Name of range listed in /etc/subuid for use in user namespace"},
    {"sysctl", 0, CLI_STRINGS, .offset = S(sysctl), .help = "Sysctl options"},
    {"systemd", 0, CLI_CALL, .set = set_systemd, .def = "true",
     .help = "Run container in systemd mode (\"true\"|\"false\"|\"always\")"},
    {"timeout", 0, CLI_UINT, .offset = S(timeout),
     .help =
         "Maximum length of time a container is allowed to run. The container will be killed automatically after the "
         "time expires."},
    {"tls-verify", 0, CLI_TRISTATE, .offset = O(registry.tls_verify),
     .help = "Require HTTPS and verify certificates when contacting registries for pulling images"},
    {"tmpfs", 0, CLI_CALL, .set = add_tmpfs, .arg = "tmpfs",
     .help = "Mount a temporary filesystem (tmpfs) into a container"},
    {"tty", 't', CLI_BOOL, .offset = S(tty), .help = "Allocate a pseudo-TTY for container"},
    {"tz", 0, CLI_CALL, .offset = S(timezone), .set = resource_set_text, .help = "Set timezone in container"},
    {"uidmap", 0, CLI_CALL_CSV, .offset = S(uid_map), .set = set_idmap,
     .help = "UID map to use for the user namespace"},
    {"ulimit", 0, CLI_CALL_CSV, .set = add_ulimit, .help = "Ulimit options"},
    {"umask", 0, CLI_CALL, .offset = S(umask), .set = resource_set_text, .def = "0022",
     .help = "Set umask in container"},
    {"unsetenv", 0, CLI_ARRAY, .offset = S(unsetenv), .help = "Unset environment default variables in container"},
    {"unsetenv-all", 0, CLI_BOOL, .offset = S(unsetenv_all),
     .help = "Unset all default environment variables in container"},
    {"user", 'u', CLI_CALL, .offset = S(user), .set = resource_set_text,
     .help = "Username or UID (format: <name|uid>[:<group|gid>])"},
    {"userns", 0, CLI_CALL, .set = set_namespace, .help = "User namespace to use"},
    {"uts", 0, CLI_CALL, .set = set_namespace, .help = "UTS namespace to use"},
    {"variant", 0, CLI_STRING, .offset = O(variant), .arg = "VARIANT",
     .help = "Use VARIANT instead of the running architecture variant for choosing images"},
    {"volume", 'v', CLI_CALL, CLI_COMPLETE_VOLUME, .set = add_volume, .arg = "stringArray",
     .help = "Bind mount a volume into the container"},
    {"volumes-from", 0, CLI_ARRAY, CLI_COMPLETE_CONTAINER, .offset = S(volumes_from),
     .help = "Mount volumes from the specified container(s)"},
    {"workdir", 'w', CLI_CALL, CLI_COMPLETE_NONE, .offset = S(workdir), .set = resource_set_text,
     .help = "Working directory inside the container"},
    {0},
};

struct err *create_opts_init(void *opts)
{
    struct create_opts *o = opts;
    container_spec_init(&o->spec);
    return NULL;
}

void create_opts_done(void *opts)
{
    struct create_opts *o = opts;
    container_spec_done(&o->spec);
}
