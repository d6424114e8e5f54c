/* One run of the OCI runtime: `run` for the container (or `create` and, later, `start`), `exec` for another process,
 * `delete` at the end. */
#pragma once

#include "base/proc.h"
#include "engine/monitor/job.h"
#include "engine/monitor/server.h"

enum launch_what { LAUNCH_RUN, LAUNCH_GO, LAUNCH_EXEC, LAUNCH_DELETE, LAUNCH_UPDATE };

struct launch {
    struct launch *next;
    struct server *server;
    enum launch_what what;
    struct job *job;          /* NULL for start, delete and update */
    struct peer *requester;   /* of exec; NULL when it has gone */
    struct monitor_exec exec; /* of exec */
    struct proc runtime;
    int process_fd;  /* of exec: process.json, of update: resources; read by the runtime through our /proc/PID/fd */
    unsigned serial; /* in the names of its files in the private directory */
    int console_fd;  /* listens for the terminal; -1: none */
    struct loop_source *console_src, *watch_src;
    bool suspect, stuck; /* stuck.c */
};

/* Start it. On failure nothing is left of it (a job that was made stays). `ret` may be NULL; it is the server's. */
struct err *launch_run(struct server *s, struct job *j, struct launch **ret) ERR_RESULT;
/* By the program's name, so "crun" is /opt/crun-1.20 as well. */
bool launch_runtime_is(const struct server *s, const char *name);
/* Takes the contents of `x`; `process_fd` and `preserve` are borrowed. */
struct err *launch_exec(struct server *s, struct job *j, struct monitor_exec *take_x, struct peer *requester,
                        int process_fd, const int *preserve) ERR_RESULT;
/* The runtime's `start`, for what it has only created. */
struct err *launch_go(struct server *s) ERR_RESULT;
struct err *launch_delete(struct server *s) ERR_RESULT;
/* Other limits; the requester is told the outcome. The descriptor is borrowed. */
struct err *launch_update(struct server *s, struct peer *requester, int resources_fd) ERR_RESULT;
/* The runtime was reaped: success makes the job start, failure is told to whom it concerns. Frees the launch. */
struct err *launch_ended(struct launch *l, int status) ERR_RESULT;
/* A peer goes away. */
void launch_forget_peer(struct server *s, const struct peer *p);
void launch_free(struct launch *l);

/* stuck.c: kill a runtime that will never end. */
struct err *launch_watch(struct launch *l) ERR_RESULT;

/* runtime_error.c: what the runtime's words mean. `name` is the runtime's. Computes only. */
struct err *runtime_error(const char *name, const char *text) ERR_RESULT;
/* The last "error" message in a log that was written with --log-format json; heap, or NULL. */
struct err *runtime_error_from_log(const char *log, char **ret) ERR_RESULT;

/* console.c: the terminal arrives over a Unix socket (the OCI runtimes' --console-socket; runtime_socket.h). Take
 * one connection and its descriptor; -1 when none has come. */
struct err *console_receive(int listen_fd, int *ret_master) ERR_RESULT;
