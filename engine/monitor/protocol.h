/* What clients and coracle-monitor say to each other: base/msg messages over SOCK_SEQPACKET.
 *
 * The monitor listens on <run_dir>/containers/<id>/socket; the client that starts a container has one end of a
 * socketpair besides (the control connection, which then serves as any other). Payloads are the structs below or
 * text, native-endian, since both ends are this user's processes on one machine. The monitor never aborts on what it
 * receives: an unknown or malformed message closes that connection, and nothing else happens.
 *
 * Flow: output travels as messages; a client that doesn't read stops the reading of the container's pipe, so nothing
 * is lost and nothing piles up. Input does not pass through the monitor at all: who attaches with stdin receives the
 * writing end of the container's stdin pipe (or the terminal's master) and writes there itself.
 *
 * Programs use engine/monitor/client.h rather than these.
 */
#pragma once

#include <stdint.h>

/* Names below <run_dir>: the mount point of each monitor's private tmpfs (mounted in its own mount namespace only),
 * and what is in it. */
#define MONITOR_PRIVATE "m"
#define MONITOR_ROOTFS "m/rootfs" /* the container's root: config.json's root.path is <run_dir>/m/rootfs */
#define MONITOR_MOUNTS "m/mounts" /* the plan's other mounts: <run_dir>/m/mounts/<index> */
/* Where a client puts config.json before MONITOR_START, below <run_dir>/m, when the plan has no bundle. */
#define MONITOR_CONFIG "config.json.new"
#define MONITOR_CLIENTS_MAX 1024
#define MONITOR_EXECS_MAX 512 /* exec sessions at a time; finished ones are forgotten, the oldest first */
#define MONITOR_ID_MAX 64
#define MONITOR_OUTPUT_MAX (32u << 10) /* bytes in one MONITOR_OUTPUT */

enum monitor_msg {
    /* control connection, in this order */
    MONITOR_PLAN = 1, /* client → monitor: an encoded struct monitor_plan (plan.h); MONITOR_EARLY may come before */
    MONITOR_MOUNTED,  /* monitor → client; fds: O_PATH of the root, O_PATH of the private directory */
    MONITOR_START,    /* client → monitor: MONITOR_CONFIG is written: launch the runtime */
    MONITOR_STARTED,  /* monitor → client: struct monitor_started */
    MONITOR_FAILED,   /* monitor → client: err_encode()d error: the answer to what failed */
    MONITOR_EXITED,   /* monitor → attached and waiting clients: struct monitor_exit */
    MONITOR_CLEANED,  /* client → monitor: the exit was recorded: no exit command is needed; struct monitor_cleaned */
    /* any connection */
    MONITOR_ATTACH,       /* client → monitor: struct monitor_attach; reply MONITOR_ATTACHED or MONITOR_FAILED */
    MONITOR_ATTACHED,     /* monitor → client: struct monitor_attached; fd: stdin, when has_stdin */
    MONITOR_OUTPUT,       /* monitor → client: bytes of stdout, or of the terminal */
    MONITOR_ERROR_OUTPUT, /* monitor → client: bytes of stderr */
    MONITOR_END_INPUT,    /* client → monitor, attached: end of input; close the container's stdin */
    MONITOR_RESIZE,       /* client → monitor, attached: struct monitor_size; no reply */
    MONITOR_SIGNAL,       /* client → monitor, attached: uint32 signal for that process; no reply */
    MONITOR_KILL,         /* client → monitor: uint32 signal; reply MONITOR_OK or MONITOR_FAILED */
    MONITOR_STOP,         /* client → monitor: struct monitor_stop; reply MONITOR_EXITED when it has stopped */
    MONITOR_RESTART, /* client → monitor: struct monitor_stop; reply MONITOR_STARTED of the next run, or MONITOR_FAILED
                      */
    MONITOR_EXEC,    /* client → monitor: an encoded struct monitor_exec (plan.h); fds: process.json, preserved fds;
                        reply MONITOR_STARTED or MONITOR_FAILED; attached at once if it says so */
    MONITOR_STATE, /* client → monitor; reply MONITOR_STATE: struct monitor_state, then struct monitor_exec_state[] */
    MONITOR_WAIT,  /* client → monitor: payload "" or an exec session's id; reply MONITOR_EXITED when it has ended */
    MONITOR_NAMESPACES, /* client → monitor; reply MONITOR_NAMESPACES, fds: the monitor's mount namespace, O_PATH of the
                           root, pidfd of the container (missing while it restarts) */
    MONITOR_PORT, /* client → monitor: struct monitor_port_change (netplan.h); reply MONITOR_OK or MONITOR_FAILED */
    MONITOR_REOPEN_LOG, /* client → monitor: rotate now; reply MONITOR_OK or MONITOR_FAILED */
    MONITOR_OK,
    MONITOR_EARLY,   /* client → monitor, first on the control connection: what of the plan the runtime's command line
                        needs, plan_encode_early(); no reply */
    MONITOR_NETWORK, /* client → monitor, before the plan, if the container has a network of its own: struct
                        monitor_network, maps (netplan.h); no reply */
    MONITOR_PUBLISH, /* client → monitor, before the plan, if it has ports: struct monitor_publish[]; no reply */
    MONITOR_JOIN,    /* client → monitor, once for each named network: before the plan, no reply; later, reply
                        MONITOR_OK or MONITOR_FAILED: netplan_encode_join() */
    MONITOR_LEAVE,   /* client → monitor: struct monitor_leave (netplan.h); reply MONITOR_OK or MONITOR_FAILED */
    MONITOR_RELOAD,  /* client → monitor: make anew what is missing of its named networks; reply MONITOR_OK or
                        MONITOR_FAILED */
    MONITOR_HEALTH,  /* client → monitor: check its health now; reply MONITOR_HEALTH: struct monitor_health_result, or
                        MONITOR_FAILED */
    MONITOR_UPDATE, /* client → monitor: plan_update_encode(); fds: resources for the runtime (OCI JSON), the process of
                       a health check, of a startup check, /dev/null for none; reply MONITOR_OK or MONITOR_FAILED */
    MONITOR_PAUSE, /* client → monitor: uint32, 1 to pause, 0 to go on; reply MONITOR_OK with uint32: 1 when it was
                      paused by signals, or MONITOR_FAILED */
    MONITOR_GO, /* client → monitor: run the command of what is initialized, after MONITOR_ATTACH if the client wants
                   its streams; reply MONITOR_STARTED (then MONITOR_ATTACHED) or MONITOR_FAILED */
    MONITOR_MSG_MAX,
};

