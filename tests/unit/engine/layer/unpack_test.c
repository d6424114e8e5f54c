/* Archives that must fail, or must do no harm. The fixture checks after each that nothing outside was touched. */
#include "engine/layer/unpack.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <archive.h>

#include "tests/unit/engine/layer/fixture.h"

static void name_with_dotdot(void **state)
{
    struct fixture *f = *state;
    tb_file(&f->tar, "../outside/canary", "evil");
    expect_refused(f, ERR_INVALID, "\"../outside/canary\" leads out of the layer");
}

static void name_with_dotdot_behind_a_directory(void **state)
{
    struct fixture *f = *state;
    tb_dir(&f->tar, "a");
    tb_file(&f->tar, "a/../../outside/new", "evil");
    expect_refused(f, ERR_INVALID, "leads out of the layer");
}

static void absolute_name_is_inside(void **state)
{
    struct fixture *f = *state;
    tb_file(&f->tar, "/etc/x", "inside");
    expect_unpacked(f);
    expect_content(f, "etc/x", "inside");
}

/* An absolute path to the outside directory, as a name and as a link. */
static void absolute_path_of_outside(void **state)
{
    struct fixture *f = *state;
    char path[100];
    (void)snprintf(path, sizeof(path), "%s/outside", f->path);
    tb_symlink(&f->tar, "l", path);
    tb_file(&f->tar, "l/new", "evil");
    expect_refused(f, ERR_INVALID, "leads to no directory of the layer");
}

static void write_through_relative_symlink(void **state)
{
    struct fixture *f = *state;
    tb_symlink(&f->tar, "l", "../outside");
    tb_file(&f->tar, "l/new", "evil");
    expect_refused(f, ERR_INVALID, "leads to no directory of the layer");
}

static void write_through_symlink_chain(void **state)
{
    struct fixture *f = *state;
    tb_dir(&f->tar, "d");
    tb_symlink(&f->tar, "d/up", "..");
    tb_symlink(&f->tar, "up2", "d/up/../..");
    tb_file(&f->tar, "up2/outside/new", "evil"); /* ends as outside/new inside the layer */
    expect_unpacked(f);
    expect_content(f, "outside/new", "evil");
}

static void write_over_symlink_to_a_file(void **state)
{
    struct fixture *f = *state;
    tb_symlink(&f->tar, "l", "../outside/canary");
    tb_file(&f->tar, "l", "mine");
    expect_unpacked(f);
    expect_content(f, "l", "mine");
}

static void directory_over_symlink(void **state)
{
    struct fixture *f = *state;
    tb_symlink(&f->tar, "l", "../outside");
    tb_add(&f->tar, (struct tb_entry){.name = "l", .type = '5', .mode = 0700, .uid = 0});
    tb_file(&f->tar, "l/new", "mine");
    expect_unpacked(f);
    assert_true(S_ISDIR(at_stat(f, "l").st_mode));
}

static void symlink_loop_as_parent(void **state)
{
    struct fixture *f = *state;
    tb_symlink(&f->tar, "a", "b");
    tb_symlink(&f->tar, "b", "a");
    tb_file(&f->tar, "a/x", "evil");
    expect_refused(f, ERR_INVALID, "symbolic link");
}

static void hardlink_out(void **state)
{
    struct fixture *f = *state;
    tb_hardlink(&f->tar, "h", "../outside/canary");
    expect_refused(f, ERR_INVALID, "leads out of the layer");
}

static void hardlink_through_symlink(void **state)
{
    struct fixture *f = *state;
    tb_symlink(&f->tar, "l", "../outside");
    tb_hardlink(&f->tar, "h", "l/canary");
    expect_refused(f, ERR_INVALID, "hard link");
}

static void hardlink_to_a_symlink_out_is_only_that(void **state)
{
    struct fixture *f = *state;
    tb_symlink(&f->tar, "l", "../outside/canary");
    tb_hardlink(&f->tar, "h", "l");
    tb_file(&f->tar, "h", "mine");
    expect_unpacked(f);
    expect_link(f, "l", "../outside/canary");
    expect_content(f, "h", "mine");
}

static void hardlink_to_nothing(void **state)
{
    struct fixture *f = *state;
    tb_hardlink(&f->tar, "h", "/etc/passwd");
    expect_refused(f, ERR_INVALID, "\"/etc/passwd\", which is not in this layer");
}

