#include "engine/secret/secret.h"

#include <ctype.h>
#include <string.h>

#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/pattern.h"
#include "base/timefmt.h"
#include "engine/engine.h"
#include "engine/store/store.h"

#define LIST_MAX ((size_t)1 << 20)
#define COLUMNS "id, name, driver, options, labels, created_nsec, updated_nsec"

void secret_free(struct secret *s)
{
    if (!s)
        return;
    mem_freep(&s->id);
    mem_freep(&s->name);
    mem_freep(&s->driver);
    strv_done(&s->options);
    strv_done(&s->labels);
    mem_freep(&s);
}

void secret_list_free(struct secret **list, size_t count)
{
    for (size_t i = 0; list && i < count; i++)
        secret_free(list[i]);
    mem_freep(&list);
}

static struct err *fill(struct store_stmt *st, struct secret *s)
{
    TRY(mem_strdup(store_col_text(st, 0), &s->id));
    TRY(mem_strdup(store_col_text(st, 1), &s->name));
    TRY(mem_strdup(store_col_text(st, 2), &s->driver));
    TRY(json_pairs_parse(store_col_text(st, 3), "secret", &s->options));
    TRY(json_pairs_parse(store_col_text(st, 4), "secret", &s->labels));
    s->created_nsec = store_col_int(st, 5);
    s->updated_nsec = store_col_int(st, 6);
    return NULL;
}

static struct err *from_row(struct store_stmt *st, struct secret **ret)
{
    struct secret *s = mem_zalloc(sizeof(*s));
    if (!s)
        return err_oom();
    struct err *e = fill(st, s);
    if (e)
        secret_free(s);
    else
        *ret = s;
    return e;
}

/* The rows in order of their names. */
static struct err *load(struct engine *e, struct secret ***ret, size_t *ret_count)
{
    struct secret **list = NULL;
    size_t count = 0, cap = 0;
    struct store_stmt *st;
    bool row = true;
    TRY(store_prepare(engine_store(e), "SELECT " COLUMNS " FROM secrets ORDER BY name", &st));
    struct err *err = NULL;
    while (!err && row) {
        err = store_step(st, &row);
        if (!err && row)
            err = mem_grow(&list, count, &cap, sizeof(*list), LIST_MAX);
        if (!err && row)
            err = from_row(st, &list[count]);
        count += !err && row;
    }
    if (err) {
        secret_list_free(list, count);
        return err;
    }
    *ret = list;
    *ret_count = count;
    return NULL;
}

/* An exact name goes before everything, an exact id before the beginning of one. */
static struct err *choose(struct secret **list, size_t count, const char *name, size_t *ret)
{
    size_t found = count, n = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i]->name, name) == 0 || strcmp(list[i]->id, name) == 0) {
            *ret = i;
            return NULL;
        }
        if (*name && strncmp(list[i]->id, name, strlen(name)) == 0) {
            found = i;
            n++;
        }
    }
    if (n == 0)
        return ERR_NEW(ERR_NOT_FOUND, "no secret with name or id \"%s\": no such secret", name);
    if (n > 1)
        return ERR_NEW(ERR_INVALID, "more than one result secret with prefix %s: secret is ambiguous", name);
    *ret = found;
    return NULL;
}

struct err *secret_find(struct engine *e, const char *name, struct secret **ret)
{
    struct secret **list = NULL;
    size_t count = 0, at;
    TRY(load(e, &list, &count));
    struct err *err = choose(list, count, name, &at);
    if (!err)
        *ret = TAKE_PTR(list[at]);
    secret_list_free(list, count);
    return err;
}

static struct err *matches(const struct secret *s, const char *filter, bool *ret)
{
    if (strncmp(filter, "id=", 3) == 0) {
        const char *prefix = filter + 3;
        *ret = strncmp(s->id, prefix, strlen(prefix)) == 0;
        return NULL;
    }
    if (strncmp(filter, "name=", 5) != 0)
        return ERR_NEW(ERR_INVALID, "invalid filter \"%.*s\"", (int)strcspn(filter, "="), filter);
    return pattern_matches(filter + 5, s->name, ret);
}

struct err *secret_list(struct engine *e, const struct strv *filters, struct secret ***ret, size_t *ret_count)
{
    struct secret **list = NULL;
    size_t count = 0, kept = 0;
    struct err *err = NULL;
    TRY(load(e, &list, &count));
    for (size_t i = 0; i < count; i++) {
        bool keep = true;
        for (size_t k = 0; k < filters->count && keep && !err; k++)
            err = matches(list[i], filters->items[k], &keep);
        if (keep && !err)
            list[kept++] = list[i];
        else
            secret_free(list[i]);
    }
    if (err) {
        secret_list_free(list, kept);
        return err;
    }
    *ret = list;
    *ret_count = kept;
    return NULL;
}

/* --- create, remove */

