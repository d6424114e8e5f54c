/* A process in the container, with its streams: the container's own (server->container), or one of exec. */
#pragma once

#include "engine/monitor/server.h"

/* The reading end of a job's pipe or terminal. */
struct stream {
    struct job *job;
    int fd;                  /* -1: ended, or never was */
    struct loop_source *src; /* NULL while reading is paused */
    uint32_t msg_type;       /* MONITOR_OUTPUT or MONITOR_ERROR_OUTPUT */
    enum ctlog_stream log_stream;
};

struct job {
    struct job *next;
    struct server *server;
    char id[MONITOR_ID_MAX + 1]; /* "": the container */
    bool tty, interactive;
    bool is_probe;          /* of health.c: nobody's exec session */
    int in_fd;              /* writing end of stdin; for a terminal the same as out.fd */
    struct stream out, err; /* a terminal only has out */
    pid_t pid;
    int pidfd;
    bool running;              /* between STARTED and its end */
    bool ended;                /* reaped */
    bool closed;               /* its streams are done as well, and its end was told */
    struct loop_source *grace; /* after its end: for what is still in the pipes */
    struct monitor_exit exit;
};

/* The container's ends of a job's streams, for the runtime. -1: /dev/null. */
struct job_stdio {
    int fds[3];
};
void job_stdio_done(struct job_stdio *io);

/* A new job in the server's list, without descriptors. */
struct err *job_new(struct server *s, const char *id, bool tty, bool interactive, struct job **ret) ERR_RESULT;
/* Make its pipes (not for terminals). */
struct err *job_open_pipes(struct job *j, struct job_stdio *ret) ERR_RESULT;
/* The terminal has arrived. */
void job_take_terminal(struct job *j, int take_master);
/* Its process exists; job_update() begins to read. `early`: it has been reaped already, job_ended() will follow. */
struct err *job_started(struct job *j, pid_t pid, bool early) ERR_RESULT;
/* Its process has ended with this wait status. */
void job_ended(struct job *j, int status);
/* Read or pause its streams, as its attached peers can take more or not; close it when all is done. */
void job_update(struct job *j);
/* MONITOR_EXITED to those who are attached or wait for this job. */
void job_tell_end(struct job *j);
struct job *job_find(struct server *s, const char *id);
/* Out of the list, closing everything. */
void job_free(struct job *j);
struct err *job_signal(const struct job *j, int sig) ERR_RESULT;
void job_resize(const struct job *j, struct monitor_size size);

/* stream.c */
struct err *stream_resume(struct stream *st) ERR_RESULT;
void stream_pause(struct stream *st);
void stream_close(struct stream *st);
/* Read what a failed runtime wrote, without waiting; NUL-terminated. */
void stream_drain_text(struct stream *st, char *buf, size_t cap);
