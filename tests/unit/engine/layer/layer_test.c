/* The asking side with the real helper. */
#include "engine/layer/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <archive.h>

#include "base/fd.h"
#include "base/file.h"
#include "engine/layer/starter.h"
#include "tests/unit/engine/layer/fixture.h"

static void unpack_through_the_helper(void **state)
{
    struct fixture *f = *state;
    f->via_helper = true;
    tb_file(&f->tar, "d/x", "x");
    tb_file(&f->tar, "d/.wh.y", "");
    tb_hardlink(&f->tar, "h", "d/x");
    tb_symlink(&f->tar, "l", "/d");
    tb_file(&f->tar, "l/through", "in root");
    expect_unpacked(f);
    assert_int_equal(f->result.entries, 5);
    assert_memory_equal(f->result.diff_id, "sha256:", 7);
    expect_content(f, "h", "x");
    expect_content(f, "d/through", "in root");
    expect_whiteout(f, "d/y");
}

static void errors_come_back_with_their_kind(void **state)
{
    struct fixture *f = *state;
    f->via_helper = true;
    tb_file(&f->tar, "../outside/canary", "evil");
    expect_refused(f, ERR_INVALID, "unpack layer: entry \"../outside/canary\" leads out of the layer");
    f->opts.diff_id = "sha256:00";
    expect_refused(f, ERR_CORRUPT, "diff id");
    f->opts.diff_id = NULL;
    f->opts.max_bytes = 5;
    tb_file(&f->tar, "x", "123456");
    expect_refused(f, ERR_NO_SPACE, "limit");
    f->opts.max_bytes = 0;
    f->opts.max_entries = 1;
    tb_dir(&f->tar, "a");
    tb_dir(&f->tar, "b");
    expect_refused(f, ERR_NO_SPACE, "more than 1 entries");
}

static void options_reach_the_helper(void **state)
{
    struct fixture *f = *state;
    f->via_helper = true;
    f->opts.single_id = true;
    f->opts.format = LAYER_WH;
    tb_add(&f->tar, (struct tb_entry){.name = ".wh.x", .uid = 12345});
    expect_unpacked(f);
    assert_int_equal(at_stat(f, ".wh.x").st_uid, 0); /* recorded */
    assert_true(S_ISREG(at_stat(f, ".wh.x").st_mode));
}

static struct err *insert(struct fixture *f, struct layer_insert_opts opts)
{
    tb_end(&f->tar);
    AUTO_FD int fd = tb_memfd(f->tar.data, f->tar.len);
    opts.archive_fd = fd;
    opts.target_dirfd = f->target;
    struct err *e = layer_insert(&opts, &f->result);
    strbuf_truncate(&f->tar, 0);
    return e;
}

static void insert_adds_to_what_is_there(void **state)
{
    struct fixture *f = *state;
    expect_success(file_write_atomic(f->target, "old", "old", 3, 0600, FILE_NOSYNC));
    assert_int_equal(mkdirat(f->target, "d", 0700), 0);
    expect_success(file_write_atomic(f->target, "d/kept", "kept", 4, 0600, FILE_NOSYNC));
    tb_add(&f->tar, (struct tb_entry){.name = ".", .type = '5', .mode = 01777});
    tb_add(&f->tar, (struct tb_entry){.name = "old", .data = "new", .uid = 7, .gid = 8});
    tb_file(&f->tar, "d/.wh.kept", "");
    expect_success(insert(f, (struct layer_insert_opts){.keep_root = true, .keep_kinds = true, .own = true}));
    expect_content(f, "old", "new");
    assert_int_equal(at_stat(f, "old").st_uid, 0);
    expect_content(f, "d/kept", "kept"); /* a name as any other */
    assert_true(at_exists(f, "d/.wh.kept"));
    assert_int_not_equal(at_stat(f, ".").st_mode & 07777, 01777);
    tb_add(&f->tar, (struct tb_entry){.name = ".", .type = '5', .mode = 01777});
    expect_success(insert(f, (struct layer_insert_opts){.own = true}));
    assert_int_equal(at_stat(f, ".").st_mode & 07777, 01777);
}

static void insert_keeps_directories_and_others_apart(void **state)
{
    struct fixture *f = *state;
    const struct layer_insert_opts keep = {.keep_kinds = true, .own = true};
    tb_dir(&f->tar, "d");
    tb_file(&f->tar, "d/in", "in");
    tb_file(&f->tar, "f", "f");
    expect_success(insert(f, keep));
    tb_file(&f->tar, "d", "file");
    expect_error(insert(f, keep), ERR_EXISTS, "d: cannot overwrite a directory");
    tb_symlink(&f->tar, "d", "f");
    expect_error(insert(f, keep), ERR_EXISTS, "d: cannot overwrite a directory");
    tb_hardlink(&f->tar, "d", "f");
    expect_error(insert(f, keep), ERR_EXISTS, "d: cannot overwrite a directory");
    tb_dir(&f->tar, "f");
    expect_error(insert(f, keep), ERR_EXISTS, "f: exists but is not a directory");
    expect_content(f, "d/in", "in");
    tb_file(&f->tar, "d", "file");
    tb_file(&f->tar, "../outside/canary", "evil");
    expect_error(insert(f, (struct layer_insert_opts){.own = true}), ERR_INVALID, "leads out");
    expect_content(f, "d", "file");
}

