/* Containers: create, start, stop, remove, exec, attach, list, inspect, logs.
 *
 * A container is a row (what was asked for, what the last run left) and a directory; it is running exactly while its
 * monitor holds the lock <run_dir>/containers/<id>/lock. State is observed, never stored (DESIGN.md principle 3).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/strv.h"
#include "engine/container/spec.h"

struct engine;
struct monitor;

/* INITIALIZED: made by the runtime, and its command waits for the start. */
enum container_state { CT_CREATED, CT_RUNNING, CT_PAUSED, CT_STOPPING, CT_EXITED, CT_REMOVING, CT_INITIALIZED };
const char *container_state_name(enum container_state st); /* "created", "running", "paused", "stopping", "exited" … */

/* As enum monitor_health. */
enum container_health { CT_NO_HEALTH, CT_HEALTH_STARTING, CT_HEALTHY, CT_UNHEALTHY };
const char *container_health_name(enum container_health h); /* "", "starting", "healthy", "unhealthy" */

/* What of a start was not told as an event yet. */
enum { CT_ALL_TOLD, CT_INIT_UNTOLD = 1, CT_START_UNTOLD = 2, CT_ATTACH_UNTOLD = 4 };

struct container {
    char *id, *name;
    char *image_id;     /* NULL with --rootfs */
    char *image_origin; /* where that is, when not in our own store (struct image); or NULL */
    char *image_name;
    char *command; /* as listings show it */
    char *publish; /* published ports, a JSON array of texts as in the specification; NULL: none. In a pod: the pod's */
    char *pod_id, *pod_name; /* NULL: in none */
    bool is_infra;           /* holds the pod's namespaces */
    int64_t created_nsec, started_nsec, finished_nsec;
    enum container_state state;
    enum container_health health; /* of a running one */
    int exit_code;
    bool oom_killed;
    bool auto_remove; /* --rm */
    int restart_count;
    pid_t host_pid; /* of the container's first process, seen from the session; 0 when not running */
    char *error;
    char *spec_json;            /* filled by container_find and when list asked for it */
    struct container_spec spec; /* parsed from spec_json; see has_spec */
    bool has_spec;
    bool gone;                   /* observing found its run over and, as --rm asked for, removed it */
    struct container_read *read; /* what its creation has read of the image, for its start; or NULL */
    unsigned untold;             /* events that come with the next transaction */
    int lock_fd;                 /* this process is creating or starting it; -1: no */
    struct engine *engine;       /* that lock_fd belongs to */
};
/* Running, paused, stopping or initialized: it has a monitor. */
bool container_is_live(const struct container *c);
void container_free(struct container *c);

/* What listings call the image of what needs none (spec.h, pause). */
#define CONTAINER_PAUSE_NAME "localhost/coracle-pause:" CORACLE_VERSION

/* By name, id, or unique id prefix. ERR_NOT_FOUND: `no container with name or ID "X" found: no such container`. */
struct err *container_find(struct engine *e, const char *name, struct container **ret) ERR_RESULT;

/* Its published ports, or those of the pod whose network it shares, as in the specification. */
struct err *container_published(const struct container *c, struct strv *ret) ERR_RESULT;

/* Load and parse the specification when it isn't there. */
struct err *container_load_spec(struct engine *e, struct container *c) ERR_RESULT;

/* early.c: what can be said of a container before anything is looked up. False: its monitor has to wait for more. */
struct engine_start;
bool container_starts_early(const struct container_spec *s, struct engine_start *ret);

/* Takes nothing from `spec`. Finds the image, checks names, creates volumes, writes row and directory. */
struct err *container_create(struct engine *e, const struct container_spec *spec, struct container **ret) ERR_RESULT;

/* How the caller's terminal is connected. */
struct attach_opts {
    bool no_stdin, no_stdout, no_stderr;
    int in_fd, out_fd, err_fd; /* borrowed */
    const char *detach_keys;   /* NULL: ctrl-p,ctrl-q; "" : none */
    bool sig_proxy;
    bool logs_first; /* start -a: nothing is lost between start and attach */
};
struct container_start_opts {
    bool attach;
    struct attach_opts io; /* when attach */
    bool remove_after;     /* run --rm in the foreground: the row is gone when this returns */
    bool hold;             /* until a later start it stays initialized; not with attach */
    int pidfile_fd; /* > 0: --pidfile, opened before the session was entered, which may lack the right to; borrowed */
};
/* One line for each need of the ladder (rootless/ladder.h) that this container has: the rung it gets here, what that
 * costs. What was not known is tried now, and a start heeds it. Before the start. */
struct err *container_explain(struct engine *e, struct container *c, struct strv *ret_lines) ERR_RESULT;
/* ret_exit (attach only): the container's exit code, or -1 when detached. Errors of the runtime arrive as
 * ERR_NO_COMMAND (127) and ERR_CANNOT_EXEC (126). */
struct err *container_start(struct engine *e, struct container *c, const struct container_start_opts *opts,
                            int *ret_exit) ERR_RESULT;
