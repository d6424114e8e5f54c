#include "engine/layer/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/override.h"
#include "engine/layer/stream.h"
#include "engine/layer/tar.h"
#include "engine/layer/unpack.h"
#include "tests/unit/engine/layer/fixture.h"

static void put(struct fixture *f, const char *path, const char *data, mode_t mode)
{
    expect_success(file_write_atomic(f->target, path, data, strlen(data), mode, FILE_NOSYNC));
}

static void set_time(struct fixture *f, const char *path, time_t sec, long nsec)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = sec, .tv_nsec = nsec}};
    assert_int_equal(utimensat(f->target, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static int pack(struct fixture *f, enum layer_compression compression, bool diff, struct layer_result *ret)
{
    int fd = memfd_create("packed", MFD_CLOEXEC);
    struct layer_pack_opts opts = {
        .source_dirfd = f->target, .archive_fd = fd, .compression = compression, .diff = diff};
    expect_success(pack_layer(&opts, ret));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* The names in an archive, each followed by a line feed. */
static void list(int fd, struct strbuf *ret)
{
    struct stream *s = NULL;
    struct tar *t = NULL;
    struct stream_opts opts = {.fd = fd, .max_bytes = 1 << 30};
    struct archive_entry *e = NULL;
    strbuf_truncate(ret, 0);
    expect_success(stream_open(&opts, &s));
    expect_success(tar_open(s, &t));
    for (;;) {
        expect_success(tar_next(t, &e));
        if (!e)
            break;
        expect_success(strbuf_printf(ret, "%s\n", archive_entry_pathname(e)));
    }
    tar_free(t);
    stream_free(s);
}

static void make_tree(struct fixture *f)
{
    static const char long_name[] = "d/a-name-of-more-than-a-hundred-bytes-that-does-not-fit-into-the-header-of-the-"
                                    "oldest-tar-and-needs-another-place-to-be-in-\xc3\xbc";
    assert_int_equal(mkdirat(f->target, "d", 0755), 0);
    put(f, "d/b", "b", 0644);
    put(f, "d/a", "a", 06711);
    put(f, "bad-\xff", "bytes", 0600);
    put(f, long_name, "long", 0644);
    assert_int_equal(symlinkat("../d/a", f->target, "d/l"), 0);
    assert_int_equal(linkat(f->target, "d/a", f->target, "d/h", 0), 0);
    assert_int_equal(mkfifoat(f->target, "d/p", 0622), 0);
    AUTO_FD int fd = openat(f->target, "d/sparse", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(pwrite(fd, "x", 1, 3 << 20), 1);
    assert_int_equal(ftruncate(fd, 8 << 20), 0);
    assert_int_equal(fsetxattr(fd, "user.k", "v\0\xff", 3, 0), 0);
    AUTO_FD int hole = openat(f->target, "d/hole", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(ftruncate(hole, 1 << 20), 0);
    set_time(f, "d/b", 1700000000, 5);
    set_time(f, "d/l", 3, 999999999);
    set_time(f, "d", 100, 0);
    set_time(f, ".", 200, 7);
}

/* Unpack what was packed beside it, and look. */
static void round_trip(void **state)
{
    struct fixture *f = *state;
    struct layer_result packed, unpacked;
    char value[8];
    make_tree(f);
    AUTO_FD int fd = pack(f, LAYER_GZIP, true, &packed);
    expect_success(file_remove_tree(f->top, "target"));
    assert_int_equal(mkdirat(f->top, "target", 0755), 0);
    (void)fd_close(f->target);
    f->target = openat(f->top, "target", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct layer_unpack_opts opts = {
        .archive_fd = fd, .target_dirfd = f->target, .diff_id = packed.diff_id, .blob_digest = packed.blob_digest};
    expect_success(unpack_layer(&opts, &unpacked));
    assert_int_equal(unpacked.entries, packed.entries);
    assert_int_equal(unpacked.blob_bytes, packed.blob_bytes);
    assert_int_equal(unpacked.tar_bytes, packed.tar_bytes);
    assert_int_equal(at_stat(f, "d/a").st_mode, S_IFREG | 06711);
    assert_int_equal(at_stat(f, "d/a").st_nlink, 2);
    assert_int_equal(at_stat(f, "d/p").st_mode, S_IFIFO | 0622);
    assert_int_equal(at_stat(f, "d/b").st_mtim.tv_nsec, 5);
    assert_int_equal(at_stat(f, "d/l").st_mtim.tv_nsec, 999999999);
    assert_int_equal(at_stat(f, "d").st_mtim.tv_sec, 100);
    assert_int_equal(at_stat(f, ".").st_mtim.tv_sec, 200);
    expect_content(f, "bad-\xff", "bytes");
    expect_link(f, "d/l", "../d/a");
    assert_int_equal(at_stat(f, "d/sparse").st_size, 8 << 20);
    assert_true(at_stat(f, "d/sparse").st_blocks < 1000);
    assert_int_equal(at_stat(f, "d/hole").st_size, 1 << 20);
    assert_int_equal(at_stat(f, "d/hole").st_blocks, 0);
    assert_int_equal(fchdir(f->target), 0);
    assert_int_equal(getxattr("d/sparse", "user.k", value, sizeof(value)), 3);
}

static void same_tree_gives_same_bytes(void **state)
{
    struct fixture *f = *state;
    struct layer_result a, b;
    make_tree(f);
    for (int c = LAYER_PLAIN; c <= LAYER_ZSTD; c++) {
        AUTO_FD int first = pack(f, (enum layer_compression)c, true, &a);
        AUTO_FD int second = pack(f, (enum layer_compression)c, false, &b);
        assert_string_equal(a.diff_id, b.diff_id);
        assert_string_equal(a.blob_digest, b.blob_digest);
        assert_int_equal(lseek(first, 0, SEEK_END), a.blob_bytes);
        if (c == LAYER_PLAIN)
            assert_string_equal(a.diff_id, a.blob_digest);
    }
}

static void names_are_sorted(void **state)
{
    struct fixture *f = *state;
    struct layer_result r;
    struct strbuf names = STRBUF_INIT;
    put(f, "b", "", 0644);
    put(f, "a.x", "", 0644);
    assert_int_equal(mkdirat(f->target, "a", 0755), 0);
    put(f, "a/z", "", 0644);
    put(f, "B", "", 0644);
    AUTO_FD int fd = pack(f, LAYER_PLAIN, true, &r);
    list(fd, &names);
    assert_string_equal(strbuf_str(&names), "./\nB\na/\na/z\na.x\nb\n");
    strbuf_done(&names);
}

static void deletions_become_whiteouts(void **state)
{
    struct fixture *f = *state;
    struct layer_result r;
    struct strbuf names = STRBUF_INIT;
    assert_int_equal(mkdirat(f->target, "d", 0755), 0);
    assert_int_equal(mkdirat(f->target, "x", 0755), 0);
    assert_int_equal(mknodat(f->target, "d/gone", S_IFCHR, makedev(0, 0)), 0);
    assert_int_equal(mknodat(f->target, "top", S_IFCHR, makedev(0, 0)), 0);
    put(f, "d/new", "", 0644);
    put(f, "x/form", "", 0644);
    put(f, "x/file", "", 0644);
    assert_int_equal(fchdir(f->target), 0);
    assert_int_equal(setxattr("d", "user.overlay.opaque", "y", 1, 0), 0);
    assert_int_equal(setxattr("d/new", "user.overlay.origin", "y", 1, 0), 0);
    assert_int_equal(setxattr("x", "user.overlay.opaque", "x", 1, 0), 0);
    assert_int_equal(setxattr("x/form", "user.overlay.whiteout", "", 0, 0), 0);
    AUTO_FD int fd = pack(f, LAYER_ZSTD, true, &r);
    list(fd, &names);
    assert_string_equal(strbuf_str(&names),
                        "./\nd/\nd/.wh..wh..opq\nd/.wh.gone\nd/new\n.wh.top\nx/\nx/file\nx/.wh.form\n");
    (void)fd_close(fd);
    fd = pack(f, LAYER_PLAIN, false, &r);
    list(fd, &names);
    assert_string_equal(strbuf_str(&names), "./\nd/\nd/new\nx/\nx/file\n");
    strbuf_done(&names);
}

static void sockets_are_left_out(void **state)
{
    struct fixture *f = *state;
    struct layer_result r;
    AUTO_FD int s = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "s"};
    assert_int_equal(fchdir(f->target), 0);
    assert_int_equal(bind(s, (struct sockaddr *)&name, sizeof(name)), 0);
    AUTO_FD int fd = pack(f, LAYER_PLAIN, true, &r);
    assert_int_equal(r.entries, 1);
}

static void full_disk_is_told(void **state)
{
    struct fixture *f = *state;
    struct layer_result r;
    make_tree(f);
    AUTO_FD int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    for (int c = LAYER_PLAIN; c <= LAYER_ZSTD; c++) {
        struct layer_pack_opts opts = {
            .source_dirfd = f->target, .archive_fd = full, .compression = (enum layer_compression)c};
        expect_error(pack_layer(&opts, &r), ERR_NO_SPACE, "write an archive");
    }
}

static void outer_archive_has_contents_only(void **state)
{
    struct fixture *f = *state;
    struct strbuf names = STRBUF_INIT;
    assert_int_equal(mkdirat(f->target, "blobs", 0700), 0);
    put(f, "blobs/a", "one", 0600);
    assert_int_equal(linkat(f->target, "blobs/a", f->target, "blobs/b", 0), 0);
    assert_int_equal(symlinkat("blobs/a", f->target, "l"), 0);
    put(f, "manifest.json", "[]", 0600);
    AUTO_FD int fd = memfd_create("packed", MFD_CLOEXEC);
    expect_success(pack_archive(f->target, fd));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    list(fd, &names);
    assert_string_equal(strbuf_str(&names), "blobs/\nblobs/a\nblobs/b\nl\nmanifest.json\n");
    expect_success(file_remove_tree(f->target, "blobs"));
    assert_int_equal(unlinkat(f->target, "l", 0), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    expect_success(unpack_archive(fd, f->target, 0));
    expect_content(f, "blobs/b", "one");
    expect_content(f, "l", "one");
    assert_int_equal(mkfifoat(f->target, "p", 0600), 0);
    expect_error(pack_archive(f->target, fd), ERR_INVALID, "p: a FIFO or device");
    strbuf_done(&names);
}

static void parts_of_a_tree(void **state)
{
    struct fixture *f = *state;
    AUTO_STRBUF struct strbuf names = STRBUF_INIT;
    struct layer_pack_opts opts = {.source_dirfd = f->target};
    const char *const want[] = {"a/\na/empty\na/full\n", "./\na/\na/full\nb\n", "./\nb\n", "a/\na/empty\na/full\nb\n"};
    struct layer_result result;
    assert_int_equal(mkdirat(f->target, "a", 0755), 0);
    put(f, "a/empty", "", 0644);
    put(f, "a/full", "x", 0644);
    put(f, "b", "", 0644);
    for (int i = 0; i < 4; i++) {
        AUTO_FD int fd = memfd_create("packed", MFD_CLOEXEC);
        opts.archive_fd = fd;
        opts.only = i == 0 ? "a" : NULL;
        opts.no_root = i == 3;
        strv_done(&opts.skip);
        strv_done(&opts.omit);
        if (i == 1) { /* only what is empty is skipped */
            expect_success(strv_add(&opts.skip, "a"));
            expect_success(strv_add(&opts.skip, "a/empty"));
            expect_success(strv_add(&opts.skip, "a/full"));
        }
        if (i == 2)
            expect_success(strv_add(&opts.omit, "a"));
        expect_success(pack_layer(&opts, &result));
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        list(fd, &names);
        assert_string_equal(strbuf_str(&names), want[i]);
    }
    strv_done(&opts.skip);
    strv_done(&opts.omit);
}

/* Owners that one id cannot have: unpacked as records, packed again as they were. */
static void records_are_packed_as_owners(void **state)
{
    struct fixture *f = *state;
    struct layer_result result;
    struct stream *s = NULL;
    struct tar *t = NULL;
    struct archive_entry *e = NULL;
    if (setxattr(f->path, OVERRIDE_RECORD, "x", 1, 0) < 0 && errno == EOPNOTSUPP)
        skip();
    f->opts.single_id = true;
    tb_add(&f->tar, (struct tb_entry){.name = "./", .type = '5', .mode = 0555});
    tb_add(&f->tar, (struct tb_entry){.name = "dir", .type = '5', .mode = 02070, .uid = 3, .gid = 42});
    tb_add(&f->tar, (struct tb_entry){.name = "null", .type = '3', .mode = 0666, .major = 1, .minor = 3});
    tb_add(&f->tar, (struct tb_entry){.name = "suid", .mode = 04755, .uid = 1000, .gid = 4});
    expect_unpacked(f);
    int fd = memfd_create("packed", MFD_CLOEXEC);
    const struct layer_pack_opts opts = {.source_dirfd = f->target, .archive_fd = fd, .diff = true, .single_id = true};
    expect_success(pack_layer(&opts, &result));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    const struct stream_opts so = {.fd = fd, .max_bytes = 1 << 30};
    expect_success(stream_open(&so, &s));
    expect_success(tar_open(s, &t));
    static const struct {
        const char *name;
        mode_t mode;
        int64_t uid, gid;
    } wanted[] = {
        {"./", S_IFDIR | 0555, 0, 0},
        {"dir/", S_IFDIR | 02070, 3, 42},
        {"null", S_IFCHR | 0666, 0, 0},
        {"suid", S_IFREG | 04755, 1000, 4},
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        expect_success(tar_next(t, &e));
        assert_non_null(e);
        assert_string_equal(archive_entry_pathname(e), wanted[i].name);
        assert_int_equal(archive_entry_mode(e), wanted[i].mode);
        assert_int_equal(archive_entry_uid(e), wanted[i].uid);
        assert_int_equal(archive_entry_gid(e), wanted[i].gid);
        assert_int_equal(archive_entry_xattr_count(e), 0); /* the record is ours */
        if (S_ISCHR(wanted[i].mode))
            assert_int_equal(archive_entry_rdev(e), makedev(1, 3));
    }
    expect_success(tar_next(t, &e));
    assert_null(e);
    tar_free(t);
    stream_free(s);
    close(fd);
}

int main(int argc, char **argv)
{
    (void)argc;
    fixture_become_root(argv);
    const struct CMUnitTest tests[] = {
        layer_test(records_are_packed_as_owners),
        layer_test(round_trip),
        layer_test(same_tree_gives_same_bytes),
        layer_test(names_are_sorted),
        layer_test(deletions_become_whiteouts),
        layer_test(sockets_are_left_out),
        layer_test(full_disk_is_told),
        layer_test(outer_archive_has_contents_only),
        layer_test(parts_of_a_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
