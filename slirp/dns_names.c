#include "slirp/dns_names.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"

#define NAMES_ENTRIES_MAX 65536u
#define NAMES_PER_ENTRY_MAX 1024u
#define NAMES_ARPA4 ".in-addr.arpa"
#define NAMES_ARPA6 ".ip6.arpa"
#define NAMES_NIBBLES6 ((size_t)32)

struct names_container {
    struct dns_names_entry entry;
    struct strv names; /* lower case, without a last dot */
    struct resolv own; /* n 0: none */
};

struct dns_names {
    struct names_container *all;
    size_t n, cap;
};

struct err *dns_names_new(struct dns_names **ret)
{
    *ret = mem_zalloc(sizeof(**ret));
    return *ret ? NULL : err_oom();
}

void dns_names_free(struct dns_names *t)
{
    for (size_t i = 0; t && i < t->n; i++)
        strv_done(&t->all[i].names);
    if (t)
        free(t->all);
    free(t);
}

void dns_names_remove(struct dns_names *t, uint32_t id)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->all[i].entry.id != id)
            continue;
        strv_done(&t->all[i].names);
        t->n--;
        memmove(&t->all[i], &t->all[i + 1], (t->n - i) * sizeof(*t->all)); /* the order is that of coming */
        return;
    }
}

/* Lower case into `ret`; false for what nobody can ask for. */
static bool names_normalize(const char *text, size_t len, char ret[DNS_NAME_MAX + 1])
{
    if (len && text[len - 1] == '.')
        len--;
    if (!len || len > DNS_NAME_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c >= 0x7f)
            return false;
        ret[i] = (char)tolower(c);
    }
    ret[len] = '\0';
    return true;
}

static struct err *names_split(const char *text, size_t len, struct strv *ret)
{
    char name[DNS_NAME_MAX + 1];
    for (size_t at = 0; at < len && ret->count < NAMES_PER_ENTRY_MAX;) {
        const char *newline = memchr(text + at, '\n', len - at);
        size_t n = newline ? (size_t)(newline - text) - at : len - at;
        if (names_normalize(text + at, n, name) && !strv_contains(ret, name))
            TRY(strv_add(ret, name));
        at += n + 1;
    }
    return NULL;
}

static struct names_container *names_find(const struct dns_names *t, uint32_t id)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->all[i].entry.id == id)
            return &t->all[i];
    return NULL;
}

static void names_set_servers(struct names_container *c)
{
    const struct dns_names_entry *e = &c->entry;
    for (; c->own.n < e->n_servers && c->own.n < RESOLV_SERVERS_MAX; c->own.n++) {
        const struct in6_addr *a = &e->servers[c->own.n];
        union slirp_addr *s = &c->own.servers[c->own.n];
        if (IN6_IS_ADDR_V4MAPPED(a)) {
            *s = (union slirp_addr){.in = {.sin_family = AF_INET, .sin_port = htons(RESOLV_PORT)}};
            memcpy(&s->in.sin_addr, &a->s6_addr[12], sizeof(s->in.sin_addr));
        } else {
            *s = (union slirp_addr){.in6 = {.sin6_family = AF_INET6, .sin6_port = htons(RESOLV_PORT), .sin6_addr = *a}};
        }
    }
}

struct err *dns_names_set(struct dns_names *t, const struct dns_names_entry *e, const char *text, size_t len)
{
    struct strv names = STRV_INIT;
    struct err *err = names_split(text, len, &names);
    struct names_container *known = names_find(t, e->id);
    if (!err && !known)
        err = mem_grow(&t->all, t->n, &t->cap, sizeof(*t->all), NAMES_ENTRIES_MAX);
    if (err) {
        strv_done(&names);
        return err;
    }
    if (!known) {
        known = &t->all[t->n++];
        *known = (struct names_container){.names = STRV_INIT};
    }
    strv_done(&known->names);
    *known = (struct names_container){.entry = *e, .names = names};
    names_set_servers(known);
    return NULL;
}

/* --- questions */

/* "web.dns.podman" is "web"; *ret_inside tells. `name` is cut in place. */
static void names_cut_domain(char *name, bool *ret_inside)
{
    static const char domain[] = "." DNS_NAMES_DOMAIN;
    size_t n = strlen(name), d = sizeof(domain) - 1;
    *ret_inside = n > d && strcmp(name + n - d, domain) == 0;
    if (*ret_inside)
        name[n - d] = '\0';
}

static size_t names_reply_addresses(const struct dns_names *t, const uint8_t *msg, size_t len,
                                    const struct dns_query *q, const char *name, bool *ret_known, uint8_t *out,
                                    size_t cap)
{
    size_t n = dns_reply_begin(msg, len, out, cap);
    for (size_t i = 0; n && i < t->n; i++) {
        const struct names_container *c = &t->all[i];
        if (!strv_contains(&c->names, name))
            continue;
        *ret_known = true;
        struct dns_record r = {.type = q->type, .class = q->class, .ttl = DNS_NAMES_TTL};
        if (q->type == DNS_A && c->entry.has4)
            r.data = &c->entry.ip, r.len = sizeof(c->entry.ip);
        else if (q->type == DNS_AAAA && c->entry.has6)
            r.data = &c->entry.ip6, r.len = sizeof(c->entry.ip6);
        if (r.len)
            n = dns_reply_add(out, n, cap, &r);
    }
    return n;
}