/* Have the runtime make it, without running its command. ERR_STATE in Podman's words. */
struct err *container_init(struct engine *e, struct container *c) ERR_RESULT;
struct err *container_attach(struct engine *e, struct container *c, const struct attach_opts *io,
                             int *ret_exit) ERR_RESULT;
/* timeout_sec -1: the container's own. ERR_STATE when it isn't running (callers decide whether that matters). */
struct err *container_stop(struct engine *e, struct container *c, int64_t timeout_sec) ERR_RESULT;
/* Several at once. Those that don't run are stopped already. `even_paused`: going on first, for what is removed. */
struct err *container_stop_all(struct engine *e, struct container *const *list, size_t n, int64_t timeout_sec,
                               bool even_paused) ERR_RESULT;
/* Freeze all its processes, or let them go on; a notice tells where that had to be done by signals. ERR_STATE in
 * Podman's words. */
struct err *container_pause(struct engine *e, struct container *c) ERR_RESULT;
struct err *container_unpause(struct engine *e, struct container *c) ERR_RESULT;
/* Check its health now. ERR_NOT_FOUND: it has no check. */
struct err *container_check_health(struct engine *e, struct container *c, bool *ret_ok) ERR_RESULT;
struct err *container_kill(struct engine *e, struct container *c, int sig) ERR_RESULT;
struct err *container_restart(struct engine *e, struct container *c, int64_t timeout_sec) ERR_RESULT;
struct container_remove_opts {
    bool force, volumes, depend;
    bool with_pod;       /* an infra container goes, and its pod with it; else ERR_DENIED */
    int64_t timeout_sec; /* -1: its own */
};
struct err *container_remove(struct engine *e, struct container *c,
                             const struct container_remove_opts *opts) ERR_RESULT;
/* Containers that need this one (--network container:…), as ids. */
struct err *container_dependents(struct engine *e, const char *id, struct strv *ret_ids) ERR_RESULT;
/* Until it has stopped; the exit code. */
struct err *container_wait(struct engine *e, struct container *c, int *ret_exit) ERR_RESULT;
/* Until `reached` says so of the container, which it is asked at first and whenever something has changed. By id.
 * ERR_NOT_FOUND when it is removed meanwhile. */
struct err *container_wait_until(struct engine *e, const char *id,
                                 bool (*reached)(const void *arg, const struct container *c),
                                 const void *arg) ERR_RESULT;
/* A specification for one more such container, without a name and with other addresses; of another image where `image`
 * is not NULL. *ret is initialised. */
struct err *container_clone_spec(struct engine *e, struct container *c, const char *image,
                                 struct container_spec *ret) ERR_RESULT;
/* Put it into `pod` instead of the one that it is in. `same_shares`: that one is a copy of the old one. */
struct err *container_clone_to_pod(struct engine *e, const char *pod, bool same_shares,
                                   struct container_spec *s) ERR_RESULT;
/* NAME-clone, NAME-clone1 …: the first that nobody has. */
struct err *container_clone_name(struct engine *e, const char *name, char **ret) ERR_RESULT;
/* "adjective_surname", not in use by a container or a pod. */
struct err *container_random_name(struct engine *e, char **ret) ERR_RESULT;
struct err *container_rename(struct engine *e, struct container *c, const char *new_name) ERR_RESULT;

/* The health check that holds for it, as JSON text (healthcheck.h); NULL: none. */
struct err *container_healthcheck(struct engine *e, struct container *c, char **ret_json) ERR_RESULT;
struct container_changes { /* which parts of c->spec are new */
    bool resources, restart, health;
};
/* Keep c->spec, which the caller has changed; what runs is told. */
struct err *container_update(struct engine *e, struct container *c, const struct container_changes *changes) ERR_RESULT;

/* Publish `value` (as -p) as well, or no longer; of a running container at once. ERR_STATE: its network isn't its own.
 */
struct err *container_change_ports(struct engine *e, struct container *c, const char *value, bool add) ERR_RESULT;

/* Put it on a named network, or take it off; a running one gets or loses the interface at once. */
struct network;
struct network_attach;
struct err *container_connect(struct engine *e, struct container *c, const struct network *n,
                              const struct network_attach *a) ERR_RESULT;
struct err *container_disconnect(struct engine *e, struct container *c, const struct network *n, bool force) ERR_RESULT;
/* Make anew what is missing of a running one's networks. ERR_STATE when it doesn't run. */
struct err *container_reload_networks(struct engine *e, struct container *c) ERR_RESULT;
/* The network's resolvers have changed: its running containers' monitors are told. */
struct err *container_tell_network(struct engine *e, const struct network *n) ERR_RESULT;

struct exec_opts {
    struct strv command, env;
    const char *user, *workdir, *detach_keys, *cidfile;
    bool tty, interactive, detach, privileged;
    uint32_t preserve_fds;
    struct strv preserve_fd; /* numbers: of these alone */
    struct attach_opts io;
};
/* ret_exit: the command's exit code; ret_id: session id (detach prints it). Either may be NULL. */
struct err *container_exec(struct engine *e, struct container *c, const struct exec_opts *opts, int *ret_exit,
                           char **ret_id) ERR_RESULT;

