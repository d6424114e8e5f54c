/* How a container is on a named network: the options of --network NAME:ip=… and `network connect`. Computes only. */
#pragma once

#include "base/err.h"
#include "base/strv.h"
#include "engine/network/subnet.h"

#define ATTACH_ALIASES_MAX 64

struct network_attach {
    char *network;  /* name or id, as given; complete once it was looked up */
    char *ifname;   /* NULL: eth0, eth1 … */
    char *ip, *ip6; /* asked for, in the form of inet_ntop(3); NULL: any that is free */
    char *mac;      /* "02:42:0a:59:00:02"; NULL: made from the address */
    struct strv aliases;
};
void network_attach_done(struct network_attach *a);
#define AUTO_NETWORK_ATTACH __attribute__((cleanup(network_attach_done)))

struct network_attach_list {
    struct network_attach *items;
    size_t count, cap;
};
void network_attach_list_done(struct network_attach_list *l);
#define AUTO_NETWORK_ATTACH_LIST __attribute__((cleanup(network_attach_list_done)))

/* One value of --network: "a,b" or "a:ip=10.89.0.7,alias=db,alias=sql,interface_name=net0". Appends; a network that is
 * there already keeps what it had. ERR_INVALID with Podman's messages. */
struct err *network_attach_parse(const char *value, struct network_attach_list *l) ERR_RESULT;
/* As a value that network_attach_parse() reads: how a specification carries it. */
struct err *network_attach_text(const struct network_attach *a, char **ret) ERR_RESULT;

/* Set or add one; what was set before and differs is ERR_INVALID. */
struct err *network_attach_set_ip(struct network_attach *a, const char *text) ERR_RESULT; /* either family */
struct err *network_attach_set_mac(struct network_attach *a, const char *text) ERR_RESULT;
struct err *network_attach_set_ifname(struct network_attach *a, const char *text) ERR_RESULT;
struct err *network_attach_add_alias(struct network_attach *a, const char *text) ERR_RESULT;
