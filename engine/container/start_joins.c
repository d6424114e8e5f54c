/* Named networks of a container that starts: addresses for it, and what its monitor is told of each network. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/ident.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/timefmt.h"
#include "engine/container/internal.h"
#include "engine/container/networks.h"
#include "engine/container/start.h"
#include "engine/engine.h"
#include "engine/monitor/netplan.h"

#define METRIC_FIRST 100u /* of default routes, as Podman's; later interfaces count up */
#define LEASE_TRIES 8     /* each finds one container more that is over and had not been looked at */

/* --- addresses */

static struct err *lease_all(struct engine *e, const struct container *c, struct network_place_list *places,
                             char holder[IDENT_LEN + 1])
{
    for (size_t i = 0; i < places->count; i++) {
        struct network_place *p = &places->items[i];
        struct network *n;
        TRY(network_find(e, p->network_id, &n));
        struct err *err = network_lease(e, c->id, n, p, holder);
        network_free(n);
        TRY(err);
    }
    return NULL;
}

/* The row says "running" with the addresses; see lease.c. */
static struct err *lease_once(struct engine *e, const struct container *c, bool starting,
                              struct network_place_list *places, char holder[IDENT_LEN + 1])
{
    struct store *s = engine_store(e);
    AUTO_TX struct store_tx_guard tx = {s};
    holder[0] = '\0';
    TRY(store_begin(s, STORE_WRITE, false));
    TRY(network_places(e, c->id, places));
    TRY(lease_all(e, c, places, holder));
    if (starting)
        TRY(container_mark_started(e, c->id, timefmt_now()));
    return store_commit(s);
}

struct err *container_lease(struct engine *e, const struct container *c, bool starting, struct network_place_list *ret)
{
    char holder[IDENT_LEN + 1];
    for (int i = 0;; i++) {
        struct container *other = NULL;
        struct err *err = lease_once(e, c, starting, ret, holder);
        if (!err || err_kind(err) != ERR_IN_USE || !holder[0] || i == LEASE_TRIES)
            return err;
        /* Who has the address by its row may have been killed: looking settles that. Or it has been stopped, and its
         * monitor, which clears up, has not let go of it yet. */
        struct err *gone = container_find(e, holder, &other);
        bool runs = !gone && (container_is_live(other) || other->started_nsec == CONTAINER_STARTING ||
                              other->started_nsec > other->finished_nsec);
        struct err *busy = gone || runs ? NULL : container_wait_monitor(e, other);
        runs = runs || busy;
        err_drop(busy);
        container_free(other);
        err_drop(gone);
        if (runs)
            return err;
        err_drop(err);
        network_place_list_done(ret);
    }
}

/* --- what the monitor is told */

static bool is_true(const char *option)
{
    return option && strchr("1tT", option[0]) && option[0];
}

static struct err *put_option(const struct network *n, const char *key, uint64_t max, uint32_t *ret)
{
    const char *text = network_option(n, key);
    uint64_t value = 0;
    if (text)
        TRY(number_parse_u64(text, max, &value));
    if (value)
        *ret = (uint32_t)value;
    return NULL;
}

/* The network as all of its containers tell it. */
static struct err *fill_network(const struct network *n, struct slirp_config *c)
{
    const struct network_subnet *v4 = network_subnet_of(n, AF_INET), *v6 = network_subnet_of(n, AF_INET6);
    struct in_addr none = {0}, net, gateway;
    slirp_config_default(c);
    slirp_config_set_bridge(c, none, 0, none);
    TRY(put_option(n, "mtu", SLIRP_MTU_MAX, &c->mtu));
    TRY(put_option(n, "vlan", SLIRP_VLAN_MAX, &c->vlan));
    if (v4) {
        struct ip_addr a = network_gateway(v4);
        memcpy(&net, v4->net.first.b, 4);
        memcpy(&gateway, a.b, 4);
        slirp_config_set_bridge(c, net, v4->net.prefix_len, gateway);
    }
    if (v6) {
        struct ip_addr a = network_gateway(v6);
        c->ipv6 = 1;
        memcpy(&c->network6, v6->net.first.b, 16);
        c->prefix6_len = v6->net.prefix_len;
        memcpy(&c->gateway6, a.b, 16);
        c->dns6 = c->gateway6;
    }
    c->internal = n->internal || n->no_addresses;
    c->no_dns = !n->dns;
    return NULL;
}

static struct err *fill_place(const struct container *c, const struct network_place *p, struct hub_join *j)
{
    struct slirp_config mac;
    if (p->ip && inet_pton(AF_INET, p->ip, &j->ip) != 1)
        return ERR_NEW(ERR_CORRUPT, "network %s: \"%s\" is no address", p->network, p->ip);
    if (p->ip6 && inet_pton(AF_INET6, p->ip6, &j->ip6) != 1)
        return ERR_NEW(ERR_CORRUPT, "network %s: \"%s\" is no address", p->network, p->ip6);
    TRY(slirp_config_set_mac(&mac, p->mac ? p->mac : ""));
    memcpy(j->mac, mac.mac, sizeof(j->mac));
    (void)snprintf(j->container, sizeof(j->container), "%s", c->id);
    (void)snprintf(j->ifname, sizeof(j->ifname), "%s", p->want.ifname ? p->want.ifname : "");
    return NULL;
}

