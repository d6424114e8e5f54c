/* IP addresses and networks, IPv4 and IPv6 alike. Computes only. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct ip_addr {
    int family;    /* AF_INET, AF_INET6; AF_UNSPEC: none */
    uint8_t b[16]; /* network order; IPv4 has four */
};
struct ip_text {
    char s[INET6_ADDRSTRLEN + 4];
};

/* False: it is no address. IPv4 written inside IPv6 (::ffff:10.0.0.1) is IPv6 here. */
bool ip_parse(const char *text, struct ip_addr *ret);
/* "" for none. */
struct ip_text ip_text(const struct ip_addr *a);
bool ip_equal(const struct ip_addr *a, const struct ip_addr *b);
/* As memcmp, of addresses of one family. */
int ip_compare(const struct ip_addr *a, const struct ip_addr *b);
/* The one behind; behind the last one comes the first. */
struct ip_addr ip_next(const struct ip_addr *a);

struct subnet {
    struct ip_addr first; /* its address, no bits set behind the prefix */
    unsigned prefix_len;
};

/* "10.1.2.3/24" is 10.1.2.0/24. ERR_INVALID "invalid CIDR address: X". */
struct err *subnet_parse(const char *text, struct subnet *ret) ERR_RESULT;
/* Of an address inside it; `prefix_len` fits the family. */
struct subnet subnet_around(const struct ip_addr *a, unsigned prefix_len);
struct ip_text subnet_text(const struct subnet *n);
/* The broadcast address, for IPv4. */
struct ip_addr subnet_last(const struct subnet *n);
bool subnet_contains(const struct subnet *n, const struct ip_addr *a);
bool subnet_overlaps(const struct subnet *a, const struct subnet *b);
/* May an interface have it: in the network, neither its own nor its broadcast address. */
bool subnet_is_host(const struct subnet *n, const struct ip_addr *a);
/* The one behind `n`, as large; false behind the last. */
bool subnet_next(const struct subnet *n, struct subnet *ret);
/* What --ip-range takes: "10.1.0.0/28", of which the first address is left out, or "10.1.0.4-10.1.0.9". ERR_INVALID. */
struct err *subnet_parse_range(const char *text, struct ip_addr *ret_first, struct ip_addr *ret_last) ERR_RESULT;
