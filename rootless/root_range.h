/* The ids that root's session uses. Root of the host must not be root in its containers, so no host id 0 is mapped. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "userns/subid.h"

/* What the first session of this data directory chose (recorded in <root>/ids, since everything in the directory is
 * owned by it), else root's subordinate ids, else the first 65536 of the user "containers", else a free range; then
 * recorded. `self`: path of coracle-session. */
struct err *root_range_get(const char *root, const char *self, struct subid_ranges *ret) ERR_RESULT;
/* 65536 ids that meet nothing in `taken`: ERR_NO_SPACE when there are none. Pure. */
struct err *root_range_choose(const struct subid_ranges *taken, uint32_t *ret_start) ERR_RESULT;
