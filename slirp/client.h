/* The client side of coracle-slirp, for coracle-monitor and tests. Needs base/ alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/proc.h"
#include "slirp/control.h"

struct slirp_client {
    struct proc proc; /* coracle-slirp; owned */
    int sock;         /* the control connection; readable also when coracle-slirp has ended */
};
#define SLIRP_CLIENT_INIT             \
    {                                 \
        .proc = PROC_INIT, .sock = -1 \
    }

/* Start the program and send SLIRP_START, without waiting for anything. netns_fd and userns_fd may be -1 (borrowed);
 * `dns` is text in resolv.conf's form, NULL for the host's file. */
struct err *slirp_client_start(struct slirp_client *c, const struct slirp_config *config, const char *dns, bool watch,
                               int netns_fd, int userns_fd) ERR_RESULT;
/* The same for published ports alone: config says whose addresses they lead to. */
struct err *slirp_client_start_ports(struct slirp_client *c, const struct slirp_config *config) ERR_RESULT;
/* Wait until the namespace is configured. *ret_netns is owned by the caller. */
struct err *slirp_client_ready(struct slirp_client *c, int *ret_netns) ERR_RESULT;
/* sock: the bound socket, borrowed, or -1: it is made from `port`. */
struct err *slirp_client_port_add(struct slirp_client *c, const struct slirp_port *port, int sock) ERR_RESULT;
struct err *slirp_client_port_remove(struct slirp_client *c, const struct slirp_port *port) ERR_RESULT;
/* *ret is a heap array of *ret_n. */
struct err *slirp_client_port_list(struct slirp_client *c, struct slirp_port **ret, size_t *ret_n) ERR_RESULT;
/* Ends coracle-slirp; -1 and no process are accepted. */
void slirp_client_done(struct slirp_client *c);
