/* Health checks of images and flags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "engine/container/healthcheck.h"
#include "engine/container/spec.h"
#include "engine/image/image.h"

#define SEC INT64_C(1000000000)

static void commands_as_podman_takes_them(void **state)
{
    static const struct {
        const char *text, *want; /* joined by '|' */
    } cases[] = {
        {"ls /", "CMD-SHELL|ls /"},
        {"ls", "CMD-SHELL|ls"},
        {"CMD ls  /", "CMD|ls|/"},
        {"cmd ls", "cmd|ls"},
        {"CMD-SHELL ls / || exit 1", "CMD-SHELL|ls / || exit 1"},
        {"[\"ls\",\"/\"]", "CMD|ls|/"},
        {"[\"ls /\"]", "CMD-SHELL|ls /"},
        {"[\"CMD\",\"ls\"]", "CMD|ls"},
        {"[\"CMD-SHELL\",\"ls /\"]", "CMD-SHELL|ls /"},
        {"[\"NONE\"]", "NONE"},
        {"none", "NONE"},
        {"NONE at all", "NONE"},
        {"[ -e /x ]", "CMD-SHELL|[ -e /x ]"},
        {"[1]", "CMD-SHELL|[1]"},
        {" ", "CMD-SHELL| "},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_STRV struct strv test = STRV_INIT;
        AUTO_FREE char *got = NULL;
        assert_null(healthcheck_parse_command(cases[i].text, &test));
        assert_null(strv_join(&test, "|", &got));
        assert_string_equal(got, cases[i].want);
    }
    AUTO_STRV struct strv none = STRV_INIT;
    struct err *e = healthcheck_parse_command("[]", &none);
    assert_int_equal(err_kind(e), ERR_INVALID);
    err_drop(e);
}

static void resolve(const char *image_json, const char *spec_json, struct healthcheck *h, bool *any)
{
    struct container_spec spec;
    struct image_config config = {0};
    container_spec_init(&spec);
    assert_null(mem_strdup(spec_json, &spec.healthcheck));
    assert_null(mem_strdup(image_json, &config.healthcheck));
    assert_null(healthcheck_resolve(&spec, &config, h, any));
    container_spec_done(&spec);
    image_config_done(&config);
}

static void flags_go_before_the_image(void **state)
{
    static const char image[] = "{\"Test\":[\"CMD\",\"a\"],\"Interval\":5000000000}";
    bool any;
    (void)state;
    {
        AUTO_HEALTHCHECK struct healthcheck h = {0};
        resolve(NULL, NULL, &h, &any);
        assert_false(any);
    }
    {
        AUTO_HEALTHCHECK struct healthcheck h = {0};
        resolve(image, NULL, &h, &any);
        assert_true(any);
        assert_int_equal(h.interval_nsec, 5 * SEC);
        assert_int_equal(h.timeout_nsec, 30 * SEC);
        assert_int_equal(h.retries, 3);
    }
    {
        AUTO_HEALTHCHECK struct healthcheck h = {0};
        resolve(image, "{\"Test\":[\"NONE\"]}", &h, &any);
        assert_false(any);
    }
    { /* times alone change the image's; zero is no interval here */
        AUTO_HEALTHCHECK struct healthcheck h = {0};
        resolve(image, "{\"Interval\":0,\"Retries\":9}", &h, &any);
        assert_true(any);
        assert_string_equal(h.test.items[1], "a");
        assert_int_equal(h.interval_nsec, 0);
        assert_int_equal(h.timeout_nsec, 30 * SEC);
        assert_int_equal(h.retries, 9);
    }
    {
        AUTO_HEALTHCHECK struct healthcheck h = {0};
        resolve(image, "{\"Test\":[\"CMD-SHELL\",\"b\"],\"Timeout\":1}", &h, &any);
        assert_true(any);
        assert_string_equal(h.test.items[1], "b");
        assert_int_equal(h.interval_nsec, 0);
        assert_int_equal(h.timeout_nsec, 1);
    }
    {
        AUTO_HEALTHCHECK struct healthcheck h = {0};
        resolve(NULL, "{\"Interval\":7}", &h, &any);
        assert_false(any);
    }
}

static void what_is_run(void **state)
{
    static const struct {
        const char *test, *want;
    } cases[] = {{"CMD|ls|/", "ls|/"}, {"CMD-SHELL|ls / | wc", "/bin/sh|-c|ls / | wc"}, {"ls|/", "/bin/sh|-c|ls /"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_STRV struct strv test = STRV_INIT, argv = STRV_INIT;
        AUTO_FREE char *got = NULL;
        if (i == 1) {
            assert_null(strv_add(&test, "CMD-SHELL"));
            assert_null(strv_add(&test, "ls / | wc"));
        } else {
            assert_null(strv_split(cases[i].test, '|', &test));
        }
        assert_null(healthcheck_command(&test, &argv));
        assert_null(strv_join(&argv, "|", &got));
        assert_string_equal(got, cases[i].want);
    }
    AUTO_STRV struct strv empty = STRV_INIT, argv = STRV_INIT;
    struct err *e = healthcheck_command(&empty, &argv);
    assert_int_equal(err_kind(e), ERR_INVALID);
    err_drop(e);
}

static void damaged_checks_are_refused(void **state)
{
    static const char *const bad[] = {"", "[]x", "{\"Test\":\"ls\"}", "{\"Interval\":-1}", "{\"Retries\":\"3\"}", "{"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_HEALTHCHECK struct healthcheck h = {0};
        struct err *e = healthcheck_parse(bad[i], &h);
        assert_non_null(e);
        err_drop(e);
    }
}

static void text_and_back(void **state)
{
    AUTO_HEALTHCHECK struct healthcheck h = {0}, back = {0};
    AUTO_FREE char *text = NULL;
    (void)state;
    assert_null(healthcheck_parse("{\"Test\":[\"CMD\",\"a b\"],\"Interval\":1,\"Timeout\":2,\"StartPeriod\":3,"
                                  "\"Retries\":4,\"Successes\":5}",
                                  &h));
    assert_null(healthcheck_text(&h, true, &text));
    assert_null(healthcheck_parse(text, &back));
    assert_string_equal(back.test.items[1], "a b");
    assert_int_equal(back.interval_nsec + back.timeout_nsec * 10 + back.start_period_nsec * 100, 321);
    assert_int_equal(back.retries * 10 + back.successes, 45);
}

static void actions_by_name(void **state)
{
    uint32_t action;
    (void)state;
    assert_null(healthcheck_parse_action(NULL, &action));
    assert_int_equal(action, 0);
    assert_null(healthcheck_parse_action("stop", &action));
    assert_int_equal(action, 3);
    struct err *e = healthcheck_parse_action("Stop", &action);
    assert_int_equal(err_kind(e), ERR_INVALID);
    err_drop(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_as_podman_takes_them),
        cmocka_unit_test(flags_go_before_the_image),
        cmocka_unit_test(what_is_run),
        cmocka_unit_test(damaged_checks_are_refused),
        cmocka_unit_test(text_and_back),
        cmocka_unit_test(actions_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
