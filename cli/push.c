/* push. */
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/registry_flags.h"
#include "cli/verbs.h"
#include "engine/image/image.h"

#define NO_CONVERSION "pushing in another format than the image has is not built yet"
#define NO_SIGNING "signing is not built yet"

struct push_opts {
    struct registry_flags registry; /* first: more_flags */
    bool quiet, no_trust, remove_signatures;
    const char *digestfile;
};
#define O(field) offsetof(struct push_opts, field)

static const struct cli_flag push_flags[] = {
    {"all", 0, CLI_BOOL, .missing = "lists of manifests are not built yet",
     .help = "Also push all images of a manifest list"},
    {"compress", 0, CLI_BOOL, .hidden = true, .missing = NO_CONVERSION},
    {"compression-format", 0, CLI_STRING, .missing = NO_CONVERSION, .help = "Compression format to use"},
    {"compression-level", 0, CLI_INT, .missing = NO_CONVERSION, .help = "Compression level to use"},
    {"digestfile", 0, CLI_STRING, CLI_COMPLETE_FILE, .offset = O(digestfile),
     .help = "Write the digest of the pushed image to the specified file"},
    {"disable-content-trust", 0, CLI_BOOL, .hidden = true, .offset = O(no_trust),
     .help = "For compatibility with Docker, whose content trust does not exist here"},
    {"encryption-key", 0, CLI_ARRAY, .hidden = true, .missing = "encrypted images are not built yet"},
    {"force-compression", 0, CLI_BOOL, .missing = NO_CONVERSION, .help = "Compress again what has another compression"},
    {"format", 'f', CLI_STRING, .missing = NO_CONVERSION, .help = "Manifest type (oci, v2s2, or v2s1)"},
    {"quiet", 'q', CLI_BOOL, .offset = O(quiet), .help = "Suppress output information when pushing images"},
    {"remove-signatures", 0, CLI_BOOL, .offset = O(remove_signatures),
     .help = "Discard any pre-existing signatures in the image (there never are any)"},
    {"sign-by", 0, CLI_STRING, .missing = NO_SIGNING, .help = "Add a signature at the destination"},
    {"sign-by-sigstore-private-key", 0, CLI_STRING, .missing = NO_SIGNING, .help = "Sign with a sigstore key"},
    {"sign-passphrase-file", 0, CLI_STRING, .hidden = true, .missing = NO_SIGNING},
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
    struct engine *e;
    (void)exit_code;
    TRY(check_destination(c->n_args > 1 ? c->args[1] : NULL, &destination));
    TRY(registry_flags_take(c, &o->registry, &registry));
    TRY(cli_engine(c, &e));
    const struct image_push_opts push = {.registry = &registry, .progress = o->quiet ? NULL : registry_flags_progress};
    TRY(image_push(e, c->args[0], destination, &push, &digest));
    if (o->digestfile)
        TRY_WRAP(file_write_atomic(AT_FDCWD, o->digestfile, digest, strlen(digest), 0644, FILE_NOSYNC), "write %s",
                 o->digestfile);
    return NULL;
}

const struct cli_verb cli_verb_push = {
    .paths = "push|image push",
    .synopsis = "[options] IMAGE [DESTINATION]",
    .summary = "Push an image to a specified destination",
    .description = "Pushes a source image to a specified destination. Manifest and layers go out as they are, so that "
                   "an image that was pulled keeps its digests.",
    .examples = "@ imageID docker://registry.example.com/repository:tag\n@ registry.example.com/repository:tag",
    .flags = push_flags,
    .more_flags = cli_registry_flags,
    .opts_size = sizeof(struct push_opts),
    .min_args = 1,
    .max_args = 2,
    .complete = CLI_COMPLETE_IMAGE,
    .complete_args = 1,
    .run = push_verb,
};
