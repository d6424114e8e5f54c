#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "userns/subid.h"

static const struct subid_owner anna = {.name = "anna", .uid = 1000};

static void lines_of_the_name_and_of_the_number_count(void **state)
{
    (void)state;
    AUTO_SUBID struct subid_set s = {0};
    assert_null(subid_parse_file("bob:100000:65536\nanna:200000:65536\n1000:300000:10\n1001:400000:10", &anna, &s));
    assert_int_equal(s.count, 2);
    assert_int_equal(s.spans[0].start, 200000);
    assert_int_equal(s.spans[0].count, 65536);
    assert_int_equal(s.spans[1].start, 300000);
}

static void a_user_without_a_name_has_its_number(void **state)
{
    (void)state;
    const struct subid_owner nameless = {.uid = 1001};
    AUTO_SUBID struct subid_set s = {0};
    assert_null(subid_parse_file("anna:1:1\n1001:400000:10\n", &nameless, &s));
    assert_int_equal(s.count, 1);
    assert_int_equal(s.spans[0].start, 400000);
}

static void everyones_lines_can_be_asked_for(void **state)
{
    (void)state;
    const struct subid_owner everyone = {.everyone = true};
    AUTO_SUBID struct subid_set s = {0};
    assert_null(subid_parse_file("anna:100000:10\nbob:200000:10\n#x:300000:10\n", &everyone, &s));
    assert_int_equal(s.count, 2);
    assert_true(subid_set_meets(&s, 100009, 1));
    assert_false(subid_set_meets(&s, 100010, 99990));
    assert_true(subid_set_meets(&s, 100010, 99991));
    assert_false(subid_set_meets(&s, 300000, 10));
}

static void malformed_lines_are_skipped(void **state)
{
    (void)state;
    AUTO_SUBID struct subid_set s = {0};
    assert_null(subid_parse_file("\n#comment\n#anna:1:1\nanna\nanna:1\nanna:1:2:3\nanna:x:5\nanna:5:\nanna:5:0\n"
                                 "anna:-5:10\nanna:4294967295:1\nanna:4294967290:6\nanna:1:99999999999\nanna: 7:1\n"
                                 ":5:5\nanna:77:1",
                                 &anna, &s));
    assert_int_equal(s.count, 1);
    assert_int_equal(s.spans[0].start, 77);
}

static void the_answer_survives_the_way_between_processes(void **state)
{
    (void)state;
    AUTO_SUBID_RANGES struct subid_ranges r = {.source = "files"}, back = {0};
    AUTO_FREE char *text = NULL;
    assert_null(subid_set_add(&r.uids, 100000, 65536));
    assert_null(subid_set_add(&r.uids, 300000, 1));
    assert_null(subid_set_add(&r.gids, 500000, 2));
    assert_null(subid_ranges_text(&r, &text));
    assert_null(subid_ranges_parse(text, &back));
    assert_string_equal(back.source, "files");
    assert_int_equal(back.uids.count, 2);
    assert_int_equal(back.gids.count, 1);
    assert_int_equal(back.uids.spans[1].start, 300000);
    assert_int_equal(back.gids.spans[0].count, 2);
}

static void a_damaged_answer_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "source files\n",
        "uid 1 1\n",
        "uid 1\nend\n",
        "xid 1 1\nend\n",
        "uid 1 x\nend\n",
        "uid 1 0\nend\n",
        "uid 1 1 1\nend\n",
        "\nend\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_SUBID_RANGES struct subid_ranges r = {0};
        struct err *e = subid_ranges_parse(bad[i], &r);
        if (!e)
            fail_msg("accepted \"%s\"", bad[i]);
        err_free(e);
    }
}

static void a_set_has_limits(void **state)
{
    (void)state;
    AUTO_SUBID struct subid_set s = {0};
    struct err *e = NULL;
    for (unsigned i = 0; i < SUBID_SPANS_MAX; i++)
        assert_null(subid_set_add(&s, i, 1));
    e = subid_set_add(&s, 1, 1);
    assert_non_null(e);
    assert_int_equal(err_kind(e), ERR_NO_SPACE);
    err_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_the_name_and_of_the_number_count),
        cmocka_unit_test(a_user_without_a_name_has_its_number),
        cmocka_unit_test(everyones_lines_can_be_asked_for),
        cmocka_unit_test(malformed_lines_are_skipped),
        cmocka_unit_test(the_answer_survives_the_way_between_processes),
        cmocka_unit_test(a_damaged_answer_is_refused),
        cmocka_unit_test(a_set_has_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
