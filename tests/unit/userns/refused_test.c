#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "userns/refused.h"

static void the_errno_and_the_step_are_kept(void **state)
{
    (void)state;
    AUTO_ERR struct err *e = refused_explain(REFUSED_CREATE, EPERM);
    assert_int_equal(err_kind(e), ERR_DENIED);
    assert_int_equal(err_errno(e), EPERM);
    assert_non_null(strstr(err_text(e), "create a user namespace"));
    AUTO_ERR struct err *old = refused_explain(REFUSED_MAP, EINVAL);
    assert_int_equal(err_kind(old), ERR_UNSUPPORTED);
    assert_non_null(strstr(err_text(old), "map ids"));
}

static void there_is_always_a_reason(void **state)
{
    (void)state;
    AUTO_ERR struct err *e = refused_explain(REFUSED_MOUNT, ENOSPC);
    assert_non_null(strchr(err_text(e), '('));
    assert_null(strstr(err_text(e), "()"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_errno_and_the_step_are_kept),
        cmocka_unit_test(there_is_always_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
