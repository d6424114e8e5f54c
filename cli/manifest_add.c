/* manifest: create, add, annotate, remove. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/registry_flags.h"
#include "cli/transport.h"
#include "cli/verbs.h"
#include "engine/image/index.h"
#include "engine/image/platform.h"

#define INSECURE_FLAG                                                                                                \
    {                                                                                                                \
        "insecure", 0, CLI_BOOL, .hidden = true, .offset = O(insecure),                                              \
                                 .help = "neither require HTTPS nor verify certificates when accessing the registry" \
    }

/* What is in files comes into our own store first, without its names: lists know their images by digests. An index in
 * there has the image for the platform that was named, or else, when that is only to be written down, this machine's.
 */
static struct err *take_file(struct engine *e, const struct transport *from, const struct image_platform *named,
                             bool all, struct strv *ret)
{
    AUTO_STRV struct strv ids = STRV_INIT;
    static const struct image_platform none = {0};
    struct transport_opts opts = {
        .platform = all ? &none : named, .quiet = true, .unnamed = true, .all_platforms = all};
    struct err *err = transport_pull(e, from, &opts, &ids);
    if (err && err_kind(err) == ERR_NOT_FOUND && (named->os || named->arch)) {
        err_drop(err);
        opts.platform = &none;
        err = transport_pull(e, from, &opts, &ids);
    }
    TRY(err);
    for (size_t i = 0; i < ids.count; i++)
        TRY(strv_addf(ret, "containers-storage:%s", ids.items[i]));
    return NULL;
}

/* Images of the command line, behind the list. */
static struct err *rest(const struct cli *c, const struct image_platform *named, bool all, struct strv *ret)
{
    for (size_t i = 1; i < c->n_args; i++) {
        AUTO_TRANSPORT struct transport from = {0};
        TRY(transport_parse(c->args[i], &from));
        if (from.kind == TRANSPORT_FILE || from.kind == TRANSPORT_DAEMON)
            TRY(take_file(c->engine, &from, named, all, ret));
        else
            TRY(strv_add(ret, c->args[i]));
    }
    return NULL;
}

/* --- create */

struct create_opts {
    struct registry_flags registry; /* first: more_flags */
    bool all, amend, insecure;
    struct strv annotations;
};
#define O(field) offsetof(struct create_opts, field)

static const struct cli_flag create_flags[] = {
    {"all", 0, CLI_BOOL, .offset = O(all), .help = "add all of the lists' images if the images to add are lists"},
    {"amend", 'a', CLI_BOOL, .offset = O(amend),
     .help = "modify an existing list if one with the desired name already exists"},
    {"annotation", 0, CLI_ARRAY, .offset = O(annotations), .help = "set annotations on the new list"},
    INSECURE_FLAG,
    {0},
};

static struct err *create_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct create_opts *o = opts;
    static const struct image_platform any = {0};
    struct registry_opts registry;
    AUTO_STRV struct strv images = STRV_INIT;
    AUTO_FREE char *id = NULL;
    struct engine *e;
    (void)exit_code;
    TRY(registry_flags_take(c, &o->registry, &registry));
    TRY(registry_flags_insecure(c, o->insecure, &registry));
    TRY(cli_engine(c, &e));
    TRY(rest(c, &any, o->all, &images));
    const struct index_create_opts create = {
        .registry = &registry, .all = o->all, .amend = o->amend, .annotations = o->annotations};
    TRY(index_create(e, c->args[0], &images, &create, &id));
    return cli_printf(c, "%s\n", id);
}

const struct cli_verb cli_verb_manifest_create = {
    .paths = "manifest create",
    .synopsis = "[options] LIST [IMAGE...]",
    .summary = "Create manifest list or image index",
    .description = "Creates manifest lists or image indexes.",
    .examples = "@ mylist:v1.11\n@ mylist:v1.11 arch-specific-image-to-add\n"
                "@ --all mylist:v1.11 docker://tagged-image-to-add",
    .flags = create_flags,
    .more_flags = cli_registry_flags,
    .opts_size = sizeof(struct create_opts),
    .min_args = 1,
    .max_args = -1,
    .complete = CLI_COMPLETE_IMAGE,
    .run = create_verb,
};

/* --- add */

struct add_opts {
    struct registry_flags registry; /* first: more_flags */
    bool all, insecure, artifact, exclude_titles;
    const char *arch, *os, *os_version, *variant;
    const char *artifact_type, *artifact_config, *config_type, *layer_type, *subject;
    struct strv annotations, features, os_features, artifact_annotations;
};
#undef O
#define O(field) offsetof(struct add_opts, field)

