/* Trust: signatures of images are verified and made by coracle-trust, a program of its own.
 *
 * It alone has GPG (gpgme), public-key cryptography (OpenSSL, libsodium) and YAML (libyaml), and it alone parses
 * signatures. It is started when a policy asks for signatures, when registries.d has files, or when something is to be
 * signed; nothing else costs anything. It confines itself (confine.h), with one exception: signing with GPG works on
 * the user's own keyring and agent, on nothing that comes from outside, and not confined.
 *
 * What it says about a signature is who and what was signed: whether that is the image in question, and what follows,
 * is decided by whoever asks (engine/image/verify.c). Knows no store, no images, no network.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"
#include "base/strv.h"

#define TRUST_SIGNATURES_MAX 128 /* of one image, as containers/image */
#define TRUST_SIGNATURE_MAX_BYTES ((size_t)1 << 20)
#define TRUST_KEY_MAX_BYTES ((size_t)4 << 20)
#define TRUST_COSIGN_TYPE "application/vnd.dev.cosign.simplesigning.v1+json"
#define TRUST_COSIGN_ANNOTATION "dev.cosignproject.cosign/signature"

struct trust;
struct trust_opts {
    /* Signs with the user's keyring. Start it before the session is entered: agent and pinentry know the real user. */
    bool gpg_signer;
    const char *private_dir; /* for GPG keys that are not the user's: absolute, ours alone, empty; or NULL */
};
/* ERR_NOT_FOUND when the program is not installed. */
struct err *trust_start(const struct trust_opts *opts, struct trust **ret) ERR_RESULT;
void trust_stop(struct trust *take_t);
void trust_stopp(struct trust **t);
#define AUTO_TRUST __attribute__((cleanup(trust_stopp)))

/* A signature as it came. Strings and annotations are borrowed. */
struct trust_signature {
    bool attached; /* cosign's: data is the payload; else an OpenPGP message that contains it */
    char *data;
    size_t len;
    char *media_type;
    json_t *annotations; /* object, or NULL */
};
void trust_signature_done(struct trust_signature *s);

/* What coracle-trust found: a valid signature by one of the keys over these words, or why there is none. */
struct trust_verdict {
    char *error;
    char *reference, *digest;
};
void trust_verdict_done(struct trust_verdict *v);

enum trust_scheme { TRUST_GPG, TRUST_SIGSTORE };
struct trust_question {
    enum trust_scheme scheme;
    json_t *keys;       /* array of base64 texts: keyrings (GPG); PEM public keys (sigstore) */
    json_t *rekor_keys; /* sigstore: the log's promise is required, by one of these keys; or NULL */
};
/* One verdict for each signature, into `ret` of `n`. An error is about the question (keys that are none). */
struct err *trust_verify(struct trust *t, const struct trust_question *q, const struct trust_signature *signatures,
                         size_t n, struct trust_verdict *ret) ERR_RESULT;

/* An OpenPGP message that contains `payload`, by the key that gpg finds for `key`. `passphrase` may be NULL: the agent
 * asks. Needs a gpg_signer. *ret has *ret_len bytes. */
struct err *trust_sign_gpg(struct trust *t, const char *key, const char *passphrase, const char *payload, char **ret,
                           size_t *ret_len) ERR_RESULT;
/* A base64 signature by an encrypted cosign key (the text of its file). */
struct err *trust_sign_sigstore(struct trust *t, const char *key_text, const char *passphrase, const char *payload,
                                char **ret) ERR_RESULT;
/* Mail addresses of the keys in a keyring, as gpg finds them. */
struct err *trust_key_ids(struct trust *t, const char *keyring, size_t len, struct strv *ret) ERR_RESULT;
/* Files of registries.d, merged into {"default-docker": {…}, "docker": {scope: {…}}}. Errors name file and line. */
struct err *trust_registries_d(struct trust *t, const struct strv *names, const struct strv *texts,
                               json_t **ret) ERR_RESULT;
/* A YAML document as JSON. */
struct err *trust_yaml(struct trust *t, const char *name, const char *text, json_t **ret) ERR_RESULT;
