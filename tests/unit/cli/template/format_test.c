/* printf: expectations from go1.19.8. */
#include "tests/unit/cli/expect.h"

#include "base/strbuf.h"
#include "cli/template/template.h"

static void check(const char *format, const char *expected)
{
    AUTO_TEMPLATE struct template *t = NULL;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    AUTO_JSON json_t *data_json = json_object();
    expect_success(json_put(data_json, "List", json_array()));
    expect_success(json_put(data_json, "Nil", json_null()));
    const struct template_data data = {.json = data_json};
    expect_success(template_parse("x", format, &t));
    expect_success(template_execute(t, &data, &out));
    if (strcmp(strbuf_str(&out), expected) != 0)
        fail_msg("%s\ngave     %s\nexpected %s", format, strbuf_str(&out), expected);
}

static void test_verbs(void **state)
{
    (void)state;
    check("{{printf \"%5.2f|%x|%X|%o|%c|%U|%t|%+d|%05d|%-5d|%q|%s|%v\" 1.234 255 255 8 65 65 true 5 42 42 \"q\" \"s\" "
          ".List}}",
          " 1.23|ff|FF|10|A|U+0041|true|+5|00042|42   |\"q\"|s|[]");
    check("{{printf \"%T %T %T %T\" 1 \"a\" 1.5 true}}", "int string float64 bool");
    check("{{printf \"%b %#x %#o % d %q\" 5 255 8 7 65}}", "101 0xff 010  7 'A'");
    check("{{printf \"%x %X\" \"hi\" \"hi\"}}", "6869 6869");
    check("{{printf \"%6.2f|%-8s|%8s|%.2s|%e|%g\" 3.14159 \"ab\" \"ab\" \"abcdef\" 1234.5 0.1}}",
          "  3.14|ab      |      ab|ab|1.234500e+03|0.1");
    check("{{printf \"%*d|%-*d|\" 5 42 5 42}}", "   42|42   |");
    check("{{printf \"%05d|%+05d|%05s\" -42 42 \"a\"}}", "-0042|+0042|    a");
    check("{{printf \"100%%\"}}", "100%");
}

static void test_mistakes_show(void **state)
{
    (void)state;
    check("{{printf \"%d\" \"x\"}} {{printf \"%d\"}} {{printf \"x\" 1}}",
          "%!d(string=x) %!d(MISSING) x%!(EXTRA int=1)");
    check("{{printf \"%s\" 5}} {{printf \"%t\" 1}} {{printf \"%\"}}", "%!s(int=5) %!t(int=1) %!(NOVERB)");
    check("{{printf \"%v %s\" .Nil .Nil}}", "<nil> %!s(<nil>)");
    check("{{printf \"%z\" 1}}", "%!z(int=1)");
    check("{{printf \"a\" 1 \"b\"}}", "a%!(EXTRA int=1, string=b)");
    check("{{printf \"%99999999999d\" 1}}", "1");
}

static void test_print(void **state)
{
    (void)state;
    check("{{print 1 2 \"x\" 3}}|{{print \"a\" \"b\" 1}}|{{println 1 \"a\"}}", "1 2x3|ab1|1 a\n");
    check("{{print 1e21}} {{print 1e3}} {{print 0.00001}} {{print 123456789.0}} {{print 123456.0}} {{print 1.5}}",
          "1e+21 1000 1e-05 1.23456789e+08 123456 1.5");
    check("{{json 123456789.0}} {{json 0.5}} {{json 1e21}}", "123456789 0.5 1e+21");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verbs),
        cmocka_unit_test(test_mistakes_show),
        cmocka_unit_test(test_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
