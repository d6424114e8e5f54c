#include "engine/image/index.h"

#include <string.h>

#include "base/ident.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/image/index_internal.h"
#include "engine/image/platform.h"
#include "engine/image/reference.h"

/* Others that change the same list at the same moment: each try means that one of them got through. */
#define TRIES_MAX 100

/* --- reading */

struct err *index_find(struct engine *e, const char *name, char **ret_id)
{
    struct store *s = engine_store(e);
    AUTO_IMAGE struct image *i = NULL;
    AUTO_FREE char *id = NULL;
    TRY(image_find_id(s, name, &id, NULL));
    TRY(image_fetch(s, id, &i));
    store_idle(s);
    if (!i->is_list)
        return ERR_NEW(ERR_INVALID, "%s: image is not a manifest list", i->names.count ? i->names.items[0] : name);
    *ret_id = TAKE_PTR(id);
    return NULL;
}

static struct err *read_text(struct store *s, const char *id, char **ret)
{
    struct store_stmt *st;
    bool row;
    TRY(store_prepare(s, "SELECT document FROM image_lists WHERE image_id = ?", &st));
    TRY(store_bind_text(st, 1, id));
    TRY(store_step(st, &row));
    if (!row)
        return ERR_NEW(ERR_NOT_FOUND, "%s: image not known", id);
    return mem_strdup(store_col_text(st, 0), ret);
}

struct err *index_read(struct engine *e, const char *id, json_t **ret)
{
    AUTO_FREE char *text = NULL;
    struct err *error = read_text(engine_store(e), id, &text);
    store_idle(engine_store(e));
    TRY(error);
    return listdoc_parse(text, ret);
}

struct err *index_instance(struct engine *e, const struct image *list, const struct image_platform *platform,
                           struct image **ret)
{
    AUTO_MANIFEST struct manifest m = {0};
    AUTO_PLATFORM struct image_platform resolved = {0};
    AUTO_STRV struct strv ids = STRV_INIT;
    const struct manifest_descriptor *chosen = NULL;
    TRY(platform_resolve(platform, &resolved));
    TRY(image_parse_manifest(e, list, &m));
    AUTO_FREE const struct manifest_descriptor **entries = mem_zalloc((m.count + 1) * sizeof *entries);
    if (!entries)
        return err_oom();
    for (size_t i = 0; i < m.count; i++)
        entries[i] = &m.entries[i];
    TRY_WRAP(platform_choose(&resolved, entries, m.count, &chosen), "manifest list");
    TRY(store_texts(engine_store(e), "SELECT id FROM images WHERE manifest = ?", chosen->digest, &ids));
    if (ids.count == 0)
        return ERR_NEW(ERR_NOT_FOUND, "the manifest list's image for %s, %s, is not here: image not known",
                       platform_text(resolved.os, resolved.arch, resolved.variant).s, chosen->digest);
    return image_fetch(engine_store(e), ids.items[0], ret);
}

/* --- writing */

/* What a commit writes besides the blobs. */
struct rows {
    struct store *store;
    const char *id;
    const char *old_text; /* NULL: a new list */
    const char *new_text, *name;
    const char *media_type;
    struct digest digest;
    size_t len;
    const struct strv *blobs;
};

static struct err *insert_list(const struct rows *r, int64_t now)
{
    struct store_stmt *st;
    TRY(image_name_set(r->store, r->name, r->id, now));
    TRY(store_prepare(r->store, "INSERT INTO image_lists VALUES(?, ?)", &st));
    TRY(store_bind(st, "tt", r->id, r->new_text));
    TRY(store_run(st));
    return store_event(r->store, "image", "create", r->id, r->name, NULL);
}

static struct err *insert_image(const struct rows *r, int64_t now)
{
    struct store_stmt *st;
    AUTO_FREE char *id = NULL;
    struct err *e = image_find_id(r->store, r->name, &id, NULL);
    if (!e)
        return ERR_NEW(ERR_EXISTS,
                       "creating image to hold manifest list: image name \"%s\" is already associated with image "
                       "\"%s\": that name is already in use",
                       r->name, id);
    if (err_kind(e) != ERR_NOT_FOUND)
        return e;
    err_drop(e);
    TRY(store_prepare(
        r->store,
        "INSERT INTO images(id, manifest, config, media_type, os, arch, variant, created_nsec, added_nsec,"
        " size_bytes) VALUES(?1, ?2, ?2, ?3, '', '', '', ?4, ?4, ?5)",
        &st));
    TRY(store_bind(st, "tttii", r->id, r->digest.s, r->media_type, now, (int64_t)r->len));
    TRY(store_run(st));
    return insert_list(r, now);
}

