/* Opening the store.
 *
 * The quick path, taken by every command but the first: open the directory and the database, set the connection up
 * (no SQL is parsed for that), compare the schema version. Whatever is not as expected there (no directory, no
 * database, an older schema, a file system that cannot do WAL) goes to set_up(), which serialises with others by a
 * lock on state.lock and can be killed anywhere: directories first, then the database in one transaction.
 */
#include "engine/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/store/internal.h"
#include "engine/store/pool.h"

#define BUSY_LIMIT_MSEC 30000
/* Pages in the log (4 KiB each) after which a commit moves them into the database. The first command of a session has
 * to read the log through, at 2 µs a page, so it is bounded; moving costs two syncs, so it isn't kept short. */
#define CHECKPOINT_PAGES 1000
#define STATE_DB "state.db"
#define STATE_SHM "state.db-shm"
/* SQLite trusts the log's index in state.db-shm as long as anybody holds a read lock on this byte of it ("dead man
 * switch", UNIX_SHM_DMS in its os_unix.c); who finds it free reads the log through and makes the index anew. */
#define SHM_ALIVE_BYTE 128

static const char *const directories[] = {"blobs", "blobs/sha256", "layers", "staging", "containers", "volumes"};

/* Network file systems, where processes on several machines cannot share the memory that WAL needs. */
static bool is_network(int dirfd)
{
    /* <linux/magic.h> lacks some of these. */
    enum { LUSTRE = 0x0bd00bd0, GPFS = 0x47504653, BEEGFS = 0x19830326, CEPH = 0x00c36400, NINE_P = 0x01021997 };
    struct statfs fs;
    if (fstatfs(dirfd, &fs) < 0)
        return false;
    switch ((unsigned long)fs.f_type & 0xffffffffUL) {
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case CIFS_SUPER_MAGIC:
    case SMB2_SUPER_MAGIC:
    case AFS_SUPER_MAGIC:
    case AFS_FS_MAGIC:
    case CODA_SUPER_MAGIC:
    case LUSTRE:
    case GPFS:
    case BEEGFS:
    case CEPH:
    case NINE_P:
        return true;
    default:
        return false;
    }
}

static int64_t monotonic_msec(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* SQLite's callback: sleep and try again (1) or give up (0). Transactions are short, so the first sleeps are too. */
static int on_busy(void *arg, int count)
{
    static const long sleeps_nsec[] = {100000, 200000, 500000, 1000000, 2000000, 5000000, 10000000};
    struct store *s = arg;
    int64_t now = monotonic_msec();
    if (count == 0)
        s->busy_since_msec = now;
    if (now - s->busy_since_msec > BUSY_LIMIT_MSEC)
        return 0;
    size_t i = (size_t)count < ARRAY_LEN(sleeps_nsec) ? (size_t)count : ARRAY_LEN(sleeps_nsec) - 1;
    struct timespec t = {.tv_nsec = sleeps_nsec[i]};
    nanosleep(&t, NULL);
    return 1;
}

/* SQLite's callback after a commit: bound the log. SQLite's own way only lets the next writer start the log over, which
 * never happens when each process is alone with the database: what was moved already is forgotten with the shared
 * memory. Truncating does it for good. Without waiting for readers: then a later commit does it. */
static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct store *s = arg;
    if (pages < CHECKPOINT_PAGES || pages < s->checkpoint_at)
        return SQLITE_OK;
    sqlite3_busy_handler(db, NULL, NULL);
    int rc = sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_handler(db, on_busy, s);
    s->checkpoint_at = rc == SQLITE_OK ? 0 : pages + CHECKPOINT_PAGES;
    return SQLITE_OK;
}

static void close_db(struct store *s)
{
    store_stmts_free(s);
    sqlite3_close(s->db);
    s->db = NULL;
}

/* Open the database file and set the connection up. Does not read the file yet. */
static struct err *open_db(struct store *s, bool create)
{
    AUTO_FREE char *path = NULL;
    TRY(path_join(&path, s->root, STATE_DB));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0);
    int rc = sqlite3_open_v2(path, &s->db, flags, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_extended_result_codes(s->db, 1);
        sqlite3_busy_handler(s->db, on_busy, s);
        sqlite3_wal_hook(s->db, on_commit, s);
        sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
        sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        /* Closing must not sync: commits that must last have synced the log already. */
        sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        return NULL;
    }
    struct err *e = store_db_error(s, rc, "open the store");
    close_db(s);
    return e;
}

/* Turn WAL off: reading a WAL database without shared memory works only with the whole file to oneself. */
static struct err *leave_wal(struct store *s)
{
    close_db(s);
    TRY(open_db(s, true));
    TRY(store_exec(s, "PRAGMA locking_mode=EXCLUSIVE"));
    TRY(store_exec(s, "PRAGMA journal_mode=DELETE"));
    close_db(s);
    return open_db(s, true);
}

