#include "engine/storage_conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/unit/base/tempdir.h"

/* `text` as the file that counts, then what came of it. */
static struct err *read_text(struct tempdir *t, const char *text, struct storage_conf *ret)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/storage.conf", t->path);
    tempdir_write(t, "storage.conf", text);
    assert_int_equal(setenv("CONTAINERS_STORAGE_CONF", path, 1), 0);
    return storage_conf_read(false, false, ret);
}

static void driver_and_options(void **state)
{
    struct tempdir *t = *state;
    AUTO_STORAGE_CONF struct storage_conf c = {0};
    expect_success(read_text(t,
                             "[storage]\ndriver = \"overlay\"\ngraphroot = \"/nowhere\"\n"
                             "[storage.options]\nmountopt = \"nodev\"\nadditionalimagestores = []\nsize = \"\"\n"
                             "pull_options = {enable_partial_images = \"true\"}\n"
                             "[storage.options.overlay]\nmountopt = \"nodev,fsync=0\"\nignore_chown_errors = true\n"
                             "mount_program = \"/usr/bin/fuse-overlayfs\"\n",
                             &c));
    assert_string_equal(c.driver, "overlay");
    assert_non_null(strstr(c.file, "/storage.conf"));
    assert_int_equal(c.options.count, 4);
    assert_true(strv_contains(&c.options, "overlay.mountopt=nodev,fsync=0"));
    assert_true(strv_contains(&c.options, "overlay.ignore_chown_errors=true"));
    assert_true(strv_contains(&c.options, "overlay.mount_program=/usr/bin/fuse-overlayfs"));
    /* The driver's own table comes later, so that it counts. */
    assert_true(strv_find(&c.options, "overlay.mountopt=nodev") <
                strv_find(&c.options, "overlay.mountopt=nodev,fsync=0"));
}

static void an_empty_file_says_nothing(void **state)
{
    AUTO_STORAGE_CONF struct storage_conf c = {0};
    expect_success(read_text(*state, "# nothing\n[storage]\ndriver = \"\"\n", &c));
    assert_null(c.driver);
    assert_int_equal(c.options.count, 0);
}

static void mistakes_name_the_file(void **state)
{
    static const char *const bad[] = {
        "[storage\n",
        "storage = 1\n",
        "[storage]\ndriver = 1\n",
        "[storage]\noptions = \"x\"\n",
        "[storage.options]\nmountopt = [\"nodev\"]\n",
        "[storage.options]\noverlay = 7\n[storage.options.overlay]\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_STORAGE_CONF struct storage_conf c = {0};
        struct err *e = read_text(*state, bad[i], &c);
        assert_non_null(e);
        assert_non_null(strstr(err_text(e), "storage.conf"));
        expect_kind(e, ERR_INVALID);
    }
}

static void image_stores_alone_are_kept(void **state)
{
    AUTO_STORAGE_CONF struct storage_conf c = {0};
    expect_success(read_text(*state,
                             "[storage.options]\nmountopt = \"nodev\"\nadditionalimagestores = [\"/a\", \"/b\"]\n"
                             "[storage.options.overlay]\nsize = \"1G\"\n",
                             &c));
    assert_int_equal(c.options.count, 4);
    storage_conf_keep_stores(&c);
    assert_int_equal(c.options.count, 2);
    assert_string_equal(c.options.items[0], "overlay.additionalimagestore=/a");
    assert_string_equal(c.options.items[1], "overlay.additionalimagestore=/b");
}

static void a_named_file_must_be_there(void **state)
{
    AUTO_STORAGE_CONF struct storage_conf c = {0};
    (void)state;
    assert_int_equal(setenv("CONTAINERS_STORAGE_CONF", "/nowhere/storage.conf", 1), 0);
    expect_kind(storage_conf_read(false, false, &c), ERR_NOT_FOUND);
}

static void the_users_own_is_below_the_configuration(void **state)
{
    struct tempdir *t = *state;
    AUTO_STORAGE_CONF struct storage_conf c = {0};
    assert_int_equal(unsetenv("CONTAINERS_STORAGE_CONF"), 0);
    assert_int_equal(setenv("XDG_CONFIG_HOME", t->path, 1), 0);
    expect_success(storage_conf_read(false, false, &c));
    assert_null(c.file);
    tempdir_mkdir(t, "containers");
    tempdir_write(t, "containers/storage.conf", "[storage]\ndriver = \"vfs\"\n");
    expect_success(storage_conf_read(false, false, &c));
    assert_string_equal(c.driver, "vfs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMPDIR_TEST(driver_and_options),         TEMPDIR_TEST(an_empty_file_says_nothing),
        TEMPDIR_TEST(mistakes_name_the_file),     TEMPDIR_TEST(image_stores_alone_are_kept),
        TEMPDIR_TEST(a_named_file_must_be_there), TEMPDIR_TEST(the_users_own_is_below_the_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
