/* `images`, with Podman's filters. */
#include <fnmatch.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/timefmt.h"
#include "engine/image/internal.h"
#include "engine/image/list.h"
#include "engine/image/outside.h"
#include "engine/image/reference.h"

/* What filters need besides the image: of those of the same name one must fit, of all names all must. */
struct filter {
    const char *name, *value;
    bool negated;
    int64_t time_nsec; /* before, since, until */
};

static struct err *parse_bool(const struct filter *f, bool *ret)
{
    *ret = strcmp(f->value, "true") == 0 || strcmp(f->value, "1") == 0;
    if (*ret || strcmp(f->value, "false") == 0 || strcmp(f->value, "0") == 0)
        return NULL;
    return ERR_NEW(ERR_INVALID, "filter %s=%s: the value is true or false", f->name, f->value);
}

static bool fits(const char *pattern, const char *name)
{
    return fnmatch(pattern, name, 0) == 0;
}

/* Podman: the pattern is compared with the whole name, with it without tag, and with both without the registry and
 * further leading parts. */
static bool reference_fits(const struct image *i, const char *pattern)
{
    for (size_t k = 0; k < i->names.count + i->digest_names.count; k++) {
        bool tag = k < i->names.count;
        const char *name = tag ? i->names.items[k] : i->digest_names.items[k - i->names.count];
        size_t repository = reference_repository_len(name);
        for (const char *part = name; part; part = strchr(part, '/'), part = part ? part + 1 : NULL) {
            char buf[512];
            size_t len = repository > (size_t)(part - name) ? repository - (size_t)(part - name) : 0;
            if (fits(pattern, part))
                return true;
            if (len == 0 || len >= sizeof buf)
                continue;
            memcpy(buf, part, len);
            buf[len] = '\0';
            if (fits(pattern, buf))
                return true;
        }
    }
    return false;
}

static struct err *label_fits(struct engine *e, const struct image *i, const char *wanted, bool *ret)
{
    AUTO_MANIFEST_CONFIG struct manifest_config config = {0};
    AUTO_FREE char *key = NULL;
    *ret = false;
    if (i->is_list)
        return NULL;
    TRY(image_parse_config(e, i, &config));
    const char *eq = strchr(wanted, '=');
    TRY(mem_strndup(wanted, eq ? (size_t)(eq - wanted) : strlen(wanted), &key));
    const char *value = json_string_value(json_object_get(config.labels, key));
    *ret = value && (!eq || strcmp(value, eq + 1) == 0);
    return NULL;
}

static struct err *dangling(struct engine *e, const struct image *i, const struct filter *f, bool *ret)
{
    bool wanted;
    (void)e;
    TRY(parse_bool(f, &wanted));
    *ret = (i->names.count + i->digest_names.count == 0) == wanted;
    return NULL;
}

static struct err *intermediate(struct engine *e, const struct image *i, const struct filter *f, bool *ret)
{
    bool wanted, children = false;
    TRY(parse_bool(f, &wanted));
    if (i->names.count + i->digest_names.count == 0)
        TRY(image_has_children(e, i, &children));
    *ret = children == wanted;
    return NULL;
}

static struct err *containers(struct engine *e, const struct image *i, const struct filter *f, bool *ret)
{
    bool wanted;
    (void)e;
    TRY(parse_bool(f, &wanted));
    *ret = (i->containers > 0) == wanted;
    return NULL;
}

static struct err *by_reference(struct engine *e, const struct image *i, const struct filter *f, bool *ret)
{
    (void)e;
    *ret = reference_fits(i, f->value);
    return NULL;
}

static struct err *by_label(struct engine *e, const struct image *i, const struct filter *f, bool *ret)
{
    return label_fits(e, i, f->value, ret);
}

static struct err *by_id(struct engine *e, const struct image *i, const struct filter *f, bool *ret)
{
    (void)e;
    *ret = strncmp(i->id, f->value, strlen(f->value)) == 0;
    return NULL;
}

static struct err *is_before(struct engine *e, const struct image *i, const struct filter *f, bool *ret)
{
    (void)e;
    *ret = i->created_nsec < f->time_nsec;
    return NULL;
}

