/* `run --explain`: which rungs of the ladder a container gets. Everything is looked up where the start looks it up. */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "engine/container/internal.h"
#include "engine/container/start.h"
#include "engine/engine.h"
#include "engine/monitor/cgroup.h"
#include "rootless/ladder.h"
#include "rootless/session.h"

struct explanation {
    struct engine *e;
    struct container *c;
    struct strv *lines;
};

/* "overlay: kernel overlay (rung 1 of 3)"; `rung` 0 is below the last one. */
static struct err *say(const struct explanation *x, const char *need, size_t rung, const char *why)
{
    AUTO_STRBUF struct strbuf line = STRBUF_INIT;
    const struct ladder *l = ladder_find(need);
    if (!l)
        return ERR_NEW(ERR_INTERNAL, "no need is called %s", need);
    if (rung)
        TRY(strbuf_printf(&line, "%s: %s (rung %zu of %zu)", need, l->rungs[rung - 1].use, rung, ladder_height(l)));
    else
        TRY(strbuf_printf(&line, "%s: refused: %s", need, l->end ? l->end : "nothing takes its place"));
    if (rung && l->rungs[rung - 1].lost)
        TRY(strbuf_printf(&line, "; lost: %s", l->rungs[rung - 1].lost));
    if (why)
        TRY(strbuf_printf(&line, "; since %s", why));
    return strv_add(x->lines, strbuf_str(&line));
}

static struct err *say_session(const struct explanation *x)
{
    const struct session *s = engine_session(x->e);
    bool inside = path_is_below(s->run_dir, s->root);
    TRY(say(x, "id ranges", s->single_id ? 2 : 1, NULL));
    return say(x, "session directory", inside ? 1 : strncmp(s->run_dir, "/tmp/", 5) == 0 ? 3 : 2, NULL);
}

static struct err *say_storage(const struct explanation *x)
{
    static const char *const drivers[] = {"overlay", "fuse-overlay", "copy"};
    const char *driver;
    TRY(container_driver(x->e, &x->c->spec, &driver));
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
        if (strcmp(drivers[i], driver) == 0)
            return say(x, "overlay", i + 1, NULL);
    return NULL;
}

static struct err *say_cgroups(const struct explanation *x)
{
    static const char *const wanted[] = {"cpu", "cpuset", "io", "memory", "pids"};
    const struct cgroup_facts *f;
    const char *manager, *cgroups = x->c->spec.cgroups;
    TRY(engine_cgroup(x->e, &f));
    TRY(engine_cgroup_manager(x->e, cgroups && strcmp(cgroups, "disabled") == 0, &manager));
    if (strcmp(manager, "disabled") == 0)
        return say(x, "cgroups", 3, f->why);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (!strv_contains(&f->controllers, wanted[i]))
            return say(x, "cgroups", 2, "not all controllers are delegated");
    return say(x, "cgroups", 1, NULL);
}

/* A need that is made of rungs of rung.h; one of them that is refused speaks for all. */
static struct err *say_rungs(const struct explanation *x, const struct rungs *r, const char *need)
{
    AUTO_FREE char *why = NULL;
    enum rung_use use = RUNG_UNUSED;
    for (unsigned i = 0; i < RUNG_COUNT && !why; i++) {
        if (!rung_is_of((enum rung)i, need))
            continue;
        enum rung_use own = start_rung_use(&x->c->spec, (enum rung)i);
        use = own > use ? own : use;
        if (use != RUNG_UNUSED && r->errnum[i])
            TRY(rung_reason((enum rung)i, r->errnum[i], &why));
    }
    if (use == RUNG_UNUSED)
        return NULL;
    return say(x, need, !why ? 1 : use == RUNG_ASKED ? 0 : 2, why);
}

static struct err *say_refusable(const struct explanation *x)
{
    static const char *const needs[] = {"namespaces", "network namespaces", "proc", "sysfs", "sysctls", "seccomp"};
    struct rungs r = {{0}};
    bool refused = false;
    TRY(rungs_probe(NULL, &r));
    for (size_t i = 0; i < RUNG_COUNT; i++)
        refused = refused || r.errnum[i];
    if (refused) /* the start need not fail first */
        TRY(rungs_save(engine_run_dir(x->e), &r));
    for (size_t i = 0; i < ARRAY_LEN(needs); i++)
        TRY(say_rungs(x, &r, needs[i]));
    return NULL;
}

struct err *container_explain(struct engine *e, struct container *c, struct strv *ret_lines)
{
    const struct explanation x = {.e = e, .c = c, .lines = ret_lines};
    const char *runtime;
    TRY(container_load_spec(e, c));
    TRY(say_session(&x));
    TRY(say_storage(&x));
    TRY(say_refusable(&x));
    if (container_has_network(&c->spec))
        TRY(say(&x, "TUN", access("/dev/net/tun", R_OK | W_OK) == 0 ? 1 : 2, NULL));
    TRY(say_cgroups(&x));
    TRY(engine_runtime(e, &runtime));
    return say(&x, "OCI runtime", strcmp(path_last(runtime), "crun") == 0 ? 1 : 2, NULL);
}
