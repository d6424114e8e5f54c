/* Values of single flags: devices, limits, labels, annotations, restart policy, entrypoint, names, signals. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/signame.h"
#include "engine/container/cdi.h"
#include "engine/container/spec_internal.h"

/* A permission list: each of r, w, m at most once. */
static bool is_device_mode(const char *text)
{
    unsigned seen = 0;
    for (const char *p = text; *p; p++) {
        const char *known = strchr("rwm", *p);
        unsigned bit = known ? 1u << (unsigned)(known - "rwm") : 0;
        if (!bit || (seen & bit))
            return false;
        seen |= bit;
    }
    return seen != 0;
}

/* host-device[:container-device][:permissions]; two parts: the second is a path or permissions. */
struct err *spec_add_device(struct container_spec *s, const char *value)
{
    AUTO_STRV struct strv parts = STRV_INIT;
    if (cdi_is_name(value))
        return strv_contains(&s->cdi_devices, value) ? NULL : strv_add(&s->cdi_devices, value);
    TRY(strv_split(value, ':', &parts));
    if (parts.count > 3 || parts.items[0][0] == '\0')
        return ERR_NEW(ERR_INVALID, "invalid device specification: %s", value);
    const char *host = parts.items[0], *target = NULL, *mode = NULL;
    if (parts.count == 3) {
        target = parts.items[1];
        mode = parts.items[2];
    } else if (parts.count == 2 && parts.items[1][0] == '/') {
        target = parts.items[1];
    } else if (parts.count == 2) {
        mode = parts.items[1];
    }
    if (mode && !is_device_mode(mode))
        return ERR_NEW(ERR_INVALID, "invalid device mode: %s", mode);
    if (host[0] != '/')
        return ERR_NEW(ERR_INVALID, "stat %s: no such file or directory", host);

    AUTO_DEVICE struct device_spec d = {0};
    TRY(mem_strdup(host, &d.host_path));
    TRY(spec_check_target(target ? target : host, &d.ct_path));
    TRY(mem_strdup(mode ? mode : "rwm", &d.permissions));
    return spec_take_device(s, &d);
}

