/* Copying trees, and changing their owners. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "base/file.h"
#include "tests/unit/base/tempdir.h"

static void open_both(const struct tempdir *t, int *from, int *to)
{
    tempdir_mkdir(t, "from");
    tempdir_mkdir(t, "to");
    assert_null(file_open_dir(t->fd, "from", from));
    assert_null(file_open_dir(t->fd, "to", to));
}

static struct stat stat_of(const struct tempdir *t, const char *path)
{
    struct stat st;
    assert_int_equal(fstatat(t->fd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st;
}

static void everything_is_copied(void **state)
{
    const struct tempdir *t = *state;
    AUTO_FD int from = -1, to = -1;
    open_both(t, &from, &to);
    tempdir_mkdir(t, "from/d");
    tempdir_write(t, "from/d/file", "hello");
    assert_int_equal(fchmodat(t->fd, "from/d/file", 04751, 0), 0);
    assert_int_equal(symlinkat("../nowhere", t->fd, "from/d/link"), 0);
    assert_int_equal(mkfifoat(t->fd, "from/fifo", 0640), 0);
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 2000, .tv_nsec = 5}};
    assert_int_equal(utimensat(t->fd, "from/d/file", times, 0), 0);
    assert_int_equal(utimensat(t->fd, "from/d", times, 0), 0);
    assert_null(file_copy_tree(from, to));
    struct stat st = stat_of(t, "to/d/file");
    assert_int_equal(st.st_mode & 07777, 04751);
    assert_int_equal(st.st_size, 5);
    assert_int_equal(st.st_mtim.tv_nsec, 5);
    assert_int_equal(stat_of(t, "to/d").st_mtim.tv_sec, 2000);
    assert_true(S_ISFIFO(stat_of(t, "to/fifo").st_mode));
    char target[32] = "";
    assert_true(readlinkat(t->fd, "to/d/link", target, sizeof(target) - 1) > 0);
    assert_string_equal(target, "../nowhere");
}

static void hard_links_stay_together(void **state)
{
    const struct tempdir *t = *state;
    AUTO_FD int from = -1, to = -1;
    open_both(t, &from, &to);
    tempdir_write(t, "from/a", "x");
    tempdir_mkdir(t, "from/sub");
    assert_int_equal(linkat(t->fd, "from/a", t->fd, "from/sub/b", 0), 0);
    assert_null(file_copy_tree(from, to));
    assert_int_equal(stat_of(t, "to/a").st_ino, stat_of(t, "to/sub/b").st_ino);
    assert_int_not_equal(stat_of(t, "to/a").st_ino, stat_of(t, "from/a").st_ino);
}

static void an_existing_file_is_not_overwritten(void **state)
{
    const struct tempdir *t = *state;
    AUTO_FD int from = -1, to = -1;
    open_both(t, &from, &to);
    tempdir_write(t, "from/a", "new");
    tempdir_write(t, "to/a", "old!");
    struct err *e = file_copy_tree(from, to);
    assert_non_null(e);
    assert_int_equal(err_errno(e), EEXIST);
    err_free(e);
    assert_int_equal(stat_of(t, "to/a").st_size, 4);
}

static bool no_owner(uid_t *uid, gid_t *gid, void *arg)
{
    (void)uid;
    (void)gid;
    (void)arg;
    return false;
}

static bool same_owner(uid_t *uid, gid_t *gid, void *arg)
{
    (void)uid;
    (void)gid;
    (*(int *)arg)++;
    return true;
}

static void owners_are_asked_for(void **state)
{
    const struct tempdir *t = *state;
    AUTO_FD int from = -1, to = -1;
    int calls = 0;
    open_both(t, &from, &to);
    tempdir_write(t, "from/a", "x");
    struct err *e = file_copy_tree_owned(from, to, no_owner, NULL);
    assert_non_null(e);
    assert_int_equal(err_kind(e), ERR_UNSUPPORTED);
    err_free(e);
    assert_null(file_copy_tree_owned(from, to, same_owner, &calls));
    assert_int_equal(calls, 2); /* the directory and the file */
}

static void chown_reaches_everything_but_link_targets(void **state)
{
    const struct tempdir *t = *state;
    AUTO_FD int from = -1, to = -1;
    if (geteuid() != 0)
        skip();
    open_both(t, &from, &to);
    tempdir_mkdir(t, "from/d");
    tempdir_write(t, "from/d/f", "x");
    tempdir_write(t, "outside", "x");
    assert_int_equal(symlinkat("../../outside", t->fd, "from/d/l"), 0);
    assert_null(file_chown_tree(from, 12345, 23456, false));
    assert_int_equal(stat_of(t, "from").st_uid, 12345);
    assert_int_equal(stat_of(t, "from/d/f").st_gid, 23456);
    assert_int_equal(stat_of(t, "from/d/l").st_uid, 12345);
    assert_int_equal(stat_of(t, "outside").st_uid, 0);
}

static void over_what_is_there(void **state)
{
    const struct tempdir *t = *state;
    struct file_copy_opts merge = {.merge = true};
    AUTO_FD int from = -1, to = -1;
    open_both(t, &from, &to);
    tempdir_mkdir(t, "from/d");
    tempdir_write(t, "from/d/file", "new");
    assert_int_equal(linkat(t->fd, "from/d/file", t->fd, "from/d/again", 0), 0);
    tempdir_mkdir(t, "to/d");
    tempdir_write(t, "to/d/file", "old");
    tempdir_write(t, "to/d/kept", "kept");
    assert_int_equal(symlinkat("kept", t->fd, "to/d/again"), 0); /* replaced, not followed */
    assert_null(file_copy_entry(from, "d", to, "d", &merge));
    assert_int_equal(stat_of(t, "to/d/file").st_size, 3);
    assert_int_equal(stat_of(t, "to/d/file").st_ino, stat_of(t, "to/d/again").st_ino);
    assert_int_equal(stat_of(t, "to/d/kept").st_size, 4);
    assert_null(file_copy_entry(from, "d", to, "other", &merge));
    assert_int_equal(stat_of(t, "to/other/file").st_nlink, 2);
    /* Kinds are kept apart unless asked otherwise. */
    tempdir_write(t, "from/x", "x");
    tempdir_mkdir(t, "to/x");
    tempdir_write(t, "to/x/in", "in");
    expect_kind(file_copy_entry(from, "x", to, "x", &merge), ERR_EXISTS);
    tempdir_write(t, "to/e", "e");
    expect_kind(file_copy_entry(from, "d", to, "e", &merge), ERR_EXISTS);
    merge.replace = true;
    assert_null(file_copy_entry(from, "x", to, "x", &merge));
    assert_true(S_ISREG(stat_of(t, "to/x").st_mode));
    assert_null(file_copy_entry(from, "d", to, "e", &merge));
    assert_true(S_ISDIR(stat_of(t, "to/e").st_mode));
    static const char *const omit[] = {"d", NULL};
    merge.omit = omit;
    tempdir_mkdir(t, "all");
    AUTO_FD int all = openat(t->fd, "all", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_null(file_copy_entries(from, all, &merge));
    assert_int_equal(faccessat(all, "d", F_OK, 0), -1);
    assert_int_equal(faccessat(all, "x", F_OK, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMPDIR_TEST(everything_is_copied),
        TEMPDIR_TEST(hard_links_stay_together),
        TEMPDIR_TEST(an_existing_file_is_not_overwritten),
        TEMPDIR_TEST(owners_are_asked_for),
        TEMPDIR_TEST(over_what_is_there),
        TEMPDIR_TEST(chown_reaches_everything_but_link_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
