/* Containers on named networks: what the files that create, start and change them share. */
#pragma once

#include "base/strbuf.h"
#include "engine/container/container.h"
#include "engine/network/network.h"

struct container_networks {
    struct network **networks; /* n_networks, in the order of interfaces … */
    size_t n_networks;
    struct network_attach_list attach; /* … and how it is on each */
};
void container_networks_done(struct container_networks *w);
/* create_networks.c: look up what the specification names and empty that part of it; rows inside the caller's write
 * transaction. */
struct err *create_settle_networks(struct engine *e, struct container_spec *s,
                                   struct container_networks *ret) ERR_RESULT;
struct err *create_insert_networks(struct engine *e, const char *id, const struct container_networks *w) ERR_RESULT;
/* start_joins.c: its places in networks, with addresses; `starting`: its row says "running" from then on. */
struct err *container_lease(struct engine *e, const struct container *c, bool starting,
                            struct network_place_list *ret) ERR_RESULT;
/* For MONITOR_JOIN: the place `i` of all that the container has. */
struct err *container_encode_join(const struct container *c, const struct network *n,
                                  const struct network_place_list *places, size_t i, struct strbuf *ret) ERR_RESULT;
/* networks.c: the names that its networks know it by, after a change. */
struct err *container_tell_name(struct engine *e, const struct container *c) ERR_RESULT;
/* refresh_files.c: /etc/hosts and /etc/resolv.conf of a running one, after a change of its networks. */
struct err *container_refresh_files(struct engine *e, struct container *c) ERR_RESULT;
