/* Names: adding and taking away. */
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/image/internal.h"
#include "engine/image/reference.h"

struct err *image_name_set(struct store *s, const char *full_name, const char *id, int64_t now_nsec)
{
    struct store_stmt *st;
    /* A name that is here already keeps its age, so that the order of an image's names doesn't change. */
    TRY(store_prepare(s,
                      "INSERT INTO image_names(name, image_id, added_nsec) VALUES(?1, ?2, ?3) ON CONFLICT(name)"
                      " DO UPDATE SET image_id = ?2, added_nsec = ?3 WHERE image_id <> ?2",
                      &st));
    TRY(store_bind(st, "tti", full_name, id, now_nsec));
    TRY(store_run(st));
    TRY(store_prepare(s, "INSERT INTO image_past_names VALUES(?, ?, ?) ON CONFLICT DO NOTHING", &st));
    TRY(store_bind(st, "tti", id, full_name, now_nsec));
    return store_run(st);
}

struct err *image_digests_copy(struct store *s, const char *full_name, const char *id)
{
    AUTO_FREE char *repository = NULL;
    struct store_stmt *st;
    TRY(reference_repository(full_name, &repository));
    TRY(store_prepare(s,
                      "INSERT INTO image_digests SELECT ?1, digest, image_id FROM image_digests WHERE image_id = ?2"
                      " UNION SELECT ?1, manifest, id FROM images WHERE id = ?2 ON CONFLICT DO NOTHING",
                      &st));
    TRY(store_bind(st, "tt", repository, id));
    return store_run(st);
}

struct err *image_all_names(const struct image *i, struct strv *ret)
{
    if (i->names.count)
        TRY(strv_add_all(ret, i->names.items));
    return i->digest_names.count ? strv_add_all(ret, i->digest_names.items) : NULL;
}

struct err *image_tag(struct engine *e, const char *name, const char *new_name)
{
    struct store *s = engine_store(e);
    AUTO_FREE char *full = NULL, *id = NULL;
    TRY_WRAP(reference_normalize_new(new_name, &full), "tag %s", name);
    struct store_tx_guard guard AUTO_TX = {.store = s};
    TRY(store_begin(s, STORE_WRITE, true));
    TRY(image_find_id(s, name, &id, NULL));
    TRY(image_name_set(s, full, id, timefmt_now()));
    TRY(image_digests_copy(s, full, id));
    TRY(store_event(s, "image", "tag", id, full, NULL));
    return store_commit(s);
}

static struct err *remove_name(struct store *s, const char *id, const char *full)
{
    struct store_stmt *st;
    TRY(store_prepare(s, "DELETE FROM image_names WHERE name = ? AND image_id = ?", &st));
    TRY(store_bind(st, "tt", full, id));
    TRY(store_run(st));
    if (store_changes(s) == 0)
        return ERR_NEW(ERR_NOT_FOUND, "%s: tag not known", full);
    return store_event(s, "image", "untag", id, full, NULL);
}

/* The full name of this image that the user means; an unknown one is taken as it would be made. */
static struct err *own_name(const struct strv *names, const char *text, char **ret)
{
    AUTO_STRV struct strv candidates = STRV_INIT;
    TRY(reference_candidates(text, &candidates));
    for (size_t k = 0; k < candidates.count; k++)
        if (strv_contains(names, candidates.items[k]))
            return mem_strdup(candidates.items[k], ret);
    return mem_strdup(candidates.items[0], ret);
}

struct err *image_untag(struct engine *e, const char *name, const struct strv *names)
{
    struct store *s = engine_store(e);
    AUTO_FREE char *id = NULL;
    AUTO_IMAGE struct image *i = NULL;
    struct store_tx_guard guard AUTO_TX = {.store = s};
    TRY(store_begin(s, STORE_WRITE, true));
    TRY(image_find_id(s, name, &id, NULL));
    TRY(image_fetch(s, id, &i));
    AUTO_STRV struct strv own = STRV_INIT;
    TRY(image_all_names(i, &own));
    const struct strv *what = !names || names->count == 0 ? &own : names;
    for (size_t k = 0; k < what->count; k++) {
        AUTO_FREE char *full = NULL;
        TRY(own_name(&own, what->items[k], &full));
        TRY(remove_name(s, id, full));
    }
    return store_commit(s);
}