static void the_bytes_are_copied_as_they_come(void **state)
{
    struct fixture *f = *state;
    struct strbuf packed = STRBUF_INIT;
    char *copy = NULL;
    size_t len = 0;
    f->via_helper = true;
    tb_file(&f->tar, "x", "x");
    tb_end(&f->tar);
    tb_compress(&f->tar, ARCHIVE_FILTER_GZIP, &packed);
    AUTO_FD int fd = tb_memfd("", 0);
    f->opts.blob_copy_fd = fd;
    expect_success(run_unpack_bytes(f, &packed));
    assert_int_equal(f->result.blob_bytes, packed.len);
    expect_success(file_read_fd(fd, 1 << 20, &copy, &len));
    assert_int_equal(len, packed.len);
    assert_memory_equal(copy, packed.data, len);
    free(copy);
    strbuf_done(&packed);
}

static void several_at_once(void **state)
{
    struct fixture *f = *state;
    struct layer_job *jobs[8];
    int dirs[8], archives[8];
    tb_file(&f->tar, "x", "x");
    tb_end(&f->tar);
    for (int i = 0; i < 8; i++) {
        char name[8];
        (void)snprintf(name, sizeof(name), "d%d", i);
        assert_int_equal(mkdirat(f->target, name, 0755), 0);
        dirs[i] = openat(f->target, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        archives[i] = tb_memfd(f->tar.data, f->tar.len);
        struct layer_unpack_opts opts = {.archive_fd = archives[i], .target_dirfd = dirs[i]};
        expect_success(layer_unpack_start(&opts, &jobs[i]));
    }
    for (int i = 0; i < 8; i++) {
        expect_success(layer_job_finish(jobs[i], &f->result));
        (void)fd_close(dirs[i]);
        (void)fd_close(archives[i]);
    }
    expect_content(f, "d7/x", "x");
}

static void one_starter_for_several(void **state)
{
    struct fixture *f = *state;
    struct layer_starter *starter = NULL;
    struct layer_job *jobs[3];
    int ends[2];
    tb_file(&f->tar, "x", "x");
    tb_end(&f->tar);
    AUTO_FD int archive = tb_memfd(f->tar.data, f->tar.len);
    AUTO_FD int rubbish = tb_memfd("rubbish", 7);
    expect_success(layer_starter_new(&starter));
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0); /* of the third job: it waits for ever */
    const int sources[] = {archive, rubbish, ends[0]};
    for (int i = 0; i < 3; i++) {
        char name[8];
        (void)snprintf(name, sizeof(name), "d%d", i);
        assert_int_equal(mkdirat(f->target, name, 0755), 0);
        AUTO_FD int dir = openat(f->target, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct layer_unpack_opts opts = {.archive_fd = sources[i], .target_dirfd = dir, .starter = starter};
        expect_success(layer_unpack_start(&opts, &jobs[i]));
    }
    expect_success(layer_job_finish(jobs[0], &f->result));
    expect_content(f, "d0/x", "x");
    expect_error(layer_job_finish(jobs[1], &f->result), ERR_CORRUPT, "not a valid tar archive");
    struct pollfd waits = {.fd = layer_job_fd(jobs[2]), .events = POLLIN};
    assert_int_equal(poll(&waits, 1, 0), 0);
    layer_starter_free(starter); /* what was started goes on */
    assert_int_equal(poll(&waits, 1, 0), 0);
    layer_job_cancel(jobs[2]);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left over */
    (void)fd_close(ends[0]);
    (void)fd_close(ends[1]);
}

static void pack_and_extract_through_the_helper(void **state)
{
    struct fixture *f = *state;
    struct layer_result packed;
    assert_int_equal(mkdirat(f->target, "d", 0755), 0);
    expect_success(file_write_atomic(f->target, "d/x", "data", 4, 0600, FILE_NOSYNC));
    AUTO_FD int source = openat(f->target, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_FD int layer = tb_memfd("", 0), outer = tb_memfd("", 0);
    struct layer_pack_opts opts = {
        .source_dirfd = source, .archive_fd = layer, .compression = LAYER_ZSTD, .diff = true};
    expect_success(layer_pack(&opts, &packed));
    assert_int_equal(lseek(layer, 0, SEEK_END), packed.blob_bytes);
    expect_success(layer_pack_archive(source, outer));
    assert_int_equal(lseek(outer, 0, SEEK_SET), 0);
    expect_success(file_remove_tree(f->target, "d"));
    expect_success(layer_extract_archive(outer, f->target, 0));
    expect_content(f, "x", "data");
}

/* From gzip to zstd and to plain: the tar inside stays the same, what is written is what the result says. */
static void recode_through_the_helper(void **state)
{
    struct fixture *f = *state;
    static const enum layer_compression all[] = {LAYER_PLAIN, LAYER_GZIP, LAYER_ZSTD};
    static const char *const magic[] = {"x", "\x1f\x8b", "\x28\xb5\x2f\xfd"};
    struct strbuf packed = STRBUF_INIT;
    struct layer_result first = {.entries = 0};
    struct layer_job *job;
    tb_file(&f->tar, "x", "data");
    tb_end(&f->tar);
    tb_compress(&f->tar, ARCHIVE_FILTER_GZIP, &packed);
    for (size_t i = 0; i < 3; i++) {
        AUTO_FD int from = tb_memfd(packed.data, packed.len), to = tb_memfd("", 0);
        struct layer_recode_opts opts = {
            .archive_fd = from, .output_fd = to, .empty_dirfd = f->target, .compression = all[i], .level = i ? 3 : 0};
        expect_success(layer_recode_start(&opts, &job));
        expect_success(layer_job_finish(job, &f->result));
        if (i == 0)
            first = f->result;
        assert_string_equal(f->result.diff_id, first.diff_id);
        assert_int_equal(f->result.tar_bytes, f->tar.len);
        assert_int_equal(lseek(to, 0, SEEK_END), f->result.blob_bytes);
        char start[4] = {0};
        assert_int_equal(pread(to, start, strlen(magic[i]), 0), strlen(magic[i]));
        assert_memory_equal(start, magic[i], strlen(magic[i]));
        /* And it unpacks to the same. */
        assert_int_equal(lseek(to, 0, SEEK_SET), 0);
        assert_int_equal(mkdirat(f->target, "d", 0755), 0);
        AUTO_FD int dir = openat(f->target, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct layer_unpack_opts unpack = {
            .archive_fd = to, .target_dirfd = dir, .diff_id = first.diff_id, .blob_digest = f->result.blob_digest};
        struct layer_result result;
        expect_success(layer_unpack(&unpack, &result));
        expect_content(f, "d/x", "data");
        expect_success(file_remove_tree(f->target, "d"));
    }
    strbuf_done(&packed);
}

static void recoding_verifies_what_it_reads(void **state)
{
    struct fixture *f = *state;
    struct strbuf packed = STRBUF_INIT;
    struct layer_job *job;
    tb_file(&f->tar, "x", "data");
    tb_end(&f->tar);
    tb_compress(&f->tar, ARCHIVE_FILTER_GZIP, &packed);
    AUTO_FD int from = tb_memfd(packed.data, packed.len), to = tb_memfd("", 0);
    struct layer_recode_opts opts = {.archive_fd = from,
                                     .output_fd = to,
                                     .empty_dirfd = f->target,
                                     .compression = LAYER_ZSTD,
                                     .blob_digest = "sha256:00"};
    expect_success(layer_recode_start(&opts, &job));
    expect_error(layer_job_finish(job, NULL), ERR_CORRUPT, "digest of the archive");
    AUTO_FD int cut = tb_memfd(packed.data, packed.len - 9);
    opts.archive_fd = cut;
    opts.blob_digest = NULL;
    expect_success(layer_recode_start(&opts, &job));
    expect_error(layer_job_finish(job, NULL), ERR_CORRUPT, "gzip");
    strbuf_done(&packed);
}

static void a_missing_helper_is_named(void **state)
{
    struct fixture *f = *state;
    char *saved = strdup(getenv("CORACLE_LIBEXECDIR"));
    f->via_helper = true;
    /* What is found there is no ELF program. */
    AUTO_FD int fd = openat(f->target, "coracle-layer", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    assert_int_equal(write(fd, "#!/bin/false\n", 13), 13);
    fd = fd_close(fd);
    char path[100];
    (void)snprintf(path, sizeof(path), "%s/target", f->path);
    assert_int_equal(setenv("CORACLE_LIBEXECDIR", path, 1), 0);
    expect_refused(f, ERR_INTERNAL, "coracle-layer ended with code 1 and no answer");
    struct layer_starter *starter = NULL;
    struct layer_job *job = NULL;
    expect_success(layer_starter_new(&starter));
    const struct layer_unpack_opts opts = {.archive_fd = f->target, .target_dirfd = f->target, .starter = starter};
    struct err *e = layer_unpack_start(&opts, &job);
    expect_error(e, ERR_INTERNAL, "coracle-layer");
    layer_starter_free(starter);
    assert_int_equal(setenv("CORACLE_LIBEXECDIR", saved, 1), 0);
    free(saved);
}

int main(int argc, char **argv)
{
    (void)argc;
    fixture_become_root(argv);
    const struct CMUnitTest tests[] = {
        layer_test(unpack_through_the_helper),
        layer_test(errors_come_back_with_their_kind),
        layer_test(insert_adds_to_what_is_there),
        layer_test(insert_keeps_directories_and_others_apart),
        layer_test(options_reach_the_helper),
        layer_test(the_bytes_are_copied_as_they_come),
        layer_test(several_at_once),
        layer_test(one_starter_for_several),
        layer_test(pack_and_extract_through_the_helper),
        layer_test(recode_through_the_helper),
        layer_test(recoding_verifies_what_it_reads),
        layer_test(a_missing_helper_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
