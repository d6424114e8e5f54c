/* cosign's private keys: PKCS #8, sealed with a passphrase by scrypt and NaCl's secretbox. Pure computation.
 *
 * PEM "ENCRYPTED COSIGN PRIVATE KEY" or "ENCRYPTED SIGSTORE PRIVATE KEY" around JSON:
 * {"kdf": {"name": "scrypt", "params": {"N", "r", "p"}, "salt"}, "cipher": {"name": "nacl/secretbox", "nonce"},
 * "ciphertext"}. Source: github.com/secure-systems-lab/go-securesystemslib/encrypted.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"

/* *ret: DER, to be wiped by the caller. ERR_DENIED: the passphrase is wrong (or the key is damaged). */
struct err *sealed_key_open(const char *text, const char *passphrase, unsigned char **ret, size_t *ret_len) ERR_RESULT;
