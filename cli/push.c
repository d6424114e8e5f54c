/* push. */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "cli/progress.h"
#include "cli/registry_flags.h"
#include "cli/signing.h"
#include "cli/verbs.h"
#include "engine/image/image.h"
#include "engine/image/push.h"

struct push_opts {
    struct registry_flags registry; /* first: more_flags */
    struct signing_flags signing;
    bool all, quiet, no_trust, force_compression;
    const char *digestfile, *format, *compression;
    int64_t level;
};
#define O(field) offsetof(struct push_opts, field)

static const struct cli_flag push_flags[] = {
    {"all", 0, CLI_BOOL, .offset = O(all), .def = "true", .help = "Also push the images in a manifest list"},
    {"compress", 0, CLI_BOOL, .hidden = true,
     .missing = "pushing to directories is not built yet; `save` has --compress"},
    {"compression-format", 0, CLI_STRING, .offset = O(compression),
     .help = "Compression format to use (gzip or zstd; default: as the layers are)"},
    {"compression-level", 0, CLI_INT, .offset = O(level),
     .help = "Compression level to use (gzip: 1 to 9, zstd: 1 to 19; default: the format's)"},
    {"digestfile", 0, CLI_STRING, CLI_COMPLETE_FILE, .offset = O(digestfile),
     .help = "Write the digest of the pushed image to the specified file"},
    {"disable-content-trust", 0, CLI_BOOL, .hidden = true, .offset = O(no_trust),
     .help = "For compatibility with Docker, whose content trust does not exist here"},
    {"encryption-key", 0, CLI_ARRAY, .hidden = true, .missing = "encrypted images are not built yet"},
    {"force-compression", 0, CLI_BOOL, .offset = O(force_compression),
     .help = "Use the compression format even where the destination has a layer in another one (default: true with "
             "--compression-format)"},
    {"format", 'f', CLI_STRING, .offset = O(format),
     .help = "Manifest type (oci or v2s2) to use in the destination (default is manifest type of source)"},
    {"quiet", 'q', CLI_BOOL, .offset = O(quiet), .help = "Suppress output information when pushing images"},
    {"remove-signatures", 0, CLI_BOOL, .offset = O(signing.remove),
     .help = "Discard any pre-existing signatures in the image"},
    SIGNING_FLAGS(O(signing)),
    {0},
};

/* "docker://name" without its scheme. Other transports are `save`'s. */
static struct err *check_destination(const char *name, const char **ret)
{
    static const char *const others[] = {
        "docker-archive:", "oci-archive:", "oci:", "dir:", "docker-daemon:", "containers-storage:"};
    if (name && strncmp(name, "docker://", 9) == 0)
        name += 9;
    for (size_t i = 0; name && i < ARRAY_LEN(others); i++)
        if (strncmp(name, others[i], strlen(others[i])) == 0)
            return ERR_NEW(ERR_UNSUPPORTED, "push to %s is not built yet; `save` writes archives and directories",
                           others[i]);
    *ret = name;
    return NULL;
}

static struct err *push_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct push_opts *o = opts;
    struct registry_opts registry;
    const char *destination = NULL;
    AUTO_FREE char *digest = NULL;
    AUTO_SIGNING struct signing signing = {.passphrase = NULL};
    struct engine *e;
    (void)exit_code;
    TRY(check_destination(c->n_args > 1 ? c->args[1] : NULL, &destination));
    TRY(registry_flags_take(c, &o->registry, &registry));
    TRY(signing_take(&o->signing, &signing));
    TRY(cli_engine(c, &e));
    struct image_push_opts push = {
        .registry = &registry,
        .signing = &signing.image,
        .format = o->format,
        .compression = o->compression,
        .level = o->level,
        .keep_differing = cli_given(c, "force-compression") && !o->force_compression,
        .list_alone = !o->all,
        .progress = o->quiet ? NULL : registry_flags_progress,
        .bars = o->quiet ? NULL : progress_bars(),
    };
    if (o->force_compression && !push.compression)
        push.compression = "gzip"; /* the default of what compresses */
    TRY(image_push(e, c->args[0], destination, &push, &digest));
    return registry_flags_digestfile(o->digestfile, digest);
}

const struct cli_verb cli_verb_push = {
    .paths = "push|image push",
    .synopsis = "[options] IMAGE [DESTINATION]",
    .summary = "Push an image to a specified destination",
    .description = "Pushes a source image to a specified destination. Manifest and layers go out as they are, so that "
                   "an image that was pulled keeps its digests, unless another format or compression is asked for. "
                   "Layers of images that were loaded or imported without a manifest are compressed with gzip.",
    .examples = "@ imageID docker://registry.example.com/repository:tag\n@ registry.example.com/repository:tag\n"
                "@ --format oci --compression-format zstd imageID registry.example.com/repository:zstd",
    .flags = push_flags,
    .more_flags = cli_registry_flags,
    .opts_size = sizeof(struct push_opts),
    .min_args = 1,
    .max_args = 2,
    .complete = CLI_COMPLETE_IMAGE,
    .complete_args = 1,
    .run = push_verb,
};
