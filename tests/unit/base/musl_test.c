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
    for (int i = 0; i <= EHWPOISON; i++)
        if (strerrordesc_np(i)) /* 41 and 58 are nothing, and strerror() would allocate */
            assert_string_equal(musl_strerror(i), strerrordesc_np(i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_those_of_glibc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
