/* What a container was asked to be: the options of run/create, after parsing, before they meet a host.
 *
 * The CLI and the API fill it, the store keeps it as JSON (containers.spec), inspect prints it, and
 * container/oci turns it with the image's config into an OCI config.json at every start. Pure data: no I/O.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"
#include "userns/idmap.h"

/* A namespace choice: --pid, --ipc, --uts, --network, --cgroupns, --userns. */
enum ns_mode {
    NS_DEFAULT,
    NS_PRIVATE,
    NS_HOST,
    NS_CONTAINER,
    NS_PATH,
    NS_NONE,
    NS_SHAREABLE,
    NS_KEEP_ID,
    NS_NOMAP,
    NS_AUTO,
    NS_BRIDGE, /* on named networks, or on none any more */
    NS_POD     /* the pod's, only on the way to a new container: NS_CONTAINER from then on */
};
struct ns_spec {
    enum ns_mode mode;
    char *arg; /* container name or id, path, or the options behind the colon; NULL when none */
};

enum mount_type {
    MOUNT_BIND,
    MOUNT_VOLUME,
    MOUNT_TMPFS,
    MOUNT_RAMFS,
    MOUNT_DEVPTS,
    MOUNT_IMAGE,
    MOUNT_GLOB, /* only on the way to a new container: a bind for each path that matches, from then on */
    MOUNT_ARTIFACT
};
struct mount_spec {
    enum mount_type type;
    char *source; /* host path, volume name ("" : anonymous), image, pattern, artifact; NULL for tmpfs */
    char *target; /* absolute ct path; "" with MOUNT_GLOB: that of the host */
    /* OCI mount options, complete: "ro"/"rw", propagation, "rbind", "noexec", "size=…"; with overlay also "upperdir=…",
     * "workdir=…". What has a field of its own below is not repeated here. */
    struct strv options;
    bool read_only;
    bool no_copy;   /* volume: no copy-up */
    bool tmpcopyup; /* tmpfs: copy what the image has below */
    bool chown;     /* :U */
    bool overlay;   /* :O */
    char *subpath;
    char *idmap; /* "" for the default map, else its text; NULL: none */
    char *volume_driver;
    struct strv volume_options; /* volume-opt=…: "key=value" */
    char *digest, *title;       /* artifact: one of its files; NULL: all */
    char *file_name;            /* artifact: instead of their own names, or NULL */
    bool from_image;            /* made from the image's VOLUME */
};

struct device_spec {
    char *host_path, *ct_path; /* host_path may be a directory */
    char *permissions;         /* "rwm" */
};
struct ulimit_spec {
    char *name;          /* "nofile"; "host" means: take the caller's limits */
    uint64_t soft, hard; /* UINT64_MAX: unlimited */
};

struct resource_spec {                                                 /* 0 / NULL: not asked for */
    int64_t memory_bytes, memory_reservation_bytes, memory_swap_bytes; /* swap: -1 unlimited */
    int64_t memory_swappiness;                                         /* -1 when not given */
    int64_t cpu_period, cpu_quota, cpu_shares;
    int64_t cpu_rt_period, cpu_rt_runtime;
    double cpus;
    char *cpuset_cpus, *cpuset_mems;
    int64_t pids_limit; /* 0 default, -1 unlimited */
    int64_t blkio_weight;
    /* "/dev/sda:100"; rates "/dev/sda:1mb" and "/dev/sda:1000" (spec_parse_throttle) */
    struct strv blkio_weight_device, device_read_bps, device_write_bps, device_read_iops, device_write_iops;
    bool oom_kill_disable;
    bool oom_score_adj_set;
    int64_t oom_score_adj;
};

enum restart_policy { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS, RESTART_UNLESS_STOPPED };
enum systemd_mode { SYSTEMD_TRUE, SYSTEMD_FALSE, SYSTEMD_ALWAYS };

