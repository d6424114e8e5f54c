#include "engine/network/route.h"

#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/strv.h"

/* A network, not an address inside of one. */
static struct err *parse_destination(const char *text, struct subnet *ret)
{
    AUTO_FREE char *address = NULL;
    struct ip_addr a;
    struct err *e = subnet_parse(text, ret);
    bool bad = e != NULL;
    err_drop(e);
    if (bad)
        return ERR_NEW(ERR_INVALID, "invalid route destination %s", text);
    TRY(mem_strndup(text, strcspn(text, "/"), &address));
    return ip_parse(address, &a) && ip_equal(&a, &ret->first)
               ? NULL
               : ERR_NEW(ERR_INVALID, "route destination invalid: %s has bits set behind its prefix", text);
}

static struct err *parse_metric(const char *text, uint32_t *ret)
{
    uint64_t metric = 0;
    struct err *e = number_parse_u64(text, UINT32_MAX, &metric);
    bool bad = e != NULL;
    err_drop(e);
    if (bad)
        return ERR_NEW(ERR_INVALID, "invalid route metric %s", text);
    *ret = (uint32_t)metric;
    return NULL;
}

struct err *route_parse(const char *text, struct route *ret)
{
    AUTO_STRV struct strv words = STRV_INIT;
    struct route r = {.metric = ROUTE_METRIC};
    TRY(strv_split(text, ',', &words));
    if (words.count != 2 && words.count != 3)
        return ERR_NEW(ERR_INVALID,
                       "invalid route: %s\nFormat: --route <destination in CIDR>,<gateway>,<metric (optional)>", text);
    TRY(parse_destination(words.items[0], &r.to));
    if (!ip_parse(words.items[1], &r.gateway))
        return ERR_NEW(ERR_INVALID, "invalid route gateway %s", words.items[1]);
    if (r.gateway.family != r.to.first.family)
        return ERR_NEW(ERR_INVALID, "invalid route: %s: destination and gateway are of different IP versions", text);
    if (words.count == 3)
        TRY(parse_metric(words.items[2], &r.metric));
    *ret = r;
    return NULL;
}

struct err *route_text(const struct route *r, char **ret)
{
    struct ip_text to = subnet_text(&r->to), gateway = ip_text(&r->gateway);
    return r->metric == ROUTE_METRIC ? mem_asprintf(ret, "%s,%s", to.s, gateway.s)
                                     : mem_asprintf(ret, "%s,%s,%u", to.s, gateway.s, r->metric);
}
