/* Values of flags: what each kind takes, and the words in which it refuses. */
#include "tests/unit/cli/expect.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/strv.h"
#include "cli/flag.h"

struct opts {
    bool on;
    int tri;
    const char *text, *choice;
    int64_t number, duration;
    uint64_t natural;
    double real;
    struct strv list, array;
    char called[64];
};
#define O(field) offsetof(struct opts, field)

static struct err *append(void *opts, const struct cli_flag *f, const char *value)
{
    struct opts *o = opts;
    (void)f;
    strncat(o->called, value, sizeof o->called - strlen(o->called) - 2);
    strncat(o->called, ";", 2);
    return NULL;
}

static const struct cli_flag table[] = {
    {"on", 'o', CLI_BOOL, .offset = O(on)},
    {"tri", 0, CLI_TRISTATE, .offset = O(tri)},
    {"text", 't', CLI_STRING, .offset = O(text), .def = "none"},
    {"choice", 0, CLI_STRING, .offset = O(choice), .choices = "a|bc|d"},
    {"number", 'n', CLI_INT, .offset = O(number), .def = "-1"},
    {"natural", 0, CLI_UINT, .offset = O(natural)},
    {"real", 0, CLI_FLOAT, .offset = O(real)},
    {"duration", 0, CLI_DURATION, .offset = O(duration), .def = "250ms"},
    {"list", 'l', CLI_STRINGS, .offset = O(list)},
    {"array", 0, CLI_ARRAY, .offset = O(array)},
    {"call", 0, CLI_CALL, .set = append},
    {"calls", 0, CLI_CALL_CSV, .set = append},
    {"switch", 0, CLI_CALL_BOOL, .set = append},
    {"later", 0, CLI_STRING, .missing = "it is not built yet", .offset = 100000},
    {0},
};

static const struct cli_flag *flag(const char *name)
{
    return cli_flag_find(table, name, strlen(name));
}

static struct err *apply(struct opts *o, const char *name, const char *value)
{
    return cli_flag_apply(flag(name), o, value);
}

static void test_lookup(void **state)
{
    (void)state;
    assert_ptr_equal(flag("number"), cli_flag_find_letter(table, 'n'));
    assert_null(flag("num"));
    assert_null(flag("numbers"));
    assert_null(flag(""));
    assert_null(cli_flag_find_letter(table, 'x'));
    assert_null(cli_flag_find(NULL, "x", 1));
    assert_ptr_equal(cli_flag_find(table, "text=x", 4), flag("text"));
}

static void test_defaults(void **state)
{
    (void)state;
    struct opts o = {0};
    expect_success(cli_flag_defaults(table, &o));
    assert_int_equal(o.number, -1);
    assert_int_equal(o.tri, -1);
    assert_string_equal(o.text, "none");
    assert_null(o.choice);
    assert_int_equal(o.duration, 250000000);
    cli_flag_done(table, &o);
}

static void test_values(void **state)
{
    (void)state;
    struct opts o = {0};
    expect_success(apply(&o, "on", "T"));
    assert_true(o.on);
    expect_success(apply(&o, "on", "0"));
    assert_false(o.on);
    expect_success(apply(&o, "tri", "false"));
    assert_int_equal(o.tri, 0);
    expect_success(apply(&o, "choice", "bc"));
    assert_string_equal(o.choice, "bc");
    expect_success(apply(&o, "number", "-42"));
    assert_int_equal(o.number, -42);
    expect_success(apply(&o, "natural", "9223372036854775807"));
    assert_true(o.natural == INT64_MAX);
    expect_success(apply(&o, "real", "1.5"));
    assert_true(o.real > 1.49 && o.real < 1.51);
    expect_success(apply(&o, "duration", "100"));
    assert_int_equal(o.duration, 100000000);
    expect_success(apply(&o, "duration", "2s"));
    assert_int_equal(o.duration, 2000000000);
    expect_success(apply(&o, "call", "a,b"));
    expect_success(apply(&o, "calls", "c,d"));
    expect_success(apply(&o, "switch", "1"));
    assert_string_equal(o.called, "a,b;c;d;true;");
}

static void test_lists(void **state)
{
    (void)state;
    struct opts o = {0};
    expect_success(apply(&o, "list", "a,b"));
    expect_success(apply(&o, "list", "\"c,d\",\"e\"\"f\","));
    expect_success(apply(&o, "list", ""));
    expect_success(apply(&o, "array", "a,b"));
    AUTO_FREE char *list = NULL, *array = NULL;
    expect_success(strv_join(&o.list, "|", &list));
    expect_success(strv_join(&o.array, "|", &array));
    assert_string_equal(list, "a|b|c,d|e\"f|");
    assert_string_equal(array, "a,b");
    cli_flag_done(table, &o);
    assert_int_equal(o.list.count, 0);
}

static void test_refusals(void **state)
{
    (void)state;
    struct opts o = {0};
    expect_error(apply(&o, "on", "yes"), ERR_INVALID,
                 "invalid argument \"yes\" for \"-o, --on\" flag: strconv.ParseBool: parsing \"yes\": invalid syntax");
    expect_error(apply(&o, "number", "1x"), ERR_INVALID,
                 "invalid argument \"1x\" for \"-n, --number\" flag: strconv.ParseInt: parsing \"1x\": invalid syntax");
    expect_error(apply(&o, "natural", "-1"), ERR_INVALID,
                 "invalid argument \"-1\" for \"--natural\" flag: strconv.ParseUint: parsing \"-1\": invalid syntax");
    expect_error(apply(&o, "real", "x"), ERR_INVALID,
                 "invalid argument \"x\" for \"--real\" flag: strconv.ParseFloat: parsing \"x\": invalid syntax");
    expect_error(apply(&o, "duration", "soon"), ERR_INVALID,
                 "invalid argument \"soon\" for \"--duration\" flag: time: invalid duration");
    expect_error(
        apply(&o, "choice", "b"), ERR_INVALID,
        "invalid argument \"b\" for \"--choice\" flag: \"b\" is not a valid value.  Choose from: \"a, bc, d\"");
    expect_error(apply(&o, "choice", ""), ERR_INVALID,
                 "invalid argument \"\" for \"--choice\" flag: \"\" is not a valid value.  Choose from: \"a, bc, d\"");
    expect_error(apply(&o, "list", "a\"b"), ERR_INVALID,
                 "invalid argument \"a\"b\" for \"-l, --list\" flag: parse error: bare \" in non-quoted-field");
    expect_error(
        apply(&o, "list", "\"ab"), ERR_INVALID,
        "invalid argument \"\"ab\" for \"-l, --list\" flag: parse error: extraneous or missing \" in quoted-field");
    expect_error(apply(&o, "later", "x"), ERR_UNSUPPORTED, "--later: it is not built yet");
    cli_flag_done(table, &o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookup), cmocka_unit_test(test_defaults), cmocka_unit_test(test_values),
        cmocka_unit_test(test_lists),  cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
