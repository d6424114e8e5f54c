#include "slirp/frame.h"

#include <linux/if_ether.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "slirp/device.h"

#define FRAME_DNS_PORT 53
#define FRAME_IP_MIN ((size_t)20)
#define FRAME_IP6_HDR ((size_t)40)
#define FRAME_TCP_HDR ((size_t)20)
#define FRAME_UDP_HDR ((size_t)8)
#define FRAME_TCP_SYN 0x02
#define FRAME_ICMP6_ADVERTISEMENT 134 /* RFC 4861, 4.2 */
#define FRAME_FRAGMENT_BITS 0x3fff    /* offset and "more fragments" */

uint32_t frame_sum(const uint8_t *p, size_t len, uint32_t sum)
{
    /* Four bytes at a time into 64 bits: the carries are folded once. The order of bytes does not matter to the sum but
     * in the result, so it is computed in the host's and swapped at the end (RFC 1071, section 2 (B)). */
    uint64_t total = 0;
    size_t i = 0;
    for (; i + 4 <= len; i += 4) {
        uint32_t word;
        memcpy(&word, p + i, sizeof(word));
        total += word;
    }
    uint8_t rest[4] = {0};
    memcpy(rest, p + i, len - i);
    uint32_t last;
    memcpy(&last, rest, sizeof(last));
    total += last;
    total = (total & 0xffffffff) + (total >> 32);
    total = (total & 0xffff) + (total >> 16 & 0xffff) + (total >> 32 << 0);
    total = (total & 0xffff) + (total >> 16);
    total = (total & 0xffff) + (total >> 16);
    return sum + ntohs((uint16_t)total);
}

uint16_t frame_sum_fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* The sender left a sum of the pseudo header where the checksum belongs (virtio 1.2, 5.1.6.2). */
static bool frame_complete(const struct virtio_net_hdr *h, uint8_t *frame, size_t len)
{
    size_t start = h->csum_start, at = start + h->csum_offset;
    if (start >= len || at + 2 > len)
        return false;
    uint16_t sum = frame_sum_fold(frame_sum(frame + start, len - start, 0));
    if (!sum)
        sum = 0xffff; /* in UDP, 0 means "none"; for TCP both are zero */
    frame_put16(frame + at, sum);
    return true;
}

/* What goes to the resolver's address: `len` bytes behind the IP header. Nothing but DNS and echo requests is there; on
 * a bridge it is the gateway's too, for which libslirp refuses connections, as the host's loopback is closed. */
static enum frame_verdict frame_check_dns(const struct slirp_config *c, uint8_t protocol, const uint8_t *p, size_t len)
{
    if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
        return FRAME_PASS;
    bool tcp = protocol == IPPROTO_TCP;
    if ((!tcp && protocol != IPPROTO_UDP) || len < (tcp ? FRAME_TCP_HDR : FRAME_UDP_HDR))
        return FRAME_DROP;
    if (frame_get16(p + 2) != FRAME_DNS_PORT)
        return c->bridge ? FRAME_PASS : FRAME_DROP;
    return tcp ? FRAME_DNS_TCP : FRAME_DNS;
}

/* The bridge of a network with several guests floods what it has no port for: only what is meant for libslirp may
 * reach it, which would answer for others. Its own addresses begin with 52:55 and 52:56. */
static bool frame_is_for_us(const uint8_t *frame)
{
    return frame[0] & 1 || (frame[0] == 0x52 && (frame[1] == 0x55 || frame[1] == 0x56));
}

/* On a bridge: inside the network there is nobody but the gateway here, and outside nobody at all for an internal one.
 * The limited broadcast is DHCP, whose addresses are not libslirp's to give. */
static bool frame_leads_out4(const struct slirp_config *c, struct in_addr dst)
{
    if (!c->prefix_len || dst.s_addr == INADDR_BROADCAST)
        return false;
    return dst.s_addr == c->gateway.s_addr ||
           (!c->internal && (dst.s_addr & slirp_config_netmask(c)) != c->network.s_addr);
}

/* Neighbours are asked for by multicast, and answered for by link-local addresses. */
static bool frame_leads_out6(const struct slirp_config *c, const uint8_t dst[16], uint8_t protocol)
{
    struct in6_addr a;
    memcpy(&a, dst, sizeof(a));
    if (!memcmp(dst, &c->gateway6, 16))
        return true;
    if (dst[0] == 0xff || (dst[0] == 0xfe && (dst[1] & 0xc0) == 0x80))
        return !c->internal || protocol == IPPROTO_ICMPV6;
    return !c->internal && !slirp_config_has6(c, &a);
}

