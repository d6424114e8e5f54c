#include "engine/network/options.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/strv.h"

void network_options_done(struct network_options *o)
{
    mem_freep(&o->outbound);
    mem_freep(&o->outbound6);
}

/* Go's words for a truth value, as Podman takes them. */
static struct err *parse_bool(const char *key, const char *value, uint8_t *ret)
{
    static const char *const yes[] = {"true", "1", "t", "T", "TRUE", "True"};
    static const char *const no[] = {"false", "0", "f", "F", "FALSE", "False"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (strcmp(value, yes[i]) == 0 || strcmp(value, no[i]) == 0) {
            *ret = strcmp(value, yes[i]) == 0;
            return NULL;
        }
    }
    return ERR_NEW(ERR_INVALID, "invalid value of %s for slirp4netns: \"%s\"", key, value);
}

static struct err *set_mtu(struct network_options *o, const char *value)
{
    uint64_t mtu = 0;
    struct err *e = number_parse_u64(value, SLIRP_MTU_MAX, &mtu);
    bool good = !e && mtu >= SLIRP_MTU_MIN;
    err_drop(e);
    if (!good)
        return ERR_NEW(ERR_INVALID, "invalid mtu \"%s\"", value);
    o->config.mtu = (uint32_t)mtu;
    return NULL;
}

static struct err *set_cidr(struct network_options *o, const char *value)
{
    struct err *e = slirp_config_set_cidr(&o->config, value);
    return e ? ERR_WRAP(e, "invalid cidr \"%s\"", value) : NULL;
}

static struct err *set_ipv6(struct network_options *o, const char *value)
{
    return parse_bool("enable_ipv6", value, &o->config.ipv6);
}

static struct err *set_host_loopback(struct network_options *o, const char *value)
{
    return parse_bool("allow_host_loopback", value, &o->config.host_loopback);
}

static struct err *set_outbound(struct network_options *o, const char *value)
{
    return mem_replace(&o->outbound, value);
}

static struct err *set_outbound6(struct network_options *o, const char *value)
{
    return mem_replace(&o->outbound6, value);
}

static struct err *set_ports(struct network_options *o, const char *value)
{
    static const struct {
        const char *name;
        enum network_ports ports;
    } handlers[] = {
        {"splice", NETWORK_PORTS_SPLICE},
        {"rootlesskit", NETWORK_PORTS_SPLICE},
        {"slirp", NETWORK_PORTS_SLIRP},
        {"slirp4netns", NETWORK_PORTS_SLIRP},
    };
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
        if (strcmp(handlers[i].name, value) == 0) {
            o->ports = handlers[i].ports;
            return NULL;
        }
    }
    return ERR_NEW(ERR_INVALID, "unknown port_handler for slirp4netns: \"%s\"", value);
}

static struct err *set_option(struct network_options *o, const char *option)
{
    static const struct {
        const char *name;
        struct err *(*set)(struct network_options *, const char *);
    } known[] = {
        {"mtu", set_mtu},
        {"cidr", set_cidr},
        {"enable_ipv6", set_ipv6},
        {"allow_host_loopback", set_host_loopback},
        {"outbound_addr", set_outbound},
        {"outbound_addr6", set_outbound6},
        {"port_handler", set_ports},
    };
    const char *eq = strchr(option, '=');
    if (!eq)
        return ERR_NEW(ERR_INVALID, "unknown option for slirp4netns: \"%s\"", option);
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        size_t len = strlen(known[i].name);
        if (len == (size_t)(eq - option) && strncmp(known[i].name, option, len) == 0)
            return known[i].set(o, eq + 1);
    }
    return ERR_NEW(ERR_INVALID, "unknown option for slirp4netns: \"%s\"", option);
}

static const char *const ours[] = {"slirp4netns", "slirp"};
static const char *const others[] = {"private", "pasta", "bridge", "default", "podman"};

/* What stands before the colon of `value` is one of the names. */
static bool is_among(const char *const *names, size_t n, const char *value)
{
    size_t len = strcspn(value, ":");
    for (size_t i = 0; i < n; i++)
        if (strlen(names[i]) == len && strncmp(names[i], value, len) == 0)
            return true;
    return false;
}