struct monitor_started {
    int64_t started_nsec;
    int32_t host_pid;
    int32_t pad;
};

struct monitor_exit {
    int64_t started_nsec, finished_nsec;
    int32_t exit_code;
    uint32_t oom_killed;
    uint32_t restart_count;
    uint32_t restarting; /* it will run again: nothing to record yet */
    uint32_t by_user;    /* stop or kill was asked for */
    uint32_t timed_out;  /* --timeout ended it */
};

struct monitor_cleaned {
    uint32_t erase; /* nothing refers to the container any more: remove container_dir once its root is unmounted */
};

struct monitor_size {
    uint16_t rows, cols;
};

struct monitor_attach {
    uint32_t no_stdin, no_stdout, no_stderr;
    struct monitor_size size;     /* of the client's terminal; 0: leave as it is */
    char job[MONITOR_ID_MAX + 1]; /* exec session; "": the container itself */
    char pad[3];
};

struct monitor_attached {
    uint32_t tty;
    uint32_t has_stdin;
};

struct monitor_stop {
    uint32_t signal; /* 0: the plan's */
    uint32_t pad;
    int64_t timeout_nsec; /* then SIGKILL; -1: the plan's */
};

enum monitor_phase {
    MONITOR_PHASE_NONE, /* no monitor: not running */
    MONITOR_PHASE_STARTING,
    MONITOR_PHASE_RUNNING,
    MONITOR_PHASE_STOPPING,
    MONITOR_PHASE_RESTARTING, /* ended, and waits for its next start */
    MONITOR_PHASE_EXITED,     /* ended for good; the monitor clears up */
    MONITOR_PHASE_PAUSED,
    MONITOR_PHASE_INITIALIZED, /* made by the runtime; its command waits for MONITOR_GO */
    MONITOR_PHASE_MAX,
};

enum monitor_health { MONITOR_HEALTH_NONE, MONITOR_HEALTH_STARTING, MONITOR_HEALTH_HEALTHY, MONITOR_HEALTH_UNHEALTHY };

/* Also the contents of the lock file, so that listings need no conversation: monitor_peek(). */
struct monitor_state {
    uint32_t phase; /* enum monitor_phase */
    int32_t host_pid;
    int32_t monitor_pid; /* for messages only */
    uint32_t restart_count;
    int64_t started_nsec;
    struct monitor_exit last; /* of the last run, when restart_count > 0 or phase is EXITED */
    uint32_t health;          /* enum monitor_health */
    uint32_t pad;
};

struct monitor_health_result {
    uint32_t status;   /* enum monitor_health, after the probe */
    int32_t exit_code; /* of the probe; -1: it took too long */
};

struct monitor_exec_state {
    char id[MONITOR_ID_MAX + 1];
    char pad[3];
    uint32_t running;
    int32_t host_pid;
    int32_t exit_code;
};
