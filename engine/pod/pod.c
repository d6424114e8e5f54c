/* Pods with their containers: find, list. */
#include "engine/pod/pod.h"

#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/pattern.h"
#include "base/timefmt.h"
#include "engine/engine.h"
#include "engine/network/network.h"

#define LIST_MAX ((size_t)1 << 20)

void pod_free(struct pod *p)
{
    if (!p)
        return;
    pod_row_done(&p->row);
    container_list_free(p->members, p->n_members);
    mem_freep(&p);
}

struct container *pod_infra(const struct pod *p)
{
    return p->n_members && p->members[0]->is_infra ? p->members[0] : NULL;
}

static struct err *load_members(struct engine *e, struct pod *p)
{
    AUTO_STRV struct strv ids = STRV_INIT;
    TRY(pod_row_members(e, p->row.id, &ids));
    p->members = mem_zalloc((ids.count + 1) * sizeof(*p->members));
    if (!p->members)
        return err_oom();
    for (size_t i = 0; i < ids.count; i++) {
        struct err *err = container_find(e, ids.items[i], &p->members[p->n_members]);
        if (err && err_kind(err) == ERR_NOT_FOUND) { /* with --rm, by looking at it */
            err_drop(err);
            continue;
        }
        TRY(err);
        p->n_members++;
    }
    p->state = pod_state_of(p->members, p->n_members);
    return NULL;
}

struct err *pod_find(struct engine *e, const char *name, struct pod **ret)
{
    struct pod *p = mem_zalloc(sizeof(*p));
    if (!p)
        return err_oom();
    struct err *err = pod_row_find(e, name, &p->row);
    if (!err)
        err = load_members(e, p);
    if (err) {
        pod_free(p);
        return err;
    }
    *ret = p;
    return NULL;
}

/* --- filters */

/* Any of its containers has such a name, id or state. */
static struct err *match_container(const struct pod *p, const char *key, const char *value, bool *ret)
{
    *ret = false;
    for (size_t i = 0; i < p->n_members && !*ret; i++) {
        const struct container *c = p->members[i];
        if (strcmp(key, "ctr-names") == 0)
            TRY(pattern_matches(value, c->name, ret));
        else if (strcmp(key, "ctr-ids") == 0)
            TRY(pattern_matches(value, c->id, ret));
        else
            *ret = strcmp(container_state_name(c->state), value) == 0;
    }
    return NULL;
}

static struct err *match_network(struct engine *e, const struct pod *p, const char *value, bool *ret)
{
    AUTO_STRV struct strv names = STRV_INIT;
    *ret = false;
    if (!pod_infra(p))
        return NULL;
    TRY(network_names_of(e, pod_infra(p)->id, &names));
    *ret = strv_contains(&names, value);
    return NULL;
}

static struct err *check_status(const char *value)
{
    static const char *const known[] = {"stopped", "running", "paused", "exited", "dead", "created", "degraded"};
    bool ok = false;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        ok |= strcasecmp(known[i], value) == 0;
    return ok ? NULL : ERR_NEW(ERR_INVALID, "%s is not a valid pod status", value);
}

static struct err *match_until(const struct pod *p, const char *value, bool *ret)
{
    int64_t t;
    TRY(timefmt_parse_input(value, timefmt_now(), &t));
    *ret = p->row.created_nsec < t;
    return NULL;
}

static struct err *match_one(struct engine *e, const struct pod *p, const char *key, const char *value, bool *ret)
{
    if (strcmp(key, "id") == 0)
        return pattern_matches(value, p->row.id, ret);
    if (strcmp(key, "name") == 0)
        return pattern_matches(value, p->row.name, ret);
    if (strcmp(key, "status") == 0) {
        *ret = strcasecmp(pod_state_name(p->state), value) == 0;
        return NULL;
    }
    if (strcmp(key, "network") == 0)
        return match_network(e, p, value, ret);
    if (strcmp(key, "until") == 0)
        return match_until(p, value, ret);
    if (strncmp(key, "label", 5) == 0) {
        *ret = strv_env_matches(&p->row.labels, value) == (key[5] == '\0');
        return NULL;
    }
    if (strcmp(key, "ctr-number") == 0) {
        uint64_t n;
        TRY_WRAP(number_parse_u64(value, INT32_MAX, &n), "filter ctr-number");
        *ret = p->n_members == n;
        return NULL;
    }
    return match_container(p, key, value, ret);
}

