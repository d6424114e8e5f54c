/* images, and the group `image`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/image_rows.h"
#include "cli/report.h"
#include "cli/verbs.h"

const struct cli_verb cli_verb_image = {
    .paths = "image",
    .summary = "Manage images",
    .traits = CLI_GROUP,
};

struct images_opts {
    bool all, digests, history, no_trunc, no_heading, quiet;
    const char *format, *sort;
    struct strv filters;
};
#define O(field) offsetof(struct images_opts, field)

static const struct cli_flag images_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Show all images (default hides intermediate images)"},
    {"digests", 0, CLI_BOOL, .offset = O(digests), .help = "Show digests"},
    {"filter", 'f', CLI_STRINGS, .offset = O(filters), .help = "Filter output based on conditions provided"},
    {"format", 0, CLI_STRING, .offset = O(format), .help = "Change the output format to JSON or a Go template"},
    {"history", 0, CLI_BOOL, .offset = O(history), .help = "Display the image name history"},
    {"no-trunc", 0, CLI_BOOL, .offset = O(no_trunc), .help = "Do not truncate output"},
    {"noheading", 'n', CLI_BOOL, .offset = O(no_heading), .help = "Do not print column headings"},
    {"quiet", 'q', CLI_BOOL, .offset = O(quiet), .help = "Display only image IDs"},
    {"sort", 0, CLI_STRING, .offset = O(sort), .def = "created", .help = "Sort by created, id, repository, size, tag"},
    {0},
};

/* What one listing holds; rows point into the images and configs. */
struct listing {
    struct image **images;
    size_t count;
    struct image_config *configs; /* one for each image, when needed */
    struct image_row *rows;
    const void **order;
    size_t n_rows, cap_rows;
};

static void listing_done(struct listing *l)
{
    for (size_t i = 0; i < l->n_rows; i++) {
        mem_freep(&l->rows[i].repository);
        mem_freep(&l->rows[i].tag);
    }
    for (size_t i = 0; l->configs && i < l->count; i++)
        image_config_done(&l->configs[i]);
    mem_freep(&l->rows);
    mem_freep(&l->order);
    mem_freep(&l->configs);
    image_list_free(l->images, l->count);
}

/* A row for one name; NULL: the image has none, or only a digest's. */
static struct err *add_row(struct listing *l, size_t index, const char *name, const struct images_opts *o)
{
    struct image_row row = {
        .image = l->images[index],
        .config = l->configs ? &l->configs[index] : NULL,
        .no_trunc = o->no_trunc,
        .now_nsec = timefmt_now(),
    };
    TRY(mem_grow(&l->rows, l->n_rows, &l->cap_rows, sizeof *l->rows, SIZE_MAX / 1024));
    if (name) {
        TRY(image_split_name(name, &row.repository, &row.tag));
    } else {
        TRY(mem_strdup("<none>", &row.repository));
        struct err *e = mem_strdup("<none>", &row.tag);
        if (e) {
            mem_freep(&row.repository);
            return e;
        }
    }
    l->rows[l->n_rows++] = row;
    return NULL;
}

/* Digest names count once for each repository, and only where there is no tag. */
static bool is_new_repository(const struct strv *digests, size_t index)
{
    size_t len = strcspn(digests->items[index], "@");
    for (size_t k = 0; k < index; k++)
        if (strcspn(digests->items[k], "@") == len && memcmp(digests->items[k], digests->items[index], len) == 0)
            return false;
    return true;
}

static struct err *add_rows(struct listing *l, const struct images_opts *o)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct strv *names = &l->images[i]->names, *digests = &l->images[i]->digest_names;
        for (size_t k = 0; k < names->count; k++)
            TRY(add_row(l, i, names->items[k], o));
        for (size_t k = 0; k < digests->count && !names->count; k++)
            if (is_new_repository(digests, k))
                TRY(add_row(l, i, digests->items[k], o));
        if (!names->count && !digests->count)
            TRY(add_row(l, i, NULL, o));
    }
    l->order = mem_zalloc((l->n_rows + 1) * sizeof *l->order);
    if (!l->order)
        return err_oom();
    for (size_t i = 0; i < l->n_rows; i++)
        l->order[i] = &l->rows[i];
    return NULL;
}

/* Only for labels: a config is a document to read and parse. */
static struct err *read_configs(struct engine *e, struct listing *l)
{
    l->configs = mem_zalloc((l->count + 1) * sizeof *l->configs);
    if (!l->configs)
        return err_oom();
    for (size_t i = 0; i < l->count; i++)
        TRY(image_read_config(e, l->images[i], &l->configs[i]));
    return NULL;
}

/* --- sorting */

