/* --secret as containers ask for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "engine/secret/secret.h"

static void what_is_left_out_has_its_default(void **state)
{
    AUTO_SECRET_USE struct secret_use u = {0};
    (void)state;
    assert_null(secret_use_parse("pw", &u));
    assert_string_equal(u.source, "pw");
    assert_string_equal(u.target, "pw");
    assert_false(u.env);
    assert_int_equal(u.mode, 0444);
    assert_int_equal(u.ct_uid + u.ct_gid, 0);
}

static void everything_can_be_said(void **state)
{
    AUTO_SECRET_USE struct secret_use u = {0};
    AUTO_SECRET_USE struct secret_use env = {0};
    (void)state;
    assert_null(secret_use_parse("source=pw,type=mount,target=/etc/pw,uid=7,gid=9,mode=0400", &u));
    assert_string_equal(u.target, "/etc/pw");
    assert_int_equal(u.ct_uid, 7);
    assert_int_equal(u.ct_gid, 9);
    assert_int_equal(u.mode, 0400);
    assert_null(secret_use_parse("pw,type=env,target=PASSWORD", &env));
    assert_true(env.env);
    assert_string_equal(env.target, "PASSWORD");
}

static void what_cannot_be_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "type=mount",
        "pw,foo",
        "pw,foo=bar",
        "pw,type=foo",
        "pw,uid=-1",
        "pw,uid=4294967295",
        "pw,gid=x",
        "pw,mode=999",
        "pw,mode=10000",
        "pw,mode=",
        "pw,type=env,mode=4",
        "pw,type=env,uid=1",
        "pw,target=../../etc/passwd",
        "pw,target=/etc/../x",
        "pw,target=a/b",
        "pw,target=.",
        "pw,target=/a//b",
        "pw,type=env,target=A=B",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_SECRET_USE struct secret_use u = {0};
        struct err *e = secret_use_parse(bad[i], &u);
        assert_non_null(e);
        assert_int_equal(err_kind(e), ERR_INVALID);
        err_drop(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_out_has_its_default),
        cmocka_unit_test(everything_can_be_said),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
