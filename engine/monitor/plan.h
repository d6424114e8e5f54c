/* What a monitor is told: the plan of a container, and requests to run another process in it.
 *
 * Both travel as one message each (MONITOR_PLAN, MONITOR_EXEC). Pure data and its encoding: no I/O. The decoder takes
 * its input as hostile: every length is checked, strings hold no NUL, nothing may follow.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/strv.h"

#define PLAN_MOUNTS_MAX 64
#define PLAN_PRESERVE_FDS_MAX 64
#define PLAN_EXEC_PRESERVE_FDS_MAX 7 /* one message carries MSG_FDS_MAX descriptors */

/* One struct storage_mount, owned (engine/storage/storage.h). NULL strings stay NULL. */
struct plan_mount {
    char *driver;
    char *layers_dir;
    struct strv layers; /* bottom first */
    char *mount_points; /* below the lowest layer */
    char *rootfs;       /* directory instead of layers */
    char *upper, *work; /* other directories for what is written than below upper_dir; or NULL */
    char *upper_dir;    /* storage_mount's container_dir: upper/ and work/ (or copy/) live there; NULL: read-only */
    bool read_only;
    bool is_volatile;
    bool may_change;
    uint32_t flags;
    char *uid_map, *gid_map;
    char *program, *program_options;
};
/* The same, borrowed. */
struct storage_mount;
void plan_mount_get(const struct plan_mount *p, struct storage_mount *ret);
void plan_mount_done(struct plan_mount *p);
#define AUTO_PLAN_MOUNT __attribute__((cleanup(plan_mount_done)))

/* The same order as container/spec.h's enum restart_policy. */
enum plan_restart { PLAN_RESTART_NO, PLAN_RESTART_ON_FAILURE, PLAN_RESTART_ALWAYS, PLAN_RESTART_UNLESS_STOPPED };

/* What becomes of a container that is unhealthy. */
enum plan_health_action { PLAN_HEALTH_NONE, PLAN_HEALTH_KILL, PLAN_HEALTH_RESTART, PLAN_HEALTH_STOP };

/* Checks of its health (health.h). Their processes are files in the private directory. */
struct plan_health {
    bool enabled;
    int64_t interval_nsec; /* 0: only when asked for */
    int64_t timeout_nsec, start_period_nsec;
    uint32_t retries, on_failure;
    bool startup; /* another check that goes before */
    int64_t startup_interval_nsec, startup_timeout_nsec;
    uint32_t startup_retries;   /* then it is restarted; 0: never */
    uint32_t startup_successes; /* that it takes; 0: one */
    char *log_file;             /* absolute, owned; NULL: <container_dir>/health */
    uint32_t log_max;           /* results that are kept; 0: as many as fit (health_log.h) */
    uint32_t output_max;        /* bytes of each one's output; 0: as above */
    bool no_events, log_events; /* without an event for each result; with its output in there */
};
void plan_health_done(struct plan_health *h);

/* Who says that a service is ready: the container itself, by a socket of the monitor's; its health; its starter. */
enum plan_notify { PLAN_NOTIFY_STARTER, PLAN_NOTIFY_CONTAINER, PLAN_NOTIFY_HEALTHY };

struct monitor_plan {
    char *id, *name;
    char *run_dir;             /* the session's transient directory; the monitor makes containers/<id>/ in it */
    char *session_dir;         /* for session_connect(); NULL: no holder (tests) */
    char *container_dir;       /* durable; gets `exit`, and ctr.log unless log_path says otherwise */
    char *bundle;              /* directory of config.json; NULL: the private directory (second fd of MOUNTED) */
    char *runtime;             /* absolute path */
    struct strv runtime_flags; /* global ones, without their leading dashes */
    char *cgroup_manager;      /* "cgroupfs", "systemd", "disabled" (NULL) */
    char *cgroup_parent;       /* the slice of the container's scope, with "systemd"; NULL: user.slice */
    bool network;              /* what MONITOR_NETWORK began is wanted: config.json names its namespace */
    bool emulate_ids;          /* only one id is mapped: ids.h */
    bool no_keyring, no_pivot; /* --no-new-keyring and --no-pivot of the runtime */
    bool run_delete;           /* run `<runtime> delete` at the end: poststop hooks */

