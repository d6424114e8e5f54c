/* A monitor's side of a network's hub: find it or start it, and ask. Needs base/ alone. */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "slirp/hub_control.h"

#define HUB_DIR "networks" /* below the session's run_dir; in it a directory for each network, by its id */
#define HUB_LOCK "lock"    /* in that: see hub.h */
#define HUB_SOCKET "socket"

struct hub_connect {
    const char *run_dir;
    const char *network; /* its id */
    const struct slirp_config *config;
    const char *resolv; /* the network's own resolvers, "" for the host's */
    int mntns_fd;       /* of the session, where the hub is to live; borrowed */
    int netns_fd;       /* what an earlier hub has left, or -1; borrowed */
};
/* A connection to the hub, which may be about to be set up: what is sent meanwhile waits. *ret_started: the pid of a
 * hub that had to be started, a child of ours that ends when it likes and is not to be killed; 0: there was one. */
struct err *hub_connect(const struct hub_connect *o, int *ret_sock, pid_t *ret_started) ERR_RESULT;
/* HUB_JOIN. Its answer is one message; hub_client_answer(). */
struct err *hub_client_join(int sock, const struct hub_join *join, const char *names, const char *resolv, int netns_fd,
                            int route_fd) ERR_RESULT;
/* HUB_JOINED (*ret_netns is the caller's) or HUB_LEFT (*ret_netns stays), within `timeout_msec` (-1: it is there
 * already). The hub's own error if it says HUB_FAILED; ERR_NETWORK with errno ECONNRESET: it has ended. */
struct err *hub_client_answer(int sock, int timeout_msec, int *ret_netns) ERR_RESULT;
