/* Addresses for containers that are about to run.
 *
 * A lease is written in the same transaction that makes the container's row say "running", and it holds as long as the
 * row says so: nothing has to be given back, whatever ends the container. What is left in the rows of others is theirs
 * again at their next start unless somebody needed it. Two starts at once are two transactions, one behind the other,
 * and the table's constraints would refuse the same address twice in any case.
 *
 * Addresses go round: the next one behind the last that was given, so that a name or connection somebody still
 * remembers doesn't meet a stranger at once. The MAC address follows from the address (as Docker's did), so that no
 * neighbour remembers a wrong one.
 */
#include <stdio.h>

#include "base/ident.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/network/internal.h"

#define SKIPS 4 /* addresses that are nobody's: network, gateway, broadcast, and one to be sure */

/* One family's statements; their texts are constants, as the store wants them. */
struct family {
    int family;
    const char *holder, *take_over, *count, *last, *set_last;
};
#define FAMILY(af, column, last_column)                                                                      \
    {                                                                                                        \
        .family = (af),                                                                                      \
        .holder = "SELECT t.id FROM container_networks c JOIN containers t ON t.id = c.container_id "        \
                  "WHERE c.network_id = ?1 AND c." column " = ?2 AND t.id <> ?3 "                            \
                  "AND t.started_nsec > t.finished_nsec",                                                    \
        .take_over = "UPDATE container_networks SET " column " = NULL "                                      \
                     "WHERE network_id = ?1 AND " column " = ?2 AND container_id <> ?3",                     \
        .count = "SELECT count(*) FROM container_networks WHERE network_id = ?1 AND " column " IS NOT NULL", \
        .last = "SELECT " last_column " FROM networks WHERE id = ?1",                                        \
        .set_last = "UPDATE networks SET " last_column " = ?2 WHERE id = ?1",                                \
    }
static const struct family families[] = {FAMILY(AF_INET, "ip", "last_ip"), FAMILY(AF_INET6, "ip6", "last_ip6")};

struct lease {
    struct store *s;
    const char *container_id;
    const struct network *n;
    const struct network_subnet *subnet;
    const struct family *f;
    char *holder; /* 65 bytes: who has what was wanted */
};

/* The running container that has the address, by its row; "" in l->holder: nobody. */
static struct err *find_holder(const struct lease *l, const char *ip)
{
    struct store_stmt *st;
    bool row;
    l->holder[0] = '\0';
    TRY(store_prepare(l->s, l->f->holder, &st));
    TRY(store_bind(st, "ttt", l->n->id, ip, l->container_id));
    TRY(store_step(st, &row));
    if (row)
        (void)snprintf(l->holder, IDENT_LEN + 1, "%s", store_col_text(st, 0));
    return NULL;
}

/* From a container that doesn't run. */
static struct err *take_over(const struct lease *l, const char *ip)
{
    struct store_stmt *st;
    TRY(store_prepare(l->s, l->f->take_over, &st));
    TRY(store_bind(st, "ttt", l->n->id, ip, l->container_id));
    return store_run(st);
}

static struct err *lease_static(const struct lease *l, const char *ip)
{
    TRY(find_holder(l, ip));
    if (l->holder[0])
        return ERR_NEW(ERR_IN_USE, "IPAM error: requested ip address %s is already allocated to container ID %s", ip,
                       l->holder);
    return take_over(l, ip);
}

static struct err *last_given(const struct lease *l, struct ip_addr *ret)
{
    struct store_stmt *st;
    bool row;
    *ret = (struct ip_addr){0};
    TRY(store_prepare(l->s, l->f->last, &st));
    TRY(store_bind(st, "t", l->n->id));
    TRY(store_step(st, &row));
    if (row && !ip_parse(store_col_text(st, 0), ret))
        *ret = (struct ip_addr){0};
    return NULL;
}

static struct err *remember_last(const struct lease *l, const char *ip)
{
    struct store_stmt *st;
    TRY(store_prepare(l->s, l->f->set_last, &st));
    TRY(store_bind(st, "tt", l->n->id, ip));
    return store_run(st);
}

static struct err *count_leases(const struct lease *l, int64_t *ret)
{
    struct store_stmt *st;
    bool row;
    *ret = 0;
    TRY(store_prepare(l->s, l->f->count, &st));
    TRY(store_bind(st, "t", l->n->id));
    TRY(store_step(st, &row));
    if (row)
        *ret = store_col_int(st, 0);
    return NULL;
}

