/* update: another specification for a container, and word of it to its monitor. */
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/container/healthcheck.h"
#include "engine/container/internal.h"
#include "engine/container/start.h"
#include "engine/engine.h"
#include "engine/monitor/client.h"

struct err *container_healthcheck(struct engine *e, struct container *c, char **ret_json)
{
    AUTO_HEALTHCHECK struct healthcheck check = {0};
    struct image_config config = {0};
    bool any = false;
    TRY(container_load_spec(e, c));
    struct err *err = container_image_config(e, c, &config);
    if (!err)
        err = healthcheck_resolve(&c->spec, &config, &check, &any);
    if (!err && any)
        err = healthcheck_text(&check, false, ret_json);
    image_config_done(&config);
    return err;
}

static struct err *write_spec(struct engine *e, struct container *c)
{
    struct store *s = engine_store(e);
    AUTO_TX struct store_tx_guard tx = {s};
    AUTO_FREE char *json = NULL;
    struct store_stmt *st;
    TRY(container_spec_to_json(&c->spec, &json));
    TRY(store_begin(s, STORE_WRITE, true));
    TRY(store_prepare(s, "UPDATE containers SET spec = ?2 WHERE id = ?1", &st));
    TRY(store_bind(st, "tt", c->id, json));
    TRY(store_run(st));
    TRY(container_event(e, c, "update"));
    return store_commit(s);
}

/* Limits as the runtime reads them; none where no cgroup takes them, which a notice tells. */
static struct err *resources(struct engine *e, struct container *c, int *ret_fd)
{
    struct start s = {.e = e, .c = c, .root_fd = -1, .private_fd = -1};
    AUTO_STRV struct strv notices = STRV_INIT;
    AUTO_FREE char *json = NULL;
    struct err *err = engine_cgroup(e, &s.cgroup);
    if (!err)
        err = start_settle_limits(&s);
    if (!err)
        err = oci_generate_resources(&c->spec, &s.facts, &notices, &json);
    for (size_t i = 0; !err && i < notices.count; i++)
        err = engine_notice(e, "%s", notices.items[i]);
    if (!err && s.facts.cgroup_writable)
        err = fd_memory("update", json, strlen(json), ret_fd);
    start_done(&s);
    return err;
}

static struct err *processes(struct engine *e, struct container *c, struct plan_health *health, int *ret_check,
                             int *ret_startup)
{
    AUTO_HEALTHCHECK struct healthcheck check = {0}, startup = {0};
    AUTO_STRV struct strv argv = STRV_INIT, startup_argv = STRV_INIT;
    struct image_config config = {0};
    bool any;
    struct err *err = container_image_config(e, c, &config);
    if (!err)
        err = container_health_plan(&c->spec, c->id, &config, health);
    if (!err)
        err = healthcheck_resolve(&c->spec, &config, &check, &any);
    image_config_done(&config);
    TRY(err);
    health->no_events = engine_options(e)->no_health_events;
    if (!health->enabled)
        return NULL;
    TRY(healthcheck_command(&check.test, &argv));
    TRY(container_exec_process(e, c, &argv, ret_check));
    if (!health->startup)
        return NULL;
    TRY(healthcheck_parse(c->spec.startup_healthcheck, &startup));
    TRY(healthcheck_command(&startup.test, &startup_argv));
    return container_exec_process(e, c, &startup_argv, ret_startup);
}

static struct err *tell_monitor(struct engine *e, struct container *c, const struct container_changes *changes)
{
    struct monitor *m;
    AUTO_FD int limits = -1, check = -1, startup = -1;
    AUTO_PLAN_UPDATE struct plan_update u = {.set_restart = changes->restart, .set_health = changes->health};
    u.restart = (uint32_t)start_restart_of(c->spec.restart);
    u.restart_max = (uint32_t)c->spec.restart_max;
    if (changes->resources)
        TRY(resources(e, c, &limits));
    if (changes->health)
        TRY(processes(e, c, &u.health, &check, &startup));
    TRY(monitor_connect(engine_run_dir(e), c->id, &m));
    const int fds[] = {limits, check, startup};
    struct err *err = monitor_update(m, &u, fds);
    monitor_free(m);
    return err;
}

struct err *container_update(struct engine *e, struct container *c, const struct container_changes *changes)
{
    bool live = c->state == CT_RUNNING || c->state == CT_PAUSED || c->state == CT_INITIALIZED;
    bool told = changes->resources || changes->restart || changes->health;
    TRY(container_spec_check(&c->spec));
    if (live && told)
        TRY_WRAP(tell_monitor(e, c, changes), "update container %s", c->name);
    return write_spec(e, c);
}
