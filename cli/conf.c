#include "cli/conf.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/create.h"
#include "engine/conf/conf.h"

struct err *conf_text(struct cli *c, const json_t *value, const char **ret)
{
    if (json_is_string(value)) {
        *ret = json_string_value(value);
    } else if (json_is_boolean(value)) {
        *ret = json_is_true(value) ? "true" : "false";
    } else if (json_is_integer(value)) {
        TRY(strv_addf(&c->conf_texts, "%" JSON_INTEGER_FORMAT, json_integer_value(value)));
        *ret = c->conf_texts.items[c->conf_texts.count - 1];
    } else {
        return ERR_NEW(ERR_INVALID, "neither a text nor a number nor true or false");
    }
    return NULL;
}

struct err *conf_strings(const json_t *value, struct strv *ret)
{
    if (!json_is_array(value))
        return ERR_NEW(ERR_INVALID, "not a list");
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *item = json_string_value(json_array_get(value, i));
        if (!item)
            return ERR_NEW(ERR_INVALID, "not a list of texts");
        TRY(strv_add(ret, item));
    }
    return NULL;
}

/* The options of run and create, or NULL for other verbs. */
static struct create_opts *create_opts_of(const struct cli *c)
{
    return c->verb && c->verb->more_flags == create_flags ? c->opts : NULL;
}

static const struct cli_flag *find_flag(const struct cli *c, const char *name)
{
    const struct cli_flag *f = cli_flag_find(c->verb->flags, name, strlen(name));
    return f ? f : cli_flag_find(c->verb->more_flags, name, strlen(name));
}

/* An entry of a list is one value, commas included. */
static struct err *apply_item(const struct cli_flag *f, void *opts, const char *item)
{
    if (f->kind == CLI_STRINGS)
        return strv_add((struct strv *)((char *)opts + f->offset), item);
    return f->kind == CLI_CALL_CSV ? f->set(opts, f, item) : cli_flag_apply(f, opts, item);
}

static struct err *apply_value(struct cli *c, const struct cli_flag *f, const json_t *value)
{
    AUTO_STRV struct strv items = STRV_INIT;
    if (f->missing)
        return ERR_NEW(ERR_INVALID, "%s", f->missing);
    if (json_is_array(value)) {
        TRY(conf_strings(value, &items));
        for (size_t i = 0; i < items.count; i++)
            TRY(apply_item(f, c->opts, items.items[i]));
        return NULL;
    }
    const char *text = NULL;
    TRY(conf_text(c, value, &text));
    if (!*text) /* "" means: as if it were not there */
        return NULL;
    return cli_flag_apply(f, c->opts, text);
}

/* Where in the container an entry of `volumes` or `mounts` goes; NULL: it doesn't say. */
static struct err *target_of(const char *flag, const char *item, char **ret)
{
    static const char *const names[] = {"destination=", "target=", "dst="};
    *ret = NULL;
    if (strcmp(flag, "volume") == 0) {
        const char *colon = strchr(item, ':');
        const char *at = colon ? colon + 1 : item;
        return mem_strndup(at, strcspn(at, ":"), ret);
    }
    for (const char *at = item; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            if (strncmp(at, names[i], strlen(names[i])) == 0)
                return mem_strndup(at + strlen(names[i]), strcspn(at, ",") - strlen(names[i]), ret);
    return NULL;
}

/* What the command line mounts somewhere stays there. */
static struct err *is_taken(const struct create_opts *o, const char *flag, const char *item, bool *ret)
{
    AUTO_FREE char *target = NULL;
    *ret = false;
    if (strcmp(flag, "volume") != 0 && strcmp(flag, "mount") != 0)
        return NULL;
    TRY(target_of(flag, item, &target));
    for (size_t i = 0; target && i < o->spec.n_mounts; i++)
        if (strcmp(o->spec.mounts[i].target, target) == 0)
            *ret = true;
    return NULL;
}

static struct err *apply_add(struct cli *c, const struct conf_key *k, const json_t *value)
{
    AUTO_STRV struct strv items = STRV_INIT;
    const struct cli_flag *f = find_flag(c, k->what);
    TRY(conf_strings(value, &items));
    for (size_t i = 0; f && i < items.count; i++) {
        bool taken;
        TRY(is_taken(c->opts, k->what, items.items[i], &taken));
        if (!taken)
            TRY(apply_item(f, c->opts, items.items[i]));
    }
    return NULL;
}

/* Files list keys with nothing in them to show that they exist. */
static bool is_empty(const json_t *value)
{
    return (json_is_string(value) && !*json_string_value(value)) || (json_is_array(value) && !json_array_size(value)) ||
           (json_is_object(value) && !json_object_size(value));
}

static struct err *apply_default(struct cli *c, const struct conf_key *k, const json_t *value)
{
    const struct cli_flag *f = find_flag(c, k->what);
    return f && !cli_given(c, k->what) ? apply_value(c, f, value) : NULL;
}

static struct err *apply_key(struct cli *c, const struct conf_key *k, const json_t *value)
{
    struct create_opts *o = create_opts_of(c);
    switch (k->use) {
    case CONF_CALL:
        return k->call(c, o, value);
    case CONF_CREATE_CALL:
        return o ? k->call(c, o, value) : NULL;
    case CONF_ADD:
        return o ? apply_add(c, k, value) : NULL;
    case CONF_CREATE:
        return o ? apply_default(c, k, value) : NULL;
    case CONF_DEFAULT:
        return apply_default(c, k, value);
    case CONF_LATER:
        if (o && !is_empty(value))
            log_write(LOG_LEVEL_WARN, "%s: [%s] %s is not honoured yet: %s", conf_file(c->conf, k->table, k->key),
                      k->table, k->key, k->what);
        return NULL;
    case CONF_NONE:
    default:
        return NULL;
    }
}

struct err *cli_conf_apply(struct cli *c)
{
    TRY(conf_load(&c->globals.modules, &c->conf));
    for (const struct conf_key *k = conf_keys; k->table; k++) {
        const json_t *value = conf_get(c->conf, k->table, k->key);
        if (value)
            TRY_WRAP(apply_key(c, k, value), "%s: [%s] %s", conf_file(c->conf, k->table, k->key), k->table, k->key);
    }
    return NULL;
}
