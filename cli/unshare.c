/* unshare: a command inside the session. It takes coracle's place (no process waits for it), and holds the session by
 * the connection that it inherits: that is what its mounts live by. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/verbs.h"
#include "engine/engine.h"
#include "rootless/session.h"

static ino_t mount_namespace(void)
{
    struct stat st;
    return stat("/proc/self/ns/mnt", &st) == 0 ? st.st_ino : 0;
}

struct err *cli_engine_inside(struct cli *c)
{
    struct engine *e;
    ino_t before = mount_namespace();
    TRY(cli_engine(c, &e));
    if (mount_namespace() != before)
        return ERR_NEW(ERR_STATE,
                       "cannot run command \"" CLI_PROGRAM " %s\" in rootless mode, must execute `" CLI_PROGRAM
                       " unshare` first",
                       c->path);
    return NULL;
}

struct unshare_opts {
    bool netns;
};

static const struct cli_flag unshare_flags[] = {
    {"rootless-netns", 0, CLI_BOOL, .missing = "a network namespace that containers share is not built yet",
     .help = "Join the rootless network namespace"},
    {0},
};

/* As Go's os/exec says it, with the exit codes of shells. */
static struct err *cannot_run(int errnum, const char *name)
{
    if (errnum == ENOENT && !strchr(name, '/'))
        return ERR_NEW(ERR_NO_COMMAND, "exec: \"%s\": executable file not found in $PATH", name);
    enum err_kind kind = errnum == ENOENT ? ERR_NO_COMMAND : ERR_CANNOT_EXEC;
    struct err *e = cli_errno(errnum, "fork/exec", name);
    struct err *result = ERR_NEW(kind, "%s", err_text(e));
    err_drop(e);
    return result;
}

static struct err *unshare_verb(struct cli *c, void *opts, int *exit_code)
{
    struct engine *e;
    const char *shell = getenv("SHELL");
    AUTO_FREE char *copy = NULL;
    (void)opts, (void)exit_code;
    TRY(mem_strdup(shell && shell[0] ? shell : "/bin/sh", &copy));
    char *const default_argv[] = {copy, NULL};
    char *const *argv = c->n_args ? c->args : default_argv;
    TRY(cli_engine(c, &e));
    cli_show_notices(c);
    /* Commands inside mean the same data directory. */
    if (setenv("CORACLE_ROOT", engine_root(e), 1) < 0)
        return err_oom();
    TRY(fd_set_cloexec(engine_session(e)->conn_fd, false));
    (void)execvp(argv[0], argv);
    int errnum = errno;
    TRY(fd_set_cloexec(engine_session(e)->conn_fd, true));
    return cannot_run(errnum, argv[0]);
}

const struct cli_verb cli_verb_unshare = {
    .paths = "unshare",
    .synopsis = "[options] [COMMAND [ARG...]]",
    .summary = "Run a command in a modified user namespace",
    .description =
        "Runs a command (default: $SHELL) inside the user and mount namespaces that containers and images live in: "
        "files of subordinate ids can be reached there, and `image mount` shows what it mounts.",
    .examples = "@ id\n@ cat /proc/self/uid_map\n@ sh -c 'ls $(" CLI_PROGRAM " image mount alpine)'",
    .flags = unshare_flags,
    .opts_size = sizeof(struct unshare_opts),
    .max_args = -1,
    .traits = CLI_ARGS_LAST,
    .run = unshare_verb,
};
