#include "engine/network/subnet.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"

static size_t ip_size(int family)
{
    return family == AF_INET6 ? 16 : 4;
}

bool ip_parse(const char *text, struct ip_addr *ret)
{
    struct ip_addr a = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
    if (inet_pton(a.family, text, a.b) != 1)
        return false;
    *ret = a;
    return true;
}

struct ip_text ip_text(const struct ip_addr *a)
{
    struct ip_text t = {""};
    if (a->family != AF_UNSPEC)
        (void)inet_ntop(a->family, a->b, t.s, sizeof(t.s));
    return t;
}

int ip_compare(const struct ip_addr *a, const struct ip_addr *b)
{
    return memcmp(a->b, b->b, ip_size(a->family));
}

bool ip_equal(const struct ip_addr *a, const struct ip_addr *b)
{
    return a->family == b->family && (a->family == AF_UNSPEC || ip_compare(a, b) == 0);
}

struct ip_addr ip_next(const struct ip_addr *a)
{
    struct ip_addr next = *a;
    for (size_t i = ip_size(a->family); i-- > 0;)
        if (++next.b[i])
            break;
    return next;
}

/* The bits behind the prefix: all cleared, or all set. */
static struct ip_addr fill(const struct ip_addr *a, unsigned prefix_len, bool set)
{
    struct ip_addr r = *a;
    for (size_t i = 0; i < ip_size(a->family); i++) {
        unsigned kept = prefix_len > 8 * i ? prefix_len - 8 * (unsigned)i : 0;
        unsigned behind = kept >= 8 ? 0 : 0xffu >> kept, bits = r.b[i];
        r.b[i] = (uint8_t)((set ? bits | behind : bits & ~behind) & 0xff);
    }
    return r;
}

struct subnet subnet_around(const struct ip_addr *a, unsigned prefix_len)
{
    return (struct subnet){.first = fill(a, prefix_len, false), .prefix_len = prefix_len};
}

static bool parse_cidr(const char *text, struct subnet *ret)
{
    char address[INET6_ADDRSTRLEN];
    struct ip_addr a;
    uint64_t len = 0;
    const char *slash = strchr(text, '/');
    if (!slash || (size_t)(slash - text) >= sizeof(address))
        return false;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    if (!ip_parse(address, &a))
        return false;
    struct err *e = number_parse_u64(slash + 1, 8 * ip_size(a.family), &len);
    bool good = !e;
    err_drop(e);
    if (good)
        *ret = subnet_around(&a, (unsigned)len);
    return good;
}

struct err *subnet_parse(const char *text, struct subnet *ret)
{
    return parse_cidr(text, ret) ? NULL : ERR_NEW(ERR_INVALID, "invalid CIDR address: %s", text);
}

struct ip_text subnet_text(const struct subnet *n)
{
    struct ip_text t = ip_text(&n->first);
    size_t len = strlen(t.s);
    (void)snprintf(t.s + len, sizeof(t.s) - len, "/%u", n->prefix_len & 0xff);
    return t;
}

struct ip_addr subnet_last(const struct subnet *n)
{
    return fill(&n->first, n->prefix_len, true);
}

bool subnet_contains(const struct subnet *n, const struct ip_addr *a)
{
    struct ip_addr first = fill(a, n->prefix_len, false);
    return a->family == n->first.family && ip_compare(&first, &n->first) == 0;
}

/* Of two networks with an address in common, one contains the other. */
bool subnet_overlaps(const struct subnet *a, const struct subnet *b)
{
    return subnet_contains(a, &b->first) || subnet_contains(b, &a->first);
}

bool subnet_is_host(const struct subnet *n, const struct ip_addr *a)
{
    struct ip_addr last = subnet_last(n);
    if (!subnet_contains(n, a) || ip_equal(a, &n->first))
        return false;
    return a->family == AF_INET6 || !ip_equal(a, &last);
}

bool subnet_next(const struct subnet *n, struct subnet *ret)
{
    struct ip_addr last = subnet_last(n), next = ip_next(&last);
    if (ip_compare(&next, &last) <= 0)
        return false;
    *ret = (struct subnet){.first = next, .prefix_len = n->prefix_len};
    return true;
}

struct err *subnet_parse_range(const char *text, struct ip_addr *ret_first, struct ip_addr *ret_last)
{
    AUTO_FREE char *first = NULL;
    struct ip_addr a, b;
    const char *dash = strchr(text, '-');
    if (!dash) {
        struct subnet n;
        TRY(subnet_parse(text, &n));
        *ret_first = ip_next(&n.first);
        *ret_last = subnet_last(&n);
        return NULL;
    }
    TRY(mem_strndup(text, (size_t)(dash - text), &first));
    if (!ip_parse(first, &a))
        return ERR_NEW(ERR_INVALID, "range start ip \"%s\" is not a valid ip address", first);
    if (!ip_parse(dash + 1, &b))
        return ERR_NEW(ERR_INVALID, "range end ip \"%s\" is not a valid ip address", dash + 1);
    if (a.family != b.family || ip_compare(&a, &b) > 0)
        return ERR_NEW(ERR_INVALID, "lease range start ip %s is behind its end ip %s", first, dash + 1);
    *ret_first = a;
    *ret_last = b;
    return NULL;
}
