#include "tests/unit/cli/expect.h"

#include "base/strbuf.h"
#include "cli/suggest.h"

static void test_distance(void **state)
{
    (void)state;
    assert_int_equal(suggest_distance("name", "name", 5), 0);
    assert_int_equal(suggest_distance("naem", "name", 5), 1); /* swapped */
    assert_int_equal(suggest_distance("nme", "name", 5), 1);
    assert_int_equal(suggest_distance("nname", "name", 5), 1);
    assert_int_equal(suggest_distance("nome", "name", 5), 1);
    assert_int_equal(suggest_distance("", "abc", 5), 3);
    assert_int_equal(suggest_distance("kitten", "sitting", 5), 3);
    assert_int_equal(suggest_distance("abcdef", "ghijkl", 2), 3); /* capped at max + 1 */
    char longest[100];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(suggest_distance(longest, longest, 2), 3); /* never near */
}

static void check_verbs(const char *group, const char *word, const char *expected)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    expect_success(suggest_verbs(group, word, &out));
    assert_string_equal(strbuf_str(&out), expected);
}

static void test_verbs(void **state)
{
    (void)state;
    check_verbs("", "contaner", "\tcontainer\n");
    check_verbs("", "zzzzzz", "");
    check_verbs("volume", "inspekt", "\tinspect\n");
    check_verbs("", "__compl", ""); /* hidden */
}

static void test_flags(void **state)
{
    (void)state;
    const struct cli_flag *tables[] = {cli_global_flags, NULL};
    assert_string_equal(suggest_flag(tables, 2, "runrot")->name, "runroot");
    assert_string_equal(suggest_flag(tables, 2, "log-lvel")->name, "log-level");
    assert_null(suggest_flag(tables, 2, "remot")); /* known, but not built: nothing to recommend */
    assert_null(suggest_flag(tables, 2, "something"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_verbs),
        cmocka_unit_test(test_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
