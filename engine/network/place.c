/* Which containers are on which networks: rows of container_networks. */

#include "base/mem.h"
#include "engine/engine.h"
#include "engine/network/internal.h"

#define PLACES_MAX 4096

static void place_done(struct network_place *p)
{
    char **strings[] = {&p->network_id, &p->network, &p->ip, &p->ip6, &p->mac};
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        mem_freep(strings[i]);
    network_attach_done(&p->want);
}

void network_place_list_done(struct network_place_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        place_done(&l->items[i]);
    mem_freep(&l->items);
    *l = (struct network_place_list){0};
}

/* --- what is asked for */

static struct err *check_ip(const struct network *n, const char *text)
{
    struct ip_addr a = {0};
    if (!text)
        return NULL;
    const struct network_subnet *s = ip_parse(text, &a) ? network_subnet_of(n, a.family) : NULL;
    if (!s || !subnet_is_host(&s->net, &a))
        return ERR_NEW(ERR_INVALID, "requested static ip %s not in any subnet on network %s", text, n->name);
    struct ip_addr gateway = network_gateway(s);
    if (ip_equal(&a, &gateway))
        return ERR_NEW(ERR_IN_USE, "requested ip address %s is the gateway of network %s", text, n->name);
    return NULL;
}

struct err *network_check_attach(const struct network *n, const struct network_attach *a)
{
    TRY(check_ip(n, a->ip));
    TRY(check_ip(n, a->ip6));
    if (a->aliases.count && !n->dns)
        return ERR_NEW(ERR_INVALID, "cannot set network aliases for network \"%s\" because dns is disabled", n->name);
    return NULL;
}

/* Where nobody answers, the place of a gateway stays free all the same: there may be one some day. */
struct ip_addr network_gateway(const struct network_subnet *s)
{
    return s->gateway.family == AF_UNSPEC ? ip_next(&s->net.first) : s->gateway;
}

struct err *network_servers_of(const struct network *n, struct strv *ret)
{
    for (size_t i = 0; i < n->n_subnets; i++) {
        struct ip_addr gateway = network_gateway(&n->subnets[i]);
        TRY(strv_add(ret, ip_text(&gateway).s));
    }
    return NULL;
}

/* --- rows */

static struct err *optional(struct store_stmt *st, int column, char **ret)
{
    const char *text = store_col_text(st, column);
    return text && *text ? mem_strdup(text, ret) : NULL;
}

static struct err *read_place(struct store_stmt *st, struct network_place *p)
{
    p->position = store_col_int(st, 10);
    TRY(mem_strdup(store_col_text(st, 0), &p->network_id));
    TRY(mem_strdup(store_col_text(st, 1), &p->network));
    TRY(mem_strdup(p->network, &p->want.network));
    TRY(optional(st, 2, &p->want.ifname));
    TRY(optional(st, 3, &p->want.ip));
    TRY(optional(st, 4, &p->want.ip6));
    TRY(optional(st, 5, &p->want.mac));
    TRY(json_strv_parse(store_col_text(st, 6), "network", &p->want.aliases));
    TRY(optional(st, 7, &p->ip));
    TRY(optional(st, 8, &p->ip6));
    return optional(st, 9, &p->mac);
}

struct err *network_places(struct engine *e, const char *container_id, struct network_place_list *ret)
{
    struct store_stmt *st;
    bool row;
    TRY(store_prepare(engine_store(e),
                      "SELECT n.id, n.name, c.interface, c.static_ip, c.static_ip6, c.static_mac, c.aliases, c.ip, "
                      "c.ip6, c.mac, c.position FROM container_networks c JOIN networks n ON n.id = c.network_id "
                      "WHERE c.container_id = ?1 ORDER BY c.position",
                      &st));
    TRY(store_bind(st, "t", container_id));
    for (;;) {
        TRY(store_step(st, &row));
        if (!row)
            return NULL;
        TRY(mem_grow(&ret->items, ret->count, &ret->cap, sizeof(*ret->items), PLACES_MAX));
        struct network_place *p = &ret->items[ret->count++];
        *p = (struct network_place){0};
        TRY(read_place(st, p));
    }
}

