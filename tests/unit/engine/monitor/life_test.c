#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/monitor/life.h"

static void test_restart_policies(void **state)
{
    (void)state;
    static const struct {
        enum plan_restart policy;
        uint32_t max, count;
        int code;
        bool by_user, wants;
    } cases[] = {
        {PLAN_RESTART_NO, 0, 0, 1, false, false},
        {PLAN_RESTART_ON_FAILURE, 0, 0, 0, false, false},
        {PLAN_RESTART_ON_FAILURE, 0, 1000, 1, false, true},
        {PLAN_RESTART_ON_FAILURE, 3, 2, 1, false, true},
        {PLAN_RESTART_ON_FAILURE, 3, 3, 1, false, false},
        {PLAN_RESTART_ON_FAILURE, 3, 0, 1, true, false},
        {PLAN_RESTART_ALWAYS, 0, 1000, 0, false, true},
        {PLAN_RESTART_ALWAYS, 0, 0, 0, true, false},
        {PLAN_RESTART_UNLESS_STOPPED, 0, 0, 0, false, true},
        {PLAN_RESTART_UNLESS_STOPPED, 0, 0, 137, true, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct monitor_plan plan = {
            .restart = cases[i].policy, .restart_max = cases[i].max, .restart_count = cases[i].count};
        const struct monitor_exit exit = {.exit_code = cases[i].code};
        assert_int_equal(life_wants_restart(&plan, &exit, cases[i].by_user), cases[i].wants);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_restart_policies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
