/* Rules and routes of the namespace that this process is in, by rtnetlink(7): just what the maker needs. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "slirp/control.h"

struct port_rule {
    int family;           /* AF_INET, AF_INET6 */
    uint32_t priority;    /* of several rules the lowest is looked at first; the table "local" is 0 */
    uint32_t mark;        /* 0: whatever */
    const char *ifname;   /* that it arrives at; NULL: whatever */
    uint8_t ip_proto;     /* 0: whatever */
    uint16_t first, last; /* source ports; 0: whatever */
    uint32_t table;
};

/* A NETLINK_ROUTE socket. */
struct err *port_route_open(int *ret) ERR_RESULT;
/* Add or remove; what is there already, or gone, is no error. */
struct err *port_route_rule(int sock, const struct port_rule *rule, bool add) ERR_RESULT;
/* "local ADDRESS dev lo table N src SOURCE"; address NULL: everything; source NULL: none. Ports are not looked at. */
struct err *port_route_local(int sock, int family, uint32_t table, const union slirp_addr *address,
                             const union slirp_addr *source, bool add) ERR_RESULT;
