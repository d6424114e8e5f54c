/* Id maps of a mount. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "fuse-overlay/ids.h"

static void test_maps_both_ways(void **state)
{
    struct ids_map map = {NULL, 0};
    uint32_t id = 0;
    (void)state;
    assert_null(ids_parse("1000:0:1:100000:1:65536", &map));
    assert_int_equal(map.count, 2);
    assert_int_equal(ids_to_ct(&map, 1000, 65534), 0);
    assert_int_equal(ids_to_ct(&map, 100000, 65534), 1);
    assert_int_equal(ids_to_ct(&map, 165535, 65534), 65536);
    assert_int_equal(ids_to_ct(&map, 165536, 65534), 65534);
    assert_int_equal(ids_to_ct(&map, 0, 65534), 65534);
    assert_int_equal(ids_to_host(&map, 65536, &id), 0);
    assert_int_equal(id, 165535);
    assert_int_equal(ids_to_host(&map, 65537, &id), -EOVERFLOW);
    ids_done(&map);
}

static void test_without_a_map_ids_stay(void **state)
{
    const struct ids_map map = {NULL, 0};
    uint32_t id = 0;
    (void)state;
    assert_int_equal(ids_to_ct(&map, 4242, 65534), 4242);
    assert_int_equal(ids_to_host(&map, 4242, &id), 0);
    assert_int_equal(id, 4242);
}

static void test_refuses(void **state)
{
    static const char *const bad[] = {"",
                                      "0",
                                      "0:0",
                                      "0:0:0",
                                      "a:0:1",
                                      "0:0:1:",
                                      "0:-1:1",
                                      "0:0:1:0:5:1",
                                      "0:5:2:9:6:1",
                                      "4294967295:0:1",
                                      "4294967290:0:10",
                                      "0:4294967290:10",
                                      "0:0:99999999999"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct ids_map map = {NULL, 0};
        struct err *e = ids_parse(bad[i], &map);
        if (!e)
            print_error("accepted: %s\n", bad[i]);
        assert_non_null(e);
        assert_int_equal(err_kind(e), ERR_INVALID);
        assert_int_equal(map.count, 0);
        err_free(e);
    }
}

static void test_refuses_too_many_ranges(void **state)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    struct ids_map map = {NULL, 0};
    (void)state;
    for (int i = 0; i <= IDS_MAX; i++)
        assert_null(strbuf_printf(&sb, "%s%d:%d:1", i ? ":" : "", i, i));
    struct err *e = ids_parse(strbuf_str(&sb), &map);
    assert_non_null(e);
    err_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maps_both_ways),
        cmocka_unit_test(test_without_a_map_ids_stay),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_refuses_too_many_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
