/* system df --verbose: what takes space, one by one. */
#include "cli/system_df.h"

#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/timefmt.h"
#include "cli/image_rows.h"
#include "cli/report.h"
#include "cli/tabwriter.h"
#include "engine/container/container.h"
#include "engine/image/image.h"
#include "engine/store/store.h"
#include "engine/volume/volume.h"

#define SHORT_ID 12

/* Objects of the three kinds, with the members that Podman's columns have; sizes are bytes. */
struct inventory {
    json_t *images, *containers, *volumes;
    int64_t now_nsec;
};

static void inventory_done(struct inventory *v)
{
    json_decref(v->images);
    json_decref(v->containers);
    json_decref(v->volumes);
}
#define AUTO_INVENTORY __attribute__((cleanup(inventory_done)))

/* --- images */

/* Bytes of its layers that other images have as well. */
static struct err *shared_bytes(struct engine *e, const struct image *i, uint64_t *ret)
{
    struct store_stmt *st;
    bool row;
    TRY(store_prepare(engine_store(e),
                      "SELECT coalesce(sum(l.size_bytes), 0) FROM image_layers il JOIN layers l ON l.id = il.layer_id "
                      "WHERE il.image_id = ?1 AND EXISTS (SELECT 1 FROM image_layers o WHERE o.layer_id = il.layer_id "
                      "AND o.image_id <> ?1)",
                      &st));
    TRY(store_bind(st, "t", i->id));
    TRY(store_step(st, &row));
    *ret = row ? (uint64_t)store_col_int(st, 0) : 0;
    store_idle(engine_store(e));
    return NULL;
}

static struct err *add_image(struct inventory *v, const struct image *i, const char *name, uint64_t shared)
{
    AUTO_FREE char *repository = NULL, *tag = NULL;
    json_t *o;
    if (name)
        TRY(image_split_name(name, &repository, &tag));
    TRY(json_push_obj(v->images, &o));
    TRY(json_put_str(o, "Repository", repository ? repository : "<none>"));
    TRY(json_put_str(o, "Tag", tag ? tag : "<none>"));
    TRY(json_put_str(o, "ImageID", i->id));
    TRY(json_put_int(o, "Created", i->created_nsec));
    TRY(json_put_int(o, "Size", (int64_t)i->size_bytes));
    TRY(json_put_int(o, "SharedSize", (int64_t)shared));
    TRY(json_put_int(o, "UniqueSize", (int64_t)(i->size_bytes - shared)));
    return json_put_int(o, "Containers", (int64_t)i->containers);
}

static struct err *add_images(struct engine *e, struct inventory *v)
{
    const struct image_list_opts opts = {.all = true};
    struct image **list;
    size_t count;
    TRY(image_list(e, &opts, &list, &count));
    struct err *err = NULL;
    for (size_t i = 0; i < count && !err; i++) {
        uint64_t shared = 0;
        err = shared_bytes(e, list[i], &shared);
        shared = shared < list[i]->size_bytes ? shared : list[i]->size_bytes;
        for (size_t k = 0; k < list[i]->names.count && !err; k++)
            err = add_image(v, list[i], list[i]->names.items[k], shared);
        if (!err && !list[i]->names.count)
            err = add_image(v, list[i], NULL, shared);
    }
    image_list_free(list, count);
    return err;
}

/* --- containers and volumes */

static int64_t count_volumes(const struct container *c)
{
    int64_t n = 0;
    for (size_t i = 0; c->has_spec && i < c->spec.n_mounts; i++)
        n += c->spec.mounts[i].type == MOUNT_VOLUME;
    return n;
}

static struct err *add_container(struct engine *e, struct inventory *v, const struct container *c)
{
    uint64_t bytes = 0;
    json_t *o;
    err_drop(container_size(e, c, &bytes, NULL)); /* it may be gone by now */
    TRY(json_push_obj(v->containers, &o));
    TRY(json_put_str(o, "ContainerID", c->id));
    TRY(json_put_str(o, "Image", c->image_id));
    TRY(json_put_str(o, "Command", c->command));
    TRY(json_put_int(o, "LocalVolumes", count_volumes(c)));
    TRY(json_put_int(o, "Size", (int64_t)bytes));
    TRY(json_put_int(o, "Created", c->created_nsec));
    TRY(json_put_str(o, "Status", container_state_name(c->state)));
    return json_put_str(o, "Names", c->name);
}

static struct err *add_containers(struct engine *e, struct inventory *v)
{
    const struct container_list_opts all = {.all = true, .with_spec = true};
    struct container **list;
    size_t count;
    struct err *err = NULL;
    TRY(container_list(e, &all, &list, &count));
    for (size_t i = 0; i < count && !err; i++)
        err = add_container(e, v, list[i]);
    container_list_free(list, count);
    return err;
}

static struct err *add_volumes(struct engine *e, struct inventory *v)
{
    const struct strv none = STRV_INIT;
    struct volume **list;
    size_t count;
    struct err *err = NULL;
    TRY(volume_list(e, &none, &list, &count));
    for (size_t i = 0; i < count && !err; i++) {
        uint64_t bytes = 0;
        json_t *o;
        err_drop(df_volume_bytes(e, list[i], &bytes));
        err = json_push_obj(v->volumes, &o);
        if (!err)
            err = json_put_str(o, "VolumeName", list[i]->name);
        if (!err)
            err = json_put_int(o, "Links", (int64_t)list[i]->containers);
        if (!err)
            err = json_put_int(o, "Size", (int64_t)bytes);
    }
    volume_list_free(list, count);
    return err;
}

