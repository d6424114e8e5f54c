/* secret ls. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/report.h"
#include "cli/secret_rows.h"
#include "cli/verbs.h"
#include "engine/secret/secret.h"

struct ls_opts {
    bool no_heading, quiet;
    const char *format;
    struct strv filters;
};
#define O(field) offsetof(struct ls_opts, field)

static const struct cli_flag ls_flags[] = {
    {"filter", 'f', CLI_STRINGS, .offset = O(filters), .help = "Filter secret output"},
    {"format", 0, CLI_STRING, .offset = O(format), .help = "Format volume output using Go template"},
    {"noheading", 0, CLI_BOOL, .offset = O(no_heading), .help = "Do not print headers"},
    {"quiet", 'q', CLI_BOOL, .offset = O(quiet), .help = "Print secret IDs only"},
    {0},
};

struct err *secret_names(struct engine *e, struct strv *ret)
{
    const struct strv none = STRV_INIT;
    struct secret **list;
    size_t count;
    struct err *err = NULL;
    TRY(secret_list(e, &none, &list, &count));
    for (size_t i = 0; i < count && !err; i++)
        err = strv_add(ret, list[i]->name);
    secret_list_free(list, count);
    return err;
}

struct err *secret_object(struct engine *e, const struct secret *s, json_t **ret)
{
    AUTO_JSON json_t *o = json_object();
    AUTO_FREE char *path = NULL;
    json_t *spec, *driver, *options;
    TRY(json_put_str(o, "ID", s->id));
    TRY(json_put_str(o, "CreatedAt", timefmt_rfc3339(s->created_nsec, 1).s));
    TRY(json_put_str(o, "UpdatedAt", timefmt_rfc3339(s->updated_nsec, 1).s));
    TRY(json_put_obj(o, "Spec", &spec));
    TRY(json_put_str(spec, "Name", s->name));
    TRY(json_put_obj(spec, "Driver", &driver));
    TRY(json_put_str(driver, "Name", s->driver));
    TRY(json_put_pairs(driver, "Options", &s->options));
    options = json_object_get(driver, "Options");
    if (strcmp(s->driver, "file") == 0 && !json_object_get(options, "path")) {
        TRY(mem_asprintf(&path, "%s/secrets", engine_root(e)));
        TRY(json_put_str(options, "path", path));
    }
    TRY(json_put_pairs(spec, "Labels", &s->labels));
    *ret = json_incref(o);
    return NULL;
}

static struct err *get_id(const void *p, json_t **ret)
{
    return report_string(ret, ((const struct secret *)p)->id);
}

static struct err *get_name(const void *p, json_t **ret)
{
    return report_string(ret, ((const struct secret *)p)->name);
}

static struct err *get_driver(const void *p, json_t **ret)
{
    return report_string(ret, ((const struct secret *)p)->driver);
}

static struct err *get_created(const void *p, json_t **ret)
{
    return report_ago(ret, timefmt_now() - ((const struct secret *)p)->created_nsec);
}

static struct err *get_updated(const void *p, json_t **ret)
{
    return report_ago(ret, timefmt_now() - ((const struct secret *)p)->updated_nsec);
}

static const struct template_field fields[] = {
    {"ID", NULL, get_id, NULL},
    {"Name", NULL, get_name, NULL},
    {"Driver", NULL, get_driver, NULL},
    {"CreatedAt", "CREATED", get_created, NULL},
    {"UpdatedAt", "UPDATED", get_updated, NULL},
    {0},
};

static struct err *get_all(const void *p, json_t **ret)
{
    return report_all(fields, p, ret);
}

static const struct template_class class = {
    .type_name = "secrets.secretListDisplay", .fields = fields, .get_all = get_all};

static struct err *print(struct cli *c, const struct ls_opts *o, struct secret **list, size_t count)
{
    const struct report r = {
        .name = "secret ls",
        .class = &class,
        .table = "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.CreatedAt}}\t{{.UpdatedAt}}",
        .no_heading = o->no_heading,
    };
    for (size_t i = 0; o->quiet && i < count; i++)
        TRY(cli_printf(c, "%s\n", list[i]->id));
    if (o->quiet)
        return NULL;
    if (!report_is_json(o->format))
        return report_rows(c, &r, o->format, (const void *const *)list, count);
    AUTO_JSON json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *object;
        TRY(secret_object(c->engine, list[i], &object));
        TRY(json_push(array, object));
    }
    return report_json(c, array, 4);
}

static struct err *ls_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct ls_opts *o = opts;
    struct secret **list;
    size_t count;
    struct engine *e;
    (void)exit_code;
    TRY(cli_engine(c, &e));
    TRY(secret_list(e, &o->filters, &list, &count));
    struct err *err = print(c, o, list, count);
    secret_list_free(list, count);
    return err;
}

const struct cli_verb cli_verb_secret_ls = {
    .paths = "secret ls,list",
    .synopsis = "[options]",
    .summary = "List secrets",
    .examples = "@",
    .flags = ls_flags,
    .opts_size = sizeof(struct ls_opts),
    .run = ls_verb,
};
