#include "cli/choose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static enum choose_result press(struct choose_state *s, const char *key)
{
    return choose_key(s, key, strlen(key));
}

static void keys(void **state)
{
    (void)state;
    struct choose_state s = {.count = 3};
    assert_int_equal(press(&s, "\033[A"), CHOOSE_GO_ON);
    assert_int_equal(s.at, 0); /* no further up */
    (void)press(&s, "\033[B");
    (void)press(&s, "\033OB");
    (void)press(&s, "j");
    assert_int_equal(s.at, 2);
    (void)press(&s, "k");
    assert_int_equal(s.at, 1);
    (void)press(&s, "3");
    assert_int_equal(s.at, 2);
    (void)press(&s, "9"); /* there is none */
    assert_int_equal(s.at, 2);
    (void)press(&s, "1");
    assert_int_equal(s.at, 0);
    assert_int_equal(press(&s, "\033"), CHOOSE_GO_ON);
    assert_int_equal(press(&s, "\r"), CHOOSE_DONE);
    assert_int_equal(press(&s, "\003"), CHOOSE_CANCEL);
    assert_int_equal(press(&s, "q"), CHOOSE_CANCEL);
}

static void numbers_of_two_digits(void **state)
{
    (void)state;
    struct choose_state s = {.count = 12};
    (void)press(&s, "1");
    assert_int_equal(s.at, 0);
    (void)press(&s, "2");
    assert_int_equal(s.at, 11);
    (void)press(&s, "5"); /* 125 is too much: 5 */
    assert_int_equal(s.at, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keys), cmocka_unit_test(numbers_of_two_digits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
