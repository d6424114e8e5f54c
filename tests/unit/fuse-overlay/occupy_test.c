/* Occupying a processor: it must end by itself. Where it cannot begin (one processor, or more than two) that is said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "fuse-overlay/occupy.h"

/* Without requests from now on, until it has ended; at most a minute. */
static bool ends(struct occupy *o)
{
    for (int i = 0; i < 60000; i++) {
        if (!atomic_load(&o->is_on))
            return true;
        const struct timespec t = {.tv_nsec = 1000000};
        (void)nanosleep(&t, NULL);
    }
    return false;
}

static void test_ends_without_requests(void **state)
{
    (void)state;
    struct occupy o;
    bool disturbed = false;
    occupy_init(&o);
    for (int round = 0; round < 3; round++) {
        if (!occupy_begin(&o))
            break;
        for (int i = 0; i < 100; i++)
            (void)occupy_request(&o, &disturbed);
        assert_true(ends(&o));
        assert_false(occupy_request(&o, &disturbed));
    }
    occupy_done(&o);
}

static void test_is_ended(void **state)
{
    (void)state;
    struct occupy o;
    bool disturbed = false;
    occupy_init(&o);
    (void)occupy_begin(&o);
    occupy_end(&o);
    assert_false(occupy_request(&o, &disturbed));
    occupy_done(&o);
}

static void test_needs_no_beginning(void **state)
{
    (void)state;
    struct occupy o;
    bool disturbed = true;
    occupy_init(&o);
    assert_false(occupy_request(&o, &disturbed));
    assert_false(disturbed);
    occupy_done(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends_without_requests),
        cmocka_unit_test(test_is_ended),
        cmocka_unit_test(test_needs_no_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
