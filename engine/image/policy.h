/* policy.json: which images may be taken from where. See containers-policy.json(5).
 *
 * Read from --signature-policy, else ~/.config/containers/policy.json, else /etc/containers/policy.json; without any
 * everything is taken. The whole file is checked when it is read: whatever is unknown in it, or of a wrong type, is an
 * error that names file and place. No cryptography here (verify.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"
#include "base/strv.h"
#include "engine/image/identity.h"

#define POLICY_MAX_BYTES ((size_t)1 << 20)

enum policy_type { POLICY_ACCEPT, POLICY_REJECT, POLICY_SIGNED_BY, POLICY_SIGSTORE_SIGNED };
struct policy_requirement {
    enum policy_type type;
    struct strv key_paths, key_data;     /* data is base64 */
    struct strv rekor_paths, rekor_data; /* both empty: no promise of a log is asked for */
    struct identity_rule identity;
    char *missing; /* what of it cannot be evaluated, or NULL */
};
void policy_requirement_done(struct policy_requirement *r);
#define AUTO_REQUIREMENT __attribute__((cleanup(policy_requirement_done)))

struct policy {
    char *file;   /* NULL: there is none */
    json_t *root; /* checked */
};
void policy_done(struct policy *p);
#define AUTO_POLICY __attribute__((cleanup(policy_done)))

/* Strings of *ret's identity stay the document's. ERR_INVALID. */
struct err *policy_requirement_parse(const json_t *obj, struct policy_requirement *ret) ERR_RESULT;
struct err *policy_parse(const char *text, size_t len, const char *file, struct policy *ret) ERR_RESULT;
/* `file` NULL: the usual places; a named file must exist. */
struct err *policy_load(const char *file, struct policy *ret) ERR_RESULT;
/* The file that policy_load(NULL) would read; *ret stays NULL when there is none. */
struct err *policy_find_file(char **ret) ERR_RESULT;

/* The requirements for an image that comes by `transport` ("docker", "oci", "docker-archive" …): of the first scope
 * that the policy knows, else of the transport, else the default. NULL without a policy. An array, borrowed. */
json_t *policy_requirements(const struct policy *p, const char *transport, const struct strv *scopes);
