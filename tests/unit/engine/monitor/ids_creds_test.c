/* What setuid(2) and its kin do, as credentials(7) and their manual pages say it. */
#include "engine/monitor/ids_creds.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/mem.h"

#define KEEP UINT32_MAX

static void expect(const struct ids_creds *c, uint32_t real, uint32_t effective, uint32_t saved)
{
    assert_int_equal(c->uid[IDS_REAL], real);
    assert_int_equal(c->uid[IDS_EFFECTIVE], effective);
    assert_int_equal(c->uid[IDS_SAVED], saved);
    assert_int_equal(c->uid[IDS_FS], effective);
}

static void test_root_gives_itself_up_for_good(void **state)
{
    struct ids_creds c = {.n_groups = 0};
    (void)state;
    assert_int_equal(ids_set(&c, true, 6), 0);
    assert_int_equal(ids_set(&c, false, 5), 0);
    expect(&c, 5, 5, 5);
    assert_int_equal(ids_set(&c, false, 0), EPERM);
    assert_int_equal(ids_set_re(&c, false, KEEP, 0), EPERM);
    assert_int_equal(ids_set_res(&c, false, (const uint32_t[3]){KEEP, 0, KEEP}), EPERM);
    assert_int_equal(ids_set_groups(&c, NULL, 0), EPERM);
    assert_int_equal(ids_set(&c, true, 0), EPERM); /* the effective user decides about groups as well */
    expect(&c, 5, 5, 5);
}

static void test_for_a_while(void **state)
{
    struct ids_creds c = {.n_groups = 0};
    (void)state;
    assert_int_equal(ids_set_res(&c, false, (const uint32_t[3]){KEEP, 5, KEEP}), 0); /* seteuid(5) */
    expect(&c, 0, 5, 0);
    assert_int_equal(ids_set(&c, false, 0), 0); /* as an ordinary user: the effective one alone */
    expect(&c, 0, 0, 0);
}

static void test_setreuid_moves_the_saved_one(void **state)
{
    struct ids_creds c = {.n_groups = 0};
    (void)state;
    assert_int_equal(ids_set_re(&c, false, KEEP, 5), 0);
    expect(&c, 0, 5, 5);
    assert_int_equal(ids_set_re(&c, false, 5, 0), 0); /* swapped: the effective one may become the real one */
    expect(&c, 5, 0, 0);
    assert_int_equal(ids_set_re(&c, false, KEEP, 7), 0);
    expect(&c, 5, 7, 7);
    assert_int_equal(ids_set_re(&c, false, 0, KEEP), EPERM);
}

static void test_fs_ids_report_what_was(void **state)
{
    struct ids_creds c = {.n_groups = 0};
    (void)state;
    assert_int_equal(ids_set_fs(&c, false, 9), 0);
    assert_int_equal(ids_set_fs(&c, false, KEEP), 9); /* asks */
    assert_int_equal(c.uid[IDS_FS], 9);
    assert_int_equal(ids_set(&c, false, 5), 0);
    assert_int_equal(ids_set_fs(&c, false, 9), 5);
    assert_int_equal(c.uid[IDS_FS], 5);
}

static void test_no_such_id(void **state)
{
    struct ids_creds c = {.n_groups = 0};
    uint32_t many[IDS_GROUPS_MAX + 1] = {0};
    (void)state;
    assert_int_equal(ids_set(&c, false, KEEP), EINVAL);
    assert_int_equal(ids_set_groups(&c, many, ARRAY_LEN(many)), EINVAL);
    assert_int_equal(ids_set_groups(&c, many, ARRAY_LEN(many) - 1), 0);
    assert_int_equal(c.n_groups, IDS_GROUPS_MAX);
}

/* As setpriv(1) does it: the user first, then the groups, with what it has kept. */
static void test_rights_can_be_kept_until_exec(void **state)
{
    struct ids_creds c = {.keep = true};
    const uint32_t groups[] = {6};
    (void)state;
    assert_int_equal(ids_set_res(&c, false, (const uint32_t[3]){5, 5, 5}), 0);
    assert_int_equal(ids_set_groups(&c, groups, 1), 0);
    assert_int_equal(ids_set_res(&c, true, (const uint32_t[3]){6, 6, 6}), 0);
    ids_exec(&c, false, 0, false, 0);
    expect(&c, 5, 5, 5);
    assert_int_equal(ids_set_groups(&c, groups, 1), EPERM);
    /* not by who never was root */
    c.keep = true;
    assert_int_equal(ids_set_res(&c, false, (const uint32_t[3]){5, 5, 5}), 0);
    assert_int_equal(ids_set(&c, false, 0), EPERM);
}

