#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Each case runs twice, through openat2 and through the walk by components, and must end alike. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/path_walk.h"
#include "tests/unit/base/tempdir.h"

/* tempdir/secret is outside, tempdir/root the root. */
static int setup(void **state)
{
    if (tempdir_setup(state) < 0)
        return -1;
    const struct tempdir *t = *state;
    static const char *const dirs[] = {"root", "root/etc", "root/dir", "root/dir/sub", "secret"};
    static const char *const files[] = {"root/etc/passwd", "root/dir/file", "secret/passwd", "passwd"};
    static const char *const links[][2] = {
        {"../secret/passwd", "root/out-relative"},
        {"/etc/passwd", "root/absolute"},
        {"../../../../../../../etc/passwd", "root/many-up"},
        {"dir", "root/to-dir"},
        {"dir/", "root/to-dir-slash"},
        {"file", "root/dir/to-file"},
        {"../etc/passwd", "root/dir/up-inside"},
        {"loop-b", "root/loop-a"},
        {"loop-a", "root/loop-b"},
        {"self", "root/self"},
        {"/", "root/to-root"},
        {"missing", "root/dangling"},
        {"/new/place", "root/dangling-absolute"},
        {"/proc/self/root", "root/host-root"},
    };
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
        tempdir_mkdir(t, dirs[i]);
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        tempdir_write(t, files[i], files[i]);
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        tempdir_link(t, links[i][0], links[i][1]);
    return 0;
}

enum method { BY_OPENAT2, BY_WALK };

static int open_by(enum method m, int rootfd, const char *path, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (unsigned)flags | O_CLOEXEC,
        .mode = mode,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    if (m == BY_WALK)
        return path_walk_open(rootfd, path, flags, mode, false);
    long fd = syscall(SYS_openat2, rootfd, path, &how, sizeof(how));
    return fd < 0 ? -errno : (int)fd;
}