struct container_spec {
    char *name;  /* NULL: generated */
    char *image; /* as given; NULL with rootfs */
    char *image_origin, *image_id,
        *image_config;          /* of an image that is not in our own store (struct image), once created; or NULL */
    char *rootfs;               /* --rootfs, absolute */
    bool rootfs_overlay;        /* :O */
    struct strv create_command; /* argv of the whole command line, for inspect */

    struct strv command;    /* arguments behind the image */
    struct strv entrypoint; /* when entrypoint_set */
    bool entrypoint_set;
    struct strv env;       /* "KEY=VALUE" of --env and --env-file; above the image's */
    struct strv env_base;  /* of the host (--env-host, proxies); below the image's. See spec_add_host_env */
    struct strv env_merge; /* "KEY=VALUE" whose $NAME and ${NAME} are the image's; above env */
    struct strv unsetenv;
    bool unsetenv_all, env_host;
    bool no_http_proxy;
    char *workdir, *user, *hostname, *umask, *timezone;
    struct strv group_add;           /* "keep-groups" included */
    bool no_passwd;                  /* leave /etc/passwd and /etc/group as the image has them */
    char *passwd_entry;              /* what is added for the user instead of Podman's line; $USERNAME … in it */
    char *group_entry;               /* likewise in /etc/group: $GROUPNAME, $GID */
    struct strv host_users;          /* of the host, to be known inside */
    char *personality;               /* "LINUX", "LINUX32"; NULL: as it is */
    struct strv requires;            /* containers that must run first; ids, once created */
    struct strv cgroup_conf;         /* "memory.high=…": files of the container's cgroup */
    struct strv labels, annotations; /* "key=value" */
    bool tty, interactive;           /* interactive: stdin stays open */
    bool privileged, init, read_only, no_read_only_tmpfs;
    char *init_path;

    struct mount_spec *mounts;
    size_t n_mounts;
    struct device_spec *devices;
    size_t n_devices;
    struct ulimit_spec *ulimits;
    size_t n_ulimits;
    struct strv volumes_from; /* "container[:options]" */
    char *image_volumes;      /* "anonymous" (default, also "bind"), "tmpfs", "ignore" */
    struct strv cap_add, cap_drop, security_opt, sysctl;
    struct strv cdi_devices;         /* "vendor.com/class=name" */
    struct strv device_cgroup_rules; /* "c 1:3 rwm": kept, but devices are bound, not made */
    struct strv chrootdirs;          /* absolute; below each the files that are bound below / */
    char *seccomp_policy;            /* "image": the profile in the image's labels */
    bool no_keyring, no_pivot;       /* of containers.conf, for the runtime */
    char *rdt_class;                 /* a directory of /sys/fs/resctrl */
    struct strv secrets;             /* engine/secret/secret.h, secret_use_parse() */
    int64_t shm_bytes;               /* 0: 64 MiB */
    int64_t systemd_tmpfs_bytes;     /* of /run and its kin in systemd mode; 0: the kernel's default */

    struct ns_spec pid, ipc, uts, network, cgroupns, userns;
    struct strv publish, expose; /* -p: complete with host ports, once created (network/publish.h) */
    bool publish_all;
    /* Named networks as values of --network, only on the way to a new container: rows of the database are what a
     * container is on from then on (network/network.h). */
    struct strv networks, network_alias;
    char *ip, *ip6, *mac_address;    /* of its own, inside its network; NULL: the usual ones */
    struct idmap uid_map, gid_map;   /* --uidmap/--gidmap */
    char *subuid_name, *subgid_name; /* ranges of that name; become maps at creation */
    struct strv add_host, dns, dns_search, dns_option;
    bool no_hosts, no_hostname;
    char *host_ip;    /* what host.containers.internal is; "": nothing; NULL: as this host has it */
    char *hosts_file; /* what /etc/hosts begins with: absolute, "none", "image"; NULL: the host's */

