/* Verbs: the table that the command line is made of. Parsing, --help, manual pages and completion read it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cli/flag.h"

struct cli;
struct strbuf;

enum {
    CLI_HIDDEN = 1 << 0,    /* not in listings */
    CLI_GROUP = 1 << 1,     /* has verbs below it and does nothing alone */
    CLI_ARGS_LAST = 1 << 2, /* everything behind the first argument is an argument */
    CLI_RAW = 1 << 3,       /* flags are not parsed at all */
};

struct cli_verb {
    /* Every way to say it, "|" between places and "," between names in one place: "ps|container list,ls". */
    const char *paths;
    const char *synopsis;              /* "[options] CONTAINER [CONTAINER...]" */
    const char *summary;               /* one line */
    const char *description;           /* NULL: the summary */
    const char *examples;              /* lines; "@" stands for "coracle VERB" */
    const struct cli_flag *flags;      /* or NULL */
    const struct cli_flag *more_flags; /* a table shared with other verbs, or NULL */
    size_t opts_size;
    struct err *(*init)(void *opts); /* before defaults and flags, or NULL */
    void (*done)(void *opts);        /* or NULL */
    int min_args, max_args;          /* max -1: any number */
    unsigned traits;
    enum cli_complete complete; /* arguments … */
    int complete_args;          /* … how many of them; 0: all */
    /* *exit_code is 0 at the start. Arguments are in cli->args. */
    struct err *(*run)(struct cli *c, void *opts, int *exit_code);
};

/* All verbs, NULL at the end; in the order of listings. */
extern const struct cli_verb *const cli_verbs[];
/* Flags before and behind every verb; `opts` is struct cli_globals. */
extern const struct cli_flag cli_global_flags[];

/* The verb named `path` exactly ("container ls"), or NULL. *ret_alias tells whether it is a second name in its place.
 */
const struct cli_verb *cli_verb_find(const char *path, size_t len, bool *ret_alias);

/* Iterate over the names in `paths`: each call gives the next full path in `buf` and whether it is an alias of the one
 * before in the same place. */
struct cli_verb_names {
    const char *next;
    const char *group; /* start of the current place and … */
    size_t group_len;  /* … length of what comes before its last word, with the space */
    bool alias;
    char path[64];
};
void cli_verb_names_start(struct cli_verb_names *it, const struct cli_verb *v);
bool cli_verb_names_next(struct cli_verb_names *it);

/* Verbs directly below `group` ("" for the top), as full paths, aliases left out. `fn` returns an error to stop. */
struct err *cli_verb_each_below(const char *group,
                                struct err *(*fn)(const struct cli_verb *v, const char *path, void *arg),
                                void *arg) ERR_RESULT;
