/* A copy of a pod with its containers. Copies of containers that name each other name the copies. */
#include <string.h>

#include "base/ident.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/pod/pod.h"

/* Old ids and, at the same places, those of their copies. */
struct copies {
    struct strv from, to;
};

static struct err *replace(const struct copies *k, char **slot)
{
    long at = *slot ? strv_find(&k->from, *slot) : -1;
    return at < 0 ? NULL : mem_replace(slot, k->to.items[at]);
}

/* Those that are copied before it is: they are named by what others need. */
static struct err *settle_spaces(const struct copies *k, struct container_spec *s)
{
    struct ns_spec *const all[] = {&s->pid, &s->ipc, &s->uts, &s->network, &s->cgroupns, &s->userns};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (all[i]->mode == NS_CONTAINER)
            TRY(replace(k, &all[i]->arg));
    for (size_t i = 0; i < s->requires.count; i++)
        TRY(replace(k, &s->requires.items[i]));
    return NULL;
}

/* A nameless volume is one container's own: the copy gets another. */
static struct err *settle_mounts(struct container_spec *s)
{
    for (size_t i = 0; i < s->n_mounts; i++) {
        struct mount_spec *m = &s->mounts[i];
        if (m->type == MOUNT_VOLUME && m->source && strlen(m->source) == IDENT_LEN && ident_is_prefix(m->source))
            TRY(mem_replace(&m->source, ""));
    }
    return NULL;
}

static struct err *settle_copy(struct engine *e, struct container *c, const char *new_pod, const struct copies *k,
                               struct container_spec *s)
{
    TRY(container_clone_spec(e, c, NULL, s));
    TRY(container_clone_name(e, c->name, &s->name));
    TRY(container_clone_to_pod(e, new_pod, true, s));
    TRY(settle_mounts(s));
    return settle_spaces(k, s);
}

static struct err *copy_member(struct engine *e, struct container *c, const char *new_pod, struct copies *k)
{
    struct container_spec s;
    struct container *made = NULL;
    container_spec_init(&s);
    struct err *err = settle_copy(e, c, new_pod, k, &s);
    if (!err)
        err = container_create(e, &s, &made);
    if (!err)
        err = strv_add(&k->from, c->id);
    if (!err)
        err = strv_add(&k->to, made->id);
    container_free(made);
    container_spec_done(&s);
    return err;
}

static struct err *copy_members(struct engine *e, const struct pod *p, const char *new_pod)
{
    struct copies k = {.from = STRV_INIT};
    struct err *err = NULL;
    for (size_t i = 0; i < p->n_members && !err; i++)
        if (!p->members[i]->is_infra)
            err = copy_member(e, p->members[i], new_pod, &k);
    strv_done(&k.from);
    strv_done(&k.to);
    return err;
}

/* Not the user namespace, which follows from --userns. */
static struct err *old_share(const struct pod *p, char **ret)
{
    AUTO_STRV struct strv words = STRV_INIT;
    TRY(strv_split(p->row.share, ',', &words));
    long at = strv_find(&words, "user");
    if (at >= 0)
        strv_remove(&words, (size_t)at);
    return strv_join(&words, ",", ret);
}

static struct err *create_like(struct engine *e, const struct pod *p, const struct pod_clone_opts *opts,
                               const struct container_spec *spec, char **ret_id)
{
    AUTO_FREE char *name = NULL, *share = NULL;
    AUTO_STRV struct strv labels = STRV_INIT;
    TRY(opts->name ? mem_strdup(opts->name, &name) : container_clone_name(e, p->row.name, &name));
    TRY(old_share(p, &share));
    TRY(strv_copy(&p->row.labels, &labels));
    for (size_t i = 0; i < opts->labels.count; i++)
        TRY(strv_env_set(&labels, opts->labels.items[i]));
    const struct pod_create_opts create = {
        .name = name,
        .spec = spec,
        .share = share,
        .no_infra = !p->row.infra,
        .no_share_parent = !p->row.share_parent,
        .stop_with_last = p->row.stop_with_last,
        .restart = p->row.restart,
        .cgroup_parent = opts->cgroup_parent ? opts->cgroup_parent : p->row.cgroup_parent,
        .labels = labels,
        .create_command = opts->create_command,
    };
    return pod_create(e, &create, ret_id);
}

/* Half a copy is none. */
static struct err *undo(struct engine *e, const char *id, struct err *take_e)
{
    struct pod *p = NULL;
    struct err *err = pod_find(e, id, &p);
    if (!err)
        err = pod_remove(e, p, true, 0);
    pod_free(p);
    err_drop(err);
    return take_e;
}

static struct err *clone_with(struct engine *e, struct pod *p, const struct pod_clone_opts *opts,
                              struct container_spec *spec, char **ret_id)
{
    AUTO_FREE char *id = NULL;
    struct pod *made = NULL;
    TRY(mem_replace(&spec->name, NULL)); /* --infra-name was for the old one */
    TRY(opts->apply(opts->arg, spec));
    TRY(create_like(e, p, opts, spec, &id));
    struct err *err = copy_members(e, p, id);
    if (err)
        return undo(e, id, err);
    if (opts->destroy)
        TRY(pod_remove(e, p, true, -1));
    if (opts->start) {
        TRY(pod_find(e, id, &made));
        err = pod_start(e, made);
        pod_free(made);
    }
    *ret_id = TAKE_PTR(id);
    return err;
}

struct err *pod_clone(struct engine *e, struct pod *p, const struct pod_clone_opts *opts, char **ret_id)
{
    struct container_spec spec;
    TRY(container_spec_from_json(p->row.spec, strlen(p->row.spec), &spec));
    struct err *err = clone_with(e, p, opts, &spec, ret_id);
    container_spec_done(&spec);
    return err;
}
