/* Ports of a container that exists: add, remove. The monitor of a running one binds or closes; the specification keeps
 * it, for listings and the next start. */
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/container/internal.h"
#include "engine/engine.h"
#include "engine/monitor/client.h"
#include "engine/monitor/netplan.h"
#include "engine/network/publish.h"

static struct err *tell_monitor(struct engine *e, const struct container *c, const struct publish *p, bool add)
{
    struct monitor_port_change change = {.add = add, .publish.count = p->count};
    struct monitor *m = NULL;
    if (!container_is_live(c))
        return NULL;
    TRY(publish_address(p, &change.publish.first));
    struct err *err = monitor_connect(engine_run_dir(e), c->id, &m);
    if (!err)
        err = monitor_change_port(m, &change);
    monitor_free(m);
    return err;
}

static struct err *save_spec(struct engine *e, const struct container *c)
{
    struct store *st = engine_store(e);
    AUTO_FREE char *json = NULL;
    AUTO_TX struct store_tx_guard tx = {st};
    struct store_stmt *q;
    TRY(container_spec_to_json(&c->spec, &json));
    TRY(store_begin(st, STORE_WRITE, false));
    TRY(store_prepare(st, "UPDATE containers SET spec = ?2 WHERE id = ?1", &q));
    TRY(store_bind(q, "tt", c->id, json));
    TRY(store_run(q));
    return store_commit(st);
}

/* The settled list becomes the specification's. */
static struct err *replace_list(struct container *c, struct publish_list *l)
{
    AUTO_STRV struct strv texts = STRV_INIT;
    TRY(publish_settle(l));
    for (size_t i = 0; i < l->count; i++)
        TRY(strv_add(&texts, publish_text(&l->items[i]).s));
    strv_done(&c->spec.publish);
    c->spec.publish = texts;
    texts = (struct strv)STRV_INIT;
    return NULL;
}

static struct err *add_locked(struct engine *e, struct container *c, const char *value)
{
    AUTO_PUBLISH struct publish_list all = {0}, added = {0};
    struct container_spec wanted = {.network = c->spec.network}; /* borrows */
    TRY(publish_parse(value, &added));
    TRY(strv_add(&wanted.publish, value));
    struct err *err = create_settle_ports(e, &wanted, NULL); /* finds host ports */
    if (!err) {
        publish_list_done(&added);
        err = publish_parse_all(&wanted.publish, &added);
    }
    strv_done(&wanted.publish);
    TRY(err);
    TRY(publish_parse_all(&c->spec.publish, &all));
    for (size_t i = 0; i < added.count; i++) {
        TRY(mem_grow(&all.items, all.count, &all.cap, sizeof(*all.items), SIZE_MAX));
        all.items[all.count++] = added.items[i];
    }
    TRY(replace_list(c, &all)); /* contradictions, before anything is bound */
    for (size_t i = 0; i < added.count && !err; i++) {
        AUTO_STRV struct strv one = STRV_INIT;
        TRY(strv_add(&one, publish_text(&added.items[i]).s));
        err = container_explain_port(e, c, &one, tell_monitor(e, c, &added.items[i], true));
        for (size_t k = 0; err && k < i; k++)
            err_drop(tell_monitor(e, c, &added.items[k], false));
    }
    return err ? err : save_spec(e, c);
}

static bool same_host(const struct publish *a, const struct publish *b)
{
    return a->proto == b->proto && strcmp(a->host_ip, b->host_ip) == 0;
}

/* Cut `out` of the mappings; parts of ranges stay. *ret_hits counts the ports that were there. */
static struct err *cut(struct publish_list *l, const struct publish *out, uint32_t *ret_hits)
{
    for (size_t i = 0; i < l->count; i++) {
        struct publish *p = &l->items[i];
        uint32_t first = out->host_port, end = first + out->count, p_end = p->host_port + p->count;
        if (!same_host(p, out) || end <= p->host_port || first >= p_end)
            continue;
        uint32_t from = first > p->host_port ? first : p->host_port, to = end < p_end ? end : p_end;
        struct publish tail = *p;
        *ret_hits += to - from;
        tail.host_port = (uint16_t)to;
        tail.ct_port = (uint16_t)(p->ct_port + (to - p->host_port));
        tail.count = p_end - to;
        p->count = from - p->host_port;
        if (tail.count) {
            TRY(mem_grow(&l->items, l->count, &l->cap, sizeof(*l->items), SIZE_MAX));
            l->items[l->count++] = tail;
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++)
        if (l->items[i].count)
            l->items[kept++] = l->items[i];
    l->count = kept;
    return NULL;
}

static struct err *remove_locked(struct engine *e, struct container *c, const char *value)
{
    AUTO_PUBLISH struct publish_list all = {0}, out = {0};
    TRY(publish_parse(value, &out));
    TRY(publish_parse_all(&c->spec.publish, &all));
    for (size_t i = 0; i < out.count; i++) {
        struct publish *p = &out.items[i];
        uint32_t hits = 0;
        if (!p->host_port)
            return ERR_NEW(ERR_INVALID, "port %s: name the host's port to remove, as in 8080:80", value);
        TRY(cut(&all, p, &hits));
        if (hits != p->count)
            return ERR_NEW(ERR_NOT_FOUND, "container %s does not publish port %s", c->name, publish_text(p).s);
    }
    TRY(replace_list(c, &all));
    for (size_t i = 0; i < out.count; i++)
        TRY(tell_monitor(e, c, &out.items[i], false));
    return save_spec(e, c);
}

struct err *container_change_ports(struct engine *e, struct container *c, const char *value, bool add)
{
    AUTO_FD int lock = -1;
    TRY(container_load_spec(e, c));
    if (!container_has_network(&c->spec))
        return ERR_NEW(ERR_STATE, "container %s has no network of its own to publish ports of", c->name);
    TRY(container_lock_wait(e, c->id, &lock));
    struct err *err = container_observe(e, c);
    if (!err)
        err = add ? add_locked(e, c, value) : remove_locked(e, c, value);
    container_unlock(e, c->id, TAKE_FD(lock));
    return err;
}
