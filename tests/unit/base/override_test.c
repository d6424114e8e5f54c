/* Owner and mode as text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/override.h"

static void test_reads_and_writes_the_same(void **state)
{
    static const char *const texts[] = {
        "0:0:0755:dir",    "12:34:04711:file",   "1:1:0777:symlink",  "0:0:0600:fifo",
        "0:0:0600:socket", "0:6:0660:block-8-1", "0:0:0666:char-1-3", "4294967294:0:00:file",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct override o;
        char buf[OVERRIDE_MAX];
        assert_true(override_parse(texts[i], strlen(texts[i]), &o));
        assert_true(o.has_type);
        assert_int_equal(override_format(&o, buf), strlen(texts[i]));
        assert_string_equal(buf, texts[i]);
    }
}

static void test_type_may_be_missing(void **state)
{
    struct override o;
    (void)state;
    assert_true(override_parse("5:6:0100644", 11, &o));
    assert_false(o.has_type);
    assert_int_equal(o.mode, 0644);
    assert_int_equal(o.uid, 5);
    assert_int_equal(o.gid, 6);
}

static void test_devices(void **state)
{
    struct override o;
    (void)state;
    assert_true(override_parse("0:0:0666:char-1-3", 17, &o));
    assert_true(S_ISCHR(o.mode));
    assert_int_equal(o.rdev, makedev(1, 3));
}

static void test_refuses(void **state)
{
    static const char *const bad[] = {
        "",
        ":",
        "0:0",
        "0:0:",
        "0:0:9",
        "-1:0:0644",
        "0:0:0644:",
        "0:0:0644:x",
        "a:b:c",
        "0:0:0644:char",
        "0:0:0644:char-1",
        "0:0:0644:char-1-",
        "0:0:0644:dir-1",
        "0:0:0644:file:x",
        "4294967295:0:0644",
        "0:0:0777777",
        " 0:0:0644",
        "0:0:0644:block-4096-0",
    };
    struct override o;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (override_parse(bad[i], strlen(bad[i]), &o))
            fail_msg("accepted: %s", bad[i]);
    }
    assert_false(override_parse("0:0:0644\0", 9, &o));
    char longest[OVERRIDE_MAX];
    memset(longest, '0', sizeof(longest));
    assert_false(override_parse(longest, sizeof(longest), &o));
}

/* A record and what the inode says of a file, together. */
static struct stat applied(const char *text, mode_t disk, off_t size)
{
    struct override o;
    struct stat st = {.st_mode = disk, .st_size = size};
    assert_true(override_parse(text, strlen(text), &o));
    override_apply(&o, &st);
    return st;
}

static void test_owner_counts_and_a_files_mode_does_not(void **state)
{
    (void)state;
    struct stat st = applied("5:6:0600:file", S_IFREG | 04755, 3);
    assert_int_equal(st.st_uid, 5);
    assert_int_equal(st.st_gid, 6);
    assert_int_equal(st.st_mode, S_IFREG | 04755); /* chmod(2) came later than the record */
}

static void test_a_closed_directory_is_open_on_disk(void **state)
{
    (void)state;
    assert_int_equal(override_disk_mode(0), 0700);
    assert_int_equal(override_disk_mode(02555), 02755);
    assert_int_equal(applied("0:0:0555:dir", S_IFDIR | 0755, 0).st_mode, S_IFDIR | 0555);
    assert_int_equal(applied("0:0:00:dir", S_IFDIR | 0700, 0).st_mode, S_IFDIR);
    assert_int_equal(applied("0:0:0555:dir", S_IFDIR | 0700, 0).st_mode, S_IFDIR | 0700); /* changed since */
}

static void test_only_an_empty_file_stands_for_a_device(void **state)
{
    (void)state;
    struct stat st = applied("0:0:0666:char-1-3", S_IFREG | 0666, 0);
    assert_true(S_ISCHR(st.st_mode));
    assert_int_equal(st.st_rdev, makedev(1, 3));
    assert_true(S_ISREG(applied("0:0:0666:char-1-3", S_IFREG | 0666, 1).st_mode));
    assert_true(S_ISDIR(applied("0:0:0666:char-1-3", S_IFDIR | 0777, 0).st_mode));
    assert_true(S_ISREG(applied("0:0:0666:symlink", S_IFREG | 0666, 0).st_mode));
}

static void test_what_needs_a_record(void **state)
{
    (void)state;
    assert_false(override_is_needed(0, 0, S_IFREG | 04000));
    assert_false(override_is_needed(0, 0, S_IFDIR | 0700));
    assert_true(override_is_needed(0, 0, S_IFDIR | 0500));
    assert_true(override_is_needed(1, 0, S_IFREG));
    assert_true(override_is_needed(0, 1, S_IFREG));
    assert_true(override_is_needed(0, 0, S_IFCHR | 0666));
}

static void test_a_record_is_written_read_and_removed(void **state)
{
    char path[] = "/var/tmp/override-test-XXXXXX";
    struct override o = {.uid = 7, .gid = 8, .mode = S_IFREG | 0644}, got;
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    int errnum = override_write_fd(fd, &o);
    if (errnum == EOPNOTSUPP) {
        unlink(path);
        skip();
    }
    assert_int_equal(errnum, 0);
    assert_true(override_read_path(path, &got));
    assert_int_equal(got.gid, 8);
    o.uid = o.gid = 0;
    assert_int_equal(override_write_path(path, &o), 0);
    assert_false(override_read_fd(fd, &got));
    assert_int_equal(override_write_path(path, &o), 0); /* again */
    assert_int_equal(fsetxattr(fd, OVERRIDE_RECORD, "nonsense", 8, 0), 0);
    assert_false(override_read_fd(fd, &got));
    unlink(path);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_and_writes_the_same),
        cmocka_unit_test(test_type_may_be_missing),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_owner_counts_and_a_files_mode_does_not),
        cmocka_unit_test(test_a_closed_directory_is_open_on_disk),
        cmocka_unit_test(test_only_an_empty_file_stands_for_a_device),
        cmocka_unit_test(test_what_needs_a_record),
        cmocka_unit_test(test_a_record_is_written_read_and_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