/* libslirp hands destinations to connect(2) as they are: the host's loopback is reached through the gateway address
 * alone, where that is allowed, and never by its own names. */
static enum frame_verdict frame_check4(const struct slirp_config *c, const uint8_t *ip, size_t len)
{
    if (len < FRAME_IP_MIN || ip[0] >> 4 != 4)
        return FRAME_DROP;
    size_t hlen = (size_t)(ip[0] & 15) * 4, total = frame_get16(ip + 2);
    if (hlen < FRAME_IP_MIN || total < hlen || total > len)
        return FRAME_DROP;
    struct in_addr dst;
    memcpy(&dst, ip + 16, sizeof(dst));
    if (ip[16] == 127 || ip[16] == 0 || (c->bridge && !frame_leads_out4(c, dst)))
        return FRAME_DROP;
    if (frame_get16(ip + 6) & FRAME_FRAGMENT_BITS)
        return FRAME_FRAGMENT;
    if (dst.s_addr == c->dns.s_addr && !c->no_dns)
        return frame_check_dns(c, ip[9], ip + hlen, total - hlen);
    return FRAME_PASS;
}

static enum frame_verdict frame_check6(const struct slirp_config *c, const uint8_t *ip, size_t len)
{
    static const uint8_t low[10] = {0};
    if (!c->ipv6 || len < FRAME_IP6_HDR || ip[0] >> 4 != 6)
        return FRAME_DROP;
    size_t payload = frame_get16(ip + 4);
    if (payload > len - FRAME_IP6_HDR)
        return FRAME_DROP;
    /* ::, ::1, ::127.0.0.1 and ::ffff:127.0.0.1 are all doors to the host. */
    if (!memcmp(ip + 24, low, sizeof(low)) || (c->bridge && !frame_leads_out6(c, ip + 24, ip[6])))
        return FRAME_DROP;
    if (!memcmp(ip + 24, &c->dns6, sizeof(c->dns6)) && !c->no_dns)
        return frame_check_dns(c, ip[6], ip + FRAME_IP6_HDR, payload);
    return FRAME_PASS;
}

enum frame_verdict frame_check(const struct slirp_config *c, uint8_t *buf, size_t len)
{
    struct virtio_net_hdr h;
    if (len < DEVICE_HDR + ETH_HLEN)
        return FRAME_DROP;
    memcpy(&h, buf, sizeof(h));
    uint8_t *frame = buf + DEVICE_HDR;
    len -= DEVICE_HDR;
    if (c->bridge && !frame_is_for_us(frame))
        return FRAME_DROP;
    /* Before anything is checked: the container decides where it is written. */
    if (h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM && !frame_complete(&h, frame, len))
        return FRAME_DROP;
    switch (frame_get16(frame + 12)) {
    case ETH_P_IP:
        return frame_check4(c, frame + ETH_HLEN, len - ETH_HLEN);
    case ETH_P_IPV6:
        return frame_check6(c, frame + ETH_HLEN, len - ETH_HLEN);
    case ETH_P_ARP:
        return FRAME_PASS;
    default:
        return FRAME_DROP;
    }
}

bool frame_is_advertisement(const uint8_t *frame, size_t len)
{
    return len > ETH_HLEN + FRAME_IP6_HDR && frame_get16(frame + 12) == ETH_P_IPV6 &&
           frame[ETH_HLEN + 6] == IPPROTO_ICMPV6 && frame[ETH_HLEN + FRAME_IP6_HDR] == FRAME_ICMP6_ADVERTISEMENT;
}

/* No extension headers: libslirp writes none. */
size_t frame_tcp_offset(const uint8_t *frame, size_t len)
{
    size_t at = 0;
    const uint8_t *ip = frame + ETH_HLEN;
    if (len < ETH_HLEN + FRAME_IP_MIN)
        return 0;
    if (frame_get16(frame + 12) == ETH_P_IP && ip[9] == IPPROTO_TCP && !(frame_get16(ip + 6) & FRAME_FRAGMENT_BITS))
        at = ETH_HLEN + (size_t)(ip[0] & 15) * 4;
    else if (frame_get16(frame + 12) == ETH_P_IPV6 && ip[6] == IPPROTO_TCP)
        at = ETH_HLEN + FRAME_IP6_HDR;
    return at && at + FRAME_TCP_HDR <= len ? at : 0;
}

