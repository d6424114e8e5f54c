/* What is forbidden inside: each in a process of its own, which tells by its exit code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "slirp/sandbox.h"

#define NO_SANDBOX 99

static int in_sandbox(bool filter, bool (*probe)(void))
{
    int status = 0;
    pid_t pid = fork();
    if (!pid) {
        struct err *e = sandbox_enter();
        if (!e && filter)
            e = sandbox_filter();
        if (e)
            _exit(NO_SANDBOX);
        _exit(probe() ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* Without the filter: the root is empty, and nothing can be made in it. */
static bool probe_root(void)
{
    struct stat st;
    return open("/etc/passwd", O_RDONLY) < 0 && stat("/proc", &st) < 0 && open("/x", O_CREAT | O_WRONLY, 0600) < 0 &&
           stat("/../etc", &st) < 0;
}

static bool probe_capabilities(void)
{
    return unshare(CLONE_NEWNS) < 0 && mount("none", "/", "tmpfs", 0, NULL) < 0 &&
           prctl(PR_CAPBSET_READ, 0, 0, 0, 0) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
           prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0;
}

static bool refused(long r)
{
    return r < 0 && errno == ENOSYS;
}

static bool probe_calls(void)
{
    return refused(open("/", O_RDONLY)) && refused(syscall(SYS_openat2, -1, "/", NULL, 0)) &&
           refused(syscall(SYS_fork)) && refused(syscall(SYS_mount, "", "", "", 0, "")) && refused(unlink("/x")) &&
           refused(syscall(SYS_unshare, CLONE_NEWUSER)) && refused(socket(AF_UNIX, SOCK_STREAM, 0)) &&
           refused(socket(AF_NETLINK, SOCK_RAW, 0)) && refused(socket(AF_PACKET, SOCK_RAW, 0)) &&
           refused(syscall(SYS_kill, 1, 0)) && refused(syscall(SYS_bpf, 0, NULL, 0)) &&
           refused(syscall(SYS_io_uring_setup, 1, NULL)) && refused(syscall(SYS_keyctl, 0, 0)) &&
           mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static bool probe_needed(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    void *p = malloc(1 << 20);
    free(p);
    return fd >= 0 && (fd6 >= 0 || errno == EAFNOSUPPORT) && p;
}

static bool probe_exec(void)
{
    char *const argv[] = {NULL};
    (void)execve("/bin/sh", argv, argv);
    return false;
}

static bool probe_ptrace(void)
{
    (void)syscall(SYS_ptrace, PTRACE_TRACEME, 0, NULL, NULL);
    return false;
}

static void passes(bool filter, bool (*probe)(void))
{
    int status = in_sandbox(filter, probe);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_SANDBOX)
        skip();
    assert_int_equal(status, 0);
}

static void test_root(void **state)
{
    (void)state;
    passes(false, probe_root);
}

static void test_capabilities(void **state)
{
    (void)state;
    passes(false, probe_capabilities);
}

static void test_calls(void **state)
{
    (void)state;
    passes(true, probe_calls);
}

static void test_needed(void **state)
{
    (void)state;
    passes(true, probe_needed);
}

static void test_deadly(void **state)
{
    (void)state;
    int status = in_sandbox(true, probe_exec);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_SANDBOX)
        skip();
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
    status = in_sandbox(true, probe_ptrace);
    assert_true(WIFSIGNALED(status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_root),   cmocka_unit_test(test_capabilities), cmocka_unit_test(test_calls),
        cmocka_unit_test(test_needed), cmocka_unit_test(test_deadly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
