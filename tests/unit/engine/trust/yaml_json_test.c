#include "engine/trust/yaml_json.h"

#include "base/strbuf.h"
#include "tests/unit/engine/trust/fixture.h"

static void values_become_json(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"", "null"},
        {"# nothing\n", "null"},
        {"a: b\n", "{\"a\":\"b\"}"},
        {"a:\n  b: 1\n  c: true\n  d: no\n  e: ~\n  f:\n",
         "{\"a\":{\"b\":\"1\",\"c\":true,\"d\":false,\"e\":null,\"f\":null}}"},
        {"a: \"true\"\nb: 'no'\n", "{\"a\":\"true\",\"b\":\"no\"}"},
        {"[a, {b: c}, \"d\\u00e4\"]", "[\"a\",{\"b\":\"c\"},\"dä\"]"},
        {"- x\n- - y\n", "[\"x\",[\"y\"]]"},
        {"host:5000/a: {u: http://h/p}\n", "{\"host:5000/a\":{\"u\":\"http://h/p\"}}"},
        {"a: |\n  one\n  two\n", "{\"a\":\"one\\ntwo\\n\"}"},
        {"---\na: b\n...\n", "{\"a\":\"b\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_JSON json_t *j = NULL;
        AUTO_FREE char *text = NULL;
        expect_success(yaml_json_parse(cases[i].yaml, strlen(cases[i].yaml), "f.yaml", &j));
        expect_success(json_text(j, &text));
        assert_string_equal(text, cases[i].json);
    }
}

static void the_rest_is_refused_by_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *why;
    } bad[] = {
        {"a: [\n", "f.yaml:"},
        {"a: b\n\tc: d\n", "f.yaml:2"},
        {"a: b\na: c\n", "f.yaml:2: the key \"a\" is there twice"},
        {"a: &x b\n", "f.yaml:1: anchors and tags are not supported"},
        {"a: {b: c}\nd: *a\n", "f.yaml:2: "},
        {"a: !!binary YQ==\n", "anchors and tags"},
        {"<<: {a: b}\n", "merge keys"},
        {"? [a]\n: b\n", "a key that is not a plain text"},
        {"a: b\n---\nc: d\n", "several documents"},
        {"\xff\xfe\xfd", "f.yaml:"},
        {"a: \"\\0\"\n", "a NUL byte"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_JSON json_t *j = NULL;
        expect_error(yaml_json_parse(bad[i].yaml, strlen(bad[i].yaml), "f.yaml", &j), ERR_INVALID, bad[i].why);
    }
}

static void depth_and_size_have_limits(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf deep = STRBUF_INIT, many = STRBUF_INIT;
    AUTO_JSON json_t *j = NULL;
    for (int i = 0; i < 1000; i++)
        expect_success(strbuf_putc(&deep, '['));
    expect_error(yaml_json_parse(strbuf_str(&deep), deep.len, "f.yaml", &j), ERR_INVALID, "nested too deep");
    for (int i = 0; i <= YAML_MAX_NODES; i++)
        expect_success(strbuf_puts(&many, "- a\n"));
    expect_error(yaml_json_parse(strbuf_str(&many), many.len, "f.yaml", &j), ERR_INVALID, "too many values");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_become_json),
        cmocka_unit_test(the_rest_is_refused_by_file_and_line),
        cmocka_unit_test(depth_and_size_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
