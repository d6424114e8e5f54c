/* What push and manifest push have in common: how documents and layers go out. The tables of flags stay with the verbs,
 * since Podman words them differently. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "engine/image/push.h"

struct push_flags {
    bool all, quiet, force_compression;
    const char *format, *compression;
    int64_t level;
};
/* The engine's options, without registry, signatures and bars. Strings are borrowed. */
struct image_push_opts push_options(const struct cli *c, const struct push_flags *f);
