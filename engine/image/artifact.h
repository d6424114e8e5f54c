/* OCI artifacts: files with a name, in the same store as images, pushed to and pulled from the same registries.
 *
 * An artifact is an OCI manifest with (mostly) an empty config and one layer for each file, which nothing unpacks.
 * Names are full ("quay.io/models/small:latest") and artifacts' own: an image may have the same.
 * https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidelines-for-artifact-usage
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"

struct engine;
struct registry_opts;
struct image_signing;

struct artifact {
    char *name;
    char *digest; /* "sha256:…" of the manifest */
    uint64_t size_bytes;
    int64_t created_nsec;
};
void artifact_free(struct artifact *a);
void artifact_list_free(struct artifact **list, size_t count);
/* By name. */
struct err *artifact_list(struct engine *e, struct artifact ***ret, size_t *ret_count) ERR_RESULT;
/* By name (":latest" is added), or by its digest, whole or the beginning of its digits. ERR_NOT_FOUND "…: artifact does
 * not exist". */
struct err *artifact_find(struct engine *e, const char *name, struct artifact **ret) ERR_RESULT;
/* Podman's object, as JSON. */
struct err *artifact_inspect(struct engine *e, const char *name, char **ret_json) ERR_RESULT;
/* *ret_digest as above. */
struct err *artifact_remove(struct engine *e, const char *name, char **ret_digest) ERR_RESULT;

struct artifact_add_opts {
    bool append;             /* to an artifact that exists */
    bool replace;            /* an artifact of this name */
    const char *type;        /* artifactType, or NULL */
    const char *file_type;   /* media type of the files; NULL: by their content */
    struct strv annotations; /* "key=value", of each file */
};
/* ERR_EXISTS "…: artifact already exists", "…: file already exists in artifact". */
struct err *artifact_add(struct engine *e, const char *name, const struct strv *files,
                         const struct artifact_add_opts *opts, char **ret_digest) ERR_RESULT;

struct artifact_extract_opts {
    const char *digest, *title; /* one of its files; NULL: all */
};
/* To a directory that exists, or to a file. Files appear whole or not at all. */
struct err *artifact_extract(struct engine *e, const char *name, const char *target,
                             const struct artifact_extract_opts *opts) ERR_RESULT;

/* Where its files are, for who mounts them: their names as artifact_extract() has them, and paths in the store. */
struct err *artifact_places(struct engine *e, const char *name, const struct artifact_extract_opts *opts,
                            struct strv *ret_names, struct strv *ret_paths) ERR_RESULT;

struct image_bars;
struct artifact_transfer_opts {
    const struct registry_opts *registry;
    const struct image_signing *signing;           /* push; or NULL */
    void (*progress)(void *arg, const char *line); /* NULL: quiet */
    void *progress_arg;
    const struct image_bars *bars; /* for a terminal, or NULL */
};
struct err *artifact_pull(struct engine *e, const char *name, const struct artifact_transfer_opts *opts,
                          char **ret_digest) ERR_RESULT;
struct err *artifact_push(struct engine *e, const char *name, const struct artifact_transfer_opts *opts,
                          char **ret_digest) ERR_RESULT;
