/* history. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/timefmt.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "engine/image/image.h"

#define SECOND INT64_C(1000000000)
#define CREATED_BY_MAX 45

struct history_opts {
    bool human, no_trunc, quiet;
    const char *format;
};
#define O(field) offsetof(struct history_opts, field)

static const struct cli_flag history_flags[] = {
    {"format", 0, CLI_STRING, .offset = O(format), .help = "Change the output to JSON or a Go template"},
    {"human", 'H', CLI_BOOL, .offset = O(human), .def = "true",
     .help = "Display sizes and dates in human readable format"},
    {"no-trunc", 0, CLI_BOOL, .offset = O(no_trunc), .help = "Do not truncate the output"},
    {"quiet", 'q', CLI_BOOL, .offset = O(quiet), .help = "Display the numeric IDs only"},
    {0},
};

/* A layer's line with what its fields need to know. */
struct row {
    const struct image_history *line;
    const struct history_opts *o;
    int64_t now_nsec;
};

static struct err *get_id(const void *p, json_t **ret)
{
    const struct row *row = p;
    return report_id(ret, row->line->id, row->o->no_trunc);
}

static struct err *get_since(const void *p, json_t **ret)
{
    const struct row *row = p;
    int64_t seconds = row->line->created_nsec / SECOND;
    if (!row->o->human)
        return report_string(ret, timefmt_rfc3339(seconds * SECOND, 0).s);
    return report_ago(ret, row->now_nsec - seconds * SECOND);
}

static struct err *get_created_at(const void *p, json_t **ret)
{
    const struct row *row = p;
    return report_string(ret, timefmt_rfc3339(row->line->created_nsec / SECOND * SECOND, 0).s);
}

/* Cut to 45 characters, dots included. */
static struct err *get_created_by(const void *p, json_t **ret)
{
    const struct row *row = p;
    const char *by = row->line->created_by ? row->line->created_by : "";
    if (row->o->no_trunc || strlen(by) <= CREATED_BY_MAX)
        return report_string(ret, by);
    char text[CREATED_BY_MAX + 1];
    (void)snprintf(text, sizeof text, "%.*s...", CREATED_BY_MAX - 3, by);
    return report_string(ret, text);
}

static struct err *get_size(const void *p, json_t **ret)
{
    const struct row *row = p;
    char text[32];
    if (row->o->human)
        return report_string(ret, number_human_bytes(row->line->size_bytes).s);
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)row->line->size_bytes);
    return report_string(ret, text);
}

static struct err *get_comment(const void *p, json_t **ret)
{
    return report_string(ret, ((const struct row *)p)->line->comment);
}

static struct err *get_tags(const void *p, json_t **ret)
{
    const struct row *row = p;
    AUTO_JSON json_t *list = json_array();
    for (size_t i = 0; i < row->line->tags.count; i++)
        TRY(json_push_str(list, row->line->tags.items[i]));
    *ret = json_incref(list);
    return *ret ? NULL : err_oom();
}

/* --format json; Podman has the time twice, with and without its fraction. */
static struct err *get_all(const void *p, json_t **ret)
{
    const struct row *row = p;
    AUTO_JSON json_t *o = json_object();
    TRY(json_put_str(o, "id", row->line->id));
    TRY(json_put_str(o, "created", timefmt_rfc3339(row->line->created_nsec, 0).s));
    TRY(json_put_str(o, "CreatedBy", row->line->created_by));
    if (row->line->tags.count)
        TRY(json_put_strv(o, "tags", &row->line->tags));
    TRY(json_put_int(o, "size", (int64_t)row->line->size_bytes));
    TRY(json_put_str(o, "comment", row->line->comment));
    TRY(json_put_str(o, "Created", timefmt_rfc3339(row->line->created_nsec / SECOND * SECOND, 0).s));
    *ret = json_incref(o);
    return NULL;
}

static const struct template_field fields[] = {
    {"ID", NULL, get_id, NULL},
    {"Created", NULL, get_since, NULL},
    {"CreatedAt", NULL, get_created_at, NULL},
    {"CreatedSince", NULL, get_since, NULL},
    {"CreatedBy", "CREATED BY", get_created_by, NULL},
    {"Size", NULL, get_size, NULL},
    {"Comment", NULL, get_comment, NULL},
    {"Tags", NULL, get_tags, NULL},
    {0},
};
static const struct template_class history_class = {
    .type_name = "images.historyReporter",
    .fields = fields,
    .get_all = get_all,
};
static const struct template_member history_members[] = {{"CreatedAt", TEMPLATE_TIME, NULL}, {0}};

static struct err *print_history(struct cli *c, const struct history_opts *o, const struct image_history *lines,
                                 size_t n)
{
    AUTO_FREE struct row *rows = mem_zalloc((n + 1) * sizeof *rows);
    AUTO_FREE const void **order = mem_zalloc((n + 1) * sizeof *order);
    if (!rows || !order)
        return err_oom();
    for (size_t i = 0; i < n; i++) {
        rows[i] = (struct row){.line = &lines[i], .o = o, .now_nsec = timefmt_now()};
        order[i] = &rows[i];
    }
    if (report_is_json(o->format))
        return report_list(c, &history_class, order, n, 0); /* not indented, unlike all other listings */
    const struct report r = {
        .name = "history",
        .class = &history_class,
        .members = history_members,
        .table = "{{.ID}}\t{{.Created}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
    };
    const char *format = o->format ? o->format : o->quiet ? "{{.ID}}" : NULL;
    return report_rows(c, &r, format, order, n);
}

static struct err *history_verb(struct cli *c, void *opts, int *exit_code)
{
    struct engine *e;
    struct image_history *lines;
    size_t n;
    (void)exit_code;
    TRY(cli_engine(c, &e));
    TRY(image_history(e, c->args[0], &lines, &n));
    struct err *err = print_history(c, opts, lines, n);
    image_history_free(lines, n);
    return err;
}

const struct cli_verb cli_verb_history = {
    .paths = "history|image history",
    .synopsis = "[options] IMAGE",
    .summary = "Show history of a specified image",
    .description = "Displays the history of an image.\n\n"
                   "The information can be printed out in an easy to read, or user specified format, and can be "
                   "truncated.",
    .examples = "@ quay.io/fedora/fedora",
    .flags = history_flags,
    .opts_size = sizeof(struct history_opts),
    .min_args = 1,
    .max_args = 1,
    .complete = CLI_COMPLETE_IMAGE,
    .run = history_verb,
};
