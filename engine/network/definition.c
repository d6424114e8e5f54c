/* From the options of `network create` to a definition. Subnets that nobody named are the first free ones of the pools
 * that Podman uses (default_subnet_pools of containers.conf(5)), IPv6 ones are random (RFC 4193). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/ident.h"
#include "base/mem.h"
#include "base/number.h"
#include "engine/network/internal.h"
#include "slirp/config.h"

#define TAKEN_MAX 65536
#define PREFIX6 64u /* of those that are made up: RFC 4291, 2.5.4 */
#define PREFIX4_MAX 30u

void network_done(struct network *n)
{
    char **strings[] = {&n->id, &n->name, &n->driver, &n->interface};
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        mem_freep(strings[i]);
    strv_done(&n->dns_servers);
    strv_done(&n->labels);
    strv_done(&n->options);
}

void network_free(struct network *n)
{
    if (!n)
        return;
    network_done(n);
    mem_freep(&n);
}

void network_taken_done(struct network_taken *t)
{
    mem_freep(&t->subnets);
    strv_done(&t->interfaces);
    *t = (struct network_taken){0};
}

struct err *network_taken_add(struct network_taken *t, const struct subnet *s)
{
    TRY(mem_grow(&t->subnets, t->n_subnets, &t->cap_subnets, sizeof(*t->subnets), TAKEN_MAX));
    t->subnets[t->n_subnets++] = *s;
    return NULL;
}

static bool is_taken(const struct network_taken *t, const struct subnet *s)
{
    for (size_t i = 0; i < t->n_subnets; i++)
        if (subnet_overlaps(&t->subnets[i], s))
            return true;
    return false;
}

const struct network_subnet *network_subnet_of(const struct network *n, int family)
{
    for (size_t i = 0; i < n->n_subnets; i++)
        if (n->subnets[i].net.first.family == family)
            return &n->subnets[i];
    return NULL;
}

const char *network_option(const struct network *n, const char *key)
{
    return strv_env_get(&n->options, key);
}

/* --- names */

struct err *network_check_name(const char *name)
{
    static const char *const modes[] = {"bridge",  "container", "default",     "host", "none", "ns",
                                        "private", "pasta",     "slirp4netns", "pod",  "slirp"};
    if (!ident_is_name(name))
        return ERR_NEW(ERR_INVALID,
                       "network name %s invalid: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument", name);
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (strcmp(modes[i], name) == 0)
            return ERR_NEW(ERR_INVALID,
                           "cannot create network with name \"%s\" because it conflicts with a valid network mode",
                           name);
    return strlen(name) <= 255 ? NULL : ERR_NEW(ERR_INVALID, "a network's name has 255 characters at most");
}

static struct err *set_interface(const char *asked, const struct network_taken *taken, struct network *n)
{
    struct slirp_config c;
    if (asked) {
        TRY_WRAP(slirp_config_set_ifname(&c, asked), "bridge name %s invalid", asked);
        if (strv_contains(&taken->interfaces, asked))
            return ERR_NEW(ERR_EXISTS, "bridge name %s already in use", asked);
        return mem_replace(&n->interface, asked);
    }
    for (unsigned i = 1; i <= taken->interfaces.count + 1; i++) {
        AUTO_FREE char *name = NULL;
        TRY(mem_asprintf(&name, "podman%u", i));
        if (!strv_contains(&taken->interfaces, name))
            return mem_replace(&n->interface, name);
    }
    return ERR_NEW(ERR_INTERNAL, "no name for a bridge is free");
}

/* --- options */

static struct err *check_mtu(const char *value)
{
    int64_t mtu;
    struct err *e = number_parse_i64(value, INT32_MIN, INT32_MAX, &mtu);
    if (e) {
        err_drop(e);
        return ERR_NEW(ERR_INVALID, "strconv.Atoi: parsing \"%s\": invalid syntax", value);
    }
    if (mtu < 0)
        return ERR_NEW(ERR_INVALID, "mtu %lld is less than zero", (long long)mtu);
    if (mtu && (mtu < SLIRP_MTU_MIN || mtu > SLIRP_MTU_MAX))
        return ERR_NEW(ERR_INVALID, "an MTU of %lld is not possible: %u to %u", (long long)mtu, SLIRP_MTU_MIN,
                       SLIRP_MTU_MAX);
    return NULL;
}

