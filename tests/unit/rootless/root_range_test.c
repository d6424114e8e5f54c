#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>

#include "base/file.h"
#include "base/mem.h"
#include "rootless/root_range.h"

static void the_first_range_is_beyond_what_others_hand_out(void **state)
{
    (void)state;
    const struct subid_ranges none = {0};
    uint32_t start = 0;
    assert_null(root_range_choose(&none, &start));
    assert_true(start > 600100000);  /* SUB_UID_MAX of login.defs */
    assert_true(start > 0x6fffffff); /* systemd-nspawn */
    assert_true((uint64_t)start + 65536 < 0x80000000);
}

static void taken_ranges_are_avoided(void **state)
{
    (void)state;
    AUTO_SUBID_RANGES struct subid_ranges taken = {0};
    uint32_t first = 0, start = 0;
    assert_null(root_range_choose(&taken, &first));
    assert_null(subid_set_add(&taken.uids, first + 65535, 1));
    assert_null(root_range_choose(&taken, &start));
    assert_int_equal(start, first + 65536);
    assert_null(subid_set_add(&taken.gids, first + 65536, 100000));
    assert_null(root_range_choose(&taken, &start));
    assert_int_equal(start, first + 3 * 65536);
}

static void when_all_is_taken_there_is_an_error(void **state)
{
    (void)state;
    AUTO_SUBID_RANGES struct subid_ranges taken = {0};
    uint32_t start = 77;
    assert_null(subid_set_add(&taken.uids, 0x70000000, 0x70000000));
    AUTO_ERR struct err *e = root_range_choose(&taken, &start);
    assert_non_null(e);
    assert_int_equal(err_kind(e), ERR_NO_SPACE);
    assert_int_equal(start, 77);
}

static void what_was_recorded_is_used(void **state)
{
    (void)state;
    char dir[] = "/tmp/root-range.XXXXXX", path[64];
    AUTO_SUBID_RANGES struct subid_ranges r = {0};
    static const char text[] = "source chosen\nuid 5000000 65536\ngid 6000000 65536\nend\n";
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/ids", dir);
    assert_null(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, FILE_NOSYNC));
    assert_null(root_range_get(dir, "/nonexistent", &r));
    assert_int_equal(r.uids.spans[0].start, 5000000);
    assert_int_equal(r.gids.spans[0].start, 6000000);
    assert_null(file_remove_tree(AT_FDCWD, dir));
}

/* Where nobody can be asked a range is chosen, and then stays. */
static void what_was_chosen_is_recorded(void **state)
{
    (void)state;
    char dir[] = "/tmp/root-range.XXXXXX";
    AUTO_SUBID_RANGES struct subid_ranges a = {0}, b = {0};
    assert_non_null(mkdtemp(dir));
    assert_null(root_range_get(dir, "/nonexistent", &a));
    assert_int_equal(a.uids.count, 1);
    assert_null(root_range_get(dir, "/nonexistent", &b));
    assert_int_equal(a.uids.spans[0].start, b.uids.spans[0].start);
    assert_null(file_remove_tree(AT_FDCWD, dir));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_range_is_beyond_what_others_hand_out),
        cmocka_unit_test(taken_ranges_are_avoided),
        cmocka_unit_test(when_all_is_taken_there_is_an_error),
        cmocka_unit_test(what_was_recorded_is_used),
        cmocka_unit_test(what_was_chosen_is_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
