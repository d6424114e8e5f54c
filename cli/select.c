/* From what was said on the command line to containers. Names are looked up before anything is done to any of them, as
 * Podman does: `rm a b` with a misspelt b removes nothing. */
#include "cli/select.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SELECTION_MAX ((size_t)1 << 20)

void selection_done(struct selection *s)
{
    for (size_t i = 0; i < s->count; i++) {
        container_free(s->items[i].container);
        mem_freep(&s->items[i].shown);
    }
    mem_freep(&s->items);
    *s = (struct selection){0};
}

/* Takes the container in every case. */
static struct err *add(struct selection *s, struct container *take_c, const char *shown)
{
    char *text = NULL;
    struct err *e = mem_strdup(shown ? shown : take_c->id, &text);
    if (!e)
        e = mem_grow(&s->items, s->count, &s->cap, sizeof *s->items, SELECTION_MAX);
    if (e) {
        container_free(take_c);
        mem_freep(&text);
        return e;
    }
    s->items[s->count++] = (struct selected){.container = take_c, .shown = text};
    return NULL;
}

static struct err *add_name(struct cli *c, const char *name, const char *shown, bool ignore, struct selection *s)
{
    struct container *ct;
    struct err *e = container_find(c->engine, name, &ct);
    if (e && ignore && err_kind(e) == ERR_NOT_FOUND) {
        err_drop(e);
        return NULL;
    }
    TRY(e);
    return add(s, ct, shown);
}

/* --all and --filter. */
static struct err *add_listed(struct cli *c, const struct select_opts *opts, struct selection *s)
{
    struct container_list_opts list_opts = {.all = !opts->running_only, .with_spec = true};
    struct container **list;
    size_t count;
    if (opts->filters)
        list_opts.filters = *opts->filters;
    TRY(container_list(c->engine, &list_opts, &list, &count));
    struct err *e = NULL;
    for (size_t i = 0; i < count && !e; i++)
        e = add(s, TAKE_PTR(list[i]), NULL);
    container_list_free(list, count);
    return e;
}

static struct err *add_cidfile(struct cli *c, const char *path, bool ignore, struct selection *s)
{
    AUTO_FREE char *id = NULL;
    struct err *e = cli_read_cidfile(path, &id);
    if (e && ignore && err_kind(e) == ERR_NOT_FOUND) {
        err_drop(e);
        return NULL;
    }
    if (e && err_kind(e) == ERR_NOT_FOUND) { /* a file, no container: rm's exit code is not 1 */
        struct err *other = ERR_NEW(ERR_INVALID, "%s", err_text(e));
        err_drop(e);
        return other;
    }
    TRY(e);
    if (!*id)
        return ERR_NEW(ERR_INVALID, "name or ID cannot be empty");
    return add_name(c, id, id, ignore, s);
}

/* Contradictions, in podman's words. */
static struct err *check(const struct cli *c, const struct select_opts *opts)
{
    bool filters = opts->filters && opts->filters->count, cidfiles = opts->cidfiles && opts->cidfiles->count;
    if (opts->all && opts->latest)
        return ERR_NEW(ERR_INVALID, "--all and --latest cannot be used together");
    if (cidfiles && (opts->all || opts->latest))
        return ERR_NEW(ERR_INVALID, "--all, --latest, and --cidfile cannot be used together");
    if (c->n_args && opts->all)
        return ERR_NEW(ERR_INVALID, "no arguments are needed with --all");
    if (c->n_args && opts->latest)
        return ERR_NEW(ERR_INVALID, "--latest and containers cannot be used together");
    if (c->n_args && filters)
        return ERR_NEW(ERR_INVALID, "--filter takes no arguments");
    if (!c->n_args && !opts->all && !opts->latest && !filters && !cidfiles)
        return ERR_NEW(ERR_INVALID, "you must provide at least one name or id");
    return NULL;
}

struct err *select_latest(struct cli *c, struct container **ret)
{
    const struct container_list_opts opts = {.all = true, .latest = true, .with_spec = true};
    struct container **list;
    size_t count;
    TRY(container_list(c->engine, &opts, &list, &count));
    struct container *ct = count ? TAKE_PTR(list[0]) : NULL;
    container_list_free(list, count);
    if (!ct)
        return ERR_NEW(ERR_NOT_FOUND, "no such container");
    *ret = ct;
    return NULL;
}

struct err *select_one(struct cli *c, bool latest, struct container **ret)
{
    struct engine *e;
    TRY(cli_engine(c, &e));
    return latest ? select_latest(c, ret) : container_find(e, c->args[0], ret);
}

struct err *select_containers(struct cli *c, const struct select_opts *opts, struct selection *ret)
{
    struct engine *e;
    TRY(check(c, opts));
    TRY(cli_engine(c, &e));
    if (opts->latest) {
        struct container *ct;
        TRY(select_latest(c, &ct));
        return add(ret, ct, NULL);
    }
    if (opts->all || (opts->filters && opts->filters->count))
        return add_listed(c, opts, ret);
    for (size_t i = 0; i < c->n_args; i++)
        TRY(add_name(c, c->args[i], c->args[i], opts->ignore, ret));
    for (size_t i = 0; opts->cidfiles && i < opts->cidfiles->count; i++)
        TRY(add_cidfile(c, opts->cidfiles->items[i], opts->ignore, ret));
    return NULL;
}

struct err *select_remove_users(struct cli *c, const struct strv *ids, int64_t timeout_sec)
{
    struct container_remove_opts opts = {.force = true, .with_pod = true, .timeout_sec = timeout_sec};
    for (size_t i = 0; i < ids->count; i++) {
        struct container *ct = NULL;
        struct err *e = container_find(c->engine, ids->items[i], &ct);
        opts.depend = !e && ct->is_infra; /* with its pod */
        if (!e)
            e = container_remove(c->engine, ct, &opts);
        container_free(ct);
        if (e && err_kind(e) != ERR_NOT_FOUND)
            return e;
        err_drop(e);
    }
    return NULL;
}

struct err *select_remove_named(struct engine *e, const char *name, bool *ret_was)
{
    const struct container_remove_opts opts = {.force = true, .timeout_sec = -1};
    struct container *ct = NULL;
    struct err *err = container_find(e, name, &ct);
    *ret_was = !err && strcmp(ct->name, name) == 0; /* a prefix of some id is nobody's name */
    if (*ret_was)
        err = container_remove(e, ct, &opts);
    container_free(ct);
    if (err && err_kind(err) == ERR_NOT_FOUND) {
        err_drop(err);
        return NULL;
    }
    return err;
}

struct err *select_remove_container(struct engine *e, const char *id, void *arg)
{
    const struct container_remove_opts opts = {.force = true, .volumes = true, .depend = true, .timeout_sec = -1};
    struct container *ct;
    (void)arg;
    TRY(container_find(e, id, &ct));
    struct err *err = container_remove(e, ct, &opts);
    container_free(ct);
    return err;
}
