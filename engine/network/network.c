/* Networks in the store: create, find, remove. */
#include "engine/network/network.h"

#include <string.h>

#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/engine.h"
#include "engine/network/internal.h"

#define WHAT "network"

/* --- subnets as JSON */

static struct err *get_address(const json_t *o, const char *key, struct ip_addr *ret)
{
    const char *text = NULL;
    TRY(json_get_str(o, key, WHAT, &text));
    if (text && !ip_parse(text, ret))
        return ERR_NEW(ERR_CORRUPT, WHAT ": %s \"%s\" is no address", key, text);
    return NULL;
}

static struct err *get_subnets(const char *text, struct network *n)
{
    AUTO_JSON json_t *list = NULL;
    json_t *o;
    size_t i;
    TRY(json_parse(text, strlen(text), WHAT, &list));
    json_array_foreach (list, i, o) {
        struct network_subnet s = {0};
        const char *cidr = "";
        if (n->n_subnets == NETWORK_SUBNETS_MAX)
            return ERR_NEW(ERR_CORRUPT, WHAT ": more than %d subnets", NETWORK_SUBNETS_MAX);
        TRY(json_get_str(o, "subnet", WHAT, &cidr));
        TRY(subnet_parse(cidr, &s.net));
        TRY(get_address(o, "gateway", &s.gateway));
        TRY(get_address(o, "first", &s.first));
        TRY(get_address(o, "last", &s.last));
        n->subnets[n->n_subnets++] = s;
    }
    return NULL;
}

static struct err *put_address(json_t *o, const char *key, const struct ip_addr *a)
{
    return a->family == AF_UNSPEC ? NULL : json_put_str(o, key, ip_text(a).s);
}

static struct err *subnets_text(const struct network *n, char **ret)
{
    AUTO_JSON json_t *list = json_array();
    if (!list)
        return err_oom();
    for (size_t i = 0; i < n->n_subnets; i++) {
        const struct network_subnet *s = &n->subnets[i];
        json_t *o;
        TRY(json_push_obj(list, &o));
        TRY(json_put_str(o, "subnet", subnet_text(&s->net).s));
        TRY(put_address(o, "gateway", &s->gateway));
        TRY(put_address(o, "first", &s->first));
        TRY(put_address(o, "last", &s->last));
    }
    return json_text(list, ret);
}

static struct err *get_routes(const char *text, struct network *n)
{
    AUTO_STRV struct strv list = STRV_INIT;
    TRY(json_strv_parse(text, WHAT, &list));
    if (list.count > NETWORK_ROUTES_MAX)
        return ERR_NEW(ERR_CORRUPT, WHAT ": more than %d routes", NETWORK_ROUTES_MAX);
    for (; n->n_routes < list.count; n->n_routes++)
        TRY(route_parse(list.items[n->n_routes], &n->routes[n->n_routes]));
    return NULL;
}

static struct err *routes_text(const struct network *n, char **ret)
{
    AUTO_STRV struct strv list = STRV_INIT;
    for (size_t i = 0; i < n->n_routes; i++) {
        char *text;
        TRY(route_text(&n->routes[i], &text));
        TRY(strv_take(&list, text));
    }
    return json_strv_text(&list, ret);
}

/* --- rows */

static struct err *read_row(struct store_stmt *st, struct network *n)
{
    n->created_nsec = store_col_int(st, 4);
    n->ipv6 = store_col_int(st, 5) != 0;
    n->internal = store_col_int(st, 6) != 0;
    n->dns = store_col_int(st, 7) != 0;
    n->no_addresses = strcmp(store_col_text(st, 13), IPAM_NONE) == 0;
    n->containers = (uint64_t)store_col_int(st, 14);
    TRY(mem_strdup(store_col_text(st, 0), &n->id));
    TRY(mem_strdup(store_col_text(st, 1), &n->name));
    TRY(mem_strdup(store_col_text(st, 2), &n->driver));
    TRY(mem_strdup(store_col_text(st, 3), &n->interface));
    TRY(get_subnets(store_col_text(st, 8), n));
    TRY(json_strv_parse(store_col_text(st, 9), WHAT, &n->dns_servers));
    TRY(json_pairs_parse(store_col_text(st, 10), WHAT, &n->labels));
    TRY(get_routes(store_col_text(st, 12), n));
    return json_pairs_parse(store_col_text(st, 11), WHAT, &n->options);
}

struct err *network_from_row(struct store_stmt *st, struct network **ret)
{
    struct network *n = mem_zalloc(sizeof(*n));
    struct err *e = n ? read_row(st, n) : err_oom();
    if (e) {
        network_free(n);
        return e;
    }
    *ret = n;
    return NULL;
}

