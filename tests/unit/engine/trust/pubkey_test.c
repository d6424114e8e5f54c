#include "engine/trust/pubkey.h"

#include "engine/registry/base64.h"
#include "tests/unit/engine/trust/fixture.h"
#include "tests/unit/engine/trust/keys.h"

static json_t *list_of(const char *const *pems, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        AUTO_FREE char *text = NULL;
        expect_success(base64_encode(pems[i], strlen(pems[i]), &text));
        expect_success(json_push_str(list, text));
    }
    return list;
}

static char *pem_of(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL, *copy = NULL;
    assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
    long len = BIO_get_mem_data(bio, &data);
    expect_success(mem_strndup(data, (size_t)len, &copy));
    BIO_free(bio);
    return copy;
}

static void keys_of_known_kinds_are_read(void **state)
{
    (void)state;
    AUTO_PUBKEYS struct pubkeys k = {0};
    const char *const pems[] = {public_key_text, public_key_text};
    AUTO_JSON json_t *list = list_of(pems, 2);
    expect_success(pubkeys_read(list, "key", &k));
    assert_int_equal(k.count, 2);
}

static void others_are_refused(void **state)
{
    (void)state;
    EVP_PKEY *shorter = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024),
             *x25519 = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    AUTO_FREE char *short_pem = pem_of(shorter), *other_pem = pem_of(x25519);
    EVP_PKEY *key = NULL;
    EVP_PKEY_free(shorter);
    EVP_PKEY_free(x25519);
    expect_error(pubkey_parse(short_pem, strlen(short_pem), "k.pub", &key), ERR_INVALID,
                 "k.pub: an RSA key of 1024 bits");
    expect_error(pubkey_parse(other_pem, strlen(other_pem), "k.pub", &key), ERR_INVALID, "keys of this kind");
    expect_error(pubkey_parse(sealed_key_text, strlen(sealed_key_text), "k.pub", &key), ERR_INVALID, "PUBLIC KEY");
    expect_error(pubkey_parse("", 0, "k.pub", &key), ERR_INVALID, "PUBLIC KEY");
    AUTO_PUBKEYS struct pubkeys k = {0};
    AUTO_JSON json_t *none = json_array();
    expect_error(pubkeys_read(none, "key", &k), ERR_INVALID, "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_known_kinds_are_read),
        cmocka_unit_test(others_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
