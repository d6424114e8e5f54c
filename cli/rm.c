/* rm, container prune, container cleanup. */
#include "base/mem.h"
#include "base/number.h"
#include "cli/select.h"
#include "cli/verbs.h"
#include "engine/container/pod_row.h"

struct rm_opts {
    bool all, depend, force, ignore, latest, volumes;
    uint64_t time;
    struct strv cidfiles, filters;
};
#define O(field) offsetof(struct rm_opts, field)

static const struct cli_flag rm_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Remove all containers"},
    {"cidfile", 0, CLI_ARRAY, CLI_COMPLETE_FILE, .offset = O(cidfiles), .help = "Read the container ID from the file"},
    {"depend", 0, CLI_BOOL, .offset = O(depend),
     .help = "Remove container and all containers that depend on the selected container"},
    {"filter", 0, CLI_STRINGS, .offset = O(filters), .help = "Filter output based on conditions given"},
    {"force", 'f', CLI_BOOL, .offset = O(force), .help = "Force removal of a running or unusable container"},
    {"ignore", 'i', CLI_BOOL, .offset = O(ignore), .help = "Ignore errors when a specified container is missing"},
    CLI_LATEST_FLAG(O(latest), "container"),
    {"time", 't', CLI_UINT, .offset = O(time), .def = "10",
     .help = "Seconds to wait for stop before killing the container"},
    {"volumes", 'v', CLI_BOOL, .offset = O(volumes), .help = "Remove anonymous volumes associated with the container"},
    {0},
};

/* A container that is missing decides for 1, one that is running or paused for 2. */
static void set_exit_code(const struct err *e, int *exit_code)
{
    if (!e || *exit_code == 1)
        return;
    if (err_kind(e) == ERR_NOT_FOUND)
        *exit_code = 1;
    else if (err_kind(e) == ERR_STATE)
        *exit_code = 2;
}

static struct err *rm_verb(struct cli *c, void *opts, int *exit_code)
{
    struct rm_opts *o = opts;
    AUTO_SELECTION struct selection all = {0};
    struct cli_errors errors = {0};
    const struct select_opts which = {.all = o->all,
                                      .latest = o->latest,
                                      .ignore = o->ignore || o->force,
                                      .filters = &o->filters,
                                      .cidfiles = &o->cidfiles};
    const struct container_remove_opts remove = {
        .force = o->force,
        .volumes = o->volumes,
        .depend = o->depend || o->all,
        .with_pod = o->all,
        .timeout_sec = cli_given(c, "time") ? (int64_t)o->time : -1,
    };
    if (cli_given(c, "time") && !o->force)
        return ERR_NEW(ERR_INVALID, "--force option must be specified to use the --time option");
    struct err *e = select_containers(c, &which, &all);
    if (e) {
        set_exit_code(e, exit_code);
        return e;
    }
    for (size_t i = 0; i < all.count; i++) {
        e = container_remove(c->engine, all.items[i].container, &remove);
        if (e && err_kind(e) == ERR_NOT_FOUND && (o->ignore || o->all)) {
            err_drop(e); /* somebody else was quicker */
            continue;
        }
        set_exit_code(e, exit_code);
        cli_errors_add(&errors, e ? e : cli_printf(c, "%s\n", all.items[i].shown));
    }
    return cli_errors_finish(&errors);
}

