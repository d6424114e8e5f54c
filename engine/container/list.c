/* Listing containers, with Podman's filters. */
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/pattern.h"
#include "base/timefmt.h"
#include "engine/container/internal.h"
#include "engine/container/networks.h"
#include "engine/engine.h"
#include "engine/image/image.h"

#define LIST_MAX ((size_t)1 << 20)

void container_list_free(struct container **list, size_t count)
{
    for (size_t i = 0; list && i < count; i++)
        container_free(list[i]);
    mem_freep(&list);
}

/* Created time of the container that before= or since= names. */
static struct err *created_of(struct engine *e, const char *name, int64_t *ret_nsec)
{
    struct container *c;
    TRY(container_find(e, name, &c));
    *ret_nsec = c->created_nsec;
    container_free(c);
    return NULL;
}

static struct err *match_ancestor(struct engine *e, const struct container *c, const char *value, bool *ret)
{
    struct image *i = NULL;
    struct err *err = image_find(e, value, &i);
    if (err) {
        err_drop(err);
        *ret = c->image_name && strstr(c->image_name, value) != NULL;
        return NULL;
    }
    *ret = c->image_id && strcmp(c->image_id, i->id) == 0;
    image_free(i);
    return NULL;
}

static struct err *match_volume(struct engine *e, struct container *c, const char *value, bool *ret)
{
    TRY(container_load_spec(e, c));
    *ret = false;
    for (size_t i = 0; i < c->spec.n_mounts && !*ret; i++) {
        const struct mount_spec *m = &c->spec.mounts[i];
        *ret = (m->source && strcmp(m->source, value) == 0) || (m->target && strcmp(m->target, value) == 0);
    }
    return NULL;
}

/* By name or the start of an id. */
static struct err *on_network(struct engine *e, const struct container *c, const char *value, bool *ret)
{
    AUTO_NETWORK_PLACES struct network_place_list places = {0};
    *ret = false;
    TRY(network_places(e, c->id, &places));
    for (size_t i = 0; i < places.count && !*ret; i++)
        *ret = strcmp(places.items[i].network, value) == 0 ||
               (strlen(value) >= 12 && strncmp(places.items[i].network_id, value, strlen(value)) == 0);
    return NULL;
}

static struct err *match_network(struct engine *e, struct container *c, const char *value, bool *ret)
{
    static const char *const names[] = {
        [NS_HOST] = "host",
        [NS_NONE] = "none",
        [NS_CONTAINER] = "container",
        [NS_PATH] = "ns",
    };
    TRY(container_load_spec(e, c));
    size_t mode = (size_t)c->spec.network.mode;
    if (mode == NS_BRIDGE)
        return on_network(e, c, value, ret);
    *ret = mode < ARRAY_LEN(names) && names[mode] && strcmp(names[mode], value) == 0;
    return NULL;
}

/* "unknown" and misspelt states are errors, as in Podman. */
static struct err *match_status(const struct container *c, const char *value, bool *ret)
{
    static const char *const known[] = {"configured", "created", "exited",  "initialized", "paused",
                                        "removing",   "running", "stopped", "stopping",    "unknown"};
    bool ok = false;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        ok |= strcmp(known[i], value) == 0;
    if (!ok)
        return ERR_NEW(ERR_INVALID, "unknown container state: %s: invalid argument", value);
    *ret = strcmp(container_state_name(c->state), value) == 0 ||
           (c->state == CT_EXITED && strcmp(value, "stopped") == 0) ||
           (c->state == CT_CREATED && strcmp(value, "configured") == 0);
    return NULL;
}

static struct err *match_times(struct engine *e, const struct container *c, const char *key, const char *value,
                               bool *ret)
{
    int64_t t;
    if (strcmp(key, "until") == 0) {
        TRY(timefmt_parse_input(value, timefmt_now(), &t));
        *ret = c->created_nsec < t;
        return NULL;
    }
    TRY(created_of(e, value, &t));
    *ret = strcmp(key, "before") == 0 ? c->created_nsec < t : c->created_nsec > t;
    return NULL;
}

