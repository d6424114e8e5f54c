/* Listings with and without attributes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fuse-overlay/habit.h"

/* Listings until one is without attributes. */
static unsigned until_bare(struct habit *h)
{
    unsigned n = 0;
    while (!habit_list(h) && n < 10000)
        n++;
    return n;
}

static void test_stays_bare_without_lookups(void **state)
{
    (void)state;
    struct habit h;
    habit_init(&h);
    assert_in_range(until_bare(&h), 1, 16);
    for (int i = 0; i < 100; i++) {
        assert_true(habit_list(&h));
        habit_lookup(&h); /* one file of it is opened */
    }
}

static void test_lookups_end_it(void **state)
{
    (void)state;
    struct habit h;
    habit_init(&h);
    (void)until_bare(&h);
    for (int i = 0; i < 3; i++)
        habit_lookup(&h);
    assert_false(habit_list(&h));
}

static void test_tries_become_rare(void **state)
{
    (void)state;
    struct habit h;
    habit_init(&h);
    unsigned last = 0;
    for (int round = 0; round < 12; round++) {
        unsigned n = until_bare(&h);
        assert_true(n >= last);
        last = n;
        for (int i = 0; i < 20; i++)
            habit_lookup(&h);
    }
    assert_in_range(last, 100, 1000); /* but they don't end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stays_bare_without_lookups),
        cmocka_unit_test(test_lookups_end_it),
        cmocka_unit_test(test_tries_become_rare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
