#include "engine/image/platform.h"

#include "tests/unit/engine/image/fixture.h"

static void parses(const char *text, const char *os, const char *arch, const char *variant)
{
    struct image_platform p = {0};
    expect_success(image_platform_parse(text, &p));
    assert_string_equal(p.os ? p.os : "", os);
    assert_string_equal(p.arch ? p.arch : "", arch);
    assert_string_equal(p.variant ? p.variant : "", variant);
    image_platform_done(&p);
}

static void forms(void **state)
{
    (void)state;
    parses("linux/amd64", "linux", "amd64", "");
    parses("linux/arm64/v8", "linux", "arm64", "v8");
    parses("arm64", "", "arm64", "");
    parses("aarch64", "", "arm64", "");
    parses("linux/x86_64", "linux", "amd64", "");
    parses("linux/armhf", "linux", "arm", "v7");
    parses("linux/arm/v6", "linux", "arm", "v6");
    parses("windows", "windows", "", "");
    static const char *const bad[] = {"",        "/",           "linux/",      "/amd64",
                                      "a/b/c/d", "linux/AMD64", "linux amd64", "linux/a\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct image_platform p;
        expect_kind(image_platform_parse(bad[i], &p), ERR_INVALID);
    }
}

static int match(const char *wanted, const char *os, const char *arch, const char *variant)
{
    struct image_platform p = {0}, r = {0};
    expect_success(image_platform_parse(wanted, &p));
    expect_success(platform_resolve(&p, &r));
    int score = platform_match(&r, os, arch, variant);
    image_platform_done(&p);
    image_platform_done(&r);
    return score;
}

static void matching(void **state)
{
    (void)state;
    assert_true(match("linux/amd64", "linux", "amd64", NULL) > 0);
    assert_true(match("linux/amd64", "linux", "amd64", "") > 0);
    assert_int_equal(match("linux/amd64", "linux", "amd64", "v3"), 0); /* may need instructions that aren't there */
    assert_int_equal(match("linux/amd64", "windows", "amd64", NULL), 0);
    assert_int_equal(match("linux/amd64", "linux", "386", NULL), 0);
    assert_true(match("linux/arm64", "linux", "arm64", "v8") > 0);
    assert_true(match("linux/arm64/v8", "linux", "arm64", NULL) > 0);
    assert_true(match("linux/arm/v7", "linux", "arm", "v6") > 0);
    assert_true(match("linux/arm/v7", "linux", "arm", "v7") > match("linux/arm/v7", "linux", "arm", "v6"));
    assert_true(match("linux/arm/v7", "linux", "arm", "v6") > match("linux/arm/v7", "linux", "arm", "v5"));
    assert_int_equal(match("linux/arm/v6", "linux", "arm", "v7"), 0);
    assert_int_equal(match("linux/amd64", "", "", NULL), 0);
    assert_int_equal(match("linux/amd64/strange", "linux", "amd64", NULL), 0);
    struct image_platform here = {0};
    expect_success(platform_resolve(NULL, &here));
    assert_string_equal(here.os, "linux");
    assert_non_null(here.arch);
    image_platform_done(&here);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(forms), cmocka_unit_test(matching)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
