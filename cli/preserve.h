/* --preserve-fds and --preserve-fd, which run, create and exec share. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"

/* How many descriptors from 3 on are meant; with `only` (numbers) the last of them is named there. Each one that is to
 * be passed must be open: nothing of ours is open yet. ERR_INVALID in Podman's words. */
struct err *preserve_count(uint64_t fds, const struct strv *only, uint32_t *ret) ERR_RESULT;