/* ERR_STATE: somebody else was quicker. */
static struct err *update_image(const struct rows *r)
{
    struct store_stmt *st;
    AUTO_FREE char *text = NULL;
    TRY(read_text(r->store, r->id, &text));
    if (strcmp(text, r->old_text) != 0)
        return ERR_NEW(ERR_STATE, "the manifest list has been changed by somebody else");
    TRY(store_prepare(
        r->store, "UPDATE images SET manifest = ?1, config = ?1, media_type = ?2, size_bytes = ?3 WHERE id = ?4", &st));
    TRY(store_bind(st, "ttit", r->digest.s, r->media_type, (int64_t)r->len, r->id));
    TRY(store_run(st));
    TRY(store_prepare(r->store, "UPDATE image_lists SET document = ? WHERE image_id = ?", &st));
    TRY(store_bind(st, "tt", r->new_text, r->id));
    return store_run(st);
}

static struct err *write_rows(struct store *s, void *arg)
{
    const struct rows *r = arg;
    AUTO_IMAGE struct image *i = NULL;
    AUTO_STRV struct strv names = STRV_INIT;
    struct store_stmt *st;
    TRY(r->old_text ? update_image(r) : insert_image(r, timefmt_now()));
    for (size_t k = 0; k < r->blobs->count; k++) {
        TRY(store_prepare(s, "INSERT INTO image_blobs VALUES(?, ?) ON CONFLICT DO NOTHING", &st));
        TRY(store_bind(st, "tt", r->id, r->blobs->items[k]));
        TRY(store_run(st));
    }
    TRY(store_prepare(s, "DELETE FROM image_digests WHERE image_id = ?", &st));
    TRY(store_bind(st, "t", r->id));
    TRY(store_run(st));
    TRY(image_fetch(s, r->id, &i));
    TRY(image_all_names(i, &names));
    for (size_t k = 0; k < names.count; k++)
        TRY(image_digests_copy(s, names.items[k], r->id));
    return NULL;
}

/* The list's new text into the store, with its rows. */
static struct err *commit(struct content *content, struct rows *r, const json_t *doc)
{
    AUTO_FREE char *text = NULL, *list = NULL;
    bool docker = listdoc_is_docker(doc);
    TRY(json_text(doc, &text));
    TRY(listdoc_build(doc, docker, &list));
    r->new_text = text;
    r->media_type = docker ? MEDIA_DOCKER_LIST : MEDIA_OCI_INDEX;
    r->len = strlen(list);
    TRY(content_put_document(content, list, r->len, &r->digest));
    content_set_rows(content, write_rows, r);
    return content_commit(content);
}

static struct err *try_update(struct engine *e, const char *id, struct index_change *c)
{
    AUTO_CONTENT struct content *content = NULL;
    AUTO_JSON json_t *doc = NULL;
    AUTO_FREE char *old = NULL;
    struct rows rows = {.store = engine_store(e), .id = id, .blobs = &c->blobs};
    TRY(content_begin(e, &content));
    struct err *error = read_text(engine_store(e), id, &old);
    store_idle(engine_store(e));
    TRY(error);
    TRY(listdoc_parse(old, &doc));
    strv_clear(&c->blobs);
    TRY(c->change(c, doc, content));
    rows.old_text = old;
    return commit(content, &rows, doc);
}

struct err *index_update(struct engine *e, const char *id, struct index_change *c)
{
    struct err *error = NULL;
    for (int i = 0; i < TRIES_MAX; i++) {
        err_drop(error);
        error = try_update(e, id, c);
        if (!error || err_kind(error) != ERR_STATE)
            break;
    }
    strv_done(&c->blobs);
    return error;
}

static struct err *create(struct engine *e, const char *full, const json_t *doc, char **ret_id)
{
    AUTO_CONTENT struct content *content = NULL;
    struct ident id;
    const struct strv no_blobs = STRV_INIT;
    TRY(ident_random(&id));
    TRY(content_begin(e, &content));
    struct rows rows = {.store = engine_store(e), .id = id.s, .name = full, .blobs = &no_blobs};
    TRY(commit(content, &rows, doc));
    return mem_strdup(id.s, ret_id);
}

/* --- verbs */

static struct err *put_entries(json_t *doc, const json_t *found)
{
    for (size_t i = 0; i < json_array_size(listdoc_entries(found)); i++)
        TRY(listdoc_put(doc, json_deep_copy(json_array_get(listdoc_entries(found), i))));
    return NULL;
}

static struct err *add_found(struct index_change *c, json_t *doc, struct content *content)
{
    const json_t *found = c->arg;
    const json_t *annotations = json_object_get(found, "annotations");
    (void)content;
    TRY(put_entries(doc, found));
    if (!annotations)
        return NULL;
    json_t *all = json_object_get(doc, "annotations");
    if (!all)
        TRY(json_put_obj(doc, "annotations", &all));
    return json_object_update(all, json_deep_copy(annotations)) ? err_oom() : NULL;
}

