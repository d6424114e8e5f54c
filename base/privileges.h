/* Rights of this process. */
#pragma once

#include <stddef.h>

#include "base/err.h"

/* Give all capabilities up, for good unless a program with file capabilities is run (no_new_privs forbids that). The
 * bounding set stays. Source: capabilities(7). */
struct err *privileges_drop(void) ERR_RESULT;
/* No new privileges, no core dumps, and no look at this process from outside (PR_SET_DUMPABLE). */
struct err *privileges_seal(void) ERR_RESULT;
/* The same as privileges_drop(), but for these (CAP_… of linux/capability.h, below 32), as far as they were there. */
struct err *privileges_keep(const unsigned *caps, size_t n) ERR_RESULT;
