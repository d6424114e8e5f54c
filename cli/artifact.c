/* artifact: add, extract, inspect, pull, push, rm. */
#include <string.h>

#include "base/mem.h"
#include "cli/progress.h"
#include "cli/registry_flags.h"
#include "cli/report.h"
#include "cli/signing.h"
#include "cli/verbs.h"
#include "engine/image/artifact.h"

const struct cli_verb cli_verb_artifact = {
    .paths = "artifact",
    .summary = "Manage OCI artifacts",
    .description = "Manage OCI artifacts: files with a name, in local storage and in registries.",
    .traits = CLI_GROUP,
};

/* Podman shows digests of artifacts without their algorithm. */
static const char *hex(const char *digest)
{
    const char *colon = strchr(digest, ':');
    return colon ? colon + 1 : digest;
}

/* --- add */

struct add_opts {
    bool append, replace;
    const char *type, *file_type;
    struct strv annotations;
};
#define O(field) offsetof(struct add_opts, field)

static const struct cli_flag add_flags[] = {
    {"annotation", 0, CLI_ARRAY, .offset = O(annotations),
     .help = "set an annotation for the specified files of artifact"},
    {"append", 'a', CLI_BOOL, .offset = O(append), .help = "Append files to an existing artifact"},
    {"file-type", 0, CLI_STRING, .offset = O(file_type), .help = "Set file type to use for the artifact (layer)"},
    {"replace", 0, CLI_BOOL, .offset = O(replace), .help = "Replace an existing artifact"},
    {"type", 0, CLI_STRING, .offset = O(type), .help = "Use type to describe an artifact"},
    {0},
};

static struct err *add_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct add_opts *o = opts;
    AUTO_STRV struct strv files = STRV_INIT;
    AUTO_FREE char *digest = NULL;
    struct engine *e;
    (void)exit_code;
    const struct artifact_add_opts add = {.append = o->append,
                                          .replace = o->replace,
                                          .type = o->type,
                                          .file_type = o->file_type,
                                          .annotations = o->annotations};
    TRY(strv_add_all(&files, c->args + 1));
    TRY(cli_engine(c, &e));
    TRY(artifact_add(e, c->args[0], &files, &add, &digest));
    return cli_printf(c, "%s\n", hex(digest));
}

const struct cli_verb cli_verb_artifact_add = {
    .paths = "artifact add",
    .synopsis = "[options] ARTIFACT PATH [PATH...]",
    .summary = "Add an OCI artifact to the local store",
    .description = "Add an OCI artifact to the local store from the local filesystem",
    .examples = "@ quay.io/myimage/myartifact:latest /tmp/foobar.txt\n"
                "@ --file-type text/yaml quay.io/myimage/myartifact:latest /tmp/foobar.yaml\n"
                "@ --append quay.io/myimage/myartifact:latest /tmp/foobar.tar.gz",
    .flags = add_flags,
    .opts_size = sizeof(struct add_opts),
    .min_args = 2,
    .max_args = -1,
    .complete = CLI_COMPLETE_FILE,
    .run = add_verb,
};

/* --- extract */

static const struct cli_flag extract_flags[] = {
    {"digest", 0, CLI_STRING, .offset = offsetof(struct artifact_extract_opts, digest),
     .help = "Only extract blob with the given digest"},
    {"title", 0, CLI_STRING, .offset = offsetof(struct artifact_extract_opts, title),
     .help = "Only extract blob with the given title"},
    {0},
};

static struct err *extract_verb(struct cli *c, void *opts, int *exit_code)
{
    struct engine *e;
    (void)exit_code;
    TRY(cli_engine(c, &e));
    return artifact_extract(e, c->args[0], c->args[1], opts);
}

