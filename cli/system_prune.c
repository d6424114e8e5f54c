/* system prune, reset, migrate and renumber. */
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/proc.h"
#include "cli/select.h"
#include "cli/verbs.h"
#include "engine/image/artifact.h"
#include "engine/image/image.h"
#include "engine/network/network.h"
#include "engine/pod/pod.h"
#include "engine/secret/secret.h"
#include "engine/store/store.h"
#include "engine/volume/volume.h"

/* --- prune */

struct prune_opts {
    bool all, force, volumes;
    struct strv filters;
};
#define O(field) offsetof(struct prune_opts, field)

static const struct cli_flag prune_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Remove all unused data"},
    {"build", 0, CLI_BOOL, .missing = "leftovers of builds are not built yet", .help = "Remove build containers"},
    {"external", 0, CLI_BOOL, .missing = "containers of other programs are never in this store",
     .help = "Remove container data in storage not controlled by " CLI_PROGRAM},
    {"filter", 0, CLI_ARRAY, .offset = O(filters), .help = "Provide filter values (e.g. 'label=<key>=<value>')"},
    {"force", 'f', CLI_BOOL, .offset = O(force), .help = "Do not prompt for confirmation.  The default is false"},
    {"volumes", 0, CLI_BOOL, .offset = O(volumes), .help = "Prune volumes"},
    {0},
};

static struct err *ask(struct cli *c, const struct prune_opts *o, bool *ret_yes)
{
    TRY(cli_printf(c,
                   "WARNING! This command removes:\n\t- all stopped containers\n"
                   "\t- all networks not used by at least one container\n%s\t- all %s\n\n",
                   o->volumes ? "\t- all volumes not used by at least one container\n" : "",
                   o->all ? "images without at least one container associated with them" : "dangling images"));
    return cli_confirm(c, ret_yes);
}

static struct err *print_names(struct cli *c, const char *heading, const struct strv *names)
{
    if (names->count)
        TRY(cli_printf(c, "%s\n", heading));
    for (size_t i = 0; i < names->count; i++)
        TRY(cli_printf(c, "%s\n", names->items[i]));
    return NULL;
}

/* In this order: what containers held is free once they are gone. */
static struct err *prune_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct prune_opts *o = opts;
    AUTO_STRV struct strv pods = STRV_INIT, containers = STRV_INIT, volumes = STRV_INIT, images = STRV_INIT,
                          networks = STRV_INIT;
    uint64_t bytes = 0, total = 0;
    struct engine *e;
    bool yes = o->force;
    (void)exit_code;
    if (o->volumes && o->filters.count)
        return ERR_NEW(ERR_INVALID, "--volumes and --filter cannot be used together");
    if (!yes)
        TRY(ask(c, o, &yes));
    if (!yes)
        return NULL;
    TRY(cli_engine(c, &e));
    if (!o->filters.count)
        TRY(pod_prune(e, &pods));
    TRY(print_names(c, "Deleted Pods", &pods));
    TRY(container_prune(e, &o->filters, &containers, &bytes));
    total += bytes;
    TRY(print_names(c, "Deleted Containers", &containers));
    if (o->volumes) {
        TRY(volume_prune(e, &o->filters, &volumes, &bytes));
        total += bytes;
    }
    TRY(print_names(c, "Deleted Volumes", &volumes));
    TRY(image_prune(e, o->all, &o->filters, &images, &bytes));
    total += bytes;
    TRY(print_names(c, "Deleted Images", &images));
    TRY(network_prune(e, &o->filters, &networks));
    TRY(print_names(c, "Deleted Networks", &networks));
    return cli_printf(c, "Total reclaimed space: %s\n", number_packed_bytes(total).s);
}

const struct cli_verb cli_verb_system_prune = {
    .paths = "system prune",
    .synopsis = "[options]",
    .summary = "Remove unused data",
    .description = "Removes stopped containers, networks and images that nothing uses, and with --volumes volumes.",
    .examples = "@",
    .flags = prune_flags,
    .opts_size = sizeof(struct prune_opts),
    .run = prune_verb,
};

/* --- reset */

static const struct cli_flag reset_flags[] = {
    {"force", 'f', CLI_BOOL, .offset = O(force), .help = "Do not prompt for confirmation"},
    {0},
};

static struct err *remove_containers(struct engine *e)
{
    const struct container_list_opts all = {.all = true};
    const struct container_remove_opts opts = {
        .force = true, .volumes = true, .depend = true, .with_pod = true, .timeout_sec = 0};
    struct container **list;
    size_t count;
    TRY(container_list(e, &all, &list, &count));
    struct err *err = NULL;
    for (size_t i = 0; i < count && !err; i++) {
        err = container_remove(e, list[i], &opts);
        if (err && err_kind(err) == ERR_NOT_FOUND) { /* with one that needed it */
            err_drop(err);
            err = NULL;
        }
    }
    container_list_free(list, count);
    return err;
}

/* Those without an infra container, which would have taken them along. */
static struct err *remove_pods(struct engine *e)
{
    const struct pod_list_opts all = {.latest = false};
    struct pod **list;
    size_t count;
    TRY(pod_list(e, &all, &list, &count));
    struct err *err = NULL;
    for (size_t i = 0; i < count && !err; i++)
        err = pod_remove(e, list[i], true, 0);
    pod_list_free(list, count);
    return err;
}

