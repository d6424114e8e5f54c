/* logs. */
#include "cli/logs.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/select.h"
#include "cli/verbs.h"

#define O(field) offsetof(struct logs_flags, field)

static const struct cli_flag logs_flags[] = {
    {"color", 0, CLI_BOOL, .offset = O(color), .help = "Output the containers with different colors in the log."},
    {"follow", 'f', CLI_BOOL, .offset = O(follow), .help = "Follow log output.  The default is false"},
    CLI_LATEST_FLAG(O(latest), "container"),
    {"names", 'n', CLI_BOOL, .offset = O(names), .help = "Output the container name in the log"},
    {"since", 0, CLI_STRING, .offset = O(since), .help = "Show logs since TIMESTAMP"},
    {"tail", 0, CLI_INT, .offset = O(tail), .def = "-1",
     .help = "Output the specified number of LINES at the end of the logs.  Defaults to -1, which prints all lines"},
    {"timestamps", 't', CLI_BOOL, .offset = O(timestamps), .help = "Output the timestamps in the log"},
    {"until", 0, CLI_STRING, .offset = O(until), .help = "Show logs until TIMESTAMP"},
    {0},
};

/* Containers of one command take turns. */
static const char *color_of(size_t index)
{
    static const char *const colors[] = {"\033[37m", "\033[31m", "\033[33m", "\033[34m",
                                         "\033[35m", "\033[36m", "\033[32m"};
    return colors[index % ARRAY_LEN(colors)];
}

static struct err *print_logs(struct cli *c, const struct logs_flags *o, const struct logs_opts *logs, size_t first)
{
    AUTO_SELECTION struct selection all = {0};
    const struct select_opts which = {.latest = o->latest};
    struct logs_opts own = *logs;
    TRY(select_containers(c, &which, &all));
    for (size_t i = 0; i < all.count; i++) {
        own.color = o->color ? color_of(first + i) : NULL;
        TRY(container_logs(c->engine, all.items[i].container, &own));
    }
    return NULL;
}

/* Several containers that are followed write side by side: a process for each, with an engine of its own, because each
 * waits for its own log. */
static struct err *follow_all(struct cli *c, const struct logs_flags *o, const struct logs_opts *logs, int *exit_code)
{
    cli_show_notices(c);
    engine_close(TAKE_PTR(c->engine)); /* pod logs has looked for the pod with it */
    for (size_t i = 0; i < c->n_args; i++) {
        pid_t pid = fork();
        if (pid < 0)
            return ERR_SYS(errno, "fork");
        if (pid > 0)
            continue;
        c->args += i;
        c->n_args = 1;
        struct err *e = print_logs(c, o, logs, i);
        if (e)
            cli_warn("Error: %s", err_text(e));
        _exit(e ? err_exit_code(e) : 0);
    }
    int status;
    while (wait(&status) > 0 || errno == EINTR)
        if (WIFEXITED(status) && WEXITSTATUS(status))
            *exit_code = WEXITSTATUS(status);
    return NULL;
}

struct err *logs_show(struct cli *c, const struct logs_flags *o, bool prefix, int *exit_code)
{
    struct logs_opts logs = {
        .follow = o->follow,
        .timestamps = o->timestamps,
        .names = o->names && prefix,
        .ids = !o->names && prefix,
        .tail = o->tail < 0 ? -1 : o->tail,
        .out_fd = STDOUT_FILENO,
        .err_fd = STDERR_FILENO,
    };
    TRY(cli_parse_time("since", o->since, &logs.since_nsec));
    TRY(cli_parse_time("until", o->until, &logs.until_nsec));
    if (logs.follow && c->n_args > 1)
        return follow_all(c, o, &logs, exit_code);
    return print_logs(c, o, &logs, 0);
}

static struct err *logs_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct logs_flags *o = opts;
    if (!c->n_args && !o->latest)
        return ERR_NEW(ERR_INVALID, "specify at least one container name or ID to log");
    return logs_show(c, o, c->n_args > 1, exit_code);
}

const struct cli_verb cli_verb_logs = {
    .paths = "logs|container logs",
    .synopsis = "[options] CONTAINER [CONTAINER...]",
    .summary = "Fetch the logs of one or more containers",
    .description =
        "Retrieves logs for one or more containers.\n\n"
        "This does not guarantee execution order when combined with " CLI_PROGRAM
        " run (i.e., your run may not have generated any logs at the time you execute " CLI_PROGRAM " logs).",
    .examples = "@ ctrID\n@ --names ctrID1 ctrID2\n@ --tail 2 mywebserver\n@ --follow=true --since 10m ctrID\n"
                "@ mywebserver mydbserver",
    .flags = logs_flags,
    .opts_size = sizeof(struct logs_flags),
    .max_args = -1,
    .complete = CLI_COMPLETE_CONTAINER,
    .run = logs_verb,
};