struct err *network_names_of(struct engine *e, const char *container_id, struct strv *ret)
{
    return store_texts(engine_store(e),
                       "SELECT n.name FROM container_networks c JOIN networks n ON n.id = c.network_id "
                       "WHERE c.container_id = ?1 ORDER BY c.position",
                       container_id, ret);
}

/* --- changes */

/* The first of eth0, eth1 … that the container doesn't have; *ret_position is behind all it has. */
static struct err *free_interface(struct store *s, const char *container_id, const char *asked, char **ret,
                                  int64_t *ret_position)
{
    struct store_stmt *st;
    AUTO_STRV struct strv names = STRV_INIT;
    bool row;
    *ret_position = 0;
    TRY(store_prepare(s, "SELECT interface, position FROM container_networks WHERE container_id = ?1", &st));
    TRY(store_bind(st, "t", container_id));
    for (;;) {
        TRY(store_step(st, &row));
        if (!row)
            break;
        TRY(strv_add(&names, store_col_text(st, 0)));
        if (store_col_int(st, 1) >= *ret_position)
            *ret_position = store_col_int(st, 1) + 1;
    }
    if (asked && strv_contains(&names, asked))
        return ERR_NEW(ERR_INVALID, "network interface name \"%s\" is already in use by the container", asked);
    if (asked)
        return mem_strdup(asked, ret);
    for (size_t i = 0; i <= names.count; i++) {
        AUTO_FREE char *name = NULL;
        TRY(mem_asprintf(&name, "eth%zu", i));
        if (!strv_contains(&names, name)) {
            *ret = TAKE_PTR(name);
            return NULL;
        }
    }
    return ERR_NEW(ERR_INTERNAL, "no name for an interface is free");
}

struct err *network_place_add(struct engine *e, const char *container_id, const struct network *n,
                              const struct network_attach *a)
{
    struct store *s = engine_store(e);
    AUTO_FREE char *interface = NULL, *aliases = NULL;
    struct store_stmt *st;
    int64_t position;
    TRY(free_interface(s, container_id, a->ifname, &interface, &position));
    TRY(json_strv_text(&a->aliases, &aliases));
    TRY(store_prepare(s,
                      "INSERT INTO container_networks(container_id, network_id, position, interface, static_ip, "
                      "static_ip6, static_mac, aliases) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                      &st));
    TRY(store_bind(st, "ttittttt", container_id, n->id, position, interface, a->ip ? a->ip : "", a->ip6 ? a->ip6 : "",
                   a->mac ? a->mac : "", aliases));
    struct err *err = store_run(st);
    if (err && err_kind(err) == ERR_IN_USE) { /* the network went meanwhile */
        err_drop(err);
        return ERR_NEW(ERR_NOT_FOUND, "unable to find network with name or ID %s: network not found", n->name);
    }
    return err;
}

struct err *network_place_set(struct engine *e, const char *container_id, const struct network *n,
                              const struct network_attach *a)
{
    AUTO_FREE char *aliases = NULL;
    struct store_stmt *st;
    TRY(json_strv_text(&a->aliases, &aliases));
    TRY(store_prepare(engine_store(e),
                      "UPDATE container_networks SET static_ip = ?3, static_ip6 = ?4, static_mac = ?5, aliases = ?6 "
                      "WHERE container_id = ?1 AND network_id = ?2",
                      &st));
    TRY(store_bind(st, "tttttt", container_id, n->id, a->ip ? a->ip : "", a->ip6 ? a->ip6 : "", a->mac ? a->mac : "",
                   aliases));
    return store_run(st);
}

struct err *network_place_remove(struct engine *e, const char *container_id, const char *network_id, bool *ret_found)
{
    struct store *s = engine_store(e);
    struct store_stmt *st;
    TRY(store_prepare(s, "DELETE FROM container_networks WHERE container_id = ?1 AND network_id = ?2", &st));
    TRY(store_bind(st, "tt", container_id, network_id));
    TRY(store_run(st));
    *ret_found = store_changes(s) > 0;
    return NULL;
}
