/* The group `pod`: start, stop, restart, kill, pause, unpause, rm, prune, exists. create and clone are in pod_create.c,
 * ps in pod_ps.c, what shows containers of a pod in pod_show.c and stats.c. */
#include "engine/pod/pod.h"
#include "cli/cli.h"
#include "cli/pod_select.h"
#include "cli/verbs.h"

const struct cli_verb cli_verb_pod = {
    .paths = "pod",
    .summary = "Manage pods",
    .description =
        "Pods are a group of one or more containers sharing the same network, pid and ipc namespaces, as asked "
        "for, which are started, stopped and removed together.",
    .traits = CLI_GROUP,
};

struct pod_opts {
    bool all, force, ignore, latest;
    uint64_t time;
    const char *signal;
    int sig; /* what `signal` says */
    struct strv idfiles;
};
#define O(field) offsetof(struct pod_opts, field)
#define ALL_FLAG(text)                                        \
    {                                                         \
        "all", 'a', CLI_BOOL, .offset = O(all), .help = text, \
    }
#define IDFILE_FLAG                                                                                                   \
    {                                                                                                                 \
        "pod-id-file", 0, CLI_ARRAY, CLI_COMPLETE_FILE, .offset = O(idfiles), .help = "Read the pod ID from the file" \
    }
#define IGNORE_FLAG                                                                                           \
    {                                                                                                         \
        "ignore", 'i', CLI_BOOL, .offset = O(ignore), .help = "Ignore errors when a specified pod is missing" \
    }
#define TIME_FLAG                                                                                  \
    {                                                                                              \
        "time", 't', CLI_UINT, .offset = O(time), .def = "10",                                     \
                               .help = "Seconds to wait for pod stop before killing the container" \
    }

static int64_t timeout_of(const struct cli *c, const struct pod_opts *o)
{
    return cli_given(c, "time") ? (int64_t)o->time : -1;
}

/* One operation on every selected pod; the id of each that it went well with. */
static struct err *each_pod(struct cli *c, const struct pod_opts *o,
                            struct err *(*fn)(struct cli *c, const struct pod_opts *o, struct pod *p))
{
    AUTO_PODS struct pod_selection all = {0};
    struct cli_errors errors = {0};
    const struct pod_select_opts which = {
        .all = o->all, .latest = o->latest, .ignore = o->ignore || o->force, .idfiles = &o->idfiles};
    TRY(pod_select(c, &which, &all));
    for (size_t i = 0; i < all.count; i++) {
        struct err *err = fn(c, o, all.items[i]);
        cli_errors_add(&errors, err ? err : cli_printf(c, "%s\n", all.items[i]->row.id));
    }
    return cli_errors_finish(&errors);
}

/* --- start, stop, restart */

static const struct cli_flag start_flags[] = {
    ALL_FLAG("Start all pods"),
    CLI_LATEST_FLAG(O(latest), "pod"),
    IDFILE_FLAG,
    {0},
};

static struct err *start_one(struct cli *c, const struct pod_opts *o, struct pod *p)
{
    (void)o;
    return pod_start(c->engine, p);
}

/* Whatever was wrong with a container's command: 125, as in Podman. */
static struct err *start_verb(struct cli *c, void *opts, int *exit_code)
{
    struct err *err = each_pod(c, opts, start_one);
    if (err)
        *exit_code = 125;
    return err;
}

