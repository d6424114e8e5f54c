/* Completion of a command line: which candidates fit the last word. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"
#include "cli/cli.h"

/* Where the last word stands. */
struct complete_place {
    const struct cli_verb *verb; /* NULL at the top */
    char path[64];
    bool group;                  /* a verb is expected */
    bool ended;                  /* no flags any more */
    bool unknown;                /* a word before is no verb */
    const struct cli_flag *flag; /* its value is expected, or NULL */
    size_t n_args;               /* before this word */
};
/* Look at the words before the last. Global flags are applied to c->globals. Pure but for that. */
void complete_place(struct cli *c, char *const *words, size_t n, struct complete_place *ret);
/* Lines "candidate<tab>description"; then, where files fit, the line ":file" or ":dir". */
struct err *complete_word(struct cli *c, const struct complete_place *place, const char *word,
                          struct strbuf *out) ERR_RESULT;
