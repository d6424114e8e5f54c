/* The near name for a mistyped one. Pure. */
#pragma once

#include <stddef.h>

#include "cli/verb.h"

/* Edit distance (insert, delete, replace; neighbours swapped count as one), capped at `max` + 1. Names longer than 63
 * bytes are never near. */
size_t suggest_distance(const char *a, const char *b, size_t max);
/* Flag of either table nearest to `name`, or NULL when none is near. */
const struct cli_flag *suggest_flag(const struct cli_flag *const *tables, size_t n_tables, const char *name);
/* Verbs below `group` that are near, start with `word` or hold it, one a line with a tab before each, appended to
 * `out`. */
struct err *suggest_verbs(const char *group, const char *word, struct strbuf *out) ERR_RESULT;
