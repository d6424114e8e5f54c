#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rootless/ladder.h"

static void every_need_has_a_first_rung_and_a_way_out(void **state)
{
    (void)state;
    size_t count;
    const struct ladder *all = ladder_all(&count);
    assert_true(count > 15);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(ladder_find(all[i].need), &all[i]); /* keys are unique */
        assert_true(ladder_height(&all[i]) >= 1);
        assert_null(all[i].rungs[0].lost);
        for (size_t k = 1; k < ladder_height(&all[i]); k++)
            assert_non_null(all[i].rungs[k].lost);
        /* What has no end breaks nothing, and what breaks something has one. */
        assert_true(all[i].end || all[i].breaks == LADDER_NOTHING);
    }
    assert_null(ladder_find("no such need"));
}

static void the_table_has_a_row_for_each_need(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    size_t count, lines = 0;
    (void)ladder_all(&count);
    assert_null(ladder_markdown(&out));
    for (const char *s = strbuf_str(&out); (s = strchr(s, '\n')); s++)
        lines++;
    assert_int_equal(lines, count + 2);
    assert_non_null(strstr(strbuf_str(&out), "3. copy; lost: time and disk"));
    assert_non_null(strstr(strbuf_str(&out), "(run, build, -p)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_need_has_a_first_rung_and_a_way_out),
        cmocka_unit_test(the_table_has_a_row_for_each_need),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
