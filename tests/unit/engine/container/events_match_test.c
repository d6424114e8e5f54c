/* Filters of events, and the lines that monitors write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "engine/container/events.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static bool match(const struct event *event, const char *const *filters)
{
    AUTO_STRV struct strv v = STRV_INIT;
    for (; *filters; filters++)
        assert_null(strv_add(&v, *filters));
    return events_match(&v, event);
}
#define MATCH(event, ...) match(event, (const char *const[]){__VA_ARGS__, NULL})

static void filters_of_one_key_are_alternatives(void **state)
{
    (void)state;
    AUTO_JSON json_t *labels = json_pack("{s:s}", "a", "b");
    const struct event e = {.type = "container",
                            .status = "died",
                            .id = ID,
                            .name = "web",
                            .image = "localhost/bb:latest",
                            .health = "",
                            .labels = labels};
    assert_true(MATCH(&e, "event=died"));
    assert_true(MATCH(&e, "event=die"));
    assert_true(MATCH(&e, "event=start", "event=died"));
    assert_false(MATCH(&e, "event=start", "type=container"));
    assert_true(MATCH(&e, "container=web", "type=container", "label=a", "label=a=c"));
    assert_true(MATCH(&e, "container=0123"));
    assert_false(MATCH(&e, "container="));
    assert_false(MATCH(&e, "container=we"));
    assert_false(MATCH(&e, "volume=web"));
    assert_true(MATCH(&e, "image=localhost/bb:latest"));
    assert_true(MATCH(&e, "label=a=b"));
    assert_false(MATCH(&e, "label=a=c"));
    assert_false(MATCH(&e, "label=x"));
    const struct event none = {.type = "image", .status = "pull", .id = ID, .name = "bb", .image = "", .health = ""};
    assert_false(MATCH(&none, "label=a"));
    assert_true(MATCH(&none, "image=bb"));
}

static void filters_that_are_none_are_refused(void **state)
{
    static const char *const bad[] = {"foo=1", "foo", "", "=x", "event", "containers=x"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_STRV struct strv v = STRV_INIT;
        assert_null(strv_add(&v, bad[i]));
        struct err *e = events_check_filters(&v);
        assert_non_null(e);
        assert_int_equal(err_kind(e), ERR_INVALID);
        err_drop(e);
    }
}

static void reports_are_read(void **state)
{
    struct event_report r;
    const char *line = "1700000000000000001 " ID " health_status exit=3 health=unhealthy";
    (void)state;
    assert_true(events_parse_report(line, strlen(line), &r));
    assert_int_equal(r.at_nsec, 1700000000000000001);
    assert_string_equal(r.id, ID);
    assert_string_equal(r.action, "health_status");
    assert_string_equal(r.health, "unhealthy");
    assert_true(r.has_exit);
    assert_int_equal(r.exit_code, 3);
    assert_false(r.has_streak);
    line = "1 " ID " health_status health=healthy streak=4 log=680a0a69ff";
    assert_true(events_parse_report(line, strlen(line), &r));
    assert_true(r.has_streak);
    assert_int_equal(r.failing_streak, 4);
    assert_string_equal(r.log, "h\n\ni\xff");
    line = "1 " ID " health_status health=healthy streak=0 log=";
    assert_true(events_parse_report(line, strlen(line), &r));
    assert_string_equal(r.log, "");
}

static void damaged_reports_are_none(void **state)
{
    static const char *const bad[] = {
        "",
        "1",
        "1 " ID,
        "x " ID " start",
        "0 " ID " start",
        "99999999999999999999 " ID " start",
        "1 0123 start",
        "1 ../../../../../../../../../../../../../../../../../../../../../etc start",
        "1 " ID " Start;drop",
        "1 " ID " start exit=-1",
        "1 " ID " start exit=1000",
        "1 " ID " start health=",
        "1 " ID " start health=wayTooLongForAnyHealthThatThereIs",
        "1 " ID " a_word_that_is_much_too_long_for_an_action",
        "1 " ID " start extra",
        "1 " ID " start streak=-1",
        "1 " ID " start log=6",
        "1 " ID " start log=6g",
        "1 " ID " start log=6100",
    };
    struct event_report r;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(events_parse_report(bad[i], strlen(bad[i]), &r));
    assert_false(events_parse_report("1 \0 start", 9, &r));
    char huge[4096];
    memset(huge, '1', sizeof(huge));
    assert_false(events_parse_report(huge, sizeof(huge), &r));
    int n = snprintf(huge, sizeof(huge), "1 " ID " start log=");
    memset(huge + n, '6', 2 * (REPORT_LOG_MAX + 1));
    assert_false(events_parse_report(huge, (size_t)n + 2 * (REPORT_LOG_MAX + 1), &r));
    assert_true(events_parse_report(huge, (size_t)n + 2 * REPORT_LOG_MAX, &r));
}

static void attributes_are_escaped(void **state)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    AUTO_STRV struct strv labels = STRV_INIT;
    const struct event_report report = {
        .health = "healthy", .has_exit = true, .exit_code = 7, .has_streak = true, .failing_streak = 2, .log = "a\nb"};
    (void)state;
    assert_null(strv_add(&labels, "a=\"b\"\\"));
    assert_null(strv_add(&labels, "lonely"));
    assert_null(event_attributes("im\"age", &labels, &report, &sb));
    AUTO_JSON json_t *j = NULL;
    assert_null(json_parse(strbuf_str(&sb), sb.len, "attributes", &j));
    assert_string_equal(json_string_value(json_object_get(j, "image")), "im\"age");
    assert_int_equal(json_integer_value(json_object_get(j, "exit")), 7);
    assert_int_equal(json_integer_value(json_object_get(j, "streak")), 2);
    assert_string_equal(json_string_value(json_object_get(j, "log")), "a\nb");
    json_t *l = json_object_get(j, "labels");
    assert_string_equal(json_string_value(json_object_get(l, "a")), "\"b\"\\");
    assert_string_equal(json_string_value(json_object_get(l, "lonely")), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_of_one_key_are_alternatives),
        cmocka_unit_test(filters_that_are_none_are_refused),
        cmocka_unit_test(reports_are_read),
        cmocka_unit_test(damaged_reports_are_none),
        cmocka_unit_test(attributes_are_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
