#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "tests/unit/base/tempdir.h"

static void expect_content(const struct tempdir *t, const char *name, const char *expected)
{
    AUTO_FREE char *data = NULL;
    size_t len = 0;
    expect_success(file_read(t->fd, name, 1 << 20, &data, &len));
    assert_string_equal(data, expected);
    assert_int_equal(len, strlen(expected));
}

static int count_entries(const struct tempdir *t)
{
    uint64_t bytes = 0, inodes = 0;
    expect_success(file_tree_size(t->fd, ".", &bytes, &inodes));
    return (int)inodes;
}

static void test_read(void **state)
{
    const struct tempdir *t = *state;
    char *data = NULL;
    tempdir_write(t, "f", "12345");
    tempdir_write(t, "empty", "");
    expect_content(t, "f", "12345");
    expect_content(t, "empty", "");
    expect_kind(file_read(t->fd, "f", 4, &data, NULL), ERR_NO_SPACE);
    expect_success(file_read(t->fd, "f", 5, &data, NULL));
    free(data);
    data = NULL;
    expect_kind(file_read(t->fd, "missing", 5, &data, NULL), ERR_NOT_FOUND);
    assert_int_equal(mkfifoat(t->fd, "fifo", 0600), 0);
    expect_kind(file_read(t->fd, "fifo", 5, &data, NULL), ERR_INVALID);
    expect_kind(file_read(t->fd, ".", 5, &data, NULL), ERR_INVALID);
    expect_kind(file_read(AT_FDCWD, "/dev/null", 5, &data, NULL), ERR_INVALID);
    assert_null(data);
    size_t len = 0;
    expect_success(file_read(AT_FDCWD, "/proc/self/status", 1 << 20, &data, &len)); /* says its size is 0 */
    assert_true(len > 100);
    free(data);
    expect_kind(file_read(AT_FDCWD, "/proc/self/status", 10, &data, &len), ERR_NO_SPACE);
}

