/* Removing pods: with all of their containers, those that need others first. */
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/pod/internal.h"
#include "engine/pod/pod.h"
#include "engine/store/store.h"

/* Podman's words. */
static struct err *check_idle(const struct pod *p)
{
    for (size_t i = p->n_members; i-- > 0;) {
        const struct container *c = p->members[i];
        if (container_is_live(c))
            return ERR_NEW(ERR_STATE,
                           "removing container %s from pod %s: cannot remove container %s as it is %s - running or "
                           "paused containers cannot be removed without force: container state improper",
                           c->id, p->row.id, c->id, container_state_name(c->state));
    }
    return NULL;
}

/* What is gone meanwhile (--rm) is no failure. */
static struct err *remove_one(struct engine *e, const char *id, bool force, int64_t timeout_sec)
{
    const struct container_remove_opts opts = {
        .force = force, .volumes = true, .depend = true, .with_pod = true, .timeout_sec = timeout_sec};
    struct container *c = NULL;
    struct err *err = container_find(e, id, &c);
    if (!err)
        err = container_remove(e, c, &opts);
    container_free(c);
    if (err && err_kind(err) == ERR_NOT_FOUND) {
        err_drop(err);
        return NULL;
    }
    return err;
}

/* Without an infra container, whose row takes the pod's along. */
static struct err *delete_row(struct engine *e, const struct pod *p)
{
    AUTO_TX struct store_tx_guard tx = {engine_store(e)};
    TRY(store_begin(engine_store(e), STORE_WRITE, false));
    struct err *err = pod_row_delete(e, p->row.id);
    if (err && err_kind(err) == ERR_NOT_FOUND) {
        err_drop(err);
        return NULL;
    }
    TRY(err);
    return store_commit(engine_store(e));
}

struct err *pod_remove(struct engine *e, struct pod *p, bool force, int64_t timeout_sec)
{
    AUTO_FREE char *parent = NULL, *cgroup = NULL;
    if (!force)
        TRY(check_idle(p));
    TRY(pod_cgroup(e, p, &parent, &cgroup));
    TRY(pod_stop_members(e, p, timeout_sec, true));
    struct err *all = NULL;
    for (size_t i = p->n_members; i-- > 0;) /* the newest first: they need older ones */
        all = err_both(all, remove_one(e, p->members[i]->id, force, timeout_sec));
    if (!all && !pod_infra(p))
        all = delete_row(e, p);
    pod_remove_cgroup(p, cgroup);
    return all;
}

struct err *pod_prune(struct engine *e, struct strv *ret_ids)
{
    const struct pod_list_opts all = {.latest = false};
    struct pod **list = NULL;
    size_t count = 0;
    TRY(pod_list(e, &all, &list, &count));
    struct err *err = NULL;
    for (size_t i = 0; i < count && !err; i++) {
        if (list[i]->state != POD_EXITED && list[i]->state != POD_STOPPED)
            continue;
        err = pod_remove(e, list[i], false, -1);
        if (err && (err_kind(err) == ERR_STATE || err_kind(err) == ERR_IN_USE)) { /* started meanwhile */
            err_drop(err);
            err = NULL;
            continue;
        }
        if (!err)
            err = strv_add(ret_ids, list[i]->row.id);
    }
    pod_list_free(list, count);
    return err;
}
