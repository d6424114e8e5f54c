/* manifest: inspect, exists, push, rm. What changes lists is in manifest_add.c. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/progress.h"
#include "cli/push_flags.h"
#include "cli/registry_flags.h"
#include "cli/signing.h"
#include "cli/transport.h"
#include "cli/verbs.h"
#include "engine/image/index.h"
#include "engine/image/push.h"

const struct cli_verb cli_verb_manifest = {
    .paths = "manifest",
    .summary = "Manipulate manifest lists and image indexes",
    .description = "Creates, modifies, and pushes manifest lists and image indexes.",
    .traits = CLI_GROUP,
};

/* --- inspect */

struct inspect_opts {
    struct registry_flags registry; /* first: more_flags */
    bool insecure, verbose;
};
#define O(field) offsetof(struct inspect_opts, field)

static const struct cli_flag inspect_flags[] = {
    {"insecure", 0, CLI_BOOL, .hidden = true, .offset = O(insecure),
     .help = "neither require HTTPS nor verify certificates when accessing the registry"},
    {"verbose", 'v', CLI_BOOL, .hidden = true, .offset = O(verbose),
     .help = "For compatibility with Docker; the whole list is shown anyway"},
    {0},
};

/* Where the host lets nobody have a store there are no lists of one's own: what is meant is in a registry. */
static struct err *inspect_without_engine(struct cli *c, struct err *take_why, const struct registry_opts *registry,
                                          char **ret_text)
{
    AUTO_ERR struct err *why = take_why;
    AUTO_FREE char *notice = NULL;
    bool refused = err_kind(why) == ERR_DENIED || err_kind(why) == ERR_UNSUPPORTED || err_kind(why) == ERR_NO_SPACE;
    if (!refused || strncmp(c->args[0], "localhost/", strlen("localhost/")) == 0)
        return TAKE_PTR(why);
    log_debug("%s", err_text(why));
    TRY(index_inspect_remote(c->args[0], registry, ret_text, &notice));
    if (notice)
        cli_warn("%s", notice);
    return NULL;
}

static struct err *inspect_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct inspect_opts *o = opts;
    struct registry_opts registry;
    AUTO_FREE char *text = NULL;
    struct engine *e;
    (void)exit_code;
    TRY(registry_flags_take(c, &o->registry, &registry));
    TRY(registry_flags_insecure(c, o->insecure, &registry));
    struct err *why = cli_engine(c, &e);
    TRY(why ? inspect_without_engine(c, why, &registry, &text) : index_inspect(e, c->args[0], &registry, &text));
    cli_show_notices(c);
    return cli_printf(c, "%s\n", text);
}

const struct cli_verb cli_verb_manifest_inspect = {
    .paths = "manifest inspect",
    .synopsis = "[options] IMAGE",
    .summary = "Display the contents of a manifest list or image index",
    .description =
        "Display the contents of a manifest list or image index, of one in local storage or else of one in a "
        "registry.",
    .examples = "@ localhost/list",
    .flags = inspect_flags,
    .more_flags = cli_registry_flags,
    .opts_size = sizeof(struct inspect_opts),
    .min_args = 1,
    .max_args = 1,
    .complete = CLI_COMPLETE_IMAGE,
    .run = inspect_verb,
};

/* --- exists */

static struct err *exists_verb(struct cli *c, void *opts, int *exit_code)
{
    struct engine *e;
    AUTO_FREE char *id = NULL;
    (void)opts;
    TRY(cli_engine(c, &e));
    struct err *err = index_find(e, c->args[0], &id);
    return cli_exists(err, exit_code);
}

const struct cli_verb cli_verb_manifest_exists = {
    .paths = "manifest exists",
    .synopsis = "MANIFEST",
    .summary = "Check if a manifest list exists in local storage",
    .description = "If the manifest list exists in local storage, " CLI_PROGRAM
                   " manifest exists exits with 0, otherwise the exit code will be 1.",
    .examples = "@ mylist",
    .opts_size = 1,
    .min_args = 1,
    .max_args = 1,
    .complete = CLI_COMPLETE_IMAGE,
    .run = exists_verb,
};

