#include "tests/unit/engine/layer/fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "engine/layer/tar.h"
#include "engine/layer/unpack.h"

#define MARKER "CORACLE_TEST_IN_USERNS"

void fixture_become_root(char **argv)
{
    tar_prepare();
    if (geteuid() == 0)
        return;
    assert_null(getenv(MARKER));
    assert_int_equal(setenv(MARKER, "1", 1), 0);
    char *const probe[] = {(char[]){"unshare"},         (char[]){"-U"},   (char[]){"--map-auto"},
                           (char[]){"--map-root-user"}, (char[]){"true"}, NULL};
    struct proc_opts opts = {.path = "unshare", .argv = probe};
    AUTO_FREE char *output = NULL;
    struct err *e = proc_output(&opts, 100, &output);
    const char *map = e ? "-m" : "--map-auto";
    err_drop(e);
    (void)execlp("unshare", "unshare", "-U", map, "--map-root-user", "-m", argv[0], (char *)NULL);
    fail_msg("no unshare(1) to enter a user namespace with");
}

bool fixture_has_ids(void)
{
    AUTO_FREE char *map = NULL;
    unsigned inside, outside, count;
    expect_success(file_read(AT_FDCWD, "/proc/self/gid_map", 65536, &map, NULL));
    if (sscanf(map, "%u %u %u", &inside, &outside, &count) != 3)
        return false;
    return count > 1 || strchr(map, '\n')[1] != '\0';
}

int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    (void)umask(0);
    (void)snprintf(f->path, sizeof(f->path), "/tmp/coracle-layer-test-XXXXXX");
    if (!mkdtemp(f->path) || chdir("/") < 0)
        return -1;
    f->top = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (mkdirat(f->top, "target", 0755) < 0 || mkdirat(f->top, "outside", 0755) < 0)
        return -1;
    expect_success(file_write_atomic(f->top, "outside/canary", "untouched", 9, 0644, FILE_NOSYNC));
    f->target = openat(f->top, "target", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    f->opts = (struct layer_unpack_opts){.target_dirfd = f->target};
    *state = f;
    return 0;
}

/* The canary is as it was, and alone. */
static void check_outside(struct fixture *f)
{
    AUTO_FREE char *text = NULL;
    uint64_t bytes, inodes;
    struct stat st;
    expect_success(file_read(f->top, "outside/canary", 100, &text, NULL));
    assert_string_equal(text, "untouched");
    assert_int_equal(fstatat(f->top, "outside/canary", &st, 0), 0);
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(st.st_mode, S_IFREG | 0644);
    expect_success(file_tree_size(f->top, "outside", &bytes, &inodes));
    AUTO_FD int dir = openat(f->top, "outside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(flistxattr(dir, NULL, 0) <= 0);
    assert_int_equal(unlinkat(f->top, "outside/canary", 0), 0);
    assert_int_equal(unlinkat(f->top, "outside", AT_REMOVEDIR), 0);
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    check_outside(f);
    expect_success(file_remove_tree(f->top, "target"));
    (void)fd_close(f->target);
    (void)fd_close(f->top);
    int r = rmdir(f->path); /* nothing else was made there */
    strbuf_done(&f->tar);
    free(f);
    return r;
}

struct err *run_unpack_bytes(struct fixture *f, const struct strbuf *bytes)
{
    AUTO_FD int fd = tb_memfd(strbuf_str(bytes), bytes->len);
    f->opts.archive_fd = fd;
    return f->via_helper ? layer_unpack(&f->opts, &f->result) : unpack_layer(&f->opts, &f->result);
}

struct err *run_unpack(struct fixture *f)
{
    tb_end(&f->tar);
    struct err *e = run_unpack_bytes(f, &f->tar);
    strbuf_truncate(&f->tar, 0);
    return e;
}

void expect_success(struct err *take_e)
{
    if (take_e)
        fail_msg("%s: %s", err_kind_name(err_kind(take_e)), err_text(take_e));
}

void expect_error(struct err *take_e, enum err_kind kind, const char *text)
{
    assert_non_null(take_e);
    if (err_kind(take_e) != kind || (text && !strstr(err_text(take_e), text)))
        fail_msg("%s: %s", err_kind_name(err_kind(take_e)), err_text(take_e));
    err_drop(take_e);
}

void expect_unpacked(struct fixture *f)
{
    expect_success(run_unpack(f));
}

void expect_refused(struct fixture *f, enum err_kind kind, const char *text)
{
    expect_error(run_unpack(f), kind, text);
}

struct stat at_stat(struct fixture *f, const char *path)
{
    struct stat st = {0};
    if (fstatat(f->target, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        fail_msg("%s is missing", path);
    return st;
}

bool at_exists(struct fixture *f, const char *path)
{
    struct stat st;
    return fstatat(f->target, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

void expect_content(struct fixture *f, const char *path, const char *content)
{
    AUTO_FREE char *text = NULL;
    expect_success(file_read(f->target, path, 1 << 20, &text, NULL));
    assert_string_equal(text, content);
}

void expect_link(struct fixture *f, const char *path, const char *target)
{
    char text[256] = "";
    assert_true(readlinkat(f->target, path, text, sizeof(text) - 1) > 0);
    assert_string_equal(text, target);
}

void expect_whiteout(struct fixture *f, const char *path)
{
    struct stat st = at_stat(f, path);
    assert_true(S_ISCHR(st.st_mode));
    assert_int_equal(st.st_rdev, 0);
}

bool at_is_opaque(struct fixture *f, const char *path)
{
    char value[4];
    AUTO_FD int fd = openat(f->target, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fgetxattr(fd, "user.overlay.opaque", value, sizeof(value)) == 1 && value[0] == 'y';
}
