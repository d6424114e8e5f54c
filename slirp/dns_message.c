#include "slirp/dns_message.h"

#include <ctype.h>
#include <string.h>

#define MESSAGE_FLAG_QR 0x80 /* third byte: a response */
#define MESSAGE_OPCODE 0x78  /* third byte */
#define MESSAGE_FLAG_AA 0x04
#define MESSAGE_FLAG_TC 0x02
#define MESSAGE_FLAG_RD 0x01
#define MESSAGE_FLAG_RA 0x80 /* fourth byte */
#define MESSAGE_FLAG_CD 0x10
#define MESSAGE_RCODE 0x0f
#define MESSAGE_LABEL_MAX 63
#define MESSAGE_POINTER 0xc00c /* a compressed name: the one at offset 12, that of the question */
#define MESSAGE_TTL 30         /* seconds; addresses of this host change when it moves */
#define MESSAGE_RECORD ((size_t)12)

static uint16_t message_get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static void message_put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

uint16_t dns_id(const uint8_t *msg)
{
    return message_get16(msg);
}

void dns_set_id(uint8_t *msg, uint16_t id)
{
    message_put16(msg, id);
}

/* Length of the uncompressed name at `at`, 0 if it is none. In a question nothing precedes that it could point to. */
static size_t message_name_len(const uint8_t *msg, size_t len, size_t at)
{
    size_t start = at;
    while (at < len && msg[at]) {
        if (msg[at] > MESSAGE_LABEL_MAX || at - start > DNS_NAME_MAX)
            return 0;
        at += (size_t)msg[at] + 1;
    }
    size_t n = at + 1 - start;
    return at < len && n <= DNS_NAME_MAX ? n : 0;
}

static void message_name_text(const uint8_t *wire, char *ret)
{
    size_t n = 0;
    for (size_t at = 0; wire[at]; at += (size_t)wire[at] + 1) {
        if (n)
            ret[n++] = '.';
        for (size_t i = 1; i <= wire[at]; i++) {
            uint8_t c = wire[at + i];
            if (c <= ' ' || c >= 0x7f || c == '.') {
                ret[0] = '\0';
                return;
            }
            ret[n++] = (char)tolower(c);
        }
    }
    ret[n] = '\0';
}

/* The client's OPT record is in the additional section, behind nothing in a query; its class is a size (RFC 6891, 6.1).
 */
static unsigned message_udp_size(const uint8_t *msg, size_t len, size_t at)
{
    if (message_get16(msg + 6) || message_get16(msg + 8) || !message_get16(msg + 10) || at + 5 > len || msg[at] ||
        message_get16(msg + at + 1) != DNS_OPT)
        return DNS_UDP_DEFAULT;
    unsigned size = message_get16(msg + at + 3);
    return size < DNS_UDP_DEFAULT ? DNS_UDP_DEFAULT : size;
}

enum dns_verdict dns_parse(const uint8_t *msg, size_t len, struct dns_query *ret, enum dns_rcode *ret_rcode)
{
    if (len < DNS_HEADER || msg[2] & MESSAGE_FLAG_QR)
        return DNS_IGNORE;
    *ret_rcode = DNS_NOTIMP;
    if (msg[2] & MESSAGE_OPCODE)
        return DNS_BROKEN;
    *ret_rcode = DNS_FORMERR;
    size_t name = message_name_len(msg, len, DNS_HEADER);
    if (message_get16(msg + 4) != 1 || !name || DNS_HEADER + name + 4 > len || len > DNS_QUERY_MAX)
        return DNS_BROKEN;
    const uint8_t *behind = msg + DNS_HEADER + name;
    *ret = (struct dns_query){
        .id = message_get16(msg),
        .type = message_get16(behind),
        .class = message_get16(behind + 2),
        .question_len = name + 4,
    };
    ret->udp_size = message_udp_size(msg, len, DNS_HEADER + ret->question_len);
    message_name_text(msg + DNS_HEADER, ret->name);
    return DNS_QUERY;
}

/* Header of a response to `msg` and its question, if there is a whole one. */
static size_t message_begin(const uint8_t *msg, size_t len, enum dns_rcode rcode, uint8_t *out, size_t cap)
{
    size_t name = len > DNS_HEADER && message_get16(msg + 4) == 1 ? message_name_len(msg, len, DNS_HEADER) : 0;
    size_t question = name && DNS_HEADER + name + 4 <= len ? name + 4 : 0;
    if (len < DNS_HEADER || DNS_HEADER + question > cap)
        return 0;
    memset(out, 0, DNS_HEADER);
    memcpy(out, msg, 2);
    out[2] = (uint8_t)(MESSAGE_FLAG_QR | (msg[2] & (MESSAGE_OPCODE | MESSAGE_FLAG_RD)));
    out[3] = (uint8_t)(MESSAGE_FLAG_RA | (msg[3] & MESSAGE_FLAG_CD) | (unsigned)rcode);
    message_put16(out + 4, question ? 1 : 0);
    memcpy(out + DNS_HEADER, msg + DNS_HEADER, question);
    return DNS_HEADER + question;
}

