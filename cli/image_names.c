/* Verbs on names of images: tag, untag, rmi, exists, tree, prune. */
#include <string.h>

#include "base/mem.h"
#include "cli/select.h"
#include "cli/verbs.h"
#include "engine/image/image.h"

/* --- tag, untag */

static struct err *tag_verb(struct cli *c, void *opts, int *exit_code)
{
    struct engine *e;
    (void)opts, (void)exit_code;
    TRY(cli_engine(c, &e));
    for (size_t i = 1; i < c->n_args; i++)
        TRY(image_tag(e, c->args[0], c->args[i]));
    return NULL;
}

const struct cli_verb cli_verb_tag = {
    .paths = "tag|image tag",
    .synopsis = "IMAGE TARGET_NAME [TARGET_NAME...]",
    .summary = "Add an additional name to a local image",
    .description = "Adds one or more additional names to locally-stored image.",
    .examples =
        "@ 0e3bbc2 fedora:latest\n@ imageID:latest myNewImage:newTag\n@ httpd myregistryhost:5000/fedora/httpd:v2",
    .opts_size = 1,
    .min_args = 2,
    .max_args = -1,
    .complete = CLI_COMPLETE_IMAGE,
    .run = tag_verb,
};

static struct err *untag_verb(struct cli *c, void *opts, int *exit_code)
{
    struct engine *e;
    AUTO_STRV struct strv names = STRV_INIT;
    (void)opts, (void)exit_code;
    TRY(cli_engine(c, &e));
    TRY(strv_add_all(&names, c->args + 1));
    return image_untag(e, c->args[0], &names);
}

const struct cli_verb cli_verb_untag = {
    .paths = "untag|image untag",
    .synopsis = "IMAGE [IMAGE...]",
    .summary = "Remove a name from a local image",
    .description = "Removes one or more names from a locally-stored image.",
    .examples = "@ 0e3bbc2\n@ imageID:latest otherImageName:latest\n@ httpd myregistryhost:5000/fedora/httpd:v2",
    .opts_size = 1,
    .min_args = 1,
    .max_args = -1,
    .complete = CLI_COMPLETE_IMAGE,
    .run = untag_verb,
};

/* --- rmi */

struct rmi_opts {
    bool all, force, ignore, no_prune;
};
#define O(field) offsetof(struct rmi_opts, field)

static const struct cli_flag rmi_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Remove all images"},
    {"force", 'f', CLI_BOOL, .offset = O(force), .help = "Force Removal of the image"},
    {"ignore", 'i', CLI_BOOL, .offset = O(ignore), .help = "Ignore errors if a specified image does not exist"},
    {"no-prune", 0, CLI_BOOL, .offset = O(no_prune), .help = "Do not remove dangling images"},
    {0},
};

static struct err *remove_image(struct cli *c, const struct rmi_opts *o, const char *name)
{
    AUTO_STRV struct strv untagged = STRV_INIT, deleted = STRV_INIT;
    const struct image_remove_opts opts = {.force = o->force,
                                           .all_names = o->all,
                                           .no_prune = o->no_prune,
                                           .ignore = o->ignore || o->force,
                                           .remove_container = select_remove_container};
    TRY(image_remove(c->engine, name, &opts, &untagged, &deleted));
    for (size_t i = 0; i < untagged.count; i++)
        TRY(cli_printf(c, "Untagged: %s\n", untagged.items[i]));
    for (size_t i = 0; i < deleted.count; i++)
        TRY(cli_printf(c, "Deleted: %s\n", deleted.items[i]));
    return NULL;
}

/* --all, by id: one with several names is one. */
static struct err *all_images(struct cli *c, struct strv *ret)
{
    struct image **list;
    size_t count;
    TRY(image_list(c->engine, &(const struct image_list_opts){.all = true}, &list, &count));
    struct err *e = NULL;
    for (size_t i = 0; i < count && !e; i++)
        e = strv_add(ret, list[i]->id);
    image_list_free(list, count);
    return e;
}

/* In use decides for 2, missing for 1, anything else for 125. Several errors are one list, as podman prints them. */
static struct err *remove_all(struct cli *c, const struct rmi_opts *o, const struct strv *names, int *exit_code)
{
    AUTO_STRV struct strv problems = STRV_INIT;
    struct err *single = NULL;
    int code = 0;
    for (size_t i = 0; i < names->count; i++) {
        struct err *e = remove_image(c, o, names->items[i]);
        if (!e)
            continue;
        if (o->all && err_kind(e) == ERR_NOT_FOUND) { /* it went with another one */
            err_drop(e);
            continue;
        }
        int own = err_kind(e) == ERR_IN_USE ? 2 : err_kind(e) == ERR_NOT_FOUND ? 1 : 125;
        if (!code || own > code)
            code = own;
        struct err *kept = strv_add(&problems, err_text(e));
        err_free(single);
        single = e;
        if (kept) {
            err_free(single);
            return kept;
        }
    }
    *exit_code = code;
    if (problems.count < 2)
        return single;
    err_free(single);
    err_drop(cli_flush(c));
    cli_warn("Error: %zu errors occurred:", problems.count);
    for (size_t i = 0; i < problems.count; i++)
        cli_warn("\t* %s", problems.items[i]);
    return NULL;
}

