/* What is signed: "simple signing" payloads of both kinds. Pure computation.
 *
 * Source: container-signature(5), and cosign's specs/SIGNATURE_SPEC.md, whose "type" differs. What is unknown in
 * "critical" is refused; "optional" may hold anything.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define PAYLOAD_GPG_TYPE "atomic container signature"
#define PAYLOAD_COSIGN_TYPE "cosign container image signature"

struct payload {
    char *reference; /* as it was signed: maybe short, maybe without a tag */
    char *digest;    /* "sha256:<hex>" */
};
void payload_done(struct payload *p);
#define AUTO_PAYLOAD __attribute__((cleanup(payload_done)))
/* ERR_INVALID says what is wrong. Call it with authenticated text only. */
struct err *payload_parse(const char *text, size_t len, const char *type, struct payload *ret) ERR_RESULT;
struct err *payload_build(const char *type, const char *reference, const char *digest, int64_t now_sec,
                          char **ret) ERR_RESULT;
