/* The words of programs that are linked to musl are glibc's, which is what this test is linked to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/musl.h"

#undef strerror

static void words_are_those_of_glibc(void **state)
{
    (void)state;
    for (int i = 1; i <= EHWPOISON; i++)
        assert_string_equal(musl_strerror(i), strerror(i));
}

static void other_numbers_are_no_trouble(void **state)
{
    static const int others[] = {0, -1, 4095, INT32_MIN, INT32_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_non_null(musl_strerror(others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_those_of_glibc),
        cmocka_unit_test(other_numbers_are_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
