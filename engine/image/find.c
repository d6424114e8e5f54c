/* Finding images and reading their documents. On the way of every `run`: few statements, one file. */
#include <stdlib.h>
#include <string.h>

#include "base/ident.h"
#include "base/mem.h"
#include "engine/image/internal.h"
#include "engine/image/outside.h"
#include "engine/image/reference.h"
#include "engine/store/digest.h"

#define SHA256_PREFIX "sha256:"
#define IMAGE_COLUMNS                                                                    \
    "i.id, i.manifest, i.config, i.media_type, i.os, i.arch, i.variant, i.created_nsec," \
    " i.size_bytes, i.pulled_digest, i.own_manifest,"                                    \
    " (SELECT count(*) FROM containers c WHERE c.image_id = i.id)"

void image_free(struct image *i)
{
    if (!i)
        return;
    mem_freep(&i->id);
    mem_freep(&i->manifest_digest);
    mem_freep(&i->config_digest);
    mem_freep(&i->media_type);
    mem_freep(&i->digest);
    mem_freep(&i->os);
    mem_freep(&i->arch);
    mem_freep(&i->variant);
    strv_done(&i->names);
    strv_done(&i->digest_names);
    strv_done(&i->digests);
    strv_done(&i->layer_dirs);
    strv_done(&i->diff_ids);
    mem_freep(&i->origin);
    mem_freep(&i->config_text);
    mem_freep(&i->manifest_text);
    mem_freep(&i);
}

void image_freep(struct image **i)
{
    image_free(*i);
    *i = NULL;
}

static struct err *fill_columns(struct store_stmt *st, struct image *i)
{
    TRY(mem_strdup(store_col_text(st, 0), &i->id));
    TRY(mem_strdup(store_col_text(st, 1), &i->manifest_digest));
    TRY(mem_strdup(store_col_text(st, 2), &i->config_digest));
    TRY(mem_strdup(store_col_text(st, 3), &i->media_type));
    TRY(mem_strdup(store_col_text(st, 4), &i->os));
    TRY(mem_strdup(store_col_text(st, 5), &i->arch));
    TRY(mem_strdup(store_col_text(st, 6), &i->variant));
    i->created_nsec = store_col_int(st, 7);
    i->size_bytes = (uint64_t)store_col_int(st, 8);
    const char *pulled = store_col_text(st, 9);
    TRY(mem_strdup(pulled && pulled[0] ? pulled : i->manifest_digest, &i->digest));
    i->own_manifest = store_col_int(st, 10) != 0;
    i->containers = (uint64_t)store_col_int(st, 11);
    i->is_list = strcmp(i->media_type, MEDIA_OCI_INDEX) == 0 || strcmp(i->media_type, MEDIA_DOCKER_LIST) == 0;
    return NULL;
}

static struct err *fill_layers(struct store *s, struct image *i)
{
    struct store_stmt *st;
    TRY(store_prepare(s,
                      "SELECT l.dir, l.diff_id FROM image_layers il JOIN layers l ON l.id = il.layer_id"
                      " WHERE il.image_id = ? ORDER BY il.position",
                      &st));
    TRY(store_bind_text(st, 1, i->id));
    for (;;) {
        bool row;
        TRY(store_step(st, &row));
        if (!row)
            return NULL;
        TRY(strv_add(&i->layer_dirs, store_col_text(st, 0)));
        TRY(strv_add(&i->diff_ids, store_col_text(st, 1)));
    }
}

static bool has_repository(const struct strv *names, const char *digest_name)
{
    size_t len = reference_repository_len(digest_name);
    for (size_t k = 0; k < names->count; k++)
        if (reference_repository_len(names->items[k]) == len && memcmp(names->items[k], digest_name, len) == 0)
            return true;
    return false;
}

/* "repository@digest" for each repository that it has a name in now. */
static struct err *fill_digests(struct store *s, struct image *i)
{
    AUTO_STRV struct strv all = STRV_INIT;
    TRY(store_texts(s, "SELECT name || '@' || digest FROM image_digests WHERE image_id = ? ORDER BY name, digest",
                    i->id, &all));
    for (size_t k = 0; k < all.count; k++)
        if (has_repository(&i->names, all.items[k]) || has_repository(&i->digest_names, all.items[k]))
            TRY(strv_add(&i->digests, all.items[k]));
    return NULL;
}