size_t dns_reply_code(const uint8_t *msg, size_t len, enum dns_rcode rcode, uint8_t *out, size_t cap)
{
    return message_begin(msg, len, rcode, out, cap);
}

size_t dns_reply_begin(const uint8_t *msg, size_t len, uint8_t *out, size_t cap)
{
    size_t n = message_begin(msg, len, DNS_OK, out, cap);
    if (n)
        out[2] |= MESSAGE_FLAG_AA;
    return n;
}

size_t dns_reply_add(uint8_t *out, size_t n, size_t cap, const struct dns_record *r)
{
    unsigned answers = message_get16(out + 6);
    if (r->len > UINT16_MAX || n + MESSAGE_RECORD + r->len > cap || answers == UINT16_MAX)
        return 0;
    uint8_t *record = out + n;
    message_put16(out + 6, answers + 1);
    message_put16(record, MESSAGE_POINTER);
    message_put16(record + 2, r->type);
    message_put16(record + 4, r->class);
    message_put16(record + 6, r->ttl >> 16);
    message_put16(record + 8, r->ttl & UINT16_MAX);
    message_put16(record + 10, (unsigned)r->len);
    memcpy(record + MESSAGE_RECORD, r->data, r->len);
    return n + MESSAGE_RECORD + r->len;
}

size_t dns_reply_address(const uint8_t *msg, size_t len, const struct dns_query *q, const void *addr, size_t addr_len,
                         uint8_t *out, size_t cap)
{
    const struct dns_record r = {
        .type = addr_len == 4 ? DNS_A : DNS_AAAA,
        .class = q->class,
        .ttl = MESSAGE_TTL,
        .data = addr,
        .len = addr_len,
    };
    size_t n = dns_reply_begin(msg, len, out, cap);
    return n && addr_len ? dns_reply_add(out, n, cap, &r) : n;
}

size_t dns_name_encode(const char *name, uint8_t *out, size_t cap)
{
    size_t n = 0;
    for (const char *label = name; *label;) {
        size_t len = strcspn(label, ".");
        if (!len || len > MESSAGE_LABEL_MAX || n + len + 2 > cap || n + len + 2 > DNS_NAME_MAX)
            return 0;
        out[n++] = (uint8_t)len;
        memcpy(out + n, label, len);
        n += len;
        label += label[len] ? len + 1 : len;
    }
    if (n)
        out[n++] = 0;
    return n;
}

size_t dns_reply_truncated(const uint8_t *reply, size_t len, uint8_t *out, size_t cap)
{
    size_t n = message_begin(reply, len, (enum dns_rcode)(len > 3 ? reply[3] & MESSAGE_RCODE : 0), out, cap);
    if (n)
        out[2] |= MESSAGE_FLAG_TC;
    return n;
}

bool dns_reply_is_truncated(const uint8_t *reply, size_t len)
{
    return len >= DNS_HEADER && reply[2] & MESSAGE_FLAG_TC;
}

bool dns_reply_fits(const uint8_t *reply, size_t len, const uint8_t *msg, size_t msg_len, uint16_t id)
{
    if (len < DNS_HEADER || msg_len < DNS_HEADER || !(reply[2] & MESSAGE_FLAG_QR) || message_get16(reply) != id)
        return false;
    if (!message_get16(reply + 4))
        return (reply[3] & MESSAGE_RCODE) != DNS_OK;
    size_t name = message_name_len(msg, msg_len, DNS_HEADER);
    if (message_get16(reply + 4) != 1 || !name || message_name_len(reply, len, DNS_HEADER) != name ||
        DNS_HEADER + name + 4 > len || DNS_HEADER + name + 4 > msg_len)
        return false;
    /* Servers may change the case of letters; length bytes are below any letter. */
    for (size_t i = 0; i < name; i++) {
        if (tolower(reply[DNS_HEADER + i]) != tolower(msg[DNS_HEADER + i]))
            return false;
    }
    return !memcmp(reply + DNS_HEADER + name, msg + DNS_HEADER + name, 4);
}
