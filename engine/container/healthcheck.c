#include "engine/container/healthcheck.h"

#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/container/spec.h"
#include "engine/image/image.h"
#include "engine/monitor/plan.h"

#define WHAT "healthcheck"
#define NSEC_PER_SEC INT64_C(1000000000)
#define DEFAULT_NSEC (30 * NSEC_PER_SEC)
#define DEFAULT_RETRIES 3

void healthcheck_done(struct healthcheck *h)
{
    strv_done(&h->test);
    *h = (struct healthcheck){0};
}

static struct err *get(const json_t *o, const char *key, int64_t *ret)
{
    TRY(json_get_int(o, key, WHAT, ret));
    return *ret >= 0 ? NULL : ERR_NEW(ERR_INVALID, WHAT ": %s is negative", key);
}

/* What is missing stays as it is. */
static struct err *parse_onto(const char *json, struct healthcheck *h)
{
    AUTO_JSON json_t *o = NULL;
    TRY(json_parse(json, strlen(json), WHAT, &o));
    TRY(json_get_strv(o, "Test", WHAT, &h->test));
    TRY(get(o, "Interval", &h->interval_nsec));
    TRY(get(o, "Timeout", &h->timeout_nsec));
    TRY(get(o, "StartPeriod", &h->start_period_nsec));
    TRY(get(o, "Retries", &h->retries));
    return get(o, "Successes", &h->successes);
}

struct err *healthcheck_parse(const char *json, struct healthcheck *ret)
{
    AUTO_HEALTHCHECK struct healthcheck h = {0};
    TRY(parse_onto(json, &h));
    *ret = h;
    h = (struct healthcheck){0};
    return NULL;
}

static struct err *put(json_t *o, const char *key, int64_t value)
{
    return value ? json_put_int(o, key, value) : NULL;
}

/* In the order of Podman's, which leaves out what is zero. */
struct err *healthcheck_text(const struct healthcheck *h, bool startup, char **ret_json)
{
    AUTO_JSON json_t *o = json_object();
    TRY(json_put_strv(o, "Test", &h->test));
    TRY(put(o, "StartPeriod", h->start_period_nsec));
    TRY(put(o, "Interval", h->interval_nsec));
    TRY(put(o, "Timeout", h->timeout_nsec));
    TRY(put(o, "Retries", h->retries));
    if (startup)
        TRY(put(o, "Successes", h->successes));
    return json_text(o, ret_json);
}

/* --- --health-cmd */

/* A word of those that Docker's format begins with. */
static bool is_keyword(const char *word)
{
    return strcasecmp(word, "CMD") == 0 || strcasecmp(word, "NONE") == 0;
}

static struct err *split_fields(const char *text, struct strv *ret)
{
    for (const char *at = text + strspn(text, " \t\n"); *at; at += strspn(at, " \t\n")) {
        AUTO_FREE char *word = NULL;
        size_t len = strcspn(at, " \t\n");
        TRY(mem_strndup(at, len, &word));
        TRY(strv_add(ret, word));
        at += len;
    }
    return NULL;
}

static bool parse_array(const char *text, struct strv *ret)
{
    AUTO_JSON json_t *array = NULL;
    struct err *e = json_parse(text, strlen(text), WHAT, &array);
    json_t *item;
    size_t i;
    bool ok = !e && json_is_array(array);
    json_array_foreach (array, i, item) {
        ok = ok && json_is_string(item);
        if (ok && !e)
            e = strv_add(ret, json_string_value(item));
    }
    ok = ok && !e;
    err_drop(e);
    if (!ok)
        strv_clear(ret);
    return ok;
}

static struct err *take_array(const struct strv *words, struct strv *ret)
{
    if (words->count == 0)
        return ERR_NEW(ERR_INVALID, "must define a healthcheck command for all healthchecks");
    if (strcasecmp(words->items[0], "NONE") == 0)
        return strv_add(ret, "NONE");
    bool keyword = is_keyword(words->items[0]) || strcasecmp(words->items[0], "CMD-SHELL") == 0;
    if (!keyword)
        TRY(strv_add(ret, words->count > 1 ? "CMD" : "CMD-SHELL"));
    return strv_add_all(ret, words->items);
}