static void hardlink_to_a_directory(void **state)
{
    struct fixture *f = *state;
    tb_dir(&f->tar, "d");
    tb_hardlink(&f->tar, "h", "d");
    expect_refused(f, ERR_INVALID, "cannot be linked");
    tb_dir(&f->tar, "d");
    tb_hardlink(&f->tar, "h", ".");
    expect_refused(f, ERR_INVALID, "root of the layer");
}

static void whiteout_through_symlink(void **state)
{
    struct fixture *f = *state;
    tb_symlink(&f->tar, "l", "../outside");
    tb_file(&f->tar, "l/.wh.canary", "");
    expect_refused(f, ERR_INVALID, "leads to no directory of the layer");
}

static void opaque_through_symlink(void **state)
{
    struct fixture *f = *state;
    tb_symlink(&f->tar, "l", "../outside");
    tb_file(&f->tar, "l/.wh..wh..opq", "");
    expect_refused(f, ERR_INVALID, "leads to no directory of the layer");
}

static void whiteout_of_dots(void **state)
{
    static const char *const names[] = {"d/.wh.", "d/.wh..", "d/.wh..."};
    struct fixture *f = *state;
    for (size_t i = 0; i < 3; i++) {
        tb_file(&f->tar, names[i], "");
        expect_refused(f, ERR_INVALID, "whiteout of nothing");
    }
}

static void name_of_64_kib(void **state)
{
    struct fixture *f = *state;
    static char name[64 << 10];
    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = i % 100 ? 'n' : '/';
    tb_pax(&f->tar, "path", name, sizeof(name));
    tb_file(&f->tar, "x", "evil");
    expect_refused(f, ERR_INVALID, "too long");
}

static void name_of_12_kib_works(void **state)
{
    struct fixture *f = *state;
    static char name[12 << 10];
    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = i % 100 != 99 ? 'n' : '/';
    tb_pax(&f->tar, "path", name, sizeof(name));
    tb_file(&f->tar, "x", "deep");
    expect_unpacked(f);
}

static void name_with_a_part_of_256_bytes(void **state)
{
    struct fixture *f = *state;
    char name[256];
    memset(name, 'n', sizeof(name));
    tb_pax(&f->tar, "path", name, sizeof(name));
    tb_file(&f->tar, "x", "evil");
    expect_refused(f, ERR_INVALID, "part of 256 bytes");
}

static void name_nested_1000_deep(void **state)
{
    struct fixture *f = *state;
    static char name[2000];
    for (size_t i = 0; i < sizeof(name); i += 2)
        memcpy(name + i, "d/", 2);
    tb_pax(&f->tar, "path", name, sizeof(name));
    tb_file(&f->tar, "x", "evil");
    expect_refused(f, ERR_INVALID, "nested deeper");
}

/* The part behind the NUL must not make another file than the part before it. */
static void name_with_nul(void **state)
{
    struct fixture *f = *state;
    tb_pax(&f->tar, "path", "a\0/../../outside/canary", 23);
    tb_file(&f->tar, "x", "data");
    struct err *e = run_unpack(f);
    if (!e)
        expect_content(f, "a", "data");
    err_drop(e);
}

static void file_where_a_directory_is_needed(void **state)
{
    struct fixture *f = *state;
    tb_file(&f->tar, "a", "file");
    tb_file(&f->tar, "a/b", "evil");
    expect_refused(f, ERR_INVALID, "a: not a directory");
}

static void fifo_as_parent_does_not_block(void **state)
{
    struct fixture *f = *state;
    tb_add(&f->tar, (struct tb_entry){.name = "p", .type = '6'});
    tb_file(&f->tar, "p/x", "evil");
    expect_refused(f, ERR_INVALID, "p: not a directory");
}

static void fifo_is_replaced_not_opened(void **state)
{
    struct fixture *f = *state;
    tb_add(&f->tar, (struct tb_entry){.name = "p", .type = '6'});
    tb_file(&f->tar, "p", "file");
    tb_add(&f->tar, (struct tb_entry){.name = "q", .type = '6', .mode = 0622});
    expect_unpacked(f);
    expect_content(f, "p", "file");
    assert_int_equal(at_stat(f, "q").st_mode, S_IFIFO | 0622);
}

static void root_that_is_a_link(void **state)
{
    struct fixture *f = *state;
    tb_symlink(&f->tar, ".", "/");
    expect_refused(f, ERR_INVALID, "root of the layer is not a directory");
}