/* --- create */

/* Every network's subnets and interface; whether the name is taken. */
static struct err *look_around(struct store *s, const char *name, struct network_taken *t, bool *ret_exists)
{
    struct store_stmt *st;
    bool row;
    *ret_exists = false;
    TRY(store_prepare(s, "SELECT " NETWORK_COLUMNS " FROM networks n", &st));
    for (;;) {
        struct network *n;
        TRY(store_step(st, &row));
        if (!row)
            return NULL;
        TRY(network_from_row(st, &n));
        struct err *e = strv_add(&t->interfaces, n->interface);
        if (!e)
            e = strv_add(&t->interfaces, n->name); /* names that are made up shall serve as both */
        for (size_t i = 0; i < n->n_subnets && !e; i++)
            e = network_taken_add(t, &n->subnets[i].net);
        *ret_exists |= name && strcmp(n->name, name) == 0;
        network_free(n);
        TRY(e);
    }
}

static struct err *insert(struct store *s, const struct network *n)
{
    AUTO_FREE char *subnets = NULL, *servers = NULL, *labels = NULL, *options = NULL, *routes = NULL;
    struct store_stmt *st;
    TRY(subnets_text(n, &subnets));
    TRY(json_strv_text(&n->dns_servers, &servers));
    TRY(json_pairs_text(&n->labels, &labels));
    TRY(json_pairs_text(&n->options, &options));
    TRY(routes_text(n, &routes));
    TRY(store_prepare(
        s,
        "INSERT INTO networks(id, name, driver, interface, created_nsec, ipv6, internal, dns, subnets, "
        "dns_servers, labels, options, routes, ipam) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, "
        "?13, ?14)",
        &st));
    TRY(store_bind(st, "ttttiiiitttttt", n->id, n->name, n->driver, n->interface, n->created_nsec, (int64_t)n->ipv6,
                   (int64_t)n->internal, (int64_t)n->dns, subnets, servers, labels, options, routes,
                   n->no_addresses ? IPAM_NONE : IPAM_HOST_LOCAL));
    TRY(store_run(st));
    return store_event(s, "network", "create", n->id, n->name, NULL);
}

/* A name that was not given is the interface's, which nobody has yet; a network may be called so all the same. */
static struct err *name_it(const struct network_create_opts *o, struct network *n)
{
    struct ident id;
    TRY(ident_random(&id));
    TRY(mem_strdup(id.s, &n->id));
    n->created_nsec = timefmt_now();
    return mem_strdup(o->name ? o->name : n->interface, &n->name);
}

static struct err *create(struct engine *e, const struct network_create_opts *o, struct network_taken *taken,
                          struct network *n)
{
    struct store *s = engine_store(e);
    AUTO_TX struct store_tx_guard tx = {s};
    bool exists = false;
    if (o->name)
        TRY(network_check_name(o->name));
    if (o->name && strcmp(o->name, NETWORK_DEFAULT) == 0)
        return ERR_NEW(ERR_EXISTS, "network name %s already used: network already exists", o->name);
    TRY(network_taken_by_host(taken));
    TRY(store_begin(s, STORE_WRITE, true));
    TRY(look_around(s, o->name, taken, &exists));
    if (exists)
        return ERR_NEW(ERR_EXISTS, "network name %s already used: network already exists", o->name);
    TRY(network_define(o, taken, n));
    TRY(name_it(o, n));
    struct err *err = insert(s, n);
    if (err && err_kind(err) == ERR_EXISTS) {
        err_drop(err);
        return ERR_NEW(ERR_EXISTS, "network name %s already used: network already exists", n->name);
    }
    TRY(err);
    return store_commit(s);
}

struct err *network_create(struct engine *e, const struct network_create_opts *opts, struct network **ret)
{
    struct network_taken taken = {0};
    struct network *n = mem_zalloc(sizeof(*n));
    if (!n)
        return err_oom();
    struct err *err = create(e, opts, &taken, n);
    network_taken_done(&taken);
    if (!err) {
        *ret = n;
        return NULL;
    }
    network_free(n);
    if (!opts->ignore_existing || err_kind(err) != ERR_EXISTS || !opts->name)
        return err;
    /* Of what exists, only the name is forgiven. */
    struct err *missing = network_find(e, opts->name, ret);
    if (missing) {
        err_drop(missing);
        return err;
    }
    err_drop(err);
    return NULL;
}

/* --- find */

