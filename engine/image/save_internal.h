/* What the files of save share. */
#pragma once

#include "engine/image/internal.h"

struct flat;
struct save_image {
    struct image *image;
    struct flat *flat; /* which `image` is borrowed from; or NULL */
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
    int dirfd;                    /* where the files of the archive are gathered */
    bool may_link;                /* below the store: links to blobs instead of copies */
    struct store_staging staging; /* of an archive */
    bool made;                    /* the directory is new */
};

/* Open dirfd: staging for an archive, else the directory itself (a new one, an empty one, with opts->add a layout). */
struct err *save_begin(struct save *s) ERR_RESULT;
/* When it is filled, or could not be (`take_e`): pack the archive, or take back what was made. */
struct err *save_end(struct save *s, struct err *take_e) ERR_RESULT;
/* What an OCI layout consists of besides blobs: its directories; an entry of the index; the index, in which entries
 * that are there already stay, but for those called one of `names`. */
struct err *save_oci_dirs(const struct save *s) ERR_RESULT;
struct err *save_oci_entry(json_t *entries, const char *text, const char *media_type, const char *name) ERR_RESULT;
struct err *save_oci_index(const struct save *s, const struct strv *names, json_t *entries) ERR_RESULT;
#define SAVE_REF_NAME "org.opencontainers.image.ref.name"
#define SAVE_DIR_VERSION "Directory Transport Version: 1.1\n"

/* Put a blob of the image into a file; one that is there already is the same. */
struct err *save_blob(const struct save *s, const struct save_image *i, const char *digest,
                      const char *path) ERR_RESULT;
/* The whole of a file, which may be linked. */
struct err *save_file(const struct save *s, int from, const char *path) ERR_RESULT;
struct err *save_text(const struct save *s, const char *path, const char *text) ERR_RESULT;
/* Layer `index` compressed with gzip, into a file named by the hex of its new digest; the manifest learns of it. */
struct err *save_compressed(const struct save *s, struct save_image *i, size_t index) ERR_RESULT;
/* The manifest in the wanted family: as it is, or its descriptors translated. */
struct err *save_manifest_text(const struct save *s, const struct save_image *i, bool docker, char **ret) ERR_RESULT;

struct err *save_docker_archive(const struct save *s) ERR_RESULT;
struct err *save_oci(const struct save *s) ERR_RESULT;
struct err *save_docker_dir(const struct save *s) ERR_RESULT;
