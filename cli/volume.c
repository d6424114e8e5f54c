/* The group `volume`: create, rm, prune, exists (ls is in volume_ls.c, inspect in inspect.c). */
#include "engine/volume/volume.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/labels.h"
#include "cli/select.h"
#include "cli/verbs.h"
#include "engine/container/container.h"

const struct cli_verb cli_verb_volume = {
    .paths = "volume",
    .summary = "Manage volumes",
    .description = "Volumes are created in and can be shared between containers",
    .traits = CLI_GROUP,
};

/* --- create */

struct create_volume_opts {
    bool ignore;
    const char *driver, *uid, *gid;
    struct strv labels, options;
};
#define O(field) offsetof(struct create_volume_opts, field)

static const struct cli_flag create_flags[] = {
    {"driver", 'd', CLI_STRING, .offset = O(driver), .def = "local", .help = "Specify volume driver name"},
    {"gid", 0, CLI_STRING, .offset = O(gid), .arg = "GID", .help = "Set the GID of the volume owner"},
    {"ignore", 0, CLI_BOOL, .offset = O(ignore), .help = "Don't fail if volume already exists"},
    {"label", 'l', CLI_STRINGS, .offset = O(labels), .help = "Set metadata for a volume"},
    {"opt", 'o', CLI_ARRAY, .offset = O(options), .help = "Set driver specific options"},
    {"uid", 0, CLI_STRING, .offset = O(uid), .arg = "UID", .help = "Set the UID of the volume owner"},
    {0},
};

/* --uid and --gid are what o=uid=…,gid=… is. */
static struct err *add_owner(const struct create_volume_opts *o, struct strv *ret)
{
    TRY(strv_copy(&o->options, ret));
    const struct {
        const char *name, *value;
    } ids[] = {{"uid", o->uid}, {"gid", o->gid}};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        AUTO_FREE char *joined = NULL;
        const char *before = strv_env_get(ret, "o");
        if (!ids[i].value)
            continue;
        TRY(mem_asprintf(&joined, "o=%s%s%s=%s", before ? before : "", before ? "," : "", ids[i].name, ids[i].value));
        TRY(strv_env_set(ret, joined));
    }
    return NULL;
}

static struct err *create_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct create_volume_opts *o = opts;
    AUTO_STRV struct strv options = STRV_INIT, labels = STRV_INIT;
    struct volume *v;
    struct engine *e;
    (void)exit_code;
    TRY(cli_parse_labels(&(const struct strv)STRV_INIT, &o->labels, &labels));
    const char *name = c->n_args && *c->args[0] ? c->args[0] : NULL;
    if (name)
        TRY_WRAP(spec_check_name(name), "running volume create option");
    TRY(add_owner(o, &options));
    TRY(cli_engine(c, &e));
    const struct volume_create_opts create = {
        .name = name, .driver = o->driver, .labels = labels, .options = options, .ignore_existing = o->ignore};
    TRY(volume_create(e, &create, &v));
    struct err *err = cli_printf(c, "%s\n", v->name);
    volume_free(v);
    return err;
}

const struct cli_verb cli_verb_volume_create = {
    .paths = "volume create",
    .synopsis = "[options] [NAME]",
    .summary = "Create a new volume",
    .description = "If using the default driver, \"local\", the volume will be created on the host in the volumes "
                   "directory under container storage.",
    .examples = "@ myvol\n@\n@ --label foo=bar myvol",
    .flags = create_flags,
    .opts_size = sizeof(struct create_volume_opts),
    .max_args = 1,
    .run = create_verb,
};

/* --- rm */

struct rm_opts {
    bool all, force;
    uint64_t time;
};
#undef O
#define O(field) offsetof(struct rm_opts, field)

static const struct cli_flag rm_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Remove all volumes"},
    {"force", 'f', CLI_BOOL, .offset = O(force),
     .help = "Remove a volume by force, even if it is being used by a container"},
    {"time", 't', CLI_UINT, .offset = O(time), .def = "10",
     .help = "Seconds to wait for running containers to stop before killing the container"},
    {0},
};

/* --force: the containers that use it go first. */
static struct err *remove_users(struct cli *c, const struct rm_opts *o, const char *name)
{
    AUTO_STRV struct strv ids = STRV_INIT;
    TRY(volume_users(c->engine, name, &ids));
    return select_remove_users(c, &ids, cli_given(c, "time") ? (int64_t)o->time : -1);
}

/* By exact name, or a unique prefix. */
static struct err *remove_volume(struct cli *c, const struct rm_opts *o, const char *name)
{
    struct volume *v;
    struct err *e = volume_find(c->engine, name, &v);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_free(e);
        return ERR_NEW(ERR_NOT_FOUND, "no volume with name \"%s\" found: no such volume", name);
    }
    TRY(e);
    if (o->force)
        e = remove_users(c, o, v->name);
    if (!e)
        e = volume_remove(c->engine, v->name);
    volume_free(v);
    return e ? e : cli_printf(c, "%s\n", name);
}

