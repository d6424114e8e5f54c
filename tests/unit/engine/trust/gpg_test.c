#include "engine/trust/gpg.h"

#include "engine/registry/base64.h"
#include "tests/unit/engine/trust/fixture.h"

static bool have_gpg(void)
{
    return access("/usr/bin/gpg", X_OK) == 0;
}

static void without_keys_nothing_can_be_asked(void **state)
{
    const struct tempdir *t = *state;
    AUTO_JSON json_t *keys = json_array(), *signatures = json_array(), *verdicts = json_array();
    if (!have_gpg())
        skip();
    expect_success(gpg_prepare());
    expect_error(gpg_verify(t->path, keys, signatures, verdicts), ERR_INVALID, "No public keys imported");
    expect_success(json_push_str(keys, "bm8ga2V5"));
    expect_error(gpg_verify(t->path, keys, signatures, verdicts), ERR_INVALID, "No public keys imported");
    expect_error(gpg_verify(NULL, keys, signatures, verdicts), ERR_INTERNAL, "private directory");
}

static void what_is_no_keyring_has_no_ids(void **state)
{
    const struct tempdir *t = *state;
    AUTO_STRV struct strv ids = STRV_INIT;
    if (!have_gpg())
        skip();
    expect_success(gpg_prepare());
    expect_error(gpg_key_ids(t->path, "garbage", 7, &ids), ERR_INVALID, "No public keys imported");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_keys_nothing_can_be_asked, tempdir_setup, tempdir_teardown),
        cmocka_unit_test_setup_teardown(what_is_no_keyring_has_no_ids, tempdir_setup, tempdir_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
