#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/self.h"
#include "tests/unit/base/tempdir.h"

#define NO_NAMESPACES 77

static void test_here(void **state)
{
    AUTO_FREE char *path = NULL;
    char real[PATH_MAX];
    (void)state;
    assert_non_null(realpath("/proc/self/exe", real));
    expect_success(self_path(&path));
    assert_string_equal(path, real);
}

/* The last process of a mount namespace, which leaves it: what /proc/self/exe says is then no path to this file. */
static int leave(const char *expected)
{
    AUTO_FREE char *path = NULL;
    char link[PATH_MAX] = "";
    if (unshare(CLONE_NEWNS) < 0)
        return NO_NAMESPACES;
    ssize_t n = readlink("/proc/self/exe", link, sizeof(link) - 1);
    if (n > 0 && strcmp(link, expected) == 0)
        return 3; /* then this tests nothing */
    struct err *e = self_path(&path);
    int code = e ? 4 : strcmp(path, expected) == 0 ? 0 : 5;
    err_drop(e);
    return code;
}

/* Root of the new user namespace, so that rights outlast execve(2). */
static bool become_root(uid_t uid)
{
    char map[32];
    AUTO_FD int fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
    int len = snprintf(map, sizeof(map), "0 %u 1", uid);
    return fd >= 0 && write(fd, map, (size_t)len) == len;
}

static void run_there(const char *dir)
{
    uid_t uid = geteuid();
    char own[PATH_MAX], there[2 * PATH_MAX], word[] = "leave";
    char *const argv[] = {there, word, there, NULL};
    ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
    own[n > 0 ? n : 0] = '\0';
    char *name = strrchr(own, '/');
    if (!name)
        _exit(6);
    (void)snprintf(there, sizeof(there), "%s/%s", dir, name + 1);
    *name = '\0';
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 || !become_root(uid) || mount(own, dir, NULL, MS_BIND, NULL) < 0)
        _exit(NO_NAMESPACES);
    (void)execv(there, argv);
    _exit(7);
}

static void test_where_mounts_are_gone(void **state)
{
    const struct tempdir *t = *state;
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        run_there(t->path);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_NAMESPACES)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(int argc, char **argv)
{
    if (argc == 3)
        return leave(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_here),
        cmocka_unit_test_setup_teardown(test_where_mounts_are_gone, tempdir_setup, tempdir_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
