/* What the files of this folder's part with the store share. */
#pragma once

#include "engine/network/network.h"
#include "engine/store/store.h"

#define IPAM_NONE "none"
#define IPAM_HOST_LOCAL "host-local"

/* In the order that network_from_row() reads. */
#define NETWORK_COLUMNS                                                                                          \
    "n.id, n.name, n.driver, n.interface, n.created_nsec, n.ipv6, n.internal, n.dns, n.subnets, n.dns_servers, " \
    "n.labels, n.options, n.routes, n.ipam, (SELECT count(*) FROM container_networks c WHERE c.network_id = n.id)"

/* The current row of a query for NETWORK_COLUMNS. */
struct err *network_from_row(struct store_stmt *st, struct network **ret) ERR_RESULT;
/* What interfaces and routes of this host use, added. (host_subnets.c) */
struct err *network_taken_by_host(struct network_taken *t) ERR_RESULT;

/* builtin.c: `podman`, described, but in no table. */
struct err *network_builtin(struct network **ret) ERR_RESULT;
bool network_is_builtin_id(const char *prefix);

/* definition.c: `network update`. ERR_INVALID for what is no address or not there. */
struct err *network_change_servers(const struct strv *now, const struct strv *add, const struct strv *drop,
                                   struct strv *ret) ERR_RESULT;
