/* The NetworkSettings object of `container inspect`. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/container/inspect.h"
#include "engine/container/networks.h"

/* Members with these names and no value: in the object itself, and as a start in those of its networks. */
static struct err *put_blank(json_t *o, const char *const *strings, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool number = strstr(strings[i], "PrefixLen") != NULL;
        TRY(number ? json_put_int(o, strings[i], 0) : json_put_str(o, strings[i], ""));
    }
    return NULL;
}

struct family_keys {
    const char *address, *prefix_len, *gateway;
};

static struct err *put_address(json_t *o, const struct network *n, const char *ip, const struct family_keys *keys)
{
    struct ip_addr a;
    const struct network_subnet *s = ip && ip_parse(ip, &a) ? network_subnet_of(n, a.family) : NULL;
    if (!s)
        return NULL;
    TRY(json_put_str(o, keys->address, ip));
    TRY(json_put_int(o, keys->prefix_len, s->net.prefix_len));
    return s->gateway.family ? json_put_str(o, keys->gateway, ip_text(&s->gateway).s) : NULL;
}

/* Addresses only while it runs: they may be another one's next time. */
static struct err *put_addresses(json_t *o, const struct inspection *in, const struct network_place *p)
{
    static const struct family_keys v4 = {"IPAddress", "IPPrefixLen", "Gateway"};
    static const struct family_keys v6 = {"GlobalIPv6Address", "GlobalIPv6PrefixLen", "IPv6Gateway"};
    struct network *n;
    TRY(network_find(in->e, p->network_id, &n));
    struct err *e = put_address(o, n, p->ip, &v4);
    if (!e)
        e = put_address(o, n, p->ip6, &v6);
    network_free(n);
    return e ? e : json_put_str(o, "MacAddress", p->mac);
}

static struct err *put_place(json_t *networks, const struct inspection *in, const struct network_place *p)
{
    static const char *const blank[] = {"EndpointID",  "Gateway",           "IPAddress",           "IPPrefixLen",
                                        "IPv6Gateway", "GlobalIPv6Address", "GlobalIPv6PrefixLen", "MacAddress"};
    char short_id[13];
    json_t *o, *aliases;
    TRY(json_put_obj(networks, p->network, &o));
    TRY(put_blank(o, blank, ARRAY_LEN(blank)));
    if (container_is_live(in->c))
        TRY(put_addresses(o, in, p));
    TRY(json_put_str(o, "NetworkID", p->network));
    TRY(json_put(o, "DriverOpts", json_null()));
    TRY(json_put(o, "IPAMConfig", json_null()));
    TRY(json_put(o, "Links", json_null()));
    TRY(json_put_arr(o, "Aliases", &aliases));
    for (size_t i = 0; i < p->want.aliases.count; i++)
        TRY(json_push_str(aliases, p->want.aliases.items[i]));
    (void)snprintf(short_id, sizeof(short_id), "%.12s", in->c->id);
    return json_push_str(aliases, short_id);
}

static struct err *put_networks(json_t *o, const struct inspection *in)
{
    AUTO_NETWORK_PLACES struct network_place_list places = {0};
    json_t *networks;
    if (in->c->spec.network.mode != NS_BRIDGE)
        return NULL;
    TRY(network_places(in->e, in->c->id, &places));
    TRY(json_put_obj(o, "Networks", &networks));
    for (size_t i = 0; i < places.count; i++)
        TRY(put_place(networks, in, &places.items[i]));
    return NULL;
}

/* As Podman: the default network tells no address, since nobody but the container can use it, and those of named ones
 * are in Networks. */
struct err *inspect_put_network(const struct inspection *in, json_t *obj)
{
    static const char *const blank[] = {"EndpointID",
                                        "Gateway",
                                        "IPAddress",
                                        "IPPrefixLen",
                                        "IPv6Gateway",
                                        "GlobalIPv6Address",
                                        "GlobalIPv6PrefixLen",
                                        "MacAddress",
                                        "Bridge",
                                        "SandboxID",
                                        "LinkLocalIPv6Address",
                                        "LinkLocalIPv6PrefixLen"};
    json_t *o, *ports;
    TRY(json_put_obj(obj, "NetworkSettings", &o));
    TRY(put_blank(o, blank, ARRAY_LEN(blank)));
    TRY(json_put_bool(o, "HairpinMode", false));
    TRY(json_put_obj(o, "Ports", &ports));
    AUTO_STRV struct strv published = STRV_INIT; /* the pod's, where it shares that's network */
    TRY(container_published(in->c, &published));
    TRY(inspect_put_ports(&published, ports));
    char key[40] = "";
    if (container_is_live(in->c) && in->c->host_pid > 0)
        snprintf(key, sizeof(key), "/proc/%d/ns/net", (int)in->c->host_pid);
    TRY(json_put_str(o, "SandboxKey", key));
    return put_networks(o, in);
}