static struct err *fill_names(struct store *s, struct image *i)
{
    AUTO_STRV struct strv all = STRV_INIT;
    TRY(store_texts(s, "SELECT name FROM image_names WHERE image_id = ? ORDER BY added_nsec, name", i->id, &all));
    for (size_t k = 0; k < all.count; k++)
        TRY(strv_add(strchr(all.items[k], '@') ? &i->digest_names : &i->names, all.items[k]));
    return NULL;
}

static struct err *fill(struct store *s, struct store_stmt *st, struct image *i)
{
    TRY(fill_columns(st, i));
    TRY(fill_names(s, i));
    TRY(fill_layers(s, i));
    return fill_digests(s, i);
}

/* `st` selects IMAGE_COLUMNS; *ret stays NULL when there is no row. */
static struct err *take_row(struct store *s, struct store_stmt *st, struct image **ret)
{
    bool row;
    TRY(store_step(st, &row));
    if (!row)
        return NULL;
    AUTO_IMAGE struct image *i = mem_zalloc(sizeof *i);
    if (!i)
        return err_oom();
    TRY(fill(s, st, i));
    *ret = TAKE_PTR(i);
    return NULL;
}

struct err *image_fetch(struct store *s, const char *id, struct image **ret)
{
    struct store_stmt *st;
    struct image *i = NULL;
    TRY(store_prepare(s, "SELECT " IMAGE_COLUMNS " FROM images i WHERE i.id = ?", &st));
    TRY(store_bind_text(st, 1, id));
    TRY(take_row(s, st, &i));
    if (!i)
        return ERR_NEW(ERR_NOT_FOUND, "%s: image not known", id);
    *ret = i;
    return NULL;
}

/* One text column of a query with one or two parameters; *ret stays NULL without a row. */
static struct err *query_text(struct store *s, const char *sql, const char *a, const char *b, char **ret)
{
    struct store_stmt *st;
    bool row;
    TRY(store_prepare(s, sql, &st));
    TRY(store_bind_text(st, 1, a));
    if (b)
        TRY(store_bind_text(st, 2, b));
    TRY(store_step(st, &row));
    return row ? mem_strdup(store_col_text(st, 0), ret) : NULL;
}

static const char find_by_name[] = "SELECT image_id FROM image_names WHERE name = ?";

/* A full name with a digest (then a tag before it says nothing). An index may have led to several images here: of these
 * the one that came last. */
static struct err *find_digest(struct store *s, const char *name, char **ret_id)
{
    AUTO_FREE char *repository = NULL;
    TRY(reference_repository(name, &repository));
    return query_text(s,
                      "SELECT image_id FROM image_digests d JOIN images i ON i.id = d.image_id"
                      " WHERE d.name = ? AND d.digest = ? ORDER BY i.added_nsec DESC",
                      repository, strchr(name, '@') + 1, ret_id);
}

static struct err *find_prefix(struct store *s, const char *prefix, char **ret_id)
{
    AUTO_STRV struct strv ids = STRV_INIT;
    /* 'g' sorts behind every hex digit. */
    TRY(store_texts(s, "SELECT id FROM images WHERE id >= ?1 AND id < ?1 || 'g' LIMIT 2", prefix, &ids));
    if (ids.count > 1)
        return ERR_NEW(ERR_INVALID, "%s: the id is ambiguous, more than one image begins with it", prefix);
    return ids.count == 1 ? mem_strdup(ids.items[0], ret_id) : NULL;
}

