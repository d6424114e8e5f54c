/* Published ports as people write them: -p, --expose, EXPOSE. Computes only.
 *
 * A `struct publish` is one mapping of a range of ports. Lists that have been through publish_settle() are in Podman's
 * order, neighbours joined, without duplicates; their texts (publish_text) are values of -p again, which is how a
 * container's specification keeps them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"
#include "slirp/control.h"

enum publish_proto { PUBLISH_TCP, PUBLISH_UDP, PUBLISH_SCTP };

struct publish {
    enum publish_proto proto;
    char host_ip[INET6_ADDRSTRLEN]; /* without brackets; "": every address */
    uint16_t host_port;             /* first of the range; 0: any (of a single port) */
    uint16_t ct_port;
    uint32_t count; /* 1 to 65535 */
};

struct publish_list {
    struct publish *items;
    size_t count, cap;
};
void publish_list_done(struct publish_list *l);
#define AUTO_PUBLISH __attribute__((cleanup(publish_list_done)))

const char *publish_proto_name(enum publish_proto p);
/* [[address:][host port]:]container port[/protocol[,protocol]], ports may be ranges. Appends; ranges without host ports
 * become single ones. ERR_INVALID with Podman's messages. */
struct err *publish_parse(const char *value, struct publish_list *l) ERR_RESULT;
/* A container's port or range: "80", "80-90/udp"; host ports 0, single. */
struct err *publish_parse_exposed(const char *value, struct publish_list *l) ERR_RESULT;
/* All of a specification's. */
struct err *publish_parse_all(const struct strv *values, struct publish_list *l) ERR_RESULT;
/* Order, join, drop duplicates. ERR_INVALID: one host port is to lead to two places. */
struct err *publish_settle(struct publish_list *l) ERR_RESULT;
/* The first port of the range as an address to bind and one to connect to. ERR_UNSUPPORTED for SCTP. */
struct err *publish_address(const struct publish *p, struct slirp_port *ret) ERR_RESULT;

struct publish_text {
    char s[112];
};
/* As a value of -p. */
struct publish_text publish_text(const struct publish *p);
/* "0.0.0.0:8080-8082->80-82/tcp", as `ps` shows it. */
struct publish_text publish_arrow(const struct publish *p);
