/* DNS messages (RFC 1035, 6891) as far as a forwarder reads them: the header and one question. Computes only; hostile
 * input. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_HEADER ((size_t)12)
#define DNS_NAME_MAX 255
#define DNS_MESSAGE_MAX ((size_t)65535)
#define DNS_QUERY_MAX ((size_t)4096) /* what we take from the container; real ones are below 600 bytes */
#define DNS_UDP_DEFAULT 512u         /* what a client without EDNS can take */

enum dns_type { DNS_A = 1, DNS_PTR = 12, DNS_AAAA = 28, DNS_OPT = 41, DNS_ANY = 255 };
enum dns_rcode { DNS_OK = 0, DNS_FORMERR = 1, DNS_SERVFAIL = 2, DNS_NXDOMAIN = 3, DNS_NOTIMP = 4, DNS_REFUSED = 5 };

struct dns_query {
    uint16_t id;
    uint16_t type, class;
    unsigned udp_size;           /* the largest reply that the client takes by UDP */
    size_t question_len;         /* bytes of the question behind the header */
    char name[DNS_NAME_MAX + 1]; /* lower case, without the last dot; "" for the root, and for names that cannot be
                                    written so (dots or control characters inside of labels) */
};

/* How a message that came as a query is to be treated. */
enum dns_verdict {
    DNS_QUERY,  /* *ret is filled */
    DNS_BROKEN, /* has a header: answer it with FORMERR or NOTIMP, *ret_rcode */
    DNS_IGNORE, /* no header, or a response: answering could go back and forth for ever */
};
enum dns_verdict dns_parse(const uint8_t *msg, size_t len, struct dns_query *ret, enum dns_rcode *ret_rcode);

/* All write a message of at most `cap` bytes and return its length, 0 if it does not fit. */
/* Header, question if it can be read, and a code. */
size_t dns_reply_code(const uint8_t *msg, size_t len, enum dns_rcode rcode, uint8_t *out, size_t cap);
/* An answer with one address (4 or 16 bytes), or without any ("no such record") when addr_len is 0. */
size_t dns_reply_address(const uint8_t *msg, size_t len, const struct dns_query *q, const void *addr, size_t addr_len,
                         uint8_t *out, size_t cap);
/* The same in pieces: header and question, to which records are added one by one. */
size_t dns_reply_begin(const uint8_t *msg, size_t len, uint8_t *out, size_t cap);
struct dns_record {
    uint16_t type, class;
    uint32_t ttl;
    const void *data;
    size_t len;
};
/* About the name in the question, to a reply of `n` bytes in `out`. The new length; 0 if it does not fit. */
size_t dns_reply_add(uint8_t *out, size_t n, size_t cap, const struct dns_record *r);
/* "web.dns.podman" as labels; the length, 0 if it is no name. */
size_t dns_name_encode(const char *name, uint8_t *out, size_t cap);
/* Header and question of a reply with "truncated" set: the client asks again by TCP. */
size_t dns_reply_truncated(const uint8_t *reply, size_t len, uint8_t *out, size_t cap);
/* True when `reply` answers that query: a response with the id and the same question. Servers may leave the question
 * out of errors. */
bool dns_reply_fits(const uint8_t *reply, size_t len, const uint8_t *msg, size_t msg_len, uint16_t id);
bool dns_reply_is_truncated(const uint8_t *reply, size_t len);
uint16_t dns_id(const uint8_t *msg);
void dns_set_id(uint8_t *msg, uint16_t id);
