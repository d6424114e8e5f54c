/* pause and unpause. */
#include "cli/select.h"
#include "cli/verbs.h"

struct pause_opts {
    bool all, latest;
    struct strv cidfiles, filters;
};
#define O(field) offsetof(struct pause_opts, field)

#define PAUSE_FLAGS(all_help)                                                                                    \
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = all_help}, {"cidfile",                                      \
                                                                 0,                                              \
                                                                 CLI_ARRAY,                                      \
                                                                 CLI_COMPLETE_FILE,                              \
                                                                 .offset = O(cidfiles),                          \
                                                                 .help = "Read the container ID from the file"}, \
        {"filter", 'f', CLI_STRINGS, .offset = O(filters), .help = "Filter output based on conditions given"},   \
        CLI_LATEST_FLAG(O(latest), "container"),                                                                 \
    {                                                                                                            \
        0                                                                                                        \
    }

static const struct cli_flag pause_flags[] = {PAUSE_FLAGS("Pause all running containers")};
static const struct cli_flag unpause_flags[] = {PAUSE_FLAGS("Unpause all paused containers")};

/* With --all and --filter those that are in another state are none of the verb's business. */
static struct err *each(struct cli *c, const struct pause_opts *o,
                        struct err *(*act)(struct engine *e, struct container *ct))
{
    AUTO_SELECTION struct selection all = {0};
    struct cli_errors errors = {0};
    const struct select_opts which = {
        .all = o->all, .latest = o->latest, .running_only = true, .filters = &o->filters, .cidfiles = &o->cidfiles};
    TRY(select_containers(c, &which, &all));
    for (size_t i = 0; i < all.count; i++) {
        struct err *e = act(c->engine, all.items[i].container);
        if (e && err_kind(e) == ERR_STATE && (o->all || o->filters.count)) {
            err_drop(e);
            continue;
        }
        cli_errors_add(&errors, e ? e : cli_printf(c, "%s\n", all.items[i].shown));
    }
    return cli_errors_finish(&errors);
}

static struct err *pause_verb(struct cli *c, void *opts, int *exit_code)
{
    (void)exit_code;
    return each(c, opts, container_pause);
}

static struct err *unpause_verb(struct cli *c, void *opts, int *exit_code)
{
    (void)exit_code;
    return each(c, opts, container_unpause);
}

const struct cli_verb cli_verb_pause = {
    .paths = "pause|container pause",
    .synopsis = "[options] CONTAINER [CONTAINER...]",
    .summary = "Pause all the processes in one or more containers",
    .description = "Pauses one or more running containers.  The container name or ID can be used.",
    .examples = "@ mywebserver\n@ 860a4b23\n@ --all",
    .flags = pause_flags,
    .opts_size = sizeof(struct pause_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_RUNNING,
    .run = pause_verb,
};

const struct cli_verb cli_verb_unpause = {
    .paths = "unpause|container unpause",
    .synopsis = "[options] CONTAINER [CONTAINER...]",
    .summary = "Unpause the processes in one or more containers",
    .description = "Unpauses one or more previously paused containers.  The container name or ID can be used.",
    .examples = "@ ctrID\n@ --all",
    .flags = unpause_flags,
    .opts_size = sizeof(struct pause_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_RUNNING,
    .run = unpause_verb,
};