static struct err *check_bool(const char *value)
{
    static const char *const words[] = {"true",  "1", "t", "T", "TRUE",  "True",
                                        "false", "0", "f", "F", "FALSE", "False"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i], value) == 0)
            return NULL;
    return ERR_NEW(ERR_INVALID, "strconv.ParseBool: parsing \"%s\": invalid syntax", value);
}

/* Networks are isolated from each other by construction, whatever is asked for. */
static struct err *check_isolate(const char *value)
{
    return strcmp(value, "strict") == 0 ? NULL : check_bool(value);
}

static struct err *check_metric(const char *value)
{
    uint64_t metric;
    struct err *e = number_parse_u64(value, UINT32_MAX, &metric);
    err_drop(e);
    return e ? ERR_NEW(ERR_INVALID, "strconv.ParseUint: parsing \"%s\": invalid syntax", value) : NULL;
}

/* The bridge drops frames with other tags. Networks are apart without it. */
static struct err *check_vlan(const char *value)
{
    int64_t vlan;
    struct err *e = number_parse_i64(value, INT32_MIN, INT32_MAX, &vlan);
    if (e) {
        err_drop(e);
        return ERR_NEW(ERR_INVALID, "strconv.Atoi: parsing \"%s\": invalid syntax", value);
    }
    return vlan >= 0 && vlan <= (int64_t)SLIRP_VLAN_MAX
               ? NULL
               : ERR_NEW(ERR_INVALID, "vlan ID %lld must be between 0 and %u", (long long)vlan, SLIRP_VLAN_MAX);
}

static struct err *not_built(const char *value)
{
    (void)value;
    return ERR_NEW(ERR_UNSUPPORTED, "not possible with networks that need no rights on the host");
}

static struct err *check_option(const char *option, struct network *n)
{
    static const struct {
        const char *name, *means;
        struct err *(*check)(const char *value);
    } known[] = {
        {"mtu", "mtu", check_mtu},
        {"com.docker.network.driver.mtu", "mtu", check_mtu},
        {"isolate", "isolate", check_isolate},
        {"metric", "metric", check_metric},
        {"no_default_route", "no_default_route", check_bool},
        {"com.docker.network.bridge.name", "com.docker.network.bridge.name", NULL},
        {"vlan", "vlan", check_vlan},
        {"vrf", "vrf", not_built},
        {"mode", "mode", not_built},
        {"host_interface_name", "host_interface_name", not_built},
        {"bclim", "bclim", not_built},
    };
    size_t len = strcspn(option, "=");
    const char *value = option[len] ? option + len + 1 : "";
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        AUTO_FREE char *text = NULL;
        if (strlen(known[i].name) != len || strncmp(known[i].name, option, len) != 0)
            continue;
        if (!known[i].check)
            return mem_replace(&n->interface, value);
        TRY_WRAP(known[i].check(value), "network option %s", known[i].name);
        TRY(mem_asprintf(&text, "%s=%s", known[i].means, value));
        return strv_env_set(&n->options, text);
    }
    return ERR_NEW(ERR_INVALID, "unsupported bridge network option %.*s", (int)len, option);
}

static struct err *check_drivers(const struct network_create_opts *o)
{
    const char *driver = o->driver ? o->driver : "bridge", *ipam = o->ipam_driver ? o->ipam_driver : "";
    if (strcmp(driver, "macvlan") == 0 || strcmp(driver, "ipvlan") == 0)
        return ERR_NEW(ERR_UNSUPPORTED,
                       "driver %s gives a container a device of the host, for which an ordinary user lacks the right: "
                       "only bridge is built",
                       driver);
    if (strcmp(driver, "bridge") != 0)
        return ERR_NEW(ERR_INVALID, "unsupported driver %s: invalid argument", driver);
    if (strcmp(ipam, "dhcp") == 0)
        return ERR_NEW(
            ERR_UNSUPPORTED,
            "ipam driver \"dhcp\" asks a server on a network of the host's, which an ordinary user's containers "
            "are not on: host-local and none are possible");
    if (strcmp(ipam, IPAM_NONE) == 0 && o->subnets.count)
        return ERR_NEW(ERR_INVALID, "none ipam driver is set but subnets are given");
    if (*ipam && strcmp(ipam, IPAM_HOST_LOCAL) != 0 && strcmp(ipam, IPAM_NONE) != 0)
        return ERR_NEW(ERR_INVALID, "unsupported ipam driver \"%s\"", ipam);
    return NULL;
}

