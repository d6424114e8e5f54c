/* What each key of containers.conf means here, and how what is set there becomes a command's options: as if its flag
 * had been given, unless it was. */
#pragma once

#include "base/json.h"
#include "cli/cli.h"

struct create_opts;

enum conf_use {
    CONF_DEFAULT,     /* default of the flag `what`, of every verb that has it */
    CONF_CREATE,      /* default of the flag `what` of run and create */
    CONF_ADD,         /* each entry as one more value of that flag of run and create */
    CONF_CALL,        /* `call`, for every verb */
    CONF_CREATE_CALL, /* `call`, for run and create */
    CONF_NONE,        /* has no meaning here; `what` says why */
    CONF_LATER,       /* not honoured yet; `what` says which part is missing */
};

struct conf_key {
    const char *table, *key;
    enum conf_use use;
    const char *what;
    /* `o`: the options of run and create, NULL for other verbs. Errors are the reason alone. */
    struct err *(*call)(struct cli *c, struct create_opts *o, const json_t *value);
};

/* Every documented key; ends with one without a table. */
extern const struct conf_key conf_keys[];

/* Reads the files and fills what the command line left open. ERR_INVALID names the file and the key. */
struct err *cli_conf_apply(struct cli *c) ERR_RESULT;

/* For conf_keys.c: a value as a flag takes it, kept as long as the options. ERR_INVALID: not a single value. */
struct err *conf_text(struct cli *c, const json_t *value, const char **ret) ERR_RESULT;
/* Entries of a list. ERR_INVALID: no list of strings. */
struct err *conf_strings(const json_t *value, struct strv *ret) ERR_RESULT;