/* Every image's entries, in one document. */
static struct err *resolve_all(struct engine *e, const struct strv *images, const struct registry_opts *registry,
                               bool all, const struct listdoc_words *words, json_t **ret)
{
    AUTO_JSON json_t *doc = NULL;
    TRY(listdoc_new(&doc));
    for (size_t i = 0; i < images->count; i++) {
        AUTO_JSON json_t *found = NULL;
        TRY(index_resolve(e, images->items[i], registry, all, words, &found));
        TRY(put_entries(doc, found));
    }
    *ret = TAKE_PTR(doc);
    return NULL;
}

struct err *index_create(struct engine *e, const char *name, const struct strv *images,
                         const struct index_create_opts *opts, char **ret_id)
{
    static const struct listdoc_words no_words = {0};
    AUTO_FREE char *full = NULL, *id = NULL;
    AUTO_JSON json_t *doc = NULL;
    TRY(reference_normalize_new(name, &full));
    if (opts->amend) {
        struct err *error = index_find(e, full, &id);
        if (error && err_kind(error) != ERR_NOT_FOUND)
            return error;
        err_drop(error);
    }
    TRY(resolve_all(e, images, opts->registry, opts->all, &no_words, &doc));
    TRY(listdoc_annotate(doc, &opts->annotations));
    if (!id)
        return create(e, full, doc, ret_id);
    struct index_change change = {.change = add_found, .arg = doc};
    TRY(index_update(e, id, &change));
    *ret_id = TAKE_PTR(id);
    return NULL;
}

struct err *index_add(struct engine *e, const char *list, const struct strv *images, const struct index_add_opts *opts,
                      char **ret_id)
{
    AUTO_FREE char *id = NULL;
    AUTO_JSON json_t *doc = NULL;
    TRY(index_find(e, list, &id));
    TRY(resolve_all(e, images, opts->registry, opts->all, &opts->words, &doc));
    struct index_change change = {.change = add_found, .arg = doc};
    TRY(index_update(e, id, &change));
    *ret_id = TAKE_PTR(id);
    return NULL;
}

struct annotation {
    const struct index_annotate_opts *opts;
    const char *digest;
    json_t *subject;
};

static struct err *annotate(struct index_change *c, json_t *doc, struct content *content)
{
    const struct annotation *a = c->arg;
    json_t *entry = a->opts->index ? NULL : listdoc_find(doc, a->digest);
    (void)content;
    if (a->opts->index) {
        TRY(listdoc_annotate(doc, &a->opts->words.annotations));
        return a->subject ? json_put(doc, "subject", json_incref(a->subject)) : NULL;
    }
    if (!entry)
        return ERR_NEW(ERR_NOT_FOUND,
                       "no manifest matching digest \"%s\" was found in list: no image instance matching the specified "
                       "digest was found in the list or index",
                       a->digest);
    return listdoc_describe(entry, &a->opts->words);
}

struct err *index_annotate(struct engine *e, const char *list, const char *digest,
                           const struct index_annotate_opts *opts, char **ret_id)
{
    AUTO_FREE char *id = NULL;
    AUTO_JSON json_t *subject = NULL;
    struct annotation a = {.opts = opts, .digest = digest};
    struct index_change change = {.change = annotate, .arg = &a};
    if (!opts->index)
        TRY_WRAP(digest_check(digest), "invalid image digest \"%s\"", digest);
    TRY(index_find(e, list, &id));
    if (opts->subject)
        TRY(index_subject(e, opts->subject, opts->registry, &subject));
    a.subject = subject;
    TRY(index_update(e, id, &change));
    *ret_id = TAKE_PTR(id);
    return NULL;
}

static struct err *remove_entry(struct index_change *c, json_t *doc, struct content *content)
{
    const char *digest = c->arg;
    (void)content;
    if (listdoc_remove(doc, digest))
        return NULL;
    return ERR_NEW(ERR_NOT_FOUND, "no instance matching digest \"%s\" found in manifest list: file does not exist",
                   digest);
}

struct err *index_remove_entry(struct engine *e, const char *list, const char *digest, char **ret_id)
{
    AUTO_FREE char *id = NULL, *copy = NULL;
    TRY(index_find(e, list, &id));
    TRY(mem_strdup(digest, &copy));
    struct index_change change = {.change = remove_entry, .arg = copy};
    struct err *error = digest_check(digest);
    if (error)
        error = ERR_WRAP(error, "invalid image digest \"%s\"", digest);
    else
        error = index_update(e, id, &change);
    TRY_WRAP(error, "removing from manifest list %s", list);
    *ret_id = TAKE_PTR(id);
    return NULL;
}