static struct err *not_found(const char *name)
{
    return ERR_NEW(ERR_NOT_FOUND, "unable to find network with name or ID %s: network not found", name);
}

/* One network by name, or by the start of its id; *ret_count counts matches up to 2. */
static struct err *find_where(struct engine *e, bool prefix, const char *name, struct network **ret, int *ret_count)
{
    struct store *s = engine_store(e);
    struct store_stmt *st;
    AUTO_FREE char *end = NULL;
    bool row;
    if (prefix) {
        TRY(store_prepare(s, "SELECT " NETWORK_COLUMNS " FROM networks n WHERE n.id >= ?1 AND n.id < ?2 LIMIT 2", &st));
        TRY(mem_asprintf(&end, "%s\x7f", name));
        TRY(store_bind(st, "tt", name, end));
    } else {
        TRY(store_prepare(s, "SELECT " NETWORK_COLUMNS " FROM networks n WHERE n.name = ?1", &st));
        TRY(store_bind(st, "t", name));
    }
    struct network *found = NULL;
    for (*ret_count = 0;; (*ret_count)++) {
        struct err *err = store_step(st, &row);
        if (!err && row && !found)
            err = network_from_row(st, &found);
        if (err) {
            network_free(found);
            return err;
        }
        if (!row)
            break;
    }
    if (*ret_count == 1)
        *ret = found;
    else
        network_free(found);
    return NULL;
}

struct err *network_find(struct engine *e, const char *name, struct network **ret)
{
    int count = 0;
    if (strcmp(name, NETWORK_DEFAULT) == 0)
        return network_builtin(ret);
    TRY(find_where(e, false, name, ret, &count));
    if (count)
        return NULL;
    if (ident_is_prefix(name)) {
        if (network_is_builtin_id(name))
            return network_builtin(ret);
        TRY(find_where(e, true, name, ret, &count));
    }
    if (count > 1)
        return ERR_NEW(ERR_INVALID, "more than one result for network ID %s", name);
    return count == 1 ? NULL : not_found(name);
}

/* --- remove, update */

struct err *network_remove(struct engine *e, const struct network *n)
{
    struct store *s = engine_store(e);
    AUTO_TX struct store_tx_guard tx = {s};
    struct store_stmt *st;
    if (n->builtin)
        return ERR_NEW(ERR_INVALID, "default network %s cannot be removed", n->name);
    TRY(store_begin(s, STORE_WRITE, true));
    TRY(store_prepare(s, "DELETE FROM networks WHERE id = ?1", &st));
    TRY(store_bind(st, "t", n->id));
    struct err *err = store_run(st);
    if (err && err_kind(err) == ERR_IN_USE) {
        err_drop(err);
        return ERR_NEW(ERR_IN_USE,
                       "\"%s\" has associated containers with it. Use -f to forcibly delete containers and pods: "
                       "network is being used",
                       n->name);
    }
    TRY(err);
    if (!store_changes(s)) /* somebody else was quicker */
        return not_found(n->name);
    TRY(store_event(s, "network", "remove", n->id, n->name, NULL));
    return store_commit(s);
}

struct err *network_update_dns(struct engine *e, struct network *n, const struct strv *add, const struct strv *drop)
{
    struct store *s = engine_store(e);
    AUTO_TX struct store_tx_guard tx = {s};
    AUTO_STRV struct strv servers = STRV_INIT;
    AUTO_FREE char *text = NULL;
    struct store_stmt *st;
    if (n->builtin)
        return ERR_NEW(ERR_UNSUPPORTED, "network %s cannot be updated: it follows the host", n->name);
    if (!n->dns)
        return ERR_NEW(ERR_INVALID,
                       "cannot set NetworkDNSServers if DNS is not enabled for the network: invalid argument");
    TRY(network_change_servers(&n->dns_servers, add, drop, &servers));
    TRY(json_strv_text(&servers, &text));
    TRY(store_begin(s, STORE_WRITE, true));
    TRY(store_prepare(s, "UPDATE networks SET dns_servers = ?2 WHERE id = ?1", &st));
    TRY(store_bind(st, "tt", n->id, text));
    TRY(store_run(st));
    TRY(store_event(s, "network", "update", n->id, n->name, NULL));
    TRY(store_commit(s));
    strv_done(&n->dns_servers);
    n->dns_servers = servers;
    servers = (struct strv)STRV_INIT;
    return NULL;
}

struct err *network_users(struct engine *e, const struct network *n, struct strv *ret_ids)
{
    return store_texts(engine_store(e), "SELECT container_id FROM container_networks WHERE network_id = ?1", n->id,
                       ret_ids);
}
