#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "userns/idmap.h"

static void the_kernels_form_is_read_and_written(void **state)
{
    (void)state;
    AUTO_IDMAP struct idmap m = {0};
    AUTO_FREE char *text = NULL;
    assert_null(idmap_parse("         0       1001          1\n         1     100000      65536\n", &m));
    assert_int_equal(m.count, 2);
    assert_null(idmap_text(&m, &text));
    assert_string_equal(text, "0 1001 1\n1 100000 65536\n");
}

static void an_empty_map_is_empty(void **state)
{
    (void)state;
    AUTO_IDMAP struct idmap m = {0};
    AUTO_FREE char *text = NULL;
    assert_null(idmap_parse(" \n\n", &m));
    assert_int_equal(m.count, 0);
    assert_null(idmap_text(&m, &text));
    assert_string_equal(text, "");
}

static void the_last_line_needs_no_newline(void **state)
{
    (void)state;
    AUTO_IDMAP struct idmap m = {0};
    assert_null(idmap_parse("0 0 4294967295", &m));
    assert_int_equal(idmap_total(&m), UINT32_MAX);
}

static void malformed_maps_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "0",
        "0 1",
        "0 1\n2",
        "0 1 2 3",
        "0 1 -1",
        "0 1 x",
        "0x0 1 1",
        "0 0 4294967296",
        "0 0 99999999999999999999",
        "0 0 1\n0 5 1",
        "0 0 1\n5 0 1",
        "+0 1 1",
        "0 1 0",
        "0,1,1",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_IDMAP struct idmap m = {0};
        struct err *e = idmap_parse(bad[i], &m);
        if (!e)
            fail_msg("accepted \"%s\"", bad[i]);
        assert_int_equal(err_kind(e), ERR_INVALID);
        err_free(e);
        assert_int_equal(m.count, 0);
    }
}

static void flags_are_collected(void **state)
{
    (void)state;
    AUTO_IDMAP struct idmap m = {0};
    AUTO_FREE char *text = NULL;
    assert_null(idmap_parse_flag("0:1:5000", &m));
    assert_null(idmap_parse_flag("6000:0", &m));
    assert_null(idmap_text(&m, &text));
    assert_string_equal(text, "0 1 5000\n6000 0 1\n");
}

static void malformed_flags_are_refused_and_named(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "0", "0:1:2:3", "a:1:2", "0:1:", ":0:1", "0:1:0", "0: 1:1", "-1:0:1", "0:4294967295:1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_IDMAP struct idmap m = {0};
        struct err *e = idmap_parse_flag(bad[i], &m);
        if (!e)
            fail_msg("accepted \"%s\"", bad[i]);
        assert_int_equal(err_kind(e), ERR_INVALID);
        assert_non_null(strstr(err_text(e), bad[i]));
        err_free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernels_form_is_read_and_written),
        cmocka_unit_test(an_empty_map_is_empty),
        cmocka_unit_test(the_last_line_needs_no_newline),
        cmocka_unit_test(malformed_maps_are_refused),
        cmocka_unit_test(flags_are_collected),
        cmocka_unit_test(malformed_flags_are_refused_and_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
