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
#define FRAME_FRAGMENT 0x3fff /* offset and "more fragments" */

static uint16_t frame_get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

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
    frame[at] = (uint8_t)(sum >> 8);
    frame[at + 1] = (uint8_t)sum;
    return true;
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
    if (ip[16] == 127 || ip[16] == 0)
        return FRAME_DROP;
    if (dst.s_addr == c->dns.s_addr && ip[9] == IPPROTO_UDP && !(frame_get16(ip + 6) & FRAME_FRAGMENT) &&
        total >= hlen + 8 && frame_get16(ip + hlen + 2) == FRAME_DNS_PORT)
        return FRAME_DNS;
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
    if (!memcmp(ip + 24, low, sizeof(low)))
        return FRAME_DROP;
    if (!memcmp(ip + 24, &c->dns6, sizeof(c->dns6)) && ip[6] == IPPROTO_UDP && payload >= 8 &&
        frame_get16(ip + FRAME_IP6_HDR + 2) == FRAME_DNS_PORT)
        return FRAME_DNS;
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
    enum frame_verdict v;
    switch (frame_get16(frame + 12)) {
    case ETH_P_IP:
        v = frame_check4(c, frame + ETH_HLEN, len - ETH_HLEN);
        break;
    case ETH_P_IPV6:
        v = frame_check6(c, frame + ETH_HLEN, len - ETH_HLEN);
        break;
    case ETH_P_ARP:
        v = FRAME_PASS;
        break;
    default:
        return FRAME_DROP;
    }
    if (v != FRAME_DROP && h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM && !frame_complete(&h, frame, len))
        return FRAME_DROP;
    return v;
}
