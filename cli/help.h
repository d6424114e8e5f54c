/* --help, laid out as Podman's. Pure. */
#pragma once

#include "base/strbuf.h"
#include "cli/verb.h"

#define HELP_FLAGS_MAX 256
/* Flags of a verb that are shown, by name. */
struct help_flags {
    const struct cli_flag *items[HELP_FLAGS_MAX];
    size_t count;
};
void help_flags_collect(struct help_flags *list, const struct cli_flag *table, const struct cli_flag *more);

/* `v` NULL: the program itself. `path` is how the verb was called. */
struct err *help_render(const struct cli_verb *v, const char *path, struct strbuf *out) ERR_RESULT;
/* Examples with "@" filled in, each line behind `indent`. */
struct err *help_examples(const struct cli_verb *v, const char *path, const char *indent,
                          struct strbuf *out) ERR_RESULT;
/* Default as shown: `(default "x")`; nothing for none. */
struct err *help_default(const struct cli_flag *f, struct strbuf *out) ERR_RESULT;
/* " (not built yet)" or " (not supported)" for a flag whose feature is missing. */
struct err *help_missing(const struct cli_flag *f, struct strbuf *out) ERR_RESULT;
