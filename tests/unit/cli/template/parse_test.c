/* Templates that must be refused, each with Go's reason; and those at the limits. */
#include "tests/unit/cli/expect.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/template/template.h"

static void refuse(const char *format, const char *why)
{
    struct template *t = NULL;
    struct err *e = template_parse("ps", format, &t);
    if (!e)
        fail_msg("accepted: %s", format);
    assert_null(t);
    if (strcmp(err_text(e), why) != 0)
        fail_msg("%s\ngave     %s\nexpected %s", format, err_text(e), why);
    assert_int_equal(err_kind(e), ERR_INVALID);
    err_free(e);
}

static void accept(const char *format)
{
    AUTO_TEMPLATE struct template *t = NULL;
    struct err *e = template_parse("ps", format, &t);
    if (e)
        fail_msg("%s: %s", format, err_text(e));
}

static void test_broken_syntax(void **state)
{
    (void)state;
    refuse("{{range .}}{{.ID\n{{end -}}", "template: ps:2: bad character U+007B '{'");
    refuse("{{.ID", "template: ps:1: unclosed action");
    refuse("{{foo}}", "template: ps:1: function \"foo\" not defined");
    refuse("x\n{{foo}}", "template: ps:2: function \"foo\" not defined");
    refuse("{{if}}x{{end}}", "template: ps:1: missing value for if");
    refuse("{{}}", "template: ps:1: missing value for command");
    refuse("{{()}}", "template: ps:1: missing value for parenthesized pipeline");
    refuse("{{$x}}", "template: ps:1: undefined variable \"$x\"");
    refuse("{{$x = 1}}", "template: ps:1: undefined variable \"$x\"");
    refuse("{{if 1}}{{$x := 1}}{{end}}{{$x}}", "template: ps:1: undefined variable \"$x\"");
    refuse("{{end}}", "template: ps:1: unexpected {{end}}");
    refuse("{{else}}", "template: ps:1: unexpected {{else}}");
    refuse("{{if .ID}}", "template: ps:1: unexpected EOF");
    refuse("{{if .ID}}a{{else}}b{{else}}c{{end}}", "template: ps:1: expected end; found {{else}}");
    refuse("{{\"abc}}", "template: ps:1: unterminated quoted string");
    refuse("{{`abc}}", "template: ps:1: unterminated raw quoted string");
    refuse("{{'a}}", "template: ps:1: unterminated character constant");
    refuse("{{'ab'}}", "template: ps:1: malformed character constant: 'ab'");
    refuse("{{(1}}", "template: ps:1: unclosed left paren");
    refuse("{{1)}}", "template: ps:1: unexpected right paren");
    refuse("{{/* x }}", "template: ps:1: unclosed comment");
    refuse("{{/* x */ y}}", "template: ps:1: comment ends before closing delimiter");
    refuse("{{break}}", "template: ps:1: {{break}} outside {{range}}");
    refuse("{{1 | 2}}", "template: ps:1: non executable command in pipeline stage 2");
    refuse("{{1.a}}", "template: ps:1: bad number syntax: \"1.a\"");
    refuse("{{\"a\".b}}", "template: ps:1: unexpected . after term \"\"a\"\"");
    refuse("{{0x}}", "template: ps:1: bad number syntax: \"0x\"");
    refuse("{{\"\\q\"}}", "template: ps:1: invalid syntax");
    refuse("{{.a.}}", "template: ps:1: unexpected \".\" in operand");
    refuse("{{range $a, $b, $c := .}}{{end}}", "template: ps:1: range can only initialize variables");
    refuse("{{if $a, $b := .}}{{end}}", "template: ps:1: undefined variable \"$a\"");
    refuse("{{.a : 1}}", "template: ps:1: expected :=");
    refuse("{{template}}", "template: ps:1: unexpected \"}}\" in template clause");
    refuse("{{template x}}", "template: ps:1: unexpected \"x\" in template clause");
    refuse("{{define \"x\"}}", "template: ps:1: unexpected EOF");
    refuse("{{define \"x\" .}}{{end}}", "template: ps:1: unexpected \".\" in define clause");
    refuse("{{define \"x\"}}a{{else}}b{{end}}", "template: ps:1: unexpected {{else}} in define clause");
    refuse("{{if .A}}{{define \"x\"}}a{{end}}{{end}}", "template: ps:1: unexpected <define> in command");
    refuse("{{define \"x\"}}a{{end}}\n{{define \"x\"}}b{{end}}",
           "template: ps:2: multiple definition of template \"x\"");
    refuse("{{$v := 1}}{{define \"x\"}}{{$v}}{{end}}", "template: ps:1: undefined variable \"$v\"");
    refuse("{{range .}}{{block \"x\" .}}{{break}}{{end}}{{end}}", "template: ps:1: {{break}} outside {{range}}");
    refuse("{{if end}}", "template: ps:1: unexpected <end> in if");
    refuse("{{.a#}}", "template: ps:1: bad character U+0023 '#'");
}

static void test_accepted(void **state)
{
    (void)state;
    accept("");
    accept("no actions }} at all");
    accept("{{range .}}{{range $i, $e := .X}}{{$i}}{{$e.Y}}{{end}}{{else}}x{{end}}");
    accept("{{with $x := 1}}{{$x}}{{end}}");
    accept("{{ .A.B.C | printf \"%s\" | len }}");
    accept("{{(.A | len).B.C}}{{$.X}}{{(index .A 1).B}}");
    accept("{{- 3 -}}{{-3}}{{+3}}{{1_000}}{{0b11}}{{0o17}}{{'\\''}}{{\"\\x41\\101\\u00e9\\U0001F600\"}}");
    accept("{{true}}{{false}}{{.}}{{`\n`}}");
}

/* `n` times `piece`, between `before` and `behind`. */
static char *repeated(const char *before, const char *piece, size_t n, const char *behind)
{
    struct strbuf sb = STRBUF_INIT;
    char *text;
    expect_success(strbuf_puts(&sb, before));
    for (size_t i = 0; i < n; i++)
        expect_success(strbuf_puts(&sb, piece));
    expect_success(strbuf_puts(&sb, behind));
    expect_success(strbuf_take(&sb, &text));
    return text;
}

static void test_limits(void **state)
{
    (void)state;
    AUTO_FREE char *parens = repeated("{{", "(", 1000, "");
    refuse(parens, "template: ps:1: max expression depth exceeded");
    AUTO_FREE char *ifs = repeated("", "{{if 1}}", 1000, "");
    refuse(ifs, "template: ps:1: max nesting depth exceeded");
    AUTO_FREE char *elses = repeated("{{if 1}}", "{{else if 1}}", 1000, "");
    refuse(elses, "template: ps:1: max nesting depth exceeded");
    AUTO_FREE char *nodes = repeated("", "{{1}}", 12000, "");
    refuse(nodes, "template: ps:1: template is too large");
    AUTO_FREE char *length = repeated("", "x", 70000, "");
    refuse(length, "template: ps: longer than 65536 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broken_syntax),
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
