/* cp */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/verbs.h"
#include "engine/container/container.h"

struct cp_opts {
    bool archive, overwrite;
};
#define O(field) offsetof(struct cp_opts, field)

static const struct cli_flag cp_flags[] = {
    {"archive", 'a', CLI_BOOL, .offset = O(archive), .def = "true",
     .help = "Chown copied files to the primary uid/gid of the destination container."},
    {"overwrite", 0, CLI_BOOL, .offset = O(overwrite),
     .help = "Allow to overwrite directories with non-directories and vice versa"},
    {0},
};

/* "[CONTAINER:]PATH": what begins with a dot or a slash is a path of the host. *ret_name stays NULL then. */
static struct err *parse_end(const char *arg, char **ret_name, const char **ret_path)
{
    const char *colon = *arg == '.' || *arg == '/' ? NULL : strchr(arg, ':');
    *ret_path = colon ? colon + 1 : arg;
    return colon ? mem_strndup(arg, (size_t)(colon - arg), ret_name) : NULL;
}

static struct err *find_end(struct cli *c, const char *name, struct container **ret)
{
    struct err *err = name ? container_find(c->engine, name, ret) : NULL;
    if (!err || err_kind(err) != ERR_NOT_FOUND)
        return err;
    err_drop(err);
    return ERR_NEW(ERR_NOT_FOUND, "container \"%s\" does not exist", name);
}

/* "-" in place of a path of the host. */
static bool is_stream(const char *name, const char *path)
{
    return !name && strcmp(path, "-") == 0;
}

static struct err *cp_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct cp_opts *o = opts;
    AUTO_FREE char *from_name = NULL, *to_name = NULL;
    struct container *from = NULL, *to = NULL;
    struct engine *e;
    struct container_copy_opts copy = {
        .archive = o->archive, .overwrite = o->overwrite, .from.stream_fd = -1, .to.stream_fd = -1};
    (void)exit_code;
    TRY(parse_end(c->args[0], &from_name, &copy.from.path));
    TRY(parse_end(c->args[1], &to_name, &copy.to.path));
    if (!*copy.from.path || !*copy.to.path)
        return ERR_NEW(ERR_INVALID, "invalid arguments \"%s\", \"%s\": you must specify paths", c->args[0], c->args[1]);
    if ((!from_name || !*from_name) && (!to_name || !*to_name))
        return ERR_NEW(ERR_INVALID, "name or ID cannot be empty");
    if (is_stream(from_name, copy.from.path))
        copy.from.stream_fd = STDIN_FILENO;
    if (is_stream(to_name, copy.to.path))
        copy.to.stream_fd = STDOUT_FILENO;
    if (copy.to.stream_fd >= 0 && isatty(STDOUT_FILENO))
        return ERR_NEW(ERR_INVALID, "refusing to copy to terminal: redirect standard output");
    TRY(cli_engine(c, &e));
    struct err *err = find_end(c, from_name, &from);
    if (!err)
        err = find_end(c, to_name, &to);
    copy.from.container = from;
    copy.to.container = from && to && strcmp(from->id, to->id) == 0 ? from : to;
    if (!err)
        err = container_copy(e, &copy);
    container_free(from);
    container_free(to);
    return err;
}

const struct cli_verb cli_verb_cp = {
    .paths = "cp|container cp",
    .synopsis = "[options] [CONTAINER:]SRC_PATH [CONTAINER:]DEST_PATH",
    .summary = "Copy files/folders between a container and the local filesystem",
    .description = "Copy the contents of SRC_PATH to the DEST_PATH.\n\n"
                   "You can copy from the container's file system to the local machine or the reverse, from the local "
                   "filesystem to the container. If \"-\" is specified for either the SRC_PATH or DEST_PATH, you can "
                   "also stream a tar archive from STDIN or to STDOUT. The CONTAINER can be a running or stopped "
                   "container. The SRC_PATH or DEST_PATH can be a file or a directory.",
    .examples = "@ ctr:/etc/hosts .\n@ page.html ctr:/srv\n@ one:/data two:/data\ntar c dir | @ - ctr:/tmp",
    .flags = cp_flags,
    .opts_size = sizeof(struct cp_opts),
    .min_args = 2,
    .max_args = 2,
    .complete = CLI_COMPLETE_CONTAINER,
    .run = cp_verb,
};
