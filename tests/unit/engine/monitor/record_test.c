#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "engine/monitor/record.h"

static char dir[64];

static void ok(struct err *e)
{
    if (e)
        print_error("%s\n", err_text(e));
    assert_null(e);
}

static int setup(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/coracle-record-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    ok(file_remove_tree(AT_FDCWD, dir));
    return 0;
}

static void put(const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/exit", dir);
    ok(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, FILE_NOSYNC));
}

static void test_there_and_back(void **state)
{
    (void)state;
    const struct monitor_exit x = {.exit_code = 137,
                                   .started_nsec = 5,
                                   .finished_nsec = INT64_MAX,
                                   .oom_killed = 1,
                                   .restart_count = 9,
                                   .by_user = 1,
                                   .timed_out = 1};
    struct monitor_exit y;
    char *error = NULL;
    ok(record_write(dir, &x, "why = because"));
    ok(record_read(dir, &y, &error));
    assert_memory_equal(&x, &y, sizeof(x));
    assert_string_equal(error, "why = because");
    free(error);
    ok(record_write(dir, &x, NULL));
    ok(record_read(dir, &y, &error));
    assert_null(error);
    ok(record_remove(dir));
    ok(record_remove(dir));
    struct err *e = record_read(dir, &y, NULL);
    assert_non_null(e);
    assert_int_equal(err_kind(e), ERR_NOT_FOUND);
    err_drop(e);
}

static void test_unknown_keys_are_skipped(void **state)
{
    (void)state;
    struct monitor_exit y;
    put("exit_code=3\nfrom_the_future=x y z\n\n");
    ok(record_read(dir, &y, NULL));
    assert_int_equal(y.exit_code, 3);
}

static void test_broken(void **state)
{
    (void)state;
    static const char *const bad[] = {"exit_code=three\n", "exit_code=\n", "no assignment\n",
                                      "exit_code=99999999999999999999\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct monitor_exit y;
        put(bad[i]);
        struct err *e = record_read(dir, &y, NULL);
        assert_non_null(e);
        err_drop(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_unknown_keys_are_skipped),
        cmocka_unit_test(test_broken),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
