/* Signing what is pushed: GPG signatures into the lookaside (or its staging), sigstore signatures beside the image.
 *
 *     signer_open()    keys, and whether signatures can be stored at all: before anything is sent
 *     signer_make()    for each manifest
 *     signer_store()   after the manifest is there
 *
 * Signatures that exist already stay, unless they are to be replaced.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct image_signing;
struct registry;
struct signer;

/* `full_name`: "domain/path:tag", what is signed. *ret stays NULL when nothing is to be signed. `o` is borrowed. */
struct err *signer_open(const struct image_signing *o, uid_t host_uid, const char *full_name,
                        struct signer **ret) ERR_RESULT;
void signer_closep(struct signer **s);
#define AUTO_SIGNER __attribute__((cleanup(signer_closep)))

struct made_signatures {
    char *digest;
    char *gpg; /* a message of gpg_len bytes, or NULL */
    size_t gpg_len;
    char *payload, *sigstore; /* or NULL */
};
void made_signatures_done(struct made_signatures *m);
#define AUTO_MADE __attribute__((cleanup(made_signatures_done)))
/* ERR_DENIED: wrong passphrase. */
struct err *signer_make(struct signer *s, const char *digest, struct made_signatures *ret) ERR_RESULT;
struct err *signer_store(struct signer *s, struct registry *r, const struct made_signatures *m) ERR_RESULT;