const struct cli_verb cli_verb_pod_start = {
    .paths = "pod start",
    .synopsis = "[options] POD [POD...]",
    .summary = "Start one or more pods",
    .description = "The pod name or ID can be used.\n\nAll containers defined in the pod will be started.",
    .examples = "@ podID\n@ --latest\n@ --all",
    .flags = start_flags,
    .opts_size = sizeof(struct pod_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_POD,
    .run = start_verb,
};

static const struct cli_flag stop_flags[] = {
    ALL_FLAG("Stop all running pods"), IGNORE_FLAG, CLI_LATEST_FLAG(O(latest), "pod"), IDFILE_FLAG, TIME_FLAG, {0},
};

static struct err *stop_one(struct cli *c, const struct pod_opts *o, struct pod *p)
{
    return pod_stop(c->engine, p, timeout_of(c, o));
}

static struct err *stop_verb(struct cli *c, void *opts, int *exit_code)
{
    (void)exit_code;
    return each_pod(c, opts, stop_one);
}

const struct cli_verb cli_verb_pod_stop = {
    .paths = "pod stop",
    .synopsis = "[options] POD [POD...]",
    .summary = "Stop one or more pods",
    .description = "The pod name or ID can be used.\n\n"
                   "This command will stop all running containers in each of the specified pods.",
    .examples = "@ mywebserverpod\n@ --latest\n@ --time 0 490eb 3557fb",
    .flags = stop_flags,
    .opts_size = sizeof(struct pod_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_POD,
    .run = stop_verb,
};

static const struct cli_flag restart_flags[] = {
    ALL_FLAG("Restart all running pods"),
    CLI_LATEST_FLAG(O(latest), "pod"),
    {0},
};

static struct err *restart_one(struct cli *c, const struct pod_opts *o, struct pod *p)
{
    (void)o;
    return pod_restart(c->engine, p, -1);
}

static struct err *restart_verb(struct cli *c, void *opts, int *exit_code)
{
    struct err *err = each_pod(c, opts, restart_one);
    if (err)
        *exit_code = 125;
    return err;
}

const struct cli_verb cli_verb_pod_restart = {
    .paths = "pod restart",
    .synopsis = "[options] POD [POD...]",
    .summary = "Restart one or more pods",
    .description = "The pod ID or name can be used.\n\nAll of the containers within each of the specified pods will be "
                   "restarted. If a container in a pod is not currently running it will be started.",
    .examples = "@ podID1 podID2\n@ --latest\n@ --all",
    .flags = restart_flags,
    .opts_size = sizeof(struct pod_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_POD,
    .run = restart_verb,
};

/* --- kill, pause, unpause */

static const struct cli_flag kill_flags[] = {
    ALL_FLAG("Kill all containers in all pods"),
    CLI_LATEST_FLAG(O(latest), "pod"),
    {"signal", 's', CLI_STRING, .offset = O(signal), .def = "KILL",
     .help = "Signal to send to the containers in the pod"},
    {0},
};

static struct err *kill_one(struct cli *c, const struct pod_opts *o, struct pod *p)
{
    return pod_kill(c->engine, p, o->sig);
}

static struct err *kill_verb(struct cli *c, void *opts, int *exit_code)
{
    struct pod_opts *o = opts;
    (void)exit_code;
    TRY(spec_parse_signal(o->signal, &o->sig));
    return each_pod(c, opts, kill_one);
}

const struct cli_verb cli_verb_pod_kill = {
    .paths = "pod kill",
    .synopsis = "[options] POD [POD...]",
    .summary = "Send the specified signal or SIGKILL to containers in pod",
    .description = "Signals are sent to the main process of each container inside the specified pod.\n\n"
                   "The default signal is SIGKILL, or any signal specified with option --signal.",
    .examples = "@ podID\n@ --signal TERM mywebserver\n@ --latest",
    .flags = kill_flags,
    .opts_size = sizeof(struct pod_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_POD,
    .run = kill_verb,
};

static const struct cli_flag pause_flags[] = {
    ALL_FLAG("Pause all running pods"),
    CLI_LATEST_FLAG(O(latest), "pod"),
    {0},
};

static struct err *pause_one(struct cli *c, const struct pod_opts *o, struct pod *p)
{
    (void)o;
    return pod_pause(c->engine, p);
}

static struct err *pause_verb(struct cli *c, void *opts, int *exit_code)
{
    (void)exit_code;
    return each_pod(c, opts, pause_one);
}

const struct cli_verb cli_verb_pod_pause = {
    .paths = "pod pause",
    .synopsis = "[options] POD [POD...]",
    .summary = "Pause one or more pods",
    .description = "The pod name or ID can be used.\n\n"
                   "All running containers within each specified pod will then be paused.",
    .examples = "@ podID1 podID2\n@ --latest\n@ --all",
    .flags = pause_flags,
    .opts_size = sizeof(struct pod_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_POD,
    .run = pause_verb,
};

static const struct cli_flag unpause_flags[] = {
    ALL_FLAG("Unpause all running pods"),
    CLI_LATEST_FLAG(O(latest), "pod"),
    {0},
};

static struct err *unpause_one(struct cli *c, const struct pod_opts *o, struct pod *p)
{
    (void)o;
    return pod_unpause(c->engine, p);
}

static struct err *unpause_verb(struct cli *c, void *opts, int *exit_code)
{
    (void)exit_code;
    return each_pod(c, opts, unpause_one);
}

const struct cli_verb cli_verb_pod_unpause = {
    .paths = "pod unpause",
    .synopsis = "[options] POD [POD...]",
    .summary = "Unpause one or more pods",
    .description = "The " CLI_PROGRAM " unpause command will unpause all \"paused\" containers assigned to the pod.\n\n"
                   "The pod name or ID can be used.",
    .examples = "@ podID1 podID2\n@ --all\n@ --latest",
    .flags = unpause_flags,
    .opts_size = sizeof(struct pod_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_POD,
    .run = unpause_verb,
};

/* --- rm, prune, exists */

static const struct cli_flag rm_flags[] = {
    ALL_FLAG("Remove all running pods"),
    {"force", 'f', CLI_BOOL, .offset = O(force),
     .help = "Force removal of a running pod by first stopping all containers, then removing all containers in the "
             "pod.  The default is false"},
    IGNORE_FLAG,
    CLI_LATEST_FLAG(O(latest), "pod"),
    IDFILE_FLAG,
    TIME_FLAG,
    {0},
};

static struct err *rm_one(struct cli *c, const struct pod_opts *o, struct pod *p)
{
    return pod_remove(c->engine, p, o->force, timeout_of(c, o));
}

/* A pod that is missing makes it 1. */
static struct err *rm_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct pod_opts *o = opts;
    if (cli_given(c, "time") && !o->force)
        return ERR_NEW(ERR_INVALID, "--force option must be specified to use the --time option");
    struct err *err = each_pod(c, opts, rm_one);
    if (err && err_kind(err) == ERR_NOT_FOUND)
        *exit_code = 1;
    return err;
}

const struct cli_verb cli_verb_pod_rm = {
    .paths = "pod rm",
    .synopsis = "[options] POD [POD...]",
    .summary = "Remove one or more pods",
    .description = "Removes one or more stopped pods and their containers from the host.\n\n"
                   "The pod name or ID can be used.  A pod with running containers will not be removed without "
                   "--force. If --force is specified, all containers will be stopped, then removed.",
    .examples = "@ mywebserverpod\n@ -f 860a4b23\n@ -f -a",
    .flags = rm_flags,
    .opts_size = sizeof(struct pod_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_POD,
    .run = rm_verb,
};

static const struct cli_flag prune_flags[] = {
    {"force", 'f', CLI_BOOL, .offset = O(force), .help = "Do not prompt for confirmation.  The default is false"},
    {0},
};

static struct err *prune_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct pod_opts *o = opts;
    AUTO_STRV struct strv ids = STRV_INIT;
    struct engine *e;
    bool yes = o->force;
    (void)exit_code;
    if (!yes) {
        TRY(cli_printf(c, "WARNING! This will remove all stopped/exited pods..\n"));
        TRY(cli_confirm(c, &yes));
    }
    if (!yes)
        return NULL;
    TRY(cli_engine(c, &e));
    TRY(pod_prune(e, &ids));
    for (size_t i = 0; i < ids.count; i++)
        TRY(cli_printf(c, "%s\n", ids.items[i]));
    return NULL;
}

const struct cli_verb cli_verb_pod_prune = {
    .paths = "pod prune",
    .synopsis = "[options]",
    .summary = "Remove all stopped pods and their containers",
    .description = "Removes all exited pods",
    .examples = "@",
    .flags = prune_flags,
    .opts_size = sizeof(struct pod_opts),
    .run = prune_verb,
};

static struct err *exists_verb(struct cli *c, void *opts, int *exit_code)
{
    struct engine *e;
    struct pod_row p = {0};
    (void)opts;
    TRY(cli_engine(c, &e));
    struct err *err = pod_row_find(e, c->args[0], &p);
    pod_row_done(&p);
    return cli_exists(err, exit_code);
}

const struct cli_verb cli_verb_pod_exists = {
    .paths = "pod exists",
    .synopsis = "POD",
    .summary = "Check if a pod exists in local storage",
    .description = "If the named pod exists in local storage, " CLI_PROGRAM
                   " pod exists exits with 0, otherwise the exit code will be 1.",
    .examples = "@ podID\n@ mypod || " CLI_PROGRAM " pod create --name mypod",
    .opts_size = 1,
    .min_args = 1,
    .max_args = 1,
    .complete = CLI_COMPLETE_POD,
    .run = exists_verb,
};