/* --- rm */

struct rm_opts {
    bool ignore;
};

static const struct cli_flag rm_flags[] = {
    {"ignore", 'i', CLI_BOOL, .offset = offsetof(struct rm_opts, ignore),
     .help = "Ignore errors when a specified manifest is missing"},
    {0},
};

static struct err *rm_one(struct cli *c, const char *name, struct strv *untagged, struct strv *deleted)
{
    const struct image_remove_opts opts = {.no_prune = true};
    AUTO_FREE char *id = NULL;
    TRY(index_find(c->engine, name, &id));
    return image_remove(c->engine, name, &opts, untagged, deleted);
}

/* First all "Untagged", then all "Deleted", as Podman; several errors are one list. */
static struct err *rm_all(struct cli *c, bool ignore, int *exit_code)
{
    AUTO_STRV struct strv untagged = STRV_INIT, deleted = STRV_INIT, problems = STRV_INIT;
    struct err *last = NULL;
    for (size_t i = 0; i < c->n_args; i++) {
        struct err *err = rm_one(c, c->args[i], &untagged, &deleted);
        if (err && ignore && err_kind(err) == ERR_NOT_FOUND)
            err_freep(&err);
        if (!err)
            continue;
        *exit_code = err_kind(err) == ERR_NOT_FOUND && *exit_code != 125 ? 1 : 125;
        struct err *kept = strv_add(&problems, err_text(err));
        err_free(last);
        last = err;
        if (kept) {
            err_free(last);
            return kept;
        }
    }
    AUTO_ERR struct err *single = last;
    for (size_t i = 0; i < untagged.count; i++)
        TRY(cli_printf(c, "Untagged: %s\n", untagged.items[i]));
    for (size_t i = 0; i < deleted.count; i++)
        TRY(cli_printf(c, "Deleted: %s\n", deleted.items[i]));
    if (problems.count < 2)
        return TAKE_PTR(single);
    TRY(cli_flush(c));
    cli_warn("Error: %zu errors occurred:", problems.count);
    for (size_t i = 0; i < problems.count; i++)
        cli_warn("\t* %s", problems.items[i]);
    return NULL;
}

static struct err *rm_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct rm_opts *o = opts;
    struct engine *e;
    TRY(cli_engine(c, &e));
    return rm_all(c, o->ignore, exit_code);
}

const struct cli_verb cli_verb_manifest_rm = {
    .paths = "manifest rm",
    .synopsis = "[options] LIST [LIST...]",
    .summary = "Remove manifest list or image index from local storage",
    .description = "Remove manifest list or image index from local storage. Its images stay.",
    .examples = "@ mylist:v1.11",
    .flags = rm_flags,
    .opts_size = sizeof(struct rm_opts),
    .min_args = 1,
    .max_args = -1,
    .complete = CLI_COMPLETE_IMAGE,
    .run = rm_verb,
};

/* --- push */

struct push_opts {
    struct registry_flags registry; /* first: more_flags */
    struct signing_flags signing;
    struct push_flags how;
    bool rm, purge, insecure;
    const char *digestfile;
    struct strv add_compressions;
};
#undef O
#define O(field) offsetof(struct push_opts, field)

