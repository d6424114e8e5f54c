#include "tests/unit/cli/expect.h"

#include "base/mem.h"
#include "cli/words.h"

static void check_split(const char *text, const char *expected)
{
    AUTO_STRV struct strv words = STRV_INIT;
    AUTO_FREE char *joined = NULL;
    expect_success(words_split(text, &words));
    expect_success(strv_join(&words, "|", &joined));
    assert_string_equal(joined, expected);
}

static void test_split(void **state)
{
    (void)state;
    check_split("", "");
    check_split(" \t\n ", "");
    check_split("run -it  IMAGE\n", "run|-it|IMAGE");
    check_split("sh -c 'a \"b\" \\c'", "sh|-c|a \"b\" \\c");
    check_split("\"a \\\" b\\\\ \\n\"", "a \" b\\ \\n");
    check_split("a\\ b ''c\"\"d", "a b|cd");
    check_split("'' x", "|x");
    check_split("a # all of this\nb", "a|b");
    check_split("a#b", "a#b");
}

static void test_split_without_an_end(void **state)
{
    (void)state;
    AUTO_STRV struct strv words = STRV_INIT;
    expect_error(words_split("sh -c 'a", &words), ERR_INVALID, "EOF found when expecting closing quote");
    expect_error(words_split("\"a\\\"", &words), ERR_INVALID, "EOF found when expecting closing quote");
    expect_error(words_split("a \\", &words), ERR_INVALID, "EOF found after escape character");
}

static void check_expand(const char *text, const char *expected)
{
    AUTO_STRV struct strv values = STRV_INIT;
    AUTO_FREE char *got = NULL;
    expect_success(strv_add(&values, "A=one"));
    expect_success(strv_add(&values, "AB=two words"));
    expect_success(words_expand(text, &values, &got));
    assert_string_equal(got, expected);
}

static void test_expand(void **state)
{
    (void)state;
    check_expand("", "");
    check_expand("plain", "plain");
    check_expand("$A/$AB-${A}B", "one/two words-oneB");
    check_expand("$NOTHING.${NOTHING}.", "..");
    check_expand("a$", "a$");
    check_expand("${A", "one"); /* an end is an end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_split_without_an_end),
        cmocka_unit_test(test_expand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
