/* --security-opt. */
#include "tests/unit/engine/container/expect.h"

#include "base/mem.h"
#include "engine/container/security_opt.h"

static void options_are_taken(void **state)
{
    (void)state;
    AUTO_STRV struct strv list = STRV_INIT;
    AUTO_SECURITY_OPTS struct security_opts o = {0};
    static const char *const all[] = {
        "no-new-privileges:true",     "seccomp=/p.json", "apparmor:unconfined", "mask=/a:/b", "unmask=/proc/*",
        "proc-opts=hidepid=2,nosuid", "label=disable",   "socketcall=allow"};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        expect_ok(strv_add(&list, all[i]), all[i]);
    expect_ok(security_opts_parse(&list, &o), "all");
    assert_true(o.no_new_privileges && o.allow_socketcall && !o.unmask_all);
    assert_string_equal(o.seccomp, "/p.json");
    assert_string_equal(o.apparmor, "unconfined");
    assert_string_equal(o.proc_opts, "hidepid=2,nosuid");
    assert_int_equal(o.mask.count, 2);
    assert_string_equal(o.unmask.items[0], "/proc/*");
}

static void parse_one(const char *text, bool *ret_unmask_all, struct err **ret)
{
    AUTO_STRV struct strv list = STRV_INIT;
    AUTO_SECURITY_OPTS struct security_opts o = {0};
    expect_ok(strv_add(&list, text), text);
    *ret = security_opts_parse(&list, &o);
    *ret_unmask_all = o.unmask_all;
}

static void words_for_all(void **state)
{
    (void)state;
    static const char *const all[] = {"unmask=ALL", "unmask=all", "systempaths=unconfined"};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        bool unmask = false;
        struct err *e = NULL;
        parse_one(all[i], &unmask, &e);
        expect_ok(e, all[i]);
        assert_true(unmask);
    }
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        enum err_kind kind;
        const char *text;
    } bad[] = {
        {"foo", ERR_INVALID, "invalid --security-opt 1: \"foo\""},
        {"", ERR_INVALID, "invalid --security-opt 1: \"\""},
        {"seccomp", ERR_INVALID, "invalid --security-opt 1: \"seccomp\""},
        {"foo=bar", ERR_INVALID, "invalid --security-opt 2: \"foo=bar\""},
        {"no-new-privileges=foo", ERR_INVALID, "invalid --security-opt 2: \"no-new-privileges=foo\""},
        {"mask=rel", ERR_INVALID, "--security-opt mask: path \"rel\" is not an absolute path"},
        {"mask=/a:rel", ERR_INVALID, "--security-opt mask: path \"rel\" is not an absolute path"},
        {"label=type:x", ERR_UNSUPPORTED,
         "--security-opt label=type:x: SELinux labels are not supported, only label=disable"},
        {"socketcall=deny", ERR_INVALID, "invalid --security-opt 2: \"socketcall=deny\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        bool unmask = false;
        struct err *e = NULL;
        parse_one(bad[i].value, &unmask, &e);
        expect_err(e, bad[i].value, bad[i].kind, bad[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_taken),
        cmocka_unit_test(words_for_all),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
