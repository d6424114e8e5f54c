#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/file.h"
#include "engine/monitor/client.h"
#include "engine/monitor/lockfile.h"

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
    (void)snprintf(dir, sizeof(dir), "/tmp/coracle-lock-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    ok(file_remove_tree(AT_FDCWD, dir));
    return 0;
}

static uint32_t phase_of(const char *id)
{
    struct monitor_state st;
    ok(monitor_peek(dir, id, &st));
    return st.phase;
}

static void test_life(void **state)
{
    (void)state;
    struct lockfile l = LOCKFILE_INIT, other = LOCKFILE_INIT;
    const struct monitor_state st = {.phase = MONITOR_PHASE_RUNNING, .host_pid = 42};
    struct monitor_state seen;
    assert_int_equal(phase_of("abc"), MONITOR_PHASE_NONE);
    ok(lockfile_take(dir, "abc", &l));
    assert_int_equal(phase_of("abc"), MONITOR_PHASE_STARTING); /* nothing published yet */
    ok(lockfile_publish(&l, &st));
    ok(monitor_peek(dir, "abc", &seen));
    assert_memory_equal(&st, &seen, sizeof(st));
    struct err *e = lockfile_take(dir, "abc", &other);
    assert_non_null(e);
    assert_int_equal(err_kind(e), ERR_STATE);
    err_drop(e);
    e = monitor_clear_leftovers(dir, "abc");
    assert_non_null(e);
    err_drop(e);
    lockfile_release(&l);
    assert_int_equal(phase_of("abc"), MONITOR_PHASE_NONE);
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/containers/abc", dir);
    struct stat sb;
    assert_true(stat(path, &sb) < 0 && errno == ENOENT);
}

static void test_waits_for_one_on_its_way_out(void **state)
{
    (void)state;
    struct lockfile l = LOCKFILE_INIT;
    pid_t pid = fork();
    if (pid == 0) {
        struct lockfile mine = LOCKFILE_INIT;
        const struct monitor_state st = {.phase = MONITOR_PHASE_EXITED};
        err_drop(lockfile_take(dir, "abc", &mine));
        err_drop(lockfile_publish(&mine, &st));
        (void)usleep(300000);
        lockfile_release(&mine);
        _exit(0);
    }
    while (phase_of("abc") != MONITOR_PHASE_EXITED)
        (void)usleep(1000);
    ok(lockfile_take(dir, "abc", &l));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    /* And it is the file that others find. */
    assert_int_equal(phase_of("abc"), MONITOR_PHASE_STARTING);
    lockfile_release(&l);
}

static void test_a_reader_does_not_disturb(void **state)
{
    (void)state;
    struct lockfile l = LOCKFILE_INIT;
    int go[2];
    assert_int_equal(pipe(go), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(go[0]);
        for (;;) {
            struct monitor_state st;
            err_drop(monitor_peek(dir, "abc", &st));
            if (write(go[1], "", 1) < 0)
                _exit(0);
        }
    }
    (void)close(go[1]);
    for (int i = 0; i < 200; i++) {
        char byte;
        assert_int_equal(read(go[0], &byte, 1), 1);
        ok(lockfile_take(dir, "abc", &l));
        lockfile_release(&l);
    }
    (void)close(go[0]);
    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_leftovers_of_a_killed_monitor(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct lockfile mine = LOCKFILE_INIT;
        const struct monitor_state st = {.phase = MONITOR_PHASE_RUNNING};
        err_drop(lockfile_take(dir, "abc", &mine));
        err_drop(lockfile_publish(&mine, &st));
        (void)raise(SIGKILL);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(phase_of("abc"), MONITOR_PHASE_NONE);
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/containers/abc", dir);
    assert_true(file_exists(AT_FDCWD, path));
    ok(monitor_clear_leftovers(dir, "abc"));
    assert_false(file_exists(AT_FDCWD, path));
    ok(monitor_clear_leftovers(dir, "abc"));
}

static void test_rubbish_in_the_lock(void **state)
{
    (void)state;
    struct lockfile l = LOCKFILE_INIT;
    ok(lockfile_take(dir, "abc", &l));
    struct monitor_state st = {.phase = 12345};
    ok(lockfile_publish(&l, &st));
    assert_int_equal(phase_of("abc"), MONITOR_PHASE_STARTING);
    assert_int_equal(ftruncate(l.lock_fd, 3), 0);
    assert_int_equal(phase_of("abc"), MONITOR_PHASE_STARTING);
    lockfile_release(&l);
}

static void test_bad_ids(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "..", "../x", "a/b", "ABC", "x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct lockfile l = LOCKFILE_INIT;
        struct err *e = lockfile_take(dir, bad[i], &l);
        assert_non_null(e);
        assert_int_equal(err_kind(e), ERR_INVALID);
        err_drop(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_waits_for_one_on_its_way_out),
        cmocka_unit_test(test_a_reader_does_not_disturb),
        cmocka_unit_test(test_leftovers_of_a_killed_monitor),
        cmocka_unit_test(test_rubbish_in_the_lock),
        cmocka_unit_test(test_bad_ids),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