static void test_write_atomic(void **state)
{
    const struct tempdir *t = *state;
    struct stat st;
    mode_t old = umask(077);
    tempdir_mkdir(t, "d");
    expect_success(file_write_atomic(t->fd, "d/f", "one", 3, 0644, FILE_SYNC));
    expect_content(t, "d/f", "one");
    expect_success(file_write_atomic(t->fd, "d/f", "second", 6, 0600, FILE_NOSYNC));
    expect_content(t, "d/f", "second");
    (void)umask(old);
    assert_int_equal(fstatat(t->fd, "d/f", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    expect_success(file_write_atomic(t->fd, "top", "x", 1, 0644, FILE_SYNC));
    assert_int_equal(fstatat(t->fd, "top", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    expect_kind(file_write_atomic(t->fd, "no/f", "x", 1, 0644, FILE_NOSYNC), ERR_NOT_FOUND);
    expect_kind(file_write_atomic(t->fd, "d", "x", 1, 0644, FILE_NOSYNC), ERR_INVALID);
    assert_int_equal(count_entries(t), 3); /* no temporary file is left */
}

/* Whatever step fails: the old content stays or the new one is there, and nothing else. */
static void test_write_atomic_with_faults(void **state)
{
    const struct tempdir *t = *state;
    expect_success(file_write_atomic(t->fd, "f", "old", 3, 0644, FILE_SYNC));
    for (int point = FAULT_MEM; point < FAULT_POINT_MAX; point++) {
        unsigned n = 1;
        for (struct err *e = ERR_NEW(ERR_INTERNAL, "start"); e; n++) {
            err_drop(e);
            fault_arm((enum fault_point)point, n);
            e = file_write_atomic(t->fd, "f", "new", 3, 0644, FILE_SYNC);
            fault_arm((enum fault_point)point, 0);
            assert_int_equal(count_entries(t), 1);
        }
        expect_content(t, "f", "new");
        assert_true(n > 2);
    }
}

static void test_mkdirs(void **state)
{
    const struct tempdir *t = *state;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/a//b/c/", t->path);
    expect_success(file_mkdirs(path, 0755));
    expect_success(file_mkdirs(path, 0755));
    assert_true(file_exists(t->fd, "a/b/c"));
    assert_false(file_exists(t->fd, "a/b/d"));
    tempdir_write(t, "file", "");
    (void)snprintf(path, sizeof(path), "%s/file", t->path);
    expect_kind(file_mkdirs(path, 0755), ERR_INVALID);
    (void)snprintf(path, sizeof(path), "%s/file/x", t->path);
    expect_kind(file_mkdirs(path, 0755), ERR_INVALID);
    expect_success(file_mkdirs("/", 0755));
    expect_kind(file_mkdirs("", 0755), ERR_NOT_FOUND);
}

static void test_open_dir(void **state)
{
    const struct tempdir *t = *state;
    AUTO_FD int fd = -1;
    tempdir_mkdir(t, "d");
    tempdir_link(t, "d", "link");
    expect_success(file_open_dir(t->fd, "d", &fd));
    int other = -1;
    expect_kind(file_open_dir(t->fd, "link", &other), ERR_INVALID);
    expect_kind(file_open_dir(t->fd, "none", &other), ERR_NOT_FOUND);
}

static void test_copy_keeps_holes(void **state)
{
    const struct tempdir *t = *state;
    AUTO_FD int from = openat(t->fd, "from", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    AUTO_FD int to = openat(t->fd, "to", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    struct stat st;
    assert_int_equal(pwrite(from, "begin", 5, 0), 5);
    assert_int_equal(pwrite(from, "middle", 6, 8 << 20), 6);
    assert_int_equal(ftruncate(from, 16 << 20), 0);
    assert_int_equal(pwrite(to, "will be gone", 12, 20 << 20), 12);
    expect_success(file_copy_data(from, to));
    assert_int_equal(fstat(to, &st), 0);
    assert_int_equal(st.st_size, 16 << 20);
    assert_true(st.st_blocks < 2048);
    char buf[7] = "";
    assert_int_equal(pread(to, buf, 6, 8 << 20), 6);
    assert_string_equal(buf, "middle");
    assert_int_equal(pread(to, buf, 6, 0), 6);
    assert_memory_equal(buf, "begin", 6);
}

static void test_copy_of_streams(void **state)
{
    const struct tempdir *t = *state;
    int p[2];
    AUTO_FD int to = openat(t->fd, "to", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    AUTO_FD int proc = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);
    struct stat st;
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    assert_int_equal(write(p[1], "through", 7), 7);
    (void)fd_close(p[1]);
    expect_success(file_copy_data(p[0], to));
    (void)fd_close(p[0]);
    expect_content(t, "to", "through");
    AUTO_FD int other = openat(t->fd, "other", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    expect_success(file_copy_data(proc, other)); /* a regular file of size 0 with content */
    assert_int_equal(fstat(other, &st), 0);
    assert_true(st.st_size > 0);
}

static void test_lock(void **state)
{
    const struct tempdir *t = *state;
    AUTO_FD int a = -1;
    AUTO_FD int b = -1;
    expect_success(file_open_locked(t->fd, "lock", true, false, &a));
    expect_kind(file_open_locked(t->fd, "lock", true, false, &b), ERR_IN_USE);
    expect_kind(file_open_locked(t->fd, "lock", false, false, &b), ERR_IN_USE);
    a = fd_close(a);
    expect_success(file_open_locked(t->fd, "lock", false, false, &a));
    expect_success(file_open_locked(t->fd, "lock", false, false, &b));
    a = fd_close(a);
    b = fd_close(b);
    tempdir_mkdir(t, "dir");
    expect_success(file_open_locked(t->fd, "dir", true, true, &a));
    expect_kind(file_open_locked(t->fd, "dir", true, false, &b), ERR_IN_USE);
    tempdir_link(t, "lock", "link");
    expect_kind(file_open_locked(t->fd, "link", true, false, &b), ERR_INVALID);
}

/* The holder removes the file and lets go: who waited must not end with a lock on the removed one. */
static void test_lock_of_removed_file(void **state)
{
    const struct tempdir *t = *state;
    int status = 0;
    AUTO_FD int held = -1;
    expect_success(file_open_locked(t->fd, "lock", true, false, &held));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int fd = -1;
        (void)fd_close(held);
        struct err *e = file_open_locked(t->fd, "lock", true, true, &fd);
        struct stat mine, now;
        if (e || fstat(fd, &mine) < 0 || fstatat(t->fd, "lock", &now, 0) < 0)
            _exit(1);
        _exit(mine.st_ino == now.st_ino && mine.st_nlink == 1 ? 0 : 2);
    }
    (void)usleep(100000); /* now it waits */
    assert_int_equal(unlinkat(t->fd, "lock", 0), 0);
    held = fd_close(held);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMPDIR_TEST(test_read),
        TEMPDIR_TEST(test_write_atomic),
        TEMPDIR_TEST(test_write_atomic_with_faults),
        TEMPDIR_TEST(test_mkdirs),
        TEMPDIR_TEST(test_open_dir),
        TEMPDIR_TEST(test_copy_keeps_holes),
        TEMPDIR_TEST(test_copy_of_streams),
        TEMPDIR_TEST(test_lock),
        TEMPDIR_TEST(test_lock_of_removed_file),
    };
    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