static void test_exec(void **state)
{
    struct ids_creds c = {.n_groups = 0};
    (void)state;
    assert_int_equal(ids_set(&c, false, 5), 0);
    ids_exec(&c, false, 0, true, 42);
    expect(&c, 5, 5, 5);
    assert_int_equal(c.gid[IDS_EFFECTIVE], 42);
    assert_int_equal(c.gid[IDS_SAVED], 42);
    ids_exec(&c, true, 0, false, 0);
    expect(&c, 5, 0, 0);
    assert_int_equal(ids_set_res(&c, false, (const uint32_t[3]){7, 7, 7}), 0);
    expect(&c, 7, 7, 7);
}

static void test_chown_rights(void **state)
{
    struct ids_creds c = {.n_groups = 0};
    const uint32_t groups[] = {6};
    (void)state;
    assert_true(ids_may_chown(&c, 1, 1, 2, 2));
    assert_int_equal(ids_set_groups(&c, groups, 1), 0);
    assert_int_equal(ids_set(&c, false, 5), 0);
    assert_true(ids_may_chown(&c, 5, 0, KEEP, 6));
    assert_true(ids_may_chown(&c, 5, 3, 5, 3));
    assert_false(ids_may_chown(&c, 5, 3, KEEP, 7));
    assert_false(ids_may_chown(&c, 5, 3, 0, KEEP));
    assert_false(ids_may_chown(&c, 0, 0, KEEP, 6));
}

static void test_limits_remember(void **state)
{
    static struct ids_table t;
    t.count = 0;
    struct ids_creds a = {.n_groups = 0}, b, got;
    uint64_t x, y, again;
    (void)state;
    assert_int_equal(ids_set(&a, false, 5), 0);
    b = a;
    b.groups[b.n_groups++] = 7;
    assert_null(ids_limit_for(&t, &a, &x));
    assert_null(ids_limit_for(&t, &b, &y));
    assert_null(ids_limit_for(&t, &a, &again));
    assert_true(x == again && x != y && y < RLIM_INFINITY);
    assert_true(ids_creds_of(&t, y, &got));
    assert_int_equal(got.groups[0], 7);
    assert_int_equal(got.uid[IDS_SAVED], 5);
    /* What is none of ours, or of another container. */
    static const uint64_t foreign[] = {0, 5, 1024, RLIM_INFINITY, INT64_MAX, UINT64_C(1) << 62 | 2, UINT64_C(1) << 63};
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        assert_false(ids_creds_of(&t, foreign[i], &got));
        assert_false(ids_creds_next(foreign[i], &got));
        assert_int_equal(got.uid[IDS_EFFECTIVE], 0);
    }
}

static void test_limits_of_the_first_process(void **state)
{
    static struct ids_table t;
    t.count = 0;
    struct ids_creds got;
    (void)state;
    uint64_t limit = ids_limit_of(IDS_DIRECT_MAX, 33);
    assert_false(ids_creds_of(&t, limit, &got)); /* root until its program runs */
    assert_true(ids_creds_next(limit, &got));
    assert_int_equal(got.uid[IDS_SAVED], IDS_DIRECT_MAX);
    assert_int_equal(got.gid[IDS_FS], 33);
}

static void test_the_table_has_an_end(void **state)
{
    static struct ids_table t;
    t.count = 0;
    struct ids_creds c = {.n_groups = 0};
    uint64_t limit;
    struct err *e = NULL;
    (void)state;
    for (uint32_t i = 0; !e && i <= IDS_TABLE_MAX; i++) {
        c.uid[IDS_REAL] = i;
        e = ids_limit_for(&t, &c, &limit);
    }
    assert_non_null(e);
    assert_int_equal(t.count, IDS_TABLE_MAX);
    err_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_root_gives_itself_up_for_good),
        cmocka_unit_test(test_for_a_while),
        cmocka_unit_test(test_setreuid_moves_the_saved_one),
        cmocka_unit_test(test_fs_ids_report_what_was),
        cmocka_unit_test(test_no_such_id),
        cmocka_unit_test(test_rights_can_be_kept_until_exec),
        cmocka_unit_test(test_exec),
        cmocka_unit_test(test_chown_rights),
        cmocka_unit_test(test_limits_remember),
        cmocka_unit_test(test_limits_of_the_first_process),
        cmocka_unit_test(test_the_table_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
