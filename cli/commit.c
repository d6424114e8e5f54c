/* commit, export. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/registry_flags.h"
#include "cli/select.h"
#include "cli/verbs.h"
#include "engine/container/container.h"

/* --- commit */

struct commit_opts {
    const char *author, *format, *iidfile, *message;
    struct strv changes;
    bool include_volumes, pause, quiet, squash;
};
#define O(field) offsetof(struct commit_opts, field)

static const struct cli_flag commit_flags[] = {
    {"author", 'a', CLI_STRING, .offset = O(author), .help = "Set the author for the image committed"},
    {"change", 'c', CLI_ARRAY, .offset = O(changes),
     .help = "Apply the following possible instructions to the created image (default []): CMD | ENTRYPOINT | ENV | "
             "EXPOSE | LABEL | ONBUILD | STOPSIGNAL | USER | VOLUME | WORKDIR"},
    {"format", 'f', CLI_STRING, .offset = O(format), .def = "oci", .arg = "Format",
     .help = "Format of the image manifest and metadata"},
    {"iidfile", 0, CLI_STRING, CLI_COMPLETE_FILE, .offset = O(iidfile), .arg = "file",
     .help = "file to write the image ID to"},
    {"include-volumes", 0, CLI_BOOL, .offset = O(include_volumes),
     .help = "Include container volumes as image volumes"},
    {"message", 'm', CLI_STRING, .offset = O(message), .help = "Set commit message for imported image"},
    {"pause", 'p', CLI_BOOL, .offset = O(pause), .help = "Pause container during commit"},
    {"quiet", 'q', CLI_BOOL, .offset = O(quiet), .help = "Suppress output"},
    {"squash", 's', CLI_BOOL, .offset = O(squash), .help = "squash newly built layers into a single new layer"},
    {0},
};

static struct err *parse_format(const char *text, enum commit_format *ret)
{
    if (strcmp(text, "docker") == 0)
        *ret = COMMIT_DOCKER;
    else if (strcmp(text, "oci") == 0)
        *ret = COMMIT_OCI;
    else
        return ERR_NEW(ERR_INVALID, "unrecognized image format \"%s\"", text);
    return NULL;
}

static struct err *write_iidfile(const char *path, const char *id)
{
    return path ? file_write_atomic(AT_FDCWD, path, id, strlen(id), 0644, FILE_NOSYNC) : NULL;
}

static struct err *commit_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct commit_opts *o = opts;
    AUTO_FREE char *id = NULL;
    struct container *ct = NULL;
    struct engine *e;
    struct container_commit_opts commit = {
        .name = c->n_args > 1 ? c->args[1] : NULL,
        .author = o->author,
        .message = o->message,
        .changes = o->changes,
        .pause = o->pause,
        .squash = o->squash,
        .include_volumes = o->include_volumes,
        .progress = o->quiet ? NULL : registry_flags_progress,
    };
    (void)exit_code;
    TRY(parse_format(o->format, &commit.format));
    if (o->message && commit.format != COMMIT_DOCKER)
        return ERR_NEW(ERR_INVALID, "messages are only compatible with the docker image format (-f docker)");
    TRY(cli_engine(c, &e));
    TRY(container_find(e, c->args[0], &ct));
    struct err *err = container_commit(e, ct, &commit, &id);
    container_free(ct);
    TRY(err);
    TRY_WRAP(write_iidfile(o->iidfile, id), "failed to write image ID to file \"%s\"", o->iidfile);
    return cli_printf(c, "%s\n", id);
}

const struct cli_verb cli_verb_commit = {
    .paths = "commit|container commit",
    .synopsis = "[options] CONTAINER [IMAGE]",
    .summary = "Create new image based on the changed container",
    .description = "Create an image from a container's changes. Optionally tag the image created, set the author with "
                   "the --author flag, set the commit message with the --message flag, and make changes to the "
                   "instructions with the --change flag.",
    .examples = "@ -q --message \"committing container to image\" -f docker reverent_golick image-committed\n"
                "@ -q --author \"firstName lastName\" reverent_golick image-committed\n"
                "@ -q --pause=false containerID image-committed\n@ containerID",
    .flags = commit_flags,
    .opts_size = sizeof(struct commit_opts),
    .min_args = 1,
    .max_args = 2,
    .complete = CLI_COMPLETE_CONTAINER,
    .complete_args = 1,
    .run = commit_verb,
};

/* --- export */

struct export_opts {
    const char *output;
};
#undef O
#define O(field) offsetof(struct export_opts, field)

static const struct cli_flag export_flags[] = {
    {"output", 'o', CLI_STRING, CLI_COMPLETE_FILE, .offset = O(output),
     .help = "Write to a specified file (default: stdout, which must be redirected)"},
    {0},
};

static struct err *export_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct export_opts *o = opts;
    AUTO_FD int fd = -1;
    struct container *ct = NULL;
    struct engine *e;
    (void)exit_code;
    if (o->output && strchr(o->output, ':'))
        return ERR_NEW(ERR_INVALID, "invalid filename (should not contain ':') \"%s\"", o->output);
    TRY(output_open(o->output, &fd));
    TRY(cli_engine(c, &e));
    TRY(container_find(e, c->args[0], &ct));
    struct err *err = container_export(e, ct, fd);
    container_free(ct);
    return err;
}

const struct cli_verb cli_verb_export = {
    .paths = "export|container export",
    .synopsis = "[options] CONTAINER",
    .summary = "Export container's filesystem contents as a tar archive",
    .description = "Exports container's filesystem contents as a tar archive and saves it on the local machine.",
    .examples = "@ ctrID > myCtr.tar\n@ --output=\"myCtr.tar\" ctrID",
    .flags = export_flags,
    .opts_size = sizeof(struct export_opts),
    .min_args = 1,
    .max_args = 1,
    .complete = CLI_COMPLETE_CONTAINER,
    .run = export_verb,
};
