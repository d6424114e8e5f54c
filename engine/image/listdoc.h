/* The document of a manifest list: what it has, where its images are, and its two forms on the wire. Pure computation.
 *
 * JSON, kept in the database (image_lists.document):
 *
 *   {"annotations": {…}, "subject": {descriptor}, "entries": [ {"mediaType", "digest", "size", "artifactType",
 *    "platform": {"architecture", "os", "os.version", "os.features", "variant", "features"}, "annotations",
 *    "source": "docker://domain/path" where the image is not here} ]}
 *
 * Forms: OCI image index (https://github.com/opencontainers/image-spec/blob/main/image-index.md) and Docker's manifest
 * list (https://distribution.github.io/distribution/spec/manifest-v2-2/), which has no annotations.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "engine/image/manifest.h"

/* What users may say of an entry. NULL and empty: leave as it is. */
struct listdoc_words {
    const char *arch, *os, *os_version, *variant;
    struct strv features, os_features;
    struct strv annotations; /* "key=value" */
};

struct err *listdoc_new(json_t **ret) ERR_RESULT;
struct err *listdoc_parse(const char *text, json_t **ret) ERR_RESULT;
/* A new entry without platform. `source` may be NULL. */
struct err *listdoc_entry(const char *media_type, const char *digest, uint64_t size_bytes, const char *source,
                          json_t **ret) ERR_RESULT;
/* Its platform; NULL and "": not said. */
struct err *listdoc_set_platform(json_t *entry, const char *os, const char *arch, const char *variant) ERR_RESULT;
/* Change an entry. ERR_INVALID "no value given for annotation …". */
struct err *listdoc_describe(json_t *entry, const struct listdoc_words *words) ERR_RESULT;
/* "key=value" into the object at obj.annotations. */
struct err *listdoc_annotate(json_t *obj, const struct strv *annotations) ERR_RESULT;
/* Add, or replace the entry of the same digest. */
struct err *listdoc_put(json_t *doc, json_t *take_entry) ERR_RESULT;
/* Borrowed; NULL when it isn't there. */
json_t *listdoc_find(const json_t *doc, const char *digest);
/* False when it isn't there. */
bool listdoc_remove(json_t *doc, const char *digest);
json_t *listdoc_entries(const json_t *doc); /* borrowed */
/* Whether Docker's form loses nothing: all entries are Docker's, and there are no annotations. */
bool listdoc_is_docker(const json_t *doc);
/* The list as it is pushed. */
struct err *listdoc_build(const json_t *doc, bool docker, char **ret) ERR_RESULT;
/* What `manifest inspect` shows: Podman's object, indented. */
struct err *listdoc_inspect(const json_t *doc, char **ret) ERR_RESULT;
/* From a list of either form to a document; entries get `source`. Whatever else its descriptors have is left out. */
struct err *listdoc_import(const char *text, size_t len, const char *media_type, const char *source,
                           json_t **ret) ERR_RESULT;
