/* Commands of Podman's that are not here: no mistakes of the user, so they are told from words that nobody knows. */
#pragma once

#include <stdbool.h>

/* Is `word` behind `group` ("" at the top) such a command? *ret_why: why it will never be, or NULL: it is not built
 * yet. A verb that is in the table is found before. */
bool absent_verb(const char *group, const char *word, const char **ret_why);
