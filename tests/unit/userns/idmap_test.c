#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "userns/idmap.h"

static void assert_invalid(struct err *e)
{
    assert_non_null(e);
    assert_int_equal(err_kind(e), ERR_INVALID);
    err_free(e);
}

static void ranges_are_kept_sorted(void **state)
{
    (void)state;
    AUTO_IDMAP struct idmap m = {0};
    assert_null(idmap_add(&m, 1000, 5000, 10));
    assert_null(idmap_add(&m, 0, 1000, 1));
    assert_null(idmap_add(&m, 1, 100000, 999));
    assert_int_equal(m.count, 3);
    assert_int_equal(m.ranges[0].ct, 0);
    assert_int_equal(m.ranges[1].ct, 1);
    assert_int_equal(m.ranges[2].ct, 1000);
    assert_int_equal(idmap_total(&m), 1010);
    assert_int_equal(idmap_contiguous(&m), 1010);
}

static void contiguous_stops_at_a_gap(void **state)
{
    (void)state;
    AUTO_IDMAP struct idmap m = {0};
    assert_int_equal(idmap_contiguous(&m), 0);
    assert_null(idmap_add(&m, 0, 1000, 5));
    assert_null(idmap_add(&m, 6, 2000, 5));
    assert_int_equal(idmap_contiguous(&m), 5);
    AUTO_IDMAP struct idmap late = {0};
    assert_null(idmap_add(&late, 1, 7, 1));
    assert_int_equal(idmap_contiguous(&late), 0);
}

static void ids_are_translated_both_ways(void **state)
{
    (void)state;
    AUTO_IDMAP struct idmap m = {0};
    uint32_t id = 77;
    assert_null(idmap_add(&m, 0, 1001, 1));
    assert_null(idmap_add(&m, 1, 100000, 65536));
    assert_true(idmap_to_host(&m, 0, &id));
    assert_int_equal(id, 1001);
    assert_true(idmap_to_host(&m, 65536, &id));
    assert_int_equal(id, 165535);
    assert_true(idmap_to_ct(&m, 165535, &id));
    assert_int_equal(id, 65536);
    id = 77;
    assert_false(idmap_to_host(&m, 65537, &id));
    assert_false(idmap_to_ct(&m, 0, &id));
    assert_false(idmap_to_ct(&m, 165536, &id));
    assert_int_equal(id, 77);
}

static void overlaps_of_either_side_are_refused(void **state)
{
    (void)state;
    AUTO_IDMAP struct idmap m = {0};
    assert_null(idmap_add(&m, 10, 100, 10));
    assert_invalid(idmap_add(&m, 19, 500, 1));
    assert_invalid(idmap_add(&m, 5, 500, 6));
    assert_invalid(idmap_add(&m, 0, 500, 100));
    assert_invalid(idmap_add(&m, 50, 109, 1));
    assert_invalid(idmap_add(&m, 50, 95, 6));
    assert_null(idmap_add(&m, 20, 110, 1));
    assert_null(idmap_add(&m, 9, 99, 1));
    assert_int_equal(m.count, 3);
}

static void what_the_kernel_refuses_is_refused(void **state)
{
    (void)state;
    AUTO_IDMAP struct idmap m = {0};
    assert_invalid(idmap_add(&m, 0, 0, 0));
    assert_invalid(idmap_add(&m, UINT32_MAX, 0, 1));
    assert_invalid(idmap_add(&m, 0, UINT32_MAX, 1));
    assert_invalid(idmap_add(&m, 1, 0, UINT32_MAX));
    assert_int_equal(m.count, 0);
    assert_null(idmap_add(&m, 0, 0, UINT32_MAX)); /* the map of the first namespace */
    assert_int_equal(idmap_total(&m), UINT32_MAX);
}

static void more_than_340_ranges_are_refused(void **state)
{
    (void)state;
    AUTO_IDMAP struct idmap m = {0};
    for (uint32_t i = 0; i < IDMAP_MAX; i++)
        assert_null(idmap_add(&m, i * 2, i * 2, 1));
    assert_invalid(idmap_add(&m, 100000, 100000, 1));
}