static void device_nodes_are_left_out(void **state)
{
    struct fixture *f = *state;
    tb_add(&f->tar, (struct tb_entry){.name = "null", .type = '3', .major = 1, .minor = 3, .mode = 0666});
    tb_add(&f->tar, (struct tb_entry){.name = "sda", .type = '4', .major = 8, .minor = 0});
    tb_add(&f->tar, (struct tb_entry){.name = "etc", .type = '3', .major = 0, .minor = 0}); /* no whiteout of /etc */
    expect_unpacked(f);
    assert_int_equal(f->result.devices_skipped, 3);
    assert_false(at_exists(f, "null") || at_exists(f, "sda") || at_exists(f, "etc"));
}

static void overlay_attributes_are_left_out(void **state)
{
    struct fixture *f = *state;
    tb_pax(&f->tar, "SCHILY.xattr.user.overlay.redirect", "/../../outside", 14);
    tb_dir(&f->tar, "d");
    tb_pax(&f->tar, "SCHILY.xattr.trusted.overlay.opaque", "y", 1);
    tb_dir(&f->tar, "e");
    expect_unpacked(f);
    assert_int_equal(f->result.xattrs_ignored, 2);
    assert_int_equal(fchdir(f->target), 0);
    assert_true(lgetxattr("d", "user.overlay.redirect", NULL, 0) < 0);
}

