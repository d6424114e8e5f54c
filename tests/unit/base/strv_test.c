#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "tests/unit/base/tempdir.h"

static void expect_joined(const struct strv *v, const char *expected)
{
    AUTO_FREE char *s = NULL;
    expect_success(strv_join(v, "|", &s));
    assert_string_equal(s, expected);
    if (v->items)
        assert_null(v->items[v->count]);
}

static void test_add_and_remove(void **state)
{
    (void)state;
    AUTO_STRV struct strv v = STRV_INIT;
    expect_joined(&v, "");
    for (int i = 0; i < 30; i++)
        expect_success(strv_addf(&v, "%d", i));
    assert_int_equal(v.count, 30);
    assert_int_equal(strv_find(&v, "17"), 17);
    strv_remove(&v, 17);
    assert_int_equal(strv_find(&v, "17"), -1);
    assert_true(strv_contains(&v, "29"));
    strv_remove(&v, 28);
    assert_false(strv_contains(&v, "29"));
    assert_null(v.items[28]);
    strv_clear(&v);
    expect_joined(&v, "");
    expect_success(strv_add(&v, "x"));
    expect_joined(&v, "x");
}

static void test_add_all_and_copy(void **state)
{
    (void)state;
    char a[] = "a", b[] = "b";
    char *const items[] = {a, b, NULL};
    AUTO_STRV struct strv v = STRV_INIT;
    expect_success(strv_add_all(&v, NULL));
    expect_success(strv_add_all(&v, items));
    AUTO_STRV struct strv copy = STRV_INIT;
    expect_success(strv_copy(&v, &copy));
    strv_clear(&v);
    expect_joined(&copy, "a|b");
}

static void test_split_keeps_empty_parts(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
        size_t count;
    } cases[] = {{"", "", 1}, {"a", "a", 1}, {"a,b", "a|b", 2}, {",a,,b,", "|a||b|", 5}, {",", "|", 2}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_STRV struct strv v = STRV_INIT;
        expect_success(strv_split(cases[i].in, ',', &v));
        assert_int_equal(v.count, cases[i].count);
        expect_joined(&v, cases[i].out);
    }
}

static void test_sort(void **state)
{
    (void)state;
    AUTO_STRV struct strv v = STRV_INIT;
    strv_sort(&v);
    expect_success(strv_add(&v, "b"));
    expect_success(strv_add(&v, "B"));
    expect_success(strv_add(&v, "a"));
    strv_sort(&v);
    expect_joined(&v, "B|a|b");
}

static void test_environment(void **state)
{
    (void)state;
    AUTO_STRV struct strv v = STRV_INIT;
    expect_success(strv_env_set(&v, "PATH=/bin"));
    expect_success(strv_env_set(&v, "PATHS=x"));
    expect_success(strv_env_set(&v, "EMPTY="));
    expect_success(strv_env_set(&v, "PATH=/usr/bin=2"));
    expect_joined(&v, "PATH=/usr/bin=2|PATHS=x|EMPTY=");
    assert_string_equal(strv_env_get(&v, "PATH"), "/usr/bin=2");
    assert_string_equal(strv_env_get(&v, "EMPTY"), "");
    assert_null(strv_env_get(&v, "PAT"));
    expect_kind(strv_env_set(&v, "NOVALUE"), ERR_INVALID);
    expect_kind(strv_env_set(&v, "=x"), ERR_INVALID);
    expect_success(strv_add(&v, "PATH=twice"));
    strv_env_unset(&v, "PATH");
    strv_env_unset(&v, "ABSENT");
    expect_joined(&v, "PATHS=x|EMPTY=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_and_remove),
        cmocka_unit_test(test_add_all_and_copy),
        cmocka_unit_test(test_split_keeps_empty_parts),
        cmocka_unit_test(test_sort),
        cmocka_unit_test(test_environment),
    };
    return cmocka_run_group_tests_name("strv", tests, NULL, NULL);
}
