/* run and create. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/create.h"
#include "cli/hpc.h"
#include "cli/pod_create.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "engine/container/container.h"

#define O(field) offsetof(struct create_opts, field)

static struct err *set_inverted(void *opts, const struct cli_flag *f, const char *value)
{
    *(bool *)((char *)opts + f->offset) = strcmp(value, "false") == 0;
    return NULL;
}

static const struct cli_flag run_flags[] = {
    {"detach", 'd', CLI_BOOL, .offset = O(detach), .help = "Run container in background and print container ID"},
    {"detach-keys", 0, CLI_STRING, .offset = O(detach_keys), .arg = "[a-Z]",
     .help =
         "Override the key sequence for detaching a container. Format is a single character [a-Z] or a comma separated "
         "sequence of `ctrl-<value>`, where `<value>` is one of: `a-cf`, `@`, `^`, `[`, `\\`, `]`, `^` or `_` "
         "(default \"ctrl-p,ctrl-q\")"},
    {"explain", 0, CLI_BOOL, .offset = O(explain),
     .help = "Print which rungs of the host's ladder (see doctor) the container gets to stderr, then run it"},
    {"hpc", 0, CLI_BOOL, .offset = O(hpc),
     .help = "Run the command in place of this process, as a rank of a cluster's job: with the host's network, "
             "processes, IPC, devices, environment and descriptors, home and working directory, and your own id"},
    {"preserve-fd", 0, CLI_STRINGS, .offset = O(spec.preserve_fd),
     .help = "Pass a list of additional file descriptors to the container"},
    {"preserve-fds", 0, CLI_UINT, .offset = O(preserve_fds),
     .help = "Pass a number of additional file descriptors into the container"},
    {"rmi", 0, CLI_BOOL, .offset = O(rmi), .help = "Remove container image unless used by other containers"},
    {"sig-proxy", 0, CLI_CALL_BOOL, .offset = O(no_sig_proxy), .set = set_inverted, .def = "true",
     .help = "Proxy received signals to the process"},
    {"step", 0, CLI_STRING, .offset = O(step),
     .help =
         "With --hpc: ranks that name the same step share their namespaces (default: what the job's launcher says)"},
    {0},
};

/* Scripts that say -it without a terminal work, with this warning. */
static void warn_no_tty(const struct container_spec *s)
{
    if (s->tty && s->interactive && !isatty(STDIN_FILENO))
        log_write(LOG_LEVEL_WARN,
                  "The input device is not a TTY. The --tty and --interactive flags might not work properly");
}

/* Which streams reach us: -a names them, else stdout and stderr, and stdin with -i. */
static struct attach_opts attach_of(const struct create_opts *o)
{
    bool named = o->attach.count > 0;
    struct attach_opts io = {
        .no_stdin = !o->spec.interactive,
        .no_stdout = named,
        .no_stderr = named,
        .in_fd = STDIN_FILENO,
        .out_fd = STDOUT_FILENO,
        .err_fd = STDERR_FILENO,
        .detach_keys = o->detach_keys,
        .sig_proxy = !o->no_sig_proxy,
    };
    for (size_t i = 0; i < o->attach.count; i++) {
        const char *s = o->attach.items[i];
        if (strcasecmp(s, "stdin") == 0)
            io.no_stdin = false;
        else if (strcasecmp(s, "stdout") == 0)
            io.no_stdout = false;
        else
            io.no_stderr = false;
    }
    return io;
}

static struct err *start_created(struct cli *c, struct create_opts *o, struct container *ct, int pidfile,
                                 int *exit_code)
{
    const struct container_start_opts start = {
        .attach = !o->detach,
        .pidfile_fd = pidfile,
        .io = attach_of(o),
        .remove_after = o->spec.auto_remove && !o->detach,
    };
    int code = 0;
    if (o->detach) {
        TRY(container_start(c->engine, ct, &start, NULL));
        return cli_printf(c, "%s\n", ct->id);
    }
    TRY(cli_flush(c));
    TRY(container_start(c->engine, ct, &start, &code));
    *exit_code = code < 0 ? 0 : code; /* detached by keys */
    return NULL;
}

/* A container that could not be started stays, as under Podman, so that it can be looked at; with --rm it goes. */
static struct err *undo(struct cli *c, struct create_opts *o, struct container *ct, struct err *take_e)
{
    if (o->spec.auto_remove) {
        const struct container_remove_opts opts = {.force = true, .volumes = true, .timeout_sec = 0};
        err_drop(container_remove(c->engine, ct, &opts));
    }
    return take_e;
}