static int compare(const void *pa, const void *pb, void *arg)
{
    const struct image_row *a = *(const struct image_row *const *)pa, *b = *(const struct image_row *const *)pb;
    const struct image *ia = a->image, *ib = b->image;
    const char *key = arg;
    int order = 0;
    if (strcmp(key, "id") == 0)
        order = strcmp(ia->id, ib->id);
    else if (strcmp(key, "repository") == 0)
        order = strcmp(a->repository, b->repository);
    else if (strcmp(key, "size") == 0)
        order = (ia->size_bytes > ib->size_bytes) - (ia->size_bytes < ib->size_bytes);
    else if (strcmp(key, "tag") == 0)
        order = strcmp(a->tag, b->tag);
    else
        order = (ia->created_nsec < ib->created_nsec) - (ia->created_nsec > ib->created_nsec);
    if (order)
        return order;
    return (a > b) - (a < b); /* as they came */
}

static bool is_sort_key(const char *key)
{
    static const char *const keys[] = {"id", "repository", "size", "tag", "created"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

/* --- printing */

/* An image once, however many names it has. */
static struct err *print_json(struct cli *c, const struct listing *l)
{
    AUTO_JSON json_t *list = json_array();
    AUTO_STRV struct strv seen = STRV_INIT;
    for (size_t i = 0; i < l->n_rows; i++) {
        const struct image_row *row = l->order[i];
        json_t *object;
        if (strv_contains(&seen, row->image->id))
            continue;
        TRY(strv_add(&seen, row->image->id));
        TRY(image_row_json(row, &object));
        TRY(json_push(list, object));
    }
    return report_json(c, list, 4);
}

static struct err *print_ids(struct cli *c, const struct listing *l)
{
    AUTO_STRV struct strv seen = STRV_INIT;
    for (size_t i = 0; i < l->n_rows; i++) {
        const struct image_row *row = l->order[i];
        if (strv_contains(&seen, row->image->id))
            continue;
        TRY(strv_add(&seen, row->image->id));
        TRY(cli_printf(c, row->no_trunc ? "sha256:%s\n" : "%.12s\n", row->image->id));
    }
    return NULL;
}

/* Columns by flags. */
static struct err *default_table(const struct images_opts *o, struct strbuf *ret)
{
    TRY(strbuf_puts(ret, "{{.Repository}}\t{{.Tag}}\t"));
    if (o->digests)
        TRY(strbuf_puts(ret, "{{.Digest}}\t"));
    TRY(strbuf_puts(ret, "{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"));
    return o->history ? strbuf_puts(ret, "\t{{.History}}") : NULL;
}

static struct err *images_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct images_opts *o = opts;
    __attribute__((cleanup(listing_done))) struct listing l = {0};
    AUTO_TEMPLATE struct template *t = NULL;
    AUTO_STRBUF struct strbuf table = STRBUF_INIT;
    struct engine *e;
    (void)exit_code;
    if (!is_sort_key(o->sort))
        return ERR_NEW(ERR_INVALID,
                       "\"%s\" is not a valid field for sorting. Choose from: created, id, repository, size, tag",
                       o->sort);
    bool json = report_is_json(o->format), ids = o->quiet && !o->format;
    TRY(default_table(o, &table));
    const struct report r = {.name = "images",
                             .class = &image_class,
                             .members = image_members,
                             .table = strbuf_str(&table),
                             .no_heading = o->no_heading};
    if (!json && !ids)
        TRY(report_parse(&r, o->format, &t));
    TRY(cli_engine(c, &e));
    const struct image_list_opts list_opts = {
        .filters = o->filters, .name = c->n_args ? c->args[0] : NULL, .all = o->all};
    TRY(image_list(e, &list_opts, &l.images, &l.count));
    if (json || (t && (template_uses(t, "Labels") || (o->format && strstr(o->format, "{{.}}")))))
        TRY(read_configs(e, &l));
    TRY(add_rows(&l, o));
    char key[16];
    (void)snprintf(key, sizeof key, "%s", o->sort);
    qsort_r(l.order, l.n_rows, sizeof *l.order, compare, key);
    if (json)
        return print_json(c, &l);
    if (ids)
        return print_ids(c, &l);
    return report_print(c, &r, o->format, t, l.order, l.n_rows);
}

const struct cli_verb cli_verb_images = {
    .paths = "images|image list,ls",
    .synopsis = "[options] [IMAGE]",
    .summary = "List images in local storage",
    .description = "Lists images previously pulled to the system or created on the system.",
    .examples = "@ --format json\n@ --sort repository --format \"table {{.ID}} {{.Repository}} {{.Tag}}\"\n"
                "@ --filter dangling=true",
    .flags = images_flags,
    .opts_size = sizeof(struct images_opts),
    .max_args = 1,
    .complete = CLI_COMPLETE_IMAGE,
    .complete_args = 1,
    .run = images_verb,
};
