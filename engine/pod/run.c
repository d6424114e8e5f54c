/* Whole pods: start, stop, restart, kill, pause. */
#include <string.h>

#include "base/mem.h"
#include "engine/pod/internal.h"

/* --- start */

static bool is_idle(const struct container *c)
{
    return !container_is_live(c) || c->state == CT_INITIALIZED;
}

static struct err *start_one(struct engine *e, struct container *c)
{
    const struct container_start_opts opts = {.attach = false};
    return ERR_WRAP(container_start(e, c, &opts, NULL), "starting container %s", c->id);
}

/* To its end, which must be a good one; "once" means that it goes then. */
static struct err *run_init(struct engine *e, struct container *c)
{
    const struct container_remove_opts remove = {.force = true, .volumes = true, .timeout_sec = -1};
    int code = 0;
    TRY(start_one(e, c));
    TRY(container_wait(e, c, &code));
    if (code)
        return ERR_NEW(ERR_STATE, "init container %s exited with code %d", c->id, code);
    return strcmp(c->spec.init_ctr, "once") == 0 ? container_remove(e, c, &remove) : NULL;
}

struct err *pod_start(struct engine *e, struct pod *p)
{
    struct container *infra = pod_infra(p);
    if (infra && is_idle(infra))
        TRY(start_one(e, infra));
    for (size_t i = 0; i < p->n_members; i++)
        if (p->members[i]->spec.init_ctr && is_idle(p->members[i]))
            TRY(run_init(e, p->members[i]));
    struct err *all = NULL;
    for (size_t i = 0; i < p->n_members; i++)
        if (!p->members[i]->spec.init_ctr && is_idle(p->members[i]))
            all = err_both(all, start_one(e, p->members[i]));
    return err_both(all, pod_row_event(e, &p->row, "start"));
}

/* --- stop */

/* Does one of the others that still run need it? */
static struct err *is_needed(struct engine *e, const struct pod *p, const struct container *c, bool *ret)
{
    AUTO_STRV struct strv users = STRV_INIT;
    *ret = false;
    TRY(container_dependents(e, c->id, &users));
    for (size_t i = 0; i < p->n_members && !*ret; i++)
        *ret = container_is_live(p->members[i]) && strv_contains(&users, p->members[i]->id);
    return NULL;
}

/* Those that run and that nobody needs who does, each once: `tried`, by member, is for this function alone. */
static struct err *next_round(struct engine *e, const struct pod *p, bool *tried, struct container **ret, size_t *ret_n)
{
    struct container *infra = pod_infra(p);
    *ret_n = 0;
    for (size_t i = 0; i < p->n_members; i++) {
        bool needed = false;
        if (tried[i] || !container_is_live(p->members[i]) || p->members[i] == infra)
            continue;
        TRY(is_needed(e, p, p->members[i], &needed));
        if (needed)
            continue;
        tried[i] = true;
        ret[(*ret_n)++] = p->members[i];
    }
    if (!*ret_n && infra && !tried[0] && container_is_live(infra)) {
        tried[0] = true;
        ret[(*ret_n)++] = infra;
    }
    return NULL;
}

struct err *pod_stop_members(struct engine *e, struct pod *p, int64_t timeout_sec, bool even_paused)
{
    AUTO_FREE struct container **round = mem_zalloc((p->n_members + 1) * sizeof(*round));
    AUTO_FREE bool *tried = mem_zalloc((p->n_members + 1) * sizeof(*tried));
    struct err *all = NULL;
    size_t n = 0;
    if (!round || !tried)
        return err_oom();
    for (;;) {
        struct err *err = next_round(e, p, tried, round, &n);
        if (err || !n)
            return err_both(all, err);
        all = err_both(all, container_stop_all(e, round, n, timeout_sec, even_paused));
    }
}

struct err *pod_stop(struct engine *e, struct pod *p, int64_t timeout_sec)
{
    AUTO_FREE char *parent = NULL, *cgroup = NULL;
    TRY(pod_cgroup(e, p, &parent, &cgroup));
    TRY(pod_stop_members(e, p, timeout_sec, false));
    pod_remove_cgroup(p, cgroup);
    return pod_row_event(e, &p->row, "stop");
}

struct err *pod_restart(struct engine *e, struct pod *p, int64_t timeout_sec)
{
    struct pod *now = NULL;
    TRY(pod_stop(e, p, timeout_sec));
    TRY(pod_find(e, p->row.id, &now)); /* --rm removes what has ended */
    struct err *err = pod_start(e, now);
    pod_free(now);
    return err;
}

/* --- kill, pause */

struct err *pod_kill(struct engine *e, struct pod *p, int sig)
{
    struct err *all = NULL;
    for (size_t i = 0; i < p->n_members; i++)
        if (p->members[i]->state == CT_RUNNING || p->members[i]->state == CT_STOPPING)
            all = err_both(all, container_kill(e, p->members[i], sig));
    return err_both(all, pod_row_event(e, &p->row, "kill"));
}

struct err *pod_pause(struct engine *e, struct pod *p)
{
    struct err *all = NULL;
    for (size_t i = 0; i < p->n_members; i++)
        if (p->members[i]->state == CT_RUNNING)
            all = err_both(all, container_pause(e, p->members[i]));
    return err_both(all, pod_row_event(e, &p->row, "pause"));
}

struct err *pod_unpause(struct engine *e, struct pod *p)
{
    struct err *all = NULL;
    for (size_t i = 0; i < p->n_members; i++)
        if (p->members[i]->state == CT_PAUSED)
            all = err_both(all, container_unpause(e, p->members[i]));
    return err_both(all, pod_row_event(e, &p->row, "unpause"));
}