static struct err *take_servers(const struct network_create_opts *o, struct network *n)
{
    struct ip_addr a;
    if (o->dns_servers.count && o->disable_dns)
        return ERR_NEW(ERR_INVALID,
                       "cannot set NetworkDNSServers if DNS is not enabled for the network: invalid argument");
    for (size_t i = 0; i < o->dns_servers.count; i++) {
        if (!ip_parse(o->dns_servers.items[i], &a))
            return ERR_NEW(ERR_INVALID, "invalid DNS server \"%s\": not an IP address", o->dns_servers.items[i]);
        TRY(strv_add(&n->dns_servers, ip_text(&a).s));
    }
    return NULL;
}

struct err *network_change_servers(const struct strv *now, const struct strv *add, const struct strv *drop,
                                   struct strv *ret)
{
    struct ip_addr a;
    TRY(strv_copy(now, ret));
    for (size_t i = 0; i < drop->count; i++) {
        if (!ip_parse(drop->items[i], &a))
            return ERR_NEW(ERR_INVALID, "unable to parse ip %s specified in RemoveDNSServer: invalid argument",
                           drop->items[i]);
        long at = strv_find(ret, ip_text(&a).s);
        if (at >= 0)
            strv_remove(ret, (size_t)at);
    }
    for (size_t i = 0; i < add->count; i++) {
        if (!ip_parse(add->items[i], &a))
            return ERR_NEW(ERR_INVALID, "unable to parse ip %s specified in AddDNSServer: invalid argument",
                           add->items[i]);
        if (!strv_contains(ret, ip_text(&a).s))
            TRY(strv_add(ret, ip_text(&a).s));
    }
    return NULL;
}

/* --- subnets */

static struct err *check_subnet(const struct subnet *s, const struct network_taken *taken, const struct network *n)
{
    const char *text = subnet_text(s).s;
    if (s->first.family == AF_INET && (s->prefix_len == 0 || s->prefix_len > PREFIX4_MAX))
        return ERR_NEW(ERR_INVALID, "subnet %s has no room for a gateway and a container", text);
    if (s->first.family == AF_INET6 && s->prefix_len > SLIRP_PREFIX6_MAX)
        return ERR_NEW(ERR_INVALID, "subnet %s has no room for a gateway and a container", text);
    if (s->first.family == AF_INET6 && s->prefix_len < SLIRP_PREFIX6_MIN)
        return ERR_NEW(ERR_INVALID, "subnet %s is not one that hosts can have", text);
    if (s->first.family == AF_INET && (s->first.b[0] == 0 || s->first.b[0] == 127 || s->first.b[0] >= 224))
        return ERR_NEW(ERR_INVALID, "subnet %s is not one that hosts can have", text);
    if (s->first.family == AF_INET6 && (s->first.b[0] == 0xff || (s->first.b[0] == 0xfe && s->first.b[1] >= 0x80)))
        return ERR_NEW(ERR_INVALID, "subnet %s is not one that hosts can have", text);
    if (is_taken(taken, s))
        return ERR_NEW(ERR_EXISTS, "subnet %s is already used on the host or by another config", text);
    if (network_subnet_of(n, s->first.family))
        return ERR_NEW(ERR_UNSUPPORTED, "subnet %s: a network has one subnet of each IP version here", text);
    return NULL;
}

static struct err *set_gateway(struct network_subnet *s, const char *asked, bool wanted)
{
    if (!asked) {
        if (wanted)
            s->gateway = ip_next(&s->net.first);
        return NULL;
    }
    if (!ip_parse(asked, &s->gateway))
        return ERR_NEW(ERR_INVALID, "invalid string being converted to IP address: %s", asked);
    if (!subnet_contains(&s->net, &s->gateway))
        return ERR_NEW(ERR_INVALID, "gateway %s not in subnet %s", asked, subnet_text(&s->net).s);
    return subnet_is_host(&s->net, &s->gateway)
               ? NULL
               : ERR_NEW(ERR_INVALID, "gateway %s is the address of subnet %s itself, or its broadcast address", asked,
                         subnet_text(&s->net).s);
}

