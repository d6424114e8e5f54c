#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "tests/unit/base/tempdir.h"

/* argv for sh -c. */
#define SH(script) ((char *[]){(char[]){"sh"}, (char[]){"-c"}, (char[]){script}, NULL})
#define SH_OPTS(script) ((struct proc_opts){.path = "/bin/sh", .argv = SH(script), .default_signals = true})

static int run(const struct proc_opts *o)
{
    AUTO_PROC struct proc p = PROC_INIT;
    int status = -1;
    expect_success(proc_spawn(o, &p));
    assert_true(p.pid > 0 && p.pidfd >= 0);
    assert_true(fcntl(p.pidfd, F_GETFD) & FD_CLOEXEC);
    expect_success(proc_wait(&p, &status));
    assert_int_equal(p.pid, 0);
    assert_int_equal(p.pidfd, -1);
    return proc_exit_code(status);
}

static void expect_output(const struct proc_opts *o, const char *expected)
{
    AUTO_FREE char *out = NULL;
    expect_success(proc_output(o, 1 << 20, &out));
    assert_string_equal(out, expected);
}

static void test_exit_codes(void **state)
{
    (void)state;
    struct proc_opts o = SH_OPTS("exit 7");
    assert_int_equal(run(&o), 7);
    o = SH_OPTS("kill -TERM $$");
    assert_int_equal(run(&o), 128 + SIGTERM);
    o = SH_OPTS("exit 0");
    o.path = "sh"; /* through PATH */
    assert_int_equal(run(&o), 0);
}

static void test_exec_failures(void **state)
{
    const struct tempdir *t = *state;
    struct proc p = PROC_INIT;
    char path[128];
    struct proc_opts o = SH_OPTS("true");
    o.path = "/no/such/program";
    expect_kind(proc_spawn(&o, &p), ERR_NOT_FOUND);
    o.path = "no-such-program-anywhere";
    expect_kind(proc_spawn(&o, &p), ERR_NOT_FOUND);
    tempdir_write(t, "plain", "text");
    (void)snprintf(path, sizeof(path), "%s/plain", t->path);
    o.path = path;
    expect_kind(proc_spawn(&o, &p), ERR_DENIED);
    assert_int_equal(fchmodat(t->fd, "plain", 0755, 0), 0);
    expect_kind(proc_spawn(&o, &p), ERR_CANNOT_EXEC);
    o = SH_OPTS("true");
    o.cwd = "/no/such/dir";
    expect_kind(proc_spawn(&o, &p), ERR_NOT_FOUND);
    o = (struct proc_opts){.path = "/bin/sh"};
    expect_kind(proc_spawn(&o, &p), ERR_INVALID);
    assert_int_equal(p.pidfd, -1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie is left */
    assert_int_equal(errno, ECHILD);
}

static void test_environment_and_cwd(void **state)
{
    const struct tempdir *t = *state;
    char expected[128];
    struct proc_opts o = SH_OPTS("echo $A-$HOME; pwd -P");
    o.envp = (char *[]){(char[]){"A=x"}, NULL};
    o.cwd = t->path;
    (void)snprintf(expected, sizeof(expected), "x-\n%s\n", t->path);
    expect_output(&o, expected);
}

/* Files that contain "0", "1" and "2" on descriptors 30 to 32. */
static void open_files(const struct tempdir *t)
{
    for (int i = 0; i < 3; i++) {
        char name[] = {(char)('0' + i), '\0'};
        tempdir_write(t, name, name);
        int fd = openat(t->fd, name, O_RDONLY | O_CLOEXEC);
        assert_int_equal(dup3(fd, 30 + i, O_CLOEXEC), 30 + i);
        (void)fd_close(fd);
    }
}

/* Sources and targets are the same numbers in every order: whatever is overwritten must have been saved. */
static void test_overlapping_descriptors(void **state)
{
    static const char *const orders[] = {"012", "021", "102", "120", "201", "210", "111", "002"};
    open_files(*state);
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        struct proc_fd fds[3];
        for (int k = 0; k < 3; k++)
            fds[k] = (struct proc_fd){.from = 30 + orders[i][k] - '0', .to = 30 + k};
        struct proc_opts o = SH_OPTS("cat /dev/fd/30 /dev/fd/31 /dev/fd/32");
        o.fds = fds;
        o.n_fds = 3;
        expect_output(&o, orders[i]);
    }
    fd_close_from(30);
}

/* Only what was named is open; 0 is /dev/null unless named. The shell's own listing takes the first free number, 3. */
static void test_other_descriptors_are_closed(void **state)
{
    open_files(*state);
    assert_int_equal(dup2(30, 40), 40); /* without close-on-exec */
    struct proc_fd fds[] = {{.from = 31, .to = 7}};
    struct proc_opts o = SH_OPTS("readlink /proc/self/fd/0; cd /proc/$$/fd; echo *");
    expect_output(&o, "/dev/null\n0 1 2 3\n");
    o.fds = fds;
    o.n_fds = 1;
    expect_output(&o, "/dev/null\n0 1 2 3 7\n");
    fds[0].to = 0;
    o.argv = SH("cat; cd /proc/$$/fd; echo *");
    expect_output(&o, "10 1 2 3\n");
    fd_close_from(30);
}

