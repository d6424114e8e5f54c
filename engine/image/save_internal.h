/* What the files of save share. */
#pragma once

#include "engine/image/internal.h"

struct save_image {
    struct image *image;
    struct strv names; /* to be written with it, full */
    struct manifest manifest;
    struct manifest_config config;
    bool compressed; /* layers of `manifest` are not those of the store's any more */
};

struct save {
    struct engine *engine;
    const struct image_save_opts *opts;
    struct save_image *images;
    size_t count;
    int dirfd;     /* where the files of the archive are gathered */
    bool may_link; /* below the store: links to blobs instead of copies */
};

/* Put a blob of the store into a file; one that is there already is the same. */
struct err *save_blob(const struct save *s, const char *digest, const char *path) ERR_RESULT;
struct err *save_text(const struct save *s, const char *path, const char *text) ERR_RESULT;
/* Layer `index` compressed with gzip, into a file named by the hex of its new digest; the manifest learns of it. */
struct err *save_compressed(const struct save *s, struct save_image *i, size_t index) ERR_RESULT;
/* The manifest in the wanted family: as it is, or its descriptors translated. */
struct err *save_manifest_text(const struct save *s, const struct save_image *i, bool docker, char **ret) ERR_RESULT;

struct err *save_docker_archive(const struct save *s) ERR_RESULT;
struct err *save_oci(const struct save *s) ERR_RESULT;
struct err *save_docker_dir(const struct save *s) ERR_RESULT;
