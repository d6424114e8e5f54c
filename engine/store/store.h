/* The durable store: SQLite database, blobs, layers, staging (DESIGN.md section 4).
 *
 * Owner: the process that opened it; one connection, one thread. Used inside the session's namespaces. What always
 * holds: a transaction never contains unpacking, mounting or a child process; a file becomes visible only by rename
 * from staging, complete and on disk; rows refer to each other by foreign key.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct store;

/* This process touches SQLite from one thread only, here or elsewhere: no locks then, and no statistics. Before the
 * first store_open(); later it does nothing. For programs, not for libraries: it holds for the whole process. */
void store_one_thread(void);
/* Open (creating and migrating as needed) the store below `root`. WAL, or rollback journal where the file system
 * cannot share memory. A schema newer than this program is ERR_UNSUPPORTED. */
struct err *store_open(const char *root, struct store **ret) ERR_RESULT;
void store_close(struct store *s);
const char *store_root(const struct store *s);
/* A descriptor which, as long as a copy of it is open anywhere, spares the next process that opens the store reading
 * the whole log; -1 when somebody holds one already, or there is no log. Borrowed: it ends with the store. */
int store_log_keeper(const struct store *s);
/* Directory descriptor of root; borrowed. */
int store_root_fd(const struct store *s);

/* --- transactions: short. IMMEDIATE for writers (waits for others up to 30 s), DEFERRED for consistent reads. */
enum store_tx { STORE_READ, STORE_WRITE };
/* `durable`: the commit is on disk when store_commit returns (images, volumes); without, it survives a crash of the
 * process but a power cut may lose it whole (container state). */
struct err *store_begin(struct store *s, enum store_tx mode, bool durable) ERR_RESULT;
struct err *store_commit(struct store *s) ERR_RESULT;
/* No-op outside a transaction; safe in clean-up. */
void store_rollback(struct store *s);
/* Rolls back at scope end unless committed. */
struct store_tx_guard {
    struct store *store;
};
void store_tx_guard_done(struct store_tx_guard *g);
#define AUTO_TX __attribute__((cleanup(store_tx_guard_done), unused))

struct strv;

/* --- statements: prepared once per SQL text and cached; one use at a time each. */
struct store_stmt;
/* `sql` must be a string constant (the cache is keyed by its address and text). Resets and clears bindings. */
struct err *store_prepare(struct store *s, const char *sql, struct store_stmt **ret) ERR_RESULT;
/* Bindings: 1-based; NULL text binds NULL. Strings are borrowed until the statement has given its last row. */
struct err *store_bind_text(struct store_stmt *st, int index, const char *text) ERR_RESULT;
struct err *store_bind_int(struct store_stmt *st, int index, int64_t value) ERR_RESULT;
struct err *store_bind_null(struct store_stmt *st, int index) ERR_RESULT;
/* Bind several by format: "t" text, "i" int64_t (pass int64_t!), "n" NULL: store_bind(st, "tti", a, b, (int64_t)c). */
struct err *store_bind(struct store_stmt *st, const char *format, ...) ERR_RESULT;
/* *ret_row tells whether a row is there. Foreign key and uniqueness violations are ERR_IN_USE / ERR_EXISTS. A statement
 * that was not read to its end keeps a snapshot until it is prepared again, a transaction begins or ends (stepping it
 * on is ERR_INTERNAL then), or store_idle(). */
struct err *store_step(struct store_stmt *st, bool *ret_row) ERR_RESULT;
/* Run to the end, no rows wanted. */
struct err *store_run(struct store_stmt *st) ERR_RESULT;
/* The first column of every row, appended; `parameter` (?1) may be NULL. */
struct err *store_texts(struct store *s, const char *sql, const char *parameter, struct strv *ret) ERR_RESULT;
/* Columns: 0-based; text is borrowed until the next step or prepare, NULL for NULL. */
const char *store_col_text(struct store_stmt *st, int index);
int64_t store_col_int(struct store_stmt *st, int index);
bool store_col_is_null(struct store_stmt *st, int index);
/* Rows changed by the last statement. */
int64_t store_changes(struct store *s);
/* Let go of every snapshot: before waiting for long (an attached container), so that the log can be reused. */
void store_idle(struct store *s);

