/* -p and --expose: checked when given, kept as text. */
#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "engine/container/spec_internal.h"

struct port_range {
    uint32_t first, count;
};

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
static struct err *parse_range(const char *text, struct port_range *ret)
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

/* "80/udp": the protocols, comma-separated in Podman. Cuts them off `text`. */
static struct err *cut_protocol(char *text)
{
    char *slash = strchr(text, '/');
    if (!slash)
        return NULL;
    *slash = '\0';
    AUTO_STRV struct strv names = STRV_INIT;
    TRY(strv_split(slash + 1, ',', &names));
    for (size_t i = 0; i < names.count; i++) {
        const char *n = names.items[i];
        if (strcasecmp(n, "tcp") != 0 && strcasecmp(n, "udp") != 0 && strcasecmp(n, "sctp") != 0)
            return ERR_NEW(ERR_INVALID, "unrecognized protocol \"%s\" in port mapping", n);
    }
    return NULL;
}

/* "[::1]:80:80" or "1.2.3.4:80:80": the address is taken off and checked. *ret_rest is what follows its colon. */
static struct err *cut_address(char *text, char **ret_rest)
{
    char buf[sizeof(struct in6_addr)];
    *ret_rest = text;
    if (text[0] == '[') {
        char *end = strstr(text, "]:");
        if (!end)
            return ERR_NEW(ERR_INVALID, "invalid IPv6 format - format is [ipv6Address]:hostPort:containerPort");
        *end = '\0';
        *ret_rest = end + 2;
        if (inet_pton(AF_INET6, text + 1, buf) != 1)
            return ERR_NEW(ERR_INVALID, "cannot parse \"%s\" as an IP address", text + 1);
        return NULL;
    }
    char *colon = strchr(text, ':');
    if (!colon || !strchr(colon + 1, ':'))
        return NULL;
    *colon = '\0';
    *ret_rest = colon + 1;
    if (text[0] == '\0')
        return ERR_NEW(ERR_INVALID, "must provide a non-empty container host IP to publish");
    if (inet_pton(AF_INET, text, buf) != 1)
        return ERR_NEW(ERR_INVALID, "cannot parse \"%s\" as an IP address", text);
    return NULL;
}

/* A range goes to a range of the same length; without a host port one is chosen at start. */
static struct err *check_ports(const char *host, const char *container)
{
    struct port_range c = {0}, h = {0};
    TRY_WRAP(parse_range(container, &c), "parsing container port");
    if (!host || host[0] == '\0')
        return NULL;
    TRY_WRAP(parse_range(host, &h), "parsing host port");
    if (h.count != c.count)
        return ERR_NEW(ERR_INVALID, "host and container port ranges have different lengths: %u vs %u", h.count,
                       c.count);
    return NULL;
}

/* [[address:][host port]:]container port[/protocol]. Checked in pieces, kept whole. */
struct err *spec_add_publish(struct container_spec *s, const char *value)
{
    if (value[0] == '\0')
        return ERR_NEW(ERR_INVALID, "invalid port format - format is [[hostIP:]hostPort:]containerPort");
    AUTO_FREE char *text = NULL;
    TRY(mem_strdup(value, &text));
    TRY(cut_protocol(text));
    size_t colons = 0;
    for (const char *p = text; *p && text[0] != '['; p++)
        colons += *p == ':';
    if (colons > 2)
        return ERR_NEW(ERR_INVALID, "invalid port format - format is [[hostIP:]hostPort:]containerPort");
    char *rest = text;
    TRY(cut_address(text, &rest));
    char *colon = strchr(rest, ':');
    if (colon)
        *colon = '\0';
    TRY(check_ports(colon ? rest : NULL, colon ? colon + 1 : rest));
    return strv_add(&s->publish, value);
}

/* As the container's half of -p. */
struct err *spec_check_expose(const char *value)
{
    AUTO_FREE char *text = NULL;
    TRY(mem_strdup(value, &text));
    TRY_WRAP(cut_protocol(text), "validating protocols for exposed port %.*s", (int)strcspn(value, "/"), value);
    struct port_range r = {0};
    return ERR_WRAP(parse_range(text, &r), "invalid range format for --expose: %s", text);
}
