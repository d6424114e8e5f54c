/* May this image come in? policy.json, and the signatures that it asks for.
 *
 *     verify_open()      reads the policy: refuses at once, or says that nothing has to be verified (*ret stays NULL)
 *     verify_fetch()     signatures of a manifest from the lookaside and from the registry; or verify_add() for those
 *                        that came otherwise
 *     verify_manifest()  every requirement of the policy must be met by one of the signatures, for exactly this
 * manifest
 *
 * Of an index it is the manifest of the image that was chosen from it that is verified, as Podman does: the index
 * itself is only a way to it. Whatever cannot be evaluated refuses.
 */
#pragma once

#include "base/err.h"
#include "engine/trust/trust.h"

struct engine;
struct registry;
struct verify;

struct verify_subject {
    const char *transport; /* "docker", "oci", "docker-archive" … */
    const char *name;      /* docker: full name with tag or digest; else an absolute path, or NULL */
};
/* ERR_DENIED: rejected. ERR_INVALID: a policy that cannot be read. `policy_file` NULL: the usual places. */
struct err *verify_open(struct engine *e, const char *policy_file, const struct verify_subject *subject,
                        struct verify **ret) ERR_RESULT;
void verify_closep(struct verify **v);
#define AUTO_VERIFY __attribute__((cleanup(verify_closep)))

/* Instead of those that were there before. */
struct err *verify_fetch(struct verify *v, struct registry *r, const char *digest) ERR_RESULT;
/* Takes what `take` owns. */
struct err *verify_add(struct verify *v, struct trust_signature *take) ERR_RESULT;
/* ERR_DENIED says why. */
struct err *verify_manifest(struct verify *v, const char *digest) ERR_RESULT;
/* All three for a manifest of "domain/path:tag" that was just read from `r`. */
struct err *verify_remote(struct engine *e, const char *policy_file, const char *full_name, struct registry *r,
                          const char *manifest, size_t len) ERR_RESULT;
/* For what has no signatures: open, and refuse when some are asked for. */
struct err *verify_unsigned(struct engine *e, const char *policy_file, const struct verify_subject *subject) ERR_RESULT;