    struct resource_spec res;
    char *cgroups; /* "enabled" (default), "disabled", "no-conmon", "split" */
    char *cgroup_parent;

    char *log_driver;     /* NULL: k8s-file */
    struct strv log_opt;  /* "max-size=…", "path=…", "tag=…" */
    char *stop_signal;    /* NULL: the image's, else SIGTERM */
    int64_t stop_timeout; /* seconds; -1: 10 */
    int64_t timeout;      /* --timeout, seconds; 0: none */
    enum restart_policy restart;
    int64_t restart_max;            /* on-failure:N; 0: no limit */
    bool auto_remove, remove_image; /* --rm; --rmi: the image too, unless others use it */
    bool restart_given;             /* not kept: --restart, "no" as well, which a pod's doesn't replace */
    bool for_run; /* not kept: `run` makes it to start it at once; with --rm it doesn't outlive its client */
    enum systemd_mode systemd;
    char *pidfile, *cidfile;
    char *pod;        /* name or id; its id, once created */
    char *init_ctr;   /* "always" or "once": runs to its end before the others of the pod, each time or the first */
    char *pod_cgroup; /* name of the pod's own cgroup below its parent, or NULL: not in there */
    bool pod_stop;    /* the pod stops when the last of these ends */
    bool pause;       /* no image, no files but coracle-pause: holds the namespaces of a pod */
    bool keeps_id;    /* runs as the user, in the user namespace of a pod that has --userns keep-id */
    const struct pod_row *new_pod; /* not kept: the pod that comes into being with this, its infra container */
    uint32_t preserve_fds;
    struct strv preserve_fd; /* numbers, instead */
    bool no_sig_proxy;
    char *detach_keys; /* NULL: ctrl-p,ctrl-q */
    char *pull;        /* policy */
    char *platform;
    char *runtime;                         /* resolved at create, so that a later start uses the same */
    char *storage_driver;                  /* likewise, with what goes with it: */
    bool maps_ids;                         /* its files keep the image's ids on disk, whatever user namespace it has */
    int64_t storage_bytes, storage_inodes; /* what it may write (storage options size and inodes); 0: no limit */
    char *sdnotify;                        /* "container" (NULL), "conmon", "healthy", "ignore" */
    char *healthcheck;                     /* JSON text (healthcheck.h); NULL: the image's */
    char *startup_healthcheck, *health_on_failure; /* the same form; "kill" …; or NULL */
    char *health_log_destination;                  /* absolute directory or HEALTH_LOG_EVENTS; NULL: HEALTH_LOG_LOCAL */
#define HEALTH_LOG_COUNT 5
#define HEALTH_LOG_SIZE 500
    int64_t health_log_count, health_log_size; /* results and bytes of each that are kept; 0: any */
};

/* Empty, with the defaults that are not zero (stop_timeout, memory_swappiness, health_log_count …). */
void container_spec_init(struct container_spec *s);
void container_spec_done(struct container_spec *s);
/* What `from` has of namespaces, id maps, mounts and devices goes into `to`, over what is there for the same place; it
 * is gone from `from`. */
struct err *container_spec_take_over(struct container_spec *from, struct container_spec *to) ERR_RESULT;
/* Is a user namespace other than the session's asked for? */
bool container_spec_asks_userns(const struct container_spec *s);
/* Does it run as the user (--userns keep-id), in a user namespace of its own or of its pod? */
bool container_spec_keeps_id(const struct container_spec *s);
struct err *container_spec_to_json(const struct container_spec *s, char **ret_text) ERR_RESULT;
struct err *container_spec_from_json(const char *text, size_t len, struct container_spec *ret) ERR_RESULT;

/* Values that cannot be right and contradictions between options, with Podman's messages (privileged with
 * no-new-privileges is fine; --rm with --restart is not …). What only the host can tell is not looked at. */
struct err *container_spec_check(const struct container_spec *s) ERR_RESULT;

#include "engine/container/spec_flags.h"
