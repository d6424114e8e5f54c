/* Sets of capabilities, as Podman 4.3 writes them. */
#include "tests/unit/engine/container/expect.h"

#include "base/mem.h"
#include "engine/container/capability.h"

#define DEFAULT UINT64_C(0x800405fb)
#define NET_RAW (UINT64_C(1) << 13)

static void sets(void **state)
{
    (void)state;
    static const struct {
        const char *add, *drop;
        bool privileged;
        uint32_t uid;
        uint64_t bounding, effective, ambient;
    } cases[] = {
        {NULL, NULL, false, 0, DEFAULT, DEFAULT, 0},
        {NULL, NULL, false, 1000, DEFAULT, 0, 0},
        {"net_raw", NULL, false, 0, DEFAULT | NET_RAW, DEFAULT | NET_RAW, 0},
        {"CAP_net_raw", NULL, false, 1000, DEFAULT | NET_RAW, NET_RAW, NET_RAW},
        {"net_raw", "ALL", false, 1000, NET_RAW, NET_RAW, NET_RAW},
        {NULL, "all", false, 0, 0, 0, 0},
        {NULL, "chown,CAP_FOWNER", false, 0, DEFAULT & ~UINT64_C(9), DEFAULT & ~UINT64_C(9), 0},
        {"ALL", NULL, false, 0, CAP_ALL, CAP_ALL, 0},
        {"ALL", "chown", false, 0, CAP_ALL & ~UINT64_C(1), CAP_ALL & ~UINT64_C(1), 0},
        {"ALL", NULL, false, 1000, CAP_ALL, CAP_ALL, CAP_ALL},
        {NULL, NULL, true, 0, CAP_ALL, CAP_ALL, 0},
        {NULL, NULL, true, 1000, CAP_ALL, 0, 0},
        {NULL, "ALL", true, 0, 0, 0, 0},
        {"", "", false, 0, DEFAULT, DEFAULT, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct container_spec s;
        struct cap_sets c = {0};
        container_spec_init(&s);
        s.privileged = cases[i].privileged;
        if (cases[i].add)
            expect_ok(strv_add(&s.cap_add, cases[i].add), "add");
        if (cases[i].drop)
            expect_ok(strv_add(&s.cap_drop, cases[i].drop), "drop");
        expect_ok(cap_sets_compute(&s, cases[i].uid, &c), "compute");
        assert_true(c.bounding == cases[i].bounding);
        assert_true(c.effective == cases[i].effective && c.permitted == cases[i].effective);
        /* Inheritable ones would survive an exec of anything: only with ambient ones, which need them. */
        assert_true(c.ambient == cases[i].ambient && c.inheritable == cases[i].ambient);
        container_spec_done(&s);
    }
}

static void names(void **state)
{
    (void)state;
    unsigned n = 0;
    assert_true(cap_find("sys_admin", &n) && n == 21);
    assert_true(cap_find("CAP_CHECKPOINT_RESTORE", &n) && n == 40);
    assert_false(cap_find("ALL", &n));
    assert_false(cap_find("", &n));
    assert_false(cap_find("CAP_", &n));
    assert_false(cap_find("CAP_CAP_CHOWN", &n));
    assert_null(cap_name(41));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sets), cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
