#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "rootless/session.h"
#include "rootless/session_dir.h"

static char *tmp;

static int tmp_setup(void **state)
{
    (void)state;
    static char dir[32];
    (void)snprintf(dir, sizeof(dir), "/tmp/session-dir.XXXXXX");
    tmp = mkdtemp(dir);
    unsetenv("CORACLE_ROOT");
    unsetenv("XDG_DATA_HOME");
    unsetenv("XDG_RUNTIME_DIR");
    return tmp ? 0 : -1;
}

static int tmp_teardown(void **state)
{
    (void)state;
    err_drop(file_remove_tree(AT_FDCWD, tmp));
    return 0;
}

static void assert_default_root(const char *expected)
{
    AUTO_FREE char *root = NULL;
    assert_null(session_default_root(&root));
    assert_string_equal(root, expected);
}

static void the_variables_are_tried_in_order(void **state)
{
    (void)state;
    setenv("CORACLE_ROOT", "/srv//coracle/", 1);
    setenv("XDG_DATA_HOME", "/xdg", 1);
    assert_default_root("/srv/coracle");
    setenv("CORACLE_ROOT", "", 1);
    if (geteuid() == 0) {
        assert_default_root("/var/lib/coracle");
        return;
    }
    assert_default_root("/xdg/coracle");
    setenv("XDG_DATA_HOME", "relative", 1); /* to be ignored, as the specification says */
    setenv("HOME", "/home/anna", 1);
    assert_default_root("/home/anna/.local/share/coracle");
}

static void the_session_is_below_the_root_or_the_runroot(void **state)
{
    (void)state;
    AUTO_PLACE struct session_place a = {0}, b = {0};
    struct session_opts opts = {.root = "/srv/data"};
    assert_null(session_place_find(&opts, &a));
    assert_string_equal(a.root, "/srv/data");
    assert_int_equal(strncmp(a.dir, "/srv/data/run/", 14), 0);
    assert_string_equal(a.dir + 14, a.boot_id);
    opts.runroot = "/run/x";
    assert_null(session_place_find(&opts, &b));
    assert_int_equal(strncmp(b.dir, "/run/x/", 7), 0);
    assert_string_equal(b.boot_id, a.boot_id);
}

static void place_make(struct session_place *p)
{
    char root[64];
    (void)snprintf(root, sizeof(root), "%s/data", tmp);
    const struct session_opts opts = {.root = root};
    assert_null(session_place_find(&opts, p));
}

static void a_place_is_prepared_and_opened(void **state)
{
    (void)state;
    AUTO_PLACE struct session_place p = {0};
    AUTO_FREE char *dir = NULL;
    AUTO_FD int fd = -1;
    struct stat st;
    place_make(&p);
    struct err *e = session_dir_open(&p, p.dir, &fd);
    assert_non_null(e);
    assert_int_equal(err_kind(e), ERR_NOT_FOUND);
    err_free(e);
    assert_null(session_dir_prepare(&p, &dir));
    assert_string_equal(dir, p.dir);
    assert_null(session_dir_open(&p, dir, &fd));
    assert_return_code(stat(p.root, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
}

static void a_directory_of_others_is_refused(void **state)
{
    (void)state;
    AUTO_PLACE struct session_place p = {0};
    AUTO_FREE char *dir = NULL;
    int fd = -1;
    place_make(&p);
    assert_null(session_dir_prepare(&p, &dir));
    assert_return_code(chmod(dir, 0770), 0);
    struct err *e = session_dir_open(&p, dir, &fd);
    assert_non_null(e);
    assert_int_equal(err_kind(e), ERR_DENIED);
    err_free(e);
}

static void a_link_is_no_session_directory(void **state)
{
    (void)state;
    AUTO_PLACE struct session_place p = {0};
    AUTO_FREE char *dir = NULL;
    char link[64];
    int fd = -1;
    place_make(&p);
    assert_null(session_dir_prepare(&p, &dir));
    (void)snprintf(link, sizeof(link), "%s/link", tmp);
    assert_return_code(symlink(dir, link), 0);
    struct err *e = session_dir_open(&p, link, &fd);
    assert_non_null(e);
    err_free(e);
}

static void the_fallbacks_have_an_order_and_are_remembered(void **state)
{
    (void)state;
    AUTO_PLACE struct session_place p = {0};
    AUTO_STRV struct strv dirs = STRV_INIT, again = STRV_INIT;
    AUTO_FREE char *dir = NULL;
    AUTO_FREE char *pointer = NULL;
    place_make(&p);
    setenv("XDG_RUNTIME_DIR", "/run/user/77", 1);
    assert_null(session_place_fallbacks(&p, &dirs));
    assert_int_equal(dirs.count, 2);
    assert_int_equal(strncmp(dirs.items[0], "/run/user/77/coracle-", 21), 0);
    assert_int_equal(strncmp(dirs.items[1], "/tmp/coracle-", 13), 0);
    assert_null(session_dir_prepare(&p, &dir));
    assert_null(mem_asprintf(&pointer, "%s/elsewhere", p.dir));
    assert_null(file_write_atomic(AT_FDCWD, pointer, "/some/where", 11, 0600, FILE_NOSYNC));
    assert_null(session_place_fallbacks(&p, &again));
    assert_int_equal(again.count, 3);
    assert_string_equal(again.items[0], "/some/where");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_variables_are_tried_in_order, tmp_setup, tmp_teardown),
        cmocka_unit_test_setup_teardown(the_session_is_below_the_root_or_the_runroot, tmp_setup, tmp_teardown),
        cmocka_unit_test_setup_teardown(a_place_is_prepared_and_opened, tmp_setup, tmp_teardown),
        cmocka_unit_test_setup_teardown(a_directory_of_others_is_refused, tmp_setup, tmp_teardown),
        cmocka_unit_test_setup_teardown(a_link_is_no_session_directory, tmp_setup, tmp_teardown),
        cmocka_unit_test_setup_teardown(the_fallbacks_have_an_order_and_are_remembered, tmp_setup, tmp_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
