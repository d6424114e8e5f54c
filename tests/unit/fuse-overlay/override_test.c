/* Owner and mode as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fuse-overlay/override.h"

static void test_reads_and_writes_the_same(void **state)
{
    static const char *const texts[] = {
        "0:0:0755:dir",    "12:34:04711:file",   "1:1:0777:symlink",  "0:0:0600:fifo",
        "0:0:0600:socket", "0:6:0660:block-8-1", "0:0:0666:char-1-3", "4294967294:0:00:file",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct override o;
        char buf[OVERRIDE_MAX];
        assert_true(override_parse(texts[i], strlen(texts[i]), &o));
        assert_true(o.has_type);
        assert_int_equal(override_format(&o, buf), strlen(texts[i]));
        assert_string_equal(buf, texts[i]);
    }
}

static void test_type_may_be_missing(void **state)
{
    struct override o;
    (void)state;
    assert_true(override_parse("5:6:0100644", 11, &o));
    assert_false(o.has_type);
    assert_int_equal(o.mode, 0644);
    assert_int_equal(o.uid, 5);
    assert_int_equal(o.gid, 6);
}

static void test_devices(void **state)
{
    struct override o;
    (void)state;
    assert_true(override_parse("0:0:0666:char-1-3", 17, &o));
    assert_true(S_ISCHR(o.mode));
    assert_int_equal(o.rdev, makedev(1, 3));
}

static void test_refuses(void **state)
{
    static const char *const bad[] = {
        "",
        ":",
        "0:0",
        "0:0:",
        "0:0:9",
        "-1:0:0644",
        "0:0:0644:",
        "0:0:0644:x",
        "a:b:c",
        "0:0:0644:char",
        "0:0:0644:char-1",
        "0:0:0644:char-1-",
        "0:0:0644:dir-1",
        "0:0:0644:file:x",
        "4294967295:0:0644",
        "0:0:0777777",
        " 0:0:0644",
        "0:0:0644:block-4096-0",
    };
    struct override o;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (override_parse(bad[i], strlen(bad[i]), &o))
            fail_msg("accepted: %s", bad[i]);
    }
    assert_false(override_parse("0:0:0644\0", 9, &o));
    char longest[OVERRIDE_MAX];
    memset(longest, '0', sizeof(longest));
    assert_false(override_parse(longest, sizeof(longest), &o));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_and_writes_the_same),
        cmocka_unit_test(test_type_may_be_missing),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
