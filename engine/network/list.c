/* Listing, filtering and pruning networks. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pattern.h"
#include "base/timefmt.h"
#include "engine/engine.h"
#include "engine/network/internal.h"

#define LIST_MAX 65536

void network_list_free(struct network **list, size_t count)
{
    for (size_t i = 0; list && i < count; i++)
        network_free(list[i]);
    mem_freep(&list);
}

struct list {
    struct network **items;
    size_t count, cap;
};

/* Takes the network in every case. */
static struct err *add(struct list *l, struct network *take_n)
{
    struct err *e = mem_grow(&l->items, l->count, &l->cap, sizeof(take_n), LIST_MAX);
    if (e) {
        network_free(take_n);
        return e;
    }
    l->items[l->count++] = take_n;
    return NULL;
}

static struct err *load(struct engine *e, struct list *l)
{
    struct store_stmt *st;
    struct network *n;
    bool row;
    TRY(network_builtin(&n));
    TRY(add(l, n));
    TRY(store_prepare(engine_store(e), "SELECT " NETWORK_COLUMNS " FROM networks n", &st));
    for (;;) {
        TRY(store_step(st, &row));
        if (!row)
            return NULL;
        TRY(network_from_row(st, &n));
        TRY(add(l, n));
    }
}

/* --- filters: values of one key are alternatives, but labels, and all keys must hold, as in Podman */

static struct err *match_name(const struct network *n, const char *value, bool *ret)
{
    return pattern_matches(value, n->name, ret);
}

static struct err *match_id(const struct network *n, const char *value, bool *ret)
{
    *ret = strncmp(n->id, value, strlen(value)) == 0;
    return NULL;
}

static struct err *match_driver(const struct network *n, const char *value, bool *ret)
{
    *ret = strcmp(n->driver, value) == 0;
    return NULL;
}

static struct err *match_label(const struct network *n, const char *value, bool *ret)
{
    *ret = strv_env_matches(&n->labels, value);
    return NULL;
}

static struct err *match_no_label(const struct network *n, const char *value, bool *ret)
{
    *ret = !strv_env_matches(&n->labels, value);
    return NULL;
}

static struct err *match_until(const struct network *n, const char *value, bool *ret)
{
    int64_t until;
    TRY(timefmt_parse_input(value, timefmt_now(), &until));
    *ret = n->created_nsec < until;
    return NULL;
}

/* The default network never is: it cannot be removed. */
static struct err *match_dangling(const struct network *n, const char *value, bool *ret)
{
    bool yes = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
    if (!yes && strcmp(value, "false") != 0 && strcmp(value, "0") != 0)
        return ERR_NEW(ERR_INVALID, "invalid dangling filter value \"%s\"", value);
    *ret = yes == (!n->builtin && !n->containers);
    return NULL;
}

static const struct filter {
    const char *key;
    struct err *(*match)(const struct network *n, const char *value, bool *ret);
    bool all; /* not alternatives */
} filters_known[] = {
    {"name", match_name, false},         {"id", match_id, false},      {"driver", match_driver, false},
    {"dangling", match_dangling, false}, {"label", match_label, true}, {"label!", match_no_label, true},
    {"until", match_until, false},
};

static struct err *find_filter(const char *text, const struct filter **ret)
{
    const char *eq = strchr(text, '=');
    size_t len = eq ? (size_t)(eq - text) : strlen(text);
    for (size_t i = 0; i < ARRAY_LEN(filters_known); i++) {
        if (strlen(filters_known[i].key) != len || strncmp(filters_known[i].key, text, len) != 0)
            continue;
        if (!eq)
            break;
        *ret = &filters_known[i];
        return NULL;
    }
    return eq ? ERR_NEW(ERR_INVALID, "invalid filter \"%.*s\"", (int)len, text)
              : ERR_NEW(ERR_INVALID, "invalid filter \"%s\": must be of the form key=value", text);
}

/* What one key says, by all of its values. */
static struct err *match_key(const struct network *n, const struct strv *filters, const struct filter *key, bool *ret)
{
    bool given = false, result = key->all;
    for (size_t i = 0; i < filters->count; i++) {
        const struct filter *f;
        bool one;
        TRY(find_filter(filters->items[i], &f));
        if (f != key)
            continue;
        given = true;
        TRY(f->match(n, strchr(filters->items[i], '=') + 1, &one));
        result = key->all ? result && one : result || one;
    }
    *ret = !given || result;
    return NULL;
}

static struct err *matches(const struct network *n, const struct strv *filters, bool *ret)
{
    *ret = true;
    for (size_t i = 0; i < ARRAY_LEN(filters_known) && *ret; i++)
        TRY(match_key(n, filters, &filters_known[i], ret));
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct network *const *)a)->name, (*(const struct network *const *)b)->name);
}

static struct err *keep_wanted(struct list *l, const struct strv *filters)
{
    size_t kept = 0, i = 0;
    struct err *e = NULL;
    for (; i < l->count && !e; i++) {
        bool wanted = false;
        e = matches(l->items[i], filters, &wanted);
        if (!e && wanted)
            l->items[kept++] = l->items[i];
        else
            network_free(l->items[i]);
    }
    for (; i < l->count; i++)
        network_free(l->items[i]);
    l->count = kept;
    return e;
}

struct err *network_list(struct engine *e, const struct strv *filters, struct network ***ret, size_t *ret_count)
{
    struct list l = {0};
    struct err *err = load(e, &l);
    if (!err)
        err = keep_wanted(&l, filters);
    if (err) {
        network_list_free(l.items, l.count);
        return err;
    }
    if (l.count > 1)
        qsort(l.items, l.count, sizeof(struct network *), by_name);
    *ret = l.items;
    *ret_count = l.count;
    return NULL;
}

static struct err *check_prune_filters(const struct strv *filters)
{
    for (size_t i = 0; i < filters->count; i++) {
        const struct filter *f = NULL;
        TRY(find_filter(filters->items[i], &f));
        if (strncmp(f->key, "label", 5) != 0 && strcmp(f->key, "until") != 0)
            return ERR_NEW(ERR_INVALID, "invalid filter \"%s\"", f->key);
    }
    return NULL;
}

struct err *network_prune(struct engine *e, const struct strv *filters, struct strv *ret_names)
{
    struct network **list = NULL;
    size_t count = 0;
    TRY(check_prune_filters(filters));
    TRY(network_list(e, filters, &list, &count));
    struct err *err = NULL;
    for (size_t i = 0; i < count && !err; i++) {
        if (list[i]->builtin || list[i]->containers)
            continue;
        err = network_remove(e, list[i]);
        if (err && (err_kind(err) == ERR_IN_USE || err_kind(err) == ERR_NOT_FOUND)) { /* somebody was quicker */
            err_drop(err);
            err = NULL;
            continue;
        }
        if (!err)
            err = strv_add(ret_names, list[i]->name);
    }
    network_list_free(list, count);
    return err;
}
