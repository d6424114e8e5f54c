#include "slirp/config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"

/* slirp4netns' choice of host numbers, which podman's users have in scripts. */
#define CONFIG_HOST_GATEWAY 2u
#define CONFIG_HOST_DNS 3u
#define CONFIG_HOST_GUEST 100u
#define CONFIG_MAC_LEN ((size_t)17)
#define CONFIG_PREFIX_MIN 1u
#define CONFIG_PREFIX_MAX 25u /* .100 has to fit */

static void config_set_network(struct slirp_config *c, uint32_t network, uint32_t prefix_len)
{
    c->prefix_len = prefix_len;
    c->network.s_addr = htonl(network);
    c->gateway.s_addr = htonl(network + CONFIG_HOST_GATEWAY);
    c->dns.s_addr = htonl(network + CONFIG_HOST_DNS);
    c->guest.s_addr = htonl(network + CONFIG_HOST_GUEST);
}

void slirp_config_default(struct slirp_config *c)
{
    *c = (struct slirp_config){.ifname = "tap0", .mtu = SLIRP_MTU_DEFAULT, .configure = 1};
    config_set_network(c, 0x0a000200u, 24);
    c->network6.s6_addr[0] = 0xfd;
    c->prefix6_len = 64;
    c->gateway6 = c->dns6 = c->guest6 = c->network6;
    c->gateway6.s6_addr[15] = CONFIG_HOST_GATEWAY;
    c->dns6.s6_addr[15] = CONFIG_HOST_DNS;
    c->guest6.s6_addr[14] = 0x01; /* fd00::100, written as the IPv4 one looks */
}

void slirp_config_set_bridge(struct slirp_config *c, struct in_addr network, uint32_t prefix_len,
                             struct in_addr gateway)
{
    c->bridge = 1;
    c->configure = 0;
    c->prefix_len = prefix_len;
    c->network = network;
    c->gateway = c->dns = gateway;
    c->guest.s_addr = 0;
}

static uint32_t config_mask(uint32_t prefix_len)
{
    return prefix_len ? ~0u << (32 - prefix_len) : 0;
}

struct err *slirp_config_set_cidr(struct slirp_config *c, const char *cidr)
{
    const char *slash = strchr(cidr, '/');
    AUTO_FREE char *address = NULL;
    uint64_t prefix_len = 0;
    struct in_addr a;
    if (!slash)
        return ERR_NEW(ERR_INVALID, "\"%s\" is not a network: write it as 10.0.2.0/24", cidr);
    TRY(mem_strndup(cidr, (size_t)(slash - cidr), &address));
    if (inet_pton(AF_INET, address, &a) != 1)
        return ERR_NEW(ERR_INVALID, "\"%s\" is not a network: write it as 10.0.2.0/24", cidr);
    TRY_WRAP(number_parse_u64(slash + 1, 32, &prefix_len), "network %s", cidr);
    if (prefix_len < CONFIG_PREFIX_MIN || prefix_len > CONFIG_PREFIX_MAX)
        return ERR_NEW(ERR_INVALID, "network %s: the prefix length has to be %u to %u", cidr, CONFIG_PREFIX_MIN,
                       CONFIG_PREFIX_MAX);
    uint32_t network = ntohl(a.s_addr);
    if (network & ~config_mask((uint32_t)prefix_len))
        return ERR_NEW(ERR_INVALID, "network %s has bits set behind its prefix", cidr);
    config_set_network(c, network, (uint32_t)prefix_len);
    return NULL;
}

struct err *slirp_config_set_mac(struct slirp_config *c, const char *mac)
{
    uint8_t out[6] = {0};
    size_t i = 0;
    /* Pairs of digits, a colon behind each but the last. */
    for (; i < CONFIG_MAC_LEN && mac[i]; i++) {
        bool colon = i % 3 == 2;
        if (colon ? mac[i] != ':' : !isxdigit((unsigned char)mac[i]))
            break;
        if (colon)
            continue;
        int v = isdigit((unsigned char)mac[i]) ? mac[i] - '0' : tolower((unsigned char)mac[i]) - 'a' + 10;
        out[i / 3] = (uint8_t)(out[i / 3] * 16 + v);
    }
    if (i != CONFIG_MAC_LEN || mac[i])
        return ERR_NEW(ERR_INVALID, "\"%s\" is not a MAC address: write it as 00:11:22:33:44:55", mac);
    if (out[0] & 1)
        return ERR_NEW(ERR_INVALID, "%s is a group address, which no interface can have", mac);
    memcpy(c->mac, out, sizeof(out));
    c->mac_set = 1;
    return NULL;
}

/* dev_valid_name() of the kernel. */
static bool config_ifname_good(const char *name)
{
    if (!*name || strlen(name) >= IFNAMSIZ || !strcmp(name, ".") || !strcmp(name, ".."))
        return false;
    for (const char *p = name; *p; p++) {
        if (*p == '/' || *p == ':' || *p == '%' || isspace((unsigned char)*p) || iscntrl((unsigned char)*p))
            return false;
    }
    return true;
}

