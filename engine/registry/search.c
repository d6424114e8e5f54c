#include "engine/registry/search.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"

#define DOCKER_IO "docker.io"
#define LIMIT_DEFAULT 25
#define RESULTS_MAX ((size_t)100000)
#define DESCRIPTION_MAX 44
#define ANSWER_MAX ((size_t)16 << 20)
#define NAME_BYTES 256 /* of a name in a catalog, with its newline */

static void result_done(struct search_result *r)
{
    mem_freep(&r->index);
    mem_freep(&r->name);
    mem_freep(&r->description);
    mem_freep(&r->tag);
}

void search_results_done(struct search_results *r)
{
    for (size_t i = 0; i < r->count; i++)
        result_done(&r->items[i]);
    mem_freep(&r->items);
    r->count = 0;
}

static uint64_t limit_of(const struct search_opts *o)
{
    return o->limit ? o->limit : LIMIT_DEFAULT;
}

/* --- results */

/* On one line, without what terminals obey. */
static struct err *clean(const char *text, char **ret)
{
    TRY(mem_strdup(text ? text : "", ret));
    for (char *p = *ret; *p; p++)
        if (iscntrl((unsigned char)*p))
            *p = ' ';
    return NULL;
}

/* Not in the middle of a character. */
static struct err *shorten(char **text)
{
    size_t len = DESCRIPTION_MAX;
    AUTO_FREE char *cut = NULL;
    if (strlen(*text) <= len)
        return NULL;
    while (len > 0 && ((unsigned char)(*text)[len] & 0xc0) == 0x80)
        len--;
    TRY(mem_asprintf(&cut, "%.*s...", (int)len, *text));
    mem_freep(text);
    *text = TAKE_PTR(cut);
    return NULL;
}

static bool fits(const struct search_result *r, const struct search_opts *o)
{
    return (o->official < 0 || r->official == (o->official > 0)) &&
           (o->automated < 0 || r->automated == (o->automated > 0)) && r->stars >= o->stars;
}

static struct err *add(struct search_results *list, const char *registry, const char *path, struct search_result *take)
{
    struct search_result r = *take;
    *take = (struct search_result){0};
    bool library = strcmp(registry, DOCKER_IO) == 0 && !strchr(path, '/');
    AUTO_FREE char *name = NULL;
    struct err *e = mem_strdup(registry, &r.index);
    if (!e)
        e = mem_asprintf(&name, "%s/%s%s", registry, library ? "library/" : "", path);
    if (!e)
        e = clean(name, &r.name);
    if (!e && !r.description)
        e = mem_strdup("", &r.description);
    if (!e && !r.tag)
        e = mem_strdup("", &r.tag);
    if (!e)
        e = mem_grow(&list->items, list->count, &list->cap, sizeof *list->items, RESULTS_MAX);
    if (e) {
        result_done(&r);
        return e;
    }
    list->items[list->count++] = r;
    return NULL;
}

static struct err *add_found(const json_t *one, const char *registry, const struct search_opts *o,
                             struct search_results *list)
{
    static const char what[] = "result of a search";
    struct search_result r = {0};
    const char *name = NULL, *description = NULL;
    if (!json_is_object(one))
        return ERR_NEW(ERR_CORRUPT, "%s: no object", what);
    TRY(json_get_str(one, "name", what, &name));
    TRY(json_get_str(one, "description", what, &description));
    TRY(json_get_int(one, "star_count", what, &r.stars));
    TRY(json_get_bool(one, "is_official", what, &r.official));
    TRY(json_get_bool(one, "is_automated", what, &r.automated));
    if (!name || !name[0] || !fits(&r, o))
        return NULL;
    struct err *e = clean(description, &r.description);
    if (!e && !o->no_trunc)
        e = shorten(&r.description);
    return e ? e : add(list, registry, name, &r);
}

struct err *search_parse(const char *text, size_t len, const char *registry, const struct search_opts *o,
                         struct search_results *ret)
{
    AUTO_JSON json_t *root = NULL;
    json_t *results = NULL, *one;
    size_t i;
    TRY(json_parse(text, len, "answer to the search", &root));
    TRY(json_get_arr(root, "results", "answer to the search", &results));
    json_array_foreach (results, i, one) {
        if (i >= limit_of(o))
            return NULL;
        TRY(add_found(one, registry, o, ret));
    }
    return NULL;
}

/* Names of a catalog, or tags, one to a line. */
static struct err *add_lines(const char *text, const char *registry, const char *term, const struct search_opts *o,
                             struct search_results *list)
{
    AUTO_STRV struct strv lines = STRV_INIT;
    TRY(strv_split(text, '\n', &lines));
    /* An exact match is what was looked for. */
    long exact = o->list_tags || !term[0] ? -1 : strv_find(&lines, term);
    struct search_result none = {0};
    if (exact >= 0 && fits(&none, o))
        TRY(add(list, registry, term, &none));
    for (size_t i = 0; i < lines.count && list->count < limit_of(o); i++) {
        struct search_result r = {0};
        if (!lines.items[i][0] || (long)i == exact || !fits(&r, o))
            continue;
        if (o->list_tags)
            TRY(clean(lines.items[i], &r.tag));
        TRY(add(list, registry, o->list_tags ? term : lines.items[i], &r));
    }
    return NULL;
}

