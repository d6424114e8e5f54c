/* Health checks of containers: what a start tells the monitor, asking for one now, what came of them. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/container/healthcheck.h"
#include "engine/container/inspect.h"
#include "engine/container/internal.h"
#include "engine/container/start.h"
#include "engine/engine.h"
#include "engine/monitor/client.h"
#include "engine/monitor/health.h"

#define HEALTH_BYTES_MAX ((size_t)2 << 20) /* HEALTH_LOG_BYTES_MAX, and what is around it */

/* Where results go other than to the container's directory; NULL: nowhere else. */
static struct err *log_file(const struct container_spec *spec, const char *id, char **ret)
{
    const char *where = spec->health_log_destination;
    if (!where || where[0] != '/')
        return NULL;
    return mem_asprintf(ret, "%s/%s-healthcheck.log", where, id);
}

static struct err *plan_log(const struct container_spec *spec, const char *id, struct plan_health *ret)
{
    const char *where = spec->health_log_destination;
    ret->log_max = (uint32_t)spec->health_log_count;
    ret->output_max = (uint32_t)spec->health_log_size;
    ret->log_events = where && strcmp(where, HEALTH_LOG_EVENTS) == 0;
    return log_file(spec, id, &ret->log_file);
}

struct err *container_health_plan(const struct container_spec *spec, const char *id, const struct image_config *image,
                                  struct plan_health *ret)
{
    AUTO_HEALTHCHECK struct healthcheck check = {0}, startup = {0};
    bool any;
    TRY_WRAP(healthcheck_resolve(spec, image, &check, &any), "health check");
    if (!any)
        return NULL;
    TRY(healthcheck_parse_action(spec->health_on_failure, &ret->on_failure));
    ret->enabled = true;
    ret->interval_nsec = check.interval_nsec;
    ret->timeout_nsec = check.timeout_nsec;
    ret->start_period_nsec = check.start_period_nsec;
    ret->retries = (uint32_t)check.retries;
    TRY(plan_log(spec, id, ret));
    if (!spec->startup_healthcheck)
        return NULL;
    TRY_WRAP(healthcheck_parse(spec->startup_healthcheck, &startup), "startup check");
    ret->startup = true;
    ret->startup_interval_nsec = startup.interval_nsec;
    ret->startup_timeout_nsec = startup.timeout_nsec;
    ret->startup_retries = (uint32_t)startup.retries;
    ret->startup_successes = (uint32_t)startup.successes;
    return NULL;
}

struct err *start_settle_health(struct start *s)
{
    s->plan.health.no_events = engine_options(s->e)->no_health_events;
    return container_health_plan(&s->c->spec, s->c->id, &s->config, &s->plan.health);
}

/* As exec of the container's own user would have it. */
static struct err *write_process(const struct start *s, const char *file, const struct strv *test)
{
    AUTO_FREE char *json = NULL;
    struct oci_exec exec = {.user = s->facts.user};
    struct err *e = healthcheck_command(test, &exec.command);
    if (!e)
        e = oci_generate_process(&s->c->spec, &s->config, &s->facts, &exec, &json);
    strv_done(&exec.command);
    TRY_WRAP(e, "health check");
    return file_write_atomic(s->private_fd, file, json, strlen(json), 0600, FILE_NOSYNC);
}

struct err *start_write_health(struct start *s)
{
    AUTO_HEALTHCHECK struct healthcheck check = {0}, startup = {0};
    bool any;
    if (!s->plan.health.enabled)
        return NULL;
    TRY(healthcheck_resolve(&s->c->spec, &s->config, &check, &any));
    TRY(write_process(s, HEALTH_PROCESS, &check.test));
    if (!s->plan.health.startup)
        return NULL;
    TRY(healthcheck_parse(s->c->spec.startup_healthcheck, &startup));
    return write_process(s, HEALTH_STARTUP_PROCESS, &startup.test);
}

struct err *container_check_health(struct engine *e, struct container *c, bool *ret_ok)
{
    struct monitor *m;
    struct monitor_health_result result;
    struct err *err = monitor_connect(engine_run_dir(e), c->id, &m);
    if (err && err_kind(err) == ERR_STATE) {
        err_drop(err);
        return ERR_NEW(ERR_STATE, "container %s is not running", c->id);
    }
    TRY(err);
    err = monitor_check_health(m, &result);
    monitor_free(m);
    TRY(err);
    *ret_ok = result.exit_code == 0;
    return NULL;
}

/* --- inspect */

static struct err *put_none(json_t *state)
{
    json_t *health;
    TRY(json_put_obj(state, "Health", &health));
    TRY(json_put_str(health, "Status", ""));
    TRY(json_put_int(health, "FailingStreak", 0));
    return json_put(health, "Log", json_null());
}

struct err *inspect_put_health(json_t *state, const struct inspection *in)
{
    AUTO_HEALTHCHECK struct healthcheck check = {0};
    AUTO_FREE char *text = NULL, *file = NULL;
    json_t *document;
    bool any;
    TRY(healthcheck_resolve(&in->c->spec, &in->config, &check, &any));
    TRY(log_file(&in->c->spec, in->c->id, &file));
    if (!file)
        TRY(mem_asprintf(&file, "%s/" HEALTH_FILE, in->dir));
    struct err *e = any ? file_read(AT_FDCWD, file, HEALTH_BYTES_MAX, &text, NULL) : NULL;
    if (!e && any)
        e = json_parse(text, strlen(text), HEALTH_FILE, &document);
    if (!e && any)
        return json_put(state, "Health", document);
    err_drop(e); /* it has not been started yet */
    return put_none(state);
}

static struct err *put_check(json_t *config, const char *key, const char *text)
{
    json_t *document;
    TRY(json_parse(text, strlen(text), key, &document));
    return json_put(config, key, document);
}

/* The one that holds, with its defaults. */
struct err *inspect_put_healthcheck(json_t *config, const struct inspection *in)
{
    const struct container_spec *spec = &in->c->spec;
    AUTO_HEALTHCHECK struct healthcheck check = {0};
    AUTO_FREE char *text = NULL;
    bool any;
    TRY(healthcheck_resolve(spec, &in->config, &check, &any));
    if (check.test.count) {
        TRY(healthcheck_text(&check, false, &text));
        TRY(put_check(config, "Healthcheck", text));
    }
    TRY(json_put_str(config, "HealthcheckOnFailureAction", spec->health_on_failure ? spec->health_on_failure : "none"));
    if (any) {
        const char *where = spec->health_log_destination;
        TRY(json_put_str(config, "HealthLogDestination", where ? where : HEALTH_LOG_LOCAL));
        TRY(json_put_int(config, "HealthcheckMaxLogCount", spec->health_log_count));
        TRY(json_put_int(config, "HealthcheckMaxLogSize", spec->health_log_size));
    }
    return spec->startup_healthcheck ? put_check(config, "StartupHealthCheck", spec->startup_healthcheck) : NULL;
}
