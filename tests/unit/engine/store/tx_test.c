#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/engine/store/fixture.h"

#define ADD_BLOB "INSERT INTO blobs VALUES('sha256:x', 1)"
#define ADD_IMAGE                                                                                                    \
    "INSERT INTO images(id, manifest, config, media_type, os, arch, variant, created_nsec, added_nsec, size_bytes, " \
    "labels) VALUES('id', 'sha256:x', 'sha256:x', 'type', 'linux', 'amd64', '', 0, 0, 0, '{}')"
#define COUNT_BLOBS "SELECT count(*) FROM blobs"

static struct err *add_and_fail(struct store *s)
{
    struct store_tx_guard guard AUTO_TX = {.store = s};
    TRY(store_begin(s, STORE_WRITE, true));
    TRY(run_sql(s, ADD_BLOB));
    return ERR_NEW(ERR_INVALID, "wanted");
}

static void commit_keeps_and_rollback_drops(void **state)
{
    struct store *s = open_store(*state);
    expect_kind(add_and_fail(s), ERR_INVALID);
    assert_int_equal(query_int(s, COUNT_BLOBS), 0);
    expect_success(store_begin(s, STORE_WRITE, false));
    expect_success(run_sql(s, ADD_BLOB));
    assert_int_equal(store_changes(s), 1);
    expect_success(store_commit(s));
    assert_int_equal(query_int(s, COUNT_BLOBS), 1);
    store_rollback(s);
    store_rollback(NULL);
    store_close(s);
}

static void misuse_is_an_error(void **state)
{
    struct store *s = open_store(*state);
    expect_kind(store_commit(s), ERR_INTERNAL);
    expect_success(store_begin(s, STORE_READ, false));
    expect_kind(store_begin(s, STORE_WRITE, false), ERR_INTERNAL);
    store_rollback(s);
    struct store_stmt *st;
    expect_kind(store_prepare(s, "SELECT nothing FROM nowhere", &st), ERR_INTERNAL);
    expect_success(store_prepare(s, "SELECT ?", &st));
    expect_kind(store_bind(st, "z", 1), ERR_INTERNAL);
    expect_kind(store_bind_int(st, 2, 1), ERR_INTERNAL);
    store_close(s);
}

static void references_are_kept(void **state)
{
    struct store *s = open_store(*state);
    expect_kind(run_sql(s, ADD_IMAGE), ERR_IN_USE); /* no blob yet */
    expect_success(run_sql(s, ADD_BLOB));
    expect_kind(run_sql(s, ADD_BLOB), ERR_EXISTS);
    expect_success(run_sql(s, ADD_IMAGE));
    expect_kind(run_sql(s, "DELETE FROM blobs"), ERR_IN_USE);
    expect_success(run_sql(s, "DELETE FROM images"));
    expect_success(run_sql(s, "DELETE FROM blobs"));
    store_close(s);
}

static void statements_bind_and_read(void **state)
{
    struct store *s = open_store(*state);
    struct store_stmt *st, *again;
    bool row;
    static const char sql[] = "SELECT ?1, ?2, ?3, ?4";
    expect_success(store_prepare(s, sql, &st));
    expect_success(store_bind(st, "titn", "text", INT64_MIN, (const char *)NULL));
    expect_success(store_step(st, &row));
    assert_true(row);
    assert_string_equal(store_col_text(st, 0), "text");
    assert_true(store_col_int(st, 1) == INT64_MIN);
    assert_true(store_col_is_null(st, 2));
    assert_null(store_col_text(st, 2));
    assert_true(store_col_is_null(st, 3));
    expect_success(store_prepare(s, sql, &again));
    assert_ptr_equal(st, again);
    expect_success(store_step(again, &row));
    assert_true(store_col_is_null(again, 0)); /* bindings were cleared */
    store_close(s);
}

static void first_columns_are_gathered(void **state)
{
    struct store *s = open_store(*state);
    AUTO_STRV struct strv v = STRV_INIT;
    expect_success(strv_add(&v, "before"));
    expect_success(store_texts(s, "SELECT 'a', 'x' UNION ALL SELECT ?1, 'y'", "b", &v));
    expect_success(store_texts(s, "SELECT 'c'", NULL, &v));
    expect_success(store_texts(s, "SELECT 'd' WHERE ?1 = 'no'", "yes", &v));
    assert_int_equal(v.count, 4);
    assert_string_equal(v.items[0], "before");
    assert_string_equal(v.items[1], "a");
    assert_string_equal(v.items[2], "b");
    assert_string_equal(v.items[3], "c");
    expect_kind(store_texts(s, "SELECT nothing FROM nowhere", NULL, &v), ERR_INTERNAL);
    store_close(s);
}

