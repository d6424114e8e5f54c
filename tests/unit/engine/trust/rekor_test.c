#include "engine/trust/rekor.h"

#include "base/strbuf.h"
#include "engine/registry/base64.h"
#include "tests/unit/engine/trust/fixture.h"

#define PAYLOAD "the payload"
#define SIGNATURE "c2lnbmF0dXJl"

struct log {
    EVP_PKEY *log_key, *key;
    struct pubkeys trusted;
    char *pem; /* of key, base64 */
    char hash[65];
};

static int setup(void **state)
{
    struct log *l = calloc(1, sizeof *l);
    unsigned char hash[32];
    char *data = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    l->log_key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    l->key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    l->trusted.items[l->trusted.count++] = l->log_key;
    PEM_write_bio_PUBKEY(bio, l->key);
    long len = BIO_get_mem_data(bio, &data);
    expect_success(base64_encode(data, (size_t)len, &l->pem));
    BIO_free(bio);
    SHA256((const unsigned char *)PAYLOAD, strlen(PAYLOAD), hash);
    for (size_t i = 0; i < sizeof hash; i++)
        (void)snprintf(l->hash + 2 * i, 3, "%02x", hash[i]);
    *state = l;
    return 0;
}

static int teardown(void **state)
{
    struct log *l = *state;
    EVP_PKEY_free(l->log_key);
    EVP_PKEY_free(l->key);
    free(l->pem);
    free(l);
    return 0;
}

/* A bundle around this body, promised by `signer`. */
static char *bundle_of(const char *body, EVP_PKEY *signer)
{
    AUTO_FREE char *encoded = NULL, *canonical = NULL, *set = NULL;
    unsigned char signature[256];
    size_t len = sizeof signature;
    char *bundle = NULL;
    expect_success(base64_encode(body, strlen(body), &encoded));
    expect_success(
        mem_asprintf(&canonical, "{\"body\":\"%s\",\"integratedTime\":5,\"logID\":\"c0\",\"logIndex\":7}", encoded));
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, signer);
    assert_int_equal(EVP_DigestSign(ctx, signature, &len, (const unsigned char *)canonical, strlen(canonical)), 1);
    EVP_MD_CTX_free(ctx);
    expect_success(base64_encode((const char *)signature, len, &set));
    expect_success(mem_asprintf(&bundle,
                                "{\"SignedEntryTimestamp\":\"%s\",\"Payload\":{\"logIndex\":7,\"body\":\"%s\","
                                "\"logID\":\"c0\",\"integratedTime\":5}}",
                                set, encoded));
    return bundle;
}

static char *body_of(const struct log *l, const char *kind, const char *hash, const char *signature, const char *pem)
{
    char *body = NULL;
    expect_success(mem_asprintf(&body,
                                "{\"apiVersion\":\"0.0.1\",\"kind\":\"%s\",\"spec\":{\"data\":{\"hash\":{\"algorithm\":"
                                "\"sha256\",\"value\":\"%s\"}},\"signature\":{\"content\":\"%s\",\"publicKey\":{"
                                "\"content\":\"%s\"}}}}",
                                kind, hash ? hash : l->hash, signature, pem ? pem : l->pem));
    return body;
}

static struct err *check(const struct log *l, const char *bundle)
{
    return rekor_verify(&l->trusted, bundle, PAYLOAD, strlen(PAYLOAD), SIGNATURE, l->key);
}

static void a_promise_about_this_signature_is_accepted(void **state)
{
    const struct log *l = *state;
    AUTO_FREE char *body = body_of(l, "hashedrekord", NULL, SIGNATURE, NULL), *bundle = bundle_of(body, l->log_key);
    expect_success(check(l, bundle));
}

static void promises_about_anything_else_are_not(void **state)
{
    const struct log *l = *state;
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    const struct {
        const char *kind, *hash, *signature, *pem, *why;
    } bad[] = {
        {"intoto", NULL, SIGNATURE, NULL, "not a hashedrekord"},
        {"hashedrekord", zeros, SIGNATURE, NULL, "another payload"},
        {"hashedrekord", "00", SIGNATURE, NULL, "another payload"},
        {"hashedrekord", NULL, "b3RoZXI=", NULL, "another signature"},
        {"hashedrekord", NULL, SIGNATURE, "bm8=", "another key"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_FREE char *body = body_of(l, bad[i].kind, bad[i].hash, bad[i].signature, bad[i].pem);
        AUTO_FREE char *bundle = bundle_of(body, l->log_key);
        expect_error(check(l, bundle), ERR_INVALID, bad[i].why);
    }
}

static void who_promises_matters(void **state)
{
    const struct log *l = *state;
    AUTO_FREE char *body = body_of(l, "hashedrekord", NULL, SIGNATURE, NULL), *bundle = bundle_of(body, l->key);
    expect_error(check(l, bundle), ERR_INVALID, "not signed by the log's key");
    expect_error(check(l, NULL), ERR_INVALID, "missing " REKOR_ANNOTATION);
    expect_error(check(l, "{}"), ERR_INVALID, "not the members");
    expect_error(check(l, "[]"), ERR_INVALID, "not the members");
    expect_error(check(l, "x"), ERR_INVALID, "invalid JSON");
    AUTO_FREE char *good = bundle_of(body, l->log_key);
    char *number = strstr(good, "\"logIndex\":7");
    number[strlen("\"logIndex\":")] = '8';
    expect_error(check(l, good), ERR_INVALID, "not signed by the log's key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_promise_about_this_signature_is_accepted, setup, teardown),
        cmocka_unit_test_setup_teardown(promises_about_anything_else_are_not, setup, teardown),
        cmocka_unit_test_setup_teardown(who_promises_matters, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
