/* Documents of one repository in a registry, into memory: what manifests lists, artifacts, pull and push share. */
#pragma once

#include "engine/image/reference.h"
#include "engine/registry/registry.h"

struct remote {
    struct registry *registry;
    struct reference ref; /* domain, path, and tag or digest */
    char *full_name;      /* "domain/path:tag", "domain/path@digest" */
};
void remote_close(struct remote *r);
#define AUTO_REMOTE __attribute__((cleanup(remote_close)))
/* `full_name` has a domain; docker.io's library/ is added. Nothing is asked of the registry yet. `opts` may be NULL;
 * with opts->push for writing. */
struct err *remote_open(const char *full_name, const struct registry_opts *opts, struct remote *ret) ERR_RESULT;
/* "tag" or "sha256:…" */
const char *remote_target(const struct remote *r);
/* Full names that the user's words may mean, best first; "docker://" in front is fine. */
struct err *remote_names(const char *name, struct strv *ret) ERR_RESULT;
/* A manifest or blob of at most `max` bytes; ERR_CORRUPT when it has not the digest (NULL: any). ret_type may be NULL;
 * it is what the registry says, or NULL where that is of no use. */
struct err *remote_document(struct registry *r, enum registry_verb verb, const char *target, const char *digest,
                            size_t max, char **ret, size_t *ret_len, char **ret_type) ERR_RESULT;
/* The manifest that `r` names. */
struct err *remote_manifest(const struct remote *r, char **ret, size_t *ret_len, char **ret_type) ERR_RESULT;
