/* What a network is to look like; the same for all ways of starting. Plain data: it travels over the control socket
 * between two processes of one build. Computes only. */
#pragma once

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define SLIRP_MTU_DEFAULT 65520u
#define SLIRP_MTU_MIN 68u /* the least that IPv4 allows; IPv6 needs SLIRP_MTU_MIN6 */
#define SLIRP_MTU_MIN6 1280u
#define SLIRP_MTU_MAX 65521u /* IF_MTU_MAX of libslirp */
#define SLIRP_VLAN_MAX 4094u /* 802.1Q */
#define SLIRP_PREFIX6_MIN 8u
#define SLIRP_PREFIX6_MAX 126u
#define SLIRP_DNS_TEXT_MAX ((size_t)16 << 10)

struct slirp_config {
    char ifname[IFNAMSIZ]; /* inside the namespace */
    uint32_t mtu;
    uint32_t prefix_len; /* of the IPv4 network */
    struct in_addr network, guest, gateway, dns;
    struct in6_addr network6, guest6, gateway6, dns6;
    uint32_t prefix6_len;    /* of the IPv6 network */
    uint32_t vlan;           /* of all guests of a bridge, which see no tags; 0: whatever they send is passed on */
    struct in_addr outbound; /* source address of what leaves; 0: the host's choice */
    struct in6_addr outbound6;
    uint8_t mac[6];
    uint8_t mac_set;
    uint8_t configure; /* bring the interface up with addresses and routes; false: only make it */
    uint8_t ipv6;
    uint8_t host_loopback; /* the gateway address leads to the host's loopback */
    uint8_t no_dns;        /* nobody answers at the dns addresses */
    uint8_t no_tun;        /* tests: behave as if /dev/net/tun were missing */
    uint8_t bridge;        /* a network of several guests (hub.h): gateway and dns are one; guest is 0, or that one of
                              them to whose published ports this is about; no IPv4 when prefix_len is 0 */
    uint8_t internal;      /* nothing but the gateway's names can be reached from it */
    uint8_t no_gateway;    /* TCP through libslirp, too: no namespace of our own behind the interface (gateway.h) */
};

/* 10.0.2.0/24 and fd00::/64, eth0-to-be "tap0", configured, host loopback closed. */
void slirp_config_default(struct slirp_config *c);
/* "10.0.3.0/24": network, .100 for the guest, .2 gateway, .3 resolver, as slirp4netns does. ERR_INVALID. */
struct err *slirp_config_set_cidr(struct slirp_config *c, const char *cidr) ERR_RESULT;
/* A network of several guests, IPv4 part: its resolver is at the gateway's address. For IPv6 set ipv6, network6 and
 * gateway6 = dns6. */
void slirp_config_set_bridge(struct slirp_config *c, struct in_addr network, uint32_t prefix_len,
                             struct in_addr gateway);
/* "00:11:22:33:44:55"; not a group address. ERR_INVALID. */
struct err *slirp_config_set_mac(struct slirp_config *c, const char *mac) ERR_RESULT;
/* Interface names: 1 to 15 bytes, no slash, colon or white space, not "." or "..". ERR_INVALID. */
struct err *slirp_config_set_ifname(struct slirp_config *c, const char *name) ERR_RESULT;
/* The IPv4 network's mask, in network order; 0 where there is none. */
in_addr_t slirp_config_netmask(const struct slirp_config *c);
/* An address that can be a host's in the network: neither the first nor the last of IPv4. */
bool slirp_config_has(const struct slirp_config *c, struct in_addr a);
bool slirp_config_has6(const struct slirp_config *c, const struct in6_addr *a);
/* As it came over the control socket: everything in range and consistent. ERR_INVALID. */
struct err *slirp_config_check(const struct slirp_config *c) ERR_RESULT;
