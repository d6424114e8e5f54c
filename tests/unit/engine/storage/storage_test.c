/* Drivers against a real kernel, each test in a user and mount namespace of its own (the user's id only, so nothing
 * needs to be set up). Where the host refuses user namespaces, these are skipped. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/storage/storage.h"

#define SKIPPED 77

static char top[64];

static void ok(struct err *e)
{
    if (e)
        print_error("%s (%s)\n", err_text(e), err_trace(e));
    if (e)
        _exit(1);
}

#define CHECK(cond)                                                \
    do {                                                           \
        if (!(cond)) {                                             \
            print_error("%s:%d: %s\n", __FILE__, __LINE__, #cond); \
            _exit(1);                                              \
        }                                                          \
    } while (0)

static void write_to(const char *path, const char *text)
{
    ok(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, FILE_NOSYNC));
}

static void make_dir(const char *path)
{
    ok(file_mkdirs(path, 0755));
}

static void expect_text(const char *path, const char *text)
{
    char *got = NULL;
    ok(file_read(AT_FDCWD, path, 4096, &got, NULL));
    if (strcmp(got, text) != 0) {
        print_error("%s holds \"%s\", not \"%s\"\n", path, got, text);
        _exit(1);
    }
    free(got);
}

static void map_id(const char *file, unsigned id)
{
    char line[64];
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    int n = snprintf(line, sizeof(line), "0 %u 1", id);
    if (fd < 0 || write(fd, line, (size_t)n) != n)
        _exit(SKIPPED);
    close(fd);
}

static void enter(void)
{
    unsigned uid = getuid(), gid = getgid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        _exit(SKIPPED);
    int fd = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "deny", 4) != 4)
        _exit(SKIPPED);
    close(fd);
    map_id("/proc/self/uid_map", uid);
    map_id("/proc/self/gid_map", gid);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        _exit(SKIPPED);
}

/* Run `fn` in a child below a fresh directory. */
static void in_namespace(void (*fn)(void))
{
    (void)snprintf(top, sizeof(top), "/tmp/coracle-storage-XXXXXX");
    assert_non_null(mkdtemp(top));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(60);
        enter();
        CHECK(chdir(top) == 0);
        fn();
        fflush(NULL);
        exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    err_drop(file_remove_tree(AT_FDCWD, top));
    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
        skip();
    assert_int_equal(status, 0);
}

static char *abs_path(const char *name)
{
    static char paths[64][160];
    static unsigned next;
    char *p = paths[next++ % 64];
    (void)snprintf(p, sizeof(paths[0]), "%s/%s", top, name);
    return p;
}

static void two_layers(struct storage_mount *m, struct strv *layers)
{
    make_dir(abs_path("layers/a/diff/dir"));
    make_dir(abs_path("layers/b/diff"));
    make_dir(abs_path("ct"));
    make_dir(abs_path("mnt"));
    write_to(abs_path("layers/a/diff/one"), "one of a");
    write_to(abs_path("layers/a/diff/both"), "both of a");
    write_to(abs_path("layers/a/diff/dir/in"), "in");
    write_to(abs_path("layers/b/diff/both"), "both of b");
    ok(strv_add(layers, "a"));
    ok(strv_add(layers, "b"));
    m->layers_dir = abs_path("layers");
    m->container_dir = abs_path("ct");
    m->layers = *layers;
}

static void use_root(const char *driver)
{
    AUTO_STRV struct strv layers = STRV_INIT;
    struct storage_mount m = {.driver = driver};
    two_layers(&m, &layers);
    CHECK(chmod("layers/b/diff", 0711) == 0);
    ok(storage_mount(&m, abs_path("mnt")));
    struct stat st;
    CHECK(stat("mnt", &st) == 0 && (st.st_mode & 07777) == 0711);
    expect_text("mnt/one", "one of a");
    expect_text("mnt/both", "both of b");
    expect_text("mnt/dir/in", "in");
    write_to("mnt/one", "changed");
    CHECK(unlink("mnt/both") == 0);
    CHECK(!file_exists(AT_FDCWD, "mnt/both"));
    expect_text("layers/a/diff/one", "one of a");
    expect_text("layers/b/diff/both", "both of b");
    /* A second start finds what the first one left. */
    CHECK(umount2("mnt", MNT_DETACH) == 0);
    ok(storage_mount(&m, abs_path("mnt")));
    expect_text("mnt/one", "changed");
    CHECK(!file_exists(AT_FDCWD, "mnt/both"));
}

