#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/strv.h"
#include "tests/unit/base/tempdir.h"

static void test_zero_size_is_valid(void **state)
{
    (void)state;
    AUTO_FREE void *a = mem_alloc(0);
    AUTO_FREE void *b = mem_zalloc(0);
    assert_non_null(a);
    assert_non_null(b);
}

static void test_overflow_is_refused(void **state)
{
    (void)state;
    assert_null(mem_realloc_array(NULL, SIZE_MAX / 2, 3));
}

static void test_strings(void **state)
{
    (void)state;
    AUTO_FREE char *s = NULL;
    expect_success(mem_strdup("hello", &s));
    assert_string_equal(s, "hello");
    expect_success(mem_replace(&s, "world"));
    assert_string_equal(s, "world");
    expect_success(mem_replace(&s, s)); /* from itself */
    assert_string_equal(s, "world");
    expect_success(mem_replace(&s, NULL));
    assert_null(s);
    char *none = s;
    expect_success(mem_strdup(NULL, &none));
    assert_null(none);
    expect_success(mem_strndup("abcdef", 3, &s));
    assert_string_equal(s, "abc");
    free(s);
    expect_success(mem_strndup("ab", 30, &s));
    assert_string_equal(s, "ab");
    free(s);
    expect_success(mem_asprintf(&s, "%d-%s", 7, "x"));
    assert_string_equal(s, "7-x");
}

static void test_grow_doubles_to_its_max(void **state)
{
    (void)state;
    AUTO_FREE int *a = NULL;
    size_t cap = 0;
    for (size_t i = 0; i < 100; i++) {
        expect_success(mem_grow(&a, i, &cap, sizeof(*a), 100));
        assert_true(cap > i && cap <= 100);
        a[i] = (int)i;
    }
    assert_int_equal(a[99], 99);
    expect_kind(mem_grow(&a, 100, &cap, sizeof(*a), 100), ERR_NO_SPACE);
    assert_int_equal(cap, 100);
}

static void test_take_leaves_null(void **state)
{
    (void)state;
    char *s = NULL;
    expect_success(mem_strdup("x", &s));
    AUTO_FREE char *taken = TAKE_PTR(s);
    assert_null(s);
    assert_string_equal(taken, "x");
}

static struct err *build_something(void)
{
    AUTO_STRV struct strv v = STRV_INIT;
    AUTO_FREE char *joined = NULL;
    TRY(strv_split("a,b,c,d,e,f,g,h,i", ',', &v));
    TRY(strv_addf(&v, "%s", "more"));
    TRY(strv_env_set(&v, "PATH=/bin"));
    return ERR_WRAP(strv_join(&v, ":", &joined), "join");
}

/* The Nth allocation fails, for all N: an error each time, no crash and (under the sanitizer) no leak. */
static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    unsigned n = 1;
    for (;; n++) {
        fault_arm(FAULT_MEM, n);
        struct err *e = build_something();
        bool reached = fault_count(FAULT_MEM) >= n;
        fault_arm(FAULT_MEM, 0);
        if (!reached) {
            expect_success(e);
            break;
        }
        expect_kind(e, ERR_NO_MEMORY);
    }
    assert_true(n > 10);
}

static void test_fault_hits_once(void **state)
{
    (void)state;
    fault_arm(FAULT_SYS, 2);
    assert_false(fault_hit(FAULT_SYS));
    assert_true(fault_hit(FAULT_SYS));
    assert_false(fault_hit(FAULT_SYS));
    assert_int_equal(fault_count(FAULT_SYS), 3);
    fault_arm(FAULT_SYS, 0);
    assert_false(fault_hit(FAULT_SYS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zero_size_is_valid),
        cmocka_unit_test(test_overflow_is_refused),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_grow_doubles_to_its_max),
        cmocka_unit_test(test_take_leaves_null),
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_fault_hits_once),
    };
    return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
