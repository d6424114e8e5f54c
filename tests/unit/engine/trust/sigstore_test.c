#include "engine/trust/sigstore.h"

#include "engine/registry/base64.h"
#include "engine/trust/payload.h"
#include "engine/trust/trust.h"
#include "tests/unit/engine/trust/fixture.h"
#include "tests/unit/engine/trust/keys.h"

static json_t *keys(void)
{
    json_t *list = json_array();
    AUTO_FREE char *text = NULL;
    expect_success(base64_encode(public_key_text, strlen(public_key_text), &text));
    expect_success(json_push_str(list, text));
    return list;
}

/* The only verdict on one signature. */
static json_t *verify(const char *payload, const char *signature)
{
    AUTO_JSON json_t *trusted = keys(), *signatures = json_array(), *verdicts = json_array();
    AUTO_FREE char *text = NULL;
    json_t *one, *annotations;
    expect_success(base64_encode(payload, strlen(payload), &text));
    expect_success(json_push_obj(signatures, &one));
    expect_success(json_put_str(one, "data", text));
    expect_success(json_put_obj(one, "annotations", &annotations));
    if (signature)
        expect_success(json_put_str(annotations, TRUST_COSIGN_ANNOTATION, signature));
    expect_success(sigstore_verify(trusted, NULL, signatures, verdicts));
    assert_int_equal(json_array_size(verdicts), 1);
    return json_incref(json_array_get(verdicts, 0));
}

static void expect_refused(const char *payload, const char *signature, const char *why)
{
    AUTO_JSON json_t *verdict = verify(payload, signature);
    const char *text = json_string_value(json_object_get(verdict, "error"));
    assert_non_null(text);
    if (!strstr(text, why))
        fail_msg("\"%s\" is not in \"%s\"", why, text);
    assert_null(json_object_get(verdict, "digest"));
}

static void what_is_signed_is_verified(void **state)
{
    (void)state;
    AUTO_FREE char *payload = NULL, *signature = NULL;
    expect_success(payload_build(PAYLOAD_COSIGN_TYPE, "a.b/c:1", DIGEST, 1, &payload));
    expect_success(sigstore_sign(sealed_key_text, "secret", payload, &signature));
    AUTO_JSON json_t *verdict = verify(payload, signature);
    assert_null(json_object_get(verdict, "error"));
    assert_string_equal(json_string_value(json_object_get(verdict, "reference")), "a.b/c:1");
    assert_string_equal(json_string_value(json_object_get(verdict, "digest")), DIGEST);
}

static void every_changed_byte_is_noticed(void **state)
{
    (void)state;
    AUTO_FREE char *payload = NULL, *signature = NULL;
    expect_success(payload_build(PAYLOAD_COSIGN_TYPE, "a.b/c:1", DIGEST, 1, &payload));
    expect_success(sigstore_sign(sealed_key_text, "secret", payload, &signature));
    for (size_t i = 0; i < strlen(payload); i += 7) {
        payload[i] ^= 1;
        expect_refused(payload, signature, "verification failed");
        payload[i] ^= 1;
    }
    signature[10] = signature[10] == 'A' ? 'B' : 'A';
    expect_refused(payload, signature, "verification failed");
    expect_refused(payload, NULL, "missing " TRUST_COSIGN_ANNOTATION);
    expect_refused(payload, "", "verification failed");
    expect_refused(payload, "!", "base64");
}

/* Signed, but not what an image's signature is: nothing of it comes out. */
static void a_signed_payload_is_still_checked(void **state)
{
    (void)state;
    AUTO_FREE char *gpg = NULL, *first = NULL, *second = NULL;
    expect_success(payload_build(PAYLOAD_GPG_TYPE, "a.b/c:1", DIGEST, 1, &gpg));
    expect_success(sigstore_sign(sealed_key_text, "secret", gpg, &first));
    expect_refused(gpg, first, "critical.type");
    expect_success(sigstore_sign(sealed_key_text, "secret", "no json", &second));
    expect_refused("no json", second, "invalid JSON");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_signed_is_verified),
        cmocka_unit_test(every_changed_byte_is_noticed),
        cmocka_unit_test(a_signed_payload_is_still_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
