/* OpenPGP, through gpgme and the gpg program. Only coracle-trust links this. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/json.h"
#include "base/strv.h"

/* Once, before the process confines itself. */
struct err *gpg_prepare(void) ERR_RESULT;
/* For each of `signatures` ({data}) push {reference, digest} or {error} to `verdicts`. Keys are imported into a new
 * home below `private_dir`, so that no other key counts. ERR_INVALID when there is no key in `keys`. */
struct err *gpg_verify(const char *private_dir, const json_t *keys, const json_t *signatures,
                       json_t *verdicts) ERR_RESULT;
/* A message with a signature by the user's own key. `passphrase` may be NULL: the agent asks. */
struct err *gpg_sign(const char *key, const char *passphrase, const char *payload, char **ret,
                     size_t *ret_len) ERR_RESULT;
/* Mail addresses, or whole user ids where there is none. */
struct err *gpg_key_ids(const char *private_dir, const char *keyring, size_t len, struct strv *ret) ERR_RESULT;