/* RFC 1624: the new sum from the old one and what changed. */
static void frame_replace16(uint8_t *sum, uint8_t *field, uint16_t value)
{
    uint32_t total = (uint32_t)(uint16_t)~frame_get16(sum) + (uint16_t)~frame_get16(field) + value;
    frame_put16(sum, frame_sum_fold(total));
    frame_put16(field, value);
}

/* Options are a list of kind, length, value (RFC 9293, 3.1); 0 ends it, 1 fills, 2 is the segment size. */
static uint8_t *frame_find_mss(uint8_t *options, size_t len)
{
    for (size_t i = 0; i < len && options[i];) {
        if (options[i] == 1) {
            i++;
            continue;
        }
        if (i + 1 >= len || options[i + 1] < 2)
            return NULL;
        if (options[i] == 2)
            return options[i + 1] == 4 && i + 4 <= len && i % 2 == 0 ? options + i + 2 : NULL;
        i += options[i + 1];
    }
    return NULL;
}

void frame_limit_mss(uint8_t *frame, size_t len)
{
    size_t at = frame_tcp_offset(frame, len);
    if (!at || !(frame[at + 13] & FRAME_TCP_SYN))
        return;
    size_t end = at + (size_t)(frame[at + 12] >> 4) * 4;
    if (end < at + FRAME_TCP_HDR || end > len)
        return;
    uint8_t *mss = frame_find_mss(frame + at + FRAME_TCP_HDR, end - at - FRAME_TCP_HDR);
    if (mss && frame_get16(mss) > FRAME_MSS_MAX)
        frame_replace16(frame + at + 16, mss, FRAME_MSS_MAX);
}

/* Replace `len` (even) bytes, and what they contribute to each of the sums. */
static void frame_replace(uint8_t *field, const void *value, size_t len, uint8_t *sum, uint8_t *sum2)
{
    const uint8_t *v = value;
    for (size_t i = 0; i < len; i += 2) {
        uint8_t old[2] = {field[i], field[i + 1]};
        if (sum2)
            frame_replace16(sum2, old, frame_get16(v + i));
        memcpy(old, field + i, 2);
        frame_replace16(sum, old, frame_get16(v + i));
    }
    memcpy(field, v, len);
}

static const uint8_t frame_loopback4[4] = {127, 0, 0, 1};
static const uint8_t frame_loopback6[16] = {[15] = 1};

void frame_redirect(uint8_t *frame, size_t len, uint16_t port)
{
    size_t at = frame_tcp_offset(frame, len);
    uint8_t *ip = frame + ETH_HLEN, *tcp = frame + at, wire[2];
    if (!at)
        return;
    if (frame_get16(frame + 12) == ETH_P_IP)
        frame_replace(ip + 16, frame_loopback4, sizeof(frame_loopback4), tcp + 16, ip + 10);
    else
        frame_replace(ip + 24, frame_loopback6, sizeof(frame_loopback6), tcp + 16, NULL);
    frame_put16(wire, port);
    frame_replace(tcp + 2, wire, sizeof(wire), tcp + 16, NULL);
}

void frame_unredirect(const struct slirp_config *c, const uint16_t ports[2], uint8_t *frame, size_t len)
{
    static const uint8_t dns_port[2] = {0, FRAME_DNS_PORT};
    size_t at = frame_tcp_offset(frame, len);
    uint8_t *ip = frame + ETH_HLEN, *tcp = frame + at;
    bool v4 = frame_get16(frame + 12) == ETH_P_IP;
    if (!at || !ports[!v4] || frame_get16(tcp) != ports[!v4])
        return;
    if (v4 && !memcmp(ip + 12, frame_loopback4, sizeof(frame_loopback4)))
        frame_replace(ip + 12, &c->dns, sizeof(c->dns), tcp + 16, ip + 10);
    else if (!v4 && !memcmp(ip + 8, frame_loopback6, sizeof(frame_loopback6)))
        frame_replace(ip + 8, &c->dns6, sizeof(c->dns6), tcp + 16, NULL);
    else
        return;
    frame_replace(tcp, dns_port, sizeof(dns_port), tcp + 16, NULL);
}
