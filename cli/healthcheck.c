/* The group `healthcheck`. */
#include "cli/select.h"
#include "cli/verbs.h"

const struct cli_verb cli_verb_healthcheck = {
    .paths = "healthcheck",
    .summary = "Manage health checks on containers",
    .description = "Run health checks on containers",
    .traits = CLI_GROUP,
};

struct run_opts {
    bool ignore_result;
};

static const struct cli_flag run_flags[] = {
    {"ignore-result", 0, CLI_BOOL, .offset = offsetof(struct run_opts, ignore_result),
     .help = "Exit with code 0 whatever the result of the health check is"},
    {0},
};

static struct err *run_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct run_opts *o = opts;
    struct container *ct = NULL;
    bool ok = false;
    TRY_WRAP(select_one(c, false, &ct), "unable to look up %s to perform a health check", c->args[0]);
    struct err *e = container_check_health(c->engine, ct, &ok);
    container_free(ct);
    TRY(e);
    *exit_code = ok || o->ignore_result ? 0 : 1;
    return ok ? NULL : cli_printf(c, "unhealthy\n");
}

const struct cli_verb cli_verb_healthcheck_run = {
    .paths = "healthcheck run",
    .synopsis = "[options] CONTAINER",
    .summary = "run the health check of a container",
    .description = "run the health check of a container",
    .examples = "@ mywebapp",
    .flags = run_flags,
    .opts_size = sizeof(struct run_opts),
    .min_args = 1,
    .max_args = 1,
    .complete = CLI_COMPLETE_RUNNING,
    .run = run_verb,
};