struct container_list_opts {
    bool all; /* else running ones */
    int last; /* -n; 0: no limit */
    bool latest;
    struct strv filters; /* id=, name=, label=, exited=, status=, ancestor=, before=, since=, volume=, network=,
                            health=, pod=, until= */
    bool with_spec, with_size;
};
struct err *container_list(struct engine *e, const struct container_list_opts *opts, struct container ***ret,
                           size_t *ret_count) ERR_RESULT;
void container_list_free(struct container **list, size_t count);
/* Writable layer and everything below it. */
struct err *container_size(struct engine *e, const struct container *c, uint64_t *ret_rw,
                           uint64_t *ret_root) ERR_RESULT;
/* Podman's `container inspect` object, as JSON text. */
struct err *container_inspect(struct engine *e, struct container *c, bool size, char **ret_json) ERR_RESULT;
/* What killed commands left in the session of containers that never came to be. */
struct err *container_clear_strangers(struct engine *e) ERR_RESULT;
/* Remove stopped ones; *ret_ids the removed. */
struct err *container_prune(struct engine *e, const struct strv *filters, struct strv *ret_ids,
                            uint64_t *ret_bytes) ERR_RESULT;
/* What the monitor's exit command and `container cleanup` do: record the exit, honour --rm. `image`: remove
 * the image too, by the name that it was run by, unless others use it. */
struct err *container_cleanup(struct engine *e, struct container *c, bool remove, bool image) ERR_RESULT;
/* The same for the whole id of a container whose row is gone: whoever removed it could not tell its monitor, or was
 * killed before the directory went. *ret_done: there is no such row, and no directory now. */
struct err *container_cleanup_directory(struct engine *e, const char *id, bool *ret_done) ERR_RESULT;

struct image;
struct tree_changes;
/* What was changed since it was made of its image (engine/image/treediff.h). */
struct err *container_diff(struct engine *e, struct container *c, struct tree_changes *ret) ERR_RESULT;
/* What makes one of the other, each a container or an image. Walks both. */
struct diff_side {
    struct container *container;
    const struct image *image; /* when container is NULL */
};
struct err *container_diff_between(struct engine *e, const struct diff_side *side, const struct diff_side *old,
                                   struct tree_changes *ret) ERR_RESULT;
/* Its root file system as a directory in the session's mount namespace, counted; mount.c. */
struct err *container_mount(struct engine *e, struct container *c, char **ret_path) ERR_RESULT;
/* Count one user less; the last one unmounts, or `force`. ERR_IN_USE. */
struct err *container_unmount(struct engine *e, const char *id, bool force, bool *ret_was) ERR_RESULT;
/* The same at a user's request, which is told as an event. */
struct err *container_unmount_user(struct engine *e, const struct container *c, bool force, bool *ret_was) ERR_RESULT;
/* Where it is; NULL: it isn't. */
struct err *container_mount_path(struct engine *e, const struct container *c, char **ret) ERR_RESULT;
/* Its root file system, without what is mounted there, as a tar into `fd`. */
struct err *container_export(struct engine *e, struct container *c, int fd) ERR_RESULT;
/* One end of a copy. */
struct copy_end {
    struct container *container; /* NULL: of the host */
    const char *path;            /* "x/." is what is in x */
    int stream_fd;               /* instead of a path of the host: a tar; -1: none */
};
struct container_copy_opts {
    struct copy_end from, to; /* one of them is in a container at least */
    bool archive;   /* into a container: it all belongs to the container's user; else to whom it belongs now */
    bool overwrite; /* directories by something else, and the reverse */
};
/* Files from, to, or between containers, with volumes and other mounts as the container sees them. Links on the way are
 * followed inside the container alone; what is copied to the host belongs to the user. */
struct err *container_copy(struct engine *e, const struct container_copy_opts *opts) ERR_RESULT;
enum commit_format { COMMIT_OCI, COMMIT_DOCKER };
struct container_commit_opts {
    const char *name; /* of the image, or NULL */
    const char *author, *message;
    struct strv changes; /* Containerfile instructions */
    enum commit_format format;
    bool pause, squash, include_volumes;
    void (*progress)(void *arg, const char *line); /* NULL: quiet */
    void *progress_arg;
};
/* A new image from what the container is now; its id. */
struct err *container_commit(struct engine *e, struct container *c, const struct container_commit_opts *opts,
                             char **ret_image_id) ERR_RESULT;

struct logs_opts {
    bool follow, timestamps;
    bool names, ids;                /* each line begins with the name, or the short id, of its container */
    const char *color;              /* escape sequence for its lines, or NULL */
    int64_t tail;                   /* -1: all */
    int64_t since_nsec, until_nsec; /* 0: none */
    int out_fd, err_fd;
};
struct err *container_logs(struct engine *e, struct container *c, const struct logs_opts *opts) ERR_RESULT;