struct err *slirp_config_set_ifname(struct slirp_config *c, const char *name)
{
    if (!config_ifname_good(name))
        return ERR_NEW(ERR_INVALID, "\"%s\" cannot be the name of an interface", name);
    (void)snprintf(c->ifname, sizeof(c->ifname), "%s", name);
    return NULL;
}

in_addr_t slirp_config_netmask(const struct slirp_config *c)
{
    return htonl(config_mask(c->prefix_len));
}

bool slirp_config_has(const struct slirp_config *c, struct in_addr a)
{
    uint32_t mask = config_mask(c->prefix_len);
    uint32_t host = ntohl(a.s_addr) & ~mask;
    return (ntohl(a.s_addr) & mask) == ntohl(c->network.s_addr) && host && host != ~mask;
}

bool slirp_config_has6(const struct slirp_config *c, const struct in6_addr *a)
{
    unsigned whole = c->prefix6_len / 8, mask = 0xff00u >> c->prefix6_len % 8;
    return memcmp(a, &c->network6, whole) == 0 &&
           (whole == sizeof(*a) || ((a->s6_addr[whole] ^ c->network6.s6_addr[whole]) & mask & 0xff) == 0);
}

/* One address for gateway and resolver, in each of the families that it has. */
static struct err *config_check_bridge(const struct slirp_config *c)
{
    bool v4 = c->prefix_len != 0;
    if (!v4 && !c->ipv6 && (!c->internal || !c->no_dns))
        return ERR_NEW(ERR_INVALID, "a network without addresses");
    if (c->host_loopback)
        return ERR_NEW(ERR_INVALID, "the host's loopback cannot be opened to a network of several containers");
    if (v4 && (c->prefix_len > 30 || (ntohl(c->network.s_addr) & ~config_mask(c->prefix_len))))
        return ERR_NEW(ERR_INVALID, "the network address does not fit its prefix length");
    if (v4 && (!slirp_config_has(c, c->gateway) || c->dns.s_addr != c->gateway.s_addr))
        return ERR_NEW(ERR_INVALID, "the gateway's address is outside of the network");
    if (c->guest.s_addr && !slirp_config_has(c, c->guest))
        return ERR_NEW(ERR_INVALID, "the guest's address is outside of the network");
    if (c->ipv6 && (!slirp_config_has6(c, &c->gateway6) || memcmp(&c->dns6, &c->gateway6, sizeof(c->dns6)) != 0))
        return ERR_NEW(ERR_INVALID, "the gateway's IPv6 address is outside of the network");
    return NULL;
}

struct err *slirp_config_check(const struct slirp_config *c)
{
    if (!memchr(c->ifname, 0, sizeof(c->ifname)) || !config_ifname_good(c->ifname))
        return ERR_NEW(ERR_INVALID, "the interface needs a name of 1 to 15 bytes");
    if (c->mtu < (c->ipv6 ? SLIRP_MTU_MIN6 : SLIRP_MTU_MIN) || c->mtu > SLIRP_MTU_MAX)
        return ERR_NEW(ERR_INVALID, "an MTU of %u is not possible: %u to %u%s", c->mtu,
                       c->ipv6 ? SLIRP_MTU_MIN6 : SLIRP_MTU_MIN, SLIRP_MTU_MAX, c->ipv6 ? " with IPv6" : "");
    if (c->ipv6 && (c->prefix6_len < SLIRP_PREFIX6_MIN || c->prefix6_len > SLIRP_PREFIX6_MAX))
        return ERR_NEW(ERR_INVALID, "an IPv6 prefix of %u bits is not possible", c->prefix6_len);
    if (c->vlan > (c->bridge ? SLIRP_VLAN_MAX : 0))
        return ERR_NEW(ERR_INVALID, "a VLAN %u is not possible here", c->vlan);
    if (c->bridge)
        return config_check_bridge(c);
    if (c->prefix_len < CONFIG_PREFIX_MIN || c->prefix_len > 30 ||
        (ntohl(c->network.s_addr) & ~config_mask(c->prefix_len)))
        return ERR_NEW(ERR_INVALID, "the network address does not fit its prefix length");
    if (!slirp_config_has(c, c->guest) || !slirp_config_has(c, c->gateway) || !slirp_config_has(c, c->dns))
        return ERR_NEW(ERR_INVALID, "an address is outside of the network");
    if (c->guest.s_addr == c->gateway.s_addr || c->guest.s_addr == c->dns.s_addr || c->gateway.s_addr == c->dns.s_addr)
        return ERR_NEW(ERR_INVALID, "guest, gateway and resolver need three addresses");
    if (c->ipv6 &&
        (!slirp_config_has6(c, &c->guest6) || !slirp_config_has6(c, &c->gateway6) || !slirp_config_has6(c, &c->dns6)))
        return ERR_NEW(ERR_INVALID, "an IPv6 address is outside of the network");
    return NULL;
}
