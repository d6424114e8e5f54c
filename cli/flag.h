/* Flags: one table entry describes a flag to the parser, to --help, to the manual pages and to completion.
 *
 * A table is an array that ends with an entry without a name. Values go to `offset` in the verb's options struct by
 * kind, or through `set` for the CALL kinds. Strings stay in argv (borrowed); lists are owned and freed by the parser.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum cli_kind {
    CLI_BOOL,     /* bool */
    CLI_TRISTATE, /* int: -1 not given, 0, 1 */
    CLI_STRING,   /* const char *, NULL when not given and without default */
    CLI_INT,      /* int64_t */
    CLI_UINT,     /* uint64_t, or an int64_t that isn't negative */
    CLI_FLOAT,    /* double */
    CLI_DURATION, /* int64_t, nanoseconds; bare numbers are milliseconds */
    CLI_STRINGS,  /* struct strv; each value is split at commas, as CSV */
    CLI_ARRAY,    /* struct strv; values are kept whole */
    CLI_CALL,     /* `set` is called with the value */
    CLI_CALL_CSV, /* `set` is called with each part of the value */
    CLI_CALL_BOOL /* `set` is called with "true" or "false" */
};

/* What completes a flag's value or a verb's arguments. */
enum cli_complete {
    CLI_COMPLETE_NONE,
    CLI_COMPLETE_FILE,
    CLI_COMPLETE_DIR,
    CLI_COMPLETE_CONTAINER,
    CLI_COMPLETE_RUNNING,
    CLI_COMPLETE_IMAGE,
    CLI_COMPLETE_VOLUME,
    CLI_COMPLETE_OBJECT, /* container, image or volume */
    CLI_COMPLETE_VERB,
    CLI_COMPLETE_NETWORK,      /* a value of --network */
    CLI_COMPLETE_NETWORK_NAME, /* one that was created, or the default */
    CLI_COMPLETE_NETWORK_THEN_CONTAINER,
    CLI_COMPLETE_DRIVER,
    CLI_COMPLETE_POD
};

struct cli_flag {
    const char *name;
    char letter; /* or 0 */
    enum cli_kind kind;
    enum cli_complete complete;
    bool hidden;
    size_t offset;
    const char *arg; /* name of the value in --help; NULL: by kind */
    const char *help;
    const char *def;     /* default: applied to BOOL, INT, UINT, DURATION and STRING, shown for all */
    const char *choices; /* "a|b|c": nothing else is accepted (CLI_STRING) */
    const char *missing; /* known, but what it needs is not built yet: using it is ERR_UNSUPPORTED with this text */
    struct err *(*set)(void *opts, const struct cli_flag *f, const char *value);
};

/* By name or letter; NULL when it isn't there. `table` may be NULL. */
const struct cli_flag *cli_flag_find(const struct cli_flag *table, const char *name, size_t len);
const struct cli_flag *cli_flag_find_letter(const struct cli_flag *table, char letter);
bool cli_flag_is_bool(const struct cli_flag *f);
/* What --help shows behind the name: "string", "strings" …; "" for booleans. */
const char *cli_flag_arg(const struct cli_flag *f);

/* Defaults of a table into zeroed options. */
struct err *cli_flag_defaults(const struct cli_flag *table, void *opts) ERR_RESULT;
/* One value. ERR_INVALID `invalid argument "x" for "-n, --last" flag: …` as pflag says it. */
struct err *cli_flag_apply(const struct cli_flag *f, void *opts, const char *value) ERR_RESULT;
/* Free the lists. */
void cli_flag_done(const struct cli_flag *table, void *opts);
/* Split a value at commas, with CSV quoting; `fn` gets each part. */
struct strv;
struct err *cli_flag_split_csv(const char *value, struct strv *ret) ERR_RESULT;
