#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "tests/unit/engine/store/fixture.h"

/* Change the database behind the store's back. */
static void raw_sql(const struct tempdir *t, const char *sql)
{
    char path[128];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/state.db", t->path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void journal_mode_is(struct store *s, const char *mode)
{
    struct store_stmt *st;
    bool row;
    expect_success(store_prepare(s, "PRAGMA journal_mode", &st));
    expect_success(store_step(st, &row));
    assert_string_equal(store_col_text(st, 0), mode);
    store_idle(s);
}

static void a_new_store_is_made_and_opened_again(void **state)
{
    struct tempdir *t = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/a/b", t->path);
    for (int i = 0; i < 3; i++) {
        struct store *s;
        expect_success(store_open(path, &s));
        assert_string_equal(store_root(s), path);
        assert_true(file_exists(store_root_fd(s), "blobs/sha256"));
        assert_true(file_exists(store_root_fd(s), "layers"));
        assert_true(file_exists(store_root_fd(s), "staging"));
        assert_int_equal(query_int(s, "SELECT count(*) FROM images"), 0);
        assert_int_equal(query_int(s, "SELECT count(*) FROM events"), i);
        assert_int_equal(query_int(s, "PRAGMA foreign_keys"), 1);
        journal_mode_is(s, "wal");
        expect_success(store_event(s, "image", "pull", "id", NULL, NULL));
        store_close(s);
    }
    store_close(NULL);
}

static void a_newer_schema_is_refused(void **state)
{
    struct tempdir *t = *state;
    struct store *s = open_store(t);
    store_close(s);
    raw_sql(t, "PRAGMA user_version=999");
    expect_kind(store_open(t->path, &s), ERR_UNSUPPORTED);
    raw_sql(t, "PRAGMA user_version=-1");
    expect_kind(store_open(t->path, &s), ERR_CORRUPT);
}

static void another_programs_database_is_refused(void **state)
{
    struct tempdir *t = *state;
    struct store *s;
    raw_sql(t, "CREATE TABLE theirs(a)");
    expect_kind(store_open(t->path, &s), ERR_CORRUPT);
}

static void garbage_is_refused(void **state)
{
    struct tempdir *t = *state;
    struct store *s;
    char garbage[5000];
    memset(garbage, 'x', sizeof garbage - 1);
    garbage[sizeof garbage - 1] = '\0';
    tempdir_write(t, "state.db", garbage);
    expect_kind(store_open(t->path, &s), ERR_CORRUPT);
}

static void a_file_as_root_is_refused(void **state)
{
    struct tempdir *t = *state;
    struct store *s;
    char path[128];
    tempdir_write(t, "file", "");
    snprintf(path, sizeof path, "%s/file", t->path);
    struct err *e = store_open(path, &s);
    assert_non_null(e);
    assert_non_null(strstr(err_text(e), "open the store"));
    err_free(e);
}

/* Something that cannot be opened stands in the place of the shared memory. */
static void without_shared_memory_a_rollback_journal_is_used(void **state)
{
    struct tempdir *t = *state;
    tempdir_link(t, "/nowhere", "state.db-shm");
    for (int i = 0; i < 2; i++) {
        struct store *s = open_store(t);
        journal_mode_is(s, "delete");
        expect_success(store_begin(s, STORE_WRITE, true));
        expect_success(store_event(s, "image", "pull", "id", NULL, NULL));
        expect_success(store_commit(s));
        assert_int_equal(query_int(s, "SELECT count(*) FROM events"), i + 1);
        store_close(s);
    }
}

/* The database was made with shared memory, and is then used where there is none. */
static void losing_shared_memory_keeps_the_data(void **state)
{
    struct tempdir *t = *state;
    struct store *s = open_store(t);
    expect_success(store_event(s, "image", "pull", "id", NULL, NULL));
    store_close(s);
    unlinkat(t->fd, "state.db-shm", 0);
    tempdir_link(t, "/nowhere", "state.db-shm");
    s = open_store(t);
    journal_mode_is(s, "delete");
    assert_int_equal(query_int(s, "SELECT count(*) FROM events"), 1);
    store_close(s);
}

static void first_commands_at_once_make_one_store(void **state)
{
    struct tempdir *t = *state;
    enum { PROCESSES = 8 };
    pid_t pids[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            struct store *s;
            struct err *e = store_open(t->path, &s);
            if (!e)
                e = store_event(s, "image", "pull", "id", NULL, NULL);
            if (e)
                fprintf(stderr, "%s\n", err_text(e));
            else
                store_close(s);
            _exit(e ? 1 : 0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    struct store *s = open_store(t);
    assert_int_equal(query_int(s, "SELECT count(*) FROM events"), PROCESSES);
    store_close(s);
}

/* What a command that is killed while it makes the store leaves behind, at several moments. */
static void making_the_store_survives_kills(void **state)
{
    struct tempdir *t = *state;
    for (int i = 0; i < 60; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%d", t->path, i);
        pid_t pid = fork();
        if (pid == 0) {
            struct store *s;
            err_drop(store_open(path, &s));
            _exit(0);
        }
        usleep((useconds_t)i * 100);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        struct store *s;
        expect_success(store_open(path, &s));
        expect_problem(s, true, NULL);
        store_close(s);
    }
}

/* The log is bounded although each process opens and closes the database alone. */
static void the_log_stays_short(void **state)
{
    struct tempdir *t = *state;
    struct stat sb;
    for (int i = 0; i < 400; i++) {
        struct store *s = open_store(t);
        for (int k = 0; k < 3; k++)
            expect_success(store_event(s, "container", "start", "id", "name", "{}"));
        store_close(s);
        assert_int_equal(fstatat(t->fd, "state.db-wal", &sb, 0), 0);
        assert_true(sb.st_size < 1100 * 4200);
    }
}

static void events_are_trimmed(void **state)
{
    struct tempdir *t = *state;
    struct store *s = open_store(t);
    expect_success(run_sql(s, "INSERT INTO events VALUES(70000, 1, '', '', '', '', NULL)"));
    expect_success(run_sql(s, "INSERT INTO events VALUES(80000, 1, '', '', '', '', NULL)"));
    expect_success(run_sql(s, "INSERT INTO events VALUES(140031, 1, '', '', '', '', NULL)"));
    expect_success(store_event(s, "container", "start", "id", "name", NULL)); /* 140032 is a multiple of 256 */
    assert_int_equal(query_int(s, "SELECT min(id) FROM events"), 80000);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMPDIR_TEST(a_new_store_is_made_and_opened_again),
        TEMPDIR_TEST(a_newer_schema_is_refused),
        TEMPDIR_TEST(another_programs_database_is_refused),
        TEMPDIR_TEST(garbage_is_refused),
        TEMPDIR_TEST(a_file_as_root_is_refused),
        TEMPDIR_TEST(without_shared_memory_a_rollback_journal_is_used),
        TEMPDIR_TEST(losing_shared_memory_keeps_the_data),
        TEMPDIR_TEST(first_commands_at_once_make_one_store),
        TEMPDIR_TEST(making_the_store_survives_kills),
        TEMPDIR_TEST(the_log_stays_short),
        TEMPDIR_TEST(events_are_trimmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
