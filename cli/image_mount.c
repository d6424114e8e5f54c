/* image mount, unmount. */
#include <string.h>

#include "base/mem.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "engine/image/image.h"
#include "engine/image/mount.h"

struct mount_opts {
    bool all, force;
    const char *format;
};
#define O(field) offsetof(struct mount_opts, field)

static struct err *check_all(const struct cli *c, bool all)
{
    return all && c->n_args
               ? ERR_NEW(ERR_INVALID, "when using the --all switch, you may not pass any image names or IDs")
               : NULL;
}

/* --- mount */

static const struct cli_flag mount_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Mount all images"},
    {"format", 0, CLI_STRING, .offset = O(format), .help = "Print the mounted images in specified format (json)"},
    {0},
};

static struct err *mounted_json(const struct image *i, const char *path, json_t *list)
{
    json_t *one, *digests;
    TRY(json_push_obj(list, &one));
    TRY(json_put_str(one, "id", i->id));
    TRY(json_put_arr(one, "Names", &digests));
    TRY(json_push_str(digests, i->manifest_digest));
    TRY(json_put_strv(one, "Repositories", &i->names));
    return json_put_str(one, "mountpoint", path);
}

/* Mount one, or with `only_look` say where it is. */
static struct err *mount_one(struct cli *c, struct engine *e, const char *name, bool only_look, json_t *list,
                             struct strv *lines)
{
    AUTO_FREE char *path = NULL;
    struct image *i = NULL;
    (void)c;
    TRY(image_find(e, name, &i));
    struct err *err = only_look ? image_mount_path(e, i->id, &path) : image_mount(e, i, &path);
    if (!err && path)
        err = mounted_json(i, path, list);
    if (!err && path)
        err = strv_addf(lines, "%s\t%s", i->names.count ? i->names.items[0] : i->id, path);
    image_free(i);
    return err;
}

/* Two columns without a heading. */
static struct err *print_lines(struct cli *c, const struct strv *lines)
{
    size_t width = 0;
    for (size_t i = 0; i < lines->count; i++) {
        size_t len = strcspn(lines->items[i], "\t");
        width = len > width ? len : width;
    }
    for (size_t i = 0; i < lines->count; i++) {
        size_t len = strcspn(lines->items[i], "\t");
        TRY(cli_printf(c, "%.*s%*s  %s\n", (int)len, lines->items[i], (int)(width - len), "",
                       lines->items[i] + len + 1));
    }
    return NULL;
}

static struct err *take_names(struct cli *c, struct engine *e, bool all, struct strv *ret)
{
    struct image_list_opts list = {0};
    struct image **images = NULL;
    size_t n = 0;
    if (c->n_args)
        return strv_add_all(ret, c->args);
    if (!all)
        return image_mounted(e, ret);
    TRY(image_list(e, &list, &images, &n));
    struct err *err = NULL;
    for (size_t i = 0; i < n && !err; i++)
        err = strv_add(ret, images[i]->id);
    image_list_free(images, n);
    return err;
}

static struct err *mount_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct mount_opts *o = opts;
    AUTO_STRV struct strv names = STRV_INIT, lines = STRV_INIT;
    AUTO_JSON json_t *list = json_array();
    struct cli_errors errors = {0};
    struct engine *e;
    (void)exit_code;
    TRY(check_all(c, o->all));
    if (o->format && strcmp(o->format, "json") != 0)
        return ERR_NEW(ERR_INVALID, "unknown --format argument: \"%s\"", o->format);
    TRY(cli_engine_inside(c));
    e = c->engine;
    TRY(take_names(c, e, o->all, &names));
    for (size_t i = 0; i < names.count; i++)
        cli_errors_add(&errors, mount_one(c, e, names.items[i], !o->all && !c->n_args, list, &lines));
    struct err *err = NULL;
    if (o->format)
        err = report_json(c, list, 1);
    else if (c->n_args == 1 && lines.count == 1) /* for $(…) */
        err = cli_printf(c, "%s\n", strchr(lines.items[0], '\t') + 1);
    else
        err = print_lines(c, &lines);
    cli_errors_add(&errors, err);
    return cli_errors_finish(&errors);
}

const struct cli_verb cli_verb_image_mount = {
    .paths = "image mount",
    .synopsis = "[options] [IMAGE...]",
    .summary = "Mount an image's root filesystem",
    .description = CLI_PROGRAM
    " image mount\n  Lists all mounted images mount points if no images is specified\n\n" CLI_PROGRAM
    " image mount IMAGE-NAME-OR-ID\n  Mounts the specified image and prints the "
    "mountpoint\n\nThe mount is read-only, is seen inside `" CLI_PROGRAM " unshare`, and lives as long as the session.",
    .examples = "@ imgID\n@ imgID1 imgID2 imgID3\n@\n@ --all",
    .flags = mount_flags,
    .opts_size = sizeof(struct mount_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_IMAGE,
    .run = mount_verb,
};

/* --- unmount */

static const struct cli_flag unmount_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Unmount all of the currently mounted images"},
    {"force", 'f', CLI_BOOL, .offset = O(force), .help = "Force the complete unmount of the specified mounted images"},
    {0},
};

static struct err *unmount_one(struct cli *c, struct engine *e, const char *name, bool force)
{
    struct image *i = NULL;
    bool was = false;
    TRY(image_find(e, name, &i));
    struct err *err = image_unmount_user(e, i->id, force, &was);
    if (!err && was)
        err = cli_printf(c, "%s\n", i->id);
    image_free(i);
    return err;
}

static struct err *unmount_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct mount_opts *o = opts;
    AUTO_STRV struct strv names = STRV_INIT;
    struct cli_errors errors = {0};
    struct engine *e;
    (void)exit_code;
    TRY(check_all(c, o->all));
    if (!o->all && !c->n_args)
        return ERR_NEW(ERR_INVALID, "image name or ID must be specified");
    TRY(o->all ? cli_engine(c, &e) : cli_engine_inside(c)); /* clean-up that scripts run blindly */
    e = c->engine;
    TRY(take_names(c, e, false, &names));
    for (size_t i = 0; i < names.count; i++)
        cli_errors_add(&errors, unmount_one(c, e, names.items[i], o->force));
    return cli_errors_finish(&errors);
}

const struct cli_verb cli_verb_image_unmount = {
    .paths = "image unmount,umount",
    .synopsis = "[options] IMAGE [IMAGE...]",
    .summary = "Unmount an image's root filesystem",
    .description = "Each mount of an image counts; when an image is unmounted, the count is decremented. The root "
                   "filesystem is only unmounted when it reaches zero.\n\nAn unmount can be forced with the --force "
                   "flag.",
    .examples = "@ imgID\n@ imgID1 imgID2 imgID3\n@ --all",
    .flags = unmount_flags,
    .opts_size = sizeof(struct mount_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_IMAGE,
    .run = unmount_verb,
};
