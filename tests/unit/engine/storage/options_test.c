#include "engine/storage/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/unit/base/tempdir.h"

static void options_and_what_they_mean(void **state)
{
    struct storage_options o = {0};
    (void)state;
    expect_success(
        storage_options_add(&o, "overlay.mountopt=nodev,,noexec,volatile,index=off,static_nlink,timeout=1", false));
    assert_int_equal(o.flags, MS_NODEV | MS_NOEXEC);
    assert_true(o.is_volatile);
    assert_string_equal(o.fuse, "static_nlink,timeout=1");
    /* The last one counts, whole. */
    expect_success(storage_options_add(&o, ".mountopt=nodev,dev,nosuid", false));
    assert_int_equal(o.flags, MS_NOSUID);
    assert_false(o.is_volatile);
    assert_null(o.fuse);
    assert_string_equal(o.mountopt, "nodev,dev,nosuid");
    expect_success(storage_options_add(&o, "overlay2.mount_program=/usr/bin/x", false));
    assert_string_equal(o.mount_program, "/usr/bin/x");
    expect_success(storage_options_add(&o, "overlay.mount_program=", false));
    assert_null(o.mount_program);
    expect_success(storage_options_add(&o, "overlay.ignore_chown_errors=true", false));
    assert_true(o.ignore_chown_errors);
    expect_success(storage_options_add(&o, "overlay.skip_mount_home=true", false));
    expect_success(storage_options_add(&o, "overlay.size=", false));
    storage_options_done(&o);
}

/* A storage.conf is there for other programs too. */
static void of_a_file_what_others_drop_is_dropped(void **state)
{
    struct storage_options o = {0};
    (void)state;
    expect_success(storage_options_add(&o, "overlay.mountopt=nodev,metacopy=on,redirect_dir=on", true));
    assert_int_equal(o.flags, MS_NODEV);
    assert_null(o.fuse);
    expect_success(storage_options_add(&o, "overlay.force_mask=700", true));
    expect_success(storage_options_add(&o, "overlay.size=10G", true));
    assert_int_equal(o.size_bytes, 10ULL << 30);
    expect_success(storage_options_add(&o, "overlay.inodes=7", true));
    assert_int_equal(o.inodes, 7);
    storage_options_done(&o);
}

static void what_is_refused_is_named(void **state)
{
    static const struct {
        const char *option;
        enum err_kind kind;
        const char *text;
    } bad[] = {
        {"overlay.colour=blue", ERR_INVALID, "unknown option overlay.colour"},
        {"overlay.mountopt", ERR_INVALID, "unable to parse key/value option"},
        {"mountopt=nodev,colour", ERR_INVALID, "unknown mount option \"colour\""},
        {"overlay.mountopt=lowerdir=/etc", ERR_INVALID, "lowerdir=/etc"},
        {"overlay.mountopt=upperdir=/etc", ERR_INVALID, "upperdir"},
        {"overlay.mountopt=uidmapping=0:0:1", ERR_INVALID, "uidmapping"},
        {"overlay.mountopt=nodev=1", ERR_INVALID, "nodev=1"},
        {"overlay.mountopt=metacopy=on", ERR_UNSUPPORTED, "metacopy=on"},
        {"overlay.mount_program=fuse-overlayfs", ERR_INVALID, "not an absolute path"},
        {"overlay.ignore_chown_errors=maybe", ERR_INVALID, "neither true nor false"},
        {"overlay.size=ten", ERR_INVALID, "storage option overlay.size"},
        {"overlay.size=17E", ERR_INVALID, "storage option overlay.size"},
        {"inodes=-1", ERR_INVALID, "storage option inodes"},
        {"overlay.use_composefs=true", ERR_UNSUPPORTED, "storage option overlay.use_composefs: not built yet"},
        {"btrfs.min_space=1", ERR_INVALID, "unknown option btrfs.min_space"},
        {"", ERR_INVALID, "key/value"},
        {"=", ERR_INVALID, "unknown option"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct storage_options o = {0};
        struct err *e = storage_options_add(&o, bad[i].option, false);
        assert_non_null(e);
        if (!strstr(err_text(e), bad[i].text))
            print_error("%s: %s\n", bad[i].option, err_text(e));
        assert_non_null(strstr(err_text(e), bad[i].text));
        expect_kind(e, bad[i].kind);
        storage_options_done(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_what_they_mean),
        cmocka_unit_test(of_a_file_what_others_drop_is_dropped),
        cmocka_unit_test(what_is_refused_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
