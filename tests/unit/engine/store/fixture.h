/* A store in a temporary directory. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/strv.h"
#include "engine/store/store.h"
#include "tests/unit/base/tempdir.h"

static inline struct store *open_store(const struct tempdir *t)
{
    struct store *s = NULL;
    expect_success(store_open(t->path, &s));
    return s;
}

/* Run one statement without parameters. */
static inline struct err *run_sql(struct store *s, const char *sql)
{
    struct store_stmt *st;
    TRY(store_prepare(s, sql, &st));
    return store_run(st);
}

static inline int64_t query_int(struct store *s, const char *sql)
{
    struct store_stmt *st;
    bool row;
    expect_success(store_prepare(s, sql, &st));
    expect_success(store_step(st, &row));
    assert_true(row);
    int64_t v = store_col_int(st, 0);
    expect_success(store_step(st, &row));
    assert_false(row);
    return v;
}

/* The only problem that store_check() finds contains `text`; NULL: there is none. */
static inline void expect_problem(struct store *s, bool verify, const char *text)
{
    struct strv problems = STRV_INIT;
    expect_success(store_check(s, verify, &problems, NULL));
    for (size_t i = 0; i < problems.count; i++)
        if (!text || !strstr(problems.items[i], text))
            print_message("unexpected: %s\n", problems.items[i]);
    assert_int_equal(problems.count, text ? 1 : 0);
    if (text)
        assert_non_null(strstr(problems.items[0], text));
    strv_done(&problems);
}
