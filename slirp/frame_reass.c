#include "slirp/frame_reass.h"

#include <linux/if_ether.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "slirp/device.h"
#include "slirp/frame.h"

#define REASS_SLOTS 4
#define REASS_NSEC UINT64_C(15000000000) /* RFC 791: 15 seconds */
#define REASS_UNIT ((size_t)8)           /* offsets count these */
#define REASS_UNITS ((size_t)8192)
#define REASS_IP ((size_t)20)
#define REASS_HEADERS (DEVICE_HDR + ETH_HLEN + REASS_IP)
#define REASS_MORE 0x2000
#define REASS_OFFSET 0x1fff

struct reass_slot {
    bool used;
    uint64_t since_nsec;
    uint8_t key[11];               /* source, destination, id, protocol */
    size_t total;                  /* bytes behind the IP header; 0 while unknown */
    size_t units;                  /* received */
    uint8_t have[REASS_UNITS / 8]; /* a bit for each unit */
    uint8_t *buf;                  /* headers and data; kept for the next datagram */
};

struct frame_reass {
    struct reass_slot slots[REASS_SLOTS];
};

void frame_reass_free(struct frame_reass *r)
{
    for (size_t i = 0; r && i < REASS_SLOTS; i++)
        free(r->slots[i].buf);
    free(r);
}

/* The one of this datagram, or a new one in the place of what is free, too old, or oldest. */
static struct reass_slot *reass_find(struct frame_reass *r, const uint8_t key[11], uint64_t now)
{
    struct reass_slot *best = &r->slots[0];
    for (size_t i = 0; i < REASS_SLOTS; i++) {
        struct reass_slot *s = &r->slots[i];
        if (s->used && now - s->since_nsec > REASS_NSEC)
            s->used = false;
        if (s->used && !memcmp(s->key, key, sizeof(s->key)))
            return s;
        if (best->used && (!s->used || s->since_nsec < best->since_nsec))
            best = s;
    }
    best->used = true;
    best->since_nsec = now;
    best->total = best->units = 0;
    memset(best->have, 0, sizeof(best->have));
    memcpy(best->key, key, sizeof(best->key));
    return best;
}

/* Mark units as received; false if one was before. */
static bool reass_mark(struct reass_slot *s, size_t first, size_t n)
{
    for (size_t u = first; u < first + n; u++) {
        uint8_t bit = (uint8_t)(1u << u % 8);
        if (s->have[u / 8] & bit)
            return false;
        s->have[u / 8] = s->have[u / 8] | bit;
    }
    s->units += n;
    return true;
}

/* Where a fragment belongs; false: it cannot be. */
static bool reass_put(struct reass_slot *s, const uint8_t *ip)
{
    size_t hlen = (size_t)(ip[0] & 15) * 4, len = frame_get16(ip + 2) - hlen;
    size_t field = frame_get16(ip + 6), start = (field & REASS_OFFSET) * REASS_UNIT, end = start + len;
    bool more = field & REASS_MORE;
    if (!len || end > 65535 - REASS_IP || (more && len % REASS_UNIT))
        return false;
    if ((!more && s->total) || (s->total && end > s->total))
        return false;
    if (!reass_mark(s, start / REASS_UNIT, (len + REASS_UNIT - 1) / REASS_UNIT))
        return false;
    if (!more)
        s->total = end;
    memcpy(s->buf + REASS_HEADERS + start, ip + hlen, len);
    return true;
}

/* Options are left out: no datagram needs them. */
static void reass_headers(struct reass_slot *s, const uint8_t *buf)
{
    uint8_t *ip = s->buf + DEVICE_HDR + ETH_HLEN;
    size_t total = REASS_IP + s->total;
    memset(s->buf, 0, DEVICE_HDR);
    memcpy(s->buf + DEVICE_HDR, buf + DEVICE_HDR, ETH_HLEN + REASS_IP);
    ip[0] = 0x45;
    ip[2] = (uint8_t)(total >> 8);
    ip[3] = (uint8_t)total;
    ip[6] = ip[7] = ip[10] = ip[11] = 0;
    uint16_t sum = frame_sum_fold(frame_sum(ip, REASS_IP, 0));
    ip[10] = (uint8_t)(sum >> 8);
    ip[11] = (uint8_t)sum;
}

struct err *frame_reass_add(struct frame_reass **slot, const uint8_t *buf, size_t len, uint64_t now_nsec, uint8_t **ret,
                            size_t *ret_len)
{
    const uint8_t *ip = buf + DEVICE_HDR + ETH_HLEN;
    uint8_t key[11];
    *ret = NULL;
    if (len < REASS_HEADERS)
        return ERR_NEW(ERR_INVALID, "a fragment without a header");
    if (!*slot && !(*slot = mem_zalloc(sizeof(**slot))))
        return err_oom();
    memcpy(key, ip + 12, 8);
    memcpy(key + 8, ip + 4, 2);
    key[10] = ip[9];
    struct reass_slot *s = reass_find(*slot, key, now_nsec);
    if (!s->buf && !(s->buf = mem_alloc(REASS_HEADERS + 65535))) {
        s->used = false;
        return err_oom();
    }
    /* One that does not fit makes all of them worthless. */
    s->used = reass_put(s, ip);
    if (!s->used || !s->total || s->units != (s->total + REASS_UNIT - 1) / REASS_UNIT)
        return NULL;
    reass_headers(s, buf);
    s->used = false;
    *ret = s->buf;
    *ret_len = REASS_HEADERS + s->total;
    return NULL;
}