struct err *image_find_id(struct store *s, const char *name, char **ret_id, char **ret_name)
{
    AUTO_FREE char *id = NULL;
    AUTO_STRV struct strv candidates = STRV_INIT;
    size_t skip = strncmp(name, SHA256_PREFIX, strlen(SHA256_PREFIX)) == 0 ? strlen(SHA256_PREFIX) : 0;
    bool is_id = ident_is_prefix(name + skip);
    if (outside_is_name(name)) /* which would be no reference */
        return ERR_NEW(ERR_NOT_FOUND, "%s: image not known", name);
    struct err *e = skip ? NULL : reference_candidates(name, &candidates);
    if (e && err_kind(e) == ERR_INVALID && is_id) {
        err_drop(e); /* 64 digits */
        e = NULL;
    }
    TRY(e);
    for (size_t i = 0; i < candidates.count && !id; i++) {
        AUTO_FREE char *named = NULL;
        TRY(query_text(s, find_by_name, candidates.items[i], NULL, &named));
        if (named && ret_name)
            TRY(mem_strdup(candidates.items[i], ret_name));
        id = TAKE_PTR(named);
        if (!id && strchr(candidates.items[i], '@'))
            TRY(find_digest(s, candidates.items[i], &id));
    }
    if (!id && is_id)
        TRY(find_prefix(s, name + skip, &id));
    if (!id)
        return ERR_NEW(ERR_NOT_FOUND, "%s: image not known", name);
    *ret_id = TAKE_PTR(id);
    return NULL;
}

/* `take_error` is what is wrong when it isn't there either. */
static struct err *find_outside(struct engine *e, const char *name, struct err *take_error, struct image **ret)
{
    struct image *i = NULL;
    struct err *error = outside_find(e, name, &i);
    if (!error && !i)
        return take_error;
    err_drop(take_error);
    TRY(error);
    *ret = i;
    return NULL;
}

struct err *image_find_for(struct engine *e, const char *name, const struct image_platform *platform,
                           struct image **ret)
{
    struct store *s = engine_store(e);
    AUTO_FREE char *id = NULL;
    AUTO_IMAGE struct image *i = NULL, *instance = NULL;
    struct err *error = image_find_id(s, name, &id, NULL);
    if (error && err_kind(error) == ERR_NOT_FOUND)
        return find_outside(e, name, error, ret);
    TRY(error);
    error = image_fetch(s, id, &i);
    if (!error && i->is_list)
        error = ERR_WRAP(index_instance(e, i, platform, &instance), "%s", name);
    store_idle(s);
    TRY(error);
    *ret = instance ? TAKE_PTR(instance) : TAKE_PTR(i);
    return NULL;
}

struct err *image_find(struct engine *e, const char *name, struct image **ret)
{
    return image_find_for(e, name, NULL, ret);
}

struct err *image_exists(struct engine *e, const char *name)
{
    AUTO_FREE char *id = NULL;
    AUTO_IMAGE struct image *i = NULL;
    struct err *error = image_find_id(engine_store(e), name, &id, NULL);
    store_idle(engine_store(e));
    return error && err_kind(error) == ERR_NOT_FOUND ? find_outside(e, name, error, &i) : error;
}

struct err *image_read_config_text(struct engine *e, const struct image *i, char **ret)
{
    if (i->config_text)
        return mem_strdup(i->config_text, ret);
    return ERR_WRAP(store_blob_read(engine_store(e), i->config_digest, MANIFEST_CONFIG_MAX_BYTES, ret, NULL),
                    "image %.12s", i->id);
}

struct err *image_read_manifest_text(struct engine *e, const struct image *i, char **ret)
{
    if (i->manifest_text)
        return mem_strdup(i->manifest_text, ret);
    return ERR_WRAP(store_blob_read(engine_store(e), i->manifest_digest, MANIFEST_MAX_BYTES, ret, NULL), "image %.12s",
                    i->id);
}

struct err *image_parse_config(struct engine *e, const struct image *i, struct manifest_config *ret)
{
    AUTO_FREE char *text = NULL;
    if (i->is_list)
        return ERR_NEW(ERR_INVALID, "image %.12s: a manifest list has no config", i->id);
    TRY(image_read_config_text(e, i, &text));
    return ERR_WRAP(manifest_config_parse(text, strlen(text), ret), "image %.12s", i->id);
}

struct err *image_parse_manifest(struct engine *e, const struct image *i, struct manifest *ret)
{
    AUTO_FREE char *text = NULL;
    TRY(image_read_manifest_text(e, i, &text));
    return ERR_WRAP(manifest_parse(text, strlen(text), i->media_type, ret), "image %.12s", i->id);
}
