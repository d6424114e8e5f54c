/* init. */
#include "cli/select.h"
#include "cli/verbs.h"

struct init_opts {
    bool all, latest;
};
#define O(field) offsetof(struct init_opts, field)

static const struct cli_flag init_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Initialize all containers"},
    CLI_LATEST_FLAG(O(latest), "container"),
    {0},
};

/* With --all what cannot be initialized is passed over. */
static struct err *init_one(struct cli *c, const struct init_opts *o, const struct selected *item)
{
    struct err *e = container_init(c->engine, item->container);
    if (e && o->all && err_kind(e) == ERR_STATE) {
        err_drop(e);
        return NULL;
    }
    TRY(e);
    return cli_printf(c, "%s\n", item->shown);
}

static struct err *init_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct init_opts *o = opts;
    AUTO_SELECTION struct selection all = {0};
    struct cli_errors errors = {0};
    const struct select_opts which = {.all = o->all, .latest = o->latest};
    (void)exit_code;
    TRY(select_containers(c, &which, &all));
    for (size_t i = 0; i < all.count; i++)
        cli_errors_add(&errors, init_one(c, o, &all.items[i]));
    return cli_errors_finish(&errors);
}

const struct cli_verb cli_verb_init = {
    .paths = "init|container init",
    .synopsis = "[options] CONTAINER [CONTAINER...]",
    .summary = "Initialize one or more containers",
    .description = "Initialize one or more containers, creating the OCI spec and mounts for inspection. Container "
                   "names or IDs can be used. Their commands run from the start on.",
    .examples = "@ --latest\n@ 3c45ef19d893\n@ test1",
    .flags = init_flags,
    .opts_size = sizeof(struct init_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_CONTAINER,
    .run = init_verb,
};
