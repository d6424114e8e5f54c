/* Digests of the OCI form "sha256:<64 hex>" (nettle). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DIGEST_HEX_LEN 64
struct digest {
    char s[7 + DIGEST_HEX_LEN + 1]; /* "sha256:…" */
};
struct digest_ctx; /* running hash */

struct err *digest_new(struct digest_ctx **ret) ERR_RESULT;
void digest_update(struct digest_ctx *c, const void *data, size_t len);
/* Finish and reset. */
struct digest digest_final(struct digest_ctx *c);
void digest_free(struct digest_ctx *c);
struct digest digest_of(const void *data, size_t len);
/* Valid syntax and a known algorithm (sha256; sha512 is recognised and refused with ERR_UNSUPPORTED). */
struct err *digest_check(const char *text) ERR_RESULT;
/* The hex part, borrowed. */
const char *digest_hex(const char *digest);
struct err *digest_of_file(int fd, struct digest *ret) ERR_RESULT;
