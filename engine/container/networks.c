/* Networks of containers that exist: connect, disconnect, reload. The database says what a container is on; the monitor
 * of a running one is told as well, and what it refuses is taken back. */
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/container/internal.h"
#include "engine/container/networks.h"
#include "engine/engine.h"
#include "engine/monitor/client.h"
#include "engine/network/network.h"

/* Podman's message; the default network is called slirp4netns there. */
static struct err *check_mode(const struct container *c)
{
    static const char *const names[] = {
        [NS_HOST] = "host", [NS_CONTAINER] = "container", [NS_PATH] = "ns", [NS_NONE] = "none"};
    size_t mode = (size_t)c->spec.network.mode;
    if (mode == NS_BRIDGE)
        return NULL;
    return ERR_NEW(ERR_INVALID, "\"%s\" is not supported: invalid network mode",
                   mode < ARRAY_LEN(names) && names[mode] ? names[mode] : "slirp4netns");
}

static struct network_place *find_place(const struct network_place_list *l, const struct network *n)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->items[i].network_id, n->id) == 0)
            return &l->items[i];
    return NULL;
}

/* One network, as the container is on it by its row. */
static struct err *tell_join(struct engine *e, const struct container *c, const struct network *n)
{
    AUTO_NETWORK_PLACES struct network_place_list places = {0};
    AUTO_STRBUF struct strbuf join = STRBUF_INIT;
    struct monitor *m = NULL;
    TRY(network_places(e, c->id, &places));
    const struct network_place *p = find_place(&places, n);
    if (!p) /* disconnected meanwhile */
        return NULL;
    TRY(container_encode_join(c, n, &places, (size_t)(p - places.items), &join));
    TRY(monitor_connect(engine_run_dir(e), c->id, &m));
    struct err *err = monitor_join(m, &join);
    monitor_free(m);
    return err;
}

static struct err *tell_leave(struct engine *e, const struct container *c, const struct network *n)
{
    struct monitor *m = NULL;
    TRY(monitor_connect(engine_run_dir(e), c->id, &m));
    struct err *err = monitor_leave(m, n->id);
    monitor_free(m);
    return err;
}

/* --- connect */

/* Named after the network, by the id of the container. */
static struct err *place_event(struct store *s, const char *action, const struct container *c, const struct network *n)
{
    AUTO_FREE char *attributes = NULL;
    TRY(mem_asprintf(&attributes, "{\"container\":\"%s\"}", c->name)); /* a name needs no escapes */
    return store_event(s, "network", action, c->id, n->name, attributes);
}

static struct err *write_place(struct engine *e, const struct container *c, const struct network *n,
                               const struct network_attach *a, bool there)
{
    struct store *s = engine_store(e);
    AUTO_TX struct store_tx_guard tx = {s};
    TRY(store_begin(s, STORE_WRITE, false));
    TRY(there ? network_place_set(e, c->id, n, a) : network_place_add(e, c->id, n, a));
    TRY(place_event(s, "connect", c, n));
    return store_commit(s);
}

static struct err *drop_place(struct engine *e, const struct container *c, const struct network *n, bool *ret_found)
{
    struct store *s = engine_store(e);
    AUTO_TX struct store_tx_guard tx = {s};
    TRY(store_begin(s, STORE_WRITE, false));
    TRY(network_place_remove(e, c->id, n->id, ret_found));
    if (*ret_found)
        TRY(place_event(s, "disconnect", c, n));
    return store_commit(s);
}

static struct err *connect_running(struct engine *e, struct container *c, const struct network *n)
{
    AUTO_NETWORK_PLACES struct network_place_list places = {0};
    TRY(container_lease(e, c, false, &places));
    return tell_join(e, c, n);
}

static struct err *connect_locked(struct engine *e, struct container *c, const struct network *n,
                                  const struct network_attach *a)
{
    AUTO_NETWORK_PLACES struct network_place_list places = {0};
    TRY(container_observe(e, c));
    TRY(network_places(e, c->id, &places));
    bool there = find_place(&places, n) != NULL, found;
    if (there && container_is_live(c))
        return ERR_NEW(ERR_EXISTS, "container %s is already connected to network \"%s\": network is already connected",
                       c->id, n->name);
    TRY(write_place(e, c, n, a, there));
    struct err *err = container_is_live(c) ? connect_running(e, c, n) : NULL;
    if (err)
        err_drop(drop_place(e, c, n, &found));
    return err || !container_is_live(c) ? err : container_refresh_files(e, c);
}

