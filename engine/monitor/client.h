/* The client side of coracle-monitor: start one, find a running one, ask it things.
 *
 * Runs in the session's namespaces (after session_enter). A connection is one SOCK_SEQPACKET socket; calls block, one
 * at a time. Starting goes in three steps, so that the caller can work while the monitor mounts:
 *
 *     monitor_start()          spawns coracle-monitor and hands it the plan; returns at once
 *     monitor_wait_mounted()   the root is mounted; look up users in it, write config.json
 *     monitor_launch()         runs the container; returns when its process exists
 *
 * and then monitor_attach() (attach.h) or monitor_free(). If the caller dies before monitor_launch() the monitor
 * goes away; afterwards the container runs on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "engine/monitor/plan.h"
#include "engine/monitor/protocol.h"

struct monitor;
struct monitor_network;
struct monitor_port_change;
struct monitor_publish;

struct monitor_start_opts {
    const struct monitor_plan *plan;
    int session_lock_fd;                   /* inherited, so that the session lives as long as the monitor; -1: none */
    const int *stdio;                      /* log driver passthrough: three descriptors; NULL: 0, 1, 2 */
    const int *preserve;                   /* plan->preserve_fds descriptors; NULL: 3 and the following */
    const char *helper;                    /* path of coracle-monitor; NULL: proc_find_helper() */
    const struct monitor_network *network; /* netplan.h; NULL: none of its own */
    const char *uid_map, *gid_map;         /* of the user namespace that owns the network; NULL: the session's */
    int userns_fd;                         /* that of another container, instead of maps; 0: none */
    const struct monitor_publish *publish;
    size_t n_publish;
    const struct strbuf *joins; /* named networks, network->joins of them: netplan_encode_join() */
    struct monitor *take_spare; /* from monitor_spare() with the same lock, or NULL; consumed in every case */
};
/* Start coracle-monitor ahead of its plan: by the time that is ready it is loaded, in its own namespaces, has the lock
 * of container `early->id`, and the OCI runtime waits in it for a config.json. `early`: see plan_encode_early().
 * `network`: its network, if that is known already, which takes longest to come up; or NULL. Leaves
 * with monitor_free() when it is not used. */
struct err *monitor_spare(int session_lock_fd, const struct monitor_plan *early, const struct monitor_network *network,
                          struct monitor **ret) ERR_RESULT;
struct err *monitor_start(const struct monitor_start_opts *opts, struct monitor **ret) ERR_RESULT;
/* Descriptors (O_PATH) of the mounted root and of the monitor's private directory (where MONITOR_CONFIG is written if
 * the plan has no bundle); either may be NULL. ERR_STATE: the container runs already. */
struct err *monitor_wait_mounted(struct monitor *m, int *ret_root_fd, int *ret_private_fd) ERR_RESULT;
/* Have it attach us (`attach` may be NULL) and run; monitor_wait_started() must follow. */
struct err *monitor_launch(struct monitor *m, const struct monitor_attach *attach) ERR_RESULT;
/* The same for one that was launched with the plan's `hold`, by whoever is connected. */
struct err *monitor_go(struct monitor *m, const struct monitor_attach *attach) ERR_RESULT;
/* `attached`: as it was asked for. Errors of the runtime arrive as ERR_NO_COMMAND and ERR_CANNOT_EXEC. */
struct err *monitor_wait_started(struct monitor *m, bool attached, struct monitor_started *ret) ERR_RESULT;
/* The exit was recorded: the monitor needs no exit command. `erase`: the container is gone from the store, and the
 * monitor removes its directory in its own time. */
struct err *monitor_cleaned(struct monitor *m, bool erase) ERR_RESULT;

/* To the monitor of a running container. ERR_STATE when there is none, or it is on its way out. */
struct err *monitor_connect(const char *run_dir, const char *id, struct monitor **ret) ERR_RESULT;
void monitor_free(struct monitor *m);
int monitor_fd(const struct monitor *m);
/* Of a monitor that this process started, which it holds by a pidfd; else 0. */
pid_t monitor_pid(const struct monitor *m);