static struct err *match_one(struct engine *e, struct container *c, const char *key, const char *value, bool *ret)
{
    if (strcmp(key, "id") == 0)
        return pattern_matches(value, c->id, ret);
    if (strcmp(key, "name") == 0)
        return pattern_matches(value, c->name, ret);
    if (strcmp(key, "status") == 0)
        return match_status(c, value, ret);
    if (strcmp(key, "ancestor") == 0)
        return match_ancestor(e, c, value, ret);
    if (strcmp(key, "before") == 0 || strcmp(key, "since") == 0 || strcmp(key, "until") == 0)
        return match_times(e, c, key, value, ret);
    if (strcmp(key, "volume") == 0)
        return match_volume(e, c, value, ret);
    if (strcmp(key, "network") == 0)
        return match_network(e, c, value, ret);
    if (strcmp(key, "label") == 0 || strcmp(key, "label!") == 0) {
        TRY(container_load_spec(e, c));
        *ret = strv_env_matches(&c->spec.labels, value) == (key[5] == '\0');
        return NULL;
    }
    if (strcmp(key, "exited") == 0) {
        int64_t code;
        TRY_WRAP(number_parse_i64(value, INT32_MIN, INT32_MAX, &code), "filter exited");
        *ret = c->state == CT_EXITED && c->exit_code == (int)code;
        return NULL;
    }
    if (strcmp(key, "health") == 0) {
        *ret = strcmp(c->health ? container_health_name(c->health) : "none", value) == 0;
        return NULL;
    }
    if (strcmp(key, "pod") == 0) {
        *ret = c->pod_id && (strcmp(c->pod_name, value) == 0 || strncmp(c->pod_id, value, strlen(value)) == 0);
        return NULL;
    }
    return ERR_NEW(ERR_INVALID, "%s is an invalid filter", key);
}

/* Alternatives within one key, all keys must hold; labels must all hold. */
static struct err *matches(struct engine *e, struct container *c, const struct strv *filters, bool *ret)
{
    *ret = true;
    for (size_t i = 0; i < filters->count && *ret; i++) {
        AUTO_FREE char *key = NULL;
        const char *eq = strchr(filters->items[i], '=');
        if (!eq)
            return ERR_NEW(ERR_INVALID, "invalid filter %s: must be of the form key=value", filters->items[i]);
        TRY(mem_strndup(filters->items[i], (size_t)(eq - filters->items[i]), &key));
        bool all = strncmp(key, "label", 5) == 0, any = false, first = true;
        for (size_t j = 0; j < filters->count; j++) {
            const char *f = filters->items[j];
            size_t n = strlen(key);
            if (strncmp(f, key, n) != 0 || f[n] != '=')
                continue;
            if (j < i)
                first = false; /* this key was decided before */
            bool one = false;
            TRY(match_one(e, c, key, f + n + 1, &one));
            any = all ? one : any || one;
            if (all && !one)
                break;
        }
        if (first)
            *ret = any;
    }
    return NULL;
}

struct list {
    struct container **items;
    size_t count, cap;
};

static bool wants_status(const struct strv *filters)
{
    for (size_t i = 0; i < filters->count; i++)
        if (strncmp(filters->items[i], "status=", 7) == 0 || strncmp(filters->items[i], "exited=", 7) == 0)
            return true;
    return false;
}

/* Filters that look into specifications: these come with the rows then, since a container may be gone afterwards. */
static bool wants_spec(const struct container_list_opts *opts)
{
    static const char *const keys[] = {"label", "volume=", "network="};
    bool wants = opts->with_spec;
    for (size_t i = 0; i < opts->filters.count; i++)
        for (size_t k = 0; k < ARRAY_LEN(keys); k++)
            wants |= strncmp(opts->filters.items[i], keys[k], strlen(keys[k])) == 0;
    return wants;
}

/* What may be running is a small part, with an index of its own. */
static struct err *prepare_rows(struct store *s, bool with_spec, bool running_only, struct store_stmt **ret)
{
    if (running_only && with_spec)
        return store_prepare(s, CONTAINER_SELECT_ALL " WHERE c.started_nsec > c.finished_nsec ORDER BY c.created_nsec",
                             ret);
    if (running_only)
        return store_prepare(s, CONTAINER_SELECT " WHERE c.started_nsec > c.finished_nsec ORDER BY c.created_nsec",
                             ret);
    if (with_spec)
        return store_prepare(s, CONTAINER_SELECT_ALL " ORDER BY c.created_nsec", ret);
    return store_prepare(s, CONTAINER_SELECT " ORDER BY c.created_nsec", ret);
}

