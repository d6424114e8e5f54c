/* Rights of this process. */
#pragma once

#include "base/err.h"

/* Give all capabilities up, for good unless a program with file capabilities is run (no_new_privs forbids that). The
 * bounding set stays. Source: capabilities(7). */
struct err *privileges_drop(void) ERR_RESULT;
