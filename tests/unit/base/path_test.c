#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/path.h"
#include "tests/unit/base/tempdir.h"

static void test_join(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b, *out;
    } cases[] = {
        {"/a", "b", "/a/b"}, {"/a/", "b", "/a/b"},    {"/a", "/b", "/a/b"}, {"/a//", "//b", "/a/b"}, {"/", "b", "/b"},
        {"/", "/", "/"},     {"a", "b/c/", "a/b/c/"}, {"", "b", "b"},       {"a/", "", "a"},         {"/", "", "/"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *s = NULL;
        expect_success(path_join(&s, cases[i].a, cases[i].b));
        assert_string_equal(s, cases[i].out);
    }
}

/* Go's path.Clean, with its own test table. */
static void test_clean(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "."},
        {"abc", "abc"},
        {"abc/def", "abc/def"},
        {"a/b/c", "a/b/c"},
        {".", "."},
        {"..", ".."},
        {"../..", "../.."},
        {"../../abc", "../../abc"},
        {"/abc", "/abc"},
        {"/", "/"},
        {"abc/", "abc"},
        {"a/b/c/", "a/b/c"},
        {"./", "."},
        {"../", ".."},
        {"../../", "../.."},
        {"/abc/", "/abc"},
        {"abc//def//ghi", "abc/def/ghi"},
        {"//abc", "/abc"},
        {"///abc", "/abc"},
        {"//abc//", "/abc"},
        {"abc/./def", "abc/def"},
        {"/./abc/def", "/abc/def"},
        {"abc/.", "abc"},
        {"abc/def/ghi/../jkl", "abc/def/jkl"},
        {"abc/def/../ghi/../jkl", "abc/jkl"},
        {"abc/def/..", "abc"},
        {"abc/def/../..", "."},
        {"/abc/def/../..", "/"},
        {"abc/def/../../..", ".."},
        {"/abc/def/../../..", "/"},
        {"abc/def/../../../ghi/jkl/../../../mno", "../../mno"},
        {"abc/./../def", "def"},
        {"abc//./../def", "def"},
        {"abc/../../././../def", "../../def"},
        {"...", "..."},
        {"/...", "/..."},
        {"/..a/..", "/"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *s = NULL;
        expect_success(path_clean(cases[i][0], &s));
        assert_string_equal(s, cases[i][1]);
    }
}

static void test_absolute(void **state)
{
    const struct tempdir *t = *state;
    char expected[128];
    AUTO_FREE char *s = NULL, *cwd = get_current_dir_name();
    assert_int_equal(chdir(t->path), 0);
    expect_success(path_absolute("x/../y/", &s));
    (void)snprintf(expected, sizeof(expected), "%s/y", t->path);
    assert_string_equal(s, expected);
    free(s);
    expect_success(path_absolute("/x/../y/", &s));
    assert_string_equal(s, "/y");
    free(s);
    assert_int_equal(rmdir(t->path), 0);
    expect_kind(path_absolute("x", &s), ERR_NOT_FOUND); /* the directory is gone */
    s = NULL;
    assert_int_equal(chdir(cwd), 0);
}

static void test_last(void **state)
{
    (void)state;
    assert_string_equal(path_last("/a/b"), "b");
    assert_string_equal(path_last("b"), "b");
    assert_string_equal(path_last("/"), "");
}

static void test_below(void **state)
{
    (void)state;
    assert_true(path_is_below("/a/b", "/a"));
    assert_true(path_is_below("/a", "/a"));
    assert_true(path_is_below("/a", "/"));
    assert_true(path_is_below("/", "/"));
    assert_false(path_is_below("/ab", "/a"));
    assert_false(path_is_below("/", "/a"));
    assert_false(path_is_below("/b/a", "/a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join), cmocka_unit_test(test_clean), TEMPDIR_TEST(test_absolute),
        cmocka_unit_test(test_last), cmocka_unit_test(test_below),
    };
    return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
