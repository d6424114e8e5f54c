/* Applying layers, without any mount. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/storage/apply.h"

struct world {
    char top[64];
    int dir, layer, to;
};

static void ok(struct err *e)
{
    if (e)
        print_error("%s\n", err_text(e));
    assert_null(e);
}

static int setup(void **state)
{
    struct world *w = mem_zalloc(sizeof(*w));
    (void)snprintf(w->top, sizeof(w->top), "/tmp/coracle-apply-XXXXXX");
    assert_non_null(mkdtemp(w->top));
    ok(file_open_dir(AT_FDCWD, w->top, &w->dir));
    assert_int_equal(mkdirat(w->dir, "layer", 0755), 0);
    assert_int_equal(mkdirat(w->dir, "to", 0755), 0);
    ok(file_open_dir(w->dir, "layer", &w->layer));
    ok(file_open_dir(w->dir, "to", &w->to));
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    fd_close(w->layer);
    fd_close(w->to);
    fd_close(w->dir);
    ok(file_remove_tree(AT_FDCWD, w->top));
    mem_freep(&w);
    return 0;
}

static void put(int dir, const char *path, const char *text)
{
    ok(file_write_atomic(dir, path, text, strlen(text), 0644, FILE_NOSYNC));
}

static void put_dir(int dir, const char *path)
{
    assert_int_equal(mkdirat(dir, path, 0755), 0);
}

static void expect(int dir, const char *path, const char *text)
{
    AUTO_FREE char *got = NULL;
    ok(file_read(dir, path, 4096, &got, NULL));
    assert_string_equal(got, text);
}

static void test_replaces_and_keeps(void **state)
{
    struct world *w = *state;
    put(w->to, "kept", "kept");
    put(w->to, "replaced", "old and longer");
    put(w->layer, "replaced", "new");
    put_dir(w->layer, "dir");
    put(w->layer, "dir/file", "f");
    assert_int_equal(symlinkat("/etc/passwd", w->layer, "link"), 0);
    assert_int_equal(mkfifoat(w->layer, "fifo", 0600), 0);
    ok(apply_layer(w->layer, w->to, APPLY_COPY));
    expect(w->to, "kept", "kept");
    expect(w->to, "replaced", "new");
    expect(w->to, "dir/file", "f");
    char target[32] = "";
    assert_int_equal(readlinkat(w->to, "link", target, sizeof(target) - 1), 11);
    assert_string_equal(target, "/etc/passwd");
    struct stat st;
    assert_int_equal(fstatat(w->to, "fifo", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISFIFO(st.st_mode));
}

static void test_kinds_change(void **state)
{
    struct world *w = *state;
    put_dir(w->to, "dir");
    put(w->to, "dir/x", "x");
    put(w->to, "file", "f");
    put(w->layer, "dir", "now a file");
    put_dir(w->layer, "file");
    put(w->layer, "file/in", "now a directory");
    ok(apply_layer(w->layer, w->to, APPLY_COPY));
    expect(w->to, "dir", "now a file");
    expect(w->to, "file/in", "now a directory");
}

static void test_whiteouts_by_name(void **state)
{
    struct world *w = *state;
    put(w->to, "gone", "g");
    put(w->to, ".dotted", "g");
    put_dir(w->to, "tree");
    put(w->to, "tree/x", "x");
    put_dir(w->to, "opaque");
    put(w->to, "opaque/old", "o");
    put(w->layer, ".wh.gone", "");
    put(w->layer, ".wh..dotted", "");
    put(w->layer, ".wh.tree", "");
    put(w->layer, ".wh.never-was", "");
    put_dir(w->layer, "opaque");
    put(w->layer, "opaque/.wh..wh..opq", "");
    put(w->layer, "opaque/new", "n");
    put(w->layer, ".wh..wh.plnk", "");
    ok(apply_layer(w->layer, w->to, APPLY_COPY));
    assert_false(file_exists(w->to, "gone"));
    assert_false(file_exists(w->to, ".dotted"));
    assert_false(file_exists(w->to, "tree"));
    assert_false(file_exists(w->to, "opaque/old"));
    expect(w->to, "opaque/new", "n");
    assert_false(file_exists(w->to, ".wh.gone"));
    assert_false(file_exists(w->to, "opaque/.wh..wh..opq"));
    assert_false(file_exists(w->to, ".wh..wh.plnk"));
}

static void test_whiteout_to_the_parent(void **state)
{
    struct world *w = *state;
    put(w->dir, "outside", "must stay");
    put(w->layer, ".wh...", "");
    put(w->layer, ".wh..", "");
    put(w->layer, ".wh.", "");
    put(w->to, "kept", "k");
    ok(apply_layer(w->layer, w->to, APPLY_COPY));
    expect(w->dir, "outside", "must stay");
    expect(w->to, "kept", "k");
}

static void test_whiteouts_by_attribute(void **state)
{
    struct world *w = *state;
    put(w->to, "gone", "g");
    put_dir(w->to, "opaque");
    put(w->to, "opaque/old", "o");
    put_dir(w->to, "merged");
    put(w->to, "merged/old", "o");
    put(w->layer, "gone", "");
    put_dir(w->layer, "opaque");
    put_dir(w->layer, "merged");
    AUTO_FD int file = openat(w->layer, "gone", O_RDONLY | O_CLOEXEC);
    AUTO_FD int opaque = openat(w->layer, "opaque", O_RDONLY | O_CLOEXEC);
    AUTO_FD int merged = openat(w->layer, "merged", O_RDONLY | O_CLOEXEC);
    if (fsetxattr(file, "user.overlay.whiteout", "y", 1, 0) < 0)
        skip();
    assert_int_equal(fsetxattr(opaque, "user.overlay.opaque", "y", 1, 0), 0);
    assert_int_equal(fsetxattr(merged, "user.overlay.opaque", "x", 1, 0), 0);
    assert_int_equal(fsetxattr(merged, "user.kept", "value", 5, 0), 0);
    ok(apply_layer(w->layer, w->to, APPLY_COPY));
    assert_false(file_exists(w->to, "gone"));
    assert_false(file_exists(w->to, "opaque/old"));
    expect(w->to, "merged/old", "o");
    AUTO_FD int to_opaque = openat(w->to, "opaque", O_RDONLY | O_CLOEXEC);
    AUTO_FD int to_merged = openat(w->to, "merged", O_RDONLY | O_CLOEXEC);
    assert_true(fgetxattr(to_opaque, "user.overlay.opaque", NULL, 0) < 0);
    assert_int_equal(fgetxattr(to_merged, "user.kept", NULL, 0), 5);
}

/* One layer leaves a link, the next one has a directory of that name: it must not be written through. */
static void test_links_are_not_followed(void **state)
{
    struct world *w = *state;
    put_dir(w->dir, "outside");
    put(w->dir, "outside/file", "must stay");
    assert_int_equal(symlinkat("../outside", w->to, "dir"), 0);
    assert_int_equal(symlinkat("../outside/file", w->to, "file"), 0);
    put_dir(w->layer, "dir");
    put(w->layer, "dir/file", "inside");
    put(w->layer, "file", "inside");
    put(w->layer, ".wh.other", "");
    ok(apply_layer(w->layer, w->to, APPLY_COPY));
    expect(w->dir, "outside/file", "must stay");
    expect(w->to, "dir/file", "inside");
    expect(w->to, "file", "inside");
}

