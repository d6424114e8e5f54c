/* pull. */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "cli/choose.h"
#include "cli/progress.h"
#include "cli/registry_flags.h"
#include "cli/transport.h"
#include "cli/verbs.h"
#include "engine/image/image.h"

struct pull_opts {
    struct registry_flags registry; /* first: more_flags */
    bool all_tags, quiet, no_trust;
    const char *arch, *os, *variant, *platform, *policy, *signature_policy;
};
#define O(field) offsetof(struct pull_opts, field)

static const struct cli_flag pull_flags[] = {
    {"all-tags", 'a', CLI_BOOL, .offset = O(all_tags), .help = "All tagged images in the repository will be pulled"},
    {"arch", 0, CLI_STRING, .offset = O(arch),
     .help = "Use ARCH instead of the architecture of the machine for choosing images"},
    {"decryption-key", 0, CLI_ARRAY, .missing = "encrypted images are not built yet",
     .help = "Key needed to decrypt the image"},
    {"disable-content-trust", 0, CLI_BOOL, .hidden = true, .offset = O(no_trust),
     .help = "For compatibility with Docker, whose content trust does not exist here"},
    {"os", 0, CLI_STRING, .offset = O(os), .help = "Use OS instead of the running OS for choosing images"},
    {"platform", 0, CLI_STRING, .offset = O(platform),
     .help = "Specify the platform for selecting the image (OS/ARCH[/VARIANT])"},
    {"policy", 0, CLI_STRING, .offset = O(policy), .def = "always", .choices = "always|missing|never|newer",
     .help = "Pull image policy (\"always\"|\"missing\"|\"never\"|\"newer\")"},
    {"quiet", 'q', CLI_BOOL, .offset = O(quiet), .help = "Suppress output information when pulling images"},
    {"signature-policy", 0, CLI_STRING, CLI_COMPLETE_FILE, .hidden = true, .offset = O(signature_policy)},
    {"variant", 0, CLI_STRING, .offset = O(variant), .help = "Use VARIANT instead of the running architecture variant"},
    {0},
};

static struct err *take_platform(const struct pull_opts *o, struct image_platform *ret)
{
    if (o->platform && (o->arch || o->os || o->variant))
        return ERR_NEW(ERR_INVALID, "--platform option can not be specified with --arch, --os or --variant");
    if (o->platform)
        return image_platform_parse(o->platform, ret);
    TRY(mem_strdup(o->os, &ret->os));
    TRY(mem_strdup(o->arch, &ret->arch));
    return mem_strdup(o->variant, &ret->variant);
}

static struct err *pull_all(struct cli *c, const struct pull_opts *o, const struct image_platform *platform)
{
    struct registry_opts registry;
    struct cli_errors errors = {0};
    struct engine *e;
    TRY(registry_flags_take(c, &o->registry, &registry));
    TRY(cli_engine(c, &e));
    const struct image_pull_opts pull = {
        .registry = &registry,
        .platform = platform,
        .policy = o->policy,
        .signature_policy = o->signature_policy,
        .all_tags = o->all_tags,
        .choose = choose_function(),
        .progress = o->quiet ? NULL : registry_flags_progress,
        .bars = o->quiet ? NULL : progress_bars(),
    };
    const struct transport_opts other = {
        .platform = platform, .signature_policy = o->signature_policy, .quiet = o->quiet};
    for (size_t i = 0; i < c->n_args; i++) {
        AUTO_STRV struct strv ids = STRV_INIT;
        AUTO_TRANSPORT struct transport from = {0};
        struct err *err = transport_parse(c->args[i], &from);
        if (!err && from.kind == TRANSPORT_DOCKER)
            err = image_pull(e, c->args[i], &pull, &ids);
        else if (!err)
            err = transport_pull(e, &from, &other, &ids);
        for (size_t k = 0; k < ids.count && !err; k++)
            err = cli_printf(c, "%s\n", ids.items[k]);
        cli_errors_add(&errors, err);
    }
    return cli_errors_finish(&errors);
}

static struct err *pull_verb(struct cli *c, void *opts, int *exit_code)
{
    struct image_platform platform = {0};
    (void)exit_code;
    struct err *err = take_platform(opts, &platform);
    if (!err)
        err = pull_all(c, opts, &platform);
    image_platform_done(&platform);
    return err;
}

const struct cli_verb cli_verb_pull = {
    .paths = "pull|image pull",
    .synopsis = "[options] IMAGE [IMAGE...]",
    .summary = "Pull an image from a registry",
    .description =
        "Pulls an image from a registry and stores it locally.\n\nAn image can be pulled by tag or digest. If "
        "a tag is not specified, the image with the 'latest' tag is pulled. What was interrupted goes on "
        "where it was.",
    .examples = "@ imageName\n@ fedora:latest\n@ --platform linux/arm64 alpine\n@ docker-archive:image.tar",
    .flags = pull_flags,
    .more_flags = cli_registry_flags,
    .opts_size = sizeof(struct pull_opts),
    .min_args = 1,
    .max_args = -1,
    .complete = CLI_COMPLETE_IMAGE,
    .run = pull_verb,
};
