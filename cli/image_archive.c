/* load, save, import. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/registry_flags.h"
#include "cli/verbs.h"
#include "engine/image/image.h"

/* --- load */

struct load_opts {
    bool quiet, all_platforms;
    const char *input, *platform, *signature_policy;
};
#define O(field) offsetof(struct load_opts, field)

static const struct cli_flag load_flags[] = {
    {"input", 'i', CLI_STRING, CLI_COMPLETE_FILE, .offset = O(input),
     .help = "Read from specified archive file (default: stdin)"},
    {"platform", 0, CLI_STRING, .offset = O(platform),
     .help = "Take this platform of a multi-platform archive (OS/ARCH[/VARIANT]; default: this machine's)"},
    {"quiet", 'q', CLI_BOOL, .offset = O(quiet), .help = "Suppress the output"},
    {"signature-policy", 0, CLI_STRING, CLI_COMPLETE_FILE, .hidden = true, .offset = O(signature_policy)},
    {0},
};

static struct err *load_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct load_opts *o = opts;
    AUTO_STRV struct strv names = STRV_INIT;
    struct engine *e;
    struct stat st;
    (void)exit_code;
    bool from_stdin = !o->input || strcmp(o->input, "-") == 0;
    if (!from_stdin && stat(o->input, &st) < 0)
        return cli_errno(errno, "stat", o->input);
    if (from_stdin && isatty(STDIN_FILENO))
        return ERR_NEW(ERR_INVALID, "cannot read from terminal, use command-line redirection or the --input flag");
    struct image_load_opts load = {
        .path = from_stdin ? NULL : o->input,
        .fd = STDIN_FILENO,
        .signature_policy = o->signature_policy,
        .progress = o->quiet ? NULL : registry_flags_progress,
        .bars = o->quiet ? NULL : progress_bars(),
    };
    if (o->platform)
        TRY(image_platform_parse(o->platform, &load.platform));
    struct err *err = cli_engine(c, &e);
    if (!err)
        err = image_load(e, &load, &names);
    image_platform_done(&load.platform);
    TRY(err);
    for (size_t i = 0; i < names.count; i++)
        TRY(cli_printf(c, "Loaded image: %s\n", names.items[i]));
    return NULL;
}

const struct cli_verb cli_verb_load = {
    .paths = "load|image load",
    .synopsis = "[options]",
    .summary = "Load image(s) from a tar archive",
    .description = "Loads an image from a locally stored archive (tar file) into container storage.",
    .flags = load_flags,
    .opts_size = sizeof(struct load_opts),
    .run = load_verb,
};

/* --- save */

struct save_opts {
    bool compress, multi, quiet, uncompressed;
    const char *format, *output;
};
#undef O
#define O(field) offsetof(struct save_opts, field)

static const struct cli_flag save_flags[] = {
    {"compress", 0, CLI_BOOL, .offset = O(compress),
     .help = "Compress tarball image layers when saving to a directory using the 'dir' transport. (default is same "
             "compression type as source)"},
    {"format", 0, CLI_STRING, .offset = O(format), .def = "docker-archive",
     .help =
         "Save image to oci-archive, oci-dir (directory with oci manifest type), docker-archive, docker-dir (directory "
         "with v2s2 manifest type)"},
    {"multi-image-archive", 'm', CLI_BOOL, .offset = O(multi),
     .help = "Interpret additional arguments as images not tags and create a multi-image-archive (only for "
             "docker-archive)"},
    {"output", 'o', CLI_STRING, CLI_COMPLETE_FILE, .offset = O(output),
     .help = "Write to a specified file (default: stdout, which must be redirected)"},
    {"quiet", 'q', CLI_BOOL, .offset = O(quiet), .help = "Suppress the output"},
    {"uncompressed", 0, CLI_BOOL, .offset = O(uncompressed),
     .help = "Accept uncompressed layers when copying OCI images (they always are)"},
    {0},
};

static struct err *parse_format(const struct save_opts *o, enum image_format *ret)
{
    static const struct {
        const char *name;
        enum image_format format;
    } formats[] = {{"oci-dir", IMAGE_OCI_DIR},
                   {"oci-archive", IMAGE_OCI_ARCHIVE},
                   {"docker-dir", IMAGE_DOCKER_DIR},
                   {"docker-archive", IMAGE_DOCKER_ARCHIVE}};
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (strcmp(formats[i].name, o->format) == 0) {
            *ret = formats[i].format;
            return NULL;
        }
    }
    return ERR_NEW(ERR_INVALID, "format value must be one of oci-dir oci-archive docker-dir docker-archive");
}

