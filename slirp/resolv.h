/* resolv.conf(5): the resolvers of the host. Computes only; the text may be anything. */
#pragma once

#include <netinet/in.h>
#include <stddef.h>

#include "base/err.h"
#include "slirp/control.h"

#define RESOLV_SERVERS_MAX 3 /* as the C library: MAXNS */
#define RESOLV_PORT 53

struct resolv {
    union slirp_addr servers[RESOLV_SERVERS_MAX]; /* port 53 */
    size_t n;                                     /* at least 1 */
};

/* Lines that say nothing that we understand are skipped, as the C library does; without a server it is 127.0.0.1.
 * `scope` finds the index of an interface by name, 0 if there is none; for link-local servers. */
void resolv_parse(const char *text, size_t len, unsigned (*scope)(const char *name), struct resolv *ret);
