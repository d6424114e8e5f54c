/* Listing, filtering and pruning volumes. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/timefmt.h"
#include "engine/engine.h"
#include "engine/store/store.h"
#include "engine/volume/internal.h"

void volume_list_free(struct volume **list, size_t count)
{
    for (size_t i = 0; list && i < count; i++)
        volume_free(list[i]);
    mem_freep(&list);
}

static struct err *parse_bool(const char *filter, const char *value, bool *ret)
{
    if (strcmp(value, "true") == 0 || strcmp(value, "1") == 0)
        *ret = true;
    else if (strcmp(value, "false") == 0 || strcmp(value, "0") == 0)
        *ret = false;
    else
        return ERR_NEW(ERR_INVALID, "%s is not a valid value for the \"%s\" filter - must be true or false", value,
                       filter);
    return NULL;
}

static struct err *matches_one(const struct volume *v, const char *filter, bool *ret)
{
    const char *eq = strchr(filter, '=');
    if (!eq)
        return ERR_NEW(ERR_INVALID, "invalid filter %s: must be of the form key=value", filter);
    const char *value = eq + 1;
    size_t len = (size_t)(eq - filter);
#define IS(k) (len == sizeof(k) - 1 && strncmp(filter, k, len) == 0)
    if (IS("name")) {
        *ret = strstr(v->name, value) != NULL;
    } else if (IS("driver")) {
        *ret = strcmp(v->driver, value) == 0;
    } else if (IS("scope")) {
        *ret = strcmp(value, "local") == 0;
    } else if (IS("label")) {
        *ret = strv_env_matches(&v->labels, value);
    } else if (IS("label!")) {
        *ret = !strv_env_matches(&v->labels, value);
    } else if (IS("opt")) {
        *ret = strv_env_matches(&v->options, value);
    } else if (IS("dangling")) {
        bool want;
        TRY(parse_bool("dangling", value, &want));
        *ret = want == (v->containers == 0);
    } else if (IS("until")) {
        int64_t until;
        TRY(timefmt_parse_input(value, timefmt_now(), &until));
        *ret = v->created_nsec < until;
    } else {
        return ERR_NEW(ERR_INVALID, "\"%.*s\" is an invalid volume filter", (int)len, filter);
    }
#undef IS
    return NULL;
}

/* Filters of one key are alternatives for name, driver …; all others must hold. Podman joins all volume filters with
 * "and", so do we. */
static struct err *matches(const struct volume *v, const struct strv *filters, bool *ret)
{
    *ret = true;
    for (size_t i = 0; filters && i < filters->count && *ret; i++)
        TRY(matches_one(v, filters->items[i], ret));
    return NULL;
}

struct list {
    struct volume **items;
    size_t count, cap;
};

static struct err *collect(struct engine *e, const struct strv *filters, struct list *l)
{
    struct store_stmt *st;
    TRY(store_prepare(engine_store(e), VOLUME_SELECT " ORDER BY v.name", &st));
    for (;;) {
        bool row, wanted;
        struct volume *v;
        TRY(store_step(st, &row));
        if (!row)
            return NULL;
        TRY(volume_from_row(e, st, &v));
        struct err *err = matches(v, filters, &wanted);
        if (!err && wanted)
            err = mem_grow(&l->items, l->count, &l->cap, sizeof(v), 1u << 20);
        if (err || !wanted) {
            volume_free(v);
            TRY(err);
            continue;
        }
        l->items[l->count++] = v;
    }
}

struct err *volume_list(struct engine *e, const struct strv *filters, struct volume ***ret, size_t *ret_count)
{
    struct list l = {0};
    struct err *err = collect(e, filters, &l);
    if (err) {
        volume_list_free(l.items, l.count);
        return err;
    }
    *ret = l.items;
    *ret_count = l.count;
    return NULL;
}

struct err *volume_prune(struct engine *e, const struct strv *filters, struct strv *ret_names, uint64_t *ret_bytes)
{
    struct volume **list = NULL;
    size_t count = 0;
    uint64_t bytes = 0;
    TRY(volume_list(e, filters, &list, &count));
    struct err *err = NULL;
    for (size_t i = 0; i < count && !err; i++) {
        uint64_t size = 0, inodes = 0;
        if (list[i]->containers)
            continue;
        err_drop(file_tree_size(-1, list[i]->mountpoint, &size, &inodes));
        err = volume_remove(e, list[i]->name);
        if (err && err_kind(err) == ERR_IN_USE) { /* somebody took it meanwhile */
            err_drop(err);
            err = NULL;
            continue;
        }
        if (!err)
            err = strv_add(ret_names, list[i]->name);
        bytes += size;
    }
    volume_list_free(list, count);
    if (ret_bytes)
        *ret_bytes = bytes;
    return err;
}
