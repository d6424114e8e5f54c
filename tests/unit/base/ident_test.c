#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/ident.h"

static void random_is_64_hex_digits_and_differs(void **state)
{
    (void)state;
    struct ident a, b;
    assert_null(ident_random(&a));
    assert_null(ident_random(&b));
    assert_int_equal(strlen(a.s), IDENT_LEN);
    assert_true(ident_is_prefix(a.s));
    assert_string_not_equal(a.s, b.s);
}

static void random_reports_a_failing_kernel(void **state)
{
    (void)state;
    struct ident id = {"untouched"};
    fault_arm(FAULT_SYS, 1);
    AUTO_ERR struct err *e = ident_random(&id);
    fault_arm(FAULT_SYS, 0);
    assert_non_null(e);
    assert_int_equal(err_kind(e), ERR_UNSUPPORTED);
    assert_string_equal(id.s, "untouched");
}

static void prefix_is_1_to_64_lower_hex(void **state)
{
    (void)state;
    char full[IDENT_LEN + 2];
    memset(full, 'f', sizeof(full) - 1);
    full[IDENT_LEN + 1] = '\0';
    assert_false(ident_is_prefix(full));
    full[IDENT_LEN] = '\0';
    assert_true(ident_is_prefix(full));
    assert_true(ident_is_prefix("0"));
    assert_false(ident_is_prefix(""));
    assert_false(ident_is_prefix("A0"));
    assert_false(ident_is_prefix("web"));
    assert_false(ident_is_prefix("12 "));
}

static void names_follow_podmans_pattern(void **state)
{
    (void)state;
    assert_true(ident_is_name("web"));
    assert_true(ident_is_name("0"));
    assert_true(ident_is_name("My_data.2024-05"));
    assert_false(ident_is_name(""));
    assert_false(ident_is_name("-web"));
    assert_false(ident_is_name(".."));
    assert_false(ident_is_name("_x"));
    assert_false(ident_is_name("a/b"));
    assert_false(ident_is_name("a b"));
    assert_false(ident_is_name("a\n"));
    assert_false(ident_is_name("caf\u00e9"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_is_64_hex_digits_and_differs),
        cmocka_unit_test(random_reports_a_failing_kernel),
        cmocka_unit_test(prefix_is_1_to_64_lower_hex),
        cmocka_unit_test(names_follow_podmans_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