const struct cli_verb cli_verb_artifact_extract = {
    .paths = "artifact extract",
    .synopsis = "[options] ARTIFACT PATH",
    .summary = "Extract an OCI artifact to a local path",
    .description =
        "Extract the blobs of an OCI artifact to a local file or directory. In a directory files are named by "
        "their titles, or by their digests.",
    .examples =
        "@ quay.io/myimage/myartifact:latest /tmp/foobar.txt\n@ quay.io/myimage/myartifact:latest /home/me/mydir",
    .flags = extract_flags,
    .opts_size = sizeof(struct artifact_extract_opts),
    .min_args = 2,
    .max_args = 2,
    .complete = CLI_COMPLETE_FILE,
    .run = extract_verb,
};

/* --- inspect */

struct inspect_opts {
    const char *format;
};

static const struct cli_flag inspect_flags[] = {
    {"format", 'f', CLI_STRING, .offset = offsetof(struct inspect_opts, format),
     .help = "Format volume output using JSON or a Go template"},
    {0},
};

static struct err *inspect_verb(struct cli *c, void *opts, int *exit_code)
{
    static const struct template_member members[] = {
        {"annotations", TEMPLATE_MAP, NULL}, {"Manifest", TEMPLATE_STRUCT, "v1.Manifest"}, {0}};
    const struct inspect_opts *o = opts;
    AUTO_FREE char *text = NULL;
    AUTO_JSON json_t *document = NULL;
    struct engine *e;
    (void)exit_code;
    TRY(cli_engine(c, &e));
    TRY(artifact_inspect(e, c->args[0], &text));
    TRY(json_parse(text, strlen(text), "artifact", &document));
    if (!o->format || report_is_json(o->format))
        return report_json(c, document, 5);
    return report_object(c, "artifact inspect", o->format, document, members, "*libartifact.Artifact");
}

const struct cli_verb cli_verb_artifact_inspect = {
    .paths = "artifact inspect",
    .synopsis = "[options] ARTIFACT",
    .summary = "Inspect an OCI artifact",
    .description = "Provide details on an OCI artifact, which is named by its name or (the beginning of) its digest",
    .examples = "@ quay.io/myimage/myartifact:latest\n@ --format '{{.Digest}}' quay.io/myimage/myartifact:latest",
    .flags = inspect_flags,
    .opts_size = sizeof(struct inspect_opts),
    .min_args = 1,
    .max_args = 1,
    .run = inspect_verb,
};

/* --- rm */

struct rm_opts {
    bool all, ignore;
};
#undef O
#define O(field) offsetof(struct rm_opts, field)

static const struct cli_flag rm_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Remove all artifacts"},
    {"ignore", 'i', CLI_BOOL, .offset = O(ignore), .help = "Ignore error if artifact does not exist"},
    {0},
};

static struct err *all_names(struct engine *e, struct strv *ret)
{
    struct artifact **list;
    size_t count;
    struct err *err = NULL;
    TRY(artifact_list(e, &list, &count));
    for (size_t i = 0; i < count && !err; i++)
        err = strv_add(ret, list[i]->name);
    artifact_list_free(list, count);
    return err;
}

static struct err *rm_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct rm_opts *o = opts;
    AUTO_STRV struct strv names = STRV_INIT;
    struct cli_errors errors = {0};
    struct engine *e;
    (void)exit_code;
    if (o->all && c->n_args)
        return ERR_NEW(ERR_INVALID, "when using the --all switch, you may not pass any artifact names or digests");
    if (!o->all && !c->n_args)
        return ERR_NEW(ERR_INVALID, "at least one artifact name or digest must be specified");
    TRY(cli_engine(c, &e));
    TRY(o->all ? all_names(e, &names) : strv_add_all(&names, c->args));
    for (size_t i = 0; i < names.count; i++) {
        AUTO_FREE char *digest = NULL;
        struct err *err = artifact_remove(e, names.items[i], &digest);
        if (err && err_kind(err) == ERR_NOT_FOUND && (o->ignore || o->all)) {
            err_drop(err);
            continue;
        }
        cli_errors_add(&errors, err ? err : cli_printf(c, "Deleted: %s\n", hex(digest)));
    }
    return cli_errors_finish(&errors);
}

