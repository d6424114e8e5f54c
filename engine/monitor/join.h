/* The named networks of a container, from its monitor's side: a seat in the hub of each (slirp/hub.h), in the namespace
 * that the monitor has made for the container. A hub that was killed is started anew by whoever notices first, and the
 * seat is taken again.
 *
 * Hubs that we started are children of ours, and no business of ours: join_is_hub() keeps the reaper away from them,
 * and at our end they live on. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/msg.h"
#include "engine/monitor/netplan.h"

struct server;
struct join_set;

struct err *join_set_new(struct server *s, struct join_set **ret) ERR_RESULT;
/* Leaves all of them, without waiting. */
void join_set_free(struct join_set *js);
/* MONITOR_JOIN, before the start. */
struct err *join_add(struct join_set *js, const struct msg *m) ERR_RESULT;
size_t join_count(const struct join_set *js);
/* Make the container's namespace, in that user namespace (-1: ours), and ask for all seats, waiting for none. The
 * namespace is the caller's, who keeps it for as long as the set lives. */
struct err *join_start(struct join_set *js, int userns_fd, int *ret_netns) ERR_RESULT;
/* Wait until every interface is there; from then on the loop looks after them. */
struct err *join_wait(struct join_set *js) ERR_RESULT;
/* Of a container that runs; all wait for the hub. *ret_first: it was, or is, the first interface, that published ports
 * lead to. */
struct err *join_connect(struct join_set *js, const struct msg *m, bool *ret_first) ERR_RESULT;
struct err *join_leave(struct join_set *js, const char *network, bool *ret_first) ERR_RESULT;
struct err *join_reload(struct join_set *js) ERR_RESULT;
/* Addresses for published ports: those of the first network. False: there is none any more. */
bool join_ports_config(const struct join_set *js, struct slirp_config *ret);

/* A child of this monitor is the hub of a network; it has ended. */
bool join_is_hub(const struct server *s, pid_t pid);
void join_forget_hub(struct server *s, pid_t pid);
