/* What cannot be right in a container_spec as a whole: contradictions between options, and values that only the whole
 * list shows. Each check is one function; container_spec_check runs them all, and the first that fails is what the user
 * reads.
 *
 * Called by create, for the command line and for the API alike, so whatever reaches a file of the container
 * (/etc/hosts, /etc/resolv.conf, config.json) has gone through here. Nothing is looked up: a missing path, image or
 * container is found by who opens it. */
#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"
#include "engine/container/capability.h"
#include "engine/container/mountopt.h"
#include "engine/container/security_opt.h"
#include "engine/container/spec_internal.h"

static bool one_of(const char *value, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(*list, value) == 0)
            return true;
    return false;
}

/* Exactly one of image and root file system. */
static struct err *check_source(const struct container_spec *s)
{
    if (!s->pause && !s->image == !s->rootfs)
        return ERR_NEW(ERR_INVALID, "either an image or a root file system must be given");
    if (s->rootfs && s->rootfs[0] != '/')
        return ERR_NEW(ERR_INVALID, "root file system \"%s\": must be an absolute path", s->rootfs);
    if (s->name)
        TRY_WRAP(spec_check_name(s->name), "running container create option");
    return NULL;
}

/* Ending, restarting and stopping. */
static struct err *check_life(const struct container_spec *s)
{
    if (s->auto_remove && s->restart != RESTART_NO)
        return ERR_NEW(ERR_INVALID,
                       "the --rm option conflicts with --restart, when the restartPolicy is not \"\" and \"no\"");
    if (s->init && s->systemd == SYSTEMD_ALWAYS)
        return ERR_NEW(ERR_INVALID, "cannot use container-init binary with systemd=always");
    if (s->stop_timeout < -1 || s->timeout < 0)
        return ERR_NEW(ERR_INVALID, "a timeout cannot be negative");
    int sig = 0;
    return s->stop_signal ? spec_parse_signal(s->stop_signal, &sig) : NULL;
}

/* As Podman prints a mode. */
static const char *ns_name(enum ns_mode mode)
{
    static const char *const names[] = {"",          "private", "host",  "container", "path",   "none",
                                        "shareable", "keep-id", "nomap", "auto",      "bridge", "pod"};
    return names[mode];
}

/* A size for /dev/shm needs a /dev/shm of the container's own; a host name needs a UTS namespace of its own. */
static struct err *check_namespaces(const struct container_spec *s)
{
    bool mapped = s->uid_map.count || s->gid_map.count || s->subuid_name || s->subgid_name;
    if (mapped && s->userns.mode != NS_DEFAULT && s->userns.mode != NS_PRIVATE)
        return ERR_NEW(ERR_INVALID, "--userns and --uidmap/--gidmap/--subuidname/--subgidname are mutually exclusive");
    if (!mapped && s->userns.mode == NS_PRIVATE)
        return ERR_NEW(ERR_INVALID, "must provide at least one UID or GID mapping to configure a user namespace");
    enum ns_mode ipc = s->ipc.mode;
    if (s->shm_bytes && (ipc == NS_HOST || ipc == NS_NONE || ipc == NS_CONTAINER || ipc == NS_PATH))
        return ERR_NEW(ERR_INVALID,
                       "invalid config provided: cannot set shmsize when running in the {%s %s} IPC Namespace",
                       ns_name(ipc), s->ipc.arg ? s->ipc.arg : "");
    if (s->shm_bytes < 0)
        return ERR_NEW(ERR_INVALID, "unable to translate --shm-size: invalid size: '%lld'", (long long)s->shm_bytes);
    if (s->hostname && s->uts.mode == NS_HOST)
        return ERR_NEW(ERR_INVALID, "invalid config provided: cannot set hostname when running in the host UTS "
                                    "namespace: invalid configuration");
    return NULL;
}

/* Options that are one of a few words. */
static struct err *check_words(const struct container_spec *s)
{
    static const char *const volumes[] = {"anonymous", "bind", "tmpfs", "ignore", NULL};
    static const char *const cgroups[] = {"enabled", "disabled", "no-conmon", "split", NULL};
    static const char *const drivers[] = {"k8s-file", "json-file", "journald", "none", "passthrough", NULL};
    static const char *const pulls[] = {"always", "missing", "never", "newer", NULL};
    if (s->image_volumes && !one_of(s->image_volumes, volumes))
        return ERR_NEW(ERR_INVALID, "invalid image volume mode \"%s\" required value: bind, tmpfs, ignore",
                       s->image_volumes);
    if (s->cgroups && !one_of(s->cgroups, cgroups))
        return ERR_NEW(ERR_INVALID, "running container create option: invalid cgroup mode \"%s\": invalid argument",
                       s->cgroups);
    if (s->log_driver && !one_of(s->log_driver, drivers))
        return ERR_NEW(ERR_INVALID, "running container create option: invalid log driver: invalid argument");
    if (s->pull && !one_of(s->pull, pulls))
        return ERR_NEW(ERR_INVALID, "unsupported pull policy \"%s\"", s->pull);
    for (size_t i = 0; i < s->log_opt.count; i++)
        if (!strchr(s->log_opt.items[i], '='))
            return ERR_NEW(ERR_INVALID, "invalid log option \"%s\"", s->log_opt.items[i]);
    return NULL;
}