static struct err *choose_journal(struct store *s)
{
    if (!is_network(s->root_fd)) {
        AUTO_FREE char *mode = NULL;
        int64_t tables;
        AUTO_ERR struct err *e = store_query_text(s, "PRAGMA journal_mode=WAL", &mode);
        if (!e)
            e = store_query_int(s, "SELECT count(*) FROM sqlite_master", &tables);
        if (!e)
            return NULL;
        if (err_kind(e) == ERR_NO_SPACE || err_kind(e) == ERR_CORRUPT || err_kind(e) == ERR_DENIED)
            return TAKE_PTR(e);
        log_debug("store %s: no write-ahead log here: %s", s->root, err_text(e));
    }
    return leave_wal(s);
}

static struct err *make_directories(struct store *s)
{
    for (size_t i = 0; i < ARRAY_LEN(directories); i++)
        if (mkdirat(s->root_fd, directories[i], 0700) < 0 && errno != EEXIST)
            return ERR_SYS(errno, "create %s/%s", s->root, directories[i]);
    return NULL;
}

/* The thorough path; serialised, so that two first commands don't get in each other's way. */
static struct err *set_up(struct store *s)
{
    AUTO_FD int lock = -1;
    TRY(make_directories(s));
    TRY(file_open_locked(s->root_fd, "state.lock", true, true, &lock));
    close_db(s);
    TRY(open_db(s, true));
    TRY(choose_journal(s));
    TRY(store_migrate(s));
    return store_sync_relaxed(s);
}

/* True when the database is there and current. Anything odd is left to set_up() to find out about. */
static bool open_current(struct store *s)
{
    int64_t version = 0;
    AUTO_ERR struct err *e = open_db(s, false);
    if (!e)
        e = store_query_int(s, "PRAGMA user_version", &version);
    if (!e)
        e = store_sync_relaxed(s);
    if (e || version != STORE_SCHEMA_VERSION)
        return false;
    if (!is_network(s->root_fd))
        return true;
    /* Made on a local disk and moved here since. */
    AUTO_FREE char *mode = NULL;
    e = store_query_text(s, "PRAGMA journal_mode", &mode);
    return !e && strcmp(mode, "wal") != 0;
}

static bool shm_lock(int fd, int command, struct flock *l)
{
    *l = (struct flock){.l_type = command == F_OFD_GETLK ? F_WRLCK : F_RDLCK, .l_start = SHM_ALIVE_BYTE, .l_len = 1};
    return fcntl(fd, command, l) == 0;
}

/* Closing a descriptor of this file lets go of SQLite's own locks on it, so: look before the database is open. */
static bool nobody_keeps_log(const struct store *s)
{
    struct flock l;
    AUTO_FD int fd = openat(s->root_fd, STATE_SHM, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && shm_lock(fd, F_OFD_GETLK, &l) && l.l_type == F_UNLCK;
}

/* The index is good now, since a connection of ours uses it. Open till after the database is closed. */
static void keep_log(struct store *s)
{
    struct flock l;
    s->keeper_fd = openat(s->root_fd, STATE_SHM, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (s->keeper_fd >= 0)
        (void)shm_lock(s->keeper_fd, F_OFD_SETLK, &l);
}

static struct err *open_root(struct store *s)
{
    struct err *e = file_open_dir(AT_FDCWD, s->root, &s->root_fd);
    if (!e || err_kind(e) != ERR_NOT_FOUND)
        return e;
    err_drop(e);
    TRY(file_mkdirs(s->root, 0700));
    return file_open_dir(AT_FDCWD, s->root, &s->root_fd);
}

static struct err *open_store(struct store *s, const char *root)
{
    TRY(path_absolute(root, &s->root));
    TRY_WRAP(open_root(s), "open the store");
    bool keep = nobody_keeps_log(s);
    if (!open_current(s))
        return set_up(s);
    if (keep)
        keep_log(s);
    return NULL;
}

/* What fails is no worse than before: https://www.sqlite.org/c3ref/config.html */
void store_one_thread(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
#ifndef __SANITIZE_ADDRESS__ /* which wants to see each block */
    (void)sqlite3_config(SQLITE_CONFIG_MALLOC, &store_pool);
#endif
}

struct err *store_open(const char *root, struct store **ret)
{
    struct store *s = mem_zalloc(sizeof *s);
    if (!s)
        return err_oom();
    s->root_fd = s->keeper_fd = -1;
    struct err *e = open_store(s, root);
    if (e) {
        store_close(s);
        return e;
    }
    *ret = s;
    return NULL;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    store_rollback(s);
    close_db(s);
    fd_close(s->keeper_fd);
    fd_close(s->root_fd);
    mem_freep(&s->root);
    mem_freep(&s);
}

int store_log_keeper(const struct store *s)
{
    return s->keeper_fd;
}

const char *store_root(const struct store *s)
{
    return s->root;
}

int store_root_fd(const struct store *s)
{
    return s->root_fd;
}
