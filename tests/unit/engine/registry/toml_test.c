#include "engine/registry/toml.h"

#include "tests/unit/engine/registry/fixture.h"

static void expect_toml(const char *toml, const char *json)
{
    AUTO_JSON json_t *root = NULL;
    AUTO_FREE char *text = NULL;
    expect_success(toml_parse(toml, strlen(toml), "f.conf", &root));
    expect_success(json_text(root, &text));
    assert_string_equal(text, json);
}

static void what_configuration_files_have(void **state)
{
    (void)state;
    expect_toml("", "{}");
    expect_toml("# only a comment", "{}");
    expect_toml("a = \"x\" # why\r\nb='y\\n'\nc = true\nd=-12", "{\"a\":\"x\",\"b\":\"y\\\\n\",\"c\":true,\"d\":-12}");
    expect_toml("l = [\"a\", # one\n  'b',\n]", "{\"l\":[\"a\",\"b\"]}");
    expect_toml("[a]\nx=1\n[b.c]\ny=2\n", "{\"a\":{\"x\":1},\"b\":{\"c\":{\"y\":2}}}");
    expect_toml("[[r]]\nx=1\n[[r.m]]\ny=1\n[[r]]\nx=2", "{\"r\":[{\"x\":1,\"m\":[{\"y\":1}]},{\"x\":2}]}");
    expect_toml("a.b = {c = 1, d = [true]}", "{\"a\":{\"b\":{\"c\":1,\"d\":[true]}}}");
    expect_toml("\"quoted key\" = \"\\u00e4\\t\"", "{\"quoted key\":\"\xc3\xa4\\t\"}");
}

static void errors_name_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *toml, *error;
    } bad[] = {
        {"a = 1\nb", "f.conf:2: '='"},
        {"a = ", "f.conf:1: a value"},
        {"\n\na = \"x", "f.conf:3: the string has no end"},
        {"a = \"\"\"x\"\"\"", "f.conf:1: strings of several lines"},
        {"a = 1\na = 2", "f.conf:2: a is set twice"},
        {"a = 1 2", "f.conf:1: there is something behind"},
        {"[a", "f.conf:1: ']'"},
        {"a = 1\n[a]", "f.conf:2: the key has a value"},
        {"a = [1 2]", "f.conf:1: an array"},
        {"a = [", "f.conf:1: a value"},
        {"a = 1.5", "f.conf:1: a value"},
        {"a = \"\\q\"", "f.conf:1: unknown escape"},
        {"a = \"\\ud800\"", "f.conf:1: the escape is no"},
        {"a = \"\xff\"", "f.conf:1: the string is not UTF-8"},
        {"= 1", "f.conf:1: a key is missing"},
        {"a = {b = 1", "f.conf:1: an inline table"},
        {"a=[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]", "f.conf:1: values are nested"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        json_t *root = NULL;
        expect_error(toml_parse(bad[i].toml, strlen(bad[i].toml), "f.conf", &root), ERR_INVALID, bad[i].error);
    }
    json_t *root = NULL;
    expect_error(toml_parse("a\0b", 3, "f.conf", &root), ERR_INVALID, "no text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_configuration_files_have),
        cmocka_unit_test(errors_name_file_and_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
