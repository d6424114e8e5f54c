/* start and attach. */
#include <unistd.h>

#include "cli/select.h"
#include "cli/verbs.h"

struct start_opts {
    bool all, attach, interactive, latest;
    int sig_proxy;
    const char *detach_keys;
    struct strv filters;
};
#define O(field) offsetof(struct start_opts, field)

#define DETACH_KEYS_HELP                                                                                           \
    "Select the key sequence for detaching a container. Format is a single character [a-Z] or a comma separated "  \
    "sequence of `ctrl-<value>`, where `<value>` is one of: `a-z`, `@`, `^`, `[`, `\\`, `]`, `^` or `_` (default " \
    "\"ctrl-p,ctrl-q\")"

static const struct cli_flag start_flags[] = {
    {"all", 0, CLI_BOOL, .offset = O(all), .help = "Start all containers regardless of their state or configuration"},
    {"attach", 'a', CLI_BOOL, .offset = O(attach), .help = "Attach container's STDOUT and STDERR"},
    {"detach-keys", 0, CLI_STRING, .offset = O(detach_keys), .arg = "[a-Z]", .help = DETACH_KEYS_HELP},
    {"filter", 'f', CLI_STRINGS, .offset = O(filters), .help = "Filter output based on conditions given"},
    {"interactive", 'i', CLI_BOOL, .offset = O(interactive), .help = "Keep STDIN open even if not attached"},
    CLI_LATEST_FLAG(O(latest), "container"),
    {"sig-proxy", 0, CLI_TRISTATE, .offset = O(sig_proxy),
     .help = "Proxy received signals to the process (default true if attaching, false otherwise)"},
    {0},
};

#define START_FAILED 125 /* whatever the reason: of 126 and 127 run alone speaks */

/* One that runs already is attached to, as Podman does. */
static struct err *start_attached(struct cli *c, const struct start_opts *o, struct container *ct, int *exit_code)
{
    const struct container_start_opts opts = {
        .attach = true,
        .io = {.no_stdin = !o->interactive,
               .no_stdout = !o->attach,
               .no_stderr = !o->attach,
               .in_fd = STDIN_FILENO,
               .out_fd = STDOUT_FILENO,
               .err_fd = STDERR_FILENO,
               .detach_keys = o->detach_keys,
               .sig_proxy = o->sig_proxy != 0,
               .logs_first = true},
    };
    int code = 0;
    cli_show_notices(c);
    if (ct->state == CT_RUNNING) {
        TRY(container_attach(c->engine, ct, &opts.io, &code));
    } else {
        *exit_code = START_FAILED;
        TRY_WRAP(container_start(c->engine, ct, &opts, &code), "unable to start container %s", ct->id);
    }
    *exit_code = code < 0 ? 0 : code;
    return NULL;
}

/* One that runs already is started already. */
static struct err *start_detached(struct cli *c, const struct selected *item)
{
    const struct container_start_opts opts = {.attach = false};
    if (item->container->state != CT_RUNNING)
        TRY_WRAP(container_start(c->engine, item->container, &opts, NULL), "unable to start container \"%s\"",
                 item->container->id);
    return cli_printf(c, "%s\n", item->shown);
}

static struct err *start_verb(struct cli *c, void *opts, int *exit_code)
{
    struct start_opts *o = opts;
    AUTO_SELECTION struct selection all = {0};
    struct cli_errors errors = {0};
    if (!c->n_args && !o->latest && !o->all && !o->filters.count)
        return ERR_NEW(ERR_INVALID, "start requires at least one argument");
    if (c->n_args && o->all)
        return ERR_NEW(ERR_INVALID, "either start all containers or the container(s) provided in the arguments");
    if ((o->attach || o->interactive) && (c->n_args > 1 || o->all || o->filters.count))
        return ERR_NEW(ERR_INVALID, "you cannot start and attach multiple containers at once");
    TRY(cli_check_detach_keys(o->detach_keys));
    if (o->sig_proxy == 1 && !o->attach)
        return ERR_NEW(ERR_INVALID, "you cannot use sig-proxy without --attach: invalid argument");
    const struct select_opts which = {.all = o->all, .latest = o->latest, .filters = &o->filters};
    TRY(select_containers(c, &which, &all));
    if (o->attach || o->interactive)
        return start_attached(c, o, all.items[0].container, exit_code);
    for (size_t i = 0; i < all.count; i++)
        cli_errors_add(&errors, start_detached(c, &all.items[i]));
    struct err *e = cli_errors_finish(&errors);
    *exit_code = e ? START_FAILED : 0;
    return e;
}

