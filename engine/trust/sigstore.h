/* Signatures of cosign's kind with plain keys, through OpenSSL. Only coracle-trust links this. Pure computation. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/json.h"

/* For each of `signatures` ({data, annotations}) push {reference, digest} or {error} to `verdicts`. `keys`: base64 of
 * PEM public keys (EC, Ed25519, RSA of 2048 bits and more). `rekor_keys` not NULL: the transparency log must have
 * promised to include the signature (rekor.h). ERR_INVALID when a key cannot be read. */
struct err *sigstore_verify(const json_t *keys, const json_t *rekor_keys, const json_t *signatures,
                            json_t *verdicts) ERR_RESULT;
/* By an encrypted private key; *ret is base64. ERR_DENIED: wrong passphrase. */
struct err *sigstore_sign(const char *key_text, const char *passphrase, const char *payload, char **ret) ERR_RESULT;
