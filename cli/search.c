/* search. Needs no session: only the network and configuration. */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "cli/registry_flags.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "engine/registry/search.h"

#define LIMIT_MAX 100000

struct search_flags {
    struct registry_flags registry; /* first: more_flags */
    struct strv filters;
    const char *format;
    int64_t limit;
    bool compatible, list_tags, no_trunc;
};
#define O(field) offsetof(struct search_flags, field)

static const struct cli_flag search_flags[] = {
    {"compatible", 0, CLI_BOOL, .offset = O(compatible),
     .help = "List stars, official and automated columns (Docker compatibility)"},
    {"filter", 'f', CLI_STRINGS, .offset = O(filters),
     .help = "Filter output based on conditions provided (stars=N, is-official[=bool], is-automated[=bool])"},
    {"format", 0, CLI_STRING, .offset = O(format), .help = "Change the output format to JSON or a Go template"},
    {"limit", 0, CLI_INT, .offset = O(limit), .help = "Limit the number of results (default: 25 per registry)"},
    {"list-tags", 0, CLI_BOOL, .offset = O(list_tags), .help = "List the tags of the input registry"},
    {"no-trunc", 0, CLI_BOOL, .offset = O(no_trunc), .help = "Do not truncate the output"},
    {0},
};

/* --- filters */

/* "is-official", "is-official=true", "is-official=false". */
static struct err *take_bool(const char *value, const char *filter, int *ret)
{
    if (value && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
        return ERR_NEW(ERR_INVALID, "invalid filter \"%s\": its value is true or false", filter);
    *ret = !value || value[0] == 't';
    return NULL;
}

static struct err *take_filter(const char *filter, struct search_opts *o)
{
    const char *equals = strchr(filter, '=');
    const char *value = equals ? equals + 1 : NULL;
    size_t len = equals ? (size_t)(equals - filter) : strlen(filter);
    if (len == 5 && memcmp(filter, "stars", len) == 0) {
        if (!value)
            return ERR_NEW(ERR_INVALID, "invalid filter [\"%s\"], should be stars=<value>", filter);
        return ERR_WRAP(number_parse_i64(value, 0, INT64_MAX, &o->stars), "incorrect value type for stars filter");
    }
    if (len == 11 && memcmp(filter, "is-official", len) == 0)
        return take_bool(value, filter, &o->official);
    if (len == 12 && memcmp(filter, "is-automated", len) == 0)
        return take_bool(value, filter, &o->automated);
    return ERR_NEW(ERR_INVALID, "invalid filter type \"%s\"", filter);
}

/* --- rows */

static const char *mark(bool on)
{
    return on ? "[OK]" : "";
}

#define GETTER(name, value)                                      \
    static struct err *get_##name(const void *row, json_t **ret) \
    {                                                            \
        const struct search_result *r = row;                     \
        return report_string(ret, value);                        \
    }
GETTER(index, r->index)
GETTER(name, r->name)
GETTER(description, r->description)
GETTER(tag, r->tag)
GETTER(official, mark(r->official))
GETTER(automated, mark(r->automated))

static struct err *get_stars(const void *row, json_t **ret)
{
    return report_integer(ret, ((const struct search_result *)row)->stars);
}

static const struct template_field fields[] = {
    {"Index", NULL, get_index, NULL},
    {"Name", NULL, get_name, NULL},
    {"Description", NULL, get_description, NULL},
    {"Stars", NULL, get_stars, NULL},
    {"Official", NULL, get_official, NULL},
    {"Automated", NULL, get_automated, NULL},
    {"Tag", NULL, get_tag, NULL},
    {0},
};

static struct err *get_all(const void *row, json_t **ret)
{
    return report_all(fields, row, ret);
}

static const struct template_class search_class = {
    .type_name = "entities.ImageSearchReport", .fields = fields, .get_all = get_all};

/* --- printing */

/* One object per repository with all its tags. */
static struct err *print_tags_json(struct cli *c, const struct search_results *found)
{
    AUTO_JSON json_t *list = json_array();
    json_t *tags = NULL;
    for (size_t i = 0; i < found->count; i++) {
        if (i == 0 || strcmp(found->items[i].name, found->items[i - 1].name) != 0) {
            json_t *one;
            TRY(json_push_obj(list, &one));
            TRY(json_put_str(one, "Name", found->items[i].name));
            TRY(json_put_arr(one, "Tags", &tags));
        }
        TRY(json_push_str(tags, found->items[i].tag));
    }
    return report_json(c, list, 4);
}

static struct err *print(struct cli *c, const struct search_flags *f, const struct search_results *found)
{
    const struct report r = {
        .name = "search",
        .class = &search_class,
        .table = f->list_tags    ? "{{.Name}}\t{{.Tag}}"
                 : f->compatible ? "{{.Name}}\t{{.Description}}\t{{.Stars}}\t{{.Official}}\t{{.Automated}}"
                                 : "{{.Name}}\t{{.Description}}",
    };
    if (!found->count)
        return NULL; /* no heading for nothing, and no [] either */
    bool json = report_is_json(f->format);
    if (json && f->list_tags)
        return print_tags_json(c, found);
    AUTO_FREE const void **rows = mem_zalloc(found->count * sizeof *rows);
    if (!rows)
        return err_oom();
    for (size_t i = 0; i < found->count; i++)
        rows[i] = &found->items[i];
    return json ? report_list(c, &search_class, rows, found->count, 4)
                : report_rows(c, &r, f->format, rows, found->count);
}

static struct err *search_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct search_flags *f = opts;
    AUTO_REGISTRY_CONF struct registry_conf *conf = NULL;
    AUTO_SEARCH_RESULTS struct search_results found = {0};
    struct registry_opts registry;
    struct search_opts search = {.registry = &registry,
                                 .list_tags = f->list_tags,
                                 .no_trunc = f->no_trunc || report_is_json(f->format),
                                 .official = -1,
                                 .automated = -1};
    (void)exit_code;
    if (f->limit < 0 || f->limit > LIMIT_MAX)
        return ERR_NEW(ERR_INVALID, "--limit %lld is outside the range of 0 to %d", (long long)f->limit, LIMIT_MAX);
    search.limit = (uint64_t)f->limit;
    for (size_t i = 0; i < f->filters.count; i++)
        TRY(take_filter(f->filters.items[i], &search));
    if (f->list_tags && f->filters.count)
        return ERR_NEW(ERR_INVALID, "filters are not applicable to list tags result");
    TRY(registry_flags_take(c, &f->registry, &registry));
    TRY(registry_conf_load(&conf));
    TRY(registry_search(conf, c->args[0], &search, &found));
    return print(c, f, &found);
}

const struct cli_verb cli_verb_search = {
    .paths = "search|image search",
    .synopsis = "[options] TERM",
    .summary = "Search registry for image",
    .description = "Search registries for a given image. Can search all the default registries or a specific "
                   "registry.\n\nUsers can limit the number of results, and filter the output based on certain "
                   "conditions.",
    .examples = "@ --filter=is-official --limit 3 alpine\n@ registry.fedoraproject.org/  # only works with v2 "
                "registries\n@ --format \"table {{.Index}} {{.Name}}\" registry.fedoraproject.org/fedora",
    .flags = search_flags,
    .more_flags = cli_registry_flags,
    .opts_size = sizeof(struct search_flags),
    .min_args = 1,
    .max_args = 1,
    .run = search_verb,
};
