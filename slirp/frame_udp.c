#include "slirp/frame_udp.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <string.h>

#include "slirp/frame.h"

#define UDP_HDR ((size_t)8)
#define UDP_IP_HDR ((size_t)20)
#define UDP_IP6_HDR ((size_t)40)
#define UDP_TTL 64
#define UDP_IP_LEN_MAX ((size_t)65535)

static bool udp_parse_ports(const uint8_t *udp, size_t room, struct frame_udp *ret, const uint8_t **ret_payload,
                            size_t *ret_len)
{
    if (room < UDP_HDR)
        return false;
    size_t len = frame_get16(udp + 4);
    if (len < UDP_HDR || len > room)
        return false;
    /* At the same place in both families. */
    memcpy(&ret->from.in.sin_port, udp, 2);
    memcpy(&ret->to.in.sin_port, udp + 2, 2);
    *ret_payload = udp + UDP_HDR;
    *ret_len = len - UDP_HDR;
    return true;
}

bool frame_udp_parse(const uint8_t *frame, size_t len, struct frame_udp *ret, const uint8_t **ret_payload,
                     size_t *ret_len)
{
    const uint8_t *ip = frame + ETH_HLEN;
    if (len < ETH_HLEN + UDP_IP_HDR)
        return false;
    memset(ret, 0, sizeof(*ret));
    memcpy(ret->to_mac, frame, 6);
    memcpy(ret->from_mac, frame + 6, 6);
    size_t rest = len - ETH_HLEN;
    if (frame_get16(frame + 12) == ETH_P_IP) {
        size_t hlen = (size_t)(ip[0] & 15) * 4, total = frame_get16(ip + 2);
        if (ip[9] != IPPROTO_UDP || hlen < UDP_IP_HDR || total > rest || total < hlen)
            return false;
        ret->from.in.sin_family = ret->to.in.sin_family = AF_INET;
        memcpy(&ret->from.in.sin_addr, ip + 12, 4);
        memcpy(&ret->to.in.sin_addr, ip + 16, 4);
        return udp_parse_ports(ip + hlen, total - hlen, ret, ret_payload, ret_len);
    }
    if (frame_get16(frame + 12) != ETH_P_IPV6 || rest < UDP_IP6_HDR || ip[6] != IPPROTO_UDP)
        return false;
    size_t payload = frame_get16(ip + 4);
    ret->from.in6.sin6_family = ret->to.in6.sin6_family = AF_INET6;
    memcpy(&ret->from.in6.sin6_addr, ip + 8, 16);
    memcpy(&ret->to.in6.sin6_addr, ip + 24, 16);
    return payload <= rest - UDP_IP6_HDR && udp_parse_ports(ip + UDP_IP6_HDR, payload, ret, ret_payload, ret_len);
}

static size_t udp_put_ip4(const struct frame_udp *u, size_t udp_len, uint8_t *ip)
{
    memset(ip, 0, UDP_IP_HDR);
    ip[0] = 0x45;
    frame_put16(ip + 2, UDP_IP_HDR + udp_len);
    ip[6] = 0x40; /* don't fragment: it is never longer than the MTU */
    ip[8] = UDP_TTL;
    ip[9] = IPPROTO_UDP;
    memcpy(ip + 12, &u->to.in.sin_addr, 4);
    memcpy(ip + 16, &u->from.in.sin_addr, 4);
    frame_put16(ip + 10, frame_sum_fold(frame_sum(ip, UDP_IP_HDR, 0)));
    return UDP_IP_HDR;
}

static size_t udp_put_ip6(const struct frame_udp *u, size_t udp_len, uint8_t *ip)
{
    memset(ip, 0, UDP_IP6_HDR);
    ip[0] = 0x60;
    frame_put16(ip + 4, udp_len);
    ip[6] = IPPROTO_UDP;
    ip[7] = UDP_TTL;
    memcpy(ip + 8, &u->to.in6.sin6_addr, 16);
    memcpy(ip + 24, &u->from.in6.sin6_addr, 16);
    return UDP_IP6_HDR;
}

size_t frame_udp_answer(const struct frame_udp *u, const void *payload, size_t payload_len, uint8_t *out, size_t cap)
{
    bool v4 = u->from.sa.sa_family == AF_INET;
    size_t hlen = v4 ? UDP_IP_HDR : UDP_IP6_HDR, udp_len = UDP_HDR + payload_len;
    if (ETH_HLEN + hlen + udp_len > cap || hlen + udp_len > UDP_IP_LEN_MAX)
        return 0;
    memcpy(out, u->from_mac, 6);
    memcpy(out + 6, u->to_mac, 6);
    frame_put16(out + 12, v4 ? ETH_P_IP : ETH_P_IPV6);
    uint8_t *ip = out + ETH_HLEN, *udp = ip + hlen;
    (void)(v4 ? udp_put_ip4(u, udp_len, ip) : udp_put_ip6(u, udp_len, ip));
    memcpy(udp, &u->to.in.sin_port, 2);
    memcpy(udp + 2, &u->from.in.sin_port, 2);
    frame_put16(udp + 4, udp_len);
    frame_put16(udp + 6, 0);
    memcpy(udp + UDP_HDR, payload, payload_len);
    /* The pseudo header: both addresses, which are beside each other, protocol and length (RFC 768, 8200). */
    size_t addrs = v4 ? 8 : 32;
    uint32_t sum = frame_sum(udp - addrs, addrs, (uint32_t)(IPPROTO_UDP + udp_len));
    uint16_t folded = frame_sum_fold(frame_sum(udp, udp_len, sum));
    frame_put16(udp + 6, folded ? folded : 0xffff);
    return ETH_HLEN + hlen + udp_len;
}
