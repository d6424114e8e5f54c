#include "engine/trust/confine.h"

#include <errno.h>
#include <linux/landlock.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "tests/unit/engine/trust/fixture.h"

/* In a child of its own: confined, then `fn` says with a number what it could do; 0 is what is expected. */
static int confined(const char *private_dir, int (*fn)(const char *dir), const char *dir)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct err *e = confine_process(private_dir);
        int code = e ? 99 : fn(dir);
        err_drop(e);
        _exit(code);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

static bool has_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

static int no_programs_no_sockets(const char *dir)
{
    char *argv[] = {NULL};
    (void)dir;
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0)
        return 1;
    if (syscall(SYS_execve, "/bin/true", argv, argv) == 0 || errno != ENOSYS)
        return 2;
    if (fork() >= 0)
        return 3;
    if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0 || open("/dev/null", O_WRONLY | O_CLOEXEC) >= 0)
        return 5;
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 4 : 0;
}

static int no_sockets_no_namespaces(const char *dir)
{
    (void)dir;
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0)
        return 1;
    if (unshare(CLONE_NEWUSER) == 0)
        return 2;
    return syscall(SYS_clone, (unsigned long)CLONE_NEWUSER, 0, 0, 0, 0) >= 0 ? 3 : 0;
}

/* `dir` is not the private one. */
static int only_the_private_directory(const char *dir)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/secret", dir);
    if (open(path, O_RDONLY | O_CLOEXEC) >= 0 || open(path, O_WRONLY | O_CLOEXEC) >= 0)
        return 1;
    (void)snprintf(path, sizeof path, "%s/new", dir);
    if (open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0)
        return 2;
    (void)snprintf(path, sizeof path, "%s/private/new", dir);
    if (open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0)
        return 3;
    return open("/usr/bin/env", O_RDONLY | O_CLOEXEC) < 0 ? 4 : 0;
}

static void nothing_can_be_started_or_reached(void **state)
{
    const struct tempdir *t = *state;
    assert_int_equal(confined(NULL, no_programs_no_sockets, t->path), 0);
}

static void gpg_reaches_nobody(void **state)
{
    const struct tempdir *t = *state;
    assert_int_equal(confined(t->path, no_sockets_no_namespaces, t->path), 0);
}

static void files_of_the_user_stay_closed(void **state)
{
    const struct tempdir *t = *state;
    char private_dir[128];
    if (!has_landlock())
        skip();
    (void)snprintf(private_dir, sizeof private_dir, "%s/private", t->path);
    assert_int_equal(mkdir(private_dir, 0700), 0);
    int fd = openat(t->fd, "secret", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(confined(private_dir, only_the_private_directory, t->path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_can_be_started_or_reached, tempdir_setup, tempdir_teardown),
        cmocka_unit_test_setup_teardown(gpg_reaches_nobody, tempdir_setup, tempdir_teardown),
        cmocka_unit_test_setup_teardown(files_of_the_user_stay_closed, tempdir_setup, tempdir_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
