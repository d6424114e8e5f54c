#include "engine/trust/pubkey.h"

#include <limits.h>

#include "base/mem.h"
#include "engine/registry/base64.h"
#include "engine/trust/openssl.h"

#define RSA_BITS_MIN 2048

void pubkeys_done(struct pubkeys *k)
{
    for (size_t i = 0; i < k->count; i++)
        EVP_PKEY_free(k->items[i]);
    k->count = 0;
}

static struct err *check_kind(const EVP_PKEY *key, const char *what)
{
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_EC:
    case EVP_PKEY_ED25519:
        return NULL;
    case EVP_PKEY_RSA:
        if (EVP_PKEY_get_bits(key) >= RSA_BITS_MIN)
            return NULL;
        return ERR_NEW(ERR_INVALID, "%s: an RSA key of %d bits is too short", what, EVP_PKEY_get_bits(key));
    default:
        return ERR_NEW(ERR_INVALID, "%s: keys of this kind are not used for signatures of images", what);
    }
}

struct err *pubkey_parse(const char *pem, size_t len, const char *what, EVP_PKEY **ret)
{
    BIO *bio = len <= INT_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    if (!key)
        return ERR_NEW(ERR_INVALID, "%s: there is no PEM block PUBLIC KEY in it", what);
    struct err *e = check_kind(key, what);
    if (e)
        EVP_PKEY_free(key);
    else
        *ret = key;
    return e;
}

struct err *pubkeys_read(const json_t *list, const char *what, struct pubkeys *ret)
{
    size_t i;
    json_t *one;
    if (json_array_size(list) == 0 || json_array_size(list) > PUBKEYS_MAX)
        return ERR_NEW(ERR_INVALID, "%s: none, or more than %d", what, PUBKEYS_MAX);
    json_array_foreach (list, i, one) {
        AUTO_FREE char *pem = NULL;
        size_t len = 0;
        const char *text = json_string_value(one);
        TRY_WRAP(base64_decode_bytes(text ? text : "", &pem, &len), "%s", what);
        TRY(pubkey_parse(pem, len, what, &ret->items[ret->count]));
        ret->count++;
    }
    return NULL;
}

const EVP_MD *pubkey_hash(const EVP_PKEY *key)
{
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
}

bool pubkeys_verify(const struct pubkeys *k, const void *signature, size_t signature_len, const void *data, size_t len,
                    EVP_PKEY **ret_which)
{
    for (size_t i = 0; i < k->count; i++) {
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, pubkey_hash(k->items[i]), NULL, k->items[i]) == 1 &&
                    EVP_DigestVerify(ctx, signature, signature_len, data, len) == 1;
        EVP_MD_CTX_free(ctx);
        ERR_clear_error();
        if (!good)
            continue;
        if (ret_which)
            *ret_which = k->items[i];
        return true;
    }
    return false;
}