const struct cli_verb cli_verb_rm = {
    .paths = "rm|container rm",
    .synopsis = "[options] CONTAINER [CONTAINER...]",
    .summary = "Remove one or more containers",
    .description = "Removes one or more containers from the host. The container name or ID can be used.\n\n"
                   "Command does not remove images. Running or unusable containers will not be removed without the -f "
                   "option.",
    .examples = "@ imageID\n@ mywebserver myflaskserver 860a4b23\n@ --force --all\n@ -f c684f0d469f2",
    .flags = rm_flags,
    .opts_size = sizeof(struct rm_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_CONTAINER,
    .run = rm_verb,
};

/* --- container prune */

static const struct cli_flag prune_flags[] = {
    {"filter", 0, CLI_ARRAY, .offset = O(filters), .help = "Provide filter values (e.g. 'label=<key>=<value>')"},
    {"force", 'f', CLI_BOOL, .offset = O(force), .help = "Do not prompt for confirmation.  The default is false"},
    {0},
};

static struct err *prune_verb(struct cli *c, void *opts, int *exit_code)
{
    struct rm_opts *o = opts;
    struct engine *e;
    AUTO_STRV struct strv ids = STRV_INIT;
    uint64_t bytes = 0;
    (void)exit_code;
    if (!o->force) {
        bool yes;
        TRY(cli_printf(c, "WARNING! This will remove all non running containers.\n"));
        TRY(cli_confirm(c, &yes));
        if (!yes)
            return NULL;
    }
    TRY(cli_engine(c, &e));
    TRY(container_prune(e, &o->filters, &ids, &bytes));
    for (size_t i = 0; i < ids.count; i++)
        TRY(cli_printf(c, "%s\n", ids.items[i]));
    if (bytes)
        TRY(cli_printf(c, "Total reclaimed space: %s\n", number_packed_bytes(bytes).s));
    return NULL;
}

const struct cli_verb cli_verb_container_prune = {
    .paths = "container prune",
    .synopsis = "[options]",
    .summary = "Remove all non running containers",
    .description = "Removes all non running containers",
    .examples = "@",
    .flags = prune_flags,
    .opts_size = sizeof(struct rm_opts),
    .run = prune_verb,
};

/* --- container cleanup */

struct cleanup_opts {
    bool all, latest, rm, rmi, stopped_only;
    const char *pod;
};
#undef O
#define O(field) offsetof(struct cleanup_opts, field)

static const struct cli_flag cleanup_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Cleans up all containers"},
    {"exec", 0, CLI_STRING, .missing = "what is left of exec sessions goes with them",
     .help = "Clean up the given exec session instead of the container"},
    CLI_LATEST_FLAG(O(latest), "container"),
    {"pod", 0, CLI_STRING, .hidden = true, .offset = O(pod)}, /* of monitors: that stops with its last container */
    {"rm", 0, CLI_BOOL, .offset = O(rm), .help = "After cleanup, remove the container entirely"},
    {"rmi", 0, CLI_BOOL, .offset = O(rmi), .help = "After cleanup, remove the image entirely"},
    {"stopped-only", 0, CLI_BOOL, .offset = O(stopped_only), .help = "Only cleanup when the container is stopped"},
    {0},
};

/* Only what has ended. */
static struct err *cleanup_one(struct cli *c, const struct cleanup_opts *o, const struct selected *item)
{
    struct container *ct = item->container;
    if (ct->state == CT_RUNNING || ct->state == CT_PAUSED) {
        if (o->all || o->stopped_only)
            return NULL;
        return ERR_NEW(ERR_STATE,
                       "failed to clean up container %s: container %s is running or paused, refusing to clean up: "
                       "container state improper",
                       ct->id, ct->id);
    }
    TRY(container_cleanup(c->engine, ct, o->rm, o->rmi));
    return cli_printf(c, "%s\n", item->shown);
}

static struct err *cleanup_all(struct cli *c, const struct cleanup_opts *o)
{
    AUTO_SELECTION struct selection all = {0};
    struct cli_errors errors = {0};
    const struct select_opts which = {.all = o->all, .latest = o->latest};
    if (o->rm && c->n_args == 1) {
        struct engine *e = NULL;
        bool done = false;
        TRY(cli_engine(c, &e));
        TRY(container_cleanup_directory(e, c->args[0], &done));
        if (done)
            return NULL;
    }
    TRY(select_containers(c, &which, &all));
    for (size_t i = 0; i < all.count; i++)
        cli_errors_add(&errors, cleanup_one(c, o, &all.items[i]));
    return cli_errors_finish(&errors);
}

/* Somebody who looked may have cleaned up before, and removed the container. */
static struct err *cleanup_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct cleanup_opts *o = opts;
    struct engine *engine;
    (void)exit_code;
    struct err *e = cleanup_all(c, o);
    if (!o->pod || (e && err_kind(e) != ERR_NOT_FOUND))
        return e;
    err_drop(e);
    TRY(cli_engine(c, &engine));
    return pod_row_ended(engine, o->pod);
}

const struct cli_verb cli_verb_container_cleanup = {
    .paths = "container cleanup",
    .synopsis = "[options] CONTAINER [CONTAINER...]",
    .summary = "Clean up network and mountpoints of one or more containers",
    .description =
        "Records how stopped containers ended and removes what is left of their runs. The container name or ID "
        "can be used. Monitors do this by themselves; it is needed only where one could not.",
    .examples = "@ --latest\n@ ctrID1 ctrID2 ctrID3\n@ --all",
    .flags = cleanup_flags,
    .opts_size = sizeof(struct cleanup_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_CONTAINER,
    .run = cleanup_verb,
};