static void test_bad_descriptors_are_refused(void **state)
{
    (void)state;
    struct proc p = PROC_INIT;
    struct proc_opts o = SH_OPTS("true");
    struct proc_fd twice[] = {{.from = 1, .to = 5}, {.from = 2, .to = 5}};
    struct proc_fd closed[] = {{.from = 999, .to = 5}};
    struct proc_fd negative[] = {{.from = 1, .to = -5}};
    o.fds = twice;
    o.n_fds = 2;
    expect_kind(proc_spawn(&o, &p), ERR_INVALID);
    o.fds = negative;
    o.n_fds = 1;
    expect_kind(proc_spawn(&o, &p), ERR_INVALID);
    o.fds = closed;
    struct err *e = proc_spawn(&o, &p);
    assert_int_equal(err_errno(e), EBADF);
    err_free(e);
}

static void test_exec_by_descriptor(void **state)
{
    (void)state;
    AUTO_FD int fd = open("/bin/sh", O_PATH | O_CLOEXEC);
    struct proc_opts o = {.exec_fd = fd, .argv = SH("cd /proc/$$/fd; echo *")};
    expect_output(&o, "0 1 2 3\n");
    o.exec_fd = 999;
    char *out = NULL;
    struct err *e = proc_output(&o, 100, &out);
    assert_int_equal(err_errno(e), EBADF);
    err_free(e);
}

static void on_signal(int sig)
{
    (void)sig;
}

/* SIGUSR2 blocked, SIGUSR1 ignored, SIGTERM with a handler: what the child sees with and without default_signals. */
static void test_signals(void **state)
{
    (void)state;
    sigset_t set, old;
    struct sigaction handler = {.sa_handler = on_signal}, before;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGUSR2);
    assert_int_equal(sigprocmask(SIG_BLOCK, &set, &old), 0);
    assert_true(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
    assert_int_equal(sigaction(SIGTERM, &handler, &before), 0);
    struct proc_opts o = SH_OPTS("grep -E 'Sig(Blk|Ign)' /proc/self/status | tr -d '\\t\\n'");
    expect_output(&o, "SigBlk:0000000000000000SigIgn:0000000000000000");
    o.default_signals = false;
    expect_output(&o, "SigBlk:0000000000000800SigIgn:0000000000000200");
    (void)sigaction(SIGTERM, &before, NULL);
    (void)signal(SIGUSR1, SIG_DFL);
    sigset_t now;
    assert_int_equal(sigprocmask(SIG_SETMASK, &old, &now), 0);
    assert_int_equal(sigismember(&now, SIGUSR2), 1); /* ours is as it was */
    assert_int_equal(sigismember(&now, SIGTERM), 0);
}

static void test_new_session(void **state)
{
    (void)state;
    struct proc_opts o = SH_OPTS("read -r pid comm st ppid pgrp session rest < /proc/self/stat; test $session = $$");
    assert_int_equal(run(&o), 1);
    o.new_session = true;
    assert_int_equal(run(&o), 0);
}