static struct err *rmi_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct rmi_opts *o = opts;
    AUTO_STRV struct strv names = STRV_INIT;
    struct engine *e;
    if (o->all && c->n_args)
        return ERR_NEW(ERR_INVALID, "when using the --all switch, you may not pass any images names or IDs");
    if (!o->all && !c->n_args)
        return ERR_NEW(ERR_INVALID, "image name or ID must be specified");
    TRY(cli_engine(c, &e));
    TRY(o->all ? all_images(c, &names) : strv_add_all(&names, c->args));
    return remove_all(c, o, &names, exit_code);
}

const struct cli_verb cli_verb_rmi = {
    .paths = "rmi|image rm,remove",
    .synopsis = "[options] IMAGE [IMAGE...]",
    .summary = "Removes one or more images from local storage",
    .description = "Removes one or more previously pulled or locally created images.",
    .examples = "@ imageID\n@ --force alpine\n@ c4dfb1609ee2 93fd78260bd1 c0ed59d05ff7",
    .flags = rmi_flags,
    .opts_size = sizeof(struct rmi_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_IMAGE,
    .run = rmi_verb,
};

/* --- exists */

static struct err *exists_verb(struct cli *c, void *opts, int *exit_code)
{
    struct engine *e;
    (void)opts;
    TRY(cli_engine(c, &e));
    struct err *err = image_exists(e, c->args[0]);
    return cli_exists(err, exit_code);
}

const struct cli_verb cli_verb_image_exists = {
    .paths = "image exists",
    .synopsis = "IMAGE",
    .summary = "Check if an image exists in local storage",
    .description = "If the named image exists in local storage, " CLI_PROGRAM
                   " image exists exits with 0, otherwise the exit code will be 1.",
    .examples = "@ ID\n@ IMAGE && " CLI_PROGRAM " run IMAGE",
    .opts_size = 1,
    .min_args = 1,
    .max_args = 1,
    .complete = CLI_COMPLETE_IMAGE,
    .run = exists_verb,
};

/* --- tree */

struct tree_opts {
    bool whatrequires;
};

static const struct cli_flag tree_flags[] = {
    {"whatrequires", 0, CLI_BOOL, .offset = offsetof(struct tree_opts, whatrequires),
     .help = "Show all child images and layers of the specified image"},
    {0},
};

static struct err *tree_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct tree_opts *o = opts;
    AUTO_FREE char *text = NULL;
    struct engine *e;
    (void)exit_code;
    TRY(cli_engine(c, &e));
    TRY(image_tree(e, c->args[0], o->whatrequires, &text));
    return cli_printf(c, "%s\n", text);
}

const struct cli_verb cli_verb_image_tree = {
    .paths = "image tree",
    .synopsis = "[options] IMAGE",
    .summary = "Prints layer hierarchy of an image in a tree format",
    .examples = "@ alpine:latest",
    .flags = tree_flags,
    .opts_size = sizeof(struct tree_opts),
    .min_args = 1,
    .max_args = 1,
    .complete = CLI_COMPLETE_IMAGE,
    .run = tree_verb,
};

/* --- prune */

struct prune_opts {
    bool all, force;
    struct strv filters;
};
#undef O
#define O(field) offsetof(struct prune_opts, field)

static const struct cli_flag prune_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all),
     .help = "Remove all images not in use by containers, not just dangling ones"},
    {"build-cache", 0, CLI_BOOL, .missing = "caches of builds are not built yet",
     .help = "Remove persistent build cache created by --mount=type=cache instructions in Containerfiles"},
    {"external", 0, CLI_BOOL, .missing = "containers of other programs are never in this store",
     .help = "Remove images even when they are used by external containers (e.g., by build containers)"},
    {"filter", 0, CLI_ARRAY, .offset = O(filters), .help = "Provide filter values (e.g. 'label=<key>=<value>')"},
    {"force", 'f', CLI_BOOL, .offset = O(force), .help = "Do not prompt for confirmation"},
    {0},
};

static struct err *prune_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct prune_opts *o = opts;
    AUTO_STRV struct strv deleted = STRV_INIT;
    struct engine *e;
    uint64_t bytes = 0;
    (void)exit_code;
    if (!o->force) {
        bool yes;
        TRY(cli_printf(c, o->all ? "WARNING! This command removes all images without at least one container "
                                   "associated with them.\n"
                                 : "WARNING! This command removes all dangling images.\n"));
        TRY(cli_confirm(c, &yes));
        if (!yes)
            return NULL;
    }
    TRY(cli_engine(c, &e));
    TRY(image_prune(e, o->all, &o->filters, &deleted, &bytes));
    for (size_t i = 0; i < deleted.count; i++)
        TRY(cli_printf(c, "%s\n", deleted.items[i]));
    return NULL;
}

const struct cli_verb cli_verb_image_prune = {
    .paths = "image prune",
    .synopsis = "[options]",
    .summary = "Remove unused images",
    .description = "Removes dangling or unused images from local storage.",
    .examples = "@",
    .flags = prune_flags,
    .opts_size = sizeof(struct prune_opts),
    .run = prune_verb,
};
