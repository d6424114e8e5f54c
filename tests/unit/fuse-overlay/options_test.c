/* The command line of coracle-overlay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fuse-overlay/options.h"

static struct err *parse(struct options *o, const char *list)
{
    char name[] = "coracle-overlay", flag[] = "-o", target[] = "/mnt";
    AUTO_FREE char *copy = NULL;
    assert_null(mem_strdup(list, &copy));
    char *argv[] = {name, flag, copy, target, NULL};
    return options_parse(4, argv, o);
}

static void test_what_podman_asks_for(void **state)
{
    struct options o;
    (void)state;
    assert_null(parse(&o, "lowerdir=l/A:l/B,upperdir=x/diff,workdir=x/work,,volatile,nodev,"));
    assert_int_equal(o.lowers.count, 2);
    assert_string_equal(o.lowers.items[0], "l/A");
    assert_string_equal(o.lowers.items[1], "l/B");
    assert_string_equal(o.upper, "x/diff");
    assert_string_equal(o.work, "x/work");
    assert_string_equal(o.target, "/mnt");
    assert_true(o.is_volatile);
    assert_int_equal(o.mount_flags, MS_NODEV);
    options_done(&o);
}

static void test_limits(void **state)
{
    struct options o;
    (void)state;
    assert_null(parse(&o, "lowerdir=a,upperdir=u,workdir=w,size=10M,inodes=20"));
    assert_int_equal(o.max_bytes, 10 << 20);
    assert_int_equal(o.max_files, 20);
    options_done(&o);
}

static void test_escapes(void **state)
{
    struct options o;
    (void)state;
    assert_null(parse(&o, "lowerdir=a\\:b:c\\,d:e\\\\f,upperdir=u\\,p,workdir=w:x"));
    assert_int_equal(o.lowers.count, 3);
    assert_string_equal(o.lowers.items[0], "a:b");
    assert_string_equal(o.lowers.items[1], "c,d");
    assert_string_equal(o.lowers.items[2], "e\\f");
    assert_string_equal(o.upper, "u,p");
    assert_string_equal(o.work, "w:x");
    options_done(&o);
}

static void test_all_of_fuse_overlayfs(void **state)
{
    struct options o;
    (void)state;
    assert_null(parse(&o, "lowerdir=a,uidmapping=0:1000:1,gidmapping=0:5:1,squash_to_uid=7,squash_to_gid=8,"
                          "xattr_permissions=2,static_nlink=1,noacl,fsync=0,timeout=2.5,threaded=0,writeback=1,"
                          "suid,dev,noatime,ro,allow_other,default_permissions"));
    assert_int_equal(o.uids.count, 1);
    assert_int_equal(o.gids.ranges[0].ct, 5);
    assert_true(o.squash_uid && o.squash_gid && o.squash_to_uid == 7 && o.squash_to_gid == 8);
    assert_int_equal(o.xattr_permissions, 2);
    assert_true(o.static_nlink && o.no_acl && o.no_fsync && o.single_thread && o.writeback);
    assert_true(o.timeout == 2.5);
    assert_int_equal(o.mount_flags, MS_NOATIME | MS_RDONLY);
    options_done(&o);
}

static void test_refuses(void **state)
{
    static const char *const bad[] = {
        "",
        "upperdir=a,workdir=",
        "lowerdir=a,size=",
        "lowerdir=a,size=much",
        "lowerdir=a,inodes=-1",
        "lowerdir=",
        "lowerdir=a::b",
        "lowerdir=a,upperdir=b",
        "lowerdir=a,workdir=b",
        "lowerdir",
        "lowerdir=a,unknown",
        "lowerdir=a,context=\"x\"",
        "lowerdir=a,uidmapping=x",
        "lowerdir=a,xattr_permissions=3",
        "lowerdir=a,timeout=-1",
        "lowerdir=a,timeout=1e99",
        "lowerdir=a,ro=1",
        "lowerdir=a,fsync=2",
        "lowerdir=a,squash_to_uid=4294967295",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct options o;
        struct err *e = parse(&o, bad[i]);
        if (!e)
            print_error("accepted: %s\n", bad[i]);
        assert_non_null(e);
        assert_int_equal(err_kind(e), ERR_INVALID);
        err_free(e);
    }
}

static void test_refuses_two_mount_points(void **state)
{
    char a[] = "coracle-overlay", b[] = "/one", c[] = "/two";
    char *argv[] = {a, b, c, NULL};
    struct options o;
    (void)state;
    struct err *e = options_parse(3, argv, &o);
    assert_non_null(e);
    err_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_podman_asks_for),     cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_all_of_fuse_overlayfs),    cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_refuses_two_mount_points), cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
