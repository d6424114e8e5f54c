#include "engine/trust/sigstore.h"

#include <string.h>

#include "base/mem.h"
#include "engine/registry/base64.h"
#include "engine/trust/openssl.h"
#include "engine/trust/payload.h"
#include "engine/trust/pubkey.h"
#include "engine/trust/rekor.h"
#include "engine/trust/sealed_key.h"
#include "engine/trust/trust.h"

#define SIGNATURE_MAX 1024

static struct err *check(const struct pubkeys *keys, const struct pubkeys *log_keys, const json_t *signature,
                         struct payload *ret)
{
    const char *data = json_string_value(json_object_get(signature, "data"));
    const json_t *annotations = json_object_get(signature, "annotations");
    const char *encoded = json_string_value(json_object_get(annotations, TRUST_COSIGN_ANNOTATION));
    AUTO_FREE char *text = NULL, *raw = NULL;
    size_t len = 0, raw_len = 0;
    EVP_PKEY *by = NULL;
    if (!encoded)
        return ERR_NEW(ERR_INVALID, "missing " TRUST_COSIGN_ANNOTATION " annotation");
    TRY_WRAP(base64_decode_bytes(encoded, &raw, &raw_len), TRUST_COSIGN_ANNOTATION);
    TRY(base64_decode_bytes(data ? data : "", &text, &len));
    if (!pubkeys_verify(keys, raw, raw_len, text, len, &by))
        return ERR_NEW(ERR_INVALID, "cryptographic signature verification failed: it was not made by a key that the "
                                    "policy trusts, or was changed");
    if (log_keys) {
        const char *bundle = json_string_value(json_object_get(annotations, REKOR_ANNOTATION));
        TRY(rekor_verify(log_keys, bundle, text, len, encoded, by));
    }
    return payload_parse(text, len, PAYLOAD_COSIGN_TYPE, ret);
}

struct err *sigstore_verify(const json_t *keys, const json_t *rekor_keys, const json_t *signatures, json_t *verdicts)
{
    AUTO_PUBKEYS struct pubkeys trusted = {0}, log_keys = {0};
    size_t i;
    json_t *one, *verdict;
    TRY(pubkeys_read(keys, "public key of the policy", &trusted));
    if (rekor_keys)
        TRY(pubkeys_read(rekor_keys, "Rekor's public key of the policy", &log_keys));
    json_array_foreach (signatures, i, one) {
        AUTO_PAYLOAD struct payload p = {0};
        TRY(json_push_obj(verdicts, &verdict));
        AUTO_ERR struct err *e = check(&trusted, rekor_keys ? &log_keys : NULL, one, &p);
        if (e && err_kind(e) != ERR_INVALID)
            return TAKE_PTR(e);
        if (e) {
            TRY(json_put_str(verdict, "error", err_text(e)));
            continue;
        }
        TRY(json_put_str(verdict, "reference", p.reference));
        TRY(json_put_str(verdict, "digest", p.digest));
    }
    return NULL;
}

static struct err *sign_with(EVP_PKEY *key, const char *payload, char **ret)
{
    unsigned char signature[SIGNATURE_MAX];
    size_t len = sizeof signature;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestSignInit(ctx, NULL, pubkey_hash(key), NULL, key) == 1 &&
                EVP_DigestSign(ctx, signature, &len, (const unsigned char *)payload, strlen(payload)) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    if (!good)
        return ERR_NEW(ERR_UNSUPPORTED, "signing with the sigstore private key fails");
    return base64_encode((const char *)signature, len, ret);
}

struct err *sigstore_sign(const char *key_text, const char *passphrase, const char *payload, char **ret)
{
    AUTO_FREE unsigned char *der = NULL;
    size_t len = 0;
    TRY(sealed_key_open(key_text, passphrase, &der, &len));
    const unsigned char *at = der;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)len);
    OPENSSL_cleanse(der, len);
    ERR_clear_error();
    if (!key)
        return ERR_NEW(ERR_INVALID, "the sigstore private key has no PKCS #8 key inside");
    struct err *e = sign_with(key, payload, ret);
    EVP_PKEY_free(key);
    return e;
}
