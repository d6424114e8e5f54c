/* stop, restart, kill. */
#include "base/mem.h"
#include "base/number.h"
#include "cli/select.h"
#include "cli/verbs.h"

/* Options of all three; each verb's table has its own. */
struct stop_opts {
    bool all, ignore, latest, running;
    uint64_t time;
    struct strv cidfiles, filters;
    const char *signal;
};
#define O(field) offsetof(struct stop_opts, field)
#define CIDFILE_FLAG                                                                              \
    {                                                                                             \
        "cidfile", 0, CLI_ARRAY, CLI_COMPLETE_FILE, .offset = O(cidfiles),                        \
                                                    .help = "Read the container ID from the file" \
    }
#define FILTER_FLAG                                                                                         \
    {                                                                                                       \
        "filter", 'f', CLI_STRINGS, .offset = O(filters), .help = "Filter output based on conditions given" \
    }
#define TIME_FLAGS                                                                  \
    {"time",      't',                                                              \
     CLI_UINT,    .offset = O(time),                                                \
     .def = "10", .help = "Seconds to wait for stop before killing the container"}, \
    {                                                                               \
        "timeout", 0, CLI_UINT, .hidden = true, .offset = O(time)                   \
    }

/* --time when it was given, else the container's own. */
static int64_t timeout_of(const struct cli *c, const struct stop_opts *o)
{
    return cli_given(c, "time") || cli_given(c, "timeout") ? (int64_t)o->time : -1;
}

static const struct cli_flag stop_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Stop all running containers"},
    CIDFILE_FLAG,
    FILTER_FLAG,
    {"ignore", 'i', CLI_BOOL, .offset = O(ignore), .help = "Ignore errors when a specified container is missing"},
    CLI_LATEST_FLAG(O(latest), "container"),
    TIME_FLAGS,
    {0},
};

/* One that isn't running is stopped already. */
static struct err *stop_one(struct cli *c, const struct stop_opts *o, const struct selected *item)
{
    struct err *e = container_stop(c->engine, item->container, timeout_of(c, o));
    if (e && err_kind(e) == ERR_STATE && (o->all || item->container->state != CT_PAUSED)) {
        err_drop(e);
        e = NULL;
    }
    TRY(e);
    return cli_printf(c, "%s\n", item->shown);
}

static struct err *stop_verb(struct cli *c, void *opts, int *exit_code)
{
    struct stop_opts *o = opts;
    AUTO_SELECTION struct selection all = {0};
    struct cli_errors errors = {0};
    const struct select_opts which = {.all = o->all,
                                      .latest = o->latest,
                                      .ignore = o->ignore,
                                      .running_only = true,
                                      .filters = &o->filters,
                                      .cidfiles = &o->cidfiles};
    (void)exit_code;
    TRY(select_containers(c, &which, &all));
    for (size_t i = 0; i < all.count; i++)
        cli_errors_add(&errors, stop_one(c, o, &all.items[i]));
    return cli_errors_finish(&errors);
}

const struct cli_verb cli_verb_stop = {
    .paths = "stop|container stop",
    .synopsis = "[options] CONTAINER [CONTAINER...]",
    .summary = "Stop one or more containers",
    .description = "Stops one or more running containers.  The container name or ID can be used.\n\n"
                   "A timeout to forcibly stop the container can also be set but defaults to 10 seconds otherwise.",
    .examples = "@ ctrID\n@ --latest\n@ --time 2 mywebserver 6e534f14da9d",
    .flags = stop_flags,
    .opts_size = sizeof(struct stop_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_RUNNING,
    .run = stop_verb,
};

/* --- restart */

static const struct cli_flag restart_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Restart all non-running containers"},
    CIDFILE_FLAG,
    FILTER_FLAG,
    CLI_LATEST_FLAG(O(latest), "container"),
    {"running", 0, CLI_BOOL, .offset = O(running), .help = "Restart only running containers"},
    TIME_FLAGS,
    {0},
};

#define RESTART_FAILED 125 /* whatever the reason: of 126 and 127 run alone speaks */

static struct err *restart_verb(struct cli *c, void *opts, int *exit_code)
{
    struct stop_opts *o = opts;
    AUTO_SELECTION struct selection all = {0};
    struct cli_errors errors = {0};
    const struct select_opts which = {.all = o->all || o->running,
                                      .latest = o->latest,
                                      .running_only = o->running,
                                      .filters = &o->filters,
                                      .cidfiles = &o->cidfiles};
    TRY(select_containers(c, &which, &all));
    for (size_t i = 0; i < all.count; i++) {
        struct err *e = container_restart(c->engine, all.items[i].container, timeout_of(c, o));
        cli_errors_add(&errors, e ? e : cli_printf(c, "%s\n", all.items[i].shown));
    }
    struct err *e = cli_errors_finish(&errors);
    *exit_code = e ? RESTART_FAILED : 0;
    return e;
}

const struct cli_verb cli_verb_restart = {
    .paths = "restart|container restart",
    .synopsis = "[options] CONTAINER [CONTAINER...]",
    .summary = "Restart one or more containers",
    .description = "Restarts one or more running containers. The container ID or name can be used.\n\n"
                   "A timeout before forcibly stopping can be set, but defaults to 10 seconds.",
    .examples = "@ ctrID\n@ --latest\n@ ctrID1 ctrID2",
    .flags = restart_flags,
    .opts_size = sizeof(struct stop_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_CONTAINER,
    .run = restart_verb,
};

/* --- kill */

static const struct cli_flag kill_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Signal all running containers"},
    CIDFILE_FLAG,
    CLI_LATEST_FLAG(O(latest), "container"),
    {"signal", 's', CLI_STRING, .offset = O(signal), .def = "KILL", .help = "Signal to send to the container"},
    {0},
};

static struct err *kill_verb(struct cli *c, void *opts, int *exit_code)
{
    struct stop_opts *o = opts;
    AUTO_SELECTION struct selection all = {0};
    struct cli_errors errors = {0};
    int sig;
    const struct select_opts which = {
        .all = o->all, .latest = o->latest, .running_only = true, .cidfiles = &o->cidfiles};
    (void)exit_code;
    TRY(spec_parse_signal(o->signal, &sig));
    TRY(select_containers(c, &which, &all));
    for (size_t i = 0; i < all.count; i++) {
        struct err *e = container_kill(c->engine, all.items[i].container, sig);
        cli_errors_add(&errors, e ? e : cli_printf(c, "%s\n", all.items[i].shown));
    }
    return cli_errors_finish(&errors);
}

const struct cli_verb cli_verb_kill = {
    .paths = "kill|container kill",
    .synopsis = "[options] CONTAINER [CONTAINER...]",
    .summary = "Kill one or more running containers with a specific signal",
    .description =
        "The main process inside each container specified will be sent SIGKILL, or any signal specified with "
        "option --signal.",
    .examples = "@ mywebserver\n@ 860a4b23\n@ --signal TERM ctrID",
    .flags = kill_flags,
    .opts_size = sizeof(struct stop_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_RUNNING,
    .run = kill_verb,
};