/* --- one registry */

static struct err *fetch(struct registry *r, enum registry_verb verb, const char *target, uint64_t max, char **ret,
                         size_t *ret_len)
{
    AUTO_FD int fd = memfd_create("search", MFD_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "memfd_create");
    const struct registry_request request = {.verb = verb, .target = target, .size_bytes = max, .fd = fd};
    TRY(registry_do(r, &request, NULL));
    return file_read_fd(fd, ANSWER_MAX, ret, ret_len);
}

static struct err *query(const char *term, uint64_t limit, char **ret)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    TRY(strbuf_puts(&sb, "q="));
    for (const char *p = term; *p; p++)
        TRY(isalnum((unsigned char)*p) || strchr("-._~", *p) ? strbuf_putc(&sb, *p)
                                                             : strbuf_printf(&sb, "%%%02X", (unsigned char)*p));
    TRY(strbuf_printf(&sb, "&n=%llu", (unsigned long long)limit));
    return strbuf_take(&sb, ret);
}

static struct err *ask(struct registry *r, const char *registry, const char *term, const struct search_opts *o,
                       struct search_results *list)
{
    AUTO_FREE char *text = NULL, *target = NULL;
    size_t len = 0;
    if (o->list_tags) {
        TRY_WRAP(fetch(r, REGISTRY_TAGS, "tags", ANSWER_MAX, &text, &len), "getting repository tags");
        return add_lines(text, registry, term, o, list);
    }
    if (term[0]) { /* everything is in the catalog alone */
        TRY(query(term, limit_of(o), &target));
        struct err *e = fetch(r, REGISTRY_SEARCH, target, ANSWER_MAX, &text, &len);
        if (!e)
            return search_parse(text, len, registry, o, list);
        log_debug("%s has no search: %s", registry, err_text(e));
        err_drop(e);
    }
    uint64_t max = limit_of(o) < ANSWER_MAX / NAME_BYTES ? limit_of(o) * NAME_BYTES : ANSWER_MAX;
    TRY_WRAP(fetch(r, REGISTRY_CATALOG, term, max, &text, &len), "couldn't search registry \"%s\"", registry);
    return add_lines(text, registry, term, o, list);
}

static struct err *search_one(const struct registry_conf *c, const char *registry, const char *term,
                              const struct search_opts *o, struct search_results *ret)
{
    AUTO_SOURCES struct registry_sources sources = {0};
    AUTO_REGISTRY struct registry *r = NULL;
    AUTO_FREE char *path = NULL;
    struct registry_opts opts = *o->registry;
    bool library = strcmp(registry, DOCKER_IO) == 0 && term[0] && !strchr(term, '/');
    if (!o->list_tags) { /* which has a second way to be asked */
        opts.retries = opts.retry_given ? opts.retries : 1;
        opts.retry_given = true;
    }
    if (o->list_tags && (!term[0] || strpbrk(term, "?#&% \t\r\n")))
        return ERR_NEW(ERR_INVALID, "\"%s\": not the name of a repository", term);
    TRY(mem_asprintf(&path, "%s%s", library ? "library/" : "", o->list_tags ? term : "search"));
    TRY(registry_find_sources(c, registry, path, &opts, false, &sources));
    TRY(registry_start(&sources, &opts, &r));
    return ask(r, registry, term, o, ret);
}

/* What `one` has goes behind what `all` has. */
static struct err *move_results(struct search_results *one, struct search_results *all)
{
    for (size_t i = 0; i < one->count; i++) {
        TRY(mem_grow(&all->items, all->count, &all->cap, sizeof *all->items, RESULTS_MAX));
        all->items[all->count++] = one->items[i];
        one->items[i] = (struct search_result){0};
    }
    return NULL;
}

struct err *registry_search(const struct registry_conf *c, const char *term, const struct search_opts *opts,
                            struct search_results *ret)
{
    AUTO_STRV struct strv registries = STRV_INIT;
    AUTO_FREE char *domain = NULL;
    AUTO_ERR struct err *failure = NULL;
    size_t slash = strcspn(term, "/");
    if (term[slash]) { /* everything before the first slash */
        TRY(mem_strndup(term, slash, &domain));
        TRY(strv_add(&registries, domain));
        term += slash + 1;
    } else {
        TRY(registry_conf_search(c, &registries));
    }
    for (size_t i = 0; i < registries.count; i++) {
        AUTO_SEARCH_RESULTS struct search_results one = {0};
        struct err *e = search_one(c, registries.items[i], term, opts, &one);
        if (!e)
            e = move_results(&one, ret);
        if (!e)
            continue;
        log_debug("%s: %s", registries.items[i], err_text(e));
        err_freep(&failure);
        failure = e;
    }
    return ret->count ? NULL : TAKE_PTR(failure);
}