static struct err *remove_volumes(struct engine *e)
{
    const struct strv none = STRV_INIT;
    struct volume **list;
    size_t count;
    TRY(volume_list(e, &none, &list, &count));
    struct err *err = NULL;
    for (size_t i = 0; i < count && !err; i++)
        err = volume_remove(e, list[i]->name);
    volume_list_free(list, count);
    return err;
}

static struct err *remove_images(struct engine *e)
{
    const struct image_list_opts all = {.all = true};
    const struct image_remove_opts opts = {.force = true, .all_names = true, .ignore = true};
    AUTO_STRV struct strv untagged = STRV_INIT, deleted = STRV_INIT;
    struct image **list;
    size_t count;
    TRY(image_list(e, &all, &list, &count));
    struct err *err = NULL;
    for (size_t i = 0; i < count && !err; i++)
        err = image_remove(e, list[i]->id, &opts, &untagged, &deleted);
    image_list_free(list, count);
    return err;
}

static struct err *remove_artifacts(struct engine *e)
{
    struct artifact **list;
    size_t count;
    TRY(artifact_list(e, &list, &count));
    struct err *err = NULL;
    for (size_t i = 0; i < count && !err; i++) {
        AUTO_FREE char *digest = NULL;
        err = artifact_remove(e, list[i]->name, &digest);
    }
    artifact_list_free(list, count);
    return err;
}

static struct err *remove_secrets(struct engine *e)
{
    const struct strv none = STRV_INIT;
    struct secret **list;
    size_t count;
    TRY(secret_list(e, &none, &list, &count));
    struct err *err = NULL;
    for (size_t i = 0; i < count && !err; i++)
        err = secret_remove(e, list[i]);
    secret_list_free(list, count);
    return err;
}

static struct err *reset_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct prune_opts *o = opts;
    AUTO_STRV struct strv networks = STRV_INIT;
    const struct strv none = STRV_INIT;
    struct engine *e;
    bool yes = o->force;
    (void)exit_code;
    if (!yes) {
        TRY(cli_printf(c, "WARNING! This will remove:\n        - all containers\n        - all images\n"
                          "        - all artifacts\n        - all networks\n        - all volumes\n"
                          "        - all secrets\n"));
        TRY(cli_confirm(c, &yes));
    }
    if (!yes)
        return NULL;
    TRY(cli_engine(c, &e));
    TRY(remove_containers(e));
    TRY(remove_pods(e));
    TRY(remove_volumes(e));
    TRY(remove_images(e));
    TRY(remove_artifacts(e));
    TRY(network_prune(e, &none, &networks));
    TRY(remove_secrets(e));
    return store_clean(engine_store(e));
}

const struct cli_verb cli_verb_system_reset = {
    .paths = "system reset",
    .synopsis = "[options]",
    .summary = "Reset " CLI_PROGRAM " storage",
    .description =
        "Stops and removes all containers, and removes all images, artifacts, volumes, networks and secrets.",
    .flags = reset_flags,
    .opts_size = sizeof(struct prune_opts),
    .run = reset_verb,
};

/* --- renumber, migrate */

static struct err *renumber_verb(struct cli *c, void *opts, int *exit_code)
{
    struct engine *e;
    (void)opts, (void)exit_code;
    TRY(cli_engine(c, &e));
    return store_event(engine_store(e), "system", "renumber", "", "", NULL);
}

const struct cli_verb cli_verb_system_renumber = {
    .paths = "system renumber",
    .synopsis = "",
    .summary = "Migrate lock numbers",
    .description = "Locks have no numbers here, so there is nothing to do.",
    .opts_size = 1,
    .run = renumber_verb,
};

struct migrate_opts {
    const char *new_runtime;
};

static const struct cli_flag migrate_flags[] = {
    {"new-runtime", 0, CLI_STRING, CLI_COMPLETE_FILE, .offset = offsetof(struct migrate_opts, new_runtime),
     .help = "Specify a new runtime for all containers"},
    {0},
};

/* What runs keeps the runtime that it was started with, so it is stopped. */
static struct err *migrate_one(struct cli *c, struct container *ct, const char *runtime)
{
    const struct container_changes none = {0};
    if (ct->state == CT_RUNNING) {
        TRY(container_stop(c->engine, ct, -1));
        TRY(cli_printf(c, "stopped %s\n", ct->id));
    }
    if (!runtime)
        return NULL;
    TRY(container_load_spec(c->engine, ct));
    TRY(mem_replace(&ct->spec.runtime, runtime));
    return container_update(c->engine, ct, &none);
}

static struct err *migrate_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct migrate_opts *o = opts;
    const struct container_list_opts all = {.all = true, .with_spec = true};
    AUTO_FREE char *runtime = NULL;
    struct container **list;
    size_t count;
    struct engine *e;
    (void)exit_code;
    if (o->new_runtime)
        TRY_WRAP(proc_find(o->new_runtime, &runtime), "runtime %s", o->new_runtime);
    TRY(cli_engine(c, &e));
    TRY(container_list(e, &all, &list, &count));
    struct err *err = NULL;
    for (size_t i = 0; i < count && !err; i++)
        err = migrate_one(c, list[i], runtime);
    container_list_free(list, count);
    return err;
}

const struct cli_verb cli_verb_system_migrate = {
    .paths = "system migrate",
    .synopsis = "[options]",
    .summary = "Migrate containers",
    .description =
        "Stops running containers, and with --new-runtime has all of them use another OCI runtime from now on.",
    .flags = migrate_flags,
    .opts_size = sizeof(struct migrate_opts),
    .run = migrate_verb,
};
