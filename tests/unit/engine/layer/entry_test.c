/* What honest archives must become. */
#include "engine/layer/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/override.h"
#include "tests/unit/engine/layer/fixture.h"

static void owners_modes_and_times(void **state)
{
    struct fixture *f = *state;
    if (!fixture_has_ids())
        skip();
    tb_add(&f->tar, (struct tb_entry){.name = "d", .type = '5', .mode = 02775, .uid = 5, .gid = 50, .mtime = 1000});
    tb_pax(&f->tar, "mtime", "1700000000.123456789", 20);
    tb_add(&f->tar, (struct tb_entry){.name = "d/suid", .mode = 06755, .uid = 33, .gid = 8, .data = "x"});
    tb_add(&f->tar, (struct tb_entry){.name = "d/plain", .mtime = 7, .mode = 0});
    tb_add(&f->tar, (struct tb_entry){.name = "d/l", .type = '2', .link = "to", .uid = 65534, .gid = 7, .mtime = 9});
    expect_unpacked(f);
    struct stat st = at_stat(f, "d");
    assert_int_equal(st.st_mode, S_IFDIR | 02775);
    assert_int_equal(st.st_uid, 5);
    assert_int_equal(st.st_gid, 50);
    assert_int_equal(st.st_mtim.tv_sec, 1000); /* although entries were made in it */
    st = at_stat(f, "d/suid");
    assert_int_equal(st.st_mode, S_IFREG | 06755);
    assert_int_equal(st.st_uid, 33);
    assert_int_equal(st.st_gid, 8);
    assert_int_equal(st.st_mtim.tv_sec, 1700000000);
    assert_int_equal(st.st_mtim.tv_nsec, 123456789);
    assert_int_equal(at_stat(f, "d/plain").st_gid, 0); /* not what the setgid directory would give */
    st = at_stat(f, "d/l");
    assert_int_equal(st.st_uid, 65534);
    assert_int_equal(st.st_mtim.tv_sec, 9);
    assert_int_equal(f->result.ids_ignored, 0);
}