struct err *container_connect(struct engine *e, struct container *c, const struct network *n,
                              const struct network_attach *a)
{
    AUTO_FD int lock = -1;
    TRY(container_load_spec(e, c));
    TRY(check_mode(c));
    if (n->builtin)
        return ERR_NEW(ERR_UNSUPPORTED, "network %s is a network of each container's own and cannot be connected",
                       n->name);
    TRY(network_check_attach(n, a));
    TRY(container_lock_wait(e, c->id, &lock));
    struct err *err = connect_locked(e, c, n, a);
    container_unlock(e, c->id, TAKE_FD(lock));
    return err;
}

/* --- disconnect */

/* The monitor first: an interface that stays is no longer the container's only once it is gone. With `force` the row
 * goes in any case. */
static struct err *disconnect_locked(struct engine *e, struct container *c, const struct network *n, bool force)
{
    AUTO_NETWORK_PLACES struct network_place_list places = {0};
    bool found;
    TRY(container_observe(e, c));
    TRY(network_places(e, c->id, &places));
    if (!find_place(&places, n))
        return ERR_NEW(ERR_NOT_FOUND, "container %s is not connected to network %s", c->name, n->name);
    struct err *err = container_is_live(c) ? tell_leave(e, c, n) : NULL;
    if (err && !force)
        return err;
    bool told = container_is_live(c) && !err;
    err_drop(err);
    TRY(drop_place(e, c, n, &found));
    return told ? container_refresh_files(e, c) : NULL;
}

struct err *container_disconnect(struct engine *e, struct container *c, const struct network *n, bool force)
{
    AUTO_FD int lock = -1;
    TRY(container_load_spec(e, c));
    TRY(check_mode(c));
    TRY(container_lock_wait(e, c->id, &lock));
    struct err *err = disconnect_locked(e, c, n, force);
    container_unlock(e, c->id, TAKE_FD(lock));
    return err;
}

/* --- reload and other changes */

struct err *container_reload_networks(struct engine *e, struct container *c)
{
    struct monitor *m = NULL;
    TRY(container_load_spec(e, c));
    if (!container_is_live(c))
        return ERR_NEW(ERR_STATE, "cannot reload network unless container network has been configured: container state "
                                  "improper");
    if (c->spec.network.mode != NS_BRIDGE)
        return NULL; /* nothing that could be lost: its coracle-slirp is looked after by its monitor */
    TRY(monitor_connect(engine_run_dir(e), c->id, &m));
    struct err *err = monitor_reload(m);
    monitor_free(m);
    return err;
}

struct err *container_tell_network(struct engine *e, const struct network *n)
{
    AUTO_STRV struct strv ids = STRV_INIT;
    TRY(network_users(e, n, &ids));
    for (size_t i = 0; i < ids.count; i++) {
        struct container *c = NULL;
        struct err *err = container_find(e, ids.items[i], &c);
        if (!err && container_is_live(c))
            err = tell_join(e, c, n);
        container_free(c);
        if (err && err_kind(err) != ERR_NOT_FOUND && err_kind(err) != ERR_STATE) /* it ended meanwhile */
            return err;
        err_drop(err);
    }
    return NULL;
}

/* All of its networks learn the name it has now. */
struct err *container_tell_name(struct engine *e, const struct container *c)
{
    AUTO_NETWORK_PLACES struct network_place_list places = {0};
    if (c->spec.network.mode != NS_BRIDGE || !container_is_live(c))
        return NULL;
    TRY(network_places(e, c->id, &places));
    for (size_t i = 0; i < places.count; i++) {
        struct network *n;
        TRY(network_find(e, places.items[i].network_id, &n));
        struct err *err = tell_join(e, c, n);
        network_free(n);
        TRY(err);
    }
    return NULL;
}