/* getrlimit(2), in lower case without RLIMIT_, as bash and Docker name them. */
static bool is_limit_name(const char *name)
{
    static const char *const names[] = {"as",   "core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue",
                                        "nice", "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* -1 is "unlimited"; the message is Go's, since that is what Podman's users have seen. */
static struct err *parse_limit(const char *text, uint64_t *ret)
{
    int64_t v = 0;
    struct err *e = number_parse_i64(text, INT64_MIN, INT64_MAX, &v);
    if (e) {
        err_drop(e);
        return ERR_NEW(ERR_INVALID, "strconv.ParseInt: parsing \"%s\": invalid syntax", text);
    }
    if (v < -1)
        return ERR_NEW(ERR_INVALID, "limit %lld: must be -1 (unlimited) or more", (long long)v);
    *ret = v == -1 ? UINT64_MAX : (uint64_t)v;
    return NULL;
}

/* name=SOFT[:HARD] */
static struct err *parse_ulimit(const char *value, struct ulimit_spec *u)
{
    const char *eq = strchr(value, '=');
    if (!eq)
        return ERR_NEW(ERR_INVALID, "invalid ulimit argument: %s", value);
    TRY(mem_strndup(value, (size_t)(eq - value), &u->name));
    if (!is_limit_name(u->name))
        return ERR_NEW(ERR_INVALID, "invalid ulimit type: %s", u->name);
    AUTO_STRV struct strv limits = STRV_INIT;
    TRY(strv_split(eq + 1, ':', &limits));
    if (limits.count > 2)
        return ERR_NEW(ERR_INVALID, "too many limit value arguments - %s, can only have up to two, `soft[:hard]`",
                       eq + 1);
    TRY(parse_limit(limits.items[0], &u->soft));
    u->hard = u->soft;
    if (limits.count == 2)
        TRY(parse_limit(limits.items[1], &u->hard));
    if (u->soft == UINT64_MAX && u->hard != UINT64_MAX)
        return ERR_NEW(ERR_INVALID,
                       "ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: %llu",
                       (unsigned long long)u->hard);
    if (u->soft > u->hard)
        return ERR_NEW(ERR_INVALID, "ulimit soft limit must be less than or equal to hard limit: %llu > %llu",
                       (unsigned long long)u->soft, (unsigned long long)u->hard);
    return NULL;
}

/* The last value for a limit counts. */
struct err *spec_add_ulimit(struct container_spec *s, const char *value)
{
    AUTO_ULIMIT struct ulimit_spec u = {0};
    if (strcmp(value, "host") == 0)
        TRY(mem_strdup("host", &u.name));
    else
        TRY_WRAP(parse_ulimit(value, &u), "ulimit option \"%s\" requires name=SOFT:HARD, failed to be parsed", value);
    for (size_t i = 0; i < s->n_ulimits; i++) {
        if (strcmp(s->ulimits[i].name, u.name) == 0) { /* the last one counts */
            spec_ulimit_done(&s->ulimits[i]);
            s->ulimits[i] = u;
            u = (struct ulimit_spec){0};
            return NULL;
        }
    }
    return spec_take_ulimit(s, &u);
}

/* A label without a value has the empty one. The last one of a name counts. */
struct err *spec_add_label(struct container_spec *s, const char *value)
{
    if (value[0] == '\0' || value[0] == '=')
        return ERR_NEW(ERR_INVALID, "unable to process labels: invalid label format: \"%s\"", value);
    if (strchr(value, '='))
        return strv_env_set(&s->labels, value);
    AUTO_FREE char *empty = NULL;
    TRY(mem_asprintf(&empty, "%s=", value));
    return strv_env_set(&s->labels, empty);
}

struct err *spec_add_annotation(struct container_spec *s, const char *value)
{
    if (!strchr(value, '=') || value[0] == '=')
        return ERR_NEW(ERR_INVALID, "annotations must be formatted KEY=VALUE");
    return strv_env_set(&s->annotations, value);
}

/* policy[:retries] */
struct err *spec_set_restart(struct container_spec *s, const char *value)
{
    static const struct {
        const char *name;
        enum restart_policy policy;
    } policies[] = {{"", RESTART_NO},
                    {"no", RESTART_NO},
                    {"always", RESTART_ALWAYS},
                    {"on-failure", RESTART_ON_FAILURE},
                    {"unless-stopped", RESTART_UNLESS_STOPPED}};
    AUTO_STRV struct strv parts = STRV_INIT;
    TRY(strv_split(value, ':', &parts));
    s->restart_given = true;
    if (parts.count > 2)
        return ERR_NEW(ERR_INVALID, "invalid restart policy: may specify retries at most once");
    if (parts.count == 2 && strcmp(parts.items[0], "on-failure") != 0)
        return ERR_NEW(ERR_INVALID, "restart policy retries can only be specified with on-failure restart policy");
    int64_t retries = 0;
    if (parts.count == 2) {
        struct err *e = number_parse_i64(parts.items[1], INT32_MIN, INT32_MAX, &retries);
        if (e) {
            err_drop(e);
            return ERR_NEW(ERR_INVALID,
                           "parsing restart policy retry count: strconv.Atoi: parsing \"%s\": invalid syntax",
                           parts.items[1]);
        }
        if (retries < 0)
            return ERR_NEW(ERR_INVALID, "must specify restart policy retry count as a number greater than 0");
    }
    for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
        if (strcmp(policies[i].name, parts.items[0]) == 0) {
            s->restart = policies[i].policy;
            s->restart_max = retries;
            return NULL;
        }
    }
    return ERR_NEW(ERR_INVALID,
                   "running container create option: \"%s\" is not a valid restart policy: invalid argument", value);
}

/* All elements strings? Anything else is a command that happens to begin with a bracket. */
static struct err *entrypoint_array(const char *value, struct strv *ret, bool *ret_is_array)
{
    *ret_is_array = false;
    if (value[0] != '[')
        return NULL;
    AUTO_JSON json_t *arr = NULL;
    struct err *e = json_parse(value, strlen(value), "entrypoint", &arr);
    if (e) {
        err_drop(e);
        return NULL;
    }
    size_t i;
    json_t *item;
    json_array_foreach (arr, i, item)
        if (!json_is_string(item))
            return NULL;
    json_array_foreach (arr, i, item)
        TRY(strv_add(ret, json_string_value(item)));
    *ret_is_array = true;
    return NULL;
}

/* The value replaces what was set before, also by an empty one. */
struct err *spec_set_entrypoint(struct container_spec *s, const char *value)
{
    AUTO_STRV struct strv list = STRV_INIT;
    bool is_array = false;
    TRY(entrypoint_array(value, &list, &is_array));
    if (!is_array)
        TRY(strv_add(&list, value));
    strv_done(&s->entrypoint);
    s->entrypoint = list;
    list = (struct strv)STRV_INIT;
    s->entrypoint_set = true;
    return NULL;
}

/* A name becomes a directory and a part of host names and URLs. */
struct err *spec_check_name(const char *name)
{
    bool good = isalnum((unsigned char)name[0]) != 0;
    for (const char *p = name; *p && good; p++)
        good = isalnum((unsigned char)*p) || strchr("_.-", *p);
    if (!good)
        return ERR_NEW(ERR_INVALID, "names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument");
    return NULL;
}

/* Here for those who know specs but not base/. */
struct err *spec_parse_signal(const char *value, int *ret)
{
    return signame_parse(value, ret);
}
