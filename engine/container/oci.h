/* From a container_spec, the image's config and facts of this host to an OCI runtime config.json (runtime-spec 1.0).
 * Computes only; whatever must be looked up arrives in `struct oci_facts`. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "engine/container/seccomp_spec.h"
#include "engine/container/spec.h"
#include "engine/image/image.h"
#include "userns/idmap.h"

#define OCI_INIT_PATH "/run/coracle-init" /* where the init program is bound */
#define OCI_PAUSE_PATH "/coracle-pause"   /* and, in the root of a pod's infra container, the program there */

/* A user as the container's /etc/passwd and /etc/group define it (container/user.h looks it up). */
struct oci_user {
    uint32_t ct_uid, ct_gid;
    uint32_t *groups;
    size_t n_groups; /* supplementary */
    char *home;      /* "/" when unknown */
    char *name;      /* NULL when it has no entry */
};

/* A mount whose source was resolved (volume to its directory, image to its mount …), in config.json's order. */
struct oci_mount {
    char *source, *target, *type;
    struct strv options;
};

/* A limit of a block device; `kind` as in spec_flags.h. */
struct oci_throttle {
    enum throttle_kind kind;
    unsigned major, minor;
    uint64_t rate;
};

struct oci_facts {
    const char *container_id;
    const char *rootfs; /* host path inside the monitor's mount namespace */
    const struct oci_user *user;
    const struct oci_mount *mounts;
    size_t n_mounts; /* volumes and binds; the defaults are added by oci_generate */
    const char *hosts_path, *hostname_path, *resolv_path, *containerenv_path, *secrets_dir; /* NULL: not mounted */
    const char *notify_dir;               /* with a socket for NOTIFY_SOCKET, or NULL */
    struct strv device_env;               /* "NAME=VALUE" of CDI devices */
    struct strv secret_env;               /* "NAME=VALUE" of secrets */
    const char *passwd_path, *group_path; /* files with added entries (user.h), or NULL: the image's own */
    const char *localtime_path;           /* --tz: a zone file, or NULL */
    const char *shm_path;                 /* another container's /dev/shm to be shared, or NULL: a tmpfs of its own */
    const char *hooks_json;               /* the text of config.json's "hooks" object, or NULL */
    const char *hostname;
    bool joins_userns;    /* user_ns is another container's, with ct_uids, and what else is joined belongs to it */
    bool owns_network_ns; /* network_ns is the container's own, made for its user namespace */
    const char *network_ns, *ipc_ns, *pid_ns, *uts_ns, *cgroup_ns, *user_ns; /* paths of namespaces to join, or NULL */
    const struct idmap *session_uids, *session_gids;                         /* what is mapped where we run */
    const struct idmap *ct_uids, *ct_gids; /* container's own user namespace, or NULL: the session's */
    bool cgroup_v2;                        /* a cgroup2 tree is (or will be) at /sys/fs/cgroup */
    bool cgroup_writable;                  /* limits can be applied */
    struct strv cgroup_controllers;        /* delegated ones */
    struct strv cgroup_lacking;            /* controllers that this kernel doesn't have at all */
    const char *cgroup_why,
        *cgroup_fix;         /* what is in the way of limits, NULL: nothing; what gives (more) controllers */
    const char *cgroup_path; /* linux.cgroupsPath, or NULL */
    const struct oci_throttle *throttles;
    size_t n_throttles;
    uint64_t rlimit_nofile_hard, rlimit_nproc_hard; /* the caller's */
    uint64_t user_processes;                        /* as many are there now; only where limits need it */
    int64_t oom_score_adj;                          /* the caller's own: a container's can't be lower */
    enum seccomp_ids ids;                           /* what becomes of calls about ids (container/ids.h) */
    const char *ids_listener;                       /* with SECCOMP_IDS_ASK: the socket of who answers */
    bool ids_uninterrupted;                         /* ... and seccomp_options.uninterrupted */
    bool allow_socketcall;                          /* a 32-bit image: see container/seccomp_default.json */
    const char *init_path;                          /* host path of the init program for --init */
    const char *seccomp_profile;                    /* text of a profile file given by the user, or NULL: the default */
    const char *apparmor_profile;                   /* or NULL */
    bool proc_mountable;                            /* false: /proc of the host must be bound */
    bool sys_mountable;
    bool sysctl_read_only; /* /proc/sys where the runtime works: we are in a container ourselves */
    bool mqueue_mountable;
    /* Namespaces that this host refuses: containers that asked for none in particular stay in ours. */
    bool no_pid_ns, no_ipc_ns, no_uts_ns, no_cgroup_ns;
    struct strv host_devices; /* --privileged: device nodes of the host that can be bound */
    const char *log_driver;
    bool describe; /* for inspect, which starts nothing: no seccomp, "unlimited" is -1, what the host lacks is no error
                    */
};

/* *ret_json: compact config.json. Notices (a limit that cannot be applied: which controller is missing and what an
 * administrator would do) are appended to ret_notices. */
struct err *oci_generate(const struct container_spec *spec, const struct image_config *image,
                         const struct oci_facts *facts, struct strv *ret_notices, char **ret_json) ERR_RESULT;

/* The object of limits alone, for `runtime update`: only the cgroup_ members of `facts` are looked at. */
struct err *oci_generate_resources(const struct container_spec *spec, const struct oci_facts *facts,
                                   struct strv *ret_notices, char **ret_json) ERR_RESULT;

/* What runs as init: true when this container runs in systemd mode (--systemd=always, or a systemd command). */
bool oci_is_systemd(const struct container_spec *spec, const struct image_config *image);
/* The signal that stops it: the spec's, the image's, SIGRTMIN+3 in systemd mode, SIGTERM. */
struct err *oci_stop_signal(const struct container_spec *spec, const struct image_config *image, int *ret) ERR_RESULT;
/* Is it a stage that runtimes run hooks at ("prestart" …)? runtime-spec, config.md, "POSIX-platform Hooks". */
bool oci_is_hook_stage(const char *name);
/* Entrypoint and command as they will run, without the init program. ERR_INVALID when there is none. */
struct err *oci_command(const struct container_spec *spec, const struct image_config *image,
                        struct strv *ret) ERR_RESULT;

/* The process object of `exec`, for `runtime exec --process`. */
struct oci_exec {
    struct strv command, env; /* env: added to the container's */
    const char *workdir;      /* NULL: the container's */
    const struct oci_user *user;
    bool tty, privileged;
    uint32_t preserve_fds;
};
struct err *oci_generate_process(const struct container_spec *spec, const struct image_config *image,
                                 const struct oci_facts *facts, const struct oci_exec *exec,
                                 char **ret_json) ERR_RESULT;
