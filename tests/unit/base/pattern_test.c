#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/pattern.h"

static bool matches(const char *pattern, const char *text)
{
    bool yes = false;
    assert_null(pattern_matches(pattern, text, &yes));
    return yes;
}

static void a_part_of_the_text_is_enough(void **state)
{
    (void)state;
    assert_true(matches("eb", "web1"));
    assert_true(matches("^web[0-9]+$", "web1"));
    assert_true(matches("db|web", "web1"));
    assert_true(matches("", "web1"));
    assert_false(matches("^eb", "web1"));
    assert_false(matches("web2", "web1"));
}

static void what_is_no_pattern_is_refused(void **state)
{
    static const char *const bad[] = {"(", "[a", "a{2,1}", "\\"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        bool yes = true;
        struct err *e = pattern_matches(bad[i], "a", &yes);
        assert_non_null(e);
        assert_int_equal(err_kind(e), ERR_INVALID);
        assert_non_null(strstr(err_text(e), bad[i]));
        err_free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_of_the_text_is_enough),
        cmocka_unit_test(what_is_no_pattern_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
