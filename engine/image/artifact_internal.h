/* What the files of artifacts, and of lists with artifacts, share. */
#pragma once

#include "base/json.h"
#include "engine/image/artifact.h"
#include "engine/image/content.h"
#include "engine/image/internal.h"

#define ARTIFACT_TITLE "org.opencontainers.image.title"
#define ARTIFACT_CREATED "org.opencontainers.image.created"
#define ARTIFACT_FILE_MAX_BYTES ((uint64_t)1 << 40)
#define MEDIA_OCI_EMPTY "application/vnd.oci.empty.v1+json"

#define AUTO_ARTIFACT __attribute__((cleanup(artifact_freep)))
void artifact_freep(struct artifact **a);

/* A file into the store; its descriptor becomes the last of `layers`. `type` NULL: by its content; `title` NULL: none.
 */
struct err *artifact_put_file(struct content *c, const char *path, const char *type, const char *title,
                              const struct strv *annotations, json_t *layers) ERR_RESULT;
/* OCI's empty config, as member "config" of a manifest. */
struct err *artifact_put_empty_config(struct content *c, json_t *manifest) ERR_RESULT;
/* Commit `content` with an artifact of this name whose manifest is `manifest`, replacing one of that name only when
 * `replace`; blobs are config and layers of the manifest. */
struct err *artifact_commit(struct content *c, const char *name, const char *manifest, bool replace,
                            struct digest *ret) ERR_RESULT;
/* The name that a new artifact gets. */
struct err *artifact_full_name(const char *name, char **ret) ERR_RESULT;
struct err *artifact_read(struct engine *e, const struct artifact *a, char **ret_text) ERR_RESULT;