    struct plan_mount root;    /* mounted on <run_dir>/m/rootfs */
    struct plan_mount *mounts; /* mounted on <run_dir>/m/mounts/<index>: image mounts, :O volumes */
    size_t n_mounts;

    bool tty, interactive;  /* interactive: stdin stays open; else it is /dev/null */
    uint32_t rows, cols;    /* first size of the terminal; 0: unknown */
    char *log_driver;       /* k8s-file (NULL, also json-file), journald, none, passthrough */
    char *log_path;         /* NULL: <container_dir>/ctr.log */
    char *log_tag;          /* journald: CONTAINER_TAG */
    uint64_t log_max_bytes; /* 0: no limit; else one old file is kept as <path>.1 */
    uint32_t preserve_fds;  /* that many descriptors from 3 on of the starting client reach the container */

    uint32_t restart;          /* enum plan_restart */
    uint32_t restart_max;      /* on-failure:N; 0: no limit */
    uint32_t restart_count;    /* so far */
    uint32_t stop_signal;      /* 0: SIGTERM */
    int64_t stop_timeout_nsec; /* then SIGKILL */
    int64_t timeout_nsec;      /* --timeout; 0: none */
    struct plan_health health;
    char *pidfile; /* absolute; gets the container's pid */

    char *notify_socket; /* of a service manager, for NOTIFY_SOCKET (notify.h); NULL: none */
    uint32_t notify;     /* enum plan_notify */

    struct strv exit_command; /* argv; run at the end when no client said MONITOR_CLEANED; empty: nothing */
    bool hold;                /* the first run is initialized only: MONITOR_GO lets it go on */
    bool foreground;          /* the starting client means to say MONITOR_CLEANED, so wait for it a little */
    bool auto_remove;         /* --rm: the exit file is only written for the exit command */
};

void plan_done(struct monitor_plan *p);
#define AUTO_PLAN __attribute__((cleanup(plan_done)))
struct err *plan_encode(const struct monitor_plan *p, struct strbuf *ret) ERR_RESULT;
/* ERR_CORRUPT for what is no plan, ERR_INVALID for one that cannot be right (no id, a relative path, tty together with
 * passthrough …). */
struct err *plan_decode(const void *data, size_t len, struct monitor_plan *ret) ERR_RESULT;
struct err *plan_check(const struct monitor_plan *p) ERR_RESULT;
/* The part that is known before the rest: id, run_dir, runtime, runtime_flags, cgroup_manager, tty and interactive. */
struct err *plan_encode_early(const struct monitor_plan *p, struct strbuf *ret) ERR_RESULT;
struct err *plan_decode_early(const void *data, size_t len, struct monitor_plan *ret) ERR_RESULT;
/* True when a runtime that was started for the early part serves this plan. */
bool plan_matches_early(const struct monitor_plan *p, const struct monitor_plan *early);

/* What `update` changes of a running container. */
struct plan_update {
    bool set_restart, set_health;
    uint32_t restart, restart_max;
    struct plan_health health;
};
void plan_update_done(struct plan_update *u);
#define AUTO_PLAN_UPDATE __attribute__((cleanup(plan_update_done)))
struct err *plan_update_encode(const struct plan_update *u, struct strbuf *ret) ERR_RESULT;
struct err *plan_update_decode(const void *data, size_t len, struct plan_update *ret) ERR_RESULT;

/* `exec`: the process comes as a descriptor of a file with an OCI process object (any length). */
struct monitor_exec {
    char *id; /* 1 to 64 hex digits, not in use; other requests name the session by it */
    bool tty, interactive;
    bool attach;                         /* the requesting connection is attached from the first byte on */
    bool no_stdin, no_stdout, no_stderr; /* of that connection */
    uint32_t rows, cols;
    uint32_t preserve_fds; /* descriptors behind process.json in the message */
};
void plan_exec_done(struct monitor_exec *x);
struct err *plan_exec_encode(const struct monitor_exec *x, struct strbuf *ret) ERR_RESULT;
struct err *plan_exec_decode(const void *data, size_t len, struct monitor_exec *ret) ERR_RESULT;