static const struct cli_flag add_flags[] = {
    {"all", 0, CLI_BOOL, .offset = O(all), .help = "add all of the list's images if the image is a list"},
    {"annotation", 0, CLI_ARRAY, .offset = O(annotations),
     .help = "set an annotation for the specified image or artifact"},
    {"arch", 0, CLI_STRING, .offset = O(arch), .help = "override the architecture of the specified image or artifact"},
    {"artifact", 0, CLI_BOOL, .offset = O(artifact),
     .help = "add all arguments as artifact files rather than as images"},
    {"artifact-annotation", 0, CLI_ARRAY, .offset = O(artifact_annotations),
     .help = "set an annotation in the artifact"},
    {"artifact-config", 0, CLI_STRING, CLI_COMPLETE_FILE, .offset = O(artifact_config),
     .help = "artifact configuration file"},
    {"artifact-config-type", 0, CLI_STRING, .offset = O(config_type), .help = "artifact configuration media type"},
    {"artifact-exclude-titles", 0, CLI_BOOL, .offset = O(exclude_titles),
     .help = "refrain from setting \"org.opencontainers.image.title\" annotations on \"layers\""},
    {"artifact-layer-type", 0, CLI_STRING, .offset = O(layer_type), .help = "artifact layer media type"},
    {"artifact-subject", 0, CLI_STRING, CLI_COMPLETE_IMAGE, .offset = O(subject), .help = "artifact subject reference"},
    {"artifact-type", 0, CLI_STRING, .offset = O(artifact_type), .help = "override the artifactType value"},
    {"features", 0, CLI_STRINGS, .offset = O(features),
     .help = "override the features of the specified image or artifact"},
    INSECURE_FLAG,
    {"os", 0, CLI_STRING, .offset = O(os), .help = "override the OS of the specified image or artifact"},
    {"os-features", 0, CLI_STRINGS, .offset = O(os_features),
     .help = "override the OS features of the specified image or artifact"},
    {"os-version", 0, CLI_STRING, .offset = O(os_version),
     .help = "override the OS version of the specified image or artifact"},
    {"variant", 0, CLI_STRING, .offset = O(variant), .help = "override the variant of the specified image or artifact"},
    {0},
};

static struct err *check_artifact_flags(const struct cli *c)
{
    static const char *const names[] = {"artifact-type",       "artifact-config",  "artifact-config-type",
                                        "artifact-layer-type", "artifact-subject", "artifact-exclude-titles",
                                        "artifact-annotation"};
    AUTO_STRV struct strv given = STRV_INIT;
    AUTO_FREE char *text = NULL;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (cli_given(c, names[i]))
            TRY(strv_addf(&given, "--%s", names[i]));
    if (!given.count)
        return NULL;
    TRY(strv_join(&given, "/", &text));
    return ERR_NEW(ERR_INVALID, "%s require%s --artifact", text, given.count == 1 ? "s" : "");
}

static struct listdoc_words words_of(const struct add_opts *o)
{
    return (struct listdoc_words){.arch = o->arch,
                                  .os = o->os,
                                  .os_version = o->os_version,
                                  .variant = o->variant,
                                  .features = o->features,
                                  .os_features = o->os_features,
                                  .annotations = o->annotations};
}

static struct err *add_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct add_opts *o = opts;
    struct registry_opts registry;
    AUTO_STRV struct strv images = STRV_INIT;
    AUTO_FREE char *id = NULL;
    struct engine *e;
    (void)exit_code;
    if (!o->artifact)
        TRY(check_artifact_flags(c));
    TRY(registry_flags_take(c, &o->registry, &registry));
    TRY(registry_flags_insecure(c, o->insecure, &registry));
    TRY(cli_engine(c, &e));
    if (o->artifact) {
        TRY(strv_add_all(&images, c->args + 1));
        const struct index_artifact_opts artifact = {.type = o->artifact_type,
                                                     .config_path = o->artifact_config,
                                                     .config_type = o->config_type,
                                                     .layer_type = o->layer_type,
                                                     .subject = o->subject,
                                                     .exclude_titles = o->exclude_titles,
                                                     .annotations = o->artifact_annotations,
                                                     .registry = &registry,
                                                     .words = words_of(o)};
        TRY(index_add_artifact(e, c->args[0], &images, &artifact, &id));
    } else {
        AUTO_PLATFORM struct image_platform named = {0};
        TRY(mem_strdup(o->os, &named.os));
        TRY(mem_strdup(o->arch, &named.arch));
        TRY(mem_strdup(o->variant, &named.variant));
        TRY(rest(c, &named, o->all, &images));
        const struct index_add_opts add = {.registry = &registry, .all = o->all, .words = words_of(o)};
        TRY(index_add(e, c->args[0], &images, &add, &id));
    }
    return cli_printf(c, "%s\n", id);
}

const struct cli_verb cli_verb_manifest_add = {
    .paths = "manifest add",
    .synopsis = "[options] LIST IMAGEORARTIFACT [IMAGEORARTIFACT...]",
    .summary = "Add images or artifacts to a manifest list or image index",
    .description = "Adds an image or artifact to a manifest list or image index.",
    .examples = "@ mylist:v1.11 image:v1.11-amd64\n@ mylist:v1.11 docker://quay.io/myuser/image:v1.11\n"
                "@ --artifact --artifact-type application/x-notes mylist:v1.11 notes.txt",
    .flags = add_flags,
    .more_flags = cli_registry_flags,
    .opts_size = sizeof(struct add_opts),
    .min_args = 2,
    .max_args = -1,
    .complete = CLI_COMPLETE_IMAGE,
    .run = add_verb,
};

