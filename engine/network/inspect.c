/* Podman's objects of networks. */

#include "base/json.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/engine.h"
#include "engine/network/internal.h"

static struct err *put_subnets(json_t *o, const struct network *n)
{
    json_t *list;
    if (!n->n_subnets)
        return NULL;
    TRY(json_put_arr(o, "subnets", &list));
    for (size_t i = 0; i < n->n_subnets; i++) {
        const struct network_subnet *s = &n->subnets[i];
        json_t *subnet, *range;
        TRY(json_push_obj(list, &subnet));
        TRY(json_put_str(subnet, "subnet", subnet_text(&s->net).s));
        if (s->gateway.family)
            TRY(json_put_str(subnet, "gateway", ip_text(&s->gateway).s));
        if (!s->first.family)
            continue;
        TRY(json_put_obj(subnet, "lease_range", &range));
        TRY(json_put_str(range, "start_ip", ip_text(&s->first).s));
        TRY(json_put_str(range, "end_ip", ip_text(&s->last).s));
    }
    return NULL;
}

static struct err *put_routes(json_t *o, const struct network *n)
{
    json_t *list;
    if (!n->n_routes)
        return NULL;
    TRY(json_put_arr(o, "routes", &list));
    for (size_t i = 0; i < n->n_routes; i++) {
        const struct route *r = &n->routes[i];
        json_t *route;
        TRY(json_push_obj(list, &route));
        TRY(json_put_str(route, "destination", subnet_text(&r->to).s));
        TRY(json_put_str(route, "gateway", ip_text(&r->gateway).s));
        if (r->metric != ROUTE_METRIC)
            TRY(json_put_int(route, "metric", r->metric));
    }
    return NULL;
}

/* A map of Go's, which prints its keys in order; left out when it is empty. */
static struct err *put_map(json_t *o, const char *key, const struct strv *pairs)
{
    AUTO_STRV struct strv sorted = STRV_INIT;
    if (!pairs->count)
        return NULL;
    TRY(strv_copy(pairs, &sorted));
    strv_sort(&sorted);
    return json_put_pairs(o, key, &sorted);
}

/* In the order of Podman's struct; what is empty there is left out. */
struct err *network_json(const struct network *n, json_t **ret)
{
    AUTO_JSON json_t *o = json_object();
    json_t *ipam;
    if (!o)
        return err_oom();
    TRY(json_put_str(o, "name", n->name));
    TRY(json_put_str(o, "id", n->id));
    TRY(json_put_str(o, "driver", n->driver));
    TRY(json_put_str(o, "network_interface", n->interface));
    TRY(json_put_str(o, "created", timefmt_rfc3339(n->created_nsec, 1).s));
    TRY(put_subnets(o, n));
    TRY(put_routes(o, n));
    TRY(json_put_bool(o, "ipv6_enabled", n->ipv6));
    TRY(json_put_bool(o, "internal", n->internal));
    TRY(json_put_bool(o, "dns_enabled", n->dns));
    if (n->dns_servers.count)
        TRY(json_put_strv(o, "network_dns_servers", &n->dns_servers));
    TRY(put_map(o, "labels", &n->labels));
    TRY(put_map(o, "options", &n->options));
    TRY(json_put_obj(o, "ipam_options", &ipam));
    TRY(json_put_str(ipam, "driver", n->no_addresses ? IPAM_NONE : IPAM_HOST_LOCAL));
    *ret = TAKE_PTR(o);
    return NULL;
}

static struct err *push_address(json_t *list, const struct network *n, const char *ip)
{
    struct ip_addr a;
    const struct network_subnet *s = ip && ip_parse(ip, &a) ? network_subnet_of(n, a.family) : NULL;
    AUTO_FREE char *text = NULL;
    json_t *o;
    if (!s)
        return NULL;
    TRY(mem_asprintf(&text, "%s/%u", ip, s->net.prefix_len));
    TRY(json_push_obj(list, &o));
    TRY(json_put_str(o, "ipnet", text));
    return s->gateway.family ? json_put_str(o, "gateway", ip_text(&s->gateway).s) : NULL;
}

/* Those that run, by their rows: a container that was killed may be among them until somebody looks at it. */
static struct err *put_containers(struct engine *e, const struct network *n, json_t *obj)
{
    struct store_stmt *st;
    json_t *all, *one, *interfaces, *interface, *subnets;
    bool row;
    TRY(json_put_obj(obj, "containers", &all));
    if (n->builtin)
        return NULL;
    TRY(store_prepare(engine_store(e),
                      "SELECT t.id, t.name, c.interface, c.ip, c.ip6, c.mac FROM container_networks c "
                      "JOIN containers t ON t.id = c.container_id WHERE c.network_id = ?1 AND c.mac IS NOT NULL "
                      "AND t.started_nsec > t.finished_nsec ORDER BY t.created_nsec",
                      &st));
    TRY(store_bind(st, "t", n->id));
    for (;;) {
        TRY(store_step(st, &row));
        if (!row)
            return NULL;
        TRY(json_put_obj(all, store_col_text(st, 0), &one));
        TRY(json_put_str(one, "name", store_col_text(st, 1)));
        TRY(json_put_obj(one, "interfaces", &interfaces));
        TRY(json_put_obj(interfaces, store_col_text(st, 2), &interface));
        TRY(json_put_arr(interface, "subnets", &subnets));
        TRY(push_address(subnets, n, store_col_text(st, 3)));
        TRY(push_address(subnets, n, store_col_text(st, 4)));
        TRY(json_put_str(interface, "mac_address", store_col_text(st, 5)));
    }
}

struct err *network_inspect(struct engine *e, const struct network *n, char **ret_json)
{
    AUTO_JSON json_t *o = NULL;
    TRY(network_json(n, &o));
    TRY(put_containers(e, n, o));
    return json_text(o, ret_json);
}