static void negative_size(void **state)
{
    struct fixture *f = *state;
    tb_add(&f->tar, (struct tb_entry){.name = "x", .raw_size = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00"});
    struct err *e = run_unpack(f);
    assert_non_null(e);
    err_drop(e);
}

static void size_of_exabytes(void **state)
{
    struct fixture *f = *state;
    tb_add(&f->tar, (struct tb_entry){.name = "x", .raw_size = "\x80\0\0\0\x3f\xff\xff\xff\xff\xff\xff\xff"});
    struct err *e = run_unpack(f);
    assert_non_null(e);
    err_drop(e);
}

static void size_beyond_the_limit(void **state)
{
    struct fixture *f = *state;
    f->opts.max_bytes = 100;
    tb_add(&f->tar, (struct tb_entry){.name = "a", .data = (char[101]){"x"}, .size = 101});
    expect_refused(f, ERR_NO_SPACE, "limit is 100");
    tb_add(&f->tar, (struct tb_entry){.name = "a", .data = (char[61]){"x"}, .size = 60});
    tb_add(&f->tar, (struct tb_entry){.name = "b", .data = (char[61]){"x"}, .size = 60});
    expect_refused(f, ERR_NO_SPACE, "limit of 100");
}

static void more_entries_than_the_limit(void **state)
{
    struct fixture *f = *state;
    f->opts.max_entries = 10;
    for (int i = 0; i < 11; i++)
        tb_dir(&f->tar, "d");
    expect_refused(f, ERR_NO_SPACE, "more than 10 entries");
}

/* 3 GiB of zeros behind the end of a tar whose files may have 1 MiB. */
static void decompression_bomb(void **state)
{
    struct fixture *f = *state;
    struct strbuf part = STRBUF_INIT, packed = STRBUF_INIT, bomb = STRBUF_INIT;
    static char zeros[1 << 20];
    f->opts.max_bytes = 1 << 20;
    for (int i = 0; i < 32; i++)
        assert_null(strbuf_add(&part, zeros, sizeof(zeros)));
    tb_compress(&part, ARCHIVE_FILTER_GZIP, &packed);
    for (int i = 0; i < 96; i++)
        assert_null(strbuf_add(&bomb, packed.data, packed.len));
    expect_error(run_unpack_bytes(f, &bomb), ERR_NO_SPACE, "larger than the limit");
    strbuf_done(&part);
    strbuf_done(&packed);
    strbuf_done(&bomb);
}

static void not_a_tar(void **state)
{
    struct fixture *f = *state;
    assert_null(strbuf_puts(&f->tar, "PK\x03\x04 this is something else altogether, and long enough to be looked at"));
    expect_refused(f, ERR_CORRUPT, "not a valid tar archive");
}

static void empty_stream_is_an_empty_layer(void **state)
{
    struct fixture *f = *state;
    struct strbuf none = STRBUF_INIT;
    expect_success(run_unpack_bytes(f, &none));
    assert_int_equal(f->result.entries, 0);
    assert_string_equal(f->result.diff_id, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void truncated_in_data(void **state)
{
    struct fixture *f = *state;
    static char data[5000];
    memset(data, 'd', sizeof(data) - 1);
    tb_file(&f->tar, "x", data);
    strbuf_truncate(&f->tar, 3000);
    expect_error(run_unpack_bytes(f, &f->tar), ERR_CORRUPT, "not a valid tar archive");
}

static void damaged_header(void **state)
{
    struct fixture *f = *state;
    tb_file(&f->tar, "x", "1");
    tb_file(&f->tar, "y", "2");
    f->tar.data[1024 + 3] ^= 1;
    expect_refused(f, ERR_CORRUPT, "not a valid tar archive");
}

static void owner_out_of_range(void **state)
{
    struct fixture *f = *state;
    tb_add(&f->tar, (struct tb_entry){.name = "x", .uid = 1ULL << 40});
    expect_refused(f, ERR_INVALID, "out of range");
    tb_add(&f->tar, (struct tb_entry){.name = "x", .gid = UINT32_MAX});
    expect_refused(f, ERR_INVALID, "out of range");
}

static void wrong_digests(void **state)
{
    struct fixture *f = *state;
    f->opts.diff_id = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    tb_file(&f->tar, "x", "1");
    expect_refused(f, ERR_CORRUPT, "diff id");
    f->opts.blob_digest = f->opts.diff_id;
    f->opts.diff_id = NULL;
    tb_file(&f->tar, "x", "1");
    expect_refused(f, ERR_CORRUPT, "digest of the archive");
}

/* A byte behind the end of the archive counts for the diff id. */
static void digest_covers_what_follows_the_end(void **state)
{
    struct fixture *f = *state;
    char first[80];
    tb_file(&f->tar, "x", "1");
    expect_unpacked(f);
    memcpy(first, f->result.diff_id, sizeof(first));
    tb_file(&f->tar, "x", "1");
    tb_end(&f->tar);
    expect_unpacked(f);
    assert_string_not_equal(first, f->result.diff_id);
    assert_int_equal(f->result.tar_bytes, 1024 + 2048);
}

static void unknown_entry_type(void **state)
{
    struct fixture *f = *state;
    tb_add(&f->tar, (struct tb_entry){.name = "../outside/x", .type = 'Z'});
    struct err *e = run_unpack(f);
    assert_non_null(e);
    err_drop(e);
}

int main(int argc, char **argv)
{
    (void)argc;
    fixture_become_root(argv);
    const struct CMUnitTest tests[] = {
        layer_test(name_with_dotdot),
        layer_test(name_with_dotdot_behind_a_directory),
        layer_test(absolute_name_is_inside),
        layer_test(absolute_path_of_outside),
        layer_test(write_through_relative_symlink),
        layer_test(write_through_symlink_chain),
        layer_test(write_over_symlink_to_a_file),
        layer_test(directory_over_symlink),
        layer_test(symlink_loop_as_parent),
        layer_test(hardlink_out),
        layer_test(hardlink_through_symlink),
        layer_test(hardlink_to_a_symlink_out_is_only_that),
        layer_test(hardlink_to_nothing),
        layer_test(hardlink_to_a_directory),
        layer_test(whiteout_through_symlink),
        layer_test(opaque_through_symlink),
        layer_test(whiteout_of_dots),
        layer_test(name_of_64_kib),
        layer_test(name_of_12_kib_works),
        layer_test(name_with_a_part_of_256_bytes),
        layer_test(name_nested_1000_deep),
        layer_test(name_with_nul),
        layer_test(file_where_a_directory_is_needed),
        layer_test(fifo_as_parent_does_not_block),
        layer_test(fifo_is_replaced_not_opened),
        layer_test(root_that_is_a_link),
        layer_test(device_nodes_are_left_out),
        layer_test(overlay_attributes_are_left_out),
        layer_test(negative_size),
        layer_test(size_of_exabytes),
        layer_test(size_beyond_the_limit),
        layer_test(more_entries_than_the_limit),
        layer_test(decompression_bomb),
        layer_test(not_a_tar),
        layer_test(empty_stream_is_an_empty_layer),
        layer_test(truncated_in_data),
        layer_test(damaged_header),
        layer_test(owner_out_of_range),
        layer_test(wrong_digests),
        layer_test(digest_covers_what_follows_the_end),
        layer_test(unknown_entry_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
