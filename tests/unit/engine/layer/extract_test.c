/* Outer archives: docker save and oci-archive. */
#include <archive.h>

#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/layer/unpack.h"
#include "tests/unit/engine/layer/fixture.h"

static struct err *extract(struct fixture *f)
{
    tb_end(&f->tar);
    AUTO_FD int fd = tb_memfd(f->tar.data, f->tar.len);
    strbuf_truncate(&f->tar, 0);
    return unpack_archive(fd, f->target, f->opts.max_bytes);
}

static void files_and_directories(void **state)
{
    struct fixture *f = *state;
    tb_file(&f->tar, "manifest.json", "[]");
    tb_add(&f->tar, (struct tb_entry){.name = "blobs", .type = '5', .mode = 0, .uid = 77});
    tb_add(&f->tar, (struct tb_entry){.name = "blobs/sha256/abc", .data = "blob", .mode = 04000, .uid = 7, .mtime = 5});
    tb_file(&f->tar, ".wh.manifest.json", "a name like any other");
    tb_file(&f->tar, "manifest.json", "[1]");
    expect_success(extract(f));
    expect_content(f, "manifest.json", "[1]");
    expect_content(f, "blobs/sha256/abc", "blob");
    expect_content(f, ".wh.manifest.json", "a name like any other");
    assert_int_equal(at_stat(f, "blobs/sha256/abc").st_mode, S_IFREG | 0644);
    assert_int_equal(at_stat(f, "blobs/sha256/abc").st_uid, 0);
    assert_int_equal(at_stat(f, "blobs").st_mode, S_IFDIR | 0755);
}

/* docker save names a layer once and links to it, before or after. */
static void links_become_hard_links(void **state)
{
    struct fixture *f = *state;
    tb_symlink(&f->tar, "b/layer.tar", "../a/layer.tar");
    tb_symlink(&f->tar, "c/layer.tar", "../b/layer.tar");
    tb_hardlink(&f->tar, "d/layer.tar", "c/layer.tar");
    tb_file(&f->tar, "a/layer.tar", "layer");
    tb_symlink(&f->tar, "a/same", "./layer.tar");
    expect_success(extract(f));
    expect_content(f, "b/layer.tar", "layer");
    expect_content(f, "c/layer.tar", "layer");
    expect_content(f, "d/layer.tar", "layer");
    assert_int_equal(at_stat(f, "a/same").st_nlink, 5);
}

static void link_out(void **state)
{
    struct fixture *f = *state;
    tb_symlink(&f->tar, "manifest.json", "../outside/canary");
    expect_error(extract(f), ERR_INVALID, "leads out");
    tb_symlink(&f->tar, "manifest.json", "/etc/passwd");
    expect_error(extract(f), ERR_INVALID, "leads out");
    tb_hardlink(&f->tar, "manifest.json", "../outside/canary");
    expect_error(extract(f), ERR_INVALID, "leads out");
}

static void link_to_nothing_or_in_a_circle(void **state)
{
    struct fixture *f = *state;
    tb_symlink(&f->tar, "a", "b");
    tb_symlink(&f->tar, "b", "a");
    expect_error(extract(f), ERR_INVALID, "not in the archive");
    tb_symlink(&f->tar, "x", "missing");
    expect_error(extract(f), ERR_INVALID, "x: a link to \"missing\"");
    tb_hardlink(&f->tar, "x", "x");
    expect_error(extract(f), ERR_INVALID, "not in the archive");
}

/* A directory that is a link is never gone through: the link is made at the end, and only to files. */
static void link_as_directory(void **state)
{
    struct fixture *f = *state;
    tb_symlink(&f->tar, "d", "../outside");
    tb_file(&f->tar, "d/new", "evil");
    expect_error(extract(f), ERR_INVALID, "leads out");
    tb_dir(&f->tar, "real");
    tb_symlink(&f->tar, "d2", "real");
    expect_error(extract(f), ERR_INVALID, "link to a directory");
}

static void fifo_where_a_file_is_read(void **state)
{
    struct fixture *f = *state;
    tb_add(&f->tar, (struct tb_entry){.name = "manifest.json", .type = '6'});
    expect_error(extract(f), ERR_INVALID, "manifest.json: a FIFO or device");
    tb_add(&f->tar, (struct tb_entry){.name = "manifest.json", .type = '3', .major = 1, .minor = 3});
    expect_error(extract(f), ERR_INVALID, "FIFO or device");
}

static void names_that_lead_out(void **state)
{
    struct fixture *f = *state;
    tb_file(&f->tar, "../outside/new", "evil");
    expect_error(extract(f), ERR_INVALID, "leads out");
    tb_file(&f->tar, "/abs", "inside");
    expect_success(extract(f));
    expect_content(f, "abs", "inside");
}

static void limit_of_bytes(void **state)
{
    struct fixture *f = *state;
    f->opts.max_bytes = 10;
    tb_file(&f->tar, "a", "12345678901");
    expect_error(extract(f), ERR_NO_SPACE, "limit");
}

static void compressed_outer_archive(void **state)
{
    struct fixture *f = *state;
    struct strbuf packed = STRBUF_INIT;
    tb_file(&f->tar, "index.json", "{}");
    tb_end(&f->tar);
    tb_compress(&f->tar, ARCHIVE_FILTER_GZIP, &packed);
    AUTO_FD int fd = tb_memfd(packed.data, packed.len);
    expect_success(unpack_archive(fd, f->target, 0));
    expect_content(f, "index.json", "{}");
    strbuf_done(&packed);
}

int main(int argc, char **argv)
{
    (void)argc;
    fixture_become_root(argv);
    const struct CMUnitTest tests[] = {
        layer_test(files_and_directories),
        layer_test(links_become_hard_links),
        layer_test(link_out),
        layer_test(link_to_nothing_or_in_a_circle),
        layer_test(link_as_directory),
        layer_test(fifo_where_a_file_is_read),
        layer_test(names_that_lead_out),
        layer_test(limit_of_bytes),
        layer_test(compressed_outer_archive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