static void test_hard_links_stay_linked(void **state)
{
    struct world *w = *state;
    put(w->layer, "a", "text");
    for (int i = 0; i < 200; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "l%d", i);
        assert_int_equal(linkat(w->layer, "a", w->layer, name, 0), 0);
        (void)snprintf(name, sizeof(name), "p%d", i);
        put(w->layer, name, "x");
        (void)snprintf(name, sizeof(name), "q%d", i);
        char from[16];
        (void)snprintf(from, sizeof(from), "p%d", i);
        assert_int_equal(linkat(w->layer, from, w->layer, name, 0), 0);
    }
    ok(apply_layer(w->layer, w->to, APPLY_COPY));
    struct stat a, l, from;
    assert_int_equal(fstatat(w->to, "a", &a, 0), 0);
    assert_int_equal(fstatat(w->to, "l199", &l, 0), 0);
    assert_int_equal(fstatat(w->layer, "a", &from, 0), 0);
    assert_true(a.st_ino == l.st_ino);
    assert_int_equal(a.st_nlink, 201);
    assert_true(a.st_ino != from.st_ino);
    expect(w->to, "q77", "x");
}

static void test_attributes(void **state)
{
    struct world *w = *state;
    put(w->layer, "setuid", "s");
    put_dir(w->layer, "dir");
    put(w->layer, "dir/in", "i");
    assert_int_equal(fchmodat(w->layer, "setuid", 04751, 0), 0);
    assert_int_equal(fchmodat(w->layer, "dir", 01711, 0), 0);
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 2000, .tv_nsec = 5}};
    assert_int_equal(utimensat(w->layer, "dir", times, 0), 0);
    ok(apply_layer(w->layer, w->to, APPLY_COPY));
    struct stat st;
    assert_int_equal(fstatat(w->to, "setuid", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 04751);
    assert_int_equal(fstatat(w->to, "dir", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 01711);
    assert_int_equal(st.st_mtim.tv_sec, 2000);
}

static void test_too_deep(void **state)
{
    struct world *w = *state;
    int at = openat(w->layer, ".", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < 300; i++) {
        put_dir(at, "d");
        int next = openat(at, "d", O_RDONLY | O_CLOEXEC);
        fd_close(at);
        at = next;
    }
    fd_close(at);
    struct err *e = apply_layer(w->layer, w->to, APPLY_COPY);
    assert_non_null(e);
    assert_int_equal(err_kind(e), ERR_UNSUPPORTED);
    assert_non_null(strstr(err_text(e), "nested deeper"));
    err_drop(e);
}

static void test_links_share_the_file(void **state)
{
    struct world *w = *state;
    put(w->layer, "a", "text");
    ok(apply_layer(w->layer, w->to, APPLY_LINK));
    struct stat a, b;
    assert_int_equal(fstatat(w->layer, "a", &a, 0), 0);
    assert_int_equal(fstatat(w->to, "a", &b, 0), 0);
    assert_true(a.st_ino == b.st_ino);
}

#define WITH_WORLD(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(test_replaces_and_keeps),
        WITH_WORLD(test_kinds_change),
        WITH_WORLD(test_whiteouts_by_name),
        WITH_WORLD(test_whiteout_to_the_parent),
        WITH_WORLD(test_whiteouts_by_attribute),
        WITH_WORLD(test_links_are_not_followed),
        WITH_WORLD(test_hard_links_stay_linked),
        WITH_WORLD(test_attributes),
        WITH_WORLD(test_too_deep),
        WITH_WORLD(test_links_share_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