static void copy_is_whole(void)
{
    use_root("copy");
    CHECK(!file_exists(AT_FDCWD, "ct/copy.new"));
    CHECK(!file_exists(AT_FDCWD, "ct/copy.lock"));
}

/* The limit that image formats set, with names as long as the store's and a deep directory of layers. */
static void many_layers(const char *driver)
{
    AUTO_STRV struct strv layers = STRV_INIT;
    char dir[600], name[900];
    int n = snprintf(dir, sizeof(dir), "%s", top);
    for (int i = 0; i < 4; i++)
        n += snprintf(dir + n, sizeof(dir) - (size_t)n, "/%0100d", i);
    for (int i = 0; i < 127; i++) {
        (void)snprintf(name, sizeof(name), "%s/layer%05d/diff", dir, i);
        make_dir(name);
        (void)snprintf(name, sizeof(name), "%s/layer%05d/diff/f%d", dir, i, i);
        write_to(name, "x");
        (void)snprintf(name, sizeof(name), "%s/layer%05d/diff/all", dir, i);
        char text[8];
        (void)snprintf(text, sizeof(text), "%d", i);
        write_to(name, text);
        ok(strv_addf(&layers, "layer%05d", i));
    }
    make_dir(abs_path("mnt"));
    char ct[700];
    (void)snprintf(ct, sizeof(ct), "%s/ct,with:signs\\", dir);
    make_dir(ct);
    struct storage_mount m = {.driver = driver, .layers_dir = dir, .layers = layers, .container_dir = ct};
    ok(storage_mount(&m, abs_path("mnt")));
    char cwd[128];
    CHECK(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, top) == 0);
    expect_text("mnt/all", "126");
    for (int i = 0; i < 127; i++) {
        (void)snprintf(name, sizeof(name), "mnt/f%d", i);
        CHECK(file_exists(AT_FDCWD, name));
    }
    write_to("mnt/new", "n");
}

static void volatile_again(const char *driver)
{
    AUTO_STRV struct strv layers = STRV_INIT;
    struct storage_mount m = {.driver = driver, .is_volatile = true};
    two_layers(&m, &layers);
    ok(storage_mount(&m, abs_path("mnt")));
    write_to("mnt/kept", "kept");
    CHECK(umount2("mnt", MNT_DETACH) == 0);
    ok(storage_mount(&m, abs_path("mnt")));
    expect_text("mnt/kept", "kept");
}

/* What one driver wrote the other reads: whiteouts, copies, opaque directories. */
static void drivers_alternate(void)
{
    AUTO_STRV struct strv layers = STRV_INIT;
    struct storage_mount m = {.driver = "overlay"};
    two_layers(&m, &layers);
    for (int i = 0; i < 4; i++) {
        char name[32];
        m.driver = i % 2 ? "fuse-overlay" : "overlay";
        ok(storage_mount(&m, abs_path("mnt")));
        if (i == 0) {
            CHECK(unlink("mnt/both") == 0);
            ok(file_remove_tree(AT_FDCWD, "mnt/dir"));
            CHECK(mkdir("mnt/dir", 0755) == 0);
        }
        CHECK(!file_exists(AT_FDCWD, "mnt/both") && !file_exists(AT_FDCWD, "mnt/dir/in"));
        for (int j = 0; j < i; j++) {
            (void)snprintf(name, sizeof(name), "mnt/dir/by%d", j);
            CHECK(file_exists(AT_FDCWD, name));
        }
        (void)snprintf(name, sizeof(name), "mnt/dir/by%d", i);
        write_to(name, "x");
        CHECK(umount2("mnt", MNT_DETACH) == 0);
    }
}