/* The id file is made first, so that nothing exists yet when that fails; it goes again when the rest does. */
static struct err *create_container(struct cli *c, struct create_opts *o, struct container **ret)
{
    struct engine *e;
    AUTO_FD int cidfile = -1;
    TRY(registry_flags_take(c, &o->registry, &o->pull));
    TRY(create_open_cidfile(o->spec.cidfile, &cidfile));
    c->registry = &o->pull;
    c->quiet = o->quiet;
    struct engine_start start;
    bool early = o->spec.for_run && !o->spec.pod && container_starts_early(&o->spec, &start);
    c->will_start = early ? &start : NULL; /* what goes into a pod, once that has been looked up */
    struct err *err = cli_engine(c, &e);
    c->will_start = NULL;
    if (!err)
        err = create_replace(c, o);
    if (!err)
        err = pod_create_for(c, o);
    if (!err)
        err = container_create(e, &o->spec, ret);
    progress_end(); /* the terminal is the container's from here on */
    if (!err)
        err = create_write_cidfile(o->spec.cidfile, cidfile, (*ret)->id);
    if (err && cidfile >= 0)
        (void)unlink(o->spec.cidfile);
    return err;
}

static struct err *explain(struct cli *c, struct container *ct)
{
    AUTO_STRV struct strv lines = STRV_INIT;
    TRY(container_explain(c->engine, ct, &lines));
    for (size_t i = 0; i < lines.count; i++)
        cli_warn("%s", lines.items[i]);
    return NULL;
}

static struct err *run_verb(struct cli *c, void *opts, int *exit_code)
{
    struct create_opts *o = opts;
    struct container *ct = NULL;
    if (o->rmi)
        o->spec.auto_remove = o->spec.remove_image = true;
    o->spec.for_run = true;
    if (o->hpc)
        return hpc_verb(c, o);
    if (o->step)
        return ERR_NEW(ERR_INVALID, "--step belongs to --hpc");
    TRY(create_finish_spec(c, o));
    if (!o->detach)
        warn_no_tty(&o->spec);
    AUTO_FD int pidfile = -1;
    TRY(create_open_pidfile(o->spec.pidfile, &pidfile));
    TRY(create_container(c, o, &ct));
    struct err *e = o->explain ? explain(c, ct) : NULL;
    cli_show_notices(c);
    if (!e)
        e = start_created(c, o, ct, pidfile, exit_code);
    if (e)
        e = undo(c, o, ct, e);
    container_free(ct);
    return e;
}

static struct err *create_verb(struct cli *c, void *opts, int *exit_code)
{
    struct create_opts *o = opts;
    struct container *ct = NULL;
    (void)exit_code;
    TRY(create_finish_spec(c, o));
    TRY(create_container(c, o, &ct));
    struct err *e = cli_printf(c, "%s\n", ct->id);
    container_free(ct);
    return e;
}

const struct cli_verb cli_verb_run = {
    .paths = "run|container run",
    .synopsis = "[options] IMAGE [COMMAND [ARG...]]",
    .summary = "Run a command in a new container",
    .description = "Runs a command in a new container from the given image",
    .examples = "@ imageID ls -alF /etc\n"
                "@ --network=host imageID dnf -y install java\n"
                "@ --volume /var/hostdir:/var/ctrdir -i -t fedora /bin/bash\n"
                "srun @ --hpc packed:/shared/app.packed ./solver input",
    .flags = run_flags,
    .more_flags = create_flags,
    .opts_size = sizeof(struct create_opts),
    .init = create_opts_init,
    .done = create_opts_done,
    .min_args = 1,
    .max_args = -1,
    .traits = CLI_ARGS_LAST,
    .complete = CLI_COMPLETE_IMAGE,
    .complete_args = 1,
    .run = run_verb,
};

const struct cli_verb cli_verb_create = {
    .paths = "create|container create",
    .synopsis = "[options] IMAGE [COMMAND [ARG...]]",
    .summary = "Create but do not start a container",
    .description =
        "Creates a new container from the given image or storage and prepares it for running the specified command.\n\n"
        "The container ID is then printed to stdout. You can then start it at any time with the coracle start "
        "<container_id> command. The container will be created with the initial state 'created'.",
    .examples = "@ alpine ls\n@ --annotation HELLO=WORLD alpine ls\n@ -t -i --name myctr alpine ls",
    .more_flags = create_flags,
    .opts_size = sizeof(struct create_opts),
    .init = create_opts_init,
    .done = create_opts_done,
    .min_args = 1,
    .max_args = -1,
    .traits = CLI_ARGS_LAST,
    .complete = CLI_COMPLETE_IMAGE,
    .complete_args = 1,
    .run = create_verb,
};
