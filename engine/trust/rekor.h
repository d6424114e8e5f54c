/* The promise of the transparency log Rekor to include a signature ("signed entry timestamp"). Pure computation.
 *
 * Source: cosign's specs/SIGNATURE_SPEC.md (annotation dev.sigstore.cosign/bundle), Rekor's type hashedrekord 0.0.1.
 * The promise is checked, offline; that the log kept it is not.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "engine/trust/pubkey.h"

#define REKOR_ANNOTATION "dev.sigstore.cosign/bundle"

/* `bundle`: the annotation; NULL is ERR_INVALID. The entry must be about this payload and this signature (base64) by
 * this key. */
struct err *rekor_verify(const struct pubkeys *log_keys, const char *bundle, const char *payload, size_t payload_len,
                         const char *signature_base64, const EVP_PKEY *key) ERR_RESULT;
