/* Expectations from podman's listings (text/tabwriter with 12, 2, 2, ' '). */
#include "tests/unit/cli/expect.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/tabwriter.h"

static void check(const char *text, const char *expected)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    expect_success(tabwriter_format(text, strlen(text), TABWRITER_LISTING, &out));
    if (strcmp(strbuf_str(&out), expected) != 0)
        fail_msg("%s\ngave\n%s\nexpected\n%s", text, strbuf_str(&out), expected);
}

static void test_listing(void **state)
{
    (void)state;
    check("CONTAINER ID\tIMAGE\tCOMMAND\tCREATED\tSTATUS\tPORTS\tNAMES\n"
          "94de96336c07\tlocalhost/bb:latest\tsleep 1000\t2 seconds ago\tUp 2 seconds ago\t\tt3\n",
          "CONTAINER ID  IMAGE                COMMAND     CREATED        STATUS            PORTS       NAMES\n"
          "94de96336c07  localhost/bb:latest  sleep 1000  2 seconds ago  Up 2 seconds ago              t3\n");
    check("REPOSITORY\tTAG\tIMAGE ID\tCREATED\tSIZE\n", "REPOSITORY  TAG         IMAGE ID    CREATED     SIZE\n");
    check("CONTAINER ID\tNAMES\n682d898325ab\tt1\n", "CONTAINER ID  NAMES\n682d898325ab  t1\n");
}

static void test_columns_end_with_their_lines(void **state)
{
    (void)state;
    check("a\tb\nno cells\nthis is a long cell\tb\n", "a           b\nno cells\nthis is a long cell  b\n");
    check("a\tb\tc\nthis is a long cell\td\ne\tthis is another long one\tf\n",
          "a                    b           c\nthis is a long cell  d\n"
          "e                    this is another long one  f\n");
    check("a\t\t\n", "a                       \n");
}

static void test_edges(void **state)
{
    (void)state;
    check("", "");
    check("\n", "\n");
    check("\n\n", "\n\n");
    check("no newline", "no newline");
    check("a\tb", "a           b");
    check("é\tb\n", "é           b\n"); /* counted as one */
    check("exactly ten\tb\n123456789012\tb\n", "exactly ten   b\n123456789012  b\n");
}

static void test_many_lines(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf in = STRBUF_INIT, out = STRBUF_INIT;
    for (int i = 0; i < 5000; i++)
        expect_success(strbuf_printf(&in, "%d\tx\n", i));
    expect_success(tabwriter_format(in.data, in.len, TABWRITER_LISTING, &out));
    assert_int_equal(out.len, 5000 * strlen("0           x\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listing),
        cmocka_unit_test(test_columns_end_with_their_lines),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_many_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
