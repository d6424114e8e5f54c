#include "slirp/frame_tcp.h"

#include <linux/if_ether.h>
#include <stdbool.h>
#include <string.h>

#include "slirp/frame.h"

#define TCP_HDR ((size_t)20)
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define IP4_HDR ((size_t)20)
#define IP6_HDR ((size_t)40)
#define IP4_DONT_FRAGMENT 0x4000
#define TTL 64
#define ICMP_HDR ((size_t)8)
#define ICMP_UNREACHABLE 3 /* codes 0: network, 1: host */
#define ICMP6_UNREACHABLE 1
#define ICMP6_NO_ROUTE 0
#define ICMP6_ADDRESS 3

static bool is_ip4(const uint8_t *frame)
{
    return frame_get16(frame + 12) == ETH_P_IP;
}

enum frame_tcp frame_syn_parse(const uint8_t *frame, size_t len, struct frame_syn *ret)
{
    size_t at = frame_tcp_offset(frame, len);
    if (!at)
        return FRAME_TCP_NONE;
    const uint8_t *ip = frame + ETH_HLEN, *tcp = frame + at;
    if ((tcp[13] & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN)
        return FRAME_TCP_OTHER;
    *ret = (struct frame_syn){.tcp_at = at};
    memcpy(ret->head, frame, at + TCP_HDR);
    if (is_ip4(frame)) {
        ret->client.in.sin_family = ret->server.in.sin_family = AF_INET;
        memcpy(&ret->client.in.sin_addr, ip + 12, sizeof(struct in_addr));
        memcpy(&ret->server.in.sin_addr, ip + 16, sizeof(struct in_addr));
    } else {
        ret->client.in6.sin6_family = ret->server.in6.sin6_family = AF_INET6;
        memcpy(&ret->client.in6.sin6_addr, ip + 8, sizeof(struct in6_addr));
        memcpy(&ret->server.in6.sin6_addr, ip + 24, sizeof(struct in6_addr));
    }
    memcpy(&ret->client.in.sin_port, tcp, sizeof(in_port_t)); /* at the same place in both families */
    memcpy(&ret->server.in.sin_port, tcp + 2, sizeof(in_port_t));
    return FRAME_TCP_SYN;
}

/* The pseudo header's part of a sum: addresses, length and protocol. */
static uint32_t pseudo_sum(const uint8_t *addresses, size_t len, size_t payload, uint8_t protocol)
{
    uint8_t rest[4] = {0, protocol, 0, 0};
    frame_put16(rest + 2, payload);
    return frame_sum(rest, sizeof(rest), frame_sum(addresses, len, 0));
}

/* Ethernet and IP headers back to the sender; where what they carry begins. `source`: NULL for the one that was asked.
 */
static size_t put_headers(uint8_t *out, const struct frame_syn *syn, const void *source, uint8_t protocol,
                          size_t payload)
{
    const uint8_t *asked = syn->head + ETH_HLEN;
    uint8_t *ip = out + ETH_HLEN;
    memcpy(out, syn->head + ETH_ALEN, ETH_ALEN);
    memcpy(out + ETH_ALEN, syn->head, ETH_ALEN);
    memcpy(out + 12, syn->head + 12, 2);
    if (is_ip4(syn->head)) {
        memset(ip, 0, IP4_HDR);
        ip[0] = 0x45;
        frame_put16(ip + 2, IP4_HDR + payload);
        frame_put16(ip + 6, IP4_DONT_FRAGMENT);
        ip[8] = TTL;
        ip[9] = protocol;
        memcpy(ip + 12, source ? source : asked + 16, 4);
        memcpy(ip + 16, asked + 12, 4);
        frame_put16(ip + 10, frame_sum_fold(frame_sum(ip, IP4_HDR, 0)));
        return ETH_HLEN + IP4_HDR;
    }
    memset(ip, 0, IP6_HDR);
    ip[0] = 0x60;
    frame_put16(ip + 4, payload);
    ip[6] = protocol;
    ip[7] = TTL;
    memcpy(ip + 8, source ? source : asked + 24, 16);
    memcpy(ip + 24, asked + 8, 16);
    return ETH_HLEN + IP6_HDR;
}

static size_t put_reset(const struct frame_syn *syn, uint8_t *out)
{
    const uint8_t *asked = syn->head + syn->tcp_at;
    bool v4 = is_ip4(syn->head);
    size_t at = put_headers(out, syn, NULL, IPPROTO_TCP, TCP_HDR);
    uint8_t *tcp = out + at;
    uint32_t next =
        ((uint32_t)frame_get16(asked + 4) << 16 | frame_get16(asked + 6)) + 1; /* what a SYN takes of the sequence */
    memset(tcp, 0, TCP_HDR);
    memcpy(tcp, asked + 2, 2);
    memcpy(tcp + 2, asked, 2);
    frame_put16(tcp + 8, next >> 16);
    frame_put16(tcp + 10, next & 0xffff);
    tcp[12] = TCP_HDR / 4 << 4;
    tcp[13] = TCP_RST | TCP_ACK;
    const uint8_t *addresses = out + ETH_HLEN + (v4 ? 12 : 8);
    uint32_t sum = pseudo_sum(addresses, v4 ? 8 : 32, TCP_HDR, IPPROTO_TCP);
    frame_put16(tcp + 16, frame_sum_fold(frame_sum(tcp, TCP_HDR, sum)));
    return at + TCP_HDR;
}

static size_t put_unreachable(const struct slirp_config *c, const struct frame_syn *syn, bool host, uint8_t *out)
{
    bool v4 = is_ip4(syn->head);
    size_t quoted = syn->tcp_at + TCP_HDR - ETH_HLEN, payload = ICMP_HDR + quoted;
    const void *gateway = v4 ? (const void *)&c->gateway : (const void *)&c->gateway6;
    size_t at = put_headers(out, syn, gateway, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, payload);
    uint8_t *icmp = out + at;
    memset(icmp, 0, ICMP_HDR);
    icmp[0] = v4 ? ICMP_UNREACHABLE : ICMP6_UNREACHABLE;
    icmp[1] = v4 ? (uint8_t)host : host ? ICMP6_ADDRESS : ICMP6_NO_ROUTE;
    memcpy(icmp + ICMP_HDR, syn->head + ETH_HLEN, quoted);
    uint32_t sum = v4 ? 0 : pseudo_sum(out + ETH_HLEN + 8, 32, payload, IPPROTO_ICMPV6);
    frame_put16(icmp + 2, frame_sum_fold(frame_sum(icmp, payload, sum)));
    return at + payload;
}

size_t frame_refuse(const struct slirp_config *c, const struct frame_syn *syn, enum frame_refusal how, uint8_t *out)
{
    return how == FRAME_REFUSE_RESET ? put_reset(syn, out) : put_unreachable(c, syn, how == FRAME_REFUSE_HOST, out);
}