static struct err *check_name(const char *name)
{
    size_t len = strlen(name);
    bool ok = len > 0 && len <= 64 && isalnum((unsigned char)name[0]) && isalnum((unsigned char)name[len - 1]);
    for (size_t i = 0; i < len && ok; i++)
        ok = isalnum((unsigned char)name[i]) || strchr("-_.", name[i]);
    return ok ? NULL
              : ERR_NEW(ERR_INVALID,
                        "only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be "
                        "[a-zA-Z0-9]: %s: invalid secret name",
                        name);
}

static struct err *insert(struct engine *e, const struct secret *s)
{
    struct store *store = engine_store(e);
    AUTO_FREE char *options = NULL, *labels = NULL;
    struct store_stmt *st;
    TRY(json_pairs_text(&s->options, &options));
    TRY(json_pairs_text(&s->labels, &labels));
    TRY(store_prepare(store, "INSERT INTO secrets(" COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?6)", &st));
    TRY(store_bind(st, "ttttti", s->id, s->name, s->driver, options, labels, s->created_nsec));
    struct err *err = store_run(st);
    if (err && err_kind(err) == ERR_EXISTS) {
        err_drop(err);
        return ERR_NEW(ERR_EXISTS, "%s: secret name in use", s->name);
    }
    TRY(err);
    return store_event(store, "secret", "create", s->id, s->name, NULL);
}

static struct err *delete_row(struct engine *e, const struct secret *s)
{
    struct store_stmt *st;
    TRY(store_prepare(engine_store(e), "DELETE FROM secrets WHERE id = ?1", &st));
    TRY(store_bind(st, "t", s->id));
    TRY(store_run(st));
    return store_event(engine_store(e), "secret", "remove", s->id, s->name, NULL);
}

/* By name alone, whatever ids begin like it. NULL: there is none. */
static struct err *find_named(struct engine *e, const char *name, struct secret **ret)
{
    struct store_stmt *st;
    bool row;
    *ret = NULL;
    TRY(store_prepare(engine_store(e), "SELECT " COLUMNS " FROM secrets WHERE name = ?1", &st));
    TRY(store_bind(st, "t", name));
    TRY(store_step(st, &row));
    return row ? from_row(st, ret) : NULL;
}

/* The data first: a row whose data isn't there would be a lie, data without a row is only litter. */
static struct err *create(struct engine *e, const struct secret_create_opts *opts, struct secret *s)
{
    struct ident id;
    struct secret *old = NULL;
    TRY(ident_random(&id));
    TRY(mem_strndup(id.s, SECRET_ID_LEN, &s->id));
    TRY(mem_strdup(opts->name, &s->name));
    TRY(mem_strdup(opts->driver ? opts->driver : "file", &s->driver));
    TRY(strv_copy(&opts->options, &s->options));
    TRY(strv_copy(&opts->labels, &s->labels));
    TRY(secret_driver_check(s->driver, &s->options));
    s->created_nsec = timefmt_now();
    TRY(find_named(e, s->name, &old));
    if (old && !opts->replace) {
        secret_free(old);
        return ERR_NEW(ERR_EXISTS, "%s: secret name in use", s->name);
    }
    struct err *err = secret_driver_store(e, s, opts->data, opts->len);
    if (!err && old)
        err = secret_remove(e, old);
    secret_free(old);
    TRY(err);
    AUTO_TX struct store_tx_guard tx = {engine_store(e)};
    err = store_begin(engine_store(e), STORE_WRITE, true);
    if (!err)
        err = insert(e, s);
    if (!err)
        err = store_commit(engine_store(e));
    if (err)
        err_drop(secret_driver_delete(e, s));
    return err;
}

struct err *secret_create(struct engine *e, const struct secret_create_opts *opts, char **ret_id)
{
    TRY(check_name(opts->name));
    if (opts->len == 0 || opts->len >= SECRET_BYTES_MAX)
        return ERR_NEW(ERR_INVALID, "secret data must be larger than 0 and less than %d bytes", SECRET_BYTES_MAX);
    struct secret *s = mem_zalloc(sizeof(*s));
    if (!s)
        return err_oom();
    struct err *err = create(e, opts, s);
    if (!err)
        *ret_id = TAKE_PTR(s->id);
    secret_free(s);
    return err;
}

struct err *secret_remove(struct engine *e, const struct secret *s)
{
    AUTO_TX struct store_tx_guard tx = {engine_store(e)};
    TRY(store_begin(engine_store(e), STORE_WRITE, true));
    TRY(delete_row(e, s));
    TRY(store_commit(engine_store(e)));
    return secret_driver_delete(e, s);
}

struct err *secret_data(struct engine *e, const struct secret *s, char **ret, size_t *ret_len)
{
    return ERR_WRAP(secret_driver_load(e, s, ret, ret_len), "read secret %s", s->name);
}
