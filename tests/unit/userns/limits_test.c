#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/resource.h>

#include "base/mem.h"
#include "userns/limits.h"

static void the_limit_is_named_with_its_value(void **state)
{
    (void)state;
    AUTO_FREE char *text = NULL;
    struct rlimit l;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &l), 0);
    const rlim_t before = l.rlim_cur;
    l.rlim_cur = 77;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &l), 0);
    AUTO_ERR struct err *e = ERR_WRAP(ERR_SYS(EMFILE, "open a file"), "do something");
    assert_null(limits_reason(e, &text));
    l.rlim_cur = before;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &l), 0);
    assert_non_null(text);
    assert_non_null(strstr(text, "77 open files"));
}

static void what_is_no_limit_gets_no_reason(void **state)
{
    (void)state;
    AUTO_FREE char *text = NULL;
    AUTO_ERR struct err *e = ERR_SYS(EACCES, "open a file");
    assert_null(limits_reason(e, &text));
    assert_null(text);
    /* ENOSPC of a namespace is no full disk. */
    AUTO_ERR struct err *ns = ERR_SYS_AS(ERR_DENIED, ENOSPC, "make a namespace");
    assert_null(limits_reason(ns, &text));
    assert_null(text);
    AUTO_ERR struct err *disk = ERR_SYS(ENOSPC, "write");
    assert_null(limits_reason(disk, &text));
    assert_non_null(strstr(text, "df -h"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_is_named_with_its_value),
        cmocka_unit_test(what_is_no_limit_gets_no_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
