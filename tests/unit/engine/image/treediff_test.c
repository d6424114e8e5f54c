#include "engine/image/treediff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "tests/unit/base/tempdir.h"

/* Two trees, a/ and b/, and what the comparison has to say: "C /x,D /y". */
static void expect_changes(const struct tempdir *t, const char *expected)
{
    AUTO_TREE_CHANGES struct tree_changes c = {0};
    AUTO_STRBUF struct strbuf all = STRBUF_INIT;
    int a = openat(t->fd, "a", O_RDONLY | O_DIRECTORY), b = openat(t->fd, "b", O_RDONLY | O_DIRECTORY);
    expect_success(tree_compare(a, b, &c));
    for (size_t i = 0; i < c.count; i++)
        expect_success(strbuf_printf(&all, "%s%c %s", i ? "," : "", (char)c.items[i].kind, c.items[i].path));
    assert_string_equal(strbuf_str(&all), expected);
    assert_int_equal(close(a), 0);
    assert_int_equal(close(b), 0);
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
    const struct CMUnitTest tests[] = {TEMPDIR_TEST(every_kind), TEMPDIR_TEST(other_types), TEMPDIR_TEST(too_deep)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
