/* Public keys and raw signatures, through OpenSSL. Pure computation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"
#include "engine/trust/openssl.h"

#define PUBKEYS_MAX 64
struct pubkeys {
    EVP_PKEY *items[PUBKEYS_MAX];
    size_t count;
};
void pubkeys_done(struct pubkeys *k);
#define AUTO_PUBKEYS __attribute__((cleanup(pubkeys_done)))
/* From a JSON array of base64 texts, each a PEM "PUBLIC KEY". */
struct err *pubkeys_read(const json_t *list, const char *what, struct pubkeys *ret) ERR_RESULT;
/* Whether one of the keys made the signature: SHA-256 with EC and RSA (PKCS #1 1.5), Ed25519 plain. *ret_which may be
 * NULL; its key is borrowed. */
bool pubkeys_verify(const struct pubkeys *k, const void *signature, size_t signature_len, const void *data, size_t len,
                    EVP_PKEY **ret_which);
/* One PEM text. */
struct err *pubkey_parse(const char *pem, size_t len, const char *what, EVP_PKEY **ret) ERR_RESULT;
/* NULL but for Ed25519 keys, which take none. */
const EVP_MD *pubkey_hash(const EVP_PKEY *key);