/* --- tables */

enum column_kind { TEXT, ID, NUMBER, BYTES, AGE };
struct column {
    const char *key, *heading;
    enum column_kind kind;
};

static const struct column image_columns[] = {
    {"Repository", "REPOSITORY", TEXT},
    {"Tag", "TAG", TEXT},
    {"ImageID", "IMAGE ID", ID},
    {"Created", "CREATED", AGE},
    {"Size", "SIZE", BYTES},
    {"SharedSize", "SHARED SIZE", BYTES},
    {"UniqueSize", "UNIQUE SIZE", BYTES},
    {"Containers", "CONTAINERS", NUMBER},
    {0},
};
static const struct column container_columns[] = {
    {"ContainerID", "CONTAINER ID", ID},
    {"Image", "IMAGE", ID},
    {"Command", "COMMAND", TEXT},
    {"LocalVolumes", "LOCAL VOLUMES", NUMBER},
    {"Size", "SIZE", BYTES},
    {"Created", "CREATED", AGE},
    {"Status", "STATUS", TEXT},
    {"Names", "NAMES", TEXT},
    {0},
};
static const struct column volume_columns[] = {
    {"VolumeName", "VOLUME NAME", TEXT}, {"Links", "LINKS", NUMBER}, {"Size", "SIZE", BYTES}, {0}};

static struct err *put_cell(struct strbuf *sb, const struct column *col, const json_t *row, int64_t now_nsec)
{
    const json_t *value = json_object_get(row, col->key);
    const char *text = json_string_value(value);
    int64_t number = json_integer_value(value);
    switch (col->kind) {
    case ID:
        return strbuf_printf(sb, "%.*s", SHORT_ID, text ? text : "");
    case NUMBER:
        return strbuf_printf(sb, "%lld", (long long)number);
    case BYTES:
        return strbuf_puts(sb, number_packed_bytes((uint64_t)number).s);
    case AGE:
        return strbuf_puts(sb, timefmt_human_duration(now_nsec - number).s);
    case TEXT:
    default:
        return strbuf_puts(sb, text ? text : "");
    }
}

static struct err *print_table(struct cli *c, const char *title, const struct column *columns, const json_t *rows,
                               int64_t now_nsec)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    size_t i;
    json_t *row;
    TRY(cli_printf(c, "%s space usage:\n\n", title));
    for (const struct column *col = columns; col->key; col++)
        TRY(strbuf_printf(&sb, "%s%s", col == columns ? "" : "\t", col->heading));
    TRY(strbuf_putc(&sb, '\n'));
    json_array_foreach (rows, i, row) {
        for (const struct column *col = columns; col->key; col++) {
            TRY(col == columns ? NULL : strbuf_putc(&sb, '\t'));
            TRY(put_cell(&sb, col, row, now_nsec));
        }
        TRY(strbuf_putc(&sb, '\n'));
    }
    return tabwriter_format(strbuf_str(&sb), sb.len, TABWRITER_LISTING, &c->out);
}

static struct err *print_tables(struct cli *c, const struct inventory *v)
{
    TRY(print_table(c, "Images", image_columns, v->images, v->now_nsec));
    TRY(cli_printf(c, "\n"));
    TRY(print_table(c, "Containers", container_columns, v->containers, v->now_nsec));
    TRY(cli_printf(c, "\n"));
    return print_table(c, "Local Volumes", volume_columns, v->volumes, v->now_nsec);
}

/* Times as Go prints them into JSON. */
static struct err *put_times(const json_t *rows)
{
    size_t i;
    json_t *row;
    json_array_foreach (rows, i, row) {
        int64_t created = json_integer_value(json_object_get(row, "Created"));
        TRY(json_put_str((json_t *)(uintptr_t)row, "Created", timefmt_rfc3339(created, 1).s));
    }
    return NULL;
}

/* One object of the three lists, as Docker's `system df -v --format` has it. */
static struct err *print_document(struct cli *c, const char *format, const struct inventory *v)
{
    AUTO_JSON json_t *o = json_object();
    TRY(put_times(v->images));
    TRY(put_times(v->containers));
    TRY(json_put(o, "Images", json_incref(v->images)));
    TRY(json_put(o, "Containers", json_incref(v->containers)));
    TRY(json_put(o, "Volumes", json_incref(v->volumes)));
    return report_is_json(format) ? report_json(c, o, 4)
                                  : report_object(c, "df", format, o, NULL, "*entities.SystemDfReport");
}

struct err *df_verbose(struct cli *c, struct engine *e, const char *format)
{
    AUTO_INVENTORY struct inventory v = {json_array(), json_array(), json_array(), timefmt_now()};
    TRY(add_images(e, &v));
    TRY(add_containers(e, &v));
    TRY(add_volumes(e, &v));
    return format ? print_document(c, format, &v) : print_tables(c, &v);
}
