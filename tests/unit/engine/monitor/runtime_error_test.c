#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/monitor/launch.h"

/* What crun 1.8 and runc 1.1 say, word by word. */
static void test_meanings(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err_kind kind;
        int code;
    } cases[] = {
        {"executable file `nosuch` not found in $PATH: No such file or directory", ERR_NO_COMMAND, 127},
        {"executable file `/bin/nosuch` not found: No such file or directory", ERR_NO_COMMAND, 127},
        {"open executable: Permission denied", ERR_CANNOT_EXEC, 126},
        {"open executable: Operation not permitted", ERR_CANNOT_EXEC, 126},
        {"exec container process `/bin/garbage`: Exec format error", ERR_CANNOT_EXEC, 126},
        {"runc run failed: unable to start container process: exec: \"nosuch\": executable file not found in $PATH",
         ERR_NO_COMMAND, 127},
        {"runc run failed: unable to start container process: exec: \"/x\": stat /x: no such file or directory",
         ERR_NO_COMMAND, 127},
        {"runc run failed: unable to start container process: exec: \"/tmp\": is a directory", ERR_CANNOT_EXEC, 126},
        {"runc run failed: unable to start container process: exec: \"/x\": permission denied", ERR_CANNOT_EXEC, 126},
        {"cannot set memory limit", ERR_INTERNAL, 125},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err *e = runtime_error("crun", cases[i].text);
        assert_int_equal(err_kind(e), cases[i].kind);
        assert_int_equal(err_exit_code(e), cases[i].code);
        assert_non_null(strstr(err_text(e), cases[i].text));
        err_drop(e);
    }
    struct err *e = runtime_error("crun", cases[0].text);
    assert_string_equal(err_text(e), "crun: executable file `nosuch` not found in $PATH: No such file or directory: "
                                     "OCI runtime attempted to invoke a command that was not found");
    err_drop(e);
}

static void from_log(const char *log, const char *want)
{
    char *got = NULL;
    struct err *e = runtime_error_from_log(log, &got);
    assert_null(e);
    if (want)
        assert_string_equal(got, want);
    else
        assert_null(got);
    free(got);
}

static void test_logs(void **state)
{
    (void)state;
    from_log("{\"msg\":\"open executable\",\"level\":\"error\",\"time\":\"2026\"}\n", "open executable");
    from_log("{\"level\":\"warning\",\"msg\":\"first\"}\n{\"level\":\"error\",\"msg\":\"say \\\"x\\\" \\\\ \\n "
             "\\u00e4\\u20ac\"}\n",
             "say \"x\" \\   \xc3\xa4\xe2\x82\xac");
    from_log("{\"level\":\"error\",\"msg\":\"one\"}\n{\"level\":\"warning\",\"msg\":\"later\"}\n", "one");
    from_log("", NULL);
    from_log("not json at all", NULL);
    from_log("{\"msg\":\"cut off", "cut off");
    from_log("{\"msg\":\"cut off\\", "cut off");
    from_log("{\"msg\":\"cut off\\u12", "cut offu12");
    from_log("{\"msg\":\"\"}\n\n\n", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meanings),
        cmocka_unit_test(test_logs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
