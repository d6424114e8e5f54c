#include "cli/push_flags.h"

#include "cli/registry_flags.h"

struct image_push_opts push_options(const struct cli *c, const struct push_flags *f)
{
    const char *forced = f->force_compression ? "gzip" : NULL; /* the default of what compresses */
    return (struct image_push_opts){
        .format = f->format,
        .compression = f->compression ? f->compression : forced,
        .level = f->level,
        .keep_differing = cli_given(c, "force-compression") && !f->force_compression,
        .list_alone = !f->all,
        .progress = f->quiet ? NULL : registry_flags_progress,
    };
}
