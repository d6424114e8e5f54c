/* mount, unmount of containers. */
#include <string.h>

#include "base/mem.h"
#include "cli/report.h"
#include "cli/select.h"
#include "cli/verbs.h"
#include "engine/container/container.h"

struct mount_opts {
    bool all, latest, no_trunc, force;
    const char *format;
};
#define O(field) offsetof(struct mount_opts, field)

/* --- mount */

static const struct cli_flag mount_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Mount all containers"},
    {"format", 0, CLI_STRING, .offset = O(format), .help = "Print the mounted containers in specified format (json)"},
    CLI_LATEST_FLAG(O(latest), "container"),
    {"no-trunc", 0, CLI_BOOL, .offset = O(no_trunc), .help = "Do not truncate output"},
    {0},
};

static struct err *add_row(const struct container *ct, const char *path, bool no_trunc, json_t *list,
                           struct strv *lines)
{
    json_t *one, *names;
    TRY(json_push_obj(list, &one));
    TRY(json_put_str(one, "id", ct->id));
    TRY(json_put_arr(one, "Names", &names));
    TRY(json_push_str(names, ct->name));
    TRY(json_put_str(one, "mountpoint", path));
    return strv_addf(lines, "%.*s  %s", no_trunc ? 64 : 12, ct->id, path);
}

/* Mount one, or with `only_look` say where it is. */
static struct err *mount_one(struct cli *c, struct container *ct, const struct mount_opts *o, bool only_look,
                             json_t *list, struct strv *lines)
{
    AUTO_FREE char *path = NULL;
    TRY(only_look ? container_mount_path(c->engine, ct, &path) : container_mount(c->engine, ct, &path));
    return path ? add_row(ct, path, o->no_trunc, list, lines) : NULL;
}

static struct err *print_rows(struct cli *c, const struct mount_opts *o, const json_t *list, const struct strv *lines)
{
    if (o->format)
        return report_json(c, list, 1);
    if (!o->all && (c->n_args == 1 || o->latest) && lines->count == 1) /* for $(…) */
        return cli_printf(c, "%s\n", strchr(lines->items[0], '/'));
    for (size_t i = 0; i < lines->count; i++)
        TRY(cli_printf(c, "%s\n", lines->items[i]));
    return NULL;
}

static struct err *mount_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct mount_opts *o = opts;
    AUTO_SELECTION struct selection found = {0};
    AUTO_STRV struct strv lines = STRV_INIT;
    AUTO_JSON json_t *list = json_array();
    struct cli_errors errors = {0};
    (void)exit_code;
    bool only_look = !o->all && !o->latest && !c->n_args;
    const struct select_opts select = {.all = o->all || only_look, .latest = o->latest};
    if (o->format && strcmp(o->format, "json") != 0)
        return ERR_NEW(ERR_INVALID, "unknown --format argument: \"%s\"", o->format);
    TRY(cli_engine_inside(c));
    TRY(select_containers(c, &select, &found));
    for (size_t i = 0; i < found.count; i++)
        cli_errors_add(&errors, mount_one(c, found.items[i].container, o, only_look, list, &lines));
    cli_errors_add(&errors, print_rows(c, o, list, &lines));
    return cli_errors_finish(&errors);
}

const struct cli_verb cli_verb_mount = {
    .paths = "mount|container mount",
    .synopsis = "[options] [CONTAINER...]",
    .summary = "Mount a working container's root filesystem",
    .description = CLI_PROGRAM
    " mount\n  Lists all mounted containers mount points if no container is specified\n\n" CLI_PROGRAM
    " mount CONTAINER-NAME-OR-ID\n  Mounts the specified container and outputs the "
    "mountpoint\n\nThe mount is seen inside `" CLI_PROGRAM " unshare`, and lives as long as the session.",
    .examples = "@ ctrID\n@\n@ --all",
    .flags = mount_flags,
    .opts_size = sizeof(struct mount_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_CONTAINER,
    .run = mount_verb,
};

/* --- unmount */

static const struct cli_flag unmount_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Unmount all of the currently mounted containers"},
    {"force", 'f', CLI_BOOL, .offset = O(force),
     .help = "Force the complete unmount of the specified mounted containers"},
    CLI_LATEST_FLAG(O(latest), "container"),
    {0},
};

static struct err *unmount_one(struct cli *c, const struct selected *s, const struct mount_opts *o)
{
    bool was = false;
    TRY(container_unmount_user(c->engine, s->container, o->force, &was));
    return was || !o->all ? cli_printf(c, "%s\n", s->shown) : NULL;
}

static struct err *unmount_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct mount_opts *o = opts;
    AUTO_SELECTION struct selection found = {0};
    struct cli_errors errors = {0};
    const struct select_opts select = {.all = o->all, .latest = o->latest};
    (void)exit_code;
    TRY(select_containers(c, &select, &found));
    for (size_t i = 0; i < found.count; i++)
        cli_errors_add(&errors, unmount_one(c, &found.items[i], o));
    return cli_errors_finish(&errors);
}

const struct cli_verb cli_verb_unmount = {
    .paths = "unmount,umount|container unmount,umount",
    .synopsis = "[options] CONTAINER [CONTAINER...]",
    .summary = "Unmounts working container's root filesystem",
    .description =
        "Each mount of a container counts; when a container is unmounted, the count is decremented. The root "
        "filesystem is only unmounted when it reaches zero.\n\nAn unmount can be forced with the --force "
        "flag.",
    .examples = "@ ctrID\n@ ctrID1 ctrID2 ctrID3\n@ --all",
    .flags = unmount_flags,
    .opts_size = sizeof(struct mount_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_CONTAINER,
    .run = unmount_verb,
};
