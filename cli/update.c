/* update. */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/health_flags.h"
#include "cli/resource_flags.h"
#include "cli/select.h"
#include "cli/verbs.h"

struct update_opts {
    bool latest;
    struct container_spec spec; /* what limits and --restart say */
    struct health_flags health;
    struct strv env, unsetenv;
};
#define O(field) offsetof(struct update_opts, field)

static struct err *set_restart(void *opts, const struct cli_flag *f, const char *value)
{
    struct update_opts *o = opts;
    (void)f;
    return spec_set_restart(&o->spec, value);
}

static const struct cli_flag update_flags[] = {
    RESOURCE_BLKIO_FLAGS(O(spec.res)),
    RESOURCE_CPU_FLAGS(O(spec.res)),
    RESOURCE_THROTTLE_FLAGS(O(spec.res)),
    {"env", 'e', CLI_ARRAY, .offset = O(env), .help = "Set environment variables in container"},
    HEALTH_FLAGS(O(health)),
    CLI_LATEST_FLAG(O(latest), "container"),
    RESOURCE_MEMORY_FLAGS(O(spec.res)),
    NO_HEALTHCHECK_FLAG(O(health)),
    RESOURCE_PIDS_FLAG(O(spec.res)),
    {"restart", 0, CLI_CALL, .set = set_restart,
     .help = "Restart policy to apply when a container exits "
             "(\"always\"|\"no\"|\"on-failure\"|\"unless-stopped\")"},
    {"unsetenv", 0, CLI_ARRAY, .offset = O(unsetenv), .help = "Unset environment default variables in container"},
    {0},
};

static struct err *init(void *opts)
{
    struct update_opts *o = opts;
    container_spec_init(&o->spec);
    return NULL;
}

static void done(void *opts)
{
    struct update_opts *o = opts;
    container_spec_done(&o->spec);
}

static struct err *apply_environment(const struct update_opts *o, struct container_spec *spec)
{
    for (size_t i = 0; i < o->unsetenv.count; i++) {
        strv_env_unset(&spec->env, o->unsetenv.items[i]);
        TRY(strv_add(&spec->unsetenv, o->unsetenv.items[i]));
    }
    for (size_t i = 0; i < o->env.count; i++)
        TRY(spec_add_env(spec, o->env.items[i], environ));
    return NULL;
}

static struct err *apply_health(struct cli *c, const struct update_opts *o, struct container *ct)
{
    AUTO_FREE char *now = NULL;
    TRY(container_healthcheck(c->engine, ct, &now));
    if (!now && !o->health.cmd && !o->health.none)
        return ERR_NEW(ERR_INVALID, "container %s has no health check that could be changed: give --health-cmd",
                       ct->name);
    return health_flags_apply(c, &o->health, now, &ct->spec);
}

/* Into the container's own specification, then to the store and to who runs it. */
static struct err *update(struct cli *c, const struct update_opts *o, struct container *ct)
{
    struct container_changes changes = {.restart = cli_given(c, "restart"), .health = health_flags_given(c)};
    TRY(container_load_spec(c->engine, ct));
    TRY(resource_flags_apply(c, &o->spec.res, &ct->spec.res, &changes.resources));
    if (changes.restart) {
        ct->spec.restart = o->spec.restart;
        ct->spec.restart_max = o->spec.restart_max;
    }
    if (changes.health)
        TRY(apply_health(c, o, ct));
    if (!changes.resources && !changes.restart && !changes.health && !o->env.count && !o->unsetenv.count)
        return ERR_NEW(ERR_INVALID, "nothing to update: no flag was given");
    TRY(apply_environment(o, &ct->spec));
    TRY(container_update(c->engine, ct, &changes));
    return cli_printf(c, "%s\n", ct->id);
}

static struct err *update_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct update_opts *o = opts;
    struct container *ct = NULL;
    (void)exit_code;
    if (!o->latest && c->n_args != 1)
        return ERR_NEW(ERR_INVALID, "accepts 1 arg(s), received %zu", c->n_args);
    if (o->latest && c->n_args)
        return ERR_NEW(ERR_INVALID, "--latest and containers cannot be used together");
    TRY(select_one(c, o->latest, &ct));
    struct err *e = update(c, o, ct);
    container_free(ct);
    return e;
}

const struct cli_verb cli_verb_update = {
    .paths = "update|container update",
    .synopsis = "[options] CONTAINER",
    .summary = "update an existing container",
    .description =
        "Updates limits, restart policy, health check and environment of a container. What concerns a running "
        "one holds at once, but for the environment, which new processes get.",
    .examples = "@ --cpus=5 foobar_container\n@ --restart always foobar_container",
    .flags = update_flags,
    .opts_size = sizeof(struct update_opts),
    .init = init,
    .done = done,
    .max_args = -1,
    .complete = CLI_COMPLETE_CONTAINER,
    .complete_args = 1,
    .run = update_verb,
};