/* No more steps than there are leases and addresses that nobody may have: past those, everything was seen. */
static struct err *lease_next(const struct lease *l, struct ip_addr *ret)
{
    const struct network_subnet *s = l->subnet;
    struct ip_addr first = s->first.family ? s->first : ip_next(&s->net.first);
    struct ip_addr last = s->last.family ? s->last : subnet_last(&s->net);
    struct ip_addr gateway = network_gateway(s), at;
    AUTO_FREE char *holder = NULL;
    int64_t steps;
    TRY(last_given(l, &at));
    TRY(count_leases(l, &steps));
    bool inside = at.family == first.family && ip_compare(&at, &first) >= 0 && ip_compare(&at, &last) < 0;
    at = inside ? ip_next(&at) : first;
    for (steps += SKIPS; steps >= 0; steps--) {
        if (subnet_is_host(&s->net, &at) && !ip_equal(&at, &gateway)) {
            TRY(find_holder(l, ip_text(&at).s));
            if (!l->holder[0]) {
                *ret = at;
                return NULL;
            }
            if (!holder)
                TRY(mem_strdup(l->holder, &holder));
        }
        at = ip_compare(&at, &last) >= 0 ? first : ip_next(&at);
    }
    if (!subnet_is_host(&s->net, &last)) /* for the message: the broadcast address is no end that one would expect */
        last.b[3] &= 0xfe;
    (void)snprintf(l->holder, IDENT_LEN + 1, "%s", holder ? holder : "");
    return ERR_NEW(ERR_IN_USE, "IPAM error: failed to find free IP in range: %s - %s", ip_text(&first).s,
                   ip_text(&last).s);
}

/* What it asked for, what it had, or the next free one. */
static struct err *lease_family(const struct lease *l, const char *asked, char **slot)
{
    struct ip_addr a;
    if (asked) {
        TRY(lease_static(l, asked));
        return mem_replace(slot, asked);
    }
    if (*slot && ip_parse(*slot, &a) && subnet_contains(&l->subnet->net, &a))
        return NULL; /* nobody has taken it over */
    TRY(lease_next(l, &a));
    TRY(take_over(l, ip_text(&a).s));
    TRY(remember_last(l, ip_text(&a).s));
    return mem_replace(slot, ip_text(&a).s);
}

/* Locally administered, and as Docker's were: 02:42 and the four bytes of the address (the last four of IPv6). */
static struct err *mac_of(const struct network_place *p, const char *id, char **ret)
{
    struct ip_addr a;
    const char *text = p->ip ? p->ip : p->ip6;
    if (!text) /* --ipam-driver none; an id is random digits */
        return mem_asprintf(ret, "02:42:%.2s:%.2s:%.2s:%.2s", id, id + 2, id + 4, id + 6);
    if (!ip_parse(text, &a))
        return ERR_NEW(ERR_CORRUPT, "\"%s\" is no address", text);
    const uint8_t *b = a.family == AF_INET6 ? a.b + 12 : a.b;
    return mem_asprintf(ret, "02:42:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3]);
}

static struct err *write_lease(const struct lease *l, const struct network_place *p)
{
    struct store_stmt *st;
    TRY(store_prepare(l->s,
                      "UPDATE container_networks SET ip = ?3, ip6 = ?4, mac = ?5 "
                      "WHERE container_id = ?1 AND network_id = ?2",
                      &st));
    TRY(store_bind(st, "ttttt", l->container_id, l->n->id, p->ip, p->ip6, p->mac));
    return store_run(st);
}

struct err *network_lease(struct engine *e, const char *container_id, const struct network *n,
                          struct network_place *place, char ret_holder[65])
{
    struct lease l = {.s = engine_store(e), .container_id = container_id, .n = n, .holder = ret_holder};
    ret_holder[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        bool v6 = families[i].family == AF_INET6;
        l.f = &families[i];
        l.subnet = network_subnet_of(n, l.f->family);
        if (l.subnet)
            TRY(lease_family(&l, v6 ? place->want.ip6 : place->want.ip, v6 ? &place->ip6 : &place->ip));
    }
    mem_freep(&place->mac);
    TRY(place->want.mac ? mem_strdup(place->want.mac, &place->mac) : mac_of(place, container_id, &place->mac));
    return write_lease(&l, place);
}