const struct cli_verb cli_verb_artifact_rm = {
    .paths = "artifact rm",
    .synopsis = "[options] ARTIFACT [ARTIFACT...]",
    .summary = "Remove one or more OCI artifacts",
    .description = "Remove one or more OCI artifacts from local storage, by name or (the beginning of) digest",
    .examples = "@ quay.io/myimage/myartifact:latest\n@ -a",
    .flags = rm_flags,
    .opts_size = sizeof(struct rm_opts),
    .max_args = -1,
    .run = rm_verb,
};

/* --- pull, push */

struct transfer_opts {
    struct registry_flags registry; /* first: more_flags */
    struct signing_flags signing;
    bool quiet;
    const char *digestfile;
};
#undef O
#define O(field) offsetof(struct transfer_opts, field)

static struct err *check_name(const char *name)
{
    return name[0] ? NULL : ERR_NEW(ERR_INVALID, "artifact name cannot be empty");
}

static struct err *pull_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct transfer_opts *o = opts;
    struct registry_opts registry;
    AUTO_FREE char *digest = NULL;
    struct engine *e;
    (void)exit_code;
    TRY(check_name(c->args[0]));
    TRY(registry_flags_take(c, &o->registry, &registry));
    TRY(cli_engine(c, &e));
    const struct artifact_transfer_opts transfer = {.registry = &registry,
                                                    .progress = o->quiet ? NULL : registry_flags_progress,
                                                    .bars = o->quiet ? NULL : progress_bars()};
    TRY(artifact_pull(e, c->args[0], &transfer, &digest));
    return cli_printf(c, "%s\n", hex(digest));
}

static const struct cli_flag pull_flags[] = {
    {"decryption-key", 0, CLI_ARRAY, .missing = "encrypted artifacts are not built yet", .hidden = true},
    {"quiet", 'q', CLI_BOOL, .offset = O(quiet), .help = "Suppress output information when pulling images"},
    {0},
};

const struct cli_verb cli_verb_artifact_pull = {
    .paths = "artifact pull",
    .synopsis = "[options] ARTIFACT",
    .summary = "Pull an OCI artifact",
    .description = "Pulls an artifact from a registry and stores it locally.",
    .examples = "@ quay.io/myimage/myartifact:latest",
    .flags = pull_flags,
    .more_flags = cli_registry_flags,
    .opts_size = sizeof(struct transfer_opts),
    .min_args = 1,
    .max_args = 1,
    .run = pull_verb,
};

static struct err *push_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct transfer_opts *o = opts;
    struct registry_opts registry;
    AUTO_FREE char *digest = NULL;
    AUTO_SIGNING struct signing signing = {.passphrase = NULL};
    struct engine *e;
    (void)exit_code;
    TRY(check_name(c->args[0]));
    TRY(registry_flags_take(c, &o->registry, &registry));
    TRY(signing_take(&o->signing, &signing));
    TRY(cli_engine(c, &e));
    const struct artifact_transfer_opts transfer = {.registry = &registry,
                                                    .signing = &signing.image,
                                                    .progress = o->quiet ? NULL : registry_flags_progress,
                                                    .bars = o->quiet ? NULL : progress_bars()};
    TRY(artifact_push(e, c->args[0], &transfer, &digest));
    return registry_flags_digestfile(o->digestfile, digest);
}

static const struct cli_flag push_flags[] = {
    {"digestfile", 0, CLI_STRING, CLI_COMPLETE_FILE, .offset = O(digestfile),
     .help = "Write the digest of the pushed image to the specified file"},
    {"quiet", 'q', CLI_BOOL, .offset = O(quiet), .help = "Suppress output information when pushing images"},
    SIGNING_FLAGS(O(signing)),
    {0},
};

const struct cli_verb cli_verb_artifact_push = {
    .paths = "artifact push",
    .synopsis = "[options] ARTIFACT",
    .summary = "Push an OCI artifact",
    .description = "Push an OCI artifact from local storage to an image registry",
    .examples = "@ quay.io/myimage/myartifact:latest",
    .flags = push_flags,
    .more_flags = cli_registry_flags,
    .opts_size = sizeof(struct transfer_opts),
    .min_args = 1,
    .max_args = 1,
    .run = push_verb,
};