static struct err *is_since(struct engine *e, const struct image *i, const struct filter *f, bool *ret)
{
    (void)e;
    *ret = i->created_nsec > f->time_nsec;
    return NULL;
}

static struct err *readonly(struct engine *e, const struct image *i, const struct filter *f, bool *ret)
{
    bool wanted;
    (void)e;
    TRY(parse_bool(f, &wanted));
    *ret = (i->origin != NULL) == wanted;
    return NULL;
}

enum time_of { TIME_NONE, TIME_OF_IMAGE, TIME_GIVEN };
static const struct {
    const char *name;
    struct err *(*test)(struct engine *e, const struct image *i, const struct filter *f, bool *ret);
    enum time_of time;
    bool can_negate;
} kinds[] = {
    {"after", is_since, TIME_OF_IMAGE, false},
    {"before", is_before, TIME_OF_IMAGE, false},
    {"containers", containers, TIME_NONE, false},
    {"dangling", dangling, TIME_NONE, false},
    {"id", by_id, TIME_NONE, false},
    {"intermediate", intermediate, TIME_NONE, false},
    {"label", by_label, TIME_NONE, true},
    {"readonly", readonly, TIME_NONE, false},
    {"reference", by_reference, TIME_NONE, true},
    {"since", is_since, TIME_OF_IMAGE, false},
    {"until", is_before, TIME_GIVEN, false},
};

static struct err *kind_of(const struct filter *f, size_t *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i].name, f->name) == 0 && (!f->negated || kinds[i].can_negate)) {
            *ret = i;
            return NULL;
        }
    }
    return ERR_NEW(ERR_INVALID, "unsupported image filter \"%s%s\"", f->name, f->negated ? "!" : "");
}

static struct err *parse_filter(struct engine *e, char *text, struct filter *f)
{
    char *eq = strchr(text, '=');
    if (!eq)
        return ERR_NEW(ERR_INVALID, "invalid filter '%s': it has the form KEY=VALUE", text);
    f->negated = eq > text && eq[-1] == '!';
    eq[f->negated ? -1 : 0] = '\0';
    *eq = '\0';
    f->name = text;
    f->value = eq + 1;
    size_t kind;
    TRY(kind_of(f, &kind));
    if (kinds[kind].time == TIME_GIVEN)
        return ERR_WRAP(timefmt_parse_input(f->value, timefmt_now(), &f->time_nsec), "filter %s", f->name);
    if (kinds[kind].time == TIME_OF_IMAGE) {
        AUTO_IMAGE struct image *i = NULL;
        TRY_WRAP(image_find(e, f->value, &i), "filter %s", f->name);
        f->time_nsec = i->created_nsec;
    }
    return NULL;
}

struct image_filters {
    struct strv texts; /* cut apart in place */
    struct filter *list;
    size_t count;
};

void image_filters_free(struct image_filters *take_f)
{
    if (!take_f)
        return;
    strv_done(&take_f->texts);
    mem_freep(&take_f->list);
    mem_freep(&take_f);
}

static struct err *parse_filters(struct engine *e, const struct strv *texts, struct image_filters *f)
{
    TRY(strv_copy(texts, &f->texts));
    f->list = mem_zalloc((texts->count + 1) * sizeof *f->list);
    if (!f->list)
        return err_oom();
    for (; f->count < texts->count; f->count++)
        TRY(parse_filter(e, f->texts.items[f->count], &f->list[f->count]));
    return NULL;
}

struct err *image_filters_new(struct engine *e, const struct strv *texts, struct image_filters **ret)
{
    static const struct strv none = STRV_INIT;
    struct image_filters *f = mem_zalloc(sizeof *f);
    if (!f)
        return err_oom();
    struct err *error = parse_filters(e, texts ? texts : &none, f);
    if (error) {
        image_filters_free(f);
        return error;
    }
    *ret = f;
    return NULL;
}

/* Filter `index` alone. */
static struct err *test_one(struct engine *e, const struct image *i, const struct filter *f, bool *ret)
{
    size_t kind;
    TRY(kind_of(f, &kind));
    TRY(kinds[kind].test(e, i, f, ret));
    *ret ^= f->negated;
    return NULL;
}