static int open_root(const struct tempdir *t)
{
    return openat(t->fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* What is open, as its path below tempdir. */
static void where(const struct tempdir *t, int fd, char *buf, size_t size)
{
    char path[256];
    ssize_t n = readlink(fd_proc_path(fd).s, path, sizeof(path) - 1);
    assert_true(n > 0);
    path[n] = '\0';
    (void)snprintf(buf, size, "%s", strncmp(path, t->path, strlen(t->path)) ? path : path + strlen(t->path) + 1);
}

struct open_case {
    const char *path;
    int flags;
    int errnum;
    const char *found;
};

static const struct open_case open_cases[] = {
    {"/etc/passwd", O_RDONLY, 0, "root/etc/passwd"},
    {"etc/passwd", O_RDONLY, 0, "root/etc/passwd"},
    {"//etc///passwd", O_RDONLY, 0, "root/etc/passwd"},
    {"/", O_RDONLY, 0, "root"},
    {".", O_RDONLY, 0, "root"},
    {"..", O_RDONLY, 0, "root"},
    {"../..", O_PATH, 0, "root"},
    {"../secret/passwd", O_RDONLY, ENOENT, NULL},
    {"/../../etc/passwd", O_RDONLY, 0, "root/etc/passwd"},
    {"dir/../etc/./passwd", O_RDONLY, 0, "root/etc/passwd"},
    {"dir/sub/..", O_RDONLY, 0, "root/dir"},
    {"dir/missing/..", O_RDONLY, ENOENT, NULL},
    {"etc/passwd/..", O_RDONLY, ENOTDIR, NULL},
    {"out-relative", O_RDONLY, ENOENT, NULL},
    {"absolute", O_RDONLY, 0, "root/etc/passwd"},
    {"many-up", O_RDONLY, 0, "root/etc/passwd"},
    {"dir/up-inside", O_RDONLY, 0, "root/etc/passwd"},
    {"to-dir/file", O_RDONLY, 0, "root/dir/file"},
    {"to-dir-slash/file", O_RDONLY, 0, "root/dir/file"},
    {"to-dir/to-file", O_RDONLY, 0, "root/dir/file"},
    {"to-dir/..", O_RDONLY, 0, "root"},
    {"to-root/to-root/etc/passwd", O_RDONLY, 0, "root/etc/passwd"},
    {"to-root", O_RDONLY, 0, "root"},
    {"dir/", O_RDONLY, 0, "root/dir"},
    {"dir/sub/", O_RDONLY, 0, "root/dir/sub"},
    {"dir/file/", O_RDONLY, ENOTDIR, NULL},
    {"dir/file/.", O_RDONLY, ENOTDIR, NULL},
    {"dir/file/x", O_RDONLY, ENOTDIR, NULL},
    {"missing/", O_RDONLY, ENOENT, NULL},
    {"dangling", O_RDONLY, ENOENT, NULL},
    {"dangling/", O_RDONLY, ENOENT, NULL},
    {"", O_RDONLY, ENOENT, NULL},
    {"loop-a", O_RDONLY, ELOOP, NULL},
    {"loop-a/x", O_RDONLY, ELOOP, NULL},
    {"self/self/x", O_RDONLY, ELOOP, NULL},
    {"host-root", O_RDONLY, ENOENT, NULL},
    {"absolute", O_RDONLY | O_NOFOLLOW, ELOOP, NULL},
    {"absolute", O_PATH, 0, "root/etc/passwd"},
    {"absolute", O_PATH | O_NOFOLLOW, 0, "root/absolute"},
    {"to-dir/file", O_RDONLY | O_NOFOLLOW, 0, "root/dir/file"},
    {"to-dir/", O_PATH | O_NOFOLLOW, 0, "root/dir"},
    {"to-dir", O_RDONLY | O_DIRECTORY, 0, "root/dir"},
    {"to-dir", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, ENOTDIR, NULL},
    {"dir/to-file", O_RDONLY | O_DIRECTORY, ENOTDIR, NULL},
    {"dir", O_WRONLY, EISDIR, NULL},
    {"dangling", O_PATH | O_NOFOLLOW, 0, "root/dangling"},
};

static void run_cases(const struct tempdir *t, enum method m)
{
    AUTO_FD int root = open_root(t);
    for (size_t i = 0; i < ARRAY_LEN(open_cases); i++) {
        const struct open_case *c = &open_cases[i];
        char found[256] = "";
        AUTO_FD int fd = open_by(m, root, c->path, c->flags, 0);
        if (c->errnum != (fd < 0 ? -fd : 0))
            print_message("%s with flags 0%o: %d\n", c->path, (unsigned)c->flags, fd);
        assert_int_equal(fd < 0 ? -fd : 0, c->errnum);
        if (fd >= 0) {
            where(t, fd, found, sizeof(found));
            assert_string_equal(found, c->found);
            assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        }
    }
}

static void test_cases_by_openat2(void **state)
{
    run_cases(*state, BY_OPENAT2);
}

static void test_cases_by_walk(void **state)
{
    run_cases(*state, BY_WALK);
}

static void run_create(const struct tempdir *t, enum method m)
{
    AUTO_FD int root = open_root(t);
    AUTO_FD int made = open_by(m, root, "dir/new", O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(made >= 0);
    assert_int_equal(open_by(m, root, "dir/new", O_WRONLY | O_CREAT | O_EXCL, 0600), -EEXIST);
    assert_int_equal(open_by(m, root, "dangling", O_WRONLY | O_CREAT | O_EXCL, 0600), -EEXIST);
    assert_int_equal(open_by(m, root, "out-relative", O_WRONLY | O_CREAT, 0600), -ENOENT);
    assert_int_equal(open_by(m, root, "dir/", O_WRONLY | O_CREAT, 0600), -EISDIR);
    AUTO_FD int through = open_by(m, root, "dangling", O_WRONLY | O_CREAT, 0640);
    char found[256];
    where(t, through, found, sizeof(found));
    assert_string_equal(found, "root/missing");
    AUTO_FD int tmp = open_by(m, root, "to-dir", O_WRONLY | O_TMPFILE, 0600);
    assert_true(tmp >= 0);
    assert_int_equal(unlinkat(root, "missing", 0), 0);
    assert_int_equal(unlinkat(root, "dir/new", 0), 0);
}

static void test_create(void **state)
{
    run_create(*state, BY_OPENAT2);
    run_create(*state, BY_WALK);
}

/* procfs as the root: its ordinary links work, the magic ones are refused. */
static void run_magic(enum method m)
{
    static const char *const magic[] = {"self/root", "self/root/etc", "self/cwd",
                                        "self/exe",  "self/fd/0",     "self/ns/mnt"};
    AUTO_FD int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    AUTO_FD int status = open_by(m, proc, "self/status", O_RDONLY, 0);
    assert_true(status >= 0);
    AUTO_FD int mounts = open_by(m, proc, "mounts", O_RDONLY, 0);
    assert_true(mounts >= 0);
    for (size_t i = 0; i < ARRAY_LEN(magic); i++)
        assert_int_equal(open_by(m, proc, magic[i], O_RDONLY, 0), -ELOOP);
}

static void test_magic_links(void **state)
{
    (void)state;
    run_magic(BY_OPENAT2);
    run_magic(BY_WALK);
}

static void run_link_limit(const struct tempdir *t, enum method m)
{
    AUTO_FD int root = open_root(t);
    AUTO_FD int fine = open_by(m, root, "chain-39", O_RDONLY, 0);
    assert_true(fine >= 0);
    assert_int_equal(open_by(m, root, "chain-40", O_RDONLY, 0), -ELOOP);
}

/* 40 links are followed, 41 are a loop. */
static void test_link_limit(void **state)
{
    const struct tempdir *t = *state;
    for (int i = 0; i <= 40; i++) {
        char name[32], target[32];
        (void)snprintf(name, sizeof(name), "root/chain-%d", i);
        (void)snprintf(target, sizeof(target), "chain-%d", i - 1);
        tempdir_link(t, i ? target : "etc/passwd", name);
    }
    run_link_limit(t, BY_OPENAT2);
    run_link_limit(t, BY_WALK);
}

static void test_long_names(void **state)
{
    const struct tempdir *t = *state;
    AUTO_FD int root = open_root(t);
    char name[300], path[5000];
    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    memset(path, '/', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    for (int m = BY_OPENAT2; m <= BY_WALK; m++) {
        assert_int_equal(open_by((enum method)m, root, name, O_RDONLY, 0), -ENAMETOOLONG);
        assert_int_equal(open_by((enum method)m, root, path, O_RDONLY, 0), -ENAMETOOLONG);
    }
}

static void test_public_function(void **state)
{
    const struct tempdir *t = *state;
    AUTO_FD int root = open_root(t);
    int fd = -1;
    expect_success(path_open_in_root(root, "/absolute", O_RDONLY, 0777, &fd)); /* a mode without O_CREAT is fine */
    (void)fd_close(fd);
    expect_success(path_open_in_root(root, "/absolute", O_PATH | O_RDWR | O_NONBLOCK, 0, &fd));
    (void)fd_close(fd);
    fd = -1;
    expect_kind(path_open_in_root(root, "nope", O_RDONLY, 0, &fd), ERR_NOT_FOUND);
    expect_kind(path_open_in_root(root, "loop-a", O_RDONLY, 0, &fd), ERR_INVALID);
    expect_kind(path_open_in_root(root, "dir/file/x", O_RDONLY, 0, &fd), ERR_INVALID);
    assert_int_equal(fd, -1);
}

static void expect_made(const struct tempdir *t, int root, const char *path, const char *expected, mode_t mode)
{
    struct stat st;
    char found[256];
    AUTO_FD int fd = -1;
    expect_success(path_mkdir_in_root(root, path, 0711, &fd));
    where(t, fd, found, sizeof(found));
    assert_string_equal(found, expected);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, mode);
}

static void test_mkdir(void **state)
{
    const struct tempdir *t = *state;
    struct stat st;
    AUTO_FD int root = open_root(t);
    mode_t old = umask(077);
    expect_made(t, root, "/a/b/c/", "root/a/b/c", 0711);
    expect_made(t, root, "/a/b/c", "root/a/b/c", 0711);
    assert_int_equal(fstatat(root, "a/b", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    expect_made(t, root, "to-dir/x", "root/dir/x", 0711);
    expect_made(t, root, "dangling-absolute/y", "root/new/place/y", 0711);
    expect_made(t, root, "../../up", "root/up", 0711);
    expect_made(t, root, "dir", "root/dir", 0755); /* stays as it was */
    expect_made(t, root, "/", "root", 0755);
    expect_made(t, root, "out-relative", "root/secret/passwd", 0711); /* inside */
    (void)umask(old);
    AUTO_FD int fd = -1;
    expect_kind(path_mkdir_in_root(root, "etc/passwd/x", 0755, &fd), ERR_INVALID);
    expect_kind(path_mkdir_in_root(root, "etc/passwd", 0755, &fd), ERR_INVALID);
    expect_kind(path_mkdir_in_root(root, "loop-a/x", 0755, &fd), ERR_INVALID);
    assert_int_equal(faccessat(t->fd, "up", F_OK, 0), -1);
}

/* As container engines do to what they run: openat2 answers `errnum`. */
static int block_openat2(unsigned errnum)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | errnum),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {.len = ARRAY_LEN(filter), .filter = filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -1 : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

/* Skipped (77) where filters are not allowed. */
static int open_with_blocked_openat2(const struct tempdir *t, unsigned errnum)
{
    int root = open_root(t), fd = -1;
    if (block_openat2(errnum) < 0)
        return 77;
    if (syscall(SYS_openat2, root, "", NULL, 0) != -1 || errno != (int)errnum)
        return 1;
    if (path_open_in_root(root, "/absolute", O_RDONLY, 0, &fd))
        return 2;
    struct err *e = path_open_in_root(root, "/out-relative", O_RDONLY, 0, &fd);
    if (err_kind(e) != ERR_NOT_FOUND)
        return 3;
    return path_mkdir_in_root(root, "/blocked/x", 0755, &fd) ? 4 : 0;
}

static void test_blocked_openat2(void **state)
{
    static const unsigned answers[] = {ENOSYS, EPERM};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        int status = 0;
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            _exit(open_with_blocked_openat2(*state, answers[i]));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
            skip();
        assert_int_equal(status, 0);
    }
}

/* The Nth allocation fails, for all N. */
static void test_walk_with_faults(void **state)
{
    AUTO_FD int root = open_root(*state);
    int fd = -ENOMEM;
    unsigned n = 1;
    for (; fd == -ENOMEM; n++) {
        fault_arm(FAULT_MEM, n);
        fd = path_walk_open(root, "to-dir/../dir/sub/../../absolute", O_RDONLY, 0, false);
        fault_arm(FAULT_MEM, 0);
    }
    assert_true(fd >= 0 && n > 3);
    (void)fd_close(fd);
}

#define ROOT_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, tempdir_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROOT_TEST(test_cases_by_openat2), ROOT_TEST(test_cases_by_walk), ROOT_TEST(test_create),
        ROOT_TEST(test_magic_links),      ROOT_TEST(test_link_limit),    ROOT_TEST(test_long_names),
        ROOT_TEST(test_public_function),  ROOT_TEST(test_mkdir),         ROOT_TEST(test_blocked_openat2),
        ROOT_TEST(test_walk_with_faults),
    };
    return cmocka_run_group_tests_name("path_root", tests, NULL, NULL);
}
