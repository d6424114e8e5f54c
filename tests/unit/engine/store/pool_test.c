/* SQLite's memory in one-threaded programs: what a block holds is its own, and freed blocks are used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "engine/store/pool.h"

/* Around the ends of classes, and past them. */
static const int sizes[] = {1,    8,    15,   16,   17,   40,   511,  512,   513,
                            1024, 1025, 4096, 4360, 8191, 8192, 8193, 70000, 300000};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void blocks_are_aligned_large_enough_and_apart(void **state)
{
    unsigned char *p[4][SIZES];
    (void)state;
    for (unsigned k = 0; k < 4; k++) {
        for (unsigned i = 0; i < SIZES; i++) {
            p[k][i] = store_pool.xMalloc(sizes[i]);
            assert_non_null(p[k][i]);
            assert_int_equal((uintptr_t)p[k][i] % 8, 0);
            assert_int_equal(store_pool.xSize(p[k][i]), store_pool.xRoundup(sizes[i]));
            assert_true(store_pool.xSize(p[k][i]) >= sizes[i]);
            memset(p[k][i], (int)(k * SIZES + i), (size_t)store_pool.xSize(p[k][i]));
        }
    }
    for (unsigned k = 0; k < 4; k++) {
        for (unsigned i = 0; i < SIZES; i++) {
            for (int at = 0; at < store_pool.xSize(p[k][i]); at++)
                assert_int_equal(p[k][i][at], k * SIZES + i);
            store_pool.xFree(p[k][i]);
        }
    }
    store_pool.xFree(NULL);
}

static void what_was_freed_is_used_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SIZES && sizes[i] <= 8192; i++) {
        void *first = store_pool.xMalloc(sizes[i]);
        store_pool.xFree(first);
        void *again = store_pool.xMalloc(store_pool.xRoundup(sizes[i]));
        assert_ptr_equal(again, first);
        store_pool.xFree(again);
    }
}

static void contents_move_with_the_block(void **state)
{
    unsigned char *p = store_pool.xMalloc(3);
    (void)state;
    memcpy(p, "abc", 3);
    for (unsigned i = 0; i < SIZES; i++) {
        p = store_pool.xRealloc(p, sizes[i] + 3);
        assert_non_null(p);
        assert_memory_equal(p, "abc", 3);
    }
    for (unsigned i = SIZES; i-- > 0;) {
        p = store_pool.xRealloc(p, sizes[i] + 3);
        assert_memory_equal(p, "abc", 3);
    }
    assert_ptr_equal(store_pool.xRealloc(p, 4), p); /* of its own class */
    store_pool.xFree(p);
}

/* A database with it: SQLite says by itself when its memory is damaged. */
static void sqlite_works_with_it(void **state)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    (void)state;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB); CREATE INDEX i ON t(b);"
                                  "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 500)"
                                  "INSERT INTO t SELECT x, randomblob(x * 7) FROM n; DELETE FROM t WHERE a % 3 = 0",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(st, 0), "ok");
    sqlite3_finalize(st);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_large_enough_and_apart),
        cmocka_unit_test(what_was_freed_is_used_again),
        cmocka_unit_test(contents_move_with_the_block),
        cmocka_unit_test(sqlite_works_with_it),
    };
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &store_pool) != SQLITE_OK)
        return EXIT_FAILURE;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
