/* Named networks: what `network create` defines and how containers are on them.
 *
 * A network is a row; nothing of it is in the kernel before a container that is on it runs (engine/monitor/netplan.h is
 * what that one's monitor is told). Being on a network is a row too (struct network_place), from create or `network
 * connect` on; the address in it is chosen when the container starts, network_lease(), and is its own as long as it
 * runs. The default network, `podman`, has no row: it is a network of each container's own (options.h).
 *
 * Runs in the session; needs the store. definition.c and subnet.c compute only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/strv.h"
#include "engine/network/attach.h"
#include "engine/network/route.h"
#include "engine/network/subnet.h"

struct engine;

#define NETWORK_DEFAULT "podman" /* its name */
#define NETWORK_SUBNETS_MAX 2    /* one for each family */
#define NETWORK_ROUTES_MAX 16

struct network_subnet {
    struct subnet net;
    struct ip_addr gateway;     /* none: nobody answers there */
    struct ip_addr first, last; /* --ip-range; none: all of it */
};
struct network {
    char *id, *name, *driver;
    char *interface; /* as Podman names bridges; ours are each in a namespace of their own */
    int64_t created_nsec;
    bool ipv6, internal, dns;
    struct network_subnet subnets[NETWORK_SUBNETS_MAX];
    size_t n_subnets;
    struct strv dns_servers;
    struct route routes[NETWORK_ROUTES_MAX];
    size_t n_routes;
    bool no_addresses;           /* --ipam-driver none: containers get an interface and nothing else; no subnets */
    struct strv labels, options; /* "key=value" */
    uint64_t containers;         /* that are on it */
    bool builtin;                /* the default network */
};
void network_done(struct network *n);
void network_free(struct network *n);
void network_list_free(struct network **list, size_t count);

struct network_create_opts {
    const char *name;        /* NULL: podman1, podman2 … */
    const char *driver;      /* NULL or "bridge" */
    const char *ipam_driver; /* NULL, "host-local" or "none" */
    const char *interface;   /* --interface-name, or NULL */
    struct strv subnets, gateways, ranges, routes, dns_servers, labels, options;
    struct strv pools; /* where a subnet that nobody named comes from: "10.89.0.0/16:24"; empty: Podman's */
    bool ipv6, internal, disable_dns, ignore_existing;
};
/* What is in use already and must not overlap. */
struct network_taken {
    struct subnet *subnets; /* of other networks, interfaces and routes of the host */
    size_t n_subnets, cap_subnets;
    struct strv interfaces; /* of other networks, and their names */
};
void network_taken_done(struct network_taken *t);
struct err *network_taken_add(struct network_taken *t, const struct subnet *s) ERR_RESULT;

/* --- definition.c: computes only */

/* From options to a network, complete but for id, name and time; the caller frees what an error leaves in it.
 * ERR_INVALID, ERR_UNSUPPORTED with Podman's messages. */
struct err *network_define(const struct network_create_opts *o, const struct network_taken *taken,
                           struct network *n) ERR_RESULT;
/* `name` may be that of a network. */
struct err *network_check_name(const char *name) ERR_RESULT;
/* Of the family; NULL: it has none. */
const struct network_subnet *network_subnet_of(const struct network *n, int family);
/* The value of an option (-o), or NULL. */
const char *network_option(const struct network *n, const char *key);

/* --- network.c, list.c */

struct err *network_create(struct engine *e, const struct network_create_opts *opts, struct network **ret) ERR_RESULT;
/* By name, id or unique prefix of an id. ERR_NOT_FOUND in Podman's words. */
struct err *network_find(struct engine *e, const char *name, struct network **ret) ERR_RESULT;
/* The default one included, by name. */
struct err *network_list(struct engine *e, const struct strv *filters, struct network ***ret,
                         size_t *ret_count) ERR_RESULT;
/* ERR_IN_USE while containers are on it. */
struct err *network_remove(struct engine *e, const struct network *n) ERR_RESULT;
/* Those that no container is on, the default one excepted. */
struct err *network_prune(struct engine *e, const struct strv *filters, struct strv *ret_names) ERR_RESULT;
/* `network update`: resolvers to add and to drop. */
struct err *network_update_dns(struct engine *e, struct network *n, const struct strv *add,
                               const struct strv *drop) ERR_RESULT;
/* Ids of the containers that are on it, appended. */
struct err *network_users(struct engine *e, const struct network *n, struct strv *ret_ids) ERR_RESULT;

/* --- places: containers on networks (place.c, lease.c) */

struct network_place {
    char *network_id, *network; /* id and name */
    struct network_attach want;
    int64_t position;     /* grows along the list, but stays with the place when others go */
    char *ip, *ip6, *mac; /* the lease; NULL: it has not run yet, or another container has taken it over */
};
struct network_place_list {
    struct network_place *items;
    size_t count, cap;
};
void network_place_list_done(struct network_place_list *l);
#define AUTO_NETWORK_PLACES __attribute__((cleanup(network_place_list_done)))

/* What is asked for fits the network. ERR_INVALID in Podman's words. */
struct err *network_check_attach(const struct network *n, const struct network_attach *a) ERR_RESULT;
/* Inside the caller's write transaction. */
struct err *network_place_add(struct engine *e, const char *container_id, const struct network *n,
                              const struct network_attach *a) ERR_RESULT;
struct err *network_place_set(struct engine *e, const char *container_id, const struct network *n,
                              const struct network_attach *a) ERR_RESULT;
/* *ret_found: it was there. */
struct err *network_place_remove(struct engine *e, const char *container_id, const char *network_id,
                                 bool *ret_found) ERR_RESULT;
/* In the order of their interfaces. */
struct err *network_places(struct engine *e, const char *container_id, struct network_place_list *ret) ERR_RESULT;
/* Names of the networks that a container is on, in that order, appended. */
struct err *network_names_of(struct engine *e, const char *container_id, struct strv *ret) ERR_RESULT;

/* Addresses of a place for a container that is about to run, inside the caller's write transaction, in which the
 * container's row is made to say that it runs. An address is taken while the container that has it may be running, as
 * far as its row says; others lose theirs. ERR_IN_USE in Podman's words, with the id of the container that has it in
 * ret_holder (an ident, or ""), so that the caller can look whether that one is still alive and try again. */
struct err *network_lease(struct engine *e, const char *container_id, const struct network *n,
                          struct network_place *place, char ret_holder[65]) ERR_RESULT;

/* Addresses that its containers ask for names, appended: of its gateways. */
struct err *network_servers_of(const struct network *n, struct strv *ret) ERR_RESULT;
/* An address that is no container's, and the gateway's where there is one. */
struct ip_addr network_gateway(const struct network_subnet *s);

/* Podman's `network inspect` object, as JSON text. */
struct err *network_inspect(struct engine *e, const struct network *n, char **ret_json) ERR_RESULT;
/* What `network ls --format json` shows of one: the same without containers. */
struct err *network_json(const struct network *n, json_t **ret) ERR_RESULT;