struct err *image_filters_match(struct engine *e, const struct image_filters *f, const struct image *i, bool *ret)
{
    for (size_t k = 0; k < f->count; k++) {
        /* Of several "reference" one is enough; of everything else all must fit. */
        bool is_reference = strcmp(f->list[k].name, "reference") == 0 && !f->list[k].negated;
        bool any = false;
        for (size_t other = is_reference ? 0 : k; other < (is_reference ? f->count : k + 1) && !any; other++)
            if (strcmp(f->list[other].name, f->list[k].name) == 0 && f->list[other].negated == f->list[k].negated)
                TRY(test_one(e, i, &f->list[other], &any));
        if (!any) {
            *ret = false;
            return NULL;
        }
    }
    *ret = true;
    return NULL;
}

void image_list_free(struct image **list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        image_free(list[i]);
    mem_freep(&list);
}

/* `images NAME`: an image of that name with any tag, or a pattern. */
static bool name_fits(const struct image *i, const char *name)
{
    if (reference_fits(i, name))
        return true;
    size_t len = strlen(name);
    return len >= 4 && strncmp(i->id, name, len) == 0;
}

/* Without --all, what others were built on and has no name is left out. */
static struct err *is_wanted(struct engine *e, const struct image_list_opts *opts, const struct image_filters *f,
                             const struct image *i, bool *ret)
{
    bool has_children = false;
    *ret = false;
    if (opts->name && !name_fits(i, opts->name))
        return NULL;
    if (!opts->all && i->names.count + i->digest_names.count == 0)
        TRY(image_has_children(e, i, &has_children));
    return has_children ? NULL : image_filters_match(e, f, i, ret);
}

static struct err *collect(struct engine *e, const struct image_list_opts *opts, const struct image_filters *f,
                           const struct strv *ids, struct image ***list, size_t *count)
{
    size_t cap = 0;
    for (size_t k = 0; k < ids->count; k++) {
        AUTO_IMAGE struct image *i = NULL;
        bool wanted;
        TRY(image_fetch(engine_store(e), ids->items[k], &i));
        struct err *error = is_wanted(e, opts, f, i, &wanted);
        if (error && err_kind(error) == ERR_NOT_FOUND) {
            err_drop(error); /* its files were removed meanwhile */
            continue;
        }
        TRY(error);
        if (!wanted)
            continue;
        TRY(mem_grow(list, *count, &cap, sizeof **list, IMAGE_LIST_MAX));
        (*list)[(*count)++] = TAKE_PTR(i);
    }
    return NULL;
}

/* Of additional stores, behind our own; those that we have ourselves are listed once. */
static struct err *collect_outside(struct engine *e, const struct image_list_opts *opts, const struct image_filters *f,
                                   const struct strv *ids, struct image ***list, size_t *count)
{
    size_t own = *count, kept = own;
    struct err *error = outside_list(e, list, count);
    for (size_t k = own; k < *count; k++) {
        struct image *i = (*list)[k];
        bool wanted = !error && !strv_contains(ids, i->id);
        if (wanted)
            error = is_wanted(e, opts, f, i, &wanted);
        if (!error && wanted)
            (*list)[kept++] = i;
        else
            image_free(i);
    }
    *count = kept;
    return error;
}

struct err *image_list(struct engine *e, const struct image_list_opts *opts, struct image ***ret, size_t *ret_count)
{
    struct store *s = engine_store(e);
    struct image_filters *filters = NULL;
    AUTO_STRV struct strv ids = STRV_INIT;
    struct image **list = NULL;
    size_t count = 0;
    TRY(image_filters_new(e, &opts->filters, &filters));
    struct err *error = store_begin(s, STORE_READ, false);
    if (!error)
        error = store_texts(s, "SELECT id FROM images ORDER BY created_nsec DESC, id", NULL, &ids);
    if (!error)
        error = collect(e, opts, filters, &ids, &list, &count);
    if (!error)
        error = collect_outside(e, opts, filters, &ids, &list, &count);
    store_rollback(s);
    image_filters_free(filters);
    if (error) {
        image_list_free(list, count);
        return error;
    }
    *ret = list;
    *ret_count = count;
    return NULL;
}
