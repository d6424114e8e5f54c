/* From what was said on the command line to pods. */
#include "cli/pod_select.h"

#include "base/mem.h"

void pod_selection_done(struct pod_selection *s)
{
    pod_list_free(s->items, s->count);
    *s = (struct pod_selection){0};
}

/* Contradictions, in podman's words. */
static struct err *check(const struct cli *c, const struct pod_select_opts *o)
{
    bool files = o->idfiles && o->idfiles->count;
    if (o->all && o->latest)
        return ERR_NEW(ERR_INVALID, "--all and --latest cannot be used together");
    if (files && (o->all || o->latest))
        return ERR_NEW(ERR_INVALID, "--all, --latest, and --pod-id-file cannot be used together");
    if (c->n_args && o->all)
        return ERR_NEW(ERR_INVALID, "no arguments are needed with --all");
    if (c->n_args && o->latest)
        return ERR_NEW(ERR_INVALID, "--latest and containers cannot be used together");
    if (!c->n_args && !o->all && !o->latest && !files)
        return ERR_NEW(ERR_INVALID, "you must provide at least one name or id");
    return NULL;
}

static struct err *add(struct cli *c, const struct pod_select_opts *o, const char *name, struct pod_selection *s)
{
    struct err *err = pod_find(c->engine, name, &s->items[s->count]);
    if (err && o->ignore && err_kind(err) == ERR_NOT_FOUND) {
        err_drop(err);
        return NULL;
    }
    s->count += !err;
    return err;
}

static struct err *add_file(struct cli *c, const struct pod_select_opts *o, const char *path, struct pod_selection *s)
{
    AUTO_FREE char *id = NULL;
    struct err *err = cli_read_cidfile(path, &id);
    if (err && o->ignore && err_kind(err) == ERR_NOT_FOUND) {
        err_drop(err);
        return NULL;
    }
    TRY(err);
    return add(c, o, id, s);
}

struct err *pod_select_one(struct cli *c, bool latest, struct pod **ret)
{
    struct engine *e;
    TRY(cli_engine(c, &e));
    return latest ? pod_latest(e, ret) : pod_find(e, c->args[0], ret);
}

struct err *pod_select(struct cli *c, const struct pod_select_opts *o, struct pod_selection *ret)
{
    const struct pod_list_opts every = {.latest = false};
    size_t files = o->idfiles ? o->idfiles->count : 0;
    struct engine *e;
    TRY(check(c, o));
    TRY(cli_engine(c, &e));
    if (o->all)
        return pod_list(e, &every, &ret->items, &ret->count);
    ret->items = mem_zalloc((c->n_args + files + 1) * sizeof(*ret->items));
    if (!ret->items)
        return err_oom();
    if (o->latest) {
        TRY(pod_latest(e, &ret->items[0]));
        ret->count = 1;
    }
    for (size_t i = 0; i < c->n_args; i++)
        TRY(add(c, o, c->args[i], ret));
    for (size_t i = 0; i < files; i++)
        TRY(add_file(c, o, o->idfiles->items[i], ret));
    return NULL;
}
