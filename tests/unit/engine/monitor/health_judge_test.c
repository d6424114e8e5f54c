/* Which status the results of probes give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/monitor/health.h"

static const struct plan_health usual = {.enabled = true, .retries = 3};

static void unhealthy_after_as_many_failures_in_a_row(void **state)
{
    struct health_count c = {.status = MONITOR_HEALTH_STARTING};
    (void)state;
    assert_int_equal(health_judge(&usual, &c, false, 0), HEALTH_GO_ON);
    assert_int_equal(health_judge(&usual, &c, false, 0), HEALTH_GO_ON);
    assert_int_equal(c.status, MONITOR_HEALTH_STARTING);
    assert_int_equal(health_judge(&usual, &c, true, 0), HEALTH_GO_ON);
    assert_int_equal(c.status, MONITOR_HEALTH_HEALTHY);
    assert_int_equal(c.streak, 0);
    assert_int_equal(health_judge(&usual, &c, false, 0), HEALTH_GO_ON);
    assert_int_equal(health_judge(&usual, &c, false, 0), HEALTH_GO_ON);
    assert_int_equal(c.status, MONITOR_HEALTH_HEALTHY);
    assert_int_equal(health_judge(&usual, &c, false, 0), HEALTH_ACT);
    assert_int_equal(c.status, MONITOR_HEALTH_UNHEALTHY);
    assert_int_equal(c.streak, 3);
    assert_int_equal(health_judge(&usual, &c, true, 0), HEALTH_GO_ON);
    assert_int_equal(c.status, MONITOR_HEALTH_HEALTHY);
}

static void failures_while_it_starts_do_not_count(void **state)
{
    const struct plan_health plan = {.enabled = true, .retries = 1, .start_period_nsec = 100};
    struct health_count c = {.status = MONITOR_HEALTH_STARTING};
    (void)state;
    assert_int_equal(health_judge(&plan, &c, false, 99), HEALTH_GO_ON);
    assert_int_equal(c.streak, 0);
    assert_int_equal(health_judge(&plan, &c, true, 99), HEALTH_GO_ON);
    assert_int_equal(health_judge(&plan, &c, false, 99), HEALTH_ACT);
    c = (struct health_count){.status = MONITOR_HEALTH_STARTING};
    assert_int_equal(health_judge(&plan, &c, false, 100), HEALTH_ACT);
}

static void a_startup_check_goes_first(void **state)
{
    const struct plan_health plan = {
        .enabled = true, .retries = 1, .startup = true, .startup_retries = 2, .startup_successes = 2};
    struct health_count c = {.status = MONITOR_HEALTH_STARTING};
    (void)state;
    assert_int_equal(health_judge(&plan, &c, false, 0), HEALTH_GO_ON);
    assert_int_equal(health_judge(&plan, &c, true, 0), HEALTH_GO_ON);
    assert_false(c.startup_done);
    assert_int_equal(health_judge(&plan, &c, false, 0), HEALTH_GO_ON);
    assert_int_equal(c.startup_successes, 0);
    assert_int_equal(health_judge(&plan, &c, false, 0), HEALTH_RESTART);
    c = (struct health_count){.status = MONITOR_HEALTH_STARTING};
    assert_int_equal(health_judge(&plan, &c, true, 0), HEALTH_GO_ON);
    assert_int_equal(health_judge(&plan, &c, true, 0), HEALTH_GO_ON);
    assert_true(c.startup_done);
    assert_int_equal(c.status, MONITOR_HEALTH_STARTING);
    assert_int_equal(health_judge(&plan, &c, false, 0), HEALTH_ACT);
}

static void a_startup_check_may_fail_for_ever(void **state)
{
    const struct plan_health plan = {.enabled = true, .retries = 1, .startup = true};
    struct health_count c = {.status = MONITOR_HEALTH_STARTING};
    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(health_judge(&plan, &c, false, 0), HEALTH_GO_ON);
    assert_int_equal(health_judge(&plan, &c, true, 0), HEALTH_GO_ON);
    assert_true(c.startup_done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unhealthy_after_as_many_failures_in_a_row),
        cmocka_unit_test(failures_while_it_starts_do_not_count),
        cmocka_unit_test(a_startup_check_goes_first),
        cmocka_unit_test(a_startup_check_may_fail_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
