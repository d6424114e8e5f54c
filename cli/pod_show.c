/* pod logs, pod top: what containers of a pod print and run. */
#include <string.h>

#include "base/mem.h"
#include "cli/logs.h"
#include "cli/pod_select.h"
#include "cli/tabwriter.h"
#include "cli/verbs.h"
#include "engine/container/processes.h"

/* --- logs */

struct pod_logs_opts {
    struct logs_flags logs;
    const char *container;
};
#define O(field) offsetof(struct pod_logs_opts, field)

static const struct cli_flag logs_flags[] = {
    {"color", 0, CLI_BOOL, .offset = O(logs.color),
     .help = "Output the containers within a pod with different colors in the log"},
    {"container", 'c', CLI_STRING, CLI_COMPLETE_CONTAINER, .offset = O(container),
     .help = "Filter logs by container name or id which belongs to pod"},
    {"follow", 'f', CLI_BOOL, .offset = O(logs.follow), .help = "Follow log output."},
    CLI_LATEST_FLAG(O(logs.latest), "pod"),
    {"names", 'n', CLI_BOOL, .offset = O(logs.names),
     .help = "Output container names instead of container IDs in the log"},
    {"since", 0, CLI_STRING, .offset = O(logs.since), .help = "Show logs since TIMESTAMP"},
    {"tail", 0, CLI_INT, .offset = O(logs.tail), .def = "-1",
     .help = "Output the specified number of LINES at the end of the logs."},
    {"timestamps", 't', CLI_BOOL, .offset = O(logs.timestamps), .help = "Output the timestamps in the log"},
    {"until", 0, CLI_STRING, .offset = O(logs.until), .help = "Show logs until TIMESTAMP"},
    {0},
};

static struct err *not_in_pod(const struct pod *p, const char *name)
{
    return ERR_NEW(ERR_NOT_FOUND, "container %s is not in pod %s: no such container", name, p->row.name);
}

/* All but the infra container, which says nothing; or the one that was named. */
static struct err *gather_ids(struct cli *c, const struct pod *p, const char *only, struct strv *ret)
{
    struct container *named = NULL;
    struct err *err = only ? container_find(c->engine, only, &named) : NULL;
    if (err && err_kind(err) == ERR_NOT_FOUND) {
        err_drop(err);
        return not_in_pod(p, only);
    }
    TRY(err);
    for (size_t i = 0; i < p->n_members && !err; i++) {
        const struct container *m = p->members[i];
        if (named ? strcmp(m->id, named->id) == 0 : !m->is_infra)
            err = strv_add(ret, m->id);
    }
    container_free(named);
    return err || !only || ret->count ? err : not_in_pod(p, only);
}

static struct err *logs_verb(struct cli *c, void *opts, int *exit_code)
{
    struct pod_logs_opts *o = opts;
    AUTO_STRV struct strv ids = STRV_INIT;
    struct pod *p = NULL;
    if (!c->n_args && !o->logs.latest)
        return ERR_NEW(ERR_INVALID, "specify at least one pod name or ID to log");
    if (c->n_args && o->logs.latest)
        return ERR_NEW(ERR_INVALID, "--latest and pods cannot be used together");
    TRY(pod_select_one(c, o->logs.latest, &p));
    struct err *err = gather_ids(c, p, o->container, &ids);
    pod_free(p);
    TRY(err);
    if (!ids.count)
        return NULL;
    o->logs.latest = false;
    char **args = c->args; /* as if the containers had been named */
    size_t n_args = c->n_args;
    c->args = ids.items;
    c->n_args = ids.count;
    err = logs_show(c, &o->logs, !o->container, exit_code);
    c->args = args;
    c->n_args = n_args;
    return err;
}

const struct cli_verb cli_verb_pod_logs = {
    .paths = "pod logs",
    .synopsis = "[options] POD",
    .summary = "Fetch logs for pod with one or more containers",
    .description = "Displays logs for pod with one or more containers.",
    .examples = "@ podID\n@ -c ctrname podName\n@ --tail 2 mywebserver\n@ --follow=true --since 10m podID",
    .flags = logs_flags,
    .opts_size = sizeof(struct pod_logs_opts),
    .max_args = 1,
    .complete = CLI_COMPLETE_POD,
    .complete_args = 1,
    .run = logs_verb,
};

/* --- top */

struct pod_top_opts {
    bool latest;
};

static const struct cli_flag top_flags[] = {
    CLI_LATEST_FLAG(offsetof(struct pod_top_opts, latest), "pod"),
    {0},
};

/* With a shared pid namespace each of them would show what is in it: the infra container does. */
static bool shows_own(const struct pod *p, const struct container *c)
{
    const struct ns_spec *pid = &c->spec.pid;
    return c->state == CT_RUNNING &&
           !(pid->mode == NS_CONTAINER && p->row.infra_id && strcmp(pid->arg, p->row.infra_id) == 0);
}

/* One heading for all. */
static struct err *gather_lines(struct cli *c, const struct pod *p, const struct strv *words, struct strv *ret)
{
    for (size_t i = 0; i < p->n_members; i++) {
        AUTO_STRV struct strv lines = STRV_INIT;
        if (!shows_own(p, p->members[i]))
            continue;
        TRY(container_top(c->engine, p->members[i], words, &lines));
        for (size_t k = ret->count ? 1 : 0; k < lines.count; k++)
            TRY(strv_add(ret, lines.items[k]));
    }
    return NULL;
}

static struct err *top_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct pod_top_opts *o = opts;
    AUTO_STRV struct strv words = STRV_INIT, lines = STRV_INIT;
    struct pod *p = NULL;
    (void)exit_code;
    if (!o->latest && !c->n_args)
        return ERR_NEW(ERR_INVALID, "you must provide the name or id of a running pod");
    TRY_WRAP(pod_select_one(c, o->latest, &p), "unable to look up requested container");
    struct err *err = strv_add_all(&words, c->args + (o->latest ? 0 : 1));
    if (!err)
        err = gather_lines(c, p, &words, &lines);
    pod_free(p);
    TRY(err);
    return lines.count ? tabwriter_lines(&lines, &c->out) : NULL;
}

const struct cli_verb cli_verb_pod_top = {
    .paths = "pod top",
    .synopsis = "[options] POD [FORMAT-DESCRIPTORS|ARGS...]",
    .summary = "Display the running processes of containers in a pod",
    .description =
        "Specify format descriptors to alter the output.\n\n"
        "You may run \"" CLI_PROGRAM
        " pod top -l pid pcpu seccomp\" to print the process ID, the CPU percentage and the seccomp mode of each "
        "process of the latest pod.\n\n"
        "Format Descriptors:\n"
        "  args,capamb,capbnd,capeff,capinh,capprm,comm,etime,group,groups,hgroup,hgroups,hpid,huser,label,nice,pcpu,"
        "pgid,pid,ppid,rgroup,rss,ruser,seccomp,state,stime,time,tty,user,vsz",
    .examples = "@ podID\n@ --latest\n@ podID pid seccomp args %C",
    .flags = top_flags,
    .opts_size = sizeof(struct pod_top_opts),
    .max_args = -1,
    .traits = CLI_ARGS_LAST,
    .complete = CLI_COMPLETE_POD,
    .complete_args = 1,
    .run = top_verb,
};