static void read_only(const char *driver)
{
    AUTO_STRV struct strv layers = STRV_INIT;
    struct storage_mount m = {.driver = driver, .read_only = true};
    two_layers(&m, &layers);
    m.container_dir = NULL;
    ok(storage_mount(&m, abs_path("mnt")));
    expect_text("mnt/both", "both of b");
    expect_text("mnt/one", "one of a");
    CHECK(open("mnt/one", O_WRONLY | O_CLOEXEC) < 0 && errno == EROFS);
    m.layers.count = 1; /* one layer */
    CHECK(umount2("mnt", MNT_DETACH) == 0);
    ok(storage_mount(&m, abs_path("mnt")));
    expect_text("mnt/both", "both of a");
    CHECK(open("mnt/one", O_WRONLY | O_CLOEXEC) < 0 && errno == EROFS);
    m.layers.count = 0; /* none */
    CHECK(umount2("mnt", MNT_DETACH) == 0);
    ok(storage_mount(&m, abs_path("mnt")));
    CHECK(open("mnt/one", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 && errno == EROFS);
}

static void copy_links_what_is_read_only(void)
{
    read_only("copy");
    struct stat st;
    CHECK(stat("layers/a/diff/one", &st) == 0 && st.st_nlink == 2); /* links, not copies */
}

static void no_layers(const char *driver)
{
    struct storage_mount m = {.driver = driver, .container_dir = abs_path("ct")};
    make_dir("ct");
    make_dir("mnt");
    ok(storage_mount(&m, abs_path("mnt")));
    write_to("mnt/file", "in upper");
    expect_text(strcmp(driver, "copy") == 0 ? "ct/copy/file" : "ct/upper/file", "in upper");
}

static void rootfs_bind(const char *driver)
{
    struct storage_mount m = {.driver = driver, .rootfs = abs_path("root")};
    make_dir("root/sub");
    make_dir("mnt");
    CHECK(mount("t", abs_path("root/sub"), "tmpfs", 0, NULL) == 0);
    write_to("root/sub/below", "below");
    ok(storage_mount(&m, abs_path("mnt")));
    expect_text("mnt/sub/below", "below"); /* recursive */
    write_to("mnt/through", "t");
    expect_text("root/through", "t");
    /* Private: a later mount doesn't show on the other side. */
    CHECK(mount("t", abs_path("mnt/sub"), "tmpfs", 0, NULL) == 0);
    expect_text("root/sub/below", "below");
}

static void rootfs_overlay(const char *driver)
{
    struct storage_mount m = {.driver = driver, .rootfs = abs_path("ro,ot:x"), .container_dir = abs_path("ct")};
    make_dir("ro,ot:x");
    make_dir("ct");
    make_dir("mnt");
    write_to("ro,ot:x/file", "old");
    ok(storage_mount(&m, abs_path("mnt")));
    write_to("mnt/file", "new");
    expect_text("ro,ot:x/file", "old");
}

static void expect_flags(const struct storage_mount *m)
{
    struct statvfs fs;
    ok(storage_mount(m, abs_path("mnt")));
    CHECK(statvfs("mnt", &fs) == 0);
    CHECK((fs.f_flag & ST_NODEV) && (fs.f_flag & ST_NOEXEC) && !(fs.f_flag & ST_RDONLY) == !m->read_only);
    CHECK(umount2("mnt", MNT_DETACH) == 0);
}

/* MS_NODEV and its kin, beside what makes the mount read-only; also where one directory is the whole root. */
static void mount_flags(const char *driver)
{
    AUTO_STRV struct strv layers = STRV_INIT;
    struct storage_mount m = {.driver = driver, .flags = MS_NODEV | MS_NOEXEC};
    two_layers(&m, &layers);
    for (int i = 0; i < 2; i++) {
        m.read_only = i == 1;
        expect_flags(&m);
    }
    const char *container = m.container_dir;
    m.container_dir = NULL;
    expect_flags(&m);
    m.layers.count = 1;
    expect_flags(&m);
    m.container_dir = container;
    m.layers.count = 0;
    m.read_only = false;
    expect_flags(&m);
}

/* Everything that was deleted or replaced is in a form that each driver reads. */
static void whiteouts_of_layers(const char *driver)
{
    AUTO_STRV struct strv layers = STRV_INIT;
    struct storage_mount m = {.driver = driver};
    two_layers(&m, &layers);
    make_dir("layers/b/diff/dir");
    CHECK(mknod("layers/b/diff/one", S_IFCHR, 0) == 0);
    CHECK(setxattr("layers/b/diff/dir", "user.overlay.opaque", "y", 1, 0) == 0);
    ok(storage_mount(&m, abs_path("mnt")));
    CHECK(!file_exists(AT_FDCWD, "mnt/one") && !file_exists(AT_FDCWD, "mnt/dir/in"));
    CHECK(file_exists(AT_FDCWD, "mnt/dir"));
    write_to("mnt/one", "again");
    expect_text("mnt/one", "again");
}

/* Ids are shown otherwise than they are on disk by the one driver that can, the others say so. */
static void mapped_ids(const char *driver)
{
    AUTO_STRV struct strv layers = STRV_INIT;
    struct stat st;
    struct storage_mount m = {.driver = driver, .uid_map = "7:0:1", .gid_map = "7:0:1"};
    two_layers(&m, &layers);
    struct err *e = storage_mount(&m, abs_path("mnt"));
    if (strcmp(driver, "fuse-overlay") != 0) {
        CHECK(e && err_kind(e) == ERR_UNSUPPORTED && strstr(err_text(e), driver));
        err_drop(e);
        return;
    }
    ok(e);
    CHECK(stat("layers/a/diff/one", &st) == 0 && st.st_uid == 0);
    CHECK(stat("mnt/one", &st) == 0 && st.st_uid != 0); /* 0 on disk is nobody's */
}

static void refusals(void)
{
    AUTO_STRV struct strv layers = STRV_INIT;
    struct storage_mount m = {.driver = "vfs"};
    two_layers(&m, &layers);
    struct err *e = storage_mount(&m, abs_path("mnt"));
    CHECK(e && err_kind(e) == ERR_INVALID);
    err_drop(e);
    static const char *const bad[] = {"..", "../a", "a/../b", "", "a:b", "a,b", "/a:b", "/a,b", ".hidden"};
    m.driver = "overlay";
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_STRV struct strv names = STRV_INIT;
        ok(strv_add(&names, bad[i]));
        m.layers = names;
        e = storage_mount(&m, abs_path("mnt"));
        CHECK(e && err_kind(e) == ERR_INVALID);
        err_drop(e);
    }
    m.layers = layers;
    ok(file_remove_tree(AT_FDCWD, "layers/b"));
    e = storage_mount(&m, abs_path("mnt"));
    CHECK(e);
    err_drop(e);
    m.driver = "copy"; /* interrupted: nothing half-made is left */
    e = storage_mount(&m, abs_path("mnt"));
    CHECK(e && strstr(err_text(e), "layers/b"));
    err_drop(e);
    CHECK(!file_exists(AT_FDCWD, "ct/copy") && !file_exists(AT_FDCWD, "ct/copy.new"));
}