/* A reader that goes on behind a transaction's begin would see a mix, or keep the writer out. */
static void transactions_cut_off_unfinished_readers(void **state)
{
    struct store *s = open_store(*state);
    struct store_stmt *st;
    bool row;
    expect_success(store_prepare(s, "SELECT 1 UNION SELECT 2", &st));
    expect_success(store_step(st, &row));
    expect_success(store_begin(s, STORE_WRITE, false));
    expect_kind(store_step(st, &row), ERR_INTERNAL);
    expect_success(store_commit(s));
    expect_success(store_prepare(s, "SELECT 1 UNION SELECT 2", &st));
    expect_success(store_step(st, &row));
    assert_true(row);
    store_close(s);
}

static void a_reader_sees_one_snapshot(void **state)
{
    struct store *a = open_store(*state), *b = open_store(*state);
    expect_success(store_begin(a, STORE_READ, false));
    assert_int_equal(query_int(a, COUNT_BLOBS), 0);
    expect_success(run_sql(b, ADD_BLOB));
    assert_int_equal(query_int(a, COUNT_BLOBS), 0);
    expect_success(store_commit(a));
    assert_int_equal(query_int(a, COUNT_BLOBS), 1);
    store_close(a);
    store_close(b);
}

static void writers_wait_for_each_other(void **state)
{
    struct tempdir *t = *state;
    enum { PROCESSES = 4, ROUNDS = 50 };
    struct store *s = open_store(t);
    store_close(s);
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() == 0) {
            s = open_store(t);
            for (int k = 0; k < ROUNDS; k++) {
                struct err *e = store_begin(s, STORE_WRITE, k % 10 == 0);
                if (!e)
                    e = run_sql(s, "INSERT INTO meta VALUES('n', 1) ON CONFLICT(key) DO UPDATE SET value = value + 1");
                if (!e)
                    e = store_commit(s);
                if (e)
                    _exit(1);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        wait(&status);
        assert_int_equal(status, 0);
    }
    s = open_store(t);
    assert_int_equal(query_int(s, "SELECT value FROM meta WHERE key = 'n'"), PROCESSES * ROUNDS);
    store_close(s);
}

/* Pairs of rows are added until SIGKILL comes; there is never half a pair, and what was committed stays. */
static void killed_writers_leave_whole_transactions(void **state)
{
    struct tempdir *t = *state;
    struct store *s = open_store(t);
    store_close(s);
    for (int i = 0; i < 40; i++) {
        int done[2];
        assert_int_equal(pipe(done), 0);
        pid_t pid = fork();
        if (pid == 0) {
            s = open_store(t);
            for (;;) {
                err_drop(store_begin(s, STORE_WRITE, false));
                err_drop(store_event(s, "a", "b", "c", "d", NULL));
                err_drop(store_event(s, "a", "b", "c", "d", NULL));
                err_drop(store_commit(s));
                if (write(done[1], "x", 1) != 1)
                    _exit(1);
            }
        }
        close(done[1]);
        usleep((useconds_t)(i * 517 % 9000));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        int64_t committed = 0;
        char c;
        while (read(done[0], &c, 1) == 1)
            committed += 2;
        close(done[0]);
        s = open_store(t);
        int64_t rows = query_int(s, "SELECT count(*) FROM events");
        assert_int_equal(rows % 2, 0);
        assert_true(rows >= committed && rows <= committed + 2);
        expect_success(run_sql(s, "DELETE FROM events"));
        expect_problem(s, false, NULL);
        store_close(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMPDIR_TEST(commit_keeps_and_rollback_drops),
        TEMPDIR_TEST(misuse_is_an_error),
        TEMPDIR_TEST(references_are_kept),
        TEMPDIR_TEST(statements_bind_and_read),
        TEMPDIR_TEST(first_columns_are_gathered),
        TEMPDIR_TEST(transactions_cut_off_unfinished_readers),
        TEMPDIR_TEST(a_reader_sees_one_snapshot),
        TEMPDIR_TEST(writers_wait_for_each_other),
        TEMPDIR_TEST(killed_writers_leave_whole_transactions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
