#include "cli/health_flags.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/path.h"
#include "engine/container/healthcheck.h"
#include "engine/container/spec.h"

#define NSEC_PER_SEC INT64_C(1000000000)

bool health_flags_given(const struct cli *c)
{
    for (size_t i = 0; i < c->n_given; i++)
        if (strncmp(c->given[i]->name, "health-", 7) == 0 || strcmp(c->given[i]->name, "no-healthcheck") == 0)
            return true;
    return false;
}

static struct err *parse_time(const char *name, const char *text, int64_t *ret_nsec)
{
    struct err *e = number_parse_duration(text, false, ret_nsec);
    if (!e)
        return NULL;
    err_drop(e);
    return ERR_NEW(ERR_INVALID, "invalid %s: time: invalid duration \"%s\"", name, text);
}

static struct err *parse_interval(const char *name, const char *text, int64_t *ret_nsec)
{
    *ret_nsec = 0;
    if (strcmp(text, "disable") == 0)
        return NULL;
    TRY(parse_time(name, text, ret_nsec));
    return *ret_nsec >= 0 ? NULL : ERR_NEW(ERR_INVALID, "%s must be 0 or greater", name);
}

static struct err *parse_timeout(const char *name, const char *text, int64_t *ret_nsec)
{
    TRY(parse_time(name, text, ret_nsec));
    return *ret_nsec > 0 ? NULL : ERR_NEW(ERR_INVALID, "%s must be at least 1 second", name);
}

/* `all`: also those that were not given, with their defaults. */
static struct err *apply_times(const struct cli *c, const struct health_flags *o, bool all, struct healthcheck *h)
{
    if (all || cli_given(c, "health-interval"))
        TRY(parse_interval("healthcheck-interval", o->interval, &h->interval_nsec));
    if (all || cli_given(c, "health-retries")) {
        if (o->retries < 1 || o->retries > INT32_MAX)
            return ERR_NEW(ERR_INVALID, "healthcheck-retries must be greater than 0");
        h->retries = o->retries;
    }
    if (all || cli_given(c, "health-timeout"))
        TRY(parse_timeout("healthcheck-timeout", o->timeout, &h->timeout_nsec));
    if (all || cli_given(c, "health-start-period")) {
        TRY(parse_time("healthcheck-start-period", o->start_period, &h->start_period_nsec));
        if (h->start_period_nsec < 0)
            return ERR_NEW(ERR_INVALID, "healthcheck-start-period must be 0 seconds or greater");
    }
    return NULL;
}

static struct err *keep(const struct healthcheck *h, bool startup, char **slot)
{
    AUTO_FREE char *text = NULL;
    TRY(healthcheck_text(h, startup, &text));
    return mem_replace(slot, text);
}

/* Times alone, of a check that the image brings: what was given, and nothing else. */
static struct err *keep_times(const struct cli *c, const struct health_flags *o, char **slot)
{
    AUTO_HEALTHCHECK struct healthcheck h = {0};
    AUTO_JSON json_t *object = json_object();
    AUTO_FREE char *text = NULL;
    TRY(apply_times(c, o, false, &h));
    if (cli_given(c, "health-interval"))
        TRY(json_put_int(object, "Interval", h.interval_nsec));
    if (cli_given(c, "health-retries"))
        TRY(json_put_int(object, "Retries", h.retries));
    if (cli_given(c, "health-timeout"))
        TRY(json_put_int(object, "Timeout", h.timeout_nsec));
    if (cli_given(c, "health-start-period"))
        TRY(json_put_int(object, "StartPeriod", h.start_period_nsec));
    if (!json_object_size(object))
        return NULL;
    TRY(json_text(object, &text));
    return mem_replace(slot, text);
}

static struct err *apply_regular(const struct cli *c, const struct health_flags *o, const char *base,
                                 struct container_spec *spec)
{
    AUTO_HEALTHCHECK struct healthcheck h = {0};
    if (o->cmd && *o->cmd) {
        if (o->none)
            return ERR_NEW(ERR_INVALID, "cannot specify both --no-healthcheck and --health-cmd");
        TRY(healthcheck_parse_command(o->cmd, &h.test));
        TRY(apply_times(c, o, true, &h));
        return keep(&h, false, &spec->healthcheck);
    }
    if (o->none)
        return mem_replace(&spec->healthcheck, "{\"Test\":[\"NONE\"]}");
    if (!base)
        return keep_times(c, o, &spec->healthcheck);
    TRY(healthcheck_parse(base, &h));
    TRY(apply_times(c, o, false, &h));
    return keep(&h, false, &spec->healthcheck);
}

static struct err *apply_startup(const struct health_flags *o, struct container_spec *spec)
{
    AUTO_HEALTHCHECK struct healthcheck h = {0};
    if (!o->startup_cmd || !*o->startup_cmd)
        return NULL;
    TRY(healthcheck_parse_command(o->startup_cmd, &h.test));
    TRY(parse_interval("startup-healthcheck-interval", o->startup_interval, &h.interval_nsec));
    TRY(parse_timeout("startup-healthcheck-timeout", o->startup_timeout, &h.timeout_nsec));
    if (o->startup_retries > INT32_MAX || o->startup_successes > INT32_MAX)
        return ERR_NEW(ERR_INVALID, "startup healthcheck: a number out of range");
    h.retries = o->startup_retries;
    h.successes = o->startup_successes;
    return keep(&h, true, &spec->startup_healthcheck);
}

/* A directory has to be there already. Podman's words. */
static struct err *apply_destination(const char *where, struct container_spec *spec)
{
    struct stat st;
    AUTO_FREE char *dir = NULL;
    if (strcmp(where, HEALTH_LOG_LOCAL) == 0)
        return mem_replace(&spec->health_log_destination, NULL);
    if (strcmp(where, HEALTH_LOG_EVENTS) == 0)
        return mem_replace(&spec->health_log_destination, where);
    if (stat(where, &st) < 0)
        return errno == ENOENT
                   ? ERR_NEW(ERR_INVALID, "HealthCheck Log '%s' destination error: stat %s: no such file or directory",
                             where, where)
                   : ERR_SYS(errno, "HealthCheck Log '%s' destination error: stat %s", where, where);
    if (!S_ISDIR(st.st_mode))
        return ERR_NEW(ERR_INVALID, "HealthCheck Log '%s' destination must be directory", where);
    TRY(path_absolute(where, &dir));
    return mem_replace(&spec->health_log_destination, dir);
}

static struct err *apply_log(const struct cli *c, const struct health_flags *o, struct container_spec *spec)
{
    if (cli_given(c, "health-log-destination"))
        TRY(apply_destination(o->log_destination, spec));
    if (o->log_count > INT32_MAX || o->log_size > INT32_MAX)
        return ERR_NEW(ERR_INVALID, "health check log: a number out of range");
    if (cli_given(c, "health-max-log-count"))
        spec->health_log_count = o->log_count;
    if (cli_given(c, "health-max-log-size"))
        spec->health_log_size = o->log_size;
    return NULL;
}

struct err *health_flags_apply(const struct cli *c, const struct health_flags *o, const char *base,
                               struct container_spec *spec)
{
    uint32_t action;
    TRY(apply_regular(c, o, base, spec));
    TRY(apply_startup(o, spec));
    TRY(apply_log(c, o, spec));
    TRY(healthcheck_parse_action(o->on_failure, &action));
    return o->on_failure ? mem_replace(&spec->health_on_failure, o->on_failure) : NULL;
}
