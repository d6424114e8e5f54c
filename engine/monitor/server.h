/* coracle-monitor from the inside.
 *
 * One process, one loop, one `struct server`. What it is made of, by file:
 *   setup        lock, namespaces, cgroup, mounts: once, before the loop
 *   peer         connections: messages in, a queue of messages out
 *   request      what each message does
 *   job          a process in the container with its streams: the container's own, or one of exec
 *   stream       one pipe or terminal of a job: to the log and to attached peers
 *   launch       one run of the OCI runtime, which makes a job's process
 *   early        the first of them, started before its config.json is there
 *   stuck        a runtime that waits for ever
 *   network      coracle-slirp and published ports; join: named networks
 *   ids          answers calls about user and group ids, where there is one: a process of its own (ids_*)
 *   reap         whose end SIGCHLD was about
 *   life         start, stop, restart, end
 *
 * Lifetimes: the server owns lists of peers, jobs and launches. A peer is only freed by its own callback (or at the
 * very end), a launch when its runtime has been reaped, a job never before its streams are closed. Callbacks return
 * errors only for what makes going on impossible; whatever a client, the container or the runtime does wrong is
 * answered.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/loop.h"
#include "engine/monitor/ctlog.h"
#include "engine/monitor/lockfile.h"
#include "engine/monitor/plan.h"
#include "engine/monitor/protocol.h"

struct server;
struct peer;
struct job;
struct launch;
struct network;
struct health;
struct ids_keep;

#define SERVER_ORPHANS_MAX 64
#define SERVER_NSEC_PER_MSEC UINT64_C(1000000)

/* A child that ended before anybody knew it: a container that was quicker than its runtime. */
struct orphan {
    pid_t pid;
    int status;
};

struct server {
    struct loop *loop;
    struct monitor_plan plan;
    struct lockfile lock;
    struct monitor_state state; /* as published in the lock file */

    int session_mntns_fd; /* the mount namespace we came from */
    int private_fd;       /* <run_dir>/m, a tmpfs that only we see */
    char *private_path;
    int root_fd; /* the mounted root */
    const char *cgroup_manager;
    char *cgroup; /* the container's own cgroup, ours to remove; or NULL */
    int oom_fd;
    int holder_fd; /* connection to the session's holder, or -1 */
    struct loop_source *holder_src;

    pid_t ids_pid; /* who answers for ids, a child of ours, or 0: ids.h */
    struct ids_keep *ids_keep;
    struct network *net; /* NULL: the runtime makes the namespace, or there is none */
    pid_t *hubs;         /* of named networks, that are children of ours: join.h */
    size_t n_hubs, cap_hubs;

    int listen_fd;
    struct loop_source *listen_src;
    struct peer *peers;
    size_t n_peers;
    struct peer *control; /* of the client that started us, while it is there */

    struct job *container; /* of the current run; also the head of jobs */
    struct job *jobs;
    size_t n_execs;
    struct launch *launches;
    struct launch *early; /* that one of them which waits for config.json; early.c */
    int early_fd;         /* the other end of what it reads */
    int sealed_fd;        /* the runtime's program (sealed.h), while it may be wanted again soon */
    bool early_useless;   /* it was started for another plan */
    bool start_asked;     /* while an early runtime that cannot be used comes to its end */
    unsigned launch_serial;
    struct orphan orphans[SERVER_ORPHANS_MAX];
    unsigned n_orphans;

    struct ctlog *log;
    struct loop_source *stop_timer, *timeout_timer, *restart_timer, *end_timer, *trim_timer;
    uint64_t restart_delay_nsec;
    bool started;       /* a first run succeeded */
    bool initialized;   /* the container waits for MONITOR_GO, with the plan's `hold` … */
    bool going;         /* … and the runtime is at it */
    bool by_user;       /* a client asked for its end */
    bool no_restart;    /* by_user, or we were told to end */
    bool timed_out;     /* --timeout */
    bool restart_asked; /* a client wants it stopped and started again */
    int notify_fd;      /* what the container calls NOTIFY_SOCKET; -1: none. notify.c */
    struct loop_source *notify_src;
    bool notified;                 /* that it is ready */
    struct health *health;         /* NULL until a run with checks */
    bool paused, paused_by_signal; /* freeze.c */
    pid_t *stopped_before;         /* ... by signal: these are left alone when it goes on */
    size_t n_stopped_before;
    bool stop_pending; /* asked for while the runtime was at work */
    bool recorded;     /* the exit record was written (or is not wanted) */
    struct monitor_stop stop;
    bool ending; /* the last run is over */
    bool unmounted;
    bool cleaned; /* a client has recorded the exit */
    bool erase;   /* and nothing refers to container_dir any more */
    char *error;  /* why a restart failed */
    char buf[MONITOR_OUTPUT_MAX];
};

/* setup.c; the struct starts zeroed */
void server_init(struct server *s);
struct err *server_setup(struct server *s, int control_fd) ERR_RESULT;
/* Unmount what the container used, as far as it goes. */
void server_unmount(struct server *s);
void server_done(struct server *s);
/* The loop, from the mounted root to the end. Takes the descriptor. */
struct err *server_run(struct server *s, int control_fd) ERR_RESULT;
/* The container has the starting client's own stdin, stdout and stderr. */
bool server_is_passthrough(const struct server *s);
/* In place of this process when nobody has recorded the exit: the plan's exit command. Returns only if that fails. */
void server_exec_exit_command(struct server *s);

/* The session's holder: holder.c */
void holder_connect(struct server *s);
void holder_register(struct server *s, int pidfd);
void holder_unregister(struct server *s);
/* True for a holder that we had to start: a child of ours that is none of the container's. */
bool holder_is_child(pid_t pid);
