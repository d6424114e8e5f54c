/* Artifacts that are here: rows, looking, removing. */
#include "engine/image/artifact.h"

#include <string.h>

#include "base/ident.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/image/artifact_internal.h"
#include "engine/image/reference.h"

#define COLUMNS "name, manifest, size_bytes, added_nsec"

void artifact_free(struct artifact *a)
{
    if (!a)
        return;
    mem_freep(&a->name);
    mem_freep(&a->digest);
    mem_freep(&a);
}

void artifact_freep(struct artifact **a)
{
    artifact_free(*a);
    *a = NULL;
}

void artifact_list_free(struct artifact **list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        artifact_free(list[i]);
    mem_freep(&list);
}

struct err *artifact_full_name(const char *name, char **ret)
{
    return reference_normalize_new(name, ret);
}

static struct err *from_row(struct store_stmt *st, struct artifact **ret)
{
    AUTO_ARTIFACT struct artifact *a = mem_zalloc(sizeof *a);
    if (!a)
        return err_oom();
    TRY(mem_strdup(store_col_text(st, 0), &a->name));
    TRY(mem_strdup(store_col_text(st, 1), &a->digest));
    a->size_bytes = (uint64_t)store_col_int(st, 2);
    a->created_nsec = store_col_int(st, 3);
    *ret = TAKE_PTR(a);
    return NULL;
}

static struct err *collect(struct store *s, struct artifact ***list, size_t *count)
{
    struct store_stmt *st;
    size_t cap = 0;
    TRY(store_prepare(s, "SELECT " COLUMNS " FROM artifacts ORDER BY name", &st));
    for (;;) {
        bool row;
        TRY(store_step(st, &row));
        if (!row)
            return NULL;
        TRY(mem_grow(list, *count, &cap, sizeof **list, IMAGE_LIST_MAX));
        TRY(from_row(st, &(*list)[*count]));
        (*count)++;
    }
}

struct err *artifact_read(struct engine *e, const struct artifact *a, char **ret_text)
{
    return ERR_WRAP(store_blob_read(engine_store(e), a->digest, MANIFEST_MAX_BYTES, ret_text, NULL), "artifact %s",
                    a->name);
}

/* What its manifest says of its age; else when it came. */
static struct err *fill_created(struct engine *e, struct artifact *a)
{
    AUTO_FREE char *text = NULL;
    AUTO_MANIFEST struct manifest m = {0};
    TRY(artifact_read(e, a, &text));
    TRY_WRAP(manifest_parse_artifact(text, strlen(text), &m), "artifact %s", a->name);
    const char *created = json_string_value(json_object_get(m.annotations, ARTIFACT_CREATED));
    if (created)
        err_drop(timefmt_parse_rfc3339(created, &a->created_nsec));
    return NULL;
}

struct err *artifact_list(struct engine *e, struct artifact ***ret, size_t *ret_count)
{
    struct artifact **list = NULL;
    size_t count = 0;
    struct err *error = collect(engine_store(e), &list, &count);
    store_idle(engine_store(e));
    for (size_t i = 0; i < count && !error; i++)
        error = fill_created(e, list[i]);
    if (error) {
        artifact_list_free(list, count);
        return error;
    }
    *ret = list;
    *ret_count = count;
    return NULL;
}

/* --- finding */

static struct err *find_by(struct store *s, const char *sql, const char *key, struct artifact **ret)
{
    struct store_stmt *st;
    bool row;
    TRY(store_prepare(s, sql, &st));
    TRY(store_bind_text(st, 1, key));
    TRY(store_step(st, &row));
    if (!row)
        return NULL;
    TRY(from_row(st, ret));
    TRY(store_step(st, &row));
    if (!row)
        return NULL;
    artifact_freep(ret);
    return ERR_NEW(ERR_INVALID, "%s: the digest is ambiguous, more than one artifact has it", key);
}

static struct err *find_by_name(struct store *s, const char *name, struct artifact **ret)
{
    AUTO_STRV struct strv candidates = STRV_INIT;
    struct err *e = reference_candidates(name, &candidates);
    if (e && err_kind(e) == ERR_INVALID) { /* a digest */
        err_drop(e);
        return NULL;
    }
    TRY(e);
    for (size_t i = 0; i < candidates.count && !*ret; i++)
        TRY(find_by(s, "SELECT " COLUMNS " FROM artifacts WHERE name = ?", candidates.items[i], ret));
    return NULL;
}

struct err *artifact_find(struct engine *e, const char *name, struct artifact **ret)
{
    struct store *s = engine_store(e);
    AUTO_ARTIFACT struct artifact *a = NULL;
    const char *hex = strncmp(name, "sha256:", 7) == 0 ? name + 7 : name;
    if (!name[0])
        return ERR_NEW(ERR_INVALID, "artifact name cannot be empty");
    struct err *error = hex == name ? find_by_name(s, name, &a) : NULL;
    if (!error && !a && ident_is_prefix(hex)) /* 'g' sorts behind every hex digit */
        error = find_by(s,
                        "SELECT " COLUMNS " FROM artifacts WHERE manifest >= 'sha256:' || ?1"
                        " AND manifest < 'sha256:' || ?1 || 'g' LIMIT 2",
                        hex, &a);
    store_idle(s);
    TRY(error);
    if (!a)
        return ERR_NEW(ERR_NOT_FOUND, "%s: artifact does not exist", name);
    TRY(fill_created(e, a));
    *ret = TAKE_PTR(a);
    return NULL;
}

struct err *artifact_inspect(struct engine *e, const char *name, char **ret_json)
{
    AUTO_ARTIFACT struct artifact *a = NULL;
    AUTO_FREE char *text = NULL;
    AUTO_JSON json_t *root = json_object(), *manifest = NULL;
    TRY(artifact_find(e, name, &a));
    TRY(artifact_read(e, a, &text));
    TRY(json_parse(text, strlen(text), "manifest", &manifest));
    TRY(json_put(root, "Manifest", json_incref(manifest)));
    TRY(json_put_str(root, "Name", a->name));
    TRY(json_put_str(root, "Digest", a->digest));
    TRY(json_put_int(root, "TotalSizeBytes", (int64_t)a->size_bytes));
    return json_text_indented(root, 5, ret_json);
}

struct err *artifact_remove(struct engine *e, const char *name, char **ret_digest)
{
    struct store *s = engine_store(e);
    AUTO_ARTIFACT struct artifact *a = NULL;
    struct store_tx_guard guard AUTO_TX = {.store = s};
    struct store_stmt *st;
    TRY(artifact_find(e, name, &a));
    TRY(store_begin(s, STORE_WRITE, true));
    TRY(store_prepare(s, "DELETE FROM artifacts WHERE name = ?", &st));
    TRY(store_bind_text(st, 1, a->name));
    TRY(store_run(st));
    if (store_changes(s) == 0)
        return ERR_NEW(ERR_NOT_FOUND, "%s: artifact does not exist", name);
    TRY(store_commit(s));
    err_drop(store_clean(s)); /* what stays now goes the next time */
    *ret_digest = TAKE_PTR(a->digest);
    return NULL;
}
