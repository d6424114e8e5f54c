#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "engine/monitor/sealed.h"

static char dir[64], program[96];

static int setup(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/coracle-sealed-XXXXXX");
    if (!mkdtemp(dir) || chmod(dir, 0755) < 0)
        return -1;
    (void)snprintf(program, sizeof(program), "%s/runtime", dir);
    AUTO_FD int from = open("/bin/true", O_RDONLY | O_CLOEXEC);
    AUTO_FD int to = open(program, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    char buf[65536];
    for (ssize_t n; (n = read(from, buf, sizeof(buf))) != 0;)
        if (n < 0 || write(to, buf, (size_t)n) != n)
            return -1;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(program);
    return rmdir(dir);
}

/* As a container would that finds the runtime behind /proc/PID/exe: 0 when its program stays what it is. */
static int overwrite(int sealed)
{
    char path[32];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", sealed);
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 || write(fd, "changed", 7) < 0 ? 0 : 1;
}

static int run(int sealed)
{
    char *const argv[] = {(char[]){"true"}, NULL};
    const struct proc_opts opts = {.path = program, .exec_fd = sealed, .argv = argv};
    AUTO_PROC struct proc p = PROC_INIT;
    int status = 1;
    struct err *e = proc_spawn(&opts, &p);
    if (!e)
        e = proc_wait(&p, &status);
    err_drop(e);
    return status;
}

/* In a child, whose user and mount namespace may be its own; the exit code says what failed. */
static int in_child(bool namespaces)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int sealed = -1;
        if (namespaces ? unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 : getuid() == 0 && setuid(65534) < 0)
            _exit(77);
        sealed_open(program, &sealed);
        _exit(sealed < 0 ? 2 : overwrite(sealed) ? 3 : run(sealed) != 0 ? 4 : 0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_mount_that_nobody_can_write_through(void **state)
{
    (void)state;
    int code = in_child(true);
    if (code == 77)
        skip();
    assert_int_equal(code, 0);
}

static void a_copy_where_nothing_can_be_mounted(void **state)
{
    (void)state;
    int code = in_child(false);
    if (code == 77)
        skip();
    assert_int_equal(code, 0);
}

static void scripts_are_run_as_they_are(void **state)
{
    int sealed = 0;
    (void)state;
    AUTO_FD int fd = open(program, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0 && write(fd, "#!/bin/sh\n", 10) == 10);
    sealed_open(program, &sealed);
    assert_int_equal(sealed, -1);
    sealed_open("/nonexistent/runtime", &sealed);
    assert_int_equal(sealed, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_mount_that_nobody_can_write_through, setup, teardown),
        cmocka_unit_test_setup_teardown(scripts_are_run_as_they_are, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_where_nothing_can_be_mounted, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