/* A kernel, or a seccomp filter around us, without the newer system calls. */
static void without_new_api(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fsopen, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_open_tree, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mount_setattr, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    };
    struct sock_fprog prog = {.len = ARRAY_LEN(filter), .filter = filter};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0);
    CHECK(syscall(SYS_fsopen, "overlay", 0) < 0 && errno == ENOSYS);
}

static void old_kernel_layers(void)
{
    without_new_api();
    many_layers("overlay");
}

static void old_kernel_rootfs(void)
{
    without_new_api();
    rootfs_overlay("overlay");
}

static void old_kernel_bind(void)
{
    without_new_api();
    rootfs_bind("overlay");
}

static void old_kernel_read_only(void)
{
    without_new_api();
    read_only("overlay");
}

static void probing(void)
{
    const char *driver = NULL;
    char *why = NULL;
    make_dir("store");
    ok(storage_probe("copy", abs_path("store")));
    ok(storage_choose(abs_path("store"), &driver, &why));
    CHECK(strcmp(driver, "overlay") == 0 || (strcmp(driver, "fuse-overlay") == 0 && why));
    free(why);
    ok(storage_probe("fuse-overlay", abs_path("store")));
    struct err *e = storage_probe("overlay", abs_path("nowhere"));
    CHECK(e);
    err_drop(e);
    CHECK(rmdir("store") == 0); /* nothing was left in it */
}

