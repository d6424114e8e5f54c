/* volume ls. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "engine/volume/volume.h"

struct ls_opts {
    bool no_heading, quiet;
    const char *format;
    struct strv filters;
};
#define O(field) offsetof(struct ls_opts, field)

static const struct cli_flag ls_flags[] = {
    {"filter", 'f', CLI_STRINGS, .offset = O(filters), .help = "Filter volume output"},
    {"format", 0, CLI_STRING, .offset = O(format), .help = "Format volume output using Go template"},
    {"noheading", 0, CLI_BOOL, .offset = O(no_heading), .help = "Do not print headers"},
    {"quiet", 'q', CLI_BOOL, .offset = O(quiet), .help = "Print volume output in quiet mode"},
    {0},
};

static struct err *get_name(const void *p, json_t **ret)
{
    return report_string(ret, ((const struct volume *)p)->name);
}

static struct err *get_driver(const void *p, json_t **ret)
{
    return report_string(ret, ((const struct volume *)p)->driver);
}

static struct err *get_mountpoint(const void *p, json_t **ret)
{
    return report_string(ret, ((const struct volume *)p)->mountpoint);
}

static struct err *get_scope(const void *p, json_t **ret)
{
    (void)p;
    return report_string(ret, "local");
}

static struct err *get_created(const void *p, json_t **ret)
{
    return report_string(ret, timefmt_rfc3339(((const struct volume *)p)->created_nsec, 0).s);
}

static struct err *get_labels(const void *p, json_t **ret)
{
    return json_from_pairs(&((const struct volume *)p)->labels, ret);
}

static struct err *get_options(const void *p, json_t **ret)
{
    return json_from_pairs(&((const struct volume *)p)->options, ret);
}

static struct err *get_anonymous(const void *p, json_t **ret)
{
    return report_boolean(ret, ((const struct volume *)p)->anonymous);
}

static struct err *get_needs_copy_up(const void *p, json_t **ret)
{
    return report_boolean(ret, ((const struct volume *)p)->needs_copy_up);
}

static struct err *get_zero(const void *p, json_t **ret)
{
    (void)p;
    return report_integer(ret, 0);
}

static struct err *get_empty_map(const void *p, json_t **ret)
{
    (void)p;
    *ret = json_object();
    return *ret ? NULL : err_oom();
}

/* --format json */
static struct err *get_all(const void *p, json_t **ret)
{
    const struct volume *v = p;
    AUTO_JSON json_t *o = json_object();
    json_t *value;
    TRY(json_put_str(o, "Name", v->name));
    TRY(json_put_str(o, "Driver", v->driver));
    TRY(json_put_str(o, "Mountpoint", v->mountpoint));
    TRY(json_put_str(o, "CreatedAt", timefmt_rfc3339(v->created_nsec, 0).s));
    TRY(get_labels(v, &value));
    TRY(json_put(o, "Labels", value));
    TRY(json_put_str(o, "Scope", "local"));
    TRY(get_options(v, &value));
    TRY(json_put(o, "Options", value));
    if (v->anonymous)
        TRY(json_put_bool(o, "Anonymous", true));
    TRY(json_put_int(o, "MountCount", 0));
    if (v->needs_copy_up)
        TRY(json_put_bool(o, "NeedsCopyUp", true));
    *ret = json_incref(o);
    return NULL;
}

static const struct template_field fields[] = {
    {"Driver", NULL, get_driver, NULL},
    {"Name", "VOLUME NAME", get_name, NULL},
    {"Mountpoint", NULL, get_mountpoint, NULL},
    {"CreatedAt", NULL, get_created, NULL},
    {"Labels", NULL, get_labels, NULL},
    {"Scope", NULL, get_scope, NULL},
    {"Options", NULL, get_options, NULL},
    {"UID", NULL, get_zero, NULL},
    {"GID", NULL, get_zero, NULL},
    {"Anonymous", NULL, get_anonymous, NULL},
    {"MountCount", NULL, get_zero, NULL},
    {"NeedsCopyUp", NULL, get_needs_copy_up, NULL},
    {"Status", NULL, get_empty_map, NULL},
    {0},
};
static const struct template_class volume_class = {
    .type_name = "*entities.VolumeListReport",
    .fields = fields,
    .get_all = get_all,
};
static const struct template_member volume_members[] = {
    {"Labels", TEMPLATE_MAP, NULL},
    {"Options", TEMPLATE_MAP, NULL},
    {"Status", TEMPLATE_MAP, NULL},
    {"CreatedAt", TEMPLATE_TIME, NULL},
    {0},
};

/* Podman's order. */
static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct volume *const *)a)->name, (*(const struct volume *const *)b)->name);
}

static struct err *print_volumes(struct cli *c, const struct ls_opts *o, const void **rows, size_t n)
{
    if (report_is_json(o->format))
        return report_list(c, &volume_class, rows, n, 2);
    const struct report r = {
        .name = "ls",
        .class = &volume_class,
        .members = volume_members,
        .table = "{{.Driver}}\t{{.Name}}",
        .no_heading = o->no_heading,
    };
    if (!n && !o->format)
        return NULL; /* no heading for nothing */
    return report_rows(c, &r, o->quiet ? "{{.Name}}" : o->format, rows, n);
}

static struct err *ls_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct ls_opts *o = opts;
    struct engine *e;
    struct volume **list;
    size_t count;
    (void)exit_code;
    if (o->quiet && o->format)
        return ERR_NEW(ERR_INVALID, "quiet and format flags cannot be used together");
    TRY(cli_engine(c, &e));
    TRY(volume_list(e, &o->filters, &list, &count));
    if (count > 1)
        qsort(list, count, sizeof(struct volume *), by_name);
    const void **rows = mem_zalloc((count + 1) * sizeof *rows);
    for (size_t i = 0; rows && i < count; i++)
        rows[i] = list[i];
    struct err *err = rows ? print_volumes(c, o, rows, count) : err_oom();
    mem_freep(&rows);
    volume_list_free(list, count);
    return err;
}

const struct cli_verb cli_verb_volume_ls = {
    .paths = "volume ls,list",
    .synopsis = "[options]",
    .summary = "List volumes",
    .description = "List all available volumes. The output of the volumes can be filtered\n"
                   "and the output format can be changed to JSON or a user specified Go template.",
    .flags = ls_flags,
    .opts_size = sizeof(struct ls_opts),
    .run = ls_verb,
};
