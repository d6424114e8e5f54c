#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "userns/idplan.h"

/* Facts and ranges as texts, the plan as a text. */
static void facts_make(struct idplan_facts *f, unsigned uid, bool caps, bool setfcap, const char *own)
{
    *f = (struct idplan_facts){.uid = uid, .gid = uid, .can_set_ids = caps, .can_map_zero = setfcap};
    assert_null(idmap_parse(own, &f->own_uids));
    assert_null(idmap_parse(own, &f->own_gids));
}

static void ranges_add(struct subid_ranges *r, uint32_t start, uint32_t count)
{
    assert_null(subid_set_add(&r->uids, start, count));
    assert_null(subid_set_add(&r->gids, start, count));
}

static void assert_plan(const struct idplan_facts *f, const struct subid_ranges *r, const char *trouble,
                        enum idplan_method method, bool remapped, const char *map)
{
    AUTO_IDPLAN struct idplan p = {0};
    AUTO_FREE char *uids = NULL;
    AUTO_FREE char *gids = NULL;
    assert_null(idplan_make(f, r, trouble, &p));
    assert_null(idmap_text(&p.uids, &uids));
    assert_null(idmap_text(&p.gids, &gids));
    assert_string_equal(uids, map);
    assert_string_equal(gids, map);
    assert_int_equal(p.method, method);
    assert_int_equal(p.remapped, remapped);
    assert_int_equal(p.notice != NULL, method == IDPLAN_SINGLE);
}

#define ALL "0 0 4294967295"

static void a_user_with_ranges_goes_through_newuidmap(void **state)
{
    (void)state;
    AUTO_IDPLAN_FACTS struct idplan_facts f;
    AUTO_SUBID_RANGES struct subid_ranges r = {0};
    facts_make(&f, 1001, false, false, ALL);
    ranges_add(&r, 100000, 65536);
    ranges_add(&r, 300000, 1000);
    assert_plan(&f, &r, NULL, IDPLAN_HELPER, false, "0 1001 1\n1 100000 65536\n65537 300000 1000\n");
}

static void with_the_capabilities_newuidmap_is_not_needed(void **state)
{
    (void)state;
    AUTO_IDPLAN_FACTS struct idplan_facts f;
    AUTO_SUBID_RANGES struct subid_ranges r = {0};
    facts_make(&f, 1001, true, false, ALL);
    ranges_add(&r, 100000, 65536);
    assert_plan(&f, &r, "it is missing", IDPLAN_DIRECT, false, "0 1001 1\n1 100000 65536\n");
}

static void without_ranges_there_is_one_id_and_a_notice(void **state)
{
    (void)state;
    AUTO_IDPLAN_FACTS struct idplan_facts f;
    AUTO_SUBID_RANGES struct subid_ranges r = {0};
    AUTO_IDPLAN struct idplan p = {0};
    facts_make(&f, 1001, false, false, ALL);
    assert_plan(&f, &r, NULL, IDPLAN_SINGLE, false, "0 1001 1\n");
    assert_null(subid_set_add(&r.uids, 100000, 65536)); /* uids without gids are of no use */
    assert_plan(&f, &r, NULL, IDPLAN_SINGLE, false, "0 1001 1\n");
    assert_null(idplan_make(&f, &r, NULL, &p));
    assert_non_null(strstr(p.notice, "/etc/subuid"));
    assert_null(strchr(p.notice, '\n'));
}

static void trouble_with_newuidmap_is_the_notice(void **state)
{
    (void)state;
    AUTO_IDPLAN_FACTS struct idplan_facts f;
    AUTO_SUBID_RANGES struct subid_ranges r = {0};
    AUTO_IDPLAN struct idplan p = {0};
    facts_make(&f, 1001, false, false, ALL);
    ranges_add(&r, 100000, 65536);
    assert_plan(&f, &r, "newuidmap is asleep", IDPLAN_SINGLE, false, "0 1001 1\n");
    assert_null(idplan_make(&f, &r, "newuidmap is asleep", &p));
    assert_non_null(strstr(p.notice, "newuidmap is asleep"));
}

static void own_and_repeated_ids_are_left_out(void **state)
{
    (void)state;
    AUTO_IDPLAN_FACTS struct idplan_facts f;
    AUTO_SUBID_RANGES struct subid_ranges r = {0};
    facts_make(&f, 1001, false, false, ALL);
    ranges_add(&r, 1000, 10); /* holds 1001 */
    ranges_add(&r, 1005, 10); /* overlaps the first */
    ranges_add(&r, 1000, 10); /* a line by name and one by number */
    assert_plan(&f, &r, NULL, IDPLAN_HELPER, false, "0 1001 1\n1 1000 1\n2 1002 8\n10 1010 5\n");
}

