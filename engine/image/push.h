/* Pushing images and manifest lists to registries, and into files.
 *
 * What was pulled goes out as it came, manifest and blobs, so that digests stay the same. Only on request, or where the
 * image came without a manifest of its own and has plain layers, layers are compressed (anew) by coracle-layer into
 * staging, and the manifest is written anew; the config stays as it is, so the image keeps its id.
 */
#pragma once

#include "engine/image/image.h"

struct registry_opts;

/* Files in place of a registry. */
struct image_push_files {
    const char *text;         /* as the user named it, for messages: "oci:…" */
    enum image_format format; /* but IMAGE_DOCKER_ARCHIVE */
    const char *path;
    const char *reference; /* in an OCI layout, or NULL */
    bool compress;         /* plain layers become gzip */
};

struct image_push_opts {
    const struct image_push_files *files; /* NULL: to a registry */
    const struct registry_opts *registry;
    const char *format;      /* "oci", "v2s2" ("docker"), or NULL: as it is */
    const char *compression; /* "gzip", "zstd", or NULL: as it is */
    int64_t level;           /* 0: the format's default */
    bool keep_differing;     /* --force-compression=false: layers that are there in another compression may stay so */
    bool list_alone;         /* of a manifest list only the list, not its images */
    struct strv add_compressions;        /* manifest lists: further instances, each with this compression */
    const struct image_signing *signing; /* or NULL */
    void (*progress)(void *arg, const char *line);
    void *progress_arg;
    const struct image_bars *bars; /* for a terminal, or NULL */
};
/* Is what the user asked for possible at all? In Podman's words. */
struct err *image_push_check(const struct image_push_opts *opts) ERR_RESULT;
/* To `destination` (NULL: the image's own name). *ret_digest is that of the manifest as pushed. A manifest list goes
 * with its images (engine/image/index.h). */
struct err *image_push(struct engine *e, const char *name, const char *destination, const struct image_push_opts *opts,
                       char **ret_digest) ERR_RESULT;
