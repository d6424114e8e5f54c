#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/mem.h"
#include "tests/unit/base/tempdir.h"

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static bool is_cloexec(int fd)
{
    return fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

static void test_close_keeps_errno(void **state)
{
    (void)state;
    errno = ENOENT;
    assert_int_equal(fd_close(-1), -1);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    errno = ENOENT;
    assert_int_equal(fd_close(fd), -1);
    assert_int_equal(errno, ENOENT);
    assert_false(is_open(fd));
}

static void test_take_hands_over(void **state)
{
    (void)state;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), taken;
    {
        AUTO_FD int mine = fd;
        taken = TAKE_FD(mine);
        assert_int_equal(mine, -1);
    }
    assert_true(is_open(taken));
    (void)fd_close(taken);
}

struct writer {
    int fd;
    size_t len;
};

static void *write_much(void *arg)
{
    struct writer *w = arg;
    char *data = calloc(1, w->len);
    struct err *e = fd_write_all(w->fd, data, w->len);
    free(data);
    (void)fd_close(w->fd);
    return e;
}

/* More than a pipe holds, both ends non-blocking. */
static void test_nonblocking_ends_wait(void **state)
{
    (void)state;
    int p[2];
    pthread_t thread;
    void *result = NULL;
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    expect_success(fd_set_nonblock(p[0], true));
    expect_success(fd_set_nonblock(p[1], true));
    struct writer w = {.fd = p[1], .len = 300000};
    assert_int_equal(pthread_create(&thread, NULL, write_much, &w), 0);
    AUTO_FREE char *data = NULL;
    size_t len = 0;
    expect_success(fd_read_all(p[0], 300000, &data, &len));
    assert_int_equal(len, 300000);
    assert_int_equal(data[len], 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    expect_success(result);
    (void)fd_close(p[0]);
}

static void test_read_all_has_a_limit(void **state)
{
    (void)state;
    int p[2];
    char *data = NULL;
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    expect_success(fd_write_all(p[1], "12345", 5));
    (void)fd_close(p[1]);
    expect_kind(fd_read_all(p[0], 4, &data, NULL), ERR_NO_SPACE);
    assert_null(data);
    expect_success(fd_read_all(p[0], 0, &data, NULL)); /* at its end now */
    assert_string_equal(data, "");
    free(data);
    (void)fd_close(p[0]);
}

static void test_read_exact(void **state)
{
    (void)state;
    int p[2];
    char buf[8] = "";
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    expect_success(fd_write_all(p[1], "1234567", 7));
    (void)fd_close(p[1]);
    expect_success(fd_read_exact(p[0], buf, 4));
    assert_memory_equal(buf, "1234", 4);
    expect_kind(fd_read_exact(p[0], buf, 4), ERR_CORRUPT);
    expect_success(fd_read_exact(p[0], buf, 0));
    (void)fd_close(p[0]);
    expect_kind(fd_read_exact(-1, buf, 1), ERR_INTERNAL);
}

static void test_flags(void **state)
{
    (void)state;
    AUTO_FD int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    expect_success(fd_set_cloexec(fd, false));
    assert_false(is_cloexec(fd));
    expect_success(fd_set_cloexec(fd, true));
    assert_true(is_cloexec(fd));
    expect_success(fd_set_nonblock(fd, true));
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    expect_success(fd_set_nonblock(fd, false));
    assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
    AUTO_FD int copy = -1;
    expect_success(fd_duplicate(fd, &copy));
    assert_true(copy >= 3 && is_cloexec(copy));
    char expected[64];
    (void)snprintf(expected, sizeof(expected), "/proc/self/fd/%d", fd);
    assert_string_equal(fd_proc_path(fd).s, expected);
    expect_kind(fd_set_cloexec(-1, true), ERR_INTERNAL);
}

/* In a child, since it closes what the test program needs. 0 when exactly those from 200 to 209 are closed. */
static int closes_the_range(void (*close_range_fn)(unsigned, unsigned))
{
    for (int fd = 195; fd < 215; fd++) {
        if (dup2(2, fd) < 0)
            return 1;
    }
    close_range_fn(200, 209);
    for (int fd = 195; fd < 215; fd++) {
        if (is_open(fd) == (fd >= 200 && fd <= 209))
            return 2;
    }
    return 0;
}

static void expect_child_success(int (*fn)(void (*)(unsigned, unsigned)), void (*arg)(unsigned, unsigned))
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(fn(arg));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_close_range(void **state)
{
    (void)state;
    expect_child_success(closes_the_range, fd_close_range);
    expect_child_success(closes_the_range, fd_close_range_slow);
}

static int closes_from(void (*unused)(unsigned, unsigned))
{
    (void)unused;
    (void)dup2(2, 3);
    (void)dup2(2, 500);
    fd_close_from(3);
    return !is_open(2) || is_open(3) || is_open(500);
}

static void test_close_from(void **state)
{
    (void)state;
    expect_child_success(closes_from, NULL);
}

static bool is_null_device(int fd)
{
    struct stat st, null;
    return fstat(fd, &st) == 0 && stat("/dev/null", &null) == 0 && st.st_rdev == null.st_rdev;
}

/* Closed ones become /dev/null, others stay what they are. */
static int opens_standard(void (*unused)(unsigned, unsigned))
{
    int pair[2];
    (void)unused;
    if (pipe2(pair, O_CLOEXEC) < 0 || dup2(pair[1], 1) < 0)
        return 1;
    (void)close(0);
    (void)close(2);
    fd_open_standard();
    bool others = is_null_device(0) && is_null_device(2) && !is_null_device(1);
    (void)close(1);
    fd_open_standard();
    return !others || !is_null_device(1) || !(fcntl(1, F_GETFD) == 0);
}

static void test_open_standard(void **state)
{
    (void)state;
    expect_child_success(opens_standard, NULL);
}

static void test_memory(void **state)
{
    AUTO_FD int fd = -1;
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    (void)state;
    assert_null(fd_memory("test", "a\0b", 3, &fd));
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_null(fd_read_all(fd, 10, &text, &len));
    assert_int_equal(len, 3);
    assert_memory_equal(text, "a\0b", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_close_keeps_errno),
        cmocka_unit_test(test_take_hands_over),
        cmocka_unit_test(test_nonblocking_ends_wait),
        cmocka_unit_test(test_read_all_has_a_limit),
        cmocka_unit_test(test_read_exact),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_close_range),
        cmocka_unit_test(test_close_from),
        cmocka_unit_test(test_open_standard),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("fd", tests, NULL, NULL);
}
