#include "engine/layer/whiteout.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "tests/unit/engine/layer/fixture.h"

static void kinds(void **state)
{
    (void)state;
    assert_int_equal(whiteout_kind_of("a"), WHITEOUT_NONE);
    assert_int_equal(whiteout_kind_of(".wha"), WHITEOUT_NONE);
    assert_int_equal(whiteout_kind_of("a.wh.b"), WHITEOUT_NONE);
    assert_int_equal(whiteout_kind_of(".wh.a"), WHITEOUT_FILE);
    assert_int_equal(whiteout_kind_of(".wh..a"), WHITEOUT_FILE);
    assert_int_equal(whiteout_kind_of(".wh.."), WHITEOUT_INVALID);
    assert_int_equal(whiteout_kind_of(".wh..."), WHITEOUT_INVALID);
    assert_int_equal(whiteout_kind_of(".wh."), WHITEOUT_INVALID);
    assert_int_equal(whiteout_kind_of(".wh..wh..opq"), WHITEOUT_OPAQUE_DIR);
    assert_int_equal(whiteout_kind_of(".wh..wh.plnk"), WHITEOUT_IGNORED);
}

static void files_become_devices(void **state)
{
    struct fixture *f = *state;
    tb_file(&f->tar, "d/.wh.gone", "");
    tb_file(&f->tar, ".wh..hidden", "");
    tb_file(&f->tar, ".wh..wh.plnk/junk", "");
    tb_file(&f->tar, ".wh..wh.aufs", "");
    expect_unpacked(f);
    expect_whiteout(f, "d/gone");
    expect_whiteout(f, ".hidden");
    assert_false(at_exists(f, ".wh..wh.aufs"));
}

static void wh_format_keeps_them(void **state)
{
    struct fixture *f = *state;
    f->opts.format = LAYER_WH;
    tb_file(&f->tar, "d/.wh.gone", "");
    tb_file(&f->tar, "d/.wh..wh..opq", "");
    expect_unpacked(f);
    expect_content(f, "d/.wh.gone", "");
    expect_content(f, "d/.wh..wh..opq", "");
    assert_false(at_is_opaque(f, "d"));
}

static void opaque_before_and_after(void **state)
{
    struct fixture *f = *state;
    tb_file(&f->tar, "a/.wh..wh..opq", "");
    tb_add(&f->tar, (struct tb_entry){.name = "a", .type = '5', .mode = 0700});
    tb_file(&f->tar, "a/x", "x");
    tb_file(&f->tar, "b/x", "x");
    tb_file(&f->tar, "b/.wh..wh..opq", "");
    tb_file(&f->tar, ".wh..wh..opq", "");
    expect_unpacked(f);
    assert_true(at_is_opaque(f, "a") && at_is_opaque(f, "b") && at_is_opaque(f, "."));
    expect_content(f, "a/x", "x");
    expect_content(f, "b/x", "x");
    assert_int_equal(at_stat(f, "a").st_mode, S_IFDIR | 0700);
}

/* A whiteout acts on lower layers, never on this one: what is replaced hides what was below. */
static void whiteout_and_entry_of_one_name(void **state)
{
    struct fixture *f = *state;
    tb_file(&f->tar, ".wh.file", "");
    tb_file(&f->tar, "file", "new");
    tb_file(&f->tar, "file2", "new");
    tb_file(&f->tar, ".wh.file2", "");
    tb_file(&f->tar, ".wh.dir", "");
    tb_dir(&f->tar, "dir");
    tb_file(&f->tar, "dir2/x", "new");
    tb_file(&f->tar, ".wh.dir2", "");
    tb_file(&f->tar, ".wh.dir3", "");
    tb_file(&f->tar, "dir3/sub/x", "new"); /* parents that are not in the archive */
    tb_file(&f->tar, ".wh.twice", "");
    tb_file(&f->tar, ".wh.twice", "");
    tb_symlink(&f->tar, "link", "dir");
    tb_file(&f->tar, ".wh.link", "");
    expect_unpacked(f);
    expect_content(f, "file", "new");
    expect_content(f, "file2", "new");
    assert_true(at_is_opaque(f, "dir") && at_is_opaque(f, "dir2") && at_is_opaque(f, "dir3"));
    expect_content(f, "dir2/x", "new");
    expect_content(f, "dir3/sub/x", "new");
    expect_whiteout(f, "twice");
    expect_link(f, "link", "dir");
}

/* mknodat answers EPERM, as some sandboxes and file systems do. */
static void forbid_mknod(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mknodat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(code) / sizeof(*code), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        _exit(70);
}

static bool has_xattr(struct fixture *f, const char *path, const char *name, const char *value)
{
    char buf[8];
    AUTO_FD int fd = openat(f->target, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? fgetxattr(fd, name, buf, sizeof(buf)) : -1;
    return n >= 0 && (size_t)n == strlen(value) && memcmp(buf, value, (size_t)n) == 0;
}

static void attribute_form_where_devices_are_refused(void **state)
{
    struct fixture *f = *state;
    tb_dir(&f->tar, "d");
    tb_file(&f->tar, "d/.wh.gone", "");
    tb_file(&f->tar, "d/here", "here");
    tb_file(&f->tar, "o/.wh..wh..opq", "");
    tb_file(&f->tar, "o/.wh.gone", "");
    tb_file(&f->tar, "p/.wh.gone", "");
    tb_file(&f->tar, "p/.wh..wh..opq", "");
    tb_file(&f->tar, ".wh.back", "");
    tb_file(&f->tar, "back/x", "x");
    tb_file(&f->tar, ".wh.back2", "");
    tb_dir(&f->tar, "back2");
    pid_t pid = fork();
    if (pid == 0) {
        forbid_mknod();
        struct err *e = run_unpack(f);
        _exit(e ? err_kind(e) == ERR_UNSUPPORTED ? 2 : 1 : 0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 2 || WEXITSTATUS(status) == 70)
        skip(); /* a kernel before 6.7 */
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(has_xattr(f, "d/gone", "user.overlay.whiteout", ""));
    assert_true(has_xattr(f, "d", "user.overlay.opaque", "x"));
    assert_true(at_is_opaque(f, "o") && at_is_opaque(f, "p"));
    assert_false(at_exists(f, "o/gone") || at_exists(f, "p/gone")); /* nothing to hide there */
    assert_true(at_is_opaque(f, "back") && at_is_opaque(f, "back2"));
    expect_content(f, "back/x", "x");
}

int main(int argc, char **argv)
{
    (void)argc;
    fixture_become_root(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        layer_test(files_become_devices),
        layer_test(wh_format_keeps_them),
        layer_test(opaque_before_and_after),
        layer_test(whiteout_and_entry_of_one_name),
        layer_test(attribute_form_where_devices_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
