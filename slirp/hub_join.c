/* What a container's place in a network may say. Computes only. */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "slirp/hub_control.h"

static bool join_is_id(const char id[HUB_ID_MAX + 1])
{
    size_t n = strnlen(id, HUB_ID_MAX + 1);
    for (size_t i = 0; i < n; i++)
        if (!isxdigit((unsigned char)id[i]))
            return false;
    return n >= 12 && n <= HUB_ID_MAX; /* 12: what the interface's name is made of */
}

static bool join_is_inside4(const struct hub_join *j)
{
    return slirp_config_has(&j->network, j->ip) && j->ip.s_addr != j->network.gateway.s_addr;
}

static bool join_is_inside6(const struct hub_join *j)
{
    return slirp_config_has6(&j->network, &j->ip6) && memcmp(&j->ip6, &j->network.gateway6, sizeof(j->ip6)) != 0;
}

static bool join_is_route(const struct hub_route *r)
{
    return (r->family == AF_INET && r->prefix_len <= 32) || (r->family == AF_INET6 && r->prefix_len <= 128);
}

struct err *hub_join_check(const struct hub_join *j)
{
    static const uint8_t no_mac[6] = {0};
    struct slirp_config inside = j->network; /* whose interface is checked as well */
    if (!j->network.bridge || !join_is_id(j->container))
        return ERR_NEW(ERR_INVALID, "a malformed request to join a network");
    memcpy(inside.ifname, j->ifname, sizeof(inside.ifname));
    TRY(slirp_config_check(&inside));
    TRY(slirp_config_check(&j->network));
    if (j->network.prefix_len && !join_is_inside4(j))
        return ERR_NEW(ERR_INVALID, "the container's address is outside of the network, or the gateway's");
    if (j->network.ipv6 && !join_is_inside6(j))
        return ERR_NEW(ERR_INVALID, "the container's IPv6 address is outside of the network, or the gateway's");
    if (j->n_routes > HUB_ROUTES_MAX || j->n_servers > RESOLV_SERVERS_MAX)
        return ERR_NEW(ERR_INVALID, "too many routes or resolvers");
    for (size_t i = 0; i < j->n_routes; i++)
        if (!join_is_route(&j->routes[i]))
            return ERR_NEW(ERR_INVALID, "a malformed route");
    if (j->mac[0] & 1 || memcmp(j->mac, no_mac, sizeof(no_mac)) == 0)
        return ERR_NEW(ERR_INVALID, "the container's MAC address is none");
    return j->names_len <= HUB_NAMES_MAX && j->resolv_len <= SLIRP_DNS_TEXT_MAX
               ? NULL
               : ERR_NEW(ERR_INVALID, "too many names or resolvers");
}
