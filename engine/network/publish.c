#include "engine/network/publish.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"

#define PUBLISH_MAX 65536 /* mappings of one container */

struct range {
    uint32_t first, count;
};

void publish_list_done(struct publish_list *l)
{
    mem_freep(&l->items);
    *l = (struct publish_list){0};
}

const char *publish_proto_name(enum publish_proto p)
{
    static const char *const names[] = {[PUBLISH_TCP] = "tcp", [PUBLISH_UDP] = "udp", [PUBLISH_SCTP] = "sctp"};
    return names[p];
}

static struct err *add(struct publish_list *l, const struct publish *p)
{
    TRY(mem_grow(&l->items, l->count, &l->cap, sizeof(*l->items), PUBLISH_MAX));
    l->items[l->count++] = *p;
    return NULL;
}

/* --- parsing */

/* Go's message, as Podman shows it. */
static struct err *parse_port(const char *text, uint32_t *ret)
{
    int64_t v = 0;
    struct err *e = number_parse_i64(text, INT32_MIN, INT32_MAX, &v);
    if (e) {
        err_drop(e);
        return ERR_NEW(ERR_INVALID, "invalid port number: strconv.Atoi: parsing \"%s\": invalid syntax", text);
    }
    if (v < 1 || v > 65535)
        return ERR_NEW(ERR_INVALID, "port numbers must be between 1 and 65535 (inclusive), got %lld", (long long)v);
    *ret = (uint32_t)v;
    return NULL;
}

/* "80" or "80-90". */
static struct err *parse_range(const char *text, struct range *ret)
{
    AUTO_STRV struct strv ends = STRV_INIT;
    TRY(strv_split(text, '-', &ends));
    if (ends.count > 2)
        return ERR_NEW(ERR_INVALID, "invalid port format - port ranges are formatted as startPort-stopPort");
    uint32_t last = 0;
    TRY(parse_port(ends.items[0], &ret->first));
    last = ret->first;
    if (ends.count == 2) {
        TRY(parse_port(ends.items[1], &last));
        if (last <= ret->first)
            return ERR_NEW(ERR_INVALID,
                           "the end port of a range must be higher than the start port - %u is not higher than %u",
                           last, ret->first);
    }
    ret->count = last - ret->first + 1;
    return NULL;
}

/* "80/udp": the protocols, comma-separated in Podman, as a set of bits. Cuts them off `text`. */
static struct err *cut_protocols(char *text, unsigned *ret)
{
    char *slash = strchr(text, '/');
    *ret = 1u << PUBLISH_TCP;
    if (!slash)
        return NULL;
    *slash = '\0';
    *ret = 0;
    AUTO_STRV struct strv names = STRV_INIT;
    TRY(strv_split(slash + 1, ',', &names));
    for (size_t i = 0; i < names.count; i++) {
        unsigned p = PUBLISH_TCP;
        while (p <= PUBLISH_SCTP && strcasecmp(names.items[i], publish_proto_name((enum publish_proto)p)) != 0)
            p++;
        if (p > PUBLISH_SCTP)
            return ERR_NEW(ERR_INVALID, "unrecognized protocol \"%s\" in port mapping", names.items[i]);
        *ret |= 1u << p;
    }
    return NULL;
}

/* One text for one address, so that they can be compared. */
static struct err *put_address(int family, const char *text, char ret[INET6_ADDRSTRLEN])
{
    char buf[sizeof(struct in6_addr)];
    if (inet_pton(family, text, buf) != 1)
        return ERR_NEW(ERR_INVALID, "cannot parse \"%s\" as an IP address", text);
    (void)inet_ntop(family, buf, ret, INET6_ADDRSTRLEN);
    return NULL;
}

