/* A connection, for the files of the client side. */
#pragma once

#include <stdbool.h>

#include "base/msg.h"
#include "base/proc.h"
#include "engine/monitor/client.h"

struct monitor {
    int sock;
    struct proc child; /* when we started it; it is not ours to kill */
    bool has_network;  /* it was told */
    bool attached;
    bool tty;
    int stdin_fd;
};

/* Send a request. A peer that is gone is no error yet: its last message, which is to be read next, says why. */
struct err *client_send(struct monitor *m, uint32_t type, const void *data, size_t len, const int *fds,
                        size_t n_fds) ERR_RESULT;
/* The next message. A MONITOR_FAILED becomes its error; the end of the connection ERR_NETWORK. */
struct err *client_recv(struct monitor *m, struct msg *ret) ERR_RESULT;
/* The next message, which must be `type` with a payload of at least `min` bytes. */
struct err *client_expect(struct monitor *m, uint32_t type, size_t min, struct msg *ret) ERR_RESULT;
/* Note what a MONITOR_ATTACHED brings. */
struct err *client_note_attached(struct monitor *m, struct msg *msg) ERR_RESULT;