/* Requests. Each needs a connection that is not attached. */
struct err *monitor_kill(struct monitor *m, int sig) ERR_RESULT;
/* Check its health now. */
struct err *monitor_check_health(struct monitor *m, struct monitor_health_result *ret) ERR_RESULT;
/* Other settings. fds: resources, process of the health check and of the startup check; -1: none. */
struct err *monitor_update(struct monitor *m, const struct plan_update *u, const int fds[3]) ERR_RESULT;
/* *ret_signals: there was no freezer. */
struct err *monitor_pause(struct monitor *m, bool on, bool *ret_signals) ERR_RESULT;
/* Returns when it has stopped. timeout_nsec -1 and sig 0: the plan's. */
struct err *monitor_stop(struct monitor *m, int sig, int64_t timeout_nsec, struct monitor_exit *ret) ERR_RESULT;
/* The same in two steps, for several at once. */
struct err *monitor_begin_stop(struct monitor *m, int sig, int64_t timeout_nsec) ERR_RESULT;
struct err *monitor_end_stop(struct monitor *m, struct monitor_exit *ret) ERR_RESULT;
/* The same, and returns when it runs again. */
struct err *monitor_restart(struct monitor *m, int64_t timeout_nsec, struct monitor_started *ret) ERR_RESULT;
/* Until the container (job NULL) or an exec session has ended for good. */
struct err *monitor_wait(struct monitor *m, const char *job, struct monitor_exit *ret) ERR_RESULT;
/* *ret_execs is a heap array; may be NULL. */
struct err *monitor_query(struct monitor *m, struct monitor_state *ret, struct monitor_exec_state **ret_execs,
                          size_t *ret_count) ERR_RESULT;
/* Mount namespace of the monitor, root (O_PATH), pidfd of the container (-1 while it restarts). */
struct monitor_namespaces {
    int mntns_fd, root_fd, pidfd;
};
struct err *monitor_namespaces(struct monitor *m, struct monitor_namespaces *ret) ERR_RESULT;
/* Publish more or fewer ports. Errors as network_change() (network.h) makes them. */
struct err *monitor_change_port(struct monitor *m, const struct monitor_port_change *change) ERR_RESULT;
/* Named networks of a running container: one more, or other names in one that it has (`join` encoded by
 * netplan_encode_join()); one less, by the network's id; all anew. ERR_STATE: the container has no such network, or
 * none at all and cannot get one. */
struct err *monitor_join(struct monitor *m, const struct strbuf *join) ERR_RESULT;
struct err *monitor_leave(struct monitor *m, const char *network_id) ERR_RESULT;
struct err *monitor_reload(struct monitor *m) ERR_RESULT;
struct err *monitor_reopen_log(struct monitor *m) ERR_RESULT;
/* Run another process. `process_fd`: a file (memfd) with the OCI process object; `preserve` x->preserve_fds
 * descriptors. When x->attach is set the connection is attached afterwards: go on with monitor_attach(). */
struct err *monitor_exec(struct monitor *m, const struct monitor_exec *x, int process_fd, const int *preserve,
                         struct monitor_started *ret) ERR_RESULT;
/* Attach to the container ("") or an exec session; then monitor_attach() of attach.h. */
struct err *monitor_request_attach(struct monitor *m, const struct monitor_attach *a) ERR_RESULT;

/* Without a conversation: is it running (its monitor holds the lock), and since when? phase MONITOR_PHASE_NONE: no.
 * Fails only where the lock cannot be read. */
struct err *monitor_peek(const char *run_dir, const char *id, struct monitor_state *ret) ERR_RESULT;
/* After a monitor that was killed: kill processes of the container that survived it (found by its id in their mount
 * tables), remove its directory below run_dir and its cgroup. Nothing happens while a monitor lives (ERR_STATE), or
 * when nothing is left. */
struct err *monitor_clear_leftovers(const char *run_dir, const char *id) ERR_RESULT;