/* "[::1]:80:80" or "1.2.3.4:80:80": the address is taken off. *ret_rest is what follows its colon. */
static struct err *cut_address(char *text, char **ret_rest, char ret_ip[INET6_ADDRSTRLEN])
{
    *ret_rest = text;
    if (text[0] == '[') {
        char *end = strstr(text, "]:");
        if (!end)
            return ERR_NEW(ERR_INVALID, "invalid IPv6 format - format is [ipv6Address]:hostPort:containerPort");
        *end = '\0';
        *ret_rest = end + 2;
        return put_address(AF_INET6, text + 1, ret_ip);
    }
    char *colon = strchr(text, ':');
    if (!colon || !strchr(colon + 1, ':'))
        return NULL;
    *colon = '\0';
    *ret_rest = colon + 1;
    if (text[0] == '\0')
        return ERR_NEW(ERR_INVALID, "must provide a non-empty container host IP to publish");
    return put_address(AF_INET, text, ret_ip);
}

/* A range goes to a range of the same length; without a host port each gets one of its own. */
static struct err *add_ranges(const char *host, const char *container, unsigned protocols, struct publish *model,
                              struct publish_list *l)
{
    struct range c = {0}, h = {0};
    bool any = !host || host[0] == '\0';
    TRY_WRAP(parse_range(container, &c), "parsing container port");
    if (!any)
        TRY_WRAP(parse_range(host, &h), "parsing host port");
    if (!any && h.count != c.count)
        return ERR_NEW(ERR_INVALID, "host and container port ranges have different lengths: %u vs %u", h.count,
                       c.count);
    for (unsigned p = PUBLISH_TCP; p <= PUBLISH_SCTP; p++) {
        if (!(protocols >> p & 1))
            continue;
        model->proto = (enum publish_proto)p;
        model->count = any ? 1 : c.count;
        model->host_port = (uint16_t)h.first;
        for (uint32_t i = 0; i < c.count; i += model->count) {
            model->ct_port = (uint16_t)(c.first + i);
            TRY(add(l, model));
        }
    }
    return NULL;
}

struct err *publish_parse(const char *value, struct publish_list *l)
{
    struct publish model = {.host_ip = ""};
    unsigned protocols = 0;
    if (value[0] == '\0')
        return ERR_NEW(ERR_INVALID, "invalid port format - format is [[hostIP:]hostPort:]containerPort");
    AUTO_FREE char *text = NULL;
    TRY(mem_strdup(value, &text));
    TRY(cut_protocols(text, &protocols));
    size_t colons = 0;
    for (const char *p = text; *p && text[0] != '['; p++)
        colons += *p == ':';
    if (colons > 2)
        return ERR_NEW(ERR_INVALID, "invalid port format - format is [[hostIP:]hostPort:]containerPort");
    char *rest = text;
    TRY(cut_address(text, &rest, model.host_ip));
    char *colon = strchr(rest, ':');
    if (colon)
        *colon = '\0';
    return add_ranges(colon ? rest : NULL, colon ? colon + 1 : rest, protocols, &model, l);
}

struct err *publish_parse_exposed(const char *value, struct publish_list *l)
{
    struct publish model = {.host_ip = ""};
    struct range r = {0};
    unsigned protocols = 0;
    AUTO_FREE char *text = NULL;
    TRY(mem_strdup(value, &text));
    TRY_WRAP(cut_protocols(text, &protocols), "validating protocols for exposed port %.*s", (int)strcspn(value, "/"),
             value);
    TRY_WRAP(parse_range(text, &r), "invalid range format for --expose: %s", text);
    return add_ranges(NULL, text, protocols, &model, l);
}

struct err *publish_parse_all(const struct strv *values, struct publish_list *l)
{
    for (size_t i = 0; i < values->count; i++)
        TRY(publish_parse(values->items[i], l));
    return NULL;
}

/* --- order */

static int by_host(const void *x, const void *y)
{
    const struct publish *a = x, *b = y;
    int ip = strcmp(a->host_ip, b->host_ip);
    if (ip || a->proto != b->proto)
        return ip ? ip : (int)a->proto - (int)b->proto;
    return a->host_port != b->host_port ? a->host_port - b->host_port : a->ct_port - b->ct_port;
}

