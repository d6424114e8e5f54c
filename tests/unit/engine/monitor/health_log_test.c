#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/monitor/health_log.h"

static void add(struct health_log *l, int code, const char *output, size_t len, uint32_t max)
{
    const struct health_result r = {.exit_code = code, .output = output, .output_len = len};
    assert_null(health_log_add(l, &r, max));
}

static json_t *list_of(const struct health_log *l)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    json_t *list = NULL;
    assert_null(health_log_put(l, &sb));
    assert_null(json_parse(strbuf_str(&sb), sb.len, "log", &list));
    return list;
}

static void the_oldest_go(void **state)
{
    struct health_log l = {0};
    (void)state;
    for (int i = 0; i < 7; i++)
        add(&l, i, "x", 1, 3);
    AUTO_JSON json_t *list = list_of(&l);
    assert_int_equal(json_array_size(list), 3);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "ExitCode")), 4);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 2), "ExitCode")), 6);
    add(&l, 7, "x", 1, 1); /* fewer from now on */
    assert_int_equal(l.results.count, 1);
    health_log_done(&l);
}

static void no_limit_has_one(void **state)
{
    struct health_log l = {0};
    AUTO_FREE char *big = mem_zalloc(HEALTH_OUTPUT_BYTES_MAX);
    (void)state;
    for (int i = 0; i < 600; i++)
        add(&l, i, "x", 1, 0);
    assert_int_equal(l.results.count, 600);
    memset(big, 1, HEALTH_OUTPUT_BYTES_MAX); /* six bytes each in JSON */
    for (int i = 0; i < 30; i++)
        add(&l, i, big, HEALTH_OUTPUT_BYTES_MAX, 0);
    assert_true(l.bytes <= HEALTH_LOG_BYTES_MAX);
    assert_true(l.results.count >= 1);
    AUTO_JSON json_t *list = list_of(&l);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(list, json_array_size(list) - 1), "ExitCode")),
                     29);
    health_log_done(&l);
}

static void whatever_a_check_says_is_json(void **state)
{
    struct health_log l = {0};
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    (void)state;
    assert_null(health_log_put(&l, &sb));
    assert_string_equal(strbuf_str(&sb), "null");
    add(&l, -1, "\"\\\n\xff\x01", 5, 5);
    AUTO_JSON json_t *list = list_of(&l);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "Output")),
                        "\"\\\n\xef\xbf\xbd\x01");
    health_log_done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_go),
        cmocka_unit_test(no_limit_has_one),
        cmocka_unit_test(whatever_a_check_says_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
