/* artifact ls. */
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/timefmt.h"
#include "cli/image_rows.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "engine/image/artifact.h"

struct ls_opts {
    bool no_heading, no_trunc;
    const char *format;
};
#define O(field) offsetof(struct ls_opts, field)

static const struct cli_flag ls_flags[] = {
    {"format", 0, CLI_STRING, .offset = O(format), .help = "Format volume output using JSON or a Go template"},
    {"no-trunc", 0, CLI_BOOL, .offset = O(no_trunc), .help = "Do not truncate output"},
    {"noheading", 'n', CLI_BOOL, .offset = O(no_heading), .help = "Do not print column headings"},
    {0},
};

struct row {
    const struct artifact *artifact;
    char *repository, *tag;
    bool no_trunc;
    int64_t now_nsec;
};

static struct err *get_repository(const void *p, json_t **ret)
{
    return report_string(ret, ((const struct row *)p)->repository);
}

static struct err *get_tag(const void *p, json_t **ret)
{
    return report_string(ret, ((const struct row *)p)->tag);
}

static struct err *get_digest(const void *p, json_t **ret)
{
    const struct row *row = p;
    const char *colon = strchr(row->artifact->digest, ':');
    return report_id(ret, colon ? colon + 1 : row->artifact->digest, row->no_trunc);
}

static struct err *get_created(const void *p, json_t **ret)
{
    const struct row *row = p;
    return report_ago(ret, row->now_nsec - row->artifact->created_nsec);
}

static struct err *get_created_at(const void *p, json_t **ret)
{
    return report_string(ret, timefmt_go(((const struct row *)p)->artifact->created_nsec).s);
}

static struct err *get_size(const void *p, json_t **ret)
{
    return report_string(ret, number_packed_bytes(((const struct row *)p)->artifact->size_bytes).s);
}

static struct err *get_bytes(const void *p, json_t **ret)
{
    return report_integer(ret, (int64_t)((const struct row *)p)->artifact->size_bytes);
}

static const struct template_field fields[] = {
    {"Repository", NULL, get_repository, NULL}, {"Tag", NULL, get_tag, NULL},
    {"Digest", NULL, get_digest, NULL},         {"Created", NULL, get_created, NULL},
    {"CreatedAt", NULL, get_created_at, NULL},  {"Size", NULL, get_size, NULL},
    {"VirtualSize", NULL, get_bytes, NULL},     {0},
};

static struct err *get_all(const void *p, json_t **ret)
{
    return report_all(fields, p, ret);
}

static struct err *print_rows(struct cli *c, const struct ls_opts *o, struct artifact *const *list, size_t count,
                              struct row *rows, const void **pointers)
{
    static const struct template_class class = {
        .type_name = "artifact.artifactListOutput", .fields = fields, .get_all = get_all};
    static const struct template_member members[] = {{0}};
    const struct report r = {
        .name = "artifact list",
        .class = &class,
        .members = members,
        .table = "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.Created}}\t{{.Size}}",
        .no_heading = o->no_heading,
    };
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct row){.artifact = list[i], .no_trunc = o->no_trunc, .now_nsec = timefmt_now()};
        pointers[i] = &rows[i];
        TRY(image_split_name(list[i]->name, &rows[i].repository, &rows[i].tag));
    }
    return report_is_json(o->format) ? report_list(c, &class, pointers, count, 4)
                                     : report_rows(c, &r, o->format, pointers, count);
}

static struct err *ls_verb(struct cli *c, void *opts, int *exit_code)
{
    struct engine *e;
    struct artifact **list;
    size_t count;
    (void)exit_code;
    TRY(cli_engine(c, &e));
    TRY(artifact_list(e, &list, &count));
    struct row *rows = mem_zalloc((count + 1) * sizeof *rows);
    AUTO_FREE const void **pointers = mem_zalloc((count + 1) * sizeof *pointers);
    struct err *err = rows && pointers ? print_rows(c, opts, list, count, rows, pointers) : err_oom();
    for (size_t i = 0; rows && i < count; i++) {
        mem_freep(&rows[i].repository);
        mem_freep(&rows[i].tag);
    }
    mem_freep(&rows);
    artifact_list_free(list, count);
    return err;
}

const struct cli_verb cli_verb_artifact_ls = {
    .paths = "artifact ls,list",
    .synopsis = "[options]",
    .summary = "List OCI artifacts",
    .description = "List OCI artifacts in local store",
    .examples = "@\n@ --format '{{.Repository}} {{.Digest}}'",
    .flags = ls_flags,
    .opts_size = sizeof(struct ls_opts),
    .run = ls_verb,
};