/* Overlay doesn't take an overlay as its upper layer: what choose() must find out. */
static void probing_where_overlay_fails(void)
{
    AUTO_STRV struct strv layers = STRV_INIT;
    struct storage_mount m = {.driver = "overlay"};
    two_layers(&m, &layers);
    ok(storage_mount(&m, abs_path("mnt")));
    make_dir("mnt/store");
    const char *driver = NULL;
    char *why = NULL;
    ok(storage_choose(abs_path("mnt/store"), &driver, &why));
    CHECK(strcmp(driver, "fuse-overlay") == 0 && why && strstr(why, "upper layer"));
    free(why);
    /* And what storage_mount() does by itself where it may. */
    struct storage_mount inner = {.driver = "overlay", .layers_dir = m.layers_dir, .layers = layers};
    make_dir("mnt/ct");
    make_dir("root");
    inner.container_dir = abs_path("mnt/ct");
    struct err *e = storage_mount(&inner, abs_path("root"));
    CHECK(e && err_kind(e) == ERR_UNSUPPORTED);
    err_drop(e);
    inner.may_change = true;
    ok(storage_mount(&inner, abs_path("root")));
    expect_text("root/both", "both of b");
    write_to("root/both", "changed");
    expect_text("mnt/ct/upper/both", "changed");
}

#define IN_NAMESPACE(name)            \
    static void test_##name(void **s) \
    {                                 \
        (void)s;                      \
        in_namespace(name);           \
    }
IN_NAMESPACE(drivers_alternate)
IN_NAMESPACE(copy_is_whole)
IN_NAMESPACE(copy_links_what_is_read_only)
IN_NAMESPACE(old_kernel_layers)
IN_NAMESPACE(old_kernel_rootfs)
IN_NAMESPACE(old_kernel_bind)
IN_NAMESPACE(old_kernel_read_only)
IN_NAMESPACE(refusals)
IN_NAMESPACE(probing)
IN_NAMESPACE(probing_where_overlay_fails)

/* What the interface promises, of each driver. */
#define WITH_DRIVER(name, prefix, driver) \
    static void prefix##_##name(void)     \
    {                                     \
        name(driver);                     \
    }                                     \
    IN_NAMESPACE(prefix##_##name)
#define WITH_EACH_DRIVER(name)              \
    WITH_DRIVER(name, overlay, "overlay")   \
    WITH_DRIVER(name, fuse, "fuse-overlay") \
    WITH_DRIVER(name, copy, "copy")
WITH_EACH_DRIVER(use_root)
WITH_EACH_DRIVER(many_layers)
WITH_EACH_DRIVER(volatile_again)
WITH_EACH_DRIVER(read_only)
WITH_EACH_DRIVER(no_layers)
WITH_EACH_DRIVER(rootfs_bind)
WITH_EACH_DRIVER(rootfs_overlay)
WITH_EACH_DRIVER(mount_flags)
WITH_EACH_DRIVER(whiteouts_of_layers)
WITH_EACH_DRIVER(mapped_ids)

#define EACH_DRIVER(name) \
    cmocka_unit_test(test_overlay_##name), cmocka_unit_test(test_fuse_##name), cmocka_unit_test(test_copy_##name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH_DRIVER(use_root),
        EACH_DRIVER(many_layers),
        EACH_DRIVER(volatile_again),
        EACH_DRIVER(read_only),
        EACH_DRIVER(no_layers),
        EACH_DRIVER(rootfs_bind),
        EACH_DRIVER(rootfs_overlay),
        EACH_DRIVER(mount_flags),
        EACH_DRIVER(whiteouts_of_layers),
        EACH_DRIVER(mapped_ids),
        cmocka_unit_test(test_drivers_alternate),
        cmocka_unit_test(test_copy_is_whole),
        cmocka_unit_test(test_copy_links_what_is_read_only),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_old_kernel_layers),
        cmocka_unit_test(test_old_kernel_rootfs),
        cmocka_unit_test(test_old_kernel_bind),
        cmocka_unit_test(test_old_kernel_read_only),
        cmocka_unit_test(test_probing),
        cmocka_unit_test(test_probing_where_overlay_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
