#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "base/fault.h"
#include "base/fd.h"
#include "tests/unit/base/tempdir.h"

/* A small tree with everything that can lie in one. */
static void make_tree(const struct tempdir *t)
{
    tempdir_mkdir(t, "keep");
    tempdir_write(t, "keep/file", "precious");
    tempdir_mkdir(t, "tree");
    tempdir_mkdir(t, "tree/a");
    tempdir_mkdir(t, "tree/a/b");
    tempdir_mkdir(t, "tree/empty");
    tempdir_write(t, "tree/file", "12345");
    tempdir_write(t, "tree/a/b/file", "123");
    tempdir_link(t, "../keep", "tree/link-to-dir");
    tempdir_link(t, "../../keep/file", "tree/a/link-to-file");
    tempdir_link(t, "nowhere", "tree/dangling");
    assert_int_equal(mkfifoat(t->fd, "tree/fifo", 0600), 0);
    assert_int_equal(linkat(t->fd, "tree/file", t->fd, "tree/a/hard", 0), 0);
}

static void expect_gone(const struct tempdir *t, const char *name)
{
    struct stat st;
    assert_int_equal(fstatat(t->fd, name, &st, AT_SYMLINK_NOFOLLOW), -1);
    assert_int_equal(errno, ENOENT);
}

static void test_remove(void **state)
{
    const struct tempdir *t = *state;
    make_tree(t);
    expect_success(file_remove_tree(t->fd, "tree"));
    expect_gone(t, "tree");
    assert_true(file_exists(t->fd, "keep/file"));
    expect_success(file_remove_tree(t->fd, "tree")); /* missing is fine */
}

static void test_remove_single_things(void **state)
{
    const struct tempdir *t = *state;
    make_tree(t);
    tempdir_link(t, "keep", "link");
    expect_success(file_remove_tree(t->fd, "link"));
    expect_gone(t, "link");
    expect_success(file_remove_tree(t->fd, "tree/fifo"));
    expect_success(file_remove_tree(t->fd, "tree/empty"));
    expect_success(file_remove_tree(t->fd, "tree/file"));
    assert_true(file_exists(t->fd, "keep/file"));
    expect_kind(file_remove_tree(t->fd, "keep/file/x"), ERR_INVALID);
}

static void test_remove_many_entries(void **state)
{
    const struct tempdir *t = *state;
    char name[64];
    tempdir_mkdir(t, "many");
    for (int i = 0; i < 3000; i++) {
        (void)snprintf(name, sizeof(name), "many/a-rather-long-name-for-a-file-%d", i);
        if (i % 3)
            tempdir_write(t, name, "");
        else
            tempdir_mkdir(t, name);
        if (i % 6 == 0) {
            (void)snprintf(name, sizeof(name), "many/a-rather-long-name-for-a-file-%d/x", i);
            tempdir_write(t, name, "");
        }
    }
    expect_success(file_remove_tree(t->fd, "many"));
    expect_gone(t, "many");
}

