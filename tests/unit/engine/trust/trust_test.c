#include "engine/trust/trust.h"

#include "tests/unit/engine/trust/fixture.h"
#include "tests/unit/engine/trust/keys.h"

static const struct trust_opts confined = {0};

static void yaml_and_signatures_over_the_wire(void **state)
{
    (void)state;
    AUTO_TRUST struct trust *t = NULL;
    AUTO_JSON json_t *document = NULL;
    AUTO_FREE char *text = NULL, *signature = NULL;
    expect_success(trust_start(&confined, &t));
    expect_success(trust_yaml(t, "f.yaml", "a: [b]\n", &document));
    expect_success(json_text(document, &text));
    assert_string_equal(text, "{\"a\":[\"b\"]}");
    expect_success(trust_sign_sigstore(t, sealed_key_text, "secret", "payload", &signature));
    assert_true(strlen(signature) > 64);
    /* An error is an answer; the next question is answered as well. */
    mem_freep(&signature);
    expect_error(trust_sign_sigstore(t, sealed_key_text, "wrong", "payload", &signature), ERR_DENIED, "passphrase");
    expect_success(trust_sign_sigstore(t, sealed_key_text, "secret", "payload", &signature));
}

/* The confined one has nothing to do with the user's keyring, and the signer with nothing else. */
static void each_kind_does_its_own_work_only(void **state)
{
    (void)state;
    AUTO_TRUST struct trust *t = NULL, *signer = NULL;
    const struct trust_opts opts = {.gpg_signer = true};
    AUTO_FREE char *text = NULL;
    AUTO_JSON json_t *document = NULL;
    size_t len = 0;
    expect_success(trust_start(&confined, &t));
    expect_error(trust_sign_gpg(t, "somebody", NULL, "payload", &text, &len), ERR_INVALID, "makes no sense here");
    expect_success(trust_start(&opts, &signer));
    expect_error(trust_yaml(signer, "f.yaml", "a", &document), ERR_INVALID, "makes no sense here");
}

static void too_much_is_refused_before_it_is_sent(void **state)
{
    (void)state;
    AUTO_TRUST struct trust *t = NULL;
    AUTO_JSON json_t *document = NULL;
    size_t len = (size_t)17 << 20;
    AUTO_FREE char *big = mem_alloc(len + 1);
    memset(big, 'a', len);
    big[len] = '\0';
    expect_success(trust_start(&confined, &t));
    expect_error(trust_yaml(t, "f.yaml", big, &document), ERR_NO_SPACE, "too");
    expect_success(trust_yaml(t, "f.yaml", "a: b", &document));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml_and_signatures_over_the_wire),
        cmocka_unit_test(each_kind_does_its_own_work_only),
        cmocka_unit_test(too_much_is_refused_before_it_is_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
