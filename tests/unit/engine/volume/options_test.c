#include "engine/volume/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/unit/base/tempdir.h"

/* `text` has one option in each line. */
static struct err *parse(const char *text, struct volume_options *ret)
{
    AUTO_STRV struct strv pairs = STRV_INIT;
    expect_success(strv_split(text, '\n', &pairs));
    return volume_options_parse(&pairs, ret);
}

static void expect_list(const struct strv *v, const char *text)
{
    AUTO_FREE char *joined = NULL;
    expect_success(strv_join(v, ",", &joined));
    assert_string_equal(joined, text);
}

static void a_directory_of_its_own(void **state)
{
    AUTO_VOLUME_OPTIONS struct volume_options o = {0};
    (void)state;
    expect_success(parse("o=uid=1000,gid=5,nocopy", &o));
    assert_int_equal(o.kind, VOLUME_DIRECTORY);
    assert_true(o.has_uid && o.uid == 1000 && o.has_gid && o.gid == 5 && o.no_copy);
    AUTO_STRV struct strv none = STRV_INIT;
    AUTO_VOLUME_OPTIONS struct volume_options p = {0};
    expect_success(volume_options_parse(&none, &p));
    assert_true(p.kind == VOLUME_DIRECTORY && !p.has_uid && !p.no_copy);
}

static void a_directory_of_the_host(void **state)
{
    static const char *const texts[] = {"type=none\ndevice=/srv/x\no=bind,ro", "device=/srv/x\no=bind,ro",
                                        "o=bind,ro\ndevice=/srv/x\ntype=bind"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        AUTO_VOLUME_OPTIONS struct volume_options o = {0};
        expect_success(parse(texts[i], &o));
        assert_int_equal(o.kind, VOLUME_BIND);
        assert_string_equal(o.device, "/srv/x");
        expect_list(&o.binds, "bind,ro");
    }
}

static void memory(void **state)
{
    AUTO_VOLUME_OPTIONS struct volume_options o = {0};
    (void)state;
    expect_success(parse("type=tmpfs\ndevice=tmpfs\no=size=10m,uid=7,noexec,mode=700,inodes=100", &o));
    assert_int_equal(o.kind, VOLUME_TMPFS);
    expect_list(&o.tmpfs, "size=10m,mode=700,nr_inodes=100,uid=7");
    expect_list(&o.binds, "noexec");
    AUTO_VOLUME_OPTIONS struct volume_options half = {0};
    expect_success(parse("type=tmpfs\no=size=50%", &half));
}

static void what_is_refused_is_named(void **state)
{
    static const struct {
        const char *text;
        enum err_kind kind;
        const char *named;
    } bad[] = {
        {"type=nfs\no=addr=10.0.0.1,rw\ndevice=:/srv", ERR_UNSUPPORTED, "type=nfs"},
        {"type=ext4\ndevice=/dev/sda1", ERR_UNSUPPORTED, "type=ext4"},
        {"o=size=10m", ERR_UNSUPPORTED, "o=size=10m"},
        {"size=10m", ERR_UNSUPPORTED, "size=10m"},
        {"o=ro", ERR_INVALID, "o=ro"},
        {"o=bind", ERR_INVALID, "o=bind"},
        {"type=bind\no=bind", ERR_INVALID, "device="},
        {"type=none\ndevice=relative\no=bind", ERR_INVALID, "device=relative"},
        {"device=/srv\no=bind,uid=1", ERR_UNSUPPORTED, "uid=1"},
        {"device=/srv\no=bind,size=1m", ERR_UNSUPPORTED, "size=1m"},
        {"type=tmpfs\no=bind", ERR_INVALID, "o=bind"},
        {"type=tmpfs\no=size=big", ERR_INVALID, "o=size=big"},
        {"type=tmpfs\no=mode=999", ERR_INVALID, "mode=999"},
        {"o=uid=-1", ERR_INVALID, "uid=-1"},
        {"o=uid=4294967295", ERR_INVALID, "uid=4294967295"},
        {"o=huge=always", ERR_INVALID, "huge=always"},
        {"colour=blue", ERR_INVALID, "colour=blue"},
        {"colour", ERR_INVALID, "colour"},
        {"=", ERR_INVALID, "invalid option"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_VOLUME_OPTIONS struct volume_options o = {0};
        struct err *e = parse(bad[i].text, &o);
        if (!e || !strstr(err_text(e), bad[i].named))
            print_error("%s: %s\n", bad[i].text, e ? err_text(e) : "accepted");
        assert_non_null(e);
        assert_non_null(strstr(err_text(e), bad[i].named));
        expect_kind(e, bad[i].kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_of_its_own),
        cmocka_unit_test(a_directory_of_the_host),
        cmocka_unit_test(memory),
        cmocka_unit_test(what_is_refused_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