static void copies_are_equal_and_independent(void **state)
{
    (void)state;
    AUTO_IDMAP struct idmap m = {0}, copy = {0}, empty = {0}, empty_copy = {0};
    assert_null(idmap_add(&m, 0, 1000, 1));
    assert_null(idmap_copy(&m, &copy));
    assert_true(idmap_equal(&m, &copy));
    assert_null(idmap_add(&copy, 1, 2000, 1));
    assert_false(idmap_equal(&m, &copy));
    assert_null(idmap_copy(&empty, &empty_copy));
    assert_true(idmap_equal(&empty, &empty_copy));
}

static void running_out_of_memory_changes_nothing(void **state)
{
    (void)state;
    AUTO_IDMAP struct idmap m = {0};
    assert_null(idmap_add(&m, 0, 1000, 1));
    fault_arm(FAULT_MEM, 1);
    struct err *e = idmap_add(&m, 1, 2000, 1);
    fault_arm(FAULT_MEM, 0);
    assert_non_null(e);
    assert_int_equal(err_kind(e), ERR_NO_MEMORY);
    err_free(e);
    assert_int_equal(m.count, 1);
}

/* What the kernel would refuse with EPERM: a range that reaches over a border of the map around. */
static void ranges_are_cut_at_the_borders_of_the_parent(void **state)
{
    (void)state;
    AUTO_IDMAP struct idmap parent = {0}, m = {0}, cut = {0}, want = {0};
    assert_null(idmap_add(&parent, 0, 1000, 1));
    assert_null(idmap_add(&parent, 1, 100000, 500));
    assert_null(idmap_add(&parent, 501, 700000, 500));
    assert_null(idmap_add(&m, 0, 0, 600));
    assert_null(idmap_add(&m, 5000, 700, 301));
    assert_null(idmap_cut(&m, &parent, &cut));
    assert_null(idmap_add(&want, 0, 0, 1));
    assert_null(idmap_add(&want, 1, 1, 500));
    assert_null(idmap_add(&want, 501, 501, 99));
    assert_null(idmap_add(&want, 5000, 700, 301));
    assert_true(idmap_equal(&cut, &want));
}

static void ids_that_the_parent_lacks_are_refused(void **state)
{
    (void)state;
    AUTO_IDMAP struct idmap parent = {0}, m = {0}, beyond = {0}, cut = {0};
    assert_null(idmap_add(&parent, 0, 1000, 1));
    assert_null(idmap_add(&parent, 2, 100000, 10));
    assert_null(idmap_add(&m, 0, 0, 3)); /* over a gap */
    assert_invalid(idmap_cut(&m, &parent, &cut));
    assert_null(idmap_add(&beyond, 0, 2, 11));
    assert_invalid(idmap_cut(&beyond, &parent, &cut));
    assert_int_equal(cut.count, 0);
}

static void filling_goes_around_what_is_there(void **state)
{
    (void)state;
    AUTO_IDMAP struct idmap m = {0}, want = {0};
    uint32_t missing = 77;
    assert_null(idmap_add(&m, 3, 0, 1));
    assert_null(idmap_add(&m, 1000, 5, 2));
    assert_null(idmap_fill(&m, 0, 10, 1, 100, &missing));
    assert_int_equal(missing, 0);
    assert_null(idmap_add(&want, 0, 1, 3));
    assert_null(idmap_add(&want, 3, 0, 1));
    assert_null(idmap_add(&want, 4, 4, 1));
    assert_null(idmap_add(&want, 5, 7, 5));
    assert_null(idmap_add(&want, 1000, 5, 2));
    assert_true(idmap_equal(&m, &want));
    assert_null(idmap_fill(&m, 2000, 100, 20, 50, &missing));
    assert_int_equal(missing, 70);
    assert_null(idmap_fill(&m, 0, 0, 0, 0, &missing));
    assert_int_equal(missing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_kept_sorted),
        cmocka_unit_test(contiguous_stops_at_a_gap),
        cmocka_unit_test(ids_are_translated_both_ways),
        cmocka_unit_test(overlaps_of_either_side_are_refused),
        cmocka_unit_test(what_the_kernel_refuses_is_refused),
        cmocka_unit_test(more_than_340_ranges_are_refused),
        cmocka_unit_test(ranges_are_cut_at_the_borders_of_the_parent),
        cmocka_unit_test(ids_that_the_parent_lacks_are_refused),
        cmocka_unit_test(filling_goes_around_what_is_there),
        cmocka_unit_test(copies_are_equal_and_independent),
        cmocka_unit_test(running_out_of_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