static struct err *set_range(struct network_subnet *s, const char *asked)
{
    if (!asked)
        return NULL;
    TRY(subnet_parse_range(asked, &s->first, &s->last));
    if (!subnet_contains(&s->net, &s->first))
        return ERR_NEW(ERR_INVALID, "lease range start ip %s not in subnet %s", ip_text(&s->first).s,
                       subnet_text(&s->net).s);
    if (!subnet_contains(&s->net, &s->last))
        return ERR_NEW(ERR_INVALID, "lease range end ip %s not in subnet %s", ip_text(&s->last).s,
                       subnet_text(&s->net).s);
    return NULL;
}

static const char *nth(const struct strv *v, size_t i)
{
    return i < v->count ? v->items[i] : NULL;
}

static struct err *take_subnets(const struct network_create_opts *o, const struct network_taken *taken,
                                struct network *n)
{
    bool gateway = !o->internal || n->dns;
    if (!o->subnets.count && (o->gateways.count || o->ranges.count))
        return ERR_NEW(ERR_INVALID, "cannot set gateway or range without subnet");
    if (o->gateways.count > o->subnets.count)
        return ERR_NEW(ERR_INVALID, "cannot set more gateways than subnets");
    if (o->ranges.count > o->subnets.count)
        return ERR_NEW(ERR_INVALID, "cannot set more ranges than subnets");
    for (size_t i = 0; i < o->subnets.count; i++) {
        struct network_subnet s = {0};
        TRY(subnet_parse(o->subnets.items[i], &s.net));
        TRY(check_subnet(&s.net, taken, n));
        TRY(set_gateway(&s, nth(&o->gateways, i), gateway));
        TRY(set_range(&s, nth(&o->ranges, i)));
        n->subnets[n->n_subnets++] = s;
    }
    return NULL;
}

/* "10.89.0.0/16:24": the pool, and how large each subnet of it is. IPv4, as in Podman. */
static struct err *parse_pool(const char *text, struct subnet *ret, unsigned *ret_prefix)
{
    AUTO_FREE char *base = NULL;
    int64_t prefix = 0;
    const char *colon = strchr(text, ':');
    struct err *e = colon ? mem_strndup(text, (size_t)(colon - text), &base) : NULL;
    if (!e && colon)
        e = subnet_parse(base, ret);
    if (!e && colon)
        e = number_parse_i64(colon + 1, 1, PREFIX4_MAX, &prefix);
    if (e)
        return ERR_WRAP(e, "default_subnet_pools: \"%s\"", text);
    if (!colon || ret->first.family != AF_INET || prefix < (int64_t)ret->prefix_len)
        return ERR_NEW(ERR_INVALID, "default_subnet_pools: \"%s\" is no IPv4 network with smaller ones in it", text);
    *ret_prefix = (unsigned)prefix;
    return NULL;
}

static struct err *free_in_pool(const struct network_taken *taken, const char *text, struct subnet *ret,
                                bool *ret_found)
{
    struct subnet pool, s;
    unsigned prefix = 0;
    TRY(parse_pool(text, &pool, &prefix));
    *ret_found = false;
    s = subnet_around(&pool.first, prefix);
    while (!*ret_found && subnet_contains(&pool, &s.first)) {
        *ret = s;
        *ret_found = !is_taken(taken, &s);
        if (!subnet_next(&s, &s))
            break;
    }
    return NULL;
}

static struct err *free_subnet4(const struct network_create_opts *o, const struct network_taken *taken,
                                struct subnet *ret)
{
    static const char *const usual[] = {"10.89.0.0/16:24", "10.90.0.0/15:24", "10.92.0.0/14:24", "10.96.0.0/11:24",
                                        "10.128.0.0/9:24"};
    bool found = false;
    for (size_t i = 0; !found && i < (o->pools.count ? o->pools.count : ARRAY_LEN(usual)); i++)
        TRY(free_in_pool(taken, o->pools.count ? o->pools.items[i] : usual[i], ret, &found));
    return found ? NULL : ERR_NEW(ERR_NO_SPACE, "could not find free subnet from subnet pools");
}