static void fill_routes(const struct network *n, struct hub_join *j)
{
    _Static_assert(NETWORK_ROUTES_MAX <= HUB_ROUTES_MAX, "all routes of a network have room");
    for (; j->n_routes < n->n_routes; j->n_routes++) {
        const struct route *from = &n->routes[j->n_routes];
        struct hub_route *to = &j->routes[j->n_routes];
        to->family = (uint32_t)from->to.first.family;
        to->prefix_len = from->to.prefix_len;
        to->metric = from->metric;
        memcpy(to->to, from->to.first.b, sizeof(to->to));
        memcpy(to->gateway, from->gateway.b, sizeof(to->gateway));
    }
}

/* --dns: what the network's resolver asks for this container. As many as libc would read from a resolv.conf. */
static void fill_servers(const struct container *c, struct hub_join *j)
{
    for (size_t i = 0; i < c->spec.dns.count && j->n_servers < RESOLV_SERVERS_MAX; i++) {
        struct in6_addr *to = &j->servers[j->n_servers];
        struct ip_addr a;
        if (!ip_parse(c->spec.dns.items[i], &a))
            continue;
        if (a.family == AF_INET6)
            memcpy(to, a.b, 16);
        else
            memcpy(to, (const uint8_t[16]){[10] = 0xff, 0xff, a.b[0], a.b[1], a.b[2], a.b[3]}, 16);
        j->n_servers++;
    }
}

/* By what others find it. */
static struct err *names_text(const struct container *c, const struct network_place *p, struct strbuf *sb)
{
    TRY(strbuf_printf(sb, "%s\n%.12s\n", c->name, c->id));
    for (size_t i = 0; i < p->want.aliases.count; i++)
        TRY(strbuf_printf(sb, "%s\n", p->want.aliases.items[i]));
    return NULL;
}

static struct err *resolv_text(const struct network *n, struct strbuf *sb)
{
    for (size_t i = 0; i < n->dns_servers.count; i++)
        TRY(strbuf_printf(sb, "nameserver %s\n", n->dns_servers.items[i]));
    return NULL;
}

struct err *container_encode_join(const struct container *c, const struct network *n,
                                  const struct network_place_list *places, size_t i, struct strbuf *ret)
{
    const struct network_place *p = &places->items[i];
    AUTO_STRBUF struct strbuf names = STRBUF_INIT, resolv = STRBUF_INIT;
    struct monitor_join j = {.join.metric = METRIC_FIRST + (uint32_t)p->position};
    TRY(fill_network(n, &j.join.network));
    TRY(fill_place(c, p, &j.join));
    fill_routes(n, &j.join);
    fill_servers(c, &j.join);
    TRY(put_option(n, "metric", UINT32_MAX, &j.join.metric));
    j.join.no_default_route = is_true(network_option(n, "no_default_route"));
    (void)snprintf(j.network, sizeof(j.network), "%s", n->id);
    TRY(names_text(c, p, &names));
    TRY(resolv_text(n, &resolv));
    return netplan_encode_join(&j, strbuf_str(&names), strbuf_str(&resolv), ret);
}

static struct err *add_join(struct start *s, size_t i)
{
    const struct network_place *p = &s->places.items[i];
    struct network *n;
    TRY(network_find(s->e, p->network_id, &n));
    struct err *err = container_encode_join(s->c, n, &s->places, i, &s->joins[i]);
    if (!err && n->dns)
        err = network_servers_of(n, &s->resolvers);
    network_free(n);
    return err;
}

/* Podman's exit code for an address that somebody else has. */
static struct err *explain_lease(struct err *take_err)
{
    if (!take_err || err_kind(take_err) != ERR_IN_USE)
        return take_err;
    struct err *told = ERR_NEW(ERR_CANNOT_EXEC, "%s", err_text(take_err));
    err_drop(take_err);
    return told;
}

struct err *start_lease_networks(struct start *s)
{
    if (s->c->spec.network.mode != NS_BRIDGE || !s->plan.network)
        return NULL;
    TRY(explain_lease(container_lease(s->e, s->c, s->c->started_nsec != CONTAINER_STARTING, &s->places)));
    s->recorded = true; /* with the addresses */
    if (s->places.count > NETPLAN_JOINS_MAX)
        return ERR_NEW(ERR_INVALID, "a container can be on %d networks", NETPLAN_JOINS_MAX);
    s->joins = mem_zalloc((s->places.count + 1) * sizeof(*s->joins));
    if (!s->joins)
        return err_oom();
    for (size_t i = 0; i < s->places.count; i++)
        TRY(add_join(s, i));
    s->network_head.joins = (uint32_t)s->places.count;
    return NULL;
}
