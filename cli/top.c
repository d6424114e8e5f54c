/* top. */
#include <stdlib.h>
#include <unistd.h>

#include "cli/select.h"
#include "cli/tabwriter.h"
#include "cli/verbs.h"
#include "engine/container/processes.h"

struct top_opts {
    bool latest;
};

static const struct cli_flag top_flags[] = {
    CLI_LATEST_FLAG(offsetof(struct top_opts, latest), "container"),
    {0},
};

/* Options of ps(1), and descriptors that only it may know. */
static struct err *run_ps(struct cli *c, struct container *ct, char *const *args, int *exit_code)
{
    struct exec_opts x = {
        .io = {.no_stdin = true, .in_fd = STDIN_FILENO, .out_fd = STDOUT_FILENO, .err_fd = STDERR_FILENO},
    };
    int code = 0;
    struct err *e = strv_add(&x.command, "ps");
    if (!e)
        e = strv_add_all(&x.command, args);
    if (!e)
        e = container_exec(c->engine, ct, &x, &code, NULL);
    strv_done(&x.command);
    TRY_WRAP(e, "executing ps(1) in the container");
    *exit_code = code ? 125 : 0;
    return NULL;
}

static struct err *show(struct cli *c, struct container *ct, char *const *args, int *exit_code)
{
    AUTO_STRV struct strv words = STRV_INIT, lines = STRV_INIT;
    bool dashes = false;
    for (char *const *a = args; *a; a++)
        dashes |= **a == '-';
    TRY(strv_add_all(&words, args));
    struct err *e = ct->state != CT_RUNNING ? ERR_NEW(ERR_STATE, "top can only be used on running containers")
                    : dashes                ? run_ps(c, ct, args, exit_code)
                                            : container_top(c->engine, ct, &words, &lines);
    if (e && err_kind(e) == ERR_NOT_FOUND && !dashes) {
        err_drop(e);
        return run_ps(c, ct, args, exit_code);
    }
    TRY(e);
    return dashes ? NULL : tabwriter_lines(&lines, &c->out);
}

static struct err *top_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct top_opts *o = opts;
    struct container *ct = NULL;
    if (!o->latest && !c->n_args)
        return ERR_NEW(ERR_INVALID, "you must provide the name or id of a running container");
    TRY_WRAP(select_one(c, o->latest, &ct), "unable to look up requested container");
    struct err *e = show(c, ct, c->args + (o->latest ? 0 : 1), exit_code);
    container_free(ct);
    return e;
}

const struct cli_verb cli_verb_top = {
    .paths = "top|container top",
    .synopsis = "[options] CONTAINER [FORMAT-DESCRIPTORS|ARGS...]",
    .summary = "Display the running processes of a container",
    .description =
        "Display the running processes of a container.\n\n"
        "The top command extends the ps(1) compatible AIX descriptors with container-specific ones as shown below.  In "
        "the presence of ps(1) specific flags (e.g, -eo), ps(1) is executed inside the container.\n\n"
        "Format Descriptors:\n"
        "  args,capamb,capbnd,capeff,capinh,capprm,comm,etime,group,groups,hgroup,hgroups,hpid,huser,label,nice,pcpu,"
        "pgid,pid,ppid,rgroup,rss,ruser,seccomp,state,stime,time,tty,user,vsz",
    .examples = "@ ctrID\n@ --latest\n@ ctrID pid seccomp args %C\n@ ctrID -eo user,pid,comm",
    .flags = top_flags,
    .opts_size = sizeof(struct top_opts),
    .max_args = -1,
    .traits = CLI_ARGS_LAST,
    .complete = CLI_COMPLETE_RUNNING,
    .complete_args = 1,
    .run = top_verb,
};
