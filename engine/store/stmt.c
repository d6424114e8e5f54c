/* Prepared statements, cached per connection. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/strv.h"
#include "engine/store/internal.h"

#define STORE_PAGE 4096 /* what a write may be short of the limit by */

/* Has a file of the database come to the size that files of this process may have? */
static bool store_over_size_limit(const struct store *s)
{
    static const char *const files[] = {"state.db", "state.db-wal", "state.db-shm", "state.db-journal"};
    struct rlimit l;
    struct stat st;
    if (getrlimit(RLIMIT_FSIZE, &l) < 0 || l.rlim_cur == RLIM_INFINITY)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (fstatat(s->root_fd, files[i], &st, 0) == 0 && (rlim_t)st.st_size + STORE_PAGE >= l.rlim_cur)
            return true;
    return false;
}

struct err *store_db_error(struct store *s, int rc, const char *what)
{
    int extended = s->db ? sqlite3_extended_errcode(s->db) : rc;
    int errnum = s->db ? sqlite3_system_errno(s->db) : 0;
    const char *text = s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc);
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return err_oom();
    case SQLITE_FULL:
        return ERR_NEW(ERR_NO_SPACE, "%s: no space left on the file system of %s", what, s->root);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_NEW(ERR_TIMEOUT, "%s: the store %s is busy: another coracle process holds it", what, s->root);
    case SQLITE_CONSTRAINT:
        if (extended == SQLITE_CONSTRAINT_FOREIGNKEY || extended == SQLITE_CONSTRAINT_TRIGGER)
            return ERR_NEW(ERR_IN_USE, "%s: something else refers to it", what);
        if (extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY)
            return ERR_NEW(ERR_EXISTS, "%s: it exists already", what);
        return ERR_NEW(ERR_INTERNAL, "%s: %s", what, text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_NEW(ERR_CORRUPT, "%s: the database %s/state.db is damaged (%s)", what, s->root, text);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return ERR_NEW(ERR_DENIED, "%s: the database %s/state.db cannot be written (%s)", what, s->root, text);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        if (!errnum) /* a short write says nothing; RLIMIT_FSIZE does */
            errnum = store_over_size_limit(s) ? EFBIG : 0;
        if (errnum)
            return ERR_SYS(errnum, "%s: database %s/state.db", what, s->root);
        return ERR_NEW(ERR_INTERNAL, "%s: database %s/state.db: %s", what, s->root, text);
    default:
        return ERR_NEW(ERR_INTERNAL, "%s: %s (SQLite error %d)", what, text, extended);
    }
}

struct err *store_exec(struct store *s, const char *sql)
{
    int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? NULL : store_db_error(s, rc, "database");
}

struct err *store_query_int(struct store *s, const char *sql, int64_t *ret)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    struct err *e = NULL;
    if (rc == SQLITE_ROW)
        *ret = sqlite3_column_int64(st, 0);
    else
        e = store_db_error(s, rc, "read the database");
    sqlite3_finalize(st);
    return e;
}

struct err *store_query_text(struct store *s, const char *sql, char **ret)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    struct err *e = NULL;
    if (rc == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(st, 0);
        e = mem_strdup(text ? text : "", ret);
    } else {
        e = store_db_error(s, rc, "read the database");
    }
    sqlite3_finalize(st);
    return e;
}

struct err *store_prepare(struct store *s, const char *sql, struct store_stmt **ret)
{
    /* Some tens of statements per process at most: a list is quicker than a table. The same address can be reused by
     * another library's constant, hence the comparison of the text too. */
    for (struct store_stmt *st = s->stmts; st; st = st->next) {
        if (st->sql == sql && strcmp(sqlite3_sql(st->handle), sql) == 0) {
            sqlite3_reset(st->handle);
            sqlite3_clear_bindings(st->handle);
            st->cut_off = false;
            *ret = st;
            return NULL;
        }
    }
    struct store_stmt *st = mem_zalloc(sizeof *st);
    if (!st)
        return err_oom();
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &st->handle, NULL);
    if (rc != SQLITE_OK || !st->handle) {
        mem_freep(&st);
        return ERR_WRAP(store_db_error(s, rc, "prepare"), "%.60s", sql);
    }
    st->store = s;
    st->sql = sql;
    st->next = s->stmts;
    s->stmts = st;
    *ret = st;
    return NULL;
}

