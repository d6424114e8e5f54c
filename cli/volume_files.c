/* volume export, import, mount, unmount, reload. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "engine/volume/volume.h"

/* By exact name, in Podman's words. */
static struct err *find_exactly(struct cli *c, const char *name, struct volume **ret)
{
    struct engine *e;
    struct volume *v = NULL;
    TRY(cli_engine(c, &e));
    struct err *err = volume_find(e, name, &v);
    if (!err && strcmp(v->name, name) == 0) {
        *ret = v;
        return NULL;
    }
    volume_free(v);
    if (err && err_kind(err) != ERR_NOT_FOUND && err_kind(err) != ERR_INVALID)
        return err;
    err_drop(err);
    return ERR_NEW(ERR_NOT_FOUND, "no such volume %s", name);
}

/* --- export */

struct export_opts {
    const char *output;
};
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
    struct volume *v;
    (void)exit_code;
    TRY(find_exactly(c, c->args[0], &v));
    struct err *err = output_open(o->output, &fd);
    if (!err)
        err = volume_export(c->engine, v, fd);
    volume_free(v);
    return err;
}

const struct cli_verb cli_verb_volume_export = {
    .paths = "volume export",
    .synopsis = "[options] VOLUME",
    .summary = "Export volumes",
    .description = "Allow content of volume to be exported into external tar.",
    .examples = "@ myvol > vol.tar\n@ -o vol.tar myvol",
    .flags = export_flags,
    .opts_size = sizeof(struct export_opts),
    .min_args = 1,
    .max_args = 1,
    .complete = CLI_COMPLETE_VOLUME,
    .run = export_verb,
};

/* --- import */

static struct err *import_verb(struct cli *c, void *opts, int *exit_code)
{
    const char *path = c->args[1];
    bool from_stdin = strcmp(path, "-") == 0;
    AUTO_FD int fd = -1;
    struct volume *v;
    (void)opts, (void)exit_code;
    if (!from_stdin) { /* as the user outside of the session */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
            return cli_errno(errno, "open", path);
    }
    TRY(find_exactly(c, c->args[0], &v));
    struct err *err = volume_import(c->engine, v, from_stdin ? STDIN_FILENO : fd);
    volume_free(v);
    return err;
}

const struct cli_verb cli_verb_volume_import = {
    .paths = "volume import",
    .synopsis = "VOLUME [SOURCE]",
    .summary = "Import a tarball contents into a " CLI_PROGRAM " volume",
    .description = "Imports contents into a volume from specified tarball (.tar, .tar.gz, .tgz, .bzip, .tar.xz, .txz).",
    .examples = "@ my_vol /home/user/import.tar\ncat ctr.tar | @ my_vol -",
    .opts_size = 1,
    .min_args = 2,
    .max_args = 2,
    .complete = CLI_COMPLETE_VOLUME,
    .complete_args = 1,
    .run = import_verb,
};

/* --- mount, unmount: a volume is a directory that is there already */

static struct err *find_named(struct cli *c, struct volume **ret)
{
    struct engine *e;
    TRY(cli_engine(c, &e));
    return volume_find(e, c->args[0], ret);
}

static struct err *mount_verb(struct cli *c, void *opts, int *exit_code)
{
    struct volume *v;
    (void)opts, (void)exit_code;
    TRY(cli_engine_inside(c));
    TRY(find_named(c, &v));
    struct err *err = cli_printf(c, "%s\n", v->mountpoint);
    volume_free(v);
    return err;
}

const struct cli_verb cli_verb_volume_mount = {
    .paths = "volume mount",
    .synopsis = "NAME",
    .summary = "Mount volume",
    .description = "Mount a volume and return the mountpoint",
    .examples = "@ myvol",
    .opts_size = 1,
    .min_args = 1,
    .max_args = 1,
    .complete = CLI_COMPLETE_VOLUME,
    .run = mount_verb,
};

static struct err *unmount_verb(struct cli *c, void *opts, int *exit_code)
{
    struct volume *v;
    (void)opts, (void)exit_code;
    TRY(find_named(c, &v));
    struct err *err = cli_printf(c, "%s\n", v->name);
    volume_free(v);
    return err;
}

const struct cli_verb cli_verb_volume_unmount = {
    .paths = "volume unmount",
    .synopsis = "NAME",
    .summary = "Unmount volume",
    .description = "Unmount a volume",
    .examples = "@ myvol",
    .opts_size = 1,
    .min_args = 1,
    .max_args = 1,
    .complete = CLI_COMPLETE_VOLUME,
    .run = unmount_verb,
};

/* --- reload: there are no plugins whose volumes could differ from ours */

static struct err *reload_verb(struct cli *c, void *opts, int *exit_code)
{
    struct engine *e;
    (void)opts, (void)exit_code;
    return cli_engine(c, &e);
}

const struct cli_verb cli_verb_volume_reload = {
    .paths = "volume reload",
    .synopsis = "",
    .summary = "reload all volumes from volume plugins",
    .description = "Check all configured volume plugins and update the database with all available volumes. There are "
                   "no plugins here: nothing changes.",
    .opts_size = 1,
    .run = reload_verb,
};