/* Said even when there is nothing to filter. */
static struct err *check_filters(const struct strv *filters)
{
    static const char *const known[] = {"id",        "name",       "status",  "network", "label",     "label!",
                                        "ctr-names", "ctr-number", "ctr-ids", "until",   "ctr-status"};
    for (size_t i = 0; i < filters->count; i++) {
        const char *f = filters->items[i], *eq = strchr(f, '=');
        bool ok = false;
        if (!eq)
            return ERR_NEW(ERR_INVALID, "filter input must be in the form of filter=value: %s is invalid", f);
        for (size_t k = 0; k < ARRAY_LEN(known) && !ok; k++)
            ok = strlen(known[k]) == (size_t)(eq - f) && strncmp(f, known[k], (size_t)(eq - f)) == 0;
        if (!ok)
            return ERR_NEW(ERR_INVALID, "%.*s is an invalid filter", (int)(eq - f), f);
        if (strncmp(f, "status=", 7) == 0)
            TRY(check_status(eq + 1));
    }
    return NULL;
}

/* Alternatives within one key, all keys must hold; labels must all hold. */
static struct err *matches(struct engine *e, const struct pod *p, const struct strv *filters, bool *ret)
{
    *ret = true;
    for (size_t i = 0; i < filters->count && *ret; i++) {
        AUTO_FREE char *key = NULL;
        const char *eq = strchr(filters->items[i], '=');
        bool any = false;
        TRY(mem_strndup(filters->items[i], (size_t)(eq - filters->items[i]), &key));
        size_t len = strlen(key);
        bool all = strncmp(key, "label", 5) == 0;
        for (size_t k = 0; k < filters->count && !any; k++) {
            const char *f = filters->items[k];
            if (strncmp(f, key, len) == 0 && f[len] == '=' && (!all || k == i))
                TRY(match_one(e, p, key, f + len + 1, &any));
        }
        *ret = any;
    }
    return NULL;
}

/* --- lists */

void pod_list_free(struct pod **list, size_t count)
{
    for (size_t i = 0; list && i < count; i++)
        pod_free(list[i]);
    mem_freep(&list);
}

static struct err *load_list(struct engine *e, const struct pod_list_opts *opts, const struct strv *ids,
                             struct pod **list, size_t *count)
{
    for (size_t i = ids->count; i-- > 0;) {
        struct pod *p = NULL;
        bool keep = false;
        struct err *err = pod_find(e, ids->items[i], &p);
        if (err && err_kind(err) == ERR_NOT_FOUND) { /* removed meanwhile */
            err_drop(err);
            continue;
        }
        if (!err)
            err = matches(e, p, &opts->filters, &keep);
        if (keep && !err)
            list[(*count)++] = p;
        else
            pod_free(p);
        TRY(err);
        if (opts->latest)
            return NULL;
    }
    return NULL;
}

struct err *pod_list(struct engine *e, const struct pod_list_opts *opts, struct pod ***ret, size_t *ret_count)
{
    AUTO_STRV struct strv ids = STRV_INIT;
    size_t count = 0;
    TRY(check_filters(&opts->filters));
    TRY(pod_row_ids(e, &ids));
    struct pod **list = mem_zalloc((ids.count + 1) * sizeof(*list));
    if (!list)
        return err_oom();
    struct err *err = load_list(e, opts, &ids, list, &count);
    if (err) {
        pod_list_free(list, count);
        return err;
    }
    *ret = list;
    *ret_count = count;
    return NULL;
}

struct err *pod_latest(struct engine *e, struct pod **ret)
{
    AUTO_STRV struct strv ids = STRV_INIT;
    TRY(pod_row_ids(e, &ids));
    return ids.count ? pod_find(e, ids.items[ids.count - 1], ret) : ERR_NEW(ERR_NOT_FOUND, "no such pod");
}
