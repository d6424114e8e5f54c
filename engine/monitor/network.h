/* The container's network, from its monitor's side: coracle-slirp, the maker of sockets, and the sockets of published
 * ports, which live here so that none is lost when coracle-slirp has to be started anew. All of it ends with the
 * monitor.
 *
 * A container on named networks has seats in their hubs instead (join.h); a coracle-slirp of its own carries published
 * ports, if there are any, and nothing else.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/msg.h"
#include "engine/monitor/netplan.h"

struct server;
struct network;

/* MONITOR_NETWORK: what it is to be. Sets s->net. */
struct err *network_begin(struct server *s, const struct msg *m) ERR_RESULT;
/* MONITOR_JOIN, as many as that has announced. */
struct err *network_join(struct server *s, const struct msg *m) ERR_RESULT;
/* Start coracle-slirp, or ask the hubs of named networks for seats once all are known, waiting for nothing, in our
 * cgroup: once we are where we shall stay. Does nothing without a network, or the second time. */
struct err *network_start(struct server *s) ERR_RESULT;
/* MONITOR_PUBLISH: an array of struct monitor_publish, kept until network_bind(). */
struct err *network_publish(struct server *s, const struct msg *m) ERR_RESULT;
/* Bind what is to be published: once it is certain that no other monitor runs this container. ERR_IN_USE, ERR_DENIED.
 */
struct err *network_bind(struct server *s) ERR_RESULT;
/* The network is up when this returns, and its namespace where config.json says. From the loop; does nothing the second
 * time, or without a network. */
struct err *network_up(struct server *s) ERR_RESULT;
/* Publish one more range, or one less, of a running container. ERR_IN_USE, ERR_NOT_FOUND, ERR_STATE: no network. */
struct err *network_change(struct server *s, const struct monitor_port_change *change) ERR_RESULT;
/* Named networks of a running container: MONITOR_JOIN, MONITOR_LEAVE, MONITOR_RELOAD. ERR_STATE: it was not started
 * with any. */
struct err *network_connect(struct server *s, const struct msg *m) ERR_RESULT;
struct err *network_leave(struct server *s, const char *network) ERR_RESULT;
struct err *network_reload(struct server *s) ERR_RESULT;
/* One of the network's processes. */
bool network_is_child(const struct server *s, pid_t pid);
/* Ends it; also where there is none. */
void network_end(struct server *s);

/* network_userns.c: a user namespace with these maps; nobody is in it. Needs CAP_SETUID and CAP_SETGID here. */
struct err *network_make_userns(const char *uid_map, const char *gid_map, int *ret_fd) ERR_RESULT;
