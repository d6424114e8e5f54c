/* system df. */
#include "cli/system_df.h"

#include <stdio.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "engine/container/container.h"
#include "engine/image/image.h"
#include "engine/store/store.h"
#include "engine/volume/volume.h"

struct df_opts {
    const char *format;
    bool verbose;
};

static const struct cli_flag df_flags[] = {
    {"format", 0, CLI_STRING, .offset = offsetof(struct df_opts, format),
     .help = "Pretty-print images using a Go template"},
    {"verbose", 'v', CLI_BOOL, .offset = offsetof(struct df_opts, verbose),
     .help = "Show detailed information on disk usage"},
    {0},
};

/* One kind of things. */
struct row {
    const char *type;
    uint64_t total, active, bytes, reclaimable_bytes;
};

/* --- counting */

static struct err *query(struct engine *e, const char *sql, uint64_t *ret)
{
    struct store_stmt *st;
    bool row;
    TRY(store_prepare(engine_store(e), sql, &st));
    TRY(store_step(st, &row));
    *ret = row ? (uint64_t)store_col_int(st, 0) : 0;
    store_idle(engine_store(e));
    return NULL;
}

/* Layers count once, however many images have them; one that a container's image has is in use. */
static struct err *count_images(struct engine *e, struct row *r)
{
    uint64_t used = 0;
    *r = (struct row){.type = "Images"};
    TRY(query(e, "SELECT count(*) FROM images", &r->total));
    TRY(query(e, "SELECT count(DISTINCT image_id) FROM containers WHERE image_id IS NOT NULL", &r->active));
    TRY(query(e, "SELECT coalesce(sum(size_bytes), 0) FROM layers WHERE map = ''", &r->bytes));
    TRY(query(e,
              "SELECT coalesce(sum(size_bytes), 0) FROM layers WHERE map = '' AND id IN (SELECT l.layer_id FROM "
              "image_layers l JOIN containers c ON c.image_id = l.image_id)",
              &used));
    r->reclaimable_bytes = r->bytes - (used < r->bytes ? used : r->bytes);
    return NULL;
}

static struct err *count_containers(struct engine *e, struct row *r)
{
    const struct container_list_opts all = {.all = true};
    struct container **list;
    size_t count;
    *r = (struct row){.type = "Containers"};
    TRY(container_list(e, &all, &list, &count));
    for (size_t i = 0; i < count; i++) {
        uint64_t bytes = 0;
        bool live = container_is_live(list[i]);
        err_drop(container_size(e, list[i], &bytes, NULL)); /* it may be gone by now */
        r->total++;
        r->active += live;
        r->bytes += bytes;
        r->reclaimable_bytes += live ? 0 : bytes;
    }
    container_list_free(list, count);
    return NULL;
}

struct err *df_volume_bytes(struct engine *e, const struct volume *v, uint64_t *ret)
{
    AUTO_FREE char *path = NULL;
    uint64_t inodes;
    TRY(mem_asprintf(&path, "volumes/%s/_data", v->name));
    return file_tree_size(store_root_fd(engine_store(e)), path, ret, &inodes);
}

static struct err *count_volumes(struct engine *e, struct row *r)
{
    const struct strv none = STRV_INIT;
    struct volume **list;
    size_t count;
    *r = (struct row){.type = "Local Volumes"};
    TRY(volume_list(e, &none, &list, &count));
    for (size_t i = 0; i < count; i++) {
        uint64_t bytes = 0;
        err_drop(df_volume_bytes(e, list[i], &bytes));
        r->total++;
        r->active += list[i]->containers > 0;
        r->bytes += bytes;
        r->reclaimable_bytes += list[i]->containers ? 0 : bytes;
    }
    volume_list_free(list, count);
    return NULL;
}

/* --- fields */

static struct err *get_type(const void *p, json_t **ret)
{
    return report_string(ret, ((const struct row *)p)->type);
}

static struct err *get_total(const void *p, json_t **ret)
{
    return report_integer(ret, (int64_t)((const struct row *)p)->total);
}

static struct err *get_active(const void *p, json_t **ret)
{
    return report_integer(ret, (int64_t)((const struct row *)p)->active);
}

static struct err *get_size(const void *p, json_t **ret)
{
    return report_string(ret, number_packed_bytes(((const struct row *)p)->bytes).s);
}

static struct err *get_reclaimable(const void *p, json_t **ret)
{
    const struct row *r = p;
    int percent = r->bytes ? (int)(100.0 * (double)r->reclaimable_bytes / (double)r->bytes + 0.5) : 0;
    char text[80];
    (void)snprintf(text, sizeof text, "%s (%d%%)", number_packed_bytes(r->reclaimable_bytes).s, percent);
    return report_string(ret, text);
}

static const struct template_field fields[] = {
    {"Type", NULL, get_type, NULL},
    {"Total", NULL, get_total, NULL},
    {"Active", NULL, get_active, NULL},
    {"Size", NULL, get_size, NULL},
    {"Reclaimable", NULL, get_reclaimable, NULL},
    {0},
};

static struct err *get_all(const void *p, json_t **ret)
{
    const struct row *r = p;
    AUTO_JSON json_t *o = NULL;
    TRY(report_all(fields, p, &o));
    TRY(json_put_int(o, "RawSize", (int64_t)r->bytes));
    TRY(json_put_int(o, "RawReclaimable", (int64_t)r->reclaimable_bytes));
    *ret = json_incref(o);
    return NULL;
}

static const struct template_class class = {.type_name = "*system.dfSummary", .fields = fields, .get_all = get_all};

static struct err *df_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct df_opts *o = opts;
    const struct report report = {
        .name = "df",
        .class = &class,
        .table = "{{.Type}}\t{{.Total}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
    };
    struct row rows[3];
    const void *const order[] = {&rows[0], &rows[1], &rows[2]};
    struct engine *e;
    (void)exit_code;
    TRY(cli_engine(c, &e));
    if (o->verbose)
        return df_verbose(c, e, o->format);
    TRY(count_images(e, &rows[0]));
    TRY(count_containers(e, &rows[1]));
    TRY(count_volumes(e, &rows[2]));
    if (!report_is_json(o->format))
        return report_rows(c, &report, o->format, order, ARRAY_LEN(rows));
    return report_list(c, &class, order, ARRAY_LEN(rows), 4);
}

const struct cli_verb cli_verb_system_df = {
    .paths = "system df",
    .synopsis = "[options]",
    .summary = "Show " CLI_PROGRAM " disk usage",
    .description = "Show " CLI_PROGRAM " disk usage. Layers that several images share count once.",
    .flags = df_flags,
    .opts_size = sizeof(struct df_opts),
    .run = df_verb,
};
