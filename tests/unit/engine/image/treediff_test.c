#include "engine/image/treediff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "tests/unit/base/tempdir.h"

/* Two trees, a/ and b/, and what the comparison has to say: "C /x,D /y". */
static void expect_by(struct err *(*compare)(int, int, struct tree_changes *), const struct tempdir *t,
                      const char *expected)
{
    AUTO_TREE_CHANGES struct tree_changes c = {0};
    AUTO_STRBUF struct strbuf all = STRBUF_INIT;
    int a = openat(t->fd, "a", O_RDONLY | O_DIRECTORY), b = openat(t->fd, "b", O_RDONLY | O_DIRECTORY);
    expect_success(compare(a, b, &c));
    for (size_t i = 0; i < c.count; i++)
        expect_success(strbuf_printf(&all, "%s%c %s", i ? "," : "", (char)c.items[i].kind, c.items[i].path));
    assert_string_equal(strbuf_str(&all), expected);
    assert_int_equal(close(a), 0);
    assert_int_equal(close(b), 0);
}

static void expect_changes(const struct tempdir *t, const char *expected)
{
    expect_by(tree_compare, t, expected);
}

static void set_time(const struct tempdir *t, const char *name, long nsec)
{
    const struct timespec times[2] = {{.tv_sec = 1, .tv_nsec = nsec}, {.tv_sec = 1, .tv_nsec = nsec}};
    assert_int_equal(utimensat(t->fd, name, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void file(const struct tempdir *t, const char *name, const char *text, long nsec)
{
    tempdir_write(t, name, text);
    set_time(t, name, nsec);
}

static void both_dirs(const struct tempdir *t, const char *name)
{
    char path[64];
    (void)snprintf(path, sizeof path, "a%s", name);
    tempdir_mkdir(t, path);
    (void)snprintf(path, sizeof path, "b%s", name);
    tempdir_mkdir(t, path);
}

static void every_kind(void **state)
{
    const struct tempdir *t = *state;
    both_dirs(t, "");
    expect_changes(t, "");
    both_dirs(t, "/same");
    file(t, "a/same/f", "x", 5);
    file(t, "b/same/f", "y", 5); /* content is not looked at */
    expect_changes(t, "");
    both_dirs(t, "/dir");
    file(t, "a/dir/time", "x", 5);
    file(t, "b/dir/time", "x", 6);
    file(t, "a/dir/size", "x", 5);
    file(t, "b/dir/size", "xx", 5);
    file(t, "a/dir/gone", "x", 5);
    tempdir_mkdir(t, "a/old");
    file(t, "a/old/in", "x", 5);
    tempdir_mkdir(t, "b/new");
    file(t, "b/new/in", "x", 5);
    expect_changes(t, "C /dir,D /dir/gone,C /dir/size,C /dir/time,A /new,A /new/in,D /old");
}

static void other_types(void **state)
{
    const struct tempdir *t = *state;
    both_dirs(t, "");
    tempdir_mkdir(t, "a/to-file");
    file(t, "a/to-file/in", "x", 5);
    file(t, "b/to-file", "x", 5);
    file(t, "a/to-dir", "x", 5);
    tempdir_mkdir(t, "b/to-dir");
    file(t, "b/to-dir/in", "x", 5);
    tempdir_link(t, "/", "a/link");
    tempdir_link(t, "/etc", "b/link"); /* never followed */
    set_time(t, "a/link", 5);
    set_time(t, "b/link", 5);
    both_dirs(t, "/mode");
    assert_int_equal(fchmodat(t->fd, "b/mode", 0700, 0), 0);
    expect_changes(t, "C /link,C /mode,C /to-dir,A /to-dir/in,C /to-file");
}

/* b/ is an upper directory: what is not in it was not changed. */
static void an_upper_directory(void **state)
{
    const struct tempdir *t = *state;
    both_dirs(t, "");
    file(t, "a/kept", "x", 5);
    file(t, "a/gone", "x", 5);
    if (mknodat(t->fd, "b/gone", S_IFCHR, 0) < 0)
        skip();
    assert_int_equal(mknodat(t->fd, "b/never-there", S_IFCHR, 0), 0);
    both_dirs(t, "/dir");
    file(t, "a/dir/same", "x", 5);
    file(t, "b/dir/same", "x", 5);
    file(t, "b/dir/new", "x", 5);
    both_dirs(t, "/anew");
    file(t, "a/anew/old", "x", 5);
    file(t, "b/anew/new", "x", 5);
    expect_by(tree_compare_upper, t, "C /anew,A /anew/new,C /dir,A /dir/new,D /gone");
    AUTO_FD int fd = openat(t->fd, "b/anew", O_RDONLY | O_DIRECTORY);
    if (fsetxattr(fd, "user.overlay.opaque", "y", 1, 0) < 0)
        return; /* a file system without attributes */
    expect_by(tree_compare_upper, t, "D /anew,A /anew/new,C /dir,A /dir/new,D /gone");
    assert_int_equal(fsetxattr(fd, "user.overlay.opaque", "x", 1, 0), 0);
    expect_by(tree_compare_upper, t, "C /anew,A /anew/new,C /dir,A /dir/new,D /gone");
}

static void too_deep(void **state)
{
    const struct tempdir *t = *state;
    AUTO_TREE_CHANGES struct tree_changes c = {0};
    both_dirs(t, "");
    int a = openat(t->fd, "a", O_RDONLY | O_DIRECTORY), at = openat(t->fd, "b", O_RDONLY | O_DIRECTORY);
    int b = openat(t->fd, "b", O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 600; i++) {
        assert_int_equal(mkdirat(at, "d", 0755), 0);
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY);
        assert_int_equal(close(at), 0);
        at = next;
    }
    expect_kind(tree_compare(a, b, &c), ERR_NO_SPACE);
    for (int i = 0; i < 600; i++) { /* beyond what file_remove_tree takes at once */
        int up = openat(at, "..", O_RDONLY | O_DIRECTORY);
        assert_int_equal(unlinkat(up, "d", AT_REMOVEDIR), 0);
        assert_int_equal(close(at), 0);
        at = up;
    }
    assert_int_equal(close(at) | close(a) | close(b), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEMPDIR_TEST(every_kind), TEMPDIR_TEST(other_types),
                                       TEMPDIR_TEST(an_upper_directory), TEMPDIR_TEST(too_deep)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