bool network_options_known(const char *value)
{
    return is_among(ours, ARRAY_LEN(ours), value) || is_among(others, ARRAY_LEN(others), value);
}

/* The name, and the options behind its colon. */
static struct err *parse_value(struct network_options *o, const char *value)
{
    AUTO_STRV struct strv options = STRV_INIT;
    size_t len = strcspn(value, ":");
    if (!*value)
        return NULL;
    if (is_among(others, ARRAY_LEN(others), value))
        return value[len]
                   ? ERR_NEW(ERR_UNSUPPORTED, "--network %s: options of %.*s are not built yet; slirp4netns has some",
                             value, (int)len, value)
                   : NULL;
    if (!is_among(ours, ARRAY_LEN(ours), value))
        return ERR_NEW(ERR_NOT_FOUND, "unable to find network with name or ID %s: network not found", value);
    if (!value[len])
        return NULL;
    TRY(strv_split(value + len + 1, ',', &options));
    for (size_t i = 0; i < options.count; i++)
        TRY(set_option(o, options.items[i]));
    return NULL;
}

/* --- addresses of the container's own */

static struct err *set_ip(struct slirp_config *c, const char *ip)
{
    struct in_addr a;
    if (!ip)
        return NULL;
    if (inet_pton(AF_INET, ip, &a) != 1)
        return ERR_NEW(ERR_INVALID, "\"%s\" is not an ip address", ip);
    uint32_t host = ntohl(a.s_addr), mask = ~0u << (32 - c->prefix_len), net = ntohl(c->network.s_addr);
    if ((host & mask) != net || host == net || host == (net | ~mask))
        return ERR_NEW(ERR_INVALID, "requested static ip %s not in any subnet on network slirp4netns", ip);
    if (a.s_addr == c->gateway.s_addr || a.s_addr == c->dns.s_addr)
        return ERR_NEW(ERR_IN_USE, "requested ip address %s is already allocated", ip);
    c->guest = a;
    return NULL;
}

static struct err *set_ip6(struct slirp_config *c, const char *ip)
{
    struct in6_addr a;
    if (!ip)
        return NULL;
    if (inet_pton(AF_INET6, ip, &a) != 1)
        return ERR_NEW(ERR_INVALID, "\"%s\" is not an ip address", ip);
    if (!c->ipv6 || memcmp(&a, &c->network6, 8) != 0)
        return ERR_NEW(ERR_INVALID, "requested static ip %s not in any subnet on network slirp4netns", ip);
    if (memcmp(&a, &c->gateway6, sizeof(a)) == 0 || memcmp(&a, &c->dns6, sizeof(a)) == 0 ||
        memcmp(&a, &c->network6, sizeof(a)) == 0)
        return ERR_NEW(ERR_IN_USE, "requested ip address %s is already allocated", ip);
    c->guest6 = a;
    return NULL;
}

static struct err *set_mac(struct slirp_config *c, const char *mac)
{
    if (!mac)
        return NULL;
    struct err *e = slirp_config_set_mac(c, mac);
    if (!e)
        return NULL;
    err_drop(e);
    return ERR_NEW(ERR_INVALID, "address %s: invalid MAC address", mac);
}

/* As Podman's default network: IPv6 is on, the host's loopback is not reachable. */
struct err *network_options_parse(const char *value, const char *ip, const char *ip6, const char *mac,
                                  struct network_options *ret)
{
    AUTO_NETWORK_OPTIONS struct network_options o = {.ports = NETWORK_PORTS_SPLICE};
    slirp_config_default(&o.config);
    o.config.ipv6 = 1;
    TRY(parse_value(&o, value ? value : ""));
    TRY(set_ip(&o.config, ip));
    TRY(set_ip6(&o.config, ip6));
    TRY(set_mac(&o.config, mac));
    if (o.config.ipv6 && o.config.mtu < SLIRP_MTU_MIN6)
        o.config.ipv6 = 0; /* IPv6 needs 1280 bytes */
    TRY(slirp_config_check(&o.config));
    *ret = o;
    o = (struct network_options){0};
    return NULL;
}