/* Contradictions, before anything is opened. */
static struct err *check_save(const struct cli *c, const struct save_opts *o, enum image_format format)
{
    bool directory = format == IMAGE_OCI_DIR || format == IMAGE_DOCKER_DIR;
    if (!c->n_args)
        return ERR_NEW(ERR_INVALID, "need at least 1 argument");
    if (o->compress && format != IMAGE_DOCKER_DIR)
        return ERR_NEW(ERR_INVALID, "--compress can only be set when --format is 'docker-dir'");
    if (o->multi && format != IMAGE_DOCKER_ARCHIVE)
        return ERR_NEW(ERR_INVALID, "--multi-image-archive can only be set when --format is 'docker-archive'");
    if (!o->output && directory)
        return ERR_NEW(ERR_INVALID, "--output is required for the format %s: a directory can't be written to stdout",
                       o->format);
    if (!o->output && isatty(STDOUT_FILENO))
        return ERR_NEW(ERR_INVALID, "refusing to save to terminal. Use -o flag or redirect");
    if (o->output && strchr(o->output, ':'))
        return ERR_NEW(ERR_INVALID, "invalid filename (should not contain ':') \"%s\"", o->output);
    struct stat st;
    if (o->output && !directory && stat(o->output, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
        return ERR_NEW(ERR_EXISTS, "%s doesn't support modifying existing images", o->format);
    return NULL;
}

static struct err *save_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct save_opts *o = opts;
    AUTO_STRV struct strv names = STRV_INIT;
    enum image_format format;
    struct engine *e;
    (void)exit_code;
    TRY(parse_format(o, &format));
    TRY(check_save(c, o, format));
    TRY(cli_engine(c, &e));
    TRY(strv_add_all(&names, c->args));
    const struct image_save_opts save = {
        .format = format,
        .path = o->output,
        .fd = STDOUT_FILENO,
        .compress = o->compress,
        .multi = o->multi,
        .progress = o->quiet || !o->output ? NULL : registry_flags_progress,
    };
    return image_save(e, &names, &save);
}

const struct cli_verb cli_verb_save = {
    .paths = "save|image save",
    .synopsis = "[options] IMAGE [IMAGE...]",
    .summary = "Save image(s) to an archive",
    .description = "Save an image to docker-archive or oci-archive on the local machine. Default is docker-archive.",
    .examples = "@ --quiet -o myimage.tar imageID\n@ --format docker-dir -o ubuntu-dir ubuntu\n"
                "@ > alpine-all.tar alpine:latest",
    .flags = save_flags,
    .opts_size = sizeof(struct save_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_IMAGE,
    .run = save_verb,
};

/* --- import */

struct import_opts {
    bool quiet;
    const char *arch, *os, *variant, *message;
    struct strv changes;
};
#undef O
#define O(field) offsetof(struct import_opts, field)

static const struct cli_flag import_flags[] = {
    {"arch", 0, CLI_STRING, .offset = O(arch), .help = "Set the architecture of the imported image"},
    {"change", 'c', CLI_ARRAY, .offset = O(changes),
     .help = "Apply the following possible instructions to the created image (default []): CMD | ENTRYPOINT | ENV | "
             "EXPOSE | LABEL | ONBUILD | STOPSIGNAL | USER | VOLUME | WORKDIR"},
    {"message", 'm', CLI_STRING, .offset = O(message), .help = "Set commit message for imported image"},
    {"os", 0, CLI_STRING, .offset = O(os), .help = "Set the OS of the imported image"},
    {"quiet", 'q', CLI_BOOL, .offset = O(quiet), .help = "Suppress output"},
    {"variant", 0, CLI_STRING, .offset = O(variant), .help = "Set the variant of the imported image"},
    {0},
};

/* The platform's strings are the options' own. */
static struct err *run_import(struct cli *c, const struct import_opts *o, struct image_import_opts *import)
{
    AUTO_FREE char *id = NULL;
    struct engine *e;
    TRY(mem_strdup(o->arch, &import->platform.arch));
    TRY(mem_strdup(o->os, &import->platform.os));
    TRY(mem_strdup(o->variant, &import->platform.variant));
    TRY(cli_engine(c, &e));
    TRY(image_import(e, import, &id));
    return cli_printf(c, "sha256:%s\n", id);
}

static struct err *import_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct import_opts *o = opts;
    const char *path = c->args[0];
    bool from_stdin = strcmp(path, "-") == 0;
    (void)exit_code;
    if (strncmp(path, "http://", 7) == 0 || strncmp(path, "https://", 8) == 0)
        return ERR_NEW(ERR_UNSUPPORTED, "import %s: fetching archives over the network is not built yet", path);
    if (!from_stdin && access(path, R_OK) < 0)
        return ERR_WRAP(cli_errno(errno, "open", path), "error opening \"%s\"", path);
    struct image_import_opts import = {
        .path = from_stdin ? NULL : path,
        .fd = STDIN_FILENO,
        .name = c->n_args > 1 ? c->args[1] : NULL,
        .changes = o->changes,
        .message = o->message,
    };
    struct err *e = run_import(c, o, &import);
    image_platform_done(&import.platform);
    return e;
}

const struct cli_verb cli_verb_import = {
    .paths = "import|image import",
    .synopsis = "[options] PATH [REFERENCE]",
    .summary = "Import a tarball to create a filesystem image",
    .description = "Create a container image from the contents of the specified tarball (.tar, .tar.gz, .tgz, .bzip, "
                   ".tar.xz, .txz).\n\nOptionally tag the image. You can specify the instructions using the --change "
                   "option.",
    .examples = "@ ctr.tar image-imported\ncat ctr.tar | @ -q --message \"importing the ctr.tar tarball\" - "
                "image-imported\ncat ctr.tar | @ -",
    .flags = import_flags,
    .opts_size = sizeof(struct import_opts),
    .min_args = 1,
    .max_args = 2,
    .complete = CLI_COMPLETE_FILE,
    .complete_args = 1,
    .run = import_verb,
};
