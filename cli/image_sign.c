/* image sign. */
#include <stddef.h>

#include "base/mem.h"
#include "cli/registry_flags.h"
#include "cli/signing.h"
#include "cli/verbs.h"
#include "engine/image/image.h"
#include "engine/trust/trust.h"

struct sign_opts {
    struct registry_flags registry; /* first: more_flags */
    bool all;
    const char *directory, *sign_by;
};
#define O(field) offsetof(struct sign_opts, field)

static const struct cli_flag sign_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Sign all the manifests of the multi-architecture image"},
    {"directory", 'd', CLI_STRING, CLI_COMPLETE_DIR, .offset = O(directory),
     .help = "Define an alternate directory to store signatures"},
    {"sign-by", 0, CLI_STRING, .offset = O(sign_by), .help = "Name of the signing key"},
    {0},
};

/* No session: the keyring is the user's, and nothing of the store is needed. */
static struct err *sign_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct sign_opts *o = opts;
    struct registry_opts registry;
    AUTO_TRUST struct trust *signer = NULL;
    (void)exit_code;
    if (!o->sign_by || !o->sign_by[0])
        return ERR_NEW(ERR_INVALID, "please provide an identity");
    TRY(registry_flags_take(c, &o->registry, &registry));
    TRY(signing_start_gpg(&signer));
    const struct image_sign_opts sign = {
        .registry = &registry, .key = o->sign_by, .gpg_signer = signer, .directory = o->directory, .all = o->all};
    for (size_t i = 0; i < c->n_args; i++)
        TRY(image_sign(c->args[i], &sign));
    return NULL;
}

const struct cli_verb cli_verb_image_sign = {
    .paths = "image sign",
    .synopsis = "[options] IMAGE [IMAGE...]",
    .summary = "Sign an image",
    .description = "Create a signature file that can be used later to verify the image. The image is one in a registry "
                   "(docker://…); where the file goes is said by registries.d.",
    .examples = "@ --sign-by mykey docker://registry.example.com/app:1\n"
                "@ --sign-by mykey --directory ./mykeydir docker://registry.example.com/app:1",
    .flags = sign_flags,
    .more_flags = cli_registry_login_flags,
    .opts_size = sizeof(struct sign_opts),
    .min_args = 1,
    .max_args = -1,
    .run = sign_verb,
};
