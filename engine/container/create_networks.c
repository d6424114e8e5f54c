/* Named networks of a new container: from texts in its specification to places in networks. */
#include <string.h>

#include "base/mem.h"
#include "engine/container/internal.h"
#include "engine/container/networks.h"
#include "engine/engine.h"

void container_networks_done(struct container_networks *w)
{
    for (size_t i = 0; i < w->n_networks; i++)
        network_free(w->networks[i]);
    mem_freep(&w->networks);
    network_attach_list_done(&w->attach);
    *w = (struct container_networks){0};
}

/* --ip and its kin mean the only one, --network-alias all. */
static struct err *apply_flags(const struct container_spec *s, struct network_attach_list *l)
{
    for (size_t i = 0; i < l->count; i++) {
        struct network_attach *a = &l->items[i];
        if (s->ip)
            TRY(network_attach_set_ip(a, s->ip));
        if (s->ip6)
            TRY(network_attach_set_ip(a, s->ip6));
        if (s->mac_address)
            TRY(network_attach_set_mac(a, s->mac_address));
        for (size_t k = 0; k < s->network_alias.count; k++)
            TRY(network_attach_add_alias(a, s->network_alias.items[k]));
    }
    return NULL;
}

/* Two ways to say one network are one. */
static bool is_there(const struct container_networks *w, const struct network *n)
{
    for (size_t i = 0; i < w->n_networks; i++)
        if (strcmp(w->networks[i]->id, n->id) == 0)
            return true;
    return false;
}

static struct err *look_up(struct engine *e, struct container_networks *w)
{
    size_t kept = 0;
    w->networks = mem_zalloc((w->attach.count + 1) * sizeof(struct network *));
    if (!w->networks)
        return err_oom();
    for (size_t i = 0; i < w->attach.count; i++) {
        struct network_attach *a = &w->attach.items[i];
        struct network *n;
        TRY(network_find(e, a->network, &n));
        if (is_there(w, n)) {
            network_free(n);
            continue;
        }
        w->networks[w->n_networks++] = n;
        if (n->builtin)
            return ERR_NEW(ERR_UNSUPPORTED,
                           "network %s is a network of the container's own and cannot be joined with others", n->name);
        if (!a->ifname && n->interface && engine_options(e)->device_names)
            TRY(network_attach_set_ifname(a, n->interface));
        TRY(network_check_attach(n, a));
        struct network_attach moved = *a;
        *a = w->attach.items[kept];
        w->attach.items[kept++] = moved;
    }
    for (size_t i = kept; i < w->attach.count; i++)
        network_attach_done(&w->attach.items[i]);
    w->attach.count = kept;
    return NULL;
}

struct err *create_settle_networks(struct engine *e, struct container_spec *s, struct container_networks *ret)
{
    char **taken[] = {&s->ip, &s->ip6, &s->mac_address};
    if (s->network.mode != NS_BRIDGE)
        return NULL;
    for (size_t i = 0; i < s->networks.count; i++)
        TRY(network_attach_parse(s->networks.items[i], &ret->attach));
    TRY(apply_flags(s, &ret->attach));
    TRY(look_up(e, ret));
    for (size_t i = 0; i < ARRAY_LEN(taken); i++)
        mem_freep(taken[i]);
    strv_clear(&s->networks);
    strv_clear(&s->network_alias);
    return NULL;
}

struct err *create_insert_networks(struct engine *e, const char *id, const struct container_networks *w)
{
    for (size_t i = 0; i < w->n_networks; i++)
        TRY(network_place_add(e, id, w->networks[i], &w->attach.items[i]));
    return NULL;
}
