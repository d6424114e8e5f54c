/* A connected client.
 *
 * Sending never blocks: what the socket doesn't take at once waits in the peer's queue. While output waits there, the
 * streams of the job that it is attached to are not read (job_update), so the queue stays short; a peer whose queue
 * grows all the same is dropped. A peer that cannot be reached is only marked here, and freed by its own callback.
 */
#pragma once

#include "engine/monitor/server.h"

struct frame;

struct peer {
    struct peer *next;
    struct server *server;
    int fd;
    struct loop_source *src;
    struct frame *first, *last; /* waiting to be sent */
    size_t n_frames;
    bool broken;          /* gone; our callback will free it */
    struct job *attached; /* output goes here */
    struct job *waiting;  /* an exec session whose end it wants to hear of */
    bool waiting_start;   /* MONITOR_RESTART: the next run's beginning */
    bool waiting_end;     /* ... or the container's, for good */
    bool waiting_health;  /* ... or of the probe at work */
    bool want_stdout, want_stderr;
    bool attach_asked; /* attach as soon as the container has started */
    struct monitor_attach attach;
};

/* Takes the descriptor. */
struct err *peer_add(struct server *s, int take_fd, struct peer **ret) ERR_RESULT;
void peer_send(struct peer *p, uint32_t type, const void *data, size_t len, const int *fds, size_t n_fds);
/* Drop it; its callback frees it soon. */
void peer_break(struct peer *p);
void peer_send_error(struct peer *p, struct err *take_e);
bool peer_is_blocked(const struct peer *p);
/* At the end: no callbacks any more. */
void peer_free_all(struct server *s);
struct err *peer_listen(struct server *s) ERR_RESULT;
/* Stop accepting. */
void peer_unlisten(struct server *s);

struct msg;
/* request.c: one message. False: it makes no sense, drop the peer. */
bool request_handle(struct peer *p, struct msg *m);
/* Attach `p` to a job that runs, and say so. */
void request_attach(struct peer *p, struct job *j, const struct monitor_attach *a);
