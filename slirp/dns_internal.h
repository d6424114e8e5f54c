/* What the files of the resolver share. */
#pragma once

#include <stdbool.h>

#include "slirp/dns.h"
#include "slirp/dns_message.h"
#include "slirp/frame_udp.h"
#include "slirp/resolv.h"

#define DNS_UDP_MAX 256 /* queries under way; of one question DNS_SAME_MAX, or there is a loop */
#define DNS_SAME_MAX 8
#define DNS_TRY_NSEC UINT64_C(2000000000) /* then the next server; clients give up after 5 s and ask again */
#define DNS_TRIES 4                       /* servers asked, in turn */
#define DNS_TCP_MAX 64
#define DNS_TCP_NSEC UINT64_C(10000000000)
#define DNS_TICK_NSEC UINT64_C(500000000)

struct dns {
    struct dns_opts o;
    struct resolv resolv;
    struct loop_source *timer; /* ticks while something is under way */
    bool ticking;
    struct dns_udp *udp; /* newest first */
    size_t n_udp;
    struct dns_tcp *tcp;
    size_t n_tcp;
    struct dns_listener {
        int fd;
        uint16_t port;
        struct loop_source *src;
    } listeners[2]; /* IPv4, IPv6; made when the first connection comes */
    uint8_t *buf;   /* one message and one frame; made when the first query comes */
};

/* Something has a deadline now. */
void dns_tick(struct dns *d);
/* Names of the host itself, and of containers. The length of the answer in `out`, or 0: not ours. from: who asks, NULL
 * where that is not known (TCP). */
size_t dns_local(const struct dns *d, const union slirp_addr *from, const uint8_t *msg, size_t len,
                 const struct dns_query *q, uint8_t *out, size_t cap);
/* Who is to be asked for `from` (NULL: not known). */
const struct resolv *dns_resolvers(const struct dns *d, const union slirp_addr *from);
void dns_udp_expire(struct dns *d, uint64_t now);
void dns_udp_close_all(struct dns *d);
void dns_tcp_expire(struct dns *d, uint64_t now);
void dns_tcp_close_all(struct dns *d);
/* A socket of that type connected (TCP: connecting) to a server; -1 if that fails at once. */
int dns_connect(const union slirp_addr *server, int type);