const struct cli_verb cli_verb_start = {
    .paths = "start|container start",
    .synopsis = "[options] CONTAINER [CONTAINER...]",
    .summary = "Start one or more containers",
    .description = "Starts one or more containers.  The container name or ID can be used.",
    .examples = "@ --latest\n@ 860a4b231279 5421ab43b45\n@ --interactive --attach imageID",
    .flags = start_flags,
    .opts_size = sizeof(struct start_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_CONTAINER,
    .run = start_verb,
};

/* --- attach */

struct attach_verb_opts {
    bool latest, no_stdin, no_sig_proxy;
    const char *detach_keys;
};
#undef O
#define O(field) offsetof(struct attach_verb_opts, field)

static struct err *set_no_sig_proxy(void *opts, const struct cli_flag *f, const char *value)
{
    struct attach_verb_opts *o = opts;
    (void)f;
    o->no_sig_proxy = value[0] == 'f';
    return NULL;
}

static const struct cli_flag attach_flags[] = {
    {"detach-keys", 0, CLI_STRING, .offset = O(detach_keys), .arg = "[a-Z]", .help = DETACH_KEYS_HELP},
    CLI_LATEST_FLAG(O(latest), "container"),
    {"no-stdin", 0, CLI_BOOL, .offset = O(no_stdin), .help = "Do not attach STDIN. The default is false"},
    {"sig-proxy", 0, CLI_CALL_BOOL, .set = set_no_sig_proxy, .def = "true",
     .help = "Proxy received signals to the process"},
    {0},
};

static struct err *attach_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct attach_verb_opts *o = opts;
    struct container *ct = NULL;
    int code = 0;
    if (c->n_args > 1 || (c->n_args == 1 && o->latest))
        return ERR_NEW(ERR_INVALID, "`" CLI_PROGRAM " %s` accepts at most one argument", c->path);
    if (!c->n_args && !o->latest)
        return cli_usage_error(c, "requires a name, id, or the \"--latest\" flag");
    TRY(cli_check_detach_keys(o->detach_keys));
    TRY(select_one(c, o->latest, &ct));
    const struct attach_opts io = {
        .no_stdin = o->no_stdin,
        .in_fd = STDIN_FILENO,
        .out_fd = STDOUT_FILENO,
        .err_fd = STDERR_FILENO,
        .detach_keys = o->detach_keys,
        .sig_proxy = !o->no_sig_proxy,
    };
    cli_show_notices(c);
    struct err *e = ct->state == CT_RUNNING ? container_attach(c->engine, ct, &io, &code)
                                            : ERR_NEW(ERR_STATE, "you can only attach to running containers");
    container_free(ct);
    *exit_code = code < 0 ? 0 : code;
    return e;
}

const struct cli_verb cli_verb_attach = {
    .paths = "attach|container attach",
    .synopsis = "[options] CONTAINER",
    .summary = "Attach to a running container",
    .description =
        "The " CLI_PROGRAM " attach command allows you to attach to a running container using the container's "
        "ID or name, either to view its ongoing output or to control it interactively.",
    .examples = "@ ctrID\n@ 1234\n@ --no-stdin foobar",
    .flags = attach_flags,
    .opts_size = sizeof(struct attach_verb_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_RUNNING,
    .complete_args = 1,
    .run = attach_verb,
};
