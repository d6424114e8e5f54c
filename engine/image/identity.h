/* signedIdentity of a policy: which names in a signature will do for an image. Pure computation.
 *
 * Source: containers-policy.json(5). Names in signatures may be short, as Docker means them.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"

enum identity_kind {
    IDENTITY_REPO_DIGEST_OR_EXACT, /* the default */
    IDENTITY_EXACT,
    IDENTITY_REPOSITORY,
    IDENTITY_EXACT_REFERENCE,
    IDENTITY_EXACT_REPOSITORY,
    IDENTITY_REMAP,
};
struct identity_rule {
    enum identity_kind kind;
    const char *name;                   /* exactReference, exactRepository; borrowed, as the others */
    const char *prefix, *signed_prefix; /* remapIdentity */
};
/* `obj` NULL: the default. Strings stay the document's. ERR_INVALID. */
struct err *identity_parse(const json_t *obj, struct identity_rule *ret) ERR_RESULT;
/* `image`: full name with tag or digest, NULL when the image comes from a place without names. An error (ERR_INVALID)
 * when the name in the signature is none, or the image's is needed and missing. */
struct err *identity_matches(const struct identity_rule *rule, const char *image, const char *in_signature,
                             bool *ret) ERR_RESULT;
