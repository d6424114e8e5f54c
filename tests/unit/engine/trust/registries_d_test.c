#include "engine/trust/registries_d.h"

#include "tests/unit/engine/trust/fixture.h"

static struct err *add(json_t **merged, const char *text, const char *file)
{
    return registries_d_add(merged, text, strlen(text), file);
}

static void files_are_merged(void **state)
{
    (void)state;
    AUTO_JSON json_t *merged = NULL;
    AUTO_FREE char *text = NULL;
    expect_success(add(&merged, "default-docker:\n  lookaside: file:///a\n", "1.yaml"));
    expect_success(add(&merged, "docker:\n  h/x:\n    lookaside: http://b\n    unknown: [1]\n", "2.yaml"));
    expect_success(add(&merged, "docker:\n  h/y: {use-sigstore-attachments: yes}\nother: 1\n", "3.yaml"));
    expect_success(add(&merged, "", "4.yaml"));
    expect_success(add(&merged, "docker:\ndefault-docker:\n", "5.yaml"));
    registries_d_finish(merged);
    expect_success(json_text(merged, &text));
    assert_string_equal(text, "{\"default-docker\":{\"lookaside\":\"file:///a\"},\"docker\":{\"h/x\":{\"lookaside\":"
                              "\"http://b\",\"unknown\":[\"1\"]},\"h/y\":{\"use-sigstore-attachments\":true}}}");
}

static void conflicts_name_both_files(void **state)
{
    (void)state;
    AUTO_JSON json_t *merged = NULL;
    expect_success(add(&merged, "default-docker: {}\ndocker: {h: {}}\n", "1.yaml"));
    expect_error(add(&merged, "default-docker: {}\n", "2.yaml"), ERR_INVALID,
                 "\"default-docker\" is defined both in 1.yaml and in 2.yaml");
    expect_error(add(&merged, "docker: {h: {}}\n", "3.yaml"), ERR_INVALID,
                 "\"h\" is defined both in 1.yaml and in 3.yaml");
}

static void wrong_types_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *why;
    } bad[] = {
        {"[a]", "f.yaml: the file is not a mapping"},
        {"docker: [a]", "f.yaml: docker is not a mapping"},
        {"docker: {h: x}", "f.yaml: h is not a mapping"},
        {"default-docker: x", "f.yaml: default-docker is not a mapping"},
        {"docker: {h: {lookaside: [x]}}", "f.yaml: h: lookaside is not a text"},
        {"docker: {h: {sigstore-staging: {a: b}}}", "f.yaml: h: sigstore-staging is not a text"},
        {"docker: {h: {use-sigstore-attachments: maybe}}", "neither true nor false"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_JSON json_t *merged = NULL;
        expect_error(add(&merged, bad[i].yaml, "f.yaml"), ERR_INVALID, bad[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_merged),
        cmocka_unit_test(conflicts_name_both_files),
        cmocka_unit_test(wrong_types_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
