/* Ports of a new container: exposed ones join with -P, those without a host port get one, and all are put in order.
 *
 * Another process could take a port that was free before the container starts; then its start says so, as it would with
 * any port.
 */
#include "base/mem.h"
#include "engine/container/internal.h"
#include "engine/engine.h"
#include "engine/network/free_port.h"

static bool has_ct_port(const struct publish_list *l, const struct publish *p)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct publish *q = &l->items[i];
        if (q->proto == p->proto && p->ct_port >= q->ct_port && p->ct_port < q->ct_port + q->count)
            return true;
    }
    return false;
}

/* -P: what the image and --expose name and -p doesn't. */
static struct err *add_exposed(const struct strv *values, struct publish_list *l)
{
    AUTO_PUBLISH struct publish_list exposed = {0};
    for (size_t i = 0; i < values->count; i++)
        TRY(publish_parse_exposed(values->items[i], &exposed));
    for (size_t i = 0; i < exposed.count; i++) {
        if (has_ct_port(l, &exposed.items[i]))
            continue;
        TRY(mem_grow(&l->items, l->count, &l->cap, sizeof(*l->items), SIZE_MAX));
        l->items[l->count++] = exposed.items[i];
    }
    return NULL;
}

/* SCTP and the like are refused before anything is made. */
static struct err *check_all(const struct publish_list *l)
{
    struct slirp_port port;
    for (size_t i = 0; i < l->count; i++)
        TRY(publish_address(&l->items[i], &port));
    return NULL;
}

struct err *create_settle_ports(struct engine *e, struct container_spec *spec, const struct strv *image_ports)
{
    AUTO_PUBLISH struct publish_list list = {0};
    if (!spec->publish.count && !spec->publish_all)
        return NULL;
    if (!container_has_network(spec)) {
        strv_clear(&spec->publish);
        return engine_notice(
            e,
            "Port mappings have been discarded as one of the Host, Container, Pod, and None network modes are in use");
    }
    TRY(publish_parse_all(&spec->publish, &list));
    if (spec->publish_all) {
        TRY(add_exposed(&spec->expose, &list));
        if (image_ports)
            TRY(add_exposed(image_ports, &list));
    }
    TRY(check_all(&list));
    TRY(publish_settle(&list)); /* what contradicts itself, before ports are chosen */
    TRY(free_port_choose(&list));
    TRY(publish_settle(&list));
    strv_clear(&spec->publish);
    for (size_t i = 0; i < list.count; i++)
        TRY(strv_add(&spec->publish, publish_text(&list.items[i]).s));
    return NULL;
}