static const struct cli_flag push_flags[] = {
    {"add-compression", 0, CLI_STRINGS, .offset = O(add_compressions),
     .help = "add instances with selected compression while pushing"},
    {"all", 0, CLI_BOOL, .offset = O(how.all), .def = "true", .help = "also push the images in the list"},
    {"compression-format", 0, CLI_STRING, .offset = O(how.compression), .help = "compression format to use"},
    {"compression-level", 0, CLI_INT, .offset = O(how.level), .help = "compression level to use"},
    {"digestfile", 0, CLI_STRING, CLI_COMPLETE_FILE, .offset = O(digestfile),
     .help = "after copying the image, write the digest of the resulting digest to the file"},
    {"force-compression", 0, CLI_BOOL, .offset = O(how.force_compression),
     .help =
         "Use the specified compression algorithm even if the destination contains a differently-compressed variant "
         "already"},
    {"format", 'f', CLI_STRING, .offset = O(how.format),
     .help =
         "manifest type (oci or v2s2) to attempt to use when pushing the manifest list (default is manifest type of "
         "source)"},
    {"insecure", 0, CLI_BOOL, .hidden = true, .offset = O(insecure),
     .help = "neither require HTTPS nor verify certificates when accessing the registry"},
    {"purge", 'p', CLI_BOOL, .hidden = true, .offset = O(purge), .help = "remove the local manifest list after push"},
    {"quiet", 'q', CLI_BOOL, .offset = O(how.quiet), .help = "don't output progress information when pushing lists"},
    {"remove-signatures", 0, CLI_BOOL, .offset = O(signing.remove),
     .help = "don't copy signatures when pushing images"},
    {"rm", 0, CLI_BOOL, .offset = O(rm), .help = "remove the manifest list if push succeeds"},
    SIGNING_FLAGS(O(signing)),
    {0},
};

/* Lists are for registries and for files, but not for our own store, where this one is. */
static struct err *check_destination(const struct transport *to, const char *text)
{
    if (to->kind == TRANSPORT_DOCKER || to->kind == TRANSPORT_FILE)
        return NULL;
    return ERR_NEW(ERR_UNSUPPORTED, "%s: a manifest list cannot be pushed to %s", text, to->name);
}

static struct err *push(struct cli *c, const struct push_opts *o, struct image_push_opts *push)
{
    AUTO_TRANSPORT struct transport to = {0};
    AUTO_FREE char *id = NULL, *digest = NULL;
    AUTO_STRV struct strv untagged = STRV_INIT, deleted = STRV_INIT;
    const struct image_remove_opts remove = {.no_prune = true, .all_names = true};
    const char *text = c->args[c->n_args > 1];
    TRY(transport_parse(text, &to));
    TRY(check_destination(&to, text));
    const struct image_push_files files = transport_files(&to, text);
    push->files = to.kind == TRANSPORT_FILE ? &files : NULL;
    push->bars = o->how.quiet || push->files ? NULL : progress_bars();
    TRY(index_push(c->engine, c->args[0], to.path, push, &digest));
    TRY(registry_flags_digestfile(o->digestfile, digest));
    if (!o->rm && !o->purge)
        return NULL;
    TRY(index_find(c->engine, c->args[0], &id));
    return ERR_WRAP(image_remove(c->engine, id, &remove, &untagged, &deleted), "removing manifest after push");
}

static struct err *push_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct push_opts *o = opts;
    struct registry_opts registry;
    AUTO_SIGNING struct signing signing = {.passphrase = NULL};
    struct engine *e;
    (void)exit_code;
    TRY(registry_flags_take(c, &o->registry, &registry));
    TRY(registry_flags_insecure(c, o->insecure, &registry));
    TRY(signing_take(&o->signing, &signing));
    TRY(cli_engine(c, &e));
    struct image_push_opts options = push_options(c, &o->how);
    options.registry = &registry;
    options.signing = &signing.image;
    options.add_compressions = o->add_compressions;
    return push(c, o, &options);
}

const struct cli_verb cli_verb_manifest_push = {
    .paths = "manifest push",
    .synopsis = "[options] LIST [DESTINATION]",
    .summary = "Push a manifest list or image index to a registry",
    .description = "Pushes manifest lists and image indexes to registries, OCI layouts (oci:, oci-archive:) and "
                   "directories (dir:).",
    .examples = "@ mylist:v1.11 docker://quay.io/myuser/image:v1.11\n@ --all mylist oci-archive:image.tar:v1.11",
    .flags = push_flags,
    .more_flags = cli_registry_flags,
    .opts_size = sizeof(struct push_opts),
    .min_args = 1,
    .max_args = 2,
    .complete = CLI_COMPLETE_IMAGE,
    .complete_args = 1,
    .run = push_verb,
};