/* --- staging: a new directory staging/<id>/, locked by this process; unlocked ones are removed by store_clean(). */
struct store_staging {
    char *path; /* absolute */
    char *name; /* "staging/<id>", relative to root */
    int dirfd;
    int lock_fd;
};
struct err *store_staging_new(struct store *s, struct store_staging *ret) ERR_RESULT;
/* Removes what is left in it. */
void store_staging_done(struct store *s, struct store_staging *st);

/* --- blobs: content addressed, "sha256:<hex>".
 *
 * Adding content: take the content lock shared; look what is there already; put complete files into staging, synced
 * (store_sync_files once for all of them); move them to their places, store_sync_names; a durable transaction with the
 * rows that refer to them; let go of the lock; store_clean. The lock keeps others from removing what nothing refers to
 * yet. Others who add are not kept out, nor are those who remove rows of images. */
struct err *store_content_lock(struct store *s, bool exclusive, bool wait, int *ret_fd) ERR_RESULT;
/* Move a file (relative to root, e.g. inside staging) that is complete and on disk to its place; a present blob wins.
 */
struct err *store_blob_place(struct store *s, const char *from_relative, const char *digest) ERR_RESULT;
/* syncfs(2) on the store's file system: all files written before are on disk. */
struct err *store_sync_files(struct store *s) ERR_RESULT;
/* Names that were moved to blobs/ and layers/ are on disk. */
struct err *store_sync_names(struct store *s) ERR_RESULT;
/* One blob, all in one: sync, move, sync the name. The caller has verified the digest. */
struct err *store_blob_commit(struct store *s, const char *from_relative, const char *digest) ERR_RESULT;
/* Hash and keep a small document, synced. */
struct err *store_blob_put(struct store *s, const void *data, size_t len, char **ret_digest) ERR_RESULT;
struct err *store_blob_open(struct store *s, const char *digest, int *ret_fd, uint64_t *ret_size) ERR_RESULT;
/* Read and verify against its digest; ERR_CORRUPT. */
struct err *store_blob_read(struct store *s, const char *digest, size_t max, char **ret, size_t *ret_len) ERR_RESULT;
bool store_blob_exists(struct store *s, const char *digest);
/* Remove blob and layer rows that no image refers to, blobs and layer directories that no row refers to, and staging
 * that nobody holds. While somebody adds content only the last; he calls this when he is done. */
struct err *store_clean(struct store *s) ERR_RESULT;
/* Only the last of these; cheap. */
struct err *store_clean_staging(struct store *s) ERR_RESULT;
/* `coracle system check`: every problem found is one line in *ret_problems. ret_damaged (or NULL): digests of the blobs
 * and diff ids of the layers that are damaged. */
struct err *store_check(struct store *s, bool verify_blobs, struct strv *ret_problems,
                        struct strv *ret_damaged) ERR_RESULT;

/* --- events. `attributes` is a JSON object text or NULL. */
struct err *store_event(struct store *s, const char *type, const char *action, const char *id, const char *name,
                        const char *attributes) ERR_RESULT;
/* The same for what happened a while ago. */
struct err *store_event_at(struct store *s, int64_t at_nsec, const char *type, const char *action, const char *id,
                           const char *name, const char *attributes) ERR_RESULT;
struct store_event { /* borrowed */
    int64_t at_nsec;
    const char *type, *action, *object_id, *name, *attributes;
};
/* Number of the newest event; 0: there is none. */
struct err *store_event_last(struct store *s, int64_t *ret_row) ERR_RESULT;
/* Events behind number *after_row, within the times (until 0: no limit); *after_row becomes the highest number seen. */
struct err *store_event_each(struct store *s, int64_t *after_row, int64_t since_nsec, int64_t until_nsec,
                             struct err *(*fn)(void *arg, const struct store_event *event), void *arg) ERR_RESULT;
