/* cosign's attached signatures: an OCI manifest with the tag "sha256-<hex>.sig" beside the image, each layer a signed
 * payload with its signature in an annotation. Pure computation; nothing here is believed.
 *
 * Source: cosign's specs/SIGNATURE_SPEC.md. Kinds of attachments other than signatures are kept, and not looked at.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

struct attached_layer {
    const char *media_type, *digest; /* borrowed from the document */
    uint64_t size_bytes;
    json_t *annotations; /* object of strings, or NULL; borrowed */
};
struct attached {
    json_t *root;
    struct attached_layer *layers;
    size_t count;
    const char *config_digest;
    uint64_t config_bytes;
};
void attached_done(struct attached *a);
#define AUTO_ATTACHED __attribute__((cleanup(attached_done)))

/* "sha256-<hex>.sig" for "sha256:<hex>". */
struct err *attached_tag(const char *digest, char **ret) ERR_RESULT;
/* Whether a tag is of this kind, or one of its relatives (.att, .sbom): not an image. */
bool attached_is_tag(const char *tag);
/* ERR_INVALID. */
struct err *attached_parse(const char *text, size_t len, struct attached *ret) ERR_RESULT;
/* Manifest and config with one more signature. `before` NULL: the first one. */
struct err *attached_build(const struct attached *before, const char *before_config, const char *payload,
                           const char *signature, char **ret_manifest, char **ret_config) ERR_RESULT;
