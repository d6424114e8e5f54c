/* Manifests, indexes and image configs: parsing of hostile documents. Pure computation.
 *
 * Formats: OCI image manifest and index 1.x (https://github.com/opencontainers/image-spec), Docker manifest version 2
 * schema 2 and manifest list, docker-archive's manifest.json. Refused: schema 1, documents that could be read as two
 * kinds (CVE-2021-41190), encrypted layers, whatever has an unknown media type. Artifacts have a door of their own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/strv.h"

#define MANIFEST_MAX_BYTES ((size_t)4 << 20)
#define MANIFEST_CONFIG_MAX_BYTES ((size_t)8 << 20)
#define MANIFEST_LAYERS_MAX 1024
#define MANIFEST_INDEX_MAX 4096
#define MANIFEST_ARCHIVE_IMAGES_MAX 1024
#define MANIFEST_BLOB_MAX_BYTES ((uint64_t)1 << 40)

#define MEDIA_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define MEDIA_OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define MEDIA_OCI_LAYER "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"
#define MEDIA_DOCKER_LAYER "application/vnd.docker.image.rootfs.diff.tar"

enum manifest_kind { MANIFEST_IMAGE, MANIFEST_INDEX };
struct manifest_descriptor {
    char *media_type;
    char *digest; /* valid sha256 */
    uint64_t size_bytes;
    char *os, *arch, *variant; /* indexes only; NULL when not said */
    char *ref_name;            /* org.opencontainers.image.ref.name, or NULL */
    char *full_name;           /* io.containerd.image.name, or NULL */
    struct strv urls;          /* where a foreign layer is kept; http and https alone, else empty */
    bool attestation;          /* BuildKit's: not an image */
};
struct manifest {
    enum manifest_kind kind;
    bool is_docker;                      /* schema 2 or list rather than OCI */
    char *media_type;                    /* as in the document, or what it is by its form */
    struct manifest_descriptor config;   /* images */
    struct manifest_descriptor *entries; /* layers bottom first, or the index's manifests */
    size_t count;
    json_t *annotations; /* object or NULL */
};
void manifest_done(struct manifest *m);
#define AUTO_MANIFEST __attribute__((cleanup(manifest_done)))
/* `media_type`: what a descriptor or header said it is, or NULL; must agree with the document. */
struct err *manifest_parse(const char *text, size_t len, const char *media_type, struct manifest *ret) ERR_RESULT;
/* The manifest of anything that OCI's form can hold, whatever its config and layers are; artifacts. */
struct err *manifest_parse_artifact(const char *text, size_t len, struct manifest *ret) ERR_RESULT;
/* How a layer is packed, from its media type. */
enum manifest_packing { PACKING_PLAIN, PACKING_GZIP, PACKING_ZSTD };
struct err *manifest_layer_packing(const char *media_type, enum manifest_packing *ret) ERR_RESULT;
/* A layer that may be kept elsewhere than in the registry, at its `urls`, and is not to be uploaded. */
bool manifest_is_foreign(const struct manifest_descriptor *layer);

struct manifest_config {
    char *os, *arch, *variant;
    int64_t created_nsec;
    struct strv diff_ids;
    json_t *labels; /* object, or NULL */
    json_t *root;   /* the document */
};
void manifest_config_done(struct manifest_config *c);
#define AUTO_MANIFEST_CONFIG __attribute__((cleanup(manifest_config_done)))
struct err *manifest_config_parse(const char *text, size_t len, struct manifest_config *ret) ERR_RESULT;

/* docker-archive's manifest.json. Paths are relative and without ".."; they may still be links. */
struct manifest_archive_image {
    char *config_path;
    struct strv names, layer_paths;
};
struct manifest_archive {
    struct manifest_archive_image *images;
    size_t count;
};
void manifest_archive_done(struct manifest_archive *a);
#define AUTO_MANIFEST_ARCHIVE __attribute__((cleanup(manifest_archive_done)))
struct err *manifest_archive_parse(const char *text, size_t len, struct manifest_archive *ret) ERR_RESULT;

/* Write manifests. `size_bytes`, digests and media types come from the descriptors; `annotations` may be NULL. */
struct err *manifest_build(bool is_docker, const struct manifest_descriptor *config,
                           const struct manifest_descriptor *layers, size_t count, json_t *annotations,
                           char **ret_text) ERR_RESULT;
/* Media type of a layer in this family; zstd exists only in OCI (ERR_UNSUPPORTED). */
struct err *manifest_layer_type(bool is_docker, enum manifest_packing packing, const char **ret) ERR_RESULT;