/* The record of a file, "" for none; *ret_ok is false where the file system can't have one. */
static const char *record_of(struct fixture *f, const char *name, char *buf)
{
    AUTO_FD int fd = openat(f->target, name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fgetxattr(fd, OVERRIDE_RECORD, buf, OVERRIDE_MAX - 1);
    buf[n > 0 ? n : 0] = '\0';
    return buf;
}

static bool has_records(struct fixture *f)
{
    AUTO_FD int fd = openat(f->target, ".", O_RDONLY | O_CLOEXEC);
    return fremovexattr(fd, OVERRIDE_RECORD) == 0 || errno == ENODATA;
}

static void single_id_records_owners(void **state)
{
    struct fixture *f = *state;
    char buf[OVERRIDE_MAX];
    if (!has_records(f))
        skip();
    f->opts.single_id = true;
    tb_add(&f->tar, (struct tb_entry){.name = "a", .uid = 1000, .mode = 04755});
    tb_add(&f->tar, (struct tb_entry){.name = "b", .type = '5', .gid = 42});
    tb_add(&f->tar, (struct tb_entry){.name = "r", .uid = 7, .mode = 0400});
    tb_add(&f->tar, (struct tb_entry){.name = "null", .type = '3', .mode = 0666, .major = 1, .minor = 3});
    tb_pax(&f->tar, "SCHILY.xattr." OVERRIDE_RECORD, "9:9:0777:file", 13); /* not for an archive to say */
    tb_file(&f->tar, "c", "");
    expect_unpacked(f);
    assert_int_equal(f->result.ids_ignored, 0);
    assert_int_equal(f->result.devices_skipped, 0);
    assert_int_equal(at_stat(f, "a").st_uid, 0);
    assert_int_equal(at_stat(f, "a").st_mode, S_IFREG | 04755);
    assert_string_equal(record_of(f, "a", buf), "1000:0:04755:file");
    assert_int_equal(at_stat(f, "b").st_gid, 0);
    assert_string_equal(record_of(f, "b", buf), "0:42:0755:dir");
    assert_string_equal(record_of(f, "r", buf), "7:0:0400:file");
    assert_string_equal(record_of(f, "null", buf), "0:0:0666:char-1-3");
    assert_int_equal(at_stat(f, "null").st_size, 0);
    assert_string_equal(record_of(f, "c", buf), "");
}

/* What a tree of one id has is for its user to delete. */
static void single_id_can_delete_directories(void **state)
{
    struct fixture *f = *state;
    char buf[OVERRIDE_MAX];
    if (!has_records(f))
        skip();
    f->opts.single_id = true;
    tb_add(&f->tar, (struct tb_entry){.name = "./", .type = '5', .mode = 0555});
    tb_add(&f->tar, (struct tb_entry){.name = "closed", .type = '5', .mode = 0111});
    tb_file(&f->tar, "closed/file", "x");
    tb_add(&f->tar, (struct tb_entry){.name = "again", .type = '5', .mode = 0555});
    tb_add(&f->tar, (struct tb_entry){.name = "again", .type = '5', .mode = 0755}); /* its record goes */
    expect_unpacked(f);
    assert_int_equal(at_stat(f, ".").st_mode & 07777, 0755);
    assert_string_equal(record_of(f, ".", buf), "0:0:0555:dir");
    assert_int_equal(at_stat(f, "closed").st_mode & 07777, 0711);
    assert_string_equal(record_of(f, "closed", buf), "0:0:0111:dir");
    assert_string_equal(record_of(f, "again", buf), "");
}

/* Links can have no attributes of users. */
static void single_id_counts_what_it_cannot_record(void **state)
{
    struct fixture *f = *state;
    f->opts.single_id = true;
    tb_add(&f->tar, (struct tb_entry){.name = "l", .type = '2', .link = "b", .uid = 1});
    tb_add(&f->tar, (struct tb_entry){.name = "fifo", .type = '6', .gid = 1});
    expect_unpacked(f);
    assert_int_equal(f->result.ids_ignored, 2);
}

static void later_entries_replace_earlier_ones(void **state)
{
    struct fixture *f = *state;
    tb_file(&f->tar, "file", "old and longer");
    tb_file(&f->tar, "file", "new");
    tb_dir(&f->tar, "dir");
    tb_file(&f->tar, "dir/kept", "kept");
    tb_add(&f->tar, (struct tb_entry){.name = "dir", .type = '5', .mode = 0700});
    tb_dir(&f->tar, "gone");
    tb_file(&f->tar, "gone/sub/x", "x");
    tb_file(&f->tar, "gone", "a file now");
    tb_file(&f->tar, "grows", "a directory later");
    tb_dir(&f->tar, "grows");
    tb_file(&f->tar, "grows/x", "x");
    tb_file(&f->tar, "tolink", "x");
    tb_symlink(&f->tar, "tolink", "file");
    expect_unpacked(f);
    expect_content(f, "file", "new");
    expect_content(f, "dir/kept", "kept");
    assert_int_equal(at_stat(f, "dir").st_mode, S_IFDIR | 0700);
    expect_content(f, "gone", "a file now");
    expect_content(f, "grows/x", "x");
    expect_link(f, "tolink", "file");
}

static void replacing_one_hard_link_leaves_the_other(void **state)
{
    struct fixture *f = *state;
    tb_file(&f->tar, "a", "first");
    tb_hardlink(&f->tar, "b", "./a");
    tb_hardlink(&f->tar, "deep/er/c", "/a");
    tb_hardlink(&f->tar, "a", "a"); /* itself */
    tb_hardlink(&f->tar, "b", "a"); /* already */
    tb_file(&f->tar, "a", "second");
    expect_unpacked(f);
    expect_content(f, "a", "second");
    expect_content(f, "b", "first");
    expect_content(f, "deep/er/c", "first");
    assert_int_equal(at_stat(f, "b").st_nlink, 2);
}

static void hard_link_replaces_what_is_there(void **state)
{
    struct fixture *f = *state;
    tb_file(&f->tar, "d/x", "x");
    tb_file(&f->tar, "a", "a");
    tb_hardlink(&f->tar, "d", "a");
    expect_unpacked(f);
    expect_content(f, "d", "a");
    /* A link whose target goes away with what it replaces. */
    tb_file(&f->tar, "e/x", "x");
    tb_hardlink(&f->tar, "e", "e/x");
    expect_error(run_unpack(f), ERR_NOT_FOUND, "hard link");
}

/* The stack for link targets must not go on with a directory that was replaced. */
static void link_targets_are_looked_up_afresh(void **state)
{
    struct fixture *f = *state;
    tb_file(&f->tar, "d/s/x", "old");
    tb_hardlink(&f->tar, "one", "d/s/x");
    tb_file(&f->tar, "d", "file");
    tb_dir(&f->tar, "d");
    tb_file(&f->tar, "d/s/x", "new");
    tb_hardlink(&f->tar, "two", "d/s/x");
    expect_unpacked(f);
    expect_content(f, "one", "old");
    expect_content(f, "two", "new");
}

static void parents_that_are_links_are_followed_inside(void **state)
{
    struct fixture *f = *state;
    tb_dir(&f->tar, "usr/lib");
    tb_symlink(&f->tar, "lib", "usr/lib");
    tb_symlink(&f->tar, "abs", "/usr/lib");
    tb_file(&f->tar, "lib/a", "a");
    tb_file(&f->tar, "abs/b", "b");
    tb_hardlink(&f->tar, "lib/c", "abs/a");
    expect_unpacked(f);
    expect_content(f, "usr/lib/a", "a");
    expect_content(f, "usr/lib/b", "b");
    expect_content(f, "usr/lib/c", "a");
    expect_link(f, "lib", "usr/lib");
}

static void missing_parents_are_made(void **state)
{
    struct fixture *f = *state;
    tb_file(&f->tar, "a/b/c", "c");
    tb_add(&f->tar, (struct tb_entry){.name = "a", .type = '5', .mode = 0711, .mtime = 5});
    tb_file(&f->tar, "a/b/d", "d");
    expect_unpacked(f);
    assert_int_equal(at_stat(f, "a/b").st_mode, S_IFDIR | 0755);
    assert_int_equal(at_stat(f, "a/b").st_uid, 0);
    assert_int_equal(at_stat(f, "a").st_mode, S_IFDIR | 0711);
    assert_int_equal(at_stat(f, "a").st_mtim.tv_sec, 5);
}

static void root_entry_sets_the_root(void **state)
{
    struct fixture *f = *state;
    tb_add(&f->tar, (struct tb_entry){.name = "./", .type = '5', .mode = 0750, .mtime = 77});
    tb_file(&f->tar, "./x", "x");
    expect_unpacked(f);
    assert_int_equal(at_stat(f, ".").st_mode, S_IFDIR | 0750);
    assert_int_equal(at_stat(f, ".").st_mtim.tv_sec, 77);
}

static void attributes_are_kept(void **state)
{
    struct fixture *f = *state;
    char value[64];
    tb_pax(&f->tar, "SCHILY.xattr.user.bin", "a\0b\n\xff", 5);
    tb_file(&f->tar, "x", "1");
    tb_pax(&f->tar, "SCHILY.xattr.security.capability", "\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    tb_file(&f->tar, "ping", "1");
    tb_pax(&f->tar, "SCHILY.xattr.security.nonsense", "1", 1);
    tb_symlink(&f->tar, "l", "x");
    tb_pax(&f->tar, "SCHILY.xattr.user.on-a-fifo", "1", 1); /* never allowed */
    tb_add(&f->tar, (struct tb_entry){.name = "p", .type = '6'});
    expect_unpacked(f);
    assert_int_equal(fchdir(f->target), 0);
    assert_int_equal(getxattr("x", "user.bin", value, sizeof(value)), 5);
    assert_memory_equal(value, "a\0b\n\xff", 5);
    assert_int_equal(getxattr("ping", "security.capability", value, sizeof(value)), 20);
    assert_true(f->result.xattrs_ignored >= 1);
}

/* A default ACL of a directory must not change what is made in it. */
static void default_acl_is_not_inherited(void **state)
{
    static const char acl[] = "\2\0\0\0\1\0\7\0\xff\xff\xff\xff\2\0\7\0\x21\0\0\0\4\0\5\0\xff\xff\xff\xff\x10\0\7\0\xff"
                              "\xff\xff\xff\x20\0\5\0\xff\xff\xff\xff";
    struct fixture *f = *state;
    if (!fixture_has_ids())
        skip();
    tb_pax(&f->tar, "SCHILY.xattr.system.posix_acl_default", acl, sizeof(acl) - 1);
    tb_dir(&f->tar, "d");
    tb_file(&f->tar, "d/x", "1");
    tb_dir(&f->tar, "d/sub");
    expect_unpacked(f);
    assert_int_equal(fchdir(f->target), 0);
    if (f->result.xattrs_ignored)
        skip(); /* this file system has no ACLs */
    assert_int_equal(getxattr("d", "system.posix_acl_default", NULL, 0), sizeof(acl) - 1);
    assert_true(getxattr("d/x", "system.posix_acl_access", NULL, 0) < 0);
    assert_true(getxattr("d/sub", "system.posix_acl_default", NULL, 0) < 0);
    assert_int_equal(at_stat(f, "d/x").st_mode, S_IFREG | 0644);
    assert_int_equal(at_stat(f, "d/sub").st_mode, S_IFDIR | 0755);
}

static void holes_are_kept(void **state)
{
    struct fixture *f = *state;
    /* GNU.sparse 0.1: two pieces in a file of 8 MiB. */
    struct strbuf pax = STRBUF_INIT;
    assert_null(strbuf_puts(&pax, "22 GNU.sparse.major=0\n22 GNU.sparse.minor=1\n26 GNU.sparse.name=sparse\n"
                                  "27 GNU.sparse.size=8388608\n42 GNU.sparse.map=0,4,4194304,4,8388608,0\n"));
    tb_add(&f->tar, (struct tb_entry){.name = "h", .type = 'x', .data = pax.data, .size = pax.len});
    tb_file(&f->tar, "GNUSparseFile/sparse", "headtail");
    expect_unpacked(f);
    struct stat st = at_stat(f, "sparse");
    char buf[5] = "";
    AUTO_FD int fd = openat(f->target, "sparse", O_RDONLY | O_CLOEXEC);
    assert_int_equal(st.st_size, 8 << 20);
    assert_true(st.st_blocks * 512 < 1 << 20);
    assert_int_equal(pread(fd, buf, 4, 4 << 20), 4);
    assert_string_equal(buf, "tail");
    strbuf_done(&pax);
}

static void names_are_bytes(void **state)
{
    struct fixture *f = *state;
    tb_pax(&f->tar, "path", "utf8-\xc3\xbc", 7);
    tb_file(&f->tar, "x", "1");
    tb_pax(&f->tar, "path", "bad-\xff\xfe", 6);
    tb_file(&f->tar, "x", "2");
    tb_file(&f->tar, "raw-\xff", "3");
    tb_pax(&f->tar, "linkpath", "t-\xff", 3);
    tb_symlink(&f->tar, "l", "x");
    expect_unpacked(f);
    expect_content(f, "utf8-\xc3\xbc", "1");
    expect_content(f, "bad-\xff\xfe", "2");
    expect_content(f, "raw-\xff", "3");
    expect_link(f, "l", "t-\xff");
}

static void many_files_in_many_directories(void **state)
{
    struct fixture *f = *state;
    char name[64];
    for (int i = 0; i < 3000; i++) {
        (void)snprintf(name, sizeof(name), "d%d/s%d/f%d", i % 7, i % 11, i);
        tb_add(&f->tar, (struct tb_entry){.name = name, .data = "x", .mtime = i});
    }
    expect_unpacked(f);
    assert_int_equal(f->result.entries, 3000);
    assert_int_equal(f->result.unpacked_bytes, 3000);
    expect_content(f, "d3/s7/f2999", "x");
}

int main(int argc, char **argv)
{
    (void)argc;
    fixture_become_root(argv);
    const struct CMUnitTest tests[] = {
        layer_test(owners_modes_and_times),
        layer_test(single_id_records_owners),
        layer_test(single_id_can_delete_directories),
        layer_test(single_id_counts_what_it_cannot_record),
        layer_test(later_entries_replace_earlier_ones),
        layer_test(replacing_one_hard_link_leaves_the_other),
        layer_test(hard_link_replaces_what_is_there),
        layer_test(link_targets_are_looked_up_afresh),
        layer_test(parents_that_are_links_are_followed_inside),
        layer_test(missing_parents_are_made),
        layer_test(root_entry_sets_the_root),
        layer_test(attributes_are_kept),
        layer_test(default_acl_is_not_inherited),
        layer_test(holes_are_kept),
        layer_test(names_are_bytes),
        layer_test(many_files_in_many_directories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
