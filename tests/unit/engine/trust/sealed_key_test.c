#include "engine/trust/sealed_key.h"

#include "base/strbuf.h"
#include "engine/registry/base64.h"
#include "engine/trust/openssl.h"
#include "tests/unit/engine/trust/fixture.h"
#include "tests/unit/engine/trust/keys.h"

static void the_right_passphrase_opens_it(void **state)
{
    (void)state;
    AUTO_FREE unsigned char *der = NULL;
    size_t len = 0;
    expect_success(sealed_key_open(sealed_key_text, "secret", &der, &len));
    const unsigned char *at = der;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)len);
    assert_non_null(key);
    EVP_PKEY_free(key);
}

static void a_wrong_one_does_not(void **state)
{
    (void)state;
    AUTO_FREE unsigned char *der = NULL;
    size_t len = 0;
    expect_error(sealed_key_open(sealed_key_text, "Secret", &der, &len), ERR_DENIED, "passphrase");
    expect_error(sealed_key_open(sealed_key_text, "", &der, &len), ERR_DENIED, "passphrase");
}

/* PEM around this JSON. */
static void seal(const char *json, char **ret)
{
    AUTO_FREE char *text = NULL;
    AUTO_STRBUF struct strbuf pem = STRBUF_INIT;
    expect_success(base64_encode(json, strlen(json), &text));
    expect_success(strbuf_puts(&pem, "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"));
    for (size_t i = 0; i < strlen(text); i += 64)
        expect_success(strbuf_printf(&pem, "%.64s\n", text + i));
    expect_success(strbuf_puts(&pem, "-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"));
    expect_success(strbuf_take(&pem, ret));
}

#define NONCE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define KEY(n, r, p, kdf, cipher, nonce)                                                                  \
    "{\"kdf\":{\"name\":\"" kdf "\",\"params\":{\"N\":" n ",\"r\":" r ",\"p\":" p "},\"salt\":\"AAAA\"}," \
    "\"cipher\":{\"name\":\"" cipher "\",\"nonce\":\"" nonce "\"},\"ciphertext\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"

static void what_is_no_such_key_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *json, *why;
    } bad[] = {
        {"[", "invalid JSON"},
        {"{}", "only scrypt"},
        {KEY("1024", "8", "1", "pbkdf2", "nacl/secretbox", NONCE), "only scrypt"},
        {KEY("1024", "8", "1", "scrypt", "aes", NONCE), "only scrypt"},
        {KEY("1000", "8", "1", "scrypt", "nacl/secretbox", NONCE), "out of bounds"},
        {KEY("0", "8", "1", "scrypt", "nacl/secretbox", NONCE), "out of bounds"},
        {KEY("4194304", "64", "1", "scrypt", "nacl/secretbox", NONCE), "out of bounds"},
        {KEY("1024", "0", "1", "scrypt", "nacl/secretbox", NONCE), "out of bounds"},
        {KEY("1024", "8", "1000000", "scrypt", "nacl/secretbox", NONCE), "out of bounds"},
        {KEY("1024", "8", "1", "scrypt", "nacl/secretbox", "AAAA"), "wrong length"},
        {KEY("1024", "8", "1", "scrypt", "nacl/secretbox", "!!!!"), "not base64"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_FREE char *pem = NULL;
        AUTO_FREE unsigned char *der = NULL;
        size_t len = 0;
        seal(bad[i].json, &pem);
        expect_error(sealed_key_open(pem, "x", &der, &len), ERR_INVALID, bad[i].why);
    }
    AUTO_FREE unsigned char *der = NULL;
    size_t len = 0;
    expect_error(sealed_key_open("", "x", &der, &len), ERR_INVALID, "no PEM block");
    expect_error(sealed_key_open(public_key_text, "x", &der, &len), ERR_INVALID, "PEM type is \"PUBLIC KEY\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_passphrase_opens_it),
        cmocka_unit_test(a_wrong_one_does_not),
        cmocka_unit_test(what_is_no_such_key_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