/* fd00::/8 with 40 random bits and a random subnet id: RFC 4193, 3.1. */
static struct err *free_subnet6(const struct network_taken *taken, struct subnet *ret)
{
    for (int i = 0; i < 16; i++) {
        struct ip_addr a = {.family = AF_INET6, .b = {0xfd}};
        if (getrandom(a.b + 1, 7, 0) != 7)
            return ERR_SYS(errno, "getrandom");
        *ret = subnet_around(&a, PREFIX6);
        if (!is_taken(taken, ret))
            return NULL;
    }
    return ERR_NEW(ERR_NO_SPACE, "could not find free IPv6 subnet");
}

static struct err *add_free(const struct network_create_opts *o, const struct network_taken *taken, int family,
                            struct network *n)
{
    bool gateway = !o->internal || n->dns;
    struct network_subnet s = {0};
    TRY(family == AF_INET6 ? free_subnet6(taken, &s.net) : free_subnet4(o, taken, &s.net));
    TRY(set_gateway(&s, NULL, gateway));
    n->subnets[n->n_subnets++] = s;
    return NULL;
}

/* As Podman: IPv6 is on where a subnet says so, and --ipv6 brings whichever family is missing. */
static struct err *settle_subnets(const struct network_create_opts *o, const struct network_taken *taken,
                                  struct network *n)
{
    TRY(take_subnets(o, taken, n));
    if (n->no_addresses)
        return NULL;
    n->ipv6 = o->ipv6 || network_subnet_of(n, AF_INET6);
    if (!network_subnet_of(n, AF_INET) && (o->ipv6 || !n->n_subnets))
        TRY(add_free(o, taken, AF_INET, n));
    if (n->ipv6 && !network_subnet_of(n, AF_INET6))
        TRY(add_free(o, taken, AF_INET6, n));
    return NULL;
}

/* What a route goes through is a neighbour. */
static struct err *take_routes(const struct network_create_opts *o, struct network *n)
{
    if (o->routes.count > NETWORK_ROUTES_MAX)
        return ERR_NEW(ERR_INVALID, "a network can have %d routes", NETWORK_ROUTES_MAX);
    for (; n->n_routes < o->routes.count; n->n_routes++) {
        struct route *r = &n->routes[n->n_routes];
        TRY(route_parse(o->routes.items[n->n_routes], r));
        const struct network_subnet *s = network_subnet_of(n, r->gateway.family);
        if (!s || !subnet_is_host(&s->net, &r->gateway))
            return ERR_NEW(ERR_INVALID, "invalid route: the gateway %s is not in any subnet of the network",
                           ip_text(&r->gateway).s);
    }
    return NULL;
}

static struct err *check_whole(const struct network *n)
{
    const char *mtu = network_option(n, "mtu");
    uint64_t bytes = 0;
    if (mtu)
        TRY(number_parse_u64(mtu, SLIRP_MTU_MAX, &bytes));
    if (n->ipv6 && bytes && bytes < SLIRP_MTU_MIN6)
        return ERR_NEW(ERR_INVALID, "an MTU of %s is not possible with IPv6, which needs %u", mtu, SLIRP_MTU_MIN6);
    return NULL;
}

struct err *network_define(const struct network_create_opts *o, const struct network_taken *taken, struct network *n)
{
    TRY(check_drivers(o));
    TRY(mem_strdup("bridge", &n->driver));
    for (size_t i = 0; i < o->options.count; i++)
        TRY(check_option(o->options.items[i], n));
    const char *interface = o->interface ? o->interface : n->interface;
    AUTO_FREE char *asked = NULL;
    TRY(mem_strdup(interface, &asked));
    TRY(set_interface(asked, taken, n));
    n->internal = o->internal;
    n->no_addresses = o->ipam_driver && strcmp(o->ipam_driver, IPAM_NONE) == 0;
    n->dns = !o->disable_dns && !n->no_addresses; /* a resolver needs an address */
    TRY(take_servers(o, n));
    TRY(settle_subnets(o, taken, n));
    TRY(take_routes(o, n));
    TRY(strv_copy(&o->labels, &n->labels));
    return check_whole(n);
}
