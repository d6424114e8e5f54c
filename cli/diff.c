/* diff of containers and images. */
#include <string.h>

#include "base/mem.h"
#include "cli/report.h"
#include "cli/select.h"
#include "cli/verbs.h"
#include "engine/container/container.h"
#include "engine/image/image.h"
#include "engine/image/mount.h"

struct diff_opts {
    const char *format;
    bool latest;
};
#define O(field) offsetof(struct diff_opts, field)

static const struct cli_flag image_diff_flags[] = {
    {"format", 0, CLI_STRING, .offset = O(format), .help = "Change the output format (json)"},
    {0},
};

static const struct cli_flag diff_flags[] = {
    {"format", 0, CLI_STRING, .offset = O(format), .help = "Change the output format (json)"},
    CLI_LATEST_FLAG(O(latest), "container"),
    {0},
};

static struct err *diff_json(struct cli *c, const struct tree_changes *changes)
{
    static const struct {
        enum tree_change_kind kind;
        const char *key;
    } keys[] = {{TREE_CHANGED, "changed"}, {TREE_ADDED, "added"}, {TREE_DELETED, "deleted"}};
    AUTO_JSON json_t *root = json_object();
    for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
        json_t *list = NULL;
        for (size_t i = 0; i < changes->count; i++) {
            if (changes->items[i].kind != keys[k].kind)
                continue;
            if (!list)
                TRY(json_put_arr(root, keys[k].key, &list));
            TRY(json_push_str(list, changes->items[i].path));
        }
    }
    return report_json(c, root, 5);
}

static struct err *print_changes(struct cli *c, const struct diff_opts *o, const struct tree_changes *changes)
{
    if (o->format)
        return diff_json(c, changes);
    for (size_t k = 0; k < changes->count; k++)
        TRY(cli_printf(c, "%c %s\n", (char)changes->items[k].kind, changes->items[k].path));
    return NULL;
}

static struct err *check_format(const struct diff_opts *o)
{
    return o->format && strcmp(o->format, "json") != 0
               ? ERR_NEW(ERR_INVALID, "only supported value for '--format' is 'json'")
               : NULL;
}

/* --- image diff */

static struct err *find_named(struct engine *e, const char *name, struct image **ret)
{
    return ERR_WRAP(image_find(e, name, ret), "%s not found", name);
}

static struct err *image_diff_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct diff_opts *o = opts;
    AUTO_TREE_CHANGES struct tree_changes changes = {0};
    struct image *i = NULL, *parent = NULL;
    struct engine *e;
    (void)exit_code;
    TRY(check_format(o));
    TRY(cli_engine(c, &e));
    struct err *err = find_named(e, c->args[0], &i);
    if (!err && c->n_args > 1)
        err = find_named(e, c->args[1], &parent);
    if (!err)
        err = image_diff(e, i, parent, &changes);
    image_free(i);
    image_free(parent);
    return err ? err : print_changes(c, o, &changes);
}

const struct cli_verb cli_verb_image_diff = {
    .paths = "image diff",
    .synopsis = "[options] IMAGE [IMAGE]",
    .summary = "Inspect changes to the image's file systems",
    .description = "Displays changes to the image's filesystem.  The image will be compared to its parent layer or the "
                   "second argument when given.",
    .examples = "@ myImage\n@ --format json redis:alpine",
    .flags = image_diff_flags,
    .opts_size = sizeof(struct diff_opts),
    .min_args = 1,
    .max_args = 2,
    .complete = CLI_COMPLETE_IMAGE,
    .run = image_diff_verb,
};

/* --- diff, container diff */

struct side {
    struct container *container;
    struct image *image;
};

static void side_done(struct side *s)
{
    container_free(s->container);
    image_free(s->image);
}
#define AUTO_SIDE __attribute__((cleanup(side_done)))

static struct err *find_side(struct cli *c, const char *name, bool containers_only, struct side *ret)
{
    struct err *err = container_find(c->engine, name, &ret->container);
    if (!err || err_kind(err) != ERR_NOT_FOUND)
        return err;
    err_drop(err);
    if (containers_only)
        return ERR_NEW(ERR_NOT_FOUND, "%s not found: container not known", name);
    err = image_find(c->engine, name, &ret->image);
    if (!err || err_kind(err) != ERR_NOT_FOUND)
        return err;
    err_drop(err);
    return ERR_NEW(ERR_NOT_FOUND, "%s not found: layer not known", name);
}

static struct err *compare(struct cli *c, const struct side *a, const struct side *b, struct tree_changes *ret)
{
    const struct diff_side new = {a->container, a->image}, old = {b->container, b->image};
    if (b->container || (b->image && a->container))
        return container_diff_between(c->engine, &new, &old, ret);
    return a->container ? container_diff(c->engine, a->container, ret) : image_diff(c->engine, a->image, b->image, ret);
}

static struct err *diff_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct diff_opts *o = opts;
    AUTO_TREE_CHANGES struct tree_changes changes = {0};
    AUTO_SIDE struct side a = {0}, b = {0};
    bool containers_only = strncmp(c->path, "container ", 10) == 0;
    struct engine *e;
    (void)exit_code;
    TRY(check_format(o));
    if (c->n_args == 0 && !o->latest)
        return cli_usage_error(c, "requires a name, id, or the \"--latest\" flag");
    if (o->latest && c->n_args > 0)
        return ERR_NEW(ERR_INVALID, "--latest and containers cannot be used together");
    TRY(cli_engine(c, &e));
    if (o->latest)
        TRY(select_latest(c, &a.container));
    else
        TRY(find_side(c, c->args[0], containers_only, &a));
    if (c->n_args > 1)
        TRY(find_side(c, c->args[1], containers_only, &b));
    TRY(compare(c, &a, &b, &changes));
    return print_changes(c, o, &changes);
}

const struct cli_verb cli_verb_diff = {
    .paths = "diff",
    .synopsis = "[options] {CONTAINER|IMAGE} [{CONTAINER|IMAGE}]",
    .summary = "Display the changes to the object's file system",
    .description = "Displays changes on a container or image's filesystem.  The container or image will be compared to "
                   "its parent layer or the second argument when given.",
    .examples = "@ imageID\n@ ctrID\n@ --format json redis:alpine",
    .flags = diff_flags,
    .opts_size = sizeof(struct diff_opts),
    .max_args = 2,
    .complete = CLI_COMPLETE_OBJECT,
    .run = diff_verb,
};

const struct cli_verb cli_verb_container_diff = {
    .paths = "container diff",
    .synopsis = "[options] CONTAINER [CONTAINER]",
    .summary = "Inspect changes to the container's file systems",
    .description = "Displays changes to the container filesystem's'.  The container will be compared to its parent "
                   "layer or the second argument when given.",
    .examples = "@ myCtr\n@ -l --format json myCtr",
    .flags = diff_flags,
    .opts_size = sizeof(struct diff_opts),
    .max_args = 2,
    .complete = CLI_COMPLETE_CONTAINER,
    .run = diff_verb,
};
