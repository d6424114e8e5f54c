#include "base/timefmt.h"
#include "engine/store/internal.h"

/* Events are kept until there are this many; trimmed now and then. */
#define EVENTS_KEPT 65536
#define TRIM_EVERY 256

struct err *store_event(struct store *s, const char *type, const char *action, const char *id, const char *name,
                        const char *attributes)
{
    return store_event_at(s, timefmt_now(), type, action, id, name, attributes);
}

struct err *store_event_at(struct store *s, int64_t at_nsec, const char *type, const char *action, const char *id,
                           const char *name, const char *attributes)
{
    struct store_stmt *st;
    TRY(store_prepare(s, "INSERT INTO events(at_nsec, type, action, object_id, name, attributes) VALUES(?,?,?,?,?,?)",
                      &st));
    TRY(store_bind(st, "ittttt", at_nsec, type, action, id, name ? name : "", attributes));
    TRY_WRAP(store_run(st), "record event");
    int64_t row = sqlite3_last_insert_rowid(s->db);
    if (row % TRIM_EVERY != 0)
        return NULL;
    TRY(store_prepare(s, "DELETE FROM events WHERE id <= ?", &st));
    TRY(store_bind(st, "i", row - EVENTS_KEPT));
    return store_run(st);
}

struct err *store_event_last(struct store *s, int64_t *ret_row)
{
    struct store_stmt *st;
    bool row;
    *ret_row = 0;
    TRY(store_prepare(s, "SELECT max(id) FROM events", &st));
    TRY(store_step(st, &row));
    if (row)
        *ret_row = store_col_int(st, 0);
    store_idle(s);
    return NULL;
}

struct err *store_event_each(struct store *s, int64_t *after_row, int64_t since_nsec, int64_t until_nsec,
                             struct err *(*fn)(void *arg, const struct store_event *event), void *arg)
{
    struct store_stmt *st;
    bool row;
    int64_t after = *after_row;
    /* By time, since what monitors report comes later than it happened. */
    TRY(store_prepare(s,
                      "SELECT id, at_nsec, type, action, object_id, name, attributes FROM events "
                      "WHERE id > ?1 AND at_nsec >= ?2 AND at_nsec <= ?3 ORDER BY at_nsec, id",
                      &st));
    TRY(store_bind(st, "iii", after, since_nsec, until_nsec ? until_nsec : INT64_MAX));
    for (;;) {
        TRY(store_step(st, &row));
        if (!row)
            break;
        const struct store_event event = {
            .at_nsec = store_col_int(st, 1),
            .type = store_col_text(st, 2),
            .action = store_col_text(st, 3),
            .object_id = store_col_text(st, 4),
            .name = store_col_text(st, 5),
            .attributes = store_col_text(st, 6),
        };
        if (store_col_int(st, 0) > *after_row)
            *after_row = store_col_int(st, 0);
        TRY(fn(arg, &event));
    }
    store_idle(s);
    return NULL;
}
