/* `coracle system check`: does the database agree with itself and with the files? */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "engine/store/digest.h"
#include "engine/store/internal.h"

/* More than this many lines help nobody. */
#define PROBLEMS_MAX 1000

static struct err *report_rows(struct store *s, const char *sql, const char *format, struct strv *problems)
{
    struct store_stmt *st;
    bool row;
    TRY(store_prepare(s, sql, &st));
    for (;;) {
        TRY(store_step(st, &row));
        if (!row)
            return NULL;
        const char *text = store_col_text(st, 0);
        if (problems->count < PROBLEMS_MAX)
            TRY(strv_addf(problems, "%s%s", format, text ? text : "?"));
    }
}

static struct err *check_database(struct store *s, struct strv *problems)
{
    TRY(report_rows(s, "SELECT integrity_check FROM pragma_integrity_check(100) WHERE integrity_check <> 'ok'",
                    "database: ", problems));
    TRY(report_rows(s,
                    "SELECT \"table\" || ' row ' || coalesce(rowid, '?') || ': ' || parent || ' row missing'"
                    " FROM pragma_foreign_key_check",
                    "database: ", problems));
    TRY(report_rows(s,
                    "SELECT id FROM images WHERE (media_type LIKE '%.list.%' OR media_type LIKE '%.index.%')"
                    " <> (id IN (SELECT image_id FROM image_lists))",
                    "image that is half a manifest list: ", problems));
    return report_rows(s,
                       "SELECT id FROM images i WHERE (SELECT count(*) FROM image_layers WHERE image_id = i.id) <>"
                       " (SELECT coalesce(max(position) + 1, 0) FROM image_layers WHERE image_id = i.id)",
                       "image with a gap in its layers: ", problems);
}

static struct err *check_blob(struct store *s, const char *digest, uint64_t size, bool verify, struct strv *problems)
{
    AUTO_FD int fd = -1;
    uint64_t actual;
    struct err *e = store_blob_open(s, digest, &fd, &actual);
    if (e) {
        struct err *added = strv_addf(problems, "blob %s: %s", digest, err_text(e));
        err_free(e);
        return added;
    }
    if (actual != size)
        return strv_addf(problems, "blob %s has %llu bytes instead of %llu", digest, (unsigned long long)actual,
                         (unsigned long long)size);
    if (!verify)
        return NULL;
    struct digest d;
    TRY_WRAP(digest_of_file(fd, &d), "blob %s", digest);
    return strcmp(d.s, digest) == 0 ? NULL : strv_addf(problems, "blob %s: its content has the digest %s", digest, d.s);
}

/* A problem more than `before`: it is what `digest` names that is damaged. */
static struct err *note_damage(const struct strv *problems, size_t before, const char *digest, struct strv *damaged)
{
    return damaged && digest && problems->count > before ? strv_add(damaged, digest) : NULL;
}

static struct err *check_blobs(struct store *s, bool verify, struct strv *problems, struct strv *damaged)
{
    struct store_stmt *st;
    bool row;
    TRY(store_prepare(s, "SELECT digest, size_bytes FROM blobs", &st));
    while (problems->count < PROBLEMS_MAX) {
        TRY(store_step(st, &row));
        if (!row)
            return NULL;
        const char *digest = store_col_text(st, 0);
        size_t before = problems->count;
        if (digest)
            TRY(check_blob(s, digest, (uint64_t)store_col_int(st, 1), verify, problems));
        TRY(note_damage(problems, before, digest, damaged));
    }
    return NULL;
}

static struct err *check_layers(struct store *s, struct strv *problems, struct strv *damaged)
{
    struct store_stmt *st;
    bool row;
    TRY(store_prepare(s, "SELECT dir, diff_id FROM layers", &st));
    while (problems->count < PROBLEMS_MAX) {
        TRY(store_step(st, &row));
        if (!row)
            return NULL;
        const char *dir = store_col_text(st, 0), *diff_id = store_col_text(st, 1);
        AUTO_FREE char *path = NULL;
        struct stat sb;
        size_t before = problems->count;
        TRY(mem_asprintf(&path, "layers/%s/diff", dir ? dir : ""));
        if (fstatat(s->root_fd, path, &sb, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(sb.st_mode))
            TRY(strv_addf(problems, "layer %s: %s/%s is missing", diff_id ? diff_id : "?", s->root, path));
        TRY(note_damage(problems, before, diff_id, damaged));
    }
    return NULL;
}

/* Files without a row: left by a command that was killed, or foreign. The next store_clean() removes them. */
static struct err *check_strays(struct store *s, const char *dir, const char *prefix, const char *sql,
                                struct strv *problems)
{
    AUTO_STRV struct strv names = STRV_INIT;
    TRY(store_dir_names(s, dir, &names));
    for (size_t i = 0; i < names.count && problems->count < PROBLEMS_MAX; i++) {
        AUTO_FREE char *key = NULL;
        bool known;
        TRY(mem_asprintf(&key, "%s%s", prefix, names.items[i]));
        TRY(store_has_row(s, sql, key, &known));
        if (!known)
            TRY(strv_addf(problems, "%s/%s/%s belongs to nothing", s->root, dir, names.items[i]));
    }
    return NULL;
}

static struct err *check_all(struct store *s, bool verify, struct strv *problems, struct strv *damaged)
{
    TRY(check_database(s, problems));
    TRY(check_blobs(s, verify, problems, damaged));
    TRY(check_layers(s, problems, damaged));
    TRY(check_strays(s, "blobs/sha256", "sha256:", STORE_SQL_BLOB_KNOWN, problems));
    return check_strays(s, "layers", "", STORE_SQL_LAYER_KNOWN, problems);
}

struct err *store_check(struct store *s, bool verify_blobs, struct strv *ret_problems, struct strv *ret_damaged)
{
    AUTO_FD int lock = -1;
    AUTO_STRV struct strv problems = STRV_INIT;
    TRY(store_content_lock(s, false, true, &lock));
    /* Statements used here keep no snapshot open behind an error. */
    struct err *e = check_all(s, verify_blobs, &problems, ret_damaged);
    store_idle(s);
    TRY_WRAP(e, "check the store");
    return strv_add_all(ret_problems, problems.items);
}
