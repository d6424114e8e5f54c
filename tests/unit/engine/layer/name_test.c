#include "engine/layer/name.h"

#include "tests/unit/engine/layer/fixture.h"

static char out[NAME_BYTES_MAX + 1];

static void names_are_cleaned(void **state)
{
    static const char *const cases[][2] = {
        {"a", "a"},
        {"./a/b", "a/b"},
        {"/a//b/", "a/b"},
        {"a/../b", "b"},
        {"./", ""},
        {"", ""},
        {"/", ""},
        {"a/b/..", "a"},
        {"a/b/../..", ""},
        {"...", "..."},
        {"a/..b/.c", "a/..b/.c"},
        {"a/./././b", "a/b"},
        {"a/b/../../c", "c"},
        {"\xff\x01", "\xff\x01"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        expect_success(name_clean(cases[i][0], "entry", out));
        assert_string_equal(out, cases[i][1]);
    }
}

static void names_that_lead_out_are_refused(void **state)
{
    static const char *const cases[] = {"..", "../a", "a/../..", "/..", "a/../../b", "./../a"};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        expect_error(name_clean(cases[i], "entry", out), ERR_INVALID, "leads out of the layer");
}

static void long_names_are_refused(void **state)
{
    static char name[100 << 10];
    (void)state;
    memset(name, 'a', 256);
    expect_error(name_clean(name, "entry", out), ERR_INVALID, "part of 256 bytes");
    name[255] = '\0';
    expect_success(name_clean(name, "entry", out));
    assert_int_equal(strlen(out), 255);
    for (size_t i = 0; i < sizeof(name) - 1; i++)
        name[i] = i % 200 ? 'a' : '/';
    expect_error(name_clean(name, "entry", out), ERR_INVALID, "too long");
    name[NAME_BYTES_MAX] = '\0';
    expect_success(name_clean(name, "entry", out));
}

static void deep_names_are_refused(void **state)
{
    static char name[4096];
    (void)state;
    for (size_t i = 0; i < NAME_DEPTH_MAX; i++)
        memcpy(name + 2 * i, "a/", 2);
    expect_success(name_clean(name, "entry", out));
    memcpy(name + 2 * NAME_DEPTH_MAX, "a", 1);
    expect_error(name_clean(name, "entry", out), ERR_INVALID, "deeper");
}

static void parts_are_found(void **state)
{
    (void)state;
    assert_string_equal(name_last("a/b"), "b");
    assert_string_equal(name_last("a"), "a");
    assert_int_equal(name_parent_len("a/b/c"), 3);
    assert_int_equal(name_parent_len("a"), 0);
    assert_string_equal(name_text("").s, "/");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_cleaned),      cmocka_unit_test(names_that_lead_out_are_refused),
        cmocka_unit_test(long_names_are_refused), cmocka_unit_test(deep_names_are_refused),
        cmocka_unit_test(parts_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