/* Deeper than any path and than there are descriptors. */
static void test_remove_deep(void **state)
{
    const struct tempdir *t = *state;
    int fd = fcntl(t->fd, F_DUPFD_CLOEXEC, 3);
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(mkdirat(fd, "d", i % 7 ? 0755 : 0700), 0);
        int next = openat(fd, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        (void)fd_close(fd);
        fd = next;
    }
    int file = openat(fd, ".removing-0", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    (void)fd_close(file);
    (void)fd_close(fd);
    tempdir_write(t, "d/.removing-0", "our name is taken");
    tempdir_mkdir(t, "d/.removing-1");
    tempdir_write(t, "d/.removing-1/x", "");
    expect_success(file_remove_tree(t->fd, "d"));
    expect_gone(t, "d");
}

/* Run in a child as an ordinary user, since nothing is forbidden to root. */
static void as_user(const struct tempdir *t, int (*fn)(const struct tempdir *))
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (getuid() == 0 && (fchown(t->fd, 65534, 65534) < 0 || setresgid(65534, 65534, 65534) < 0 ||
                              setresuid(65534, 65534, 65534) < 0))
            _exit(100);
        _exit(fn(t));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static int remove_forbidden(const struct tempdir *t)
{
    if (mkdirat(t->fd, "d", 0755) < 0 || mkdirat(t->fd, "d/none", 0755) < 0 || mkdirat(t->fd, "d/none/x", 0755) < 0 ||
        mkdirat(t->fd, "d/read-only", 0755) < 0 || mkdirat(t->fd, "d/read-only/x", 0) < 0)
        return 1;
    if (fchmodat(t->fd, "d/none", 0, 0) < 0 || fchmodat(t->fd, "d/read-only", 0555, 0) < 0 ||
        fchmodat(t->fd, "d", 0500, 0) < 0)
        return 2;
    struct err *e = file_remove_tree(t->fd, "d");
    return e ? 3 : file_exists(t->fd, "d") ? 4 : 0;
}

static void test_remove_without_permission(void **state)
{
    as_user(*state, remove_forbidden);
}

/* Something is mounted in the tree: it stays, and so does what is in it. In a namespace of its own; skipped (77) where
 * that is not allowed. */
static int remove_around_mount(const struct tempdir *t)
{
    if (unshare(CLONE_NEWNS | (getuid() ? CLONE_NEWUSER : 0)) < 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return 77;
    char path[128], keep[128];
    (void)snprintf(path, sizeof(path), "%s/tree/a/b", t->path);
    (void)snprintf(keep, sizeof(keep), "%s/keep", t->path);
    if (mount(keep, path, NULL, MS_BIND, NULL) < 0) /* the same device: only the mount id differs */
        return 77;
    struct err *e = file_remove_tree(t->fd, "tree");
    if (err_errno(e) != EBUSY || !file_exists(t->fd, "keep/file") || !file_exists(t->fd, "tree/a/b/file"))
        return 1;
    err_drop(e);
    if (file_exists(t->fd, "tree/file") || file_exists(t->fd, "tree/empty")) /* the rest is gone */
        return 2;
    e = file_remove_tree(t->fd, "tree/a/b"); /* the mount point itself */
    return err_errno(e) == EBUSY && file_exists(t->fd, "keep/file") ? 0 : 3;
}

static void test_remove_stops_at_mounts(void **state)
{
    const struct tempdir *t = *state;
    int status = 0;
    make_tree(t);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(remove_around_mount(t));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

/* The Nth allocation or system call fails: an error, no leak, nothing outside is touched, and the next try works. */
static void test_remove_with_faults(void **state)
{
    const struct tempdir *t = *state;
    make_tree(t);
    for (int point = FAULT_MEM; point < FAULT_POINT_MAX; point++) {
        for (unsigned n = 1; n < 50; n++) {
            expect_success(file_remove_tree(t->fd, "keep"));
            expect_success(file_remove_tree(t->fd, "tree"));
            make_tree(t);
            fault_arm((enum fault_point)point, n);
            struct err *e = file_remove_tree(t->fd, "tree");
            bool reached = fault_count((enum fault_point)point) >= n;
            fault_arm((enum fault_point)point, 0);
            assert_true(reached || !e);
            assert_true(e || !file_exists(t->fd, "tree"));
            err_drop(e);
            assert_true(file_exists(t->fd, "keep/file"));
        }
    }
}

static void test_size(void **state)
{
    const struct tempdir *t = *state;
    uint64_t bytes = 0, inodes = 0;
    make_tree(t);
    expect_success(file_tree_size(t->fd, "tree", &bytes, &inodes));
    /* Directories a, b, empty; both files, one with two links; three symbolic links, whose size is their text; a FIFO.
     */
    assert_int_equal(inodes, 9);
    assert_int_equal(bytes, 5 + 3 + strlen("../keep") + strlen("../../keep/file") + strlen("nowhere"));
    expect_kind(file_tree_size(t->fd, "nope", &bytes, &inodes), ERR_NOT_FOUND);
    expect_kind(file_tree_size(t->fd, "tree/file", &bytes, &inodes), ERR_INVALID);
    expect_kind(file_tree_size(t->fd, "tree/link-to-dir", &bytes, &inodes), ERR_INVALID);
    assert_int_equal(inodes, 9);
}

static void test_size_with_many_hard_links(void **state)
{
    const struct tempdir *t = *state;
    char name[32], other[32];
    uint64_t bytes = 0, inodes = 0;
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "f%d", i);
        (void)snprintf(other, sizeof(other), "g%d", i);
        tempdir_write(t, name, "x");
        assert_int_equal(linkat(t->fd, name, t->fd, other, 0), 0);
    }
    expect_success(file_tree_size(t->fd, ".", &bytes, &inodes));
    assert_int_equal(inodes, 1000);
    assert_int_equal(bytes, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMPDIR_TEST(test_remove),
        TEMPDIR_TEST(test_remove_single_things),
        TEMPDIR_TEST(test_remove_many_entries),
        TEMPDIR_TEST(test_remove_deep),
        TEMPDIR_TEST(test_remove_without_permission),
        TEMPDIR_TEST(test_remove_stops_at_mounts),
        TEMPDIR_TEST(test_remove_with_faults),
        TEMPDIR_TEST(test_size),
        TEMPDIR_TEST(test_size_with_many_hard_links),
    };
    return cmocka_run_group_tests_name("file_tree", tests, NULL, NULL);
}