static struct err *load_rows(struct engine *e, const struct container_list_opts *opts, bool running_only,
                             struct list *l)
{
    struct store_stmt *st;
    AUTO_TX struct store_tx_guard tx = {engine_store(e)};
    bool row, with_spec = wants_spec(opts);
    /* Everything of one snapshot; observing, which may write, comes after. */
    TRY(store_begin(engine_store(e), STORE_READ, false));
    TRY(prepare_rows(engine_store(e), with_spec, running_only, &st));
    for (;;) {
        TRY(store_step(st, &row));
        if (!row)
            return store_commit(engine_store(e));
        TRY(mem_grow(&l->items, l->count, &l->cap, sizeof(*l->items), LIST_MAX));
        TRY(container_from_row(st, with_spec ? CONTAINER_COLUMNS_END : -1, &l->items[l->count]));
        l->count++;
    }
}

/* Drop what isn't wanted, in place. */
static struct err *select_rows(struct engine *e, const struct container_list_opts *opts, bool running_only,
                               struct list *l)
{
    AUTO_STRV struct strv present = STRV_INIT;
    TRY(container_present(e, &present));
    size_t kept = 0, i = 0;
    struct err *err = NULL;
    for (; i < l->count && !err; i++) {
        struct container *c = l->items[i];
        bool keep = false;
        l->items[i] = NULL;
        err = container_observe_among(e, c, &present);
        if (!err && !c->gone && (!running_only || (container_is_live(c) && c->state != CT_INITIALIZED)))
            err = matches(e, c, &opts->filters, &keep);
        if (keep && !err)
            l->items[kept++] = c;
        else
            container_free(c);
    }
    for (; i < l->count; i++)
        container_free(l->items[i]);
    l->count = kept;
    return err;
}

/* The newest `n`, as -n and -l want. */
static void keep_last(struct list *l, size_t n)
{
    size_t drop = l->count > n ? l->count - n : 0;
    for (size_t i = 0; i < drop; i++)
        container_free(l->items[i]);
    if (drop)
        memmove(l->items, l->items + drop, (l->count - drop) * sizeof(*l->items));
    l->count -= drop;
}

/* Said even when there is nothing to filter. */
static struct err *check_filters(const struct strv *filters)
{
    static const char *const known[] = {"ancestor", "before",  "exited", "health", "id",     "label", "label!",
                                        "name",     "network", "pod",    "since",  "status", "until", "volume"};
    for (size_t i = 0; i < filters->count; i++) {
        const char *f = filters->items[i], *eq = strchr(f, '=');
        bool ok = false;
        if (!eq)
            return ERR_NEW(ERR_INVALID, "invalid filter \"%s\"", f);
        for (size_t j = 0; j < ARRAY_LEN(known) && !ok; j++)
            ok = strlen(known[j]) == (size_t)(eq - f) && strncmp(f, known[j], (size_t)(eq - f)) == 0;
        if (!ok)
            return ERR_NEW(ERR_INVALID, "%.*s is an invalid filter", (int)(eq - f), f);
    }
    return NULL;
}

struct err *container_list(struct engine *e, const struct container_list_opts *opts, struct container ***ret,
                           size_t *ret_count)
{
    struct list l = {0};
    TRY(check_filters(&opts->filters));
    bool running_only = !opts->all && !opts->latest && !opts->last && !wants_status(&opts->filters);
    struct err *err = load_rows(e, opts, running_only, &l);
    if (!err)
        err = select_rows(e, opts, running_only, &l);
    if (err) {
        container_list_free(l.items, l.count);
        return err;
    }
    if (opts->latest || opts->last > 0)
        keep_last(&l, opts->latest ? 1 : (size_t)opts->last);
    *ret = l.items;
    *ret_count = l.count;
    return NULL;
}

struct err *container_size(struct engine *e, const struct container *c, uint64_t *ret_rw, uint64_t *ret_root)
{
    AUTO_FREE char *upper = NULL;
    uint64_t bytes = 0, inodes;
    struct store_stmt *st;
    bool row;
    TRY(mem_asprintf(&upper, "containers/%s/upper", c->id));
    if (file_exists(store_root_fd(engine_store(e)), upper))
        TRY(file_tree_size(store_root_fd(engine_store(e)), upper, &bytes, &inodes));
    if (ret_rw)
        *ret_rw = bytes;
    if (!ret_root)
        return NULL;
    *ret_root = bytes;
    if (!c->image_id)
        return NULL;
    TRY(store_prepare(engine_store(e), "SELECT size_bytes FROM images WHERE id = ?1", &st));
    TRY(store_bind(st, "t", c->image_id));
    TRY(store_step(st, &row));
    if (row)
        *ret_root += (uint64_t)store_col_int(st, 0);
    return NULL;
}
