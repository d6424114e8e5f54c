/* Fields of `images`, as Podman's imageReporter has them. */
#include "cli/image_rows.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/timefmt.h"
#include "cli/report.h"

#define SECOND INT64_C(1000000000)

/* A colon behind the last slash is the tag's; one before it belongs to a port. */
struct err *image_split_name(const char *name, char **ret_repository, char **ret_tag)
{
    const char *slash = strrchr(name, '/'), *colon = strrchr(slash ? slash : name, ':');
    const char *at = strchr(name, '@');
    size_t len = at ? (size_t)(at - name) : colon ? (size_t)(colon - name) : strlen(name);
    AUTO_FREE char *repository = NULL;
    TRY(mem_strndup(name, len, &repository));
    TRY(mem_strdup(!at && colon ? colon + 1 : "<none>", ret_tag));
    *ret_repository = TAKE_PTR(repository);
    return NULL;
}

static struct err *get_id(const void *p, json_t **ret)
{
    const struct image_row *row = p;
    char text[80];
    if (!row->no_trunc)
        return report_id(ret, row->image->id, false);
    (void)snprintf(text, sizeof text, "sha256:%s", row->image->id);
    return report_string(ret, text);
}

static struct err *get_repository(const void *p, json_t **ret)
{
    return report_string(ret, ((const struct image_row *)p)->repository);
}

static struct err *get_tag(const void *p, json_t **ret)
{
    return report_string(ret, ((const struct image_row *)p)->tag);
}

static struct err *get_digest(const void *p, json_t **ret)
{
    return report_string(ret, ((const struct image_row *)p)->image->digest);
}

/* Image times are whole seconds, as in their configs' usual form. */
static struct err *get_since(const void *p, json_t **ret)
{
    const struct image_row *row = p;
    int64_t created = row->image->created_nsec / SECOND * SECOND;
    return report_ago(ret, row->now_nsec - created);
}

static struct err *get_created_at(const void *p, json_t **ret)
{
    const struct image_row *row = p;
    return report_string(ret, timefmt_rfc3339(row->image->created_nsec / SECOND * SECOND, 0).s);
}

static struct err *get_size(const void *p, json_t **ret)
{
    return report_string(ret, number_human_bytes(((const struct image_row *)p)->image->size_bytes).s);
}

static struct err *get_bytes(const void *p, json_t **ret)
{
    return report_integer(ret, (int64_t)((const struct image_row *)p)->image->size_bytes);
}

static struct err *get_zero(const void *p, json_t **ret)
{
    (void)p;
    return report_integer(ret, 0);
}

static struct err *get_read_only(const void *p, json_t **ret)
{
    return report_boolean(ret, ((const struct image_row *)p)->image->origin != NULL);
}

static struct err *get_empty(const void *p, json_t **ret)
{
    (void)p;
    return report_string(ret, "");
}

static struct err *get_dangling(const void *p, json_t **ret)
{
    const struct image *i = ((const struct image_row *)p)->image;
    return report_boolean(ret, i->names.count + i->digest_names.count == 0);
}

static struct err *get_containers(const void *p, json_t **ret)
{
    return report_integer(ret, (int64_t)((const struct image_row *)p)->image->containers);
}

static struct err *get_names(const void *p, json_t **ret)
{
    return json_from_strv(&((const struct image_row *)p)->image->names, ret);
}

static struct err *get_digests(const void *p, json_t **ret)
{
    return json_from_strv(&((const struct image_row *)p)->image->digests, ret);
}

/* There is no history of names in this store: the names of today. */
static struct err *get_history(const void *p, json_t **ret)
{
    const struct image_row *row = p;
    AUTO_FREE char *text = NULL;
    TRY(strv_join(&row->image->names, ", ", &text));
    return report_string(ret, *text ? text : "<none>");
}

static struct err *get_labels(const void *p, json_t **ret)
{
    const struct image_row *row = p;
    AUTO_JSON json_t *object = json_object();
    if (!object)
        return err_oom();
    for (size_t i = 0; row->config && i < row->config->labels.count; i++) {
        const char *label = row->config->labels.items[i], *equals = strchr(label, '=');
        AUTO_FREE char *key = NULL;
        TRY(mem_strndup(label, equals ? (size_t)(equals - label) : strlen(label), &key));
        TRY(json_put_str(object, key, equals ? equals + 1 : ""));
    }
    *ret = json_incref(object);
    return NULL;
}

struct err *image_row_json(const struct image_row *row, json_t **ret)
{
    const struct image *i = row->image;
    AUTO_JSON json_t *o = json_object(), *labels = NULL;
    TRY(json_put_str(o, "Id", i->id));
    TRY(json_put_str(o, "ParentId", ""));
    TRY(json_put_strv(o, "RepoTags", &i->names));
    TRY(json_put_strv(o, "RepoDigests", &i->digests));
    TRY(json_put_int(o, "Size", (int64_t)i->size_bytes));
    TRY(json_put_int(o, "SharedSize", 0));
    TRY(json_put_int(o, "VirtualSize", (int64_t)i->size_bytes));
    TRY(get_labels(row, &labels));
    TRY(json_put(o, "Labels", json_object_size(labels) ? json_incref(labels) : json_null()));
    TRY(json_put_int(o, "Containers", (int64_t)i->containers));
    const struct strv *names = i->names.count ? &i->names : &i->digest_names;
    if (names->count)
        TRY(json_put_strv(o, "Names", names));
    else
        TRY(json_put_bool(o, "Dangling", true));
    TRY(json_put_str(o, "Digest", i->digest));
    if (names->count)
        TRY(json_put_strv(o, "History", names));
    if (i->is_list)
        TRY(json_put_bool(o, "IsManifestList", true));
    int64_t seconds = i->created_nsec / SECOND;
    TRY(json_put_int(o, "Created", seconds));
    TRY(json_put_str(o, "CreatedAt", timefmt_rfc3339(seconds * SECOND, 0).s));
    *ret = json_incref(o);
    return NULL;
}

static struct err *get_all(const void *p, json_t **ret)
{
    return image_row_json(p, ret);
}

static const struct template_field fields[] = {
    {"Repository", NULL, get_repository, NULL},
    {"Tag", NULL, get_tag, NULL},
    {"ID", "IMAGE ID", get_id, NULL},
    {"CreatedSince", "CREATED", get_since, NULL},
    {"Size", NULL, get_size, NULL},
    {"Digest", NULL, get_digest, NULL},
    {"Created", NULL, get_since, NULL},
    {"CreatedAt", "CREATED AT", get_created_at, NULL},
    {"CreatedTime", "CREATED TIME", get_created_at, NULL},
    {"VirtualSize", NULL, get_bytes, NULL},
    {"SharedSize", NULL, get_zero, NULL},
    {"Labels", NULL, get_labels, NULL},
    {"Containers", NULL, get_containers, NULL},
    {"Names", NULL, get_names, NULL},
    {"RepoTags", NULL, get_names, NULL},
    {"RepoDigests", NULL, get_digests, NULL},
    {"History", NULL, get_history, NULL},
    {"ReadOnly", "R/O", get_read_only, NULL},
    {"Dangling", NULL, get_dangling, NULL},
    {"ParentId", "PARENT", get_empty, NULL},
    {0},
};

const struct template_class image_class = {
    .type_name = "images.imageReporter",
    .fields = fields,
    .get_all = get_all,
};

const struct template_member image_members[] = {
    {"Labels", TEMPLATE_MAP, NULL},
    {"CreatedAt", TEMPLATE_TIME, NULL},
    {"CreatedTime", TEMPLATE_TIME, NULL},
    {0},
};