struct err *healthcheck_parse_command(const char *text, struct strv *ret_test)
{
    AUTO_STRV struct strv words = STRV_INIT;
    size_t first = strcspn(text, " ");
    AUTO_FREE char *word = NULL;
    if (parse_array(text, &words))
        return take_array(&words, ret_test);
    TRY(mem_strndup(text, first, &word));
    if (strcasecmp(word, "NONE") == 0)
        return strv_add(ret_test, "NONE");
    if (strcasecmp(word, "CMD") == 0)
        return split_fields(text, ret_test);
    TRY(strv_add(ret_test, "CMD-SHELL"));
    if (strcasecmp(word, "CMD-SHELL") != 0)
        return strv_add(ret_test, text);
    return strv_add(ret_test, text[first] ? text + first + 1 : "");
}

/* --- what holds for a container */

static bool is_none(const struct healthcheck *h)
{
    return h->test.count == 0 || strcasecmp(h->test.items[0], "NONE") == 0;
}

/* A zero in an image means the default; in a specification, that there is nothing to it. */
static void add_defaults(struct healthcheck *h)
{
    h->interval_nsec = h->interval_nsec ? h->interval_nsec : DEFAULT_NSEC;
    h->timeout_nsec = h->timeout_nsec ? h->timeout_nsec : DEFAULT_NSEC;
    h->retries = h->retries ? h->retries : DEFAULT_RETRIES;
}

/* With a command it is another check; without, it changes times of the image's. */
static struct err *replace_or_change(const char *json, struct healthcheck *h)
{
    AUTO_HEALTHCHECK struct healthcheck own = {0};
    TRY(parse_onto(json, &own));
    if (own.test.count == 0)
        return parse_onto(json, h);
    struct healthcheck old = *h;
    *h = own;
    own = old;
    return NULL;
}

struct err *healthcheck_resolve(const struct container_spec *spec, const struct image_config *image,
                                struct healthcheck *ret, bool *ret_any)
{
    AUTO_HEALTHCHECK struct healthcheck h = {0};
    *ret_any = false;
    if (image && image->healthcheck) {
        TRY(parse_onto(image->healthcheck, &h));
        add_defaults(&h);
    }
    if (spec->healthcheck)
        TRY(replace_or_change(spec->healthcheck, &h));
    *ret_any = !is_none(&h);
    *ret = h;
    h = (struct healthcheck){0};
    return NULL;
}

struct err *healthcheck_command(const struct strv *test, struct strv *ret_argv)
{
    AUTO_STRV struct strv rest = STRV_INIT;
    AUTO_FREE char *line = NULL;
    if (test->count < 2)
        return ERR_NEW(ERR_INVALID, "healthcheck without a command");
    if (strcasecmp(test->items[0], "CMD") == 0)
        return strv_add_all(ret_argv, test->items + 1);
    TRY(strv_add_all(&rest, test->items + (strcasecmp(test->items[0], "CMD-SHELL") == 0)));
    TRY(strv_join(&rest, " ", &line));
    TRY(strv_add(ret_argv, "/bin/sh"));
    TRY(strv_add(ret_argv, "-c"));
    return strv_add(ret_argv, line);
}

struct err *healthcheck_parse_action(const char *text, uint32_t *ret)
{
    static const char *const names[] = {
        [PLAN_HEALTH_NONE] = "none",
        [PLAN_HEALTH_KILL] = "kill",
        [PLAN_HEALTH_RESTART] = "restart",
        [PLAN_HEALTH_STOP] = "stop",
    };
    *ret = PLAN_HEALTH_NONE;
    for (uint32_t i = 0; text && i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i], text) == 0) {
            *ret = i;
            return NULL;
        }
    }
    if (!text)
        return NULL;
    return ERR_NEW(ERR_INVALID,
                   "invalid on-failure action \"%s\" for health check: supported actions are none,kill,restart,stop",
                   text);
}
