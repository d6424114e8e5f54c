#include "tests/unit/cli/expect.h"

#include "base/json.h"
#include "cli/yaml.h"

static void check(const char *json, const char *expected)
{
    AUTO_JSON json_t *value = NULL;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    expect_success(json_parse(json, strlen(json), "test", &value));
    expect_success(yaml_render(value, &out));
    assert_string_equal(strbuf_str(&out), expected);
}

static void test_shapes(void **state)
{
    (void)state;
    check("{\"b\":1,\"a\":{\"y\":[],\"x\":{}}}", "a:\n  x: {}\n  y: []\nb: 1\n");
    check("{\"gidmap\":[{\"container_id\":0,\"size\":1},{\"container_id\":1,\"size\":65536}]}",
          "gidmap:\n- container_id: 0\n  size: 1\n- container_id: 1\n  size: 65536\n");
    check("{\"log\":[\"k8s-file\",\"none\"],\"n\":null,\"t\":true,\"f\":false}",
          "f: false\nlog:\n- k8s-file\n- none\nn: null\nt: true\n");
    check("{}", "{}\n");
}

/* As podman info prints them. */
static void test_strings(void **state)
{
    (void)state;
    check("{\"a\":\"12\",\"b\":\"4.3.1\",\"c\":\"\",\"d\":\"1.28\"}", "a: \"12\"\nb: 4.3.1\nc: \"\"\nd: \"1.28\"\n");
    check("{\"a\":\"conmon version 2.1.6, commit: unknown\"}", "a: 'conmon version 2.1.6, commit: unknown'\n");
    check("{\"a\":\"x\\ny\"}", "a: |-\n  x\n  y\n");
    check("{\"a\":\"x\\ny\\n\"}", "a: |\n  x\n  y\n");
    check("{\"a\":\"true\",\"b\":\"- x\",\"c\":\"it's: so\",\"d\":\"#x\"}",
          "a: 'true'\nb: '- x'\nc: 'it''s: so'\nd: '#x'\n");
    check("{\"a\":\"tab\\there\"}", "a: \"tab\\there\"\n");
    check("{\"a\":\"6.18.44-fc-v769\",\"b\":\"/usr/bin/crun\",\"c\":\"0h 28m 24.00s\"}",
          "a: 6.18.44-fc-v769\nb: /usr/bin/crun\nc: 0h 28m 24.00s\n");
    check("{\"a\":\"2024-05-01\",\"b\":\"0x1f\",\"c\":\"1e3\"}", "a: '2024-05-01'\nb: '0x1f'\nc: '1e3'\n");
}

static void test_depth_is_limited(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf json = STRBUF_INIT, out = STRBUF_INIT;
    AUTO_JSON json_t *value = NULL;
    for (int i = 0; i < 200; i++)
        expect_success(strbuf_puts(&json, "{\"a\":"));
    expect_success(strbuf_puts(&json, "1"));
    for (int i = 0; i < 200; i++)
        expect_success(strbuf_puts(&json, "}"));
    expect_success(json_parse(json.data, json.len, "test", &value));
    expect_error(yaml_render(value, &out), ERR_INVALID, "document is nested too deeply");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_depth_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