static struct err *all_volumes(struct cli *c, struct strv *ret)
{
    struct volume **list;
    size_t count;
    TRY(volume_list(c->engine, &(const struct strv)STRV_INIT, &list, &count));
    struct err *e = NULL;
    for (size_t i = 0; i < count && !e; i++)
        e = strv_add(ret, list[i]->name);
    volume_list_free(list, count);
    return e;
}

static struct err *rm_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct rm_opts *o = opts;
    AUTO_STRV struct strv names = STRV_INIT;
    struct cli_errors errors = {0};
    struct engine *e;
    if (o->all == (c->n_args > 0))
        return ERR_NEW(ERR_INVALID, "choose either one or more volumes or all");
    TRY(cli_engine(c, &e));
    TRY(o->all ? all_volumes(c, &names) : strv_add_all(&names, c->args));
    for (size_t i = 0; i < names.count; i++) {
        struct err *err = remove_volume(c, o, names.items[i]);
        if (err && err_kind(err) == ERR_NOT_FOUND && o->force) {
            err_drop(err);
            continue;
        }
        if (err)
            *exit_code = err_kind(err) == ERR_NOT_FOUND ? 1 : err_kind(err) == ERR_IN_USE ? 2 : 125;
        cli_errors_add(&errors, err);
    }
    return cli_errors_finish(&errors);
}

const struct cli_verb cli_verb_volume_rm = {
    .paths = "volume rm,remove",
    .synopsis = "[options] VOLUME [VOLUME...]",
    .summary = "Remove one or more volumes",
    .description = "Remove one or more existing volumes.\n\n"
                   "By default only volumes that are not being used by any containers will be removed. To remove the "
                   "volumes anyways, use the --force flag.",
    .examples = "@ myvol1 myvol2\n@ --all\n@ --force myvol",
    .flags = rm_flags,
    .opts_size = sizeof(struct rm_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_VOLUME,
    .run = rm_verb,
};

/* --- prune */

struct prune_opts {
    bool force;
    struct strv filters;
};
#undef O
#define O(field) offsetof(struct prune_opts, field)

static const struct cli_flag prune_flags[] = {
    {"filter", 0, CLI_ARRAY, .offset = O(filters), .help = "Provide filter values (e.g. 'label=<key>=<value>')"},
    {"force", 'f', CLI_BOOL, .offset = O(force), .help = "Do not prompt for confirmation"},
    {0},
};

/* Show what would go. */
static struct err *ask(struct cli *c, const struct prune_opts *o, bool *ret_go_on)
{
    struct volume **list;
    size_t count;
    AUTO_STRV struct strv filters = STRV_INIT;
    *ret_go_on = false;
    TRY(cli_printf(c, "WARNING! This will remove all volumes not used by at least one container. The following volumes "
                      "will be removed:\n"));
    TRY(strv_copy(&o->filters, &filters));
    TRY(strv_add(&filters, "dangling=true"));
    TRY(volume_list(c->engine, &filters, &list, &count));
    struct err *e = NULL;
    for (size_t i = 0; i < count && !e; i++)
        e = cli_printf(c, "%s\n", list[i]->name);
    volume_list_free(list, count);
    TRY(e);
    if (!count)
        return cli_printf(c, "No dangling volumes found\n");
    return cli_confirm(c, ret_go_on);
}

static struct err *prune_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct prune_opts *o = opts;
    AUTO_STRV struct strv names = STRV_INIT;
    struct engine *e;
    uint64_t bytes = 0;
    (void)exit_code;
    TRY(cli_engine(c, &e));
    if (!o->force) {
        bool go_on;
        TRY(ask(c, o, &go_on));
        if (!go_on)
            return NULL;
    }
    TRY(volume_prune(e, &o->filters, &names, &bytes));
    for (size_t i = 0; i < names.count; i++)
        TRY(cli_printf(c, "%s\n", names.items[i]));
    return NULL;
}

const struct cli_verb cli_verb_volume_prune = {
    .paths = "volume prune",
    .synopsis = "[options]",
    .summary = "Remove all unused volumes",
    .description = "Volumes that are not currently owned by a container will be removed.\n\n"
                   "The command prompts for confirmation which can be overridden with the --force flag.\n"
                   "Note all data will be destroyed.",
    .flags = prune_flags,
    .opts_size = sizeof(struct prune_opts),
    .run = prune_verb,
};

/* --- exists */

static struct err *exists_verb(struct cli *c, void *opts, int *exit_code)
{
    struct engine *e;
    struct volume *v = NULL;
    (void)opts;
    TRY(cli_engine(c, &e));
    struct err *err = volume_find(e, c->args[0], &v);
    volume_free(v);
    return cli_exists(err, exit_code);
}

const struct cli_verb cli_verb_volume_exists = {
    .paths = "volume exists",
    .synopsis = "VOLUME",
    .summary = "Volume exists",
    .description =
        "If the given volume exists, " CLI_PROGRAM " volume exists exits with 0, otherwise the exit code will be 1.",
    .examples = "@ myvol",
    .opts_size = 1,
    .min_args = 1,
    .max_args = 1,
    .complete = CLI_COMPLETE_VOLUME,
    .run = exists_verb,
};