/* --- annotate */

struct annotate_opts {
    struct registry_flags registry; /* first: more_flags */
    bool index;
    const char *arch, *os, *os_version, *variant, *subject;
    struct strv annotations, features, os_features;
};
#undef O
#define O(field) offsetof(struct annotate_opts, field)

static const struct cli_flag annotate_flags[] = {
    {"annotation", 0, CLI_ARRAY, .offset = O(annotations),
     .help = "set an annotation for the specified image or artifact, or with --index for the list"},
    {"arch", 0, CLI_STRING, .offset = O(arch), .help = "override the architecture of the specified image or artifact"},
    {"features", 0, CLI_STRINGS, .offset = O(features),
     .help = "override the features of the specified image or artifact"},
    {"index", 0, CLI_BOOL, .offset = O(index), .help = "apply to the list itself"},
    {"os", 0, CLI_STRING, .offset = O(os), .help = "override the OS of the specified image or artifact"},
    {"os-features", 0, CLI_STRINGS, .offset = O(os_features),
     .help = "override the OS features of the specified image or artifact"},
    {"os-version", 0, CLI_STRING, .offset = O(os_version),
     .help = "override the OS version of the specified image or artifact"},
    {"subject", 0, CLI_STRING, CLI_COMPLETE_IMAGE, .offset = O(subject),
     .help = "set the subject to which the list refers; with --index"},
    {"variant", 0, CLI_STRING, .offset = O(variant), .help = "override the variant of the specified image or artifact"},
    {0},
};

/* What belongs to an entry makes no sense for a list, and the reverse. */
static struct err *check_annotate(const struct cli *c, const struct annotate_opts *o)
{
    static const char *const entry_flags[] = {"arch", "features", "os", "os-features", "os-version", "variant"};
    for (size_t i = 0; i < ARRAY_LEN(entry_flags) && o->index; i++)
        if (cli_given(c, entry_flags[i]))
            return ERR_NEW(ERR_INVALID, "--%s is not supported for the list itself (--index)", entry_flags[i]);
    if (o->subject && !o->index)
        return ERR_NEW(ERR_INVALID, "--subject needs --index");
    if (!o->index && c->n_args < 2)
        return ERR_NEW(ERR_INVALID, "the digest of an image in the list, or --index, is required");
    return o->index && c->n_args > 1 ? ERR_NEW(ERR_INVALID, "--index is about the list alone: no image may be named")
                                     : NULL;
}

static struct err *annotate_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct annotate_opts *o = opts;
    struct registry_opts registry;
    AUTO_FREE char *id = NULL;
    struct engine *e;
    (void)exit_code;
    TRY(check_annotate(c, o));
    TRY(registry_flags_take(c, &o->registry, &registry));
    TRY(cli_engine(c, &e));
    const struct index_annotate_opts annotate = {.registry = &registry,
                                                 .index = o->index,
                                                 .subject = o->subject,
                                                 .words = {.arch = o->arch,
                                                           .os = o->os,
                                                           .os_version = o->os_version,
                                                           .variant = o->variant,
                                                           .features = o->features,
                                                           .os_features = o->os_features,
                                                           .annotations = o->annotations}};
    TRY(index_annotate(e, c->args[0], c->n_args > 1 ? c->args[1] : "", &annotate, &id));
    return cli_printf(c, "%s\n", id);
}

const struct cli_verb cli_verb_manifest_annotate = {
    .paths = "manifest annotate",
    .synopsis = "[options] LIST [DIGEST]",
    .summary = "Add or update information about an entry in a manifest list or image index",
    .description = "Adds or updates information about an entry in a manifest list or image index.",
    .examples = "@ --annotation left=right mylist:v1.11 "
                "sha256:15352d97781ffdf357bf3459c037be3efac4133dc9070c2dce7eca7c05c3e736",
    .flags = annotate_flags,
    .more_flags = cli_registry_flags,
    .opts_size = sizeof(struct annotate_opts),
    .min_args = 1,
    .max_args = 2,
    .complete = CLI_COMPLETE_IMAGE,
    .complete_args = 1,
    .run = annotate_verb,
};

/* --- remove */

static struct err *remove_verb(struct cli *c, void *opts, int *exit_code)
{
    AUTO_FREE char *id = NULL;
    struct engine *e;
    (void)opts, (void)exit_code;
    TRY(cli_engine(c, &e));
    TRY(index_remove_entry(e, c->args[0], c->args[1], &id));
    return cli_printf(c, "%s\n", id);
}

const struct cli_verb cli_verb_manifest_remove = {
    .paths = "manifest remove",
    .synopsis = "LIST DIGEST",
    .summary = "Remove an entry from a manifest list or image index",
    .description = "Removes an image from a manifest list or image index.",
    .examples = "@ mylist:v1.11 sha256:15352d97781ffdf357bf3459c037be3efac4133dc9070c2dce7eca7c05c3e736",
    .opts_size = 1,
    .min_args = 2,
    .max_args = 2,
    .complete = CLI_COMPLETE_IMAGE,
    .complete_args = 1,
    .run = remove_verb,
};