static bool same_place(const struct publish *a, const struct publish *b)
{
    return a->proto == b->proto && strcmp(a->host_ip, b->host_ip) == 0;
}

/* Put the next one (in order of host ports) behind `last`, or say why it can't be there. */
static struct err *join(struct publish *last, const struct publish *next, bool *ret_joined)
{
    uint32_t end = (uint32_t)last->host_port + last->count;
    *ret_joined = false;
    if (!same_place(last, next) || !last->host_port || !next->host_port || next->host_port > end)
        return NULL;
    bool in_step = next->ct_port - last->ct_port == next->host_port - last->host_port;
    if (!in_step && next->host_port == end)
        return NULL;
    if (!in_step)
        return ERR_NEW(ERR_INVALID, "conflicting port mappings for host port %u (protocol %s)", next->host_port,
                       publish_proto_name(next->proto));
    uint32_t next_end = (uint32_t)next->host_port + next->count;
    if (next_end > end)
        last->count = next_end - last->host_port;
    *ret_joined = true;
    return NULL;
}

struct err *publish_settle(struct publish_list *l)
{
    size_t kept = 0;
    if (!l->count)
        return NULL;
    qsort(l->items, l->count, sizeof(*l->items), by_host);
    for (size_t i = 1; i < l->count; i++) {
        bool joined;
        TRY(join(&l->items[kept], &l->items[i], &joined));
        if (!joined)
            l->items[++kept] = l->items[i];
    }
    l->count = kept + 1;
    return NULL;
}

/* --- to addresses and texts */

struct err *publish_address(const struct publish *p, struct slirp_port *ret)
{
    if (p->proto == PUBLISH_SCTP)
        return ERR_NEW(ERR_UNSUPPORTED, "port %u/sctp: forwarding of SCTP is not built yet", p->ct_port);
    struct slirp_port s = {.proto = p->proto == PUBLISH_UDP ? SLIRP_UDP : SLIRP_TCP};
    if (p->host_ip[0] && !strchr(p->host_ip, ':')) {
        s.host.in.sin_family = AF_INET;
        (void)inet_pton(AF_INET, p->host_ip, &s.host.in.sin_addr);
    } else {
        s.host.in6.sin6_family = AF_INET6; /* unspecified: both families */
        (void)inet_pton(AF_INET6, p->host_ip[0] ? p->host_ip : "::", &s.host.in6.sin6_addr);
    }
    s.host.in.sin_port = htons(p->host_port); /* at the same place in both */
    s.guest.in.sin_family = AF_INET;
    s.guest.in.sin_port = htons(p->ct_port);
    *ret = s;
    return NULL;
}

/* "80", "80-82". */
static struct publish_text range_text(uint32_t first, uint32_t count)
{
    struct publish_text t;
    (void)snprintf(t.s, sizeof(t.s), count > 1 ? "%u-%u" : "%u", first, first + count - 1);
    return t;
}

struct publish_text publish_text(const struct publish *p)
{
    struct publish_text t;
    bool six = strchr(p->host_ip, ':') != NULL;
    const struct publish_text host = range_text(p->host_port, p->count), ct = range_text(p->ct_port, p->count);
    (void)snprintf(t.s, sizeof(t.s), "%s%.46s%s%s%.12s%s%.12s/%s", six ? "[" : "", p->host_ip, six ? "]" : "",
                   p->host_ip[0] ? ":" : "", p->host_port ? host.s : "", p->host_port || p->host_ip[0] ? ":" : "", ct.s,
                   publish_proto_name(p->proto));
    return t;
}

struct publish_text publish_arrow(const struct publish *p)
{
    struct publish_text t;
    const struct publish_text host = range_text(p->host_port, p->count), ct = range_text(p->ct_port, p->count);
    (void)snprintf(t.s, sizeof(t.s), "%.46s:%.12s->%.12s/%s", p->host_ip[0] ? p->host_ip : "0.0.0.0", host.s, ct.s,
                   publish_proto_name(p->proto));
    return t;
}