/* The child of a process that dies is killed too. */
static void test_parent_death_signal(void **state)
{
    (void)state;
    int p[2], status;
    char byte;
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct proc_fd fds[] = {{.from = p[1], .to = 5}};
        struct proc_opts o = SH_OPTS("exec sleep 100");
        struct proc child;
        o.fds = fds;
        o.n_fds = 1;
        o.parent_death_signal = SIGKILL;
        _exit(proc_spawn(&o, &child) ? 1 : 0);
    }
    (void)fd_close(p[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    struct pollfd pfd = {.fd = p[0], .events = POLLIN};
    assert_int_equal(poll(&pfd, 1, 5000), 1);
    assert_int_equal(read(p[0], &byte, 1), 0);
    (void)fd_close(p[0]);
}

static void test_wait_timeout_and_signal(void **state)
{
    (void)state;
    struct proc_opts o = SH_OPTS("exec sleep 100");
    AUTO_PROC struct proc p = PROC_INIT;
    int status = 0;
    expect_success(proc_spawn(&o, &p));
    expect_success(proc_signal(&p, 0));
    expect_kind(proc_wait_timeout(&p, 30, &status), ERR_TIMEOUT);
    assert_int_equal(p.pidfd, -1);
    expect_kind(proc_wait(&p, &status), ERR_STATE);
    expect_kind(proc_signal(&p, SIGTERM), ERR_STATE);
    expect_success(proc_spawn(&o, &p));
    expect_success(proc_signal(&p, SIGINT));
    expect_success(proc_wait_timeout(&p, 5000, &status));
    assert_int_equal(proc_exit_code(status), 128 + SIGINT);
    expect_success(proc_spawn(&o, &p)); /* proc_done kills it */
}

static void test_pidfd_open(void **state)
{
    (void)state;
    AUTO_FD int fd = -1;
    expect_success(proc_pidfd_open(getpid(), &fd));
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    int none = -1;
    expect_kind(proc_pidfd_open(0x3fffffff, &none), ERR_NOT_FOUND);
}

static void test_output(void **state)
{
    (void)state;
    char *out = NULL;
    struct proc_opts o =
        SH_OPTS("i=0; while [ $i -lt 20000 ]; do echo 0123456789; echo error line >&2; i=$((i+1)); done");
    expect_success(proc_output(&o, 1 << 20, &out));
    assert_int_equal(strlen(out), 220000);
    free(out);
    out = NULL;
    expect_kind(proc_output(&o, 1000, &out), ERR_NO_SPACE);
    o = SH_OPTS("echo out; echo first >&2; echo 'the reason' >&2; echo >&2; exit 3");
    AUTO_ERR struct err *e = proc_output(&o, 1000, &out);
    assert_string_equal(err_text(e), "/bin/sh: exit status 3: the reason");
    o = SH_OPTS("kill -KILL $$");
    AUTO_ERR struct err *killed = proc_output(&o, 1000, &out);
    assert_string_equal(err_text(killed), "/bin/sh: killed by signal 9");
    assert_null(out);
}

/* Something in the background keeps the pipe open: the output of the program itself is all that counts. */
static void test_output_with_survivor(void **state)
{
    (void)state;
    struct proc_opts o = SH_OPTS("sleep 3 & echo done");
    time_t start = time(NULL);
    expect_output(&o, "done\n");
    assert_true(time(NULL) - start < 3);
}

static void test_find(void **state)
{
    const struct tempdir *t = *state;
    char dir[160];
    AUTO_FREE char *path = NULL, *saved = NULL;
    expect_success(mem_strdup(getenv("PATH"), &saved));
    (void)snprintf(dir, sizeof(dir), ":.:%s/none:%s", t->path, t->path);
    tempdir_write(t, "tool", "#!/bin/sh\n");
    assert_int_equal(setenv("PATH", dir, 1), 0);
    expect_kind(proc_find("tool", &path), ERR_NOT_FOUND); /* not executable yet */
    assert_int_equal(fchmodat(t->fd, "tool", 0755, 0), 0);
    expect_success(proc_find("tool", &path));
    (void)snprintf(dir, sizeof(dir), "%s/tool", t->path);
    assert_string_equal(path, dir);
    free(TAKE_PTR(path));
    expect_success(proc_find(dir, &path));
    free(TAKE_PTR(path));
    expect_kind(proc_find("", &path), ERR_NOT_FOUND);
    expect_kind(proc_find("/tmp", &path), ERR_NOT_FOUND);
    assert_int_equal(setenv("CORACLE_LIBEXECDIR", t->path, 1), 0);
    expect_success(proc_find_helper("tool", &path));
    assert_string_equal(path, dir);
    free(TAKE_PTR(path));
    assert_int_equal(unsetenv("CORACLE_LIBEXECDIR"), 0);
    expect_kind(proc_find_helper("tool", &path), ERR_NOT_FOUND);
    expect_success(proc_find_helper(program_invocation_short_name, &path)); /* beside this program */
    assert_int_equal(setenv("PATH", saved, 1), 0);
}

/* No leak and no stray child, whichever allocation or system call fails. */
static void test_faults(void **state)
{
    (void)state;
    struct proc_opts o = SH_OPTS("echo x");
    for (int point = FAULT_MEM; point < FAULT_POINT_MAX; point++) {
        unsigned n = 1;
        for (struct err *e = ERR_NEW(ERR_INTERNAL, "start"); e; n++) {
            char *out = NULL;
            err_drop(e);
            fault_arm((enum fault_point)point, n);
            e = proc_output(&o, 100, &out);
            fault_arm((enum fault_point)point, 0);
            free(out);
            assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        }
        assert_true(n > 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exit_codes),
        TEMPDIR_TEST(test_exec_failures),
        TEMPDIR_TEST(test_environment_and_cwd),
        TEMPDIR_TEST(test_overlapping_descriptors),
        TEMPDIR_TEST(test_other_descriptors_are_closed),
        cmocka_unit_test(test_bad_descriptors_are_refused),
        cmocka_unit_test(test_exec_by_descriptor),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_new_session),
        cmocka_unit_test(test_parent_death_signal),
        cmocka_unit_test(test_wait_timeout_and_signal),
        cmocka_unit_test(test_pidfd_open),
        cmocka_unit_test(test_output),
        cmocka_unit_test(test_output_with_survivor),
        TEMPDIR_TEST(test_find),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests_name("proc", tests, NULL, NULL);
}
