#include "base/timefmt.h"
#include "engine/store/internal.h"

/* Events are kept until there are this many; trimmed now and then. */
#define EVENTS_KEPT 65536
#define TRIM_EVERY 256

struct err *store_event(struct store *s, const char *type, const char *action, const char *id, const char *name,
                        const char *attributes)
{
    struct store_stmt *st;
    TRY(store_prepare(s, "INSERT INTO events(at_nsec, type, action, object_id, name, attributes) VALUES(?,?,?,?,?,?)",
                      &st));
    TRY(store_bind(st, "ittttt", timefmt_now(), type, action, id, name ? name : "", attributes));
    TRY_WRAP(store_run(st), "record event");
    int64_t row = sqlite3_last_insert_rowid(s->db);
    if (row % TRIM_EVERY != 0)
        return NULL;
    TRY(store_prepare(s, "DELETE FROM events WHERE id <= ?", &st));
    TRY(store_bind(st, "i", row - EVENTS_KEPT));
    return store_run(st);
}
