/* The names of a network's containers, and what they mean: a table that the resolver looks into. Computes only; the
 * names come from the engine, the questions from containers.
 *
 * A container on several networks has the resolver of each in its resolv.conf, and asks the next one only when one
 * refuses: so a resolver that has nothing to say to it, and is not its last, refuses, where otherwise a name would not
 * exist. A name of one label may be another network's as well as the host's.
 *
 * A name may be several containers' (an alias): then all of their addresses are the answer, in the order in which they
 * came. A name is known as it is and below DNS_NAMES_DOMAIN, which is where the search domain of containers'
 * resolv.conf leads; what is not known there exists nowhere. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "slirp/control.h"
#include "slirp/dns_message.h"
#include "slirp/resolv.h"

#define DNS_NAMES_DOMAIN "dns.podman"
#define DNS_NAMES_TTL 0 /* seconds: containers come and go */

struct dns_names;

/* A container: its addresses are known where the flags say so. */
struct dns_names_entry {
    uint32_t id; /* by which it is removed */
    bool has4, has6;
    bool more; /* it has other resolvers to ask behind this one */
    struct in_addr ip;
    struct in6_addr ip6;
    uint32_t n_servers;
    struct in6_addr servers[RESOLV_SERVERS_MAX]; /* of its own, to be asked for it; IPv4 ones are mapped */
};

struct err *dns_names_new(struct dns_names **ret) ERR_RESULT;
void dns_names_free(struct dns_names *t);
/* `text`: names, one a line; the first is what an address is called (PTR). Names that cannot be asked for (empty, too
 * long, control characters) are passed over. The same id once more replaces what it had. */
struct err *dns_names_set(struct dns_names *t, const struct dns_names_entry *e, const char *text,
                          size_t len) ERR_RESULT;
void dns_names_remove(struct dns_names *t, uint32_t id);
/* What the table has to say about a question. */
enum dns_names_verdict {
    DNS_NAMES_ANSWER,  /* the reply is in `out` */
    DNS_NAMES_NOTHING, /* it is no name of a container: for the host's resolvers */
    DNS_NAMES_NOBODY,  /* it would have to be one, and is none */
};
/* `q` is the question of `msg`; *ret_len counts for DNS_NAMES_ANSWER. */
enum dns_names_verdict dns_names_ask(const struct dns_names *t, const uint8_t *msg, size_t len,
                                     const struct dns_query *q, uint8_t *out, size_t cap, size_t *ret_len);
/* The asking container has another resolver behind this one. */
bool dns_names_has_more(const struct dns_names *t, const union slirp_addr *from);
/* Its own servers; NULL: it has none. Borrowed, until a container comes or goes. */
const struct resolv *dns_names_servers(const struct dns_names *t, const union slirp_addr *from);
