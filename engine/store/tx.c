/* Transactions. Outside of one, a statement commits by itself, and not durably. */
#include "engine/store/internal.h"

/* EXTRA also syncs the directory after a rollback journal was deleted; with WAL it is FULL: the log is synced at each
 * commit. NORMAL syncs only at checkpoints: a power cut can lose the last transactions, but never half of one.
 * https://www.sqlite.org/pragma.html#pragma_synchronous */
#define SYNC_DURABLE "PRAGMA synchronous=EXTRA"
#define SYNC_RELAXED "PRAGMA synchronous=NORMAL"

struct err *store_sync_relaxed(struct store *s)
{
    return store_exec(s, SYNC_RELAXED);
}

static struct err *run(struct store *s, const char *sql)
{
    struct store_stmt *st;
    TRY(store_prepare(s, sql, &st));
    return store_run(st);
}

struct err *store_begin(struct store *s, enum store_tx mode, bool durable)
{
    if (s->in_tx)
        return ERR_NEW(ERR_INTERNAL, "a transaction inside a transaction");
    /* A statement that still has rows holds a snapshot; a write behind it would fail as busy at once. */
    store_stmts_reset(s);
    if (durable)
        TRY(store_exec(s, SYNC_DURABLE));
    struct err *e = run(s, mode == STORE_WRITE ? "BEGIN IMMEDIATE" : "BEGIN");
    if (e) {
        if (durable)
            err_drop(store_sync_relaxed(s));
        return e;
    }
    s->in_tx = true;
    s->tx_durable = durable;
    return NULL;
}

static void ended(struct store *s)
{
    s->in_tx = false;
    if (s->tx_durable)
        err_drop(store_sync_relaxed(s));
    s->tx_durable = false;
}

struct err *store_commit(struct store *s)
{
    if (!s->in_tx)
        return ERR_NEW(ERR_INTERNAL, "commit without a transaction");
    store_stmts_reset(s);
    struct err *e = run(s, "COMMIT");
    if (e) {
        store_rollback(s);
        return e;
    }
    ended(s);
    return NULL;
}

void store_rollback(struct store *s)
{
    if (!s || !s->in_tx)
        return;
    store_stmts_reset(s);
    /* A full disk has already rolled back by itself. */
    if (!sqlite3_get_autocommit(s->db))
        err_drop(run(s, "ROLLBACK"));
    ended(s);
}

void store_tx_guard_done(struct store_tx_guard *g)
{
    store_rollback(g->store);
    g->store = NULL;
}
