#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "userns/idmap_write.h"

/* Programs of the test's own in the place of newuidmap and newgidmap. */
static char *bin_dir;

static void put_program(const char *name, const char *text)
{
    AUTO_STRBUF struct strbuf path = STRBUF_INIT;
    assert_null(strbuf_printf(&path, "%s/%s", bin_dir, name));
    assert_null(file_write_atomic(-100, strbuf_str(&path), text, strlen(text), 0755, FILE_NOSYNC));
}

static int bin_setup(void **state)
{
    (void)state;
    static char dir[] = "/tmp/idmap-write.XXXXXX";
    bin_dir = mkdtemp(dir);
    assert_non_null(bin_dir);
    assert_return_code(setenv("PATH", bin_dir, 1), 0);
    return 0;
}

static int bin_teardown(void **state)
{
    (void)state;
    err_drop(file_remove_tree(-100, bin_dir));
    return 0;
}

static void the_helper_gets_pid_and_ranges(void **state)
{
    (void)state;
    AUTO_IDMAP struct idmap m = {0};
    AUTO_FREE char *seen = NULL;
    AUTO_STRBUF struct strbuf program = STRBUF_INIT, path = STRBUF_INIT;
    assert_null(strbuf_printf(&program, "#!/bin/sh\necho \"$@\" >%s/seen\n", bin_dir));
    put_program("newuidmap", strbuf_str(&program));
    assert_null(idmap_add(&m, 0, 1001, 1));
    assert_null(idmap_add(&m, 1, 100000, 65536));
    assert_null(idmap_write_helper(4711, IDMAP_UID, &m));
    assert_null(strbuf_printf(&path, "%s/seen", bin_dir));
    assert_null(file_read(-100, strbuf_str(&path), 1000, &seen, NULL));
    assert_string_equal(seen, "4711 0 1001 1 1 100000 65536\n");
}

static void what_the_helper_says_is_in_the_error(void **state)
{
    (void)state;
    AUTO_IDMAP struct idmap m = {0};
    put_program("newgidmap", "#!/bin/sh\necho 'gid range not allowed' >&2\nexit 1\n");
    assert_null(idmap_add(&m, 0, 1001, 1));
    AUTO_ERR struct err *e = idmap_write_helper(4711, IDMAP_GID, &m);
    assert_non_null(e);
    assert_non_null(strstr(err_text(e), "newgidmap"));
    assert_non_null(strstr(err_text(e), "gid range not allowed"));
}

static void a_helper_without_rights_is_noticed(void **state)
{
    (void)state;
    AUTO_FREE char *trouble = NULL;
    put_program("newuidmap", "#!/bin/sh\n");
    put_program("newgidmap", "#!/bin/sh\n");
    assert_null(idmap_helper_trouble(&trouble));
    assert_non_null(trouble);
    assert_non_null(strstr(trouble, bin_dir));
    assert_non_null(strstr(trouble, "setuid"));
}

static void a_map_cannot_be_written_to_an_old_namespace(void **state)
{
    (void)state;
    AUTO_IDMAP struct idmap m = {0};
    assert_null(idmap_add(&m, 0, 1001, 1));
    AUTO_ERR struct err *e = idmap_write_direct(getpid(), IDMAP_UID, &m);
    assert_non_null(e);
    assert_non_null(strstr(err_text(e), "uid_map"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_helper_gets_pid_and_ranges),
        cmocka_unit_test(what_the_helper_says_is_in_the_error),
        cmocka_unit_test(a_helper_without_rights_is_noticed),
        cmocka_unit_test(a_map_cannot_be_written_to_an_old_namespace),
    };
    return cmocka_run_group_tests(tests, bin_setup, bin_teardown);
}
