/* Names of extended attributes, inside and on disk. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fuse-overlay/xattrname.h"

static void test_ordinary_names_stay(void **state)
{
    static const char *const names[] = {"user.x", "security.capability", "system.posix_acl_access", "user.overlayx",
                                        "user.overlay"};
    char disk[XATTRNAME_MAX + 1], tree[XATTRNAME_MAX + 1];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(xattrname_to_disk(names[i], disk), 0);
        assert_string_equal(disk, names[i]);
        assert_true(xattrname_to_tree(disk, tree));
        assert_string_equal(tree, names[i]);
    }
}

static void test_own_names_are_escaped(void **state)
{
    static const char *const names[] = {"user.overlay.opaque", "user.overlay.overlay.opaque",
                                        "user.fuseoverlayfs.opaque", "user.overlay."};
    char disk[XATTRNAME_MAX + 1], tree[XATTRNAME_MAX + 1];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(xattrname_to_disk(names[i], disk), 0);
        assert_string_not_equal(disk, names[i]);
        assert_true(xattrname_to_tree(disk, tree));
        assert_string_equal(tree, names[i]);
    }
    assert_int_equal(xattrname_to_disk("user.overlay.opaque", disk), 0);
    assert_string_equal(disk, "user.overlay.overlay.opaque");
}

static void test_what_does_not_show(void **state)
{
    static const char *const names[] = {"user.overlay.opaque", "user.fuseoverlayfs.origin", "trusted.overlay.redirect",
                                        "user.containers.override_stat", "security.fuseoverlayfs.override_stat"};
    char tree[XATTRNAME_MAX + 1];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_false(xattrname_to_tree(names[i], tree));
    assert_int_equal(xattrname_to_disk("user.containers.override_stat", tree), -EOPNOTSUPP);
    assert_int_equal(xattrname_to_disk("trusted.overlay.opaque", tree), -EOPNOTSUPP);
}

static void test_too_long(void **state)
{
    char name[XATTRNAME_MAX + 1], disk[XATTRNAME_MAX + 1];
    (void)state;
    memset(name, 'x', XATTRNAME_MAX);
    name[XATTRNAME_MAX] = '\0';
    memcpy(name, "user.overlay.", 13);
    assert_int_equal(xattrname_to_disk(name, disk), -ERANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ordinary_names_stay),
        cmocka_unit_test(test_own_names_are_escaped),
        cmocka_unit_test(test_what_does_not_show),
        cmocka_unit_test(test_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
