/* push. */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "cli/progress.h"
#include "cli/push_flags.h"
#include "cli/registry_flags.h"
#include "cli/signing.h"
#include "cli/transport.h"
#include "cli/verbs.h"
#include "engine/image/image.h"
#include "engine/image/push.h"

struct push_opts {
    struct registry_flags registry; /* first: more_flags */
    struct signing_flags signing;
    struct push_flags how;
    bool compress, no_trust;
    const char *digestfile;
};
#define O(field) offsetof(struct push_opts, field)

static const struct cli_flag push_flags[] = {
    {"all", 0, CLI_BOOL, .offset = O(how.all), .def = "true", .help = "Also push the images in a manifest list"},
    {"compress", 0, CLI_BOOL, .offset = O(compress),
     .help = "Compress tarball image layers when pushing to a directory using the 'dir' transport"},
    {"compression-format", 0, CLI_STRING, .offset = O(how.compression),
     .help = "Compression format to use (gzip or zstd; default: as the layers are)"},
    {"compression-level", 0, CLI_INT, .offset = O(how.level),
     .help = "Compression level to use (gzip: 1 to 9, zstd: 1 to 19; default: the format's)"},
    {"digestfile", 0, CLI_STRING, CLI_COMPLETE_FILE, .offset = O(digestfile),
     .help = "Write the digest of the pushed image to the specified file"},
    {"disable-content-trust", 0, CLI_BOOL, .hidden = true, .offset = O(no_trust),
     .help = "For compatibility with Docker, whose content trust does not exist here"},
    {"encrypt-layer", 0, CLI_ARRAY, .hidden = true, .missing = "encrypted images are not built yet"},
    {"encryption-key", 0, CLI_ARRAY, .hidden = true, .missing = "encrypted images are not built yet"},
    {"force-compression", 0, CLI_BOOL, .offset = O(how.force_compression),
     .help = "Use the compression format even where the destination has a layer in another one (default: true with "
             "--compression-format)"},
    {"format", 'f', CLI_STRING, .offset = O(how.format),
     .help = "Manifest type (oci or v2s2) to use in the destination (default is manifest type of source)"},
    {"quiet", 'q', CLI_BOOL, .offset = O(how.quiet), .help = "Suppress output information when pushing images"},
    {"remove-signatures", 0, CLI_BOOL, .offset = O(signing.remove),
     .help = "Discard any pre-existing signatures in the image"},
    SIGNING_FLAGS(O(signing)),
    {0},
};

/* What has no manifest of its own that these could change. */
static struct err *check_other(const struct cli *c, const struct transport *to)
{
    static const char *const flags[] = {
        "format",  "compression-format", "compression-level",           "force-compression", "digestfile",
        "sign-by", "sign-by-sigstore",   "sign-by-sigstore-private-key"};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (cli_given(c, flags[i]))
            return ERR_NEW(ERR_INVALID, "--%s has no meaning for %s, which has no manifest of its own", flags[i],
                           to->name);
    return NULL;
}

static struct err *push_image(struct cli *c, const struct push_opts *o, const struct transport *to,
                              const struct image_push_files *files)
{
    struct registry_opts registry;
    AUTO_FREE char *digest = NULL;
    AUTO_SIGNING struct signing signing = {.passphrase = NULL};
    struct engine *e;
    TRY(registry_flags_take(c, &o->registry, &registry));
    TRY(signing_take(&o->signing, &signing));
    TRY(cli_engine(c, &e));
    struct image_push_opts push = push_options(c, &o->how);
    push.registry = &registry;
    push.signing = &signing.image;
    push.files = files;
    push.bars = o->how.quiet || files ? NULL : progress_bars();
    TRY(image_push(e, c->args[0], c->n_args > 1 ? to->path : NULL, &push, &digest));
    return registry_flags_digestfile(o->digestfile, digest);
}

static struct err *push_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct push_opts *o = opts;
    AUTO_TRANSPORT struct transport to = {0};
    struct engine *e;
    (void)exit_code;
    TRY(transport_parse(c->n_args > 1 ? c->args[1] : "docker://-", &to));
    if (o->compress && (to.kind != TRANSPORT_FILE || to.format != IMAGE_DOCKER_DIR))
        return ERR_NEW(ERR_INVALID, "--compress can be set only when destination type is \"dir\"");
    if (to.kind == TRANSPORT_DOCKER)
        return push_image(c, o, &to, NULL);
    if (to.kind == TRANSPORT_FILE && to.format != IMAGE_DOCKER_ARCHIVE) {
        struct image_push_files files = transport_files(&to, c->args[1]);
        files.compress = o->compress;
        return push_image(c, o, &to, &files);
    }
    TRY(check_other(c, &to));
    TRY(cli_engine(c, &e));
    return transport_push(e, c->args[0], &to, o->how.quiet);
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
