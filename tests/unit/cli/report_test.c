#include "tests/unit/cli/expect.h"

#include "base/json.h"
#include "base/mem.h"
#include "cli/report.h"

static void test_is_json(void **state)
{
    (void)state;
    assert_true(report_is_json("json"));
    assert_true(report_is_json(" json \n"));
    assert_true(report_is_json("{{json .}}"));
    assert_true(report_is_json(" {{ json . }} "));
    assert_true(report_is_json("{{json}}"));
    assert_false(report_is_json(NULL));
    assert_false(report_is_json(""));
    assert_false(report_is_json("jsonx"));
    assert_false(report_is_json("{{json .ID}}"));
    assert_false(report_is_json("{{json .}} x"));
    assert_false(report_is_json("{{json ."));
}

static void check_normalized(const char *format, const char *expected)
{
    AUTO_FREE char *text = NULL;
    expect_success(report_normalize(format, true, &text));
    assert_string_equal(text, expected);
}

static void test_normalize(void **state)
{
    (void)state;
    check_normalized("{{.ID}}", "{{range .}}{{.ID}}\n{{end -}}");
    check_normalized("{{.ID}}\n", "{{range .}}{{.ID}}\n{{end -}}");
    check_normalized("{{.ID}}\\t{{.X}}\\n", "{{range .}}{{.ID}}\t{{.X}}\n{{end -}}");
    check_normalized("table {{.ID}} {{upper .X}}", "{{range .}}{{.ID}}\t{{upper\t.X}}\n{{end -}}");
    check_normalized("{{range .}}{{.ID}}{{end}}", "{{range .}}{{.ID}}{{end}}\n");
    check_normalized("{{range .X}}{{.}}{{end}}", "{{range .}}{{range .X}}{{.}}{{end}}\n{{end -}}");
    check_normalized("", "{{range .}}\n{{end -}}");
}

static void test_headings(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"RunningFor", "RUNNING FOR"},
                                           {"ID", "ID"},
                                           {"ExitedAt", "EXITED AT"},
                                           {"CIDFile", "CIDFILE"},
                                           {"Names", "NAMES"}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        AUTO_STRBUF struct strbuf out = STRBUF_INIT;
        expect_success(report_heading(pairs[i][0], &out));
        assert_string_equal(strbuf_str(&out), pairs[i][1]);
    }
}

/* --- a listing of two words */

static struct err *get_word(const void *p, json_t **ret)
{
    *ret = json_string(p);
    return *ret ? NULL : err_oom();
}

static struct err *call_nothing(const void *p, const char *arg, json_t **ret)
{
    (void)p, (void)arg;
    *ret = json_string("-");
    return *ret ? NULL : err_oom();
}

static const struct template_field fields[] = {
    {"Word", "A WORD", get_word, NULL}, {"Other", NULL, get_word, NULL}, {"Label", NULL, NULL, call_nothing}, {0}};
static const struct template_class class = {.type_name = "words", .fields = fields};

static void check_listing(const char *format, bool no_heading, const char *expected)
{
    AUTO_CLI struct cli c = {0};
    const void *const rows[] = {"one", "another word"};
    const struct report r = {
        .name = "words", .class = &class, .table = "{{.Word}}\t{{.Other}}", .no_heading = no_heading};
    expect_success(report_rows(&c, &r, format, rows, 2));
    assert_string_equal(strbuf_str(&c.out), expected);
}

static void test_listing(void **state)
{
    (void)state;
    check_listing(NULL, false, "A WORD        OTHER\none           one\nanother word  another word\n");
    check_listing(NULL, true, "one           one\nanother word  another word\n");
    check_listing("table {{.Other}} {{lower .Word}}", false,
                  "OTHER         a word\none           one\nanother word  another word\n");
    check_listing("{{.Word}}", false, "one\nanother word\n");
    check_listing("table {{.Label \"x\"}}\t{{.Word}}", false,
                  "x           A WORD\n-           one\n-           another word\n");
}

static void test_unknown_field_keeps_the_heading(void **state)
{
    (void)state;
    AUTO_CLI struct cli c = {0};
    const void *const rows[] = {"one"};
    const struct report r = {.name = "words", .class = &class, .table = ""};
    expect_error(report_rows(&c, &r, "table {{.Word}} {{.Foo}}", rows, 1), ERR_INVALID,
                 "template: words:1:23: executing \"words\" at <.Foo>: can't evaluate field Foo in type words");
    assert_string_equal(strbuf_str(&c.out), "A WORD      <no value>\none         ");
}

static struct err *get_all(const void *p, json_t **ret)
{
    static const struct template_field members[] = {
        {"word", NULL, get_word, NULL}, {"other", NULL, get_word, NULL}, {0}};
    return report_all(members, p, ret);
}

static void test_list(void **state)
{
    (void)state;
    AUTO_CLI struct cli c = {0};
    const struct template_class with_all = {.type_name = "words", .fields = fields, .get_all = get_all};
    const void *const rows[] = {"one", "two"};
    expect_success(report_list(&c, &with_all, rows, 2, 0));
    expect_success(report_list(&c, &with_all, NULL, 0, 4));
    assert_string_equal(strbuf_str(&c.out),
                        "[{\"word\":\"one\",\"other\":\"one\"},{\"word\":\"two\",\"other\":\"two\"}]\n[]\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_json),  cmocka_unit_test(test_normalize),
        cmocka_unit_test(test_headings), cmocka_unit_test(test_listing),
        cmocka_unit_test(test_list),     cmocka_unit_test(test_unknown_field_keeps_the_heading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
