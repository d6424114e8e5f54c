/* exec. */
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/preserve.h"
#include "cli/select.h"
#include "cli/verbs.h"

#define ENV_FILE_MAX ((size_t)1 << 20)

struct exec_verb_opts {
    bool detach, interactive, latest, privileged, tty;
    const char *detach_keys, *user, *workdir, *cidfile;
    uint64_t preserve_fds;
    struct strv env, env_files, preserve_fd;
};
#define O(field) offsetof(struct exec_verb_opts, field)

static const struct cli_flag exec_flags[] = {
    {"cidfile", 0, CLI_STRING, CLI_COMPLETE_FILE, .offset = O(cidfile), .help = "Read the container ID from the file"},
    {"detach", 'd', CLI_BOOL, .offset = O(detach), .help = "Run the exec session in detached mode (backgrounded)"},
    {"detach-keys", 0, CLI_STRING, .offset = O(detach_keys),
     .help =
         "Select the key sequence for detaching a container. Format is a single character [a-Z] or ctrl-<value> where "
         "<value> is one of: a-z, @, ^, [, , or _ (default \"ctrl-p,ctrl-q\")"},
    {"env", 'e', CLI_ARRAY, .offset = O(env), .help = "Set environment variables"},
    {"env-file", 0, CLI_STRINGS, CLI_COMPLETE_FILE, .offset = O(env_files),
     .help = "Read in a file of environment variables"},
    {"interactive", 'i', CLI_BOOL, .offset = O(interactive), .help = "Keep STDIN open even if not attached"},
    CLI_LATEST_FLAG(O(latest), "container"),
    {"preserve-fd", 0, CLI_STRINGS, .offset = O(preserve_fd),
     .help = "Pass a list of additional file descriptors to the container"},
    {"preserve-fds", 0, CLI_UINT, .offset = O(preserve_fds),
     .help = "Pass N additional file descriptors to the container"},
    {"privileged", 0, CLI_BOOL, .offset = O(privileged),
     .help = "Give the process extended Linux capabilities inside the container.  The default is false"},
    {"tty", 't', CLI_BOOL, .offset = O(tty), .help = "Allocate a pseudo-TTY. The default is false"},
    {"user", 'u', CLI_STRING, .offset = O(user),
     .help = "Sets the username or UID used and optionally the groupname or GID for the specified command"},
    {"workdir", 'w', CLI_STRING, .offset = O(workdir), .help = "Working directory inside the container"},
    {0},
};

/* --env-file, then --env, through the parsers of a container's environment. */
static struct err *environment(const struct exec_verb_opts *o, struct container_spec *spec)
{
    for (size_t i = 0; i < o->env_files.count; i++) {
        const char *path = o->env_files.items[i];
        AUTO_FREE char *text = NULL;
        size_t len;
        TRY_WRAP(cli_read_file(path, ENV_FILE_MAX, &text, &len), "parsing env file \"%s\"", path);
        TRY_WRAP(spec_add_env_file(spec, text, len, environ), "parsing env file \"%s\"", path);
    }
    for (size_t i = 0; i < o->env.count; i++)
        TRY(spec_add_env(spec, o->env.items[i], environ));
    return NULL;
}

/* Which container, and where the command begins among the arguments. */
static struct err *find_target(struct cli *c, const struct exec_verb_opts *o, struct container **ret, size_t *ret_first)
{
    struct engine *e;
    bool named = !o->latest && !o->cidfile;
    if (named && !c->n_args)
        return ERR_NEW(ERR_INVALID, "exec requires the name or ID of a container or the --latest or --cidfile flag");
    *ret_first = named ? 1 : 0;
    TRY(cli_engine(c, &e));
    if (o->latest)
        return select_latest(c, ret);
    if (named)
        return container_find(e, c->args[0], ret);
    AUTO_FREE char *id = NULL;
    TRY(cli_read_cidfile(o->cidfile, &id));
    return container_find(e, id, ret);
}

static struct err *execute(struct cli *c, const struct exec_verb_opts *o, struct container *ct, struct exec_opts *x,
                           int *exit_code)
{
    AUTO_FREE char *id = NULL;
    int code = 0;
    /* what goes wrong before the command runs is 255 here, where run says 125 */
    *exit_code = 255;
    if (!x->command.count)
        return ERR_NEW(ERR_INVALID, "must provide a non-empty command to start an exec session: invalid argument");
    if (ct->state != CT_RUNNING)
        return ERR_NEW(ERR_STATE, "can only create exec sessions on running containers: container state improper");
    TRY(cli_flush(c));
    cli_show_notices(c);
    struct err *e = container_exec(c->engine, ct, x, o->detach ? NULL : &code, o->detach ? &id : NULL);
    if (e) {
        if (err_kind(e) == ERR_NO_COMMAND || err_kind(e) == ERR_CANNOT_EXEC)
            *exit_code = 0; /* the error's own: 127, 126 */
        return e;
    }
    *exit_code = code < 0 ? 0 : code;
    return o->detach ? cli_printf(c, "%s\n", id) : NULL;
}

static struct err *exec_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct exec_verb_opts *o = opts;
    struct container *ct = NULL;
    struct container_spec spec;
    size_t first = 0;
    TRY(cli_check_detach_keys(o->detach_keys));
    uint32_t preserved;
    TRY(preserve_count(o->preserve_fds, &o->preserve_fd, &preserved));
    TRY(find_target(c, o, &ct, &first));
    if (o->tty && o->interactive && !o->detach && !isatty(STDIN_FILENO))
        log_write(LOG_LEVEL_WARN,
                  "The input device is not a TTY. The --tty and --interactive flags might not work properly");
    container_spec_init(&spec);
    struct exec_opts x = {
        .user = o->user,
        .workdir = o->workdir,
        .detach_keys = o->detach_keys,
        .tty = o->tty,
        .interactive = o->interactive,
        .detach = o->detach,
        .privileged = o->privileged,
        .preserve_fds = preserved,
        .preserve_fd = o->preserve_fd, /* borrowed */
        .io = {.no_stdin = !o->interactive,
               .in_fd = STDIN_FILENO,
               .out_fd = STDOUT_FILENO,
               .err_fd = STDERR_FILENO,
               .detach_keys = o->detach_keys,
               .sig_proxy = true},
    };
    struct err *e = environment(o, &spec);
    if (!e)
        e = strv_add_all(&x.command, c->args + first);
    x.env = spec.env; /* borrowed */
    if (!e)
        e = execute(c, o, ct, &x, exit_code);
    strv_done(&x.command);
    container_spec_done(&spec);
    container_free(ct);
    return e;
}

const struct cli_verb cli_verb_exec = {
    .paths = "exec|container exec",
    .synopsis = "[options] CONTAINER [COMMAND [ARG...]]",
    .summary = "Run a process in a running container",
    .description = "Execute the specified command inside a running container.",
    .examples = "@ -it ctrID ls\n@ -it -w /tmp myCtr pwd\n@ --user root ctrID ls",
    .flags = exec_flags,
    .opts_size = sizeof(struct exec_verb_opts),
    .max_args = -1,
    .traits = CLI_ARGS_LAST,
    .complete = CLI_COMPLETE_RUNNING,
    .complete_args = 1,
    .run = exec_verb,
};
