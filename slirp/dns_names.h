/* The names of a network's containers, and what they mean: a table that the resolver looks into. Computes only; the
 * names come from the engine, the questions from containers.
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
#include "slirp/dns_message.h"

#define DNS_NAMES_DOMAIN "dns.podman"
#define DNS_NAMES_TTL 0 /* seconds: containers come and go */

struct dns_names;

/* A container: its addresses are known where the flags say so. */
struct dns_names_entry {
    uint32_t id; /* by which it is removed */
    bool has4, has6;
    struct in_addr ip;
    struct in6_addr ip6;
};

struct err *dns_names_new(struct dns_names **ret) ERR_RESULT;
void dns_names_free(struct dns_names *t);
/* `text`: names, one a line; the first is what an address is called (PTR). Names that cannot be asked for (empty, too
 * long, control characters) are passed over. The same id once more replaces what it had. */
struct err *dns_names_set(struct dns_names *t, const struct dns_names_entry *e, const char *text,
                          size_t len) ERR_RESULT;
void dns_names_remove(struct dns_names *t, uint32_t id);
/* A reply to `msg`, whose question is `q`: its length in `out`, or 0: the table has nothing to say about that. */
size_t dns_names_reply(const struct dns_names *t, const uint8_t *msg, size_t len, const struct dns_query *q,
                       uint8_t *out, size_t cap);