/* A zone's name becomes part of a path below /usr/share/zoneinfo, hence no "..". */
static struct err *check_process(const struct container_spec *s)
{
    if (s->umask) {
        size_t len = strlen(s->umask);
        if (len == 0 || len > 4 || strspn(s->umask, "01234567") != len)
            return ERR_NEW(ERR_INVALID, "running container create option: invalid umask string %s: invalid argument",
                           s->umask);
    }
    if (s->workdir && s->workdir[0] && s->workdir[0] != '/')
        return ERR_NEW(ERR_INVALID, "workdir \"%s\": must be an absolute path", s->workdir);
    if (strv_contains(&s->group_add, "keep-groups") && s->group_add.count > 1)
        return ERR_NEW(ERR_INVALID,
                       "the '--group-add keep-groups' option is not allowed with any other --group-add options");
    if (s->timezone && strcmp(s->timezone, "local") != 0 && (s->timezone[0] == '/' || strstr(s->timezone, "..")))
        return ERR_NEW(ERR_INVALID, "running container create option: invalid timezone \"%s\"", s->timezone);
    return NULL;
}

/* What becomes part of the OCI configuration as it is. */
static struct err *check_oci_words(const struct container_spec *s)
{
    static const char *const domains[] = {"LINUX", "LINUX32", NULL};
    if (s->personality && !one_of(s->personality, domains))
        return ERR_NEW(ERR_INVALID, "unknown persona specified `%s`: neither LINUX nor LINUX32", s->personality);
    for (size_t i = 0; i < s->cgroup_conf.count; i++) {
        const char *item = s->cgroup_conf.items[i], *eq = strchr(item, '=');
        if (!eq || eq == item || item[0] == '.' || memchr(item, '/', (size_t)(eq - item)))
            return ERR_NEW(ERR_INVALID, "--cgroup-conf must be formatted KEY=VALUE: \"%s\"", item);
    }
    for (size_t i = 0; i < s->env_merge.count; i++)
        if (!strchr(s->env_merge.items[i], '='))
            return ERR_NEW(ERR_INVALID, "unable to process environment variables to merge: \"%s\" is not KEY=VALUE",
                           s->env_merge.items[i]);
    if (s->passwd_entry && strpbrk(s->passwd_entry, "\r\n"))
        return ERR_NEW(ERR_INVALID, "--passwd-entry: one entry is one line");
    static const char *const notify[] = {"container", "conmon", "healthy", "ignore", NULL};
    if (s->sdnotify && !one_of(s->sdnotify, notify))
        return ERR_NEW(ERR_INVALID,
                       "invalid config provided: invalid argument: invalid sdnotify value \"%s\": must be container, "
                       "conmon, healthy or ignore",
                       s->sdnotify);
    if (s->group_entry && strpbrk(s->group_entry, "\r\n"))
        return ERR_NEW(ERR_INVALID, "--group-entry: one entry is one line");
    if (s->rdt_class && (!s->rdt_class[0] || strchr(s->rdt_class, '/') || s->rdt_class[0] == '.'))
        return ERR_NEW(ERR_INVALID, "--rdt-class %s: not the name of a class", s->rdt_class);
    if (s->seccomp_policy && strcmp(s->seccomp_policy, "default") != 0 && strcmp(s->seccomp_policy, "image") != 0)
        return ERR_NEW(ERR_INVALID, "invalid seccomp policy \"%s\": valid policies are [\"default\" \"image\"]",
                       s->seccomp_policy);
    return NULL;
}

/* Two different mounts on one place: which would win is nothing to guess. */
static struct err *check_mounts(const struct container_spec *s)
{
    for (size_t i = 0; i < s->n_mounts; i++) {
        for (size_t k = i + 1; k < s->n_mounts; k++) {
            const struct mount_spec *a = &s->mounts[i], *b = &s->mounts[k];
            bool many = a->type == MOUNT_GLOB || b->type == MOUNT_GLOB; /* looked at when it is known which */
            if (strcmp(a->target, b->target) == 0 && !a->from_image && !b->from_image && !many)
                return ERR_NEW(ERR_INVALID, "%s: duplicate mount destination", a->target);
        }
    }
    return NULL;
}

/* "container[:options]"; whether the container exists is looked up by create. */
static struct err *check_volumes_from(const struct container_spec *s)
{
    static const char *const known[] = {"z", "ro", "rw", NULL};
    for (size_t i = 0; i < s->volumes_from.count; i++) {
        const char *value = s->volumes_from.items[i], *colon = strchr(value, ':');
        if (!colon)
            continue;
        AUTO_STRV struct strv options = STRV_INIT;
        TRY(strv_split(colon + 1, ',', &options));
        for (size_t k = 0; k < options.count; k++)
            if (!one_of(options.items[k], known))
                return ERR_NEW(
                    ERR_INVALID,
                    "invalid option \"%s\" specified - volumes from another container can only use z,ro,rw options",
                    colon + 1);
        if (strv_contains(&options, "ro") && strv_contains(&options, "rw"))
            return ERR_NEW(ERR_INVALID, "cannot set both 'ro' and 'rw' options for volumes from %s", value);
    }
    return NULL;
}

/* By parsing: what can be parsed is right as far as this can tell. */
static struct err *check_security(const struct container_spec *s)
{
    struct security_opts opts = {0};
    struct err *e = security_opts_parse(&s->security_opt, &opts);
    security_opts_done(&opts);
    TRY(e);
    struct cap_sets sets = {0};
    return cap_sets_compute(s, 0, &sets);
}

struct err *container_spec_check(const struct container_spec *s)
{
    static struct err *(*const checks[])(const struct container_spec *) = {
        check_source,   check_life,         check_namespaces,   check_words,
        check_process,  check_oci_words,    check_mounts,       check_volumes_from,
        check_security, spec_check_sysctls, spec_check_network, spec_check_device_rules,
    };
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        TRY(checks[i](s));
    return spec_check_resources(&s->res);
}