static void ids_that_do_not_exist_here_are_left_out(void **state)
{
    (void)state;
    AUTO_IDPLAN_FACTS struct idplan_facts f;
    AUTO_SUBID_RANGES struct subid_ranges r = {0};
    facts_make(&f, 1000, false, false, "0 100000 2000\n5000 200000 10");
    ranges_add(&r, 1900, 65536);
    assert_plan(&f, &r, NULL, IDPLAN_HELPER, false, "0 1000 1\n1 1900 100\n101 5000 10\n");
    AUTO_SUBID_RANGES struct subid_ranges outside = {0};
    ranges_add(&outside, 100000, 65536);
    assert_plan(&f, &outside, NULL, IDPLAN_SINGLE, false, "0 1000 1\n");
}

static void real_root_is_mapped_to_its_range_alone(void **state)
{
    (void)state;
    AUTO_IDPLAN_FACTS struct idplan_facts f;
    AUTO_SUBID_RANGES struct subid_ranges r = {0};
    facts_make(&f, 0, true, true, ALL);
    assert_true(idplan_is_real_root(&f));
    assert_false(idplan_is_nested_root(&f));
    ranges_add(&r, 0x70000000, 65536);
    assert_plan(&f, &r, "it is missing", IDPLAN_DIRECT, true, "0 1879048192 65536\n");
    AUTO_SUBID_RANGES struct subid_ranges none = {0};
    AUTO_IDPLAN struct idplan p = {0};
    struct err *e = idplan_make(&f, &none, NULL, &p);
    assert_non_null(e); /* never host ids for want of others */
    err_free(e);
}

static void nested_root_hands_on_what_it_has(void **state)
{
    (void)state;
    AUTO_IDPLAN_FACTS struct idplan_facts f;
    AUTO_SUBID_RANGES struct subid_ranges none = {0};
    facts_make(&f, 0, true, true, "0 1000 1\n1 100000 65536");
    assert_true(idplan_is_nested_root(&f));
    assert_plan(&f, &none, NULL, IDPLAN_DIRECT, false, "0 0 1\n1 1 65536\n");
}

static void nested_root_without_setfcap_keeps_id_0_back(void **state)
{
    (void)state;
    AUTO_IDPLAN_FACTS struct idplan_facts f;
    AUTO_SUBID_RANGES struct subid_ranges none = {0};
    facts_make(&f, 0, true, false, "0 1000 1\n1 100000 65536");
    assert_plan(&f, &none, NULL, IDPLAN_DIRECT, true, "0 1 65536\n");
}

static void nested_root_with_one_id_has_one_id(void **state)
{
    (void)state;
    AUTO_IDPLAN_FACTS struct idplan_facts f;
    AUTO_SUBID_RANGES struct subid_ranges none = {0};
    facts_make(&f, 0, true, true, "0 1000 1");
    assert_plan(&f, &none, NULL, IDPLAN_SINGLE, false, "0 0 1\n");
}

static void more_ranges_than_a_map_holds_are_cut(void **state)
{
    (void)state;
    AUTO_IDPLAN_FACTS struct idplan_facts f;
    AUTO_SUBID_RANGES struct subid_ranges r = {0};
    AUTO_IDPLAN struct idplan p = {0};
    facts_make(&f, 1001, false, false, ALL);
    for (uint32_t i = 0; i < IDMAP_MAX + 50; i++)
        ranges_add(&r, 100000 + i * 2, 1);
    assert_null(idplan_make(&f, &r, NULL, &p));
    assert_int_equal(p.uids.count, IDMAP_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_with_ranges_goes_through_newuidmap),
        cmocka_unit_test(with_the_capabilities_newuidmap_is_not_needed),
        cmocka_unit_test(without_ranges_there_is_one_id_and_a_notice),
        cmocka_unit_test(trouble_with_newuidmap_is_the_notice),
        cmocka_unit_test(own_and_repeated_ids_are_left_out),
        cmocka_unit_test(ids_that_do_not_exist_here_are_left_out),
        cmocka_unit_test(real_root_is_mapped_to_its_range_alone),
        cmocka_unit_test(nested_root_hands_on_what_it_has),
        cmocka_unit_test(nested_root_without_setfcap_keeps_id_0_back),
        cmocka_unit_test(nested_root_with_one_id_has_one_id),
        cmocka_unit_test(more_ranges_than_a_map_holds_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
