/* The schema's versions. PRAGMA user_version says which one a database has; it is part of the transaction, so that a
 * step happens whole or not at all. A step, once released, never changes: a new one is added behind it. */
#include "base/mem.h"
#include "engine/store/internal.h"

/* steps[i] leads from version i to i + 1. */
static const char *const steps[] = {
    store_schema_sql,   store_schema_2_sql, store_schema_3_sql,
    store_schema_4_sql, store_schema_5_sql, store_schema_6_sql,
};
_Static_assert(ARRAY_LEN(steps) == STORE_SCHEMA_VERSION, "one step for each version");

static struct err *check_owner(struct store *s, int64_t version)
{
    int64_t app, tables;
    TRY(store_query_int(s, "PRAGMA application_id", &app));
    TRY(store_query_int(s, "SELECT count(*) FROM sqlite_master", &tables));
    if (app != STORE_APPLICATION_ID && (app != 0 || tables != 0))
        return ERR_NEW(ERR_CORRUPT, "%s/state.db is not a database of coracle", s->root);
    if (version > STORE_SCHEMA_VERSION)
        return ERR_NEW(ERR_UNSUPPORTED,
                       "the store %s was made by a newer coracle (schema %lld, this program knows up to %d)", s->root,
                       (long long)version, STORE_SCHEMA_VERSION);
    if (version < 0)
        return ERR_NEW(ERR_CORRUPT, "%s/state.db has the schema version %lld", s->root, (long long)version);
    return NULL;
}

static struct err *take_steps(struct store *s, int64_t version)
{
    for (int64_t v = version; v < STORE_SCHEMA_VERSION; v++)
        TRY_WRAP(store_exec(s, steps[v]), "schema version %lld", (long long)v + 1);
    if (version < STORE_SCHEMA_VERSION) {
        AUTO_FREE char *sql = NULL;
        TRY(mem_asprintf(&sql, "PRAGMA application_id=%d; PRAGMA user_version=%d", STORE_APPLICATION_ID,
                         STORE_SCHEMA_VERSION));
        TRY(store_exec(s, sql));
    }
    return NULL;
}

struct err *store_migrate(struct store *s)
{
    struct store_tx_guard guard AUTO_TX = {.store = s};
    TRY_WRAP(store_begin(s, STORE_WRITE, true), "set up the store");
    int64_t version;
    TRY(store_query_int(s, "PRAGMA user_version", &version));
    TRY(check_owner(s, version));
    TRY_WRAP(take_steps(s, version), "set up the store %s", s->root);
    return store_commit(s);
}