/* "2.0.89.10.in-addr.arpa" is 10.89.0.2. */
static bool names_parse_arpa4(const char *name, struct in_addr *ret)
{
    unsigned b[4];
    char text[INET_ADDRSTRLEN], rest;
    size_t n = strlen(name), tail = sizeof(NAMES_ARPA4) - 1;
    if (n <= tail || n - tail >= sizeof(text) || strcmp(name + n - tail, NAMES_ARPA4) != 0)
        return false;
    memcpy(text, name, n - tail);
    text[n - tail] = '\0';
    if (sscanf(text, "%3u.%3u.%3u.%3u%c", &b[0], &b[1], &b[2], &b[3], &rest) != 4)
        return false;
    for (size_t i = 0; i < 4; i++)
        if (b[i] > 255)
            return false;
    ret->s_addr = htonl(b[3] << 24 | b[2] << 16 | b[1] << 8 | b[0]);
    return true;
}

/* 32 digits, the last of the address first, a dot behind each (RFC 3596, 2.5). */
static bool names_parse_arpa6(const char *name, struct in6_addr *ret)
{
    if (strlen(name) != 2 * NAMES_NIBBLES6 - 1 + sizeof(NAMES_ARPA6) - 1 ||
        strcmp(name + 2 * NAMES_NIBBLES6 - 1, NAMES_ARPA6) != 0)
        return false;
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < NAMES_NIBBLES6; i++) {
        char c = name[2 * i];
        if (!isxdigit((unsigned char)c) || name[2 * i + 1] != '.')
            return false;
        unsigned v = (unsigned)(isdigit((unsigned char)c) ? c - '0' : c - 'a' + 10);
        size_t at = NAMES_NIBBLES6 - 1 - i;
        ret->s6_addr[at / 2] = (uint8_t)(ret->s6_addr[at / 2] | v << (at % 2 ? 0 : 4));
    }
    return true;
}

static const struct names_container *names_of_address(const struct dns_names *t, const char *name)
{
    struct in_addr ip = {0};
    struct in6_addr ip6;
    bool four = names_parse_arpa4(name, &ip), six = !four && names_parse_arpa6(name, &ip6);
    for (size_t i = 0; (four || six) && i < t->n; i++) {
        const struct names_container *c = &t->all[i];
        if (!c->names.count)
            continue;
        if (four && c->entry.has4 && c->entry.ip.s_addr == ip.s_addr)
            return c;
        if (six && c->entry.has6 && memcmp(&c->entry.ip6, &ip6, sizeof(ip6)) == 0)
            return c;
    }
    return NULL;
}

/* The container's own name, below the domain in which it can be looked up from everywhere. */
static size_t names_reply_pointer(const struct names_container *c, const uint8_t *msg, size_t len,
                                  const struct dns_query *q, uint8_t *out, size_t cap)
{
    char full[DNS_NAME_MAX + sizeof(DNS_NAMES_DOMAIN) + 2];
    uint8_t wire[DNS_NAME_MAX + 1];
    size_t n = dns_reply_begin(msg, len, out, cap);
    if (q->type != DNS_PTR)
        return n;
    (void)snprintf(full, sizeof(full), "%s.%s", c->names.items[0], DNS_NAMES_DOMAIN);
    size_t size = dns_name_encode(full, wire, sizeof(wire));
    const struct dns_record r = {.type = DNS_PTR, .class = q->class, .ttl = DNS_NAMES_TTL, .data = wire, .len = size};
    return n && size ? dns_reply_add(out, n, cap, &r) : n;
}

enum dns_names_verdict dns_names_ask(const struct dns_names *t, const uint8_t *msg, size_t len,
                                     const struct dns_query *q, uint8_t *out, size_t cap, size_t *ret_len)
{
    char name[DNS_NAME_MAX + 1];
    bool inside, known = false;
    memcpy(name, q->name, sizeof(name));
    names_cut_domain(name, &inside);
    if (!*name)
        return DNS_NAMES_NOTHING;
    const struct names_container *c = inside ? NULL : names_of_address(t, name);
    if (c)
        *ret_len = names_reply_pointer(c, msg, len, q, out, cap);
    else
        *ret_len = names_reply_addresses(t, msg, len, q, name, &known, out, cap);
    if (!c && !known)
        return inside ? DNS_NAMES_NOBODY : DNS_NAMES_NOTHING;
    if (!*ret_len) /* too many for a message: an error, rather than somebody else's answer */
        *ret_len = dns_reply_code(msg, len, DNS_SERVFAIL, out, cap);
    return DNS_NAMES_ANSWER;
}

static const struct names_container *names_asker(const struct dns_names *t, const union slirp_addr *from)
{
    bool six = from->sa.sa_family == AF_INET6;
    for (size_t i = 0; i < t->n; i++) {
        const struct dns_names_entry *e = &t->all[i].entry;
        if (six ? e->has6 && memcmp(&e->ip6, &from->in6.sin6_addr, sizeof(e->ip6)) == 0
                : e->has4 && e->ip.s_addr == from->in.sin_addr.s_addr)
            return &t->all[i];
    }
    return NULL;
}

bool dns_names_has_more(const struct dns_names *t, const union slirp_addr *from)
{
    const struct names_container *c = names_asker(t, from);
    return c && c->entry.more;
}

const struct resolv *dns_names_servers(const struct dns_names *t, const union slirp_addr *from)
{
    const struct names_container *c = names_asker(t, from);
    return c && c->own.n ? &c->own : NULL;
}