static struct err *bound(struct store_stmt *st, int rc)
{
    return rc == SQLITE_OK ? NULL : ERR_WRAP(store_db_error(st->store, rc, "bind"), "%.60s", st->sql);
}

struct err *store_bind_text(struct store_stmt *st, int index, const char *text)
{
    return bound(st, sqlite3_bind_text(st->handle, index, text, -1, SQLITE_STATIC));
}

struct err *store_bind_int(struct store_stmt *st, int index, int64_t value)
{
    return bound(st, sqlite3_bind_int64(st->handle, index, value));
}

struct err *store_bind_null(struct store_stmt *st, int index)
{
    return bound(st, sqlite3_bind_null(st->handle, index));
}

struct err *store_bind(struct store_stmt *st, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    struct err *e = NULL;
    for (int i = 1; format[i - 1] && !e; i++) {
        switch (format[i - 1]) {
        case 't':
            e = store_bind_text(st, i, va_arg(ap, const char *));
            break;
        case 'i':
            e = store_bind_int(st, i, va_arg(ap, int64_t));
            break;
        case 'n':
            e = store_bind_null(st, i);
            break;
        default:
            e = ERR_NEW(ERR_INTERNAL, "store_bind: unknown type '%c'", format[i - 1]);
        }
    }
    va_end(ap);
    return e;
}

struct err *store_step(struct store_stmt *st, bool *ret_row)
{
    if (st->cut_off)
        return ERR_NEW(ERR_INTERNAL, "a transaction began or ended while rows were being read: %.60s", st->sql);
    int rc = sqlite3_step(st->handle);
    if (rc == SQLITE_ROW) {
        *ret_row = true;
        return NULL;
    }
    struct err *e = rc == SQLITE_DONE ? NULL : store_db_error(st->store, rc, "store");
    sqlite3_reset(st->handle); /* lets go of the snapshot */
    *ret_row = false;
    return e;
}

struct err *store_run(struct store_stmt *st)
{
    bool row = true;
    while (row)
        TRY(store_step(st, &row));
    return NULL;
}

struct err *store_texts(struct store *s, const char *sql, const char *parameter, struct strv *ret)
{
    struct store_stmt *st;
    TRY(store_prepare(s, sql, &st));
    if (parameter)
        TRY(store_bind_text(st, 1, parameter));
    for (;;) {
        bool row;
        TRY(store_step(st, &row));
        if (!row)
            return NULL;
        TRY(strv_add(ret, store_col_text(st, 0)));
    }
}

const char *store_col_text(struct store_stmt *st, int index)
{
    return (const char *)sqlite3_column_text(st->handle, index);
}

int64_t store_col_int(struct store_stmt *st, int index)
{
    return sqlite3_column_int64(st->handle, index);
}

bool store_col_is_null(struct store_stmt *st, int index)
{
    return sqlite3_column_type(st->handle, index) == SQLITE_NULL;
}

int64_t store_changes(struct store *s)
{
    return sqlite3_changes64(s->db);
}

void store_stmts_reset(struct store *s)
{
    for (struct store_stmt *st = s->stmts; st; st = st->next) {
        if (sqlite3_stmt_busy(st->handle)) {
            sqlite3_reset(st->handle);
            st->cut_off = true;
        }
    }
}

void store_idle(struct store *s)
{
    if (!s->in_tx)
        store_stmts_reset(s);
}

void store_stmts_free(struct store *s)
{
    while (s->stmts) {
        struct store_stmt *st = s->stmts;
        s->stmts = st->next;
        sqlite3_finalize(st->handle);
        mem_freep(&st);
    }
}
