/* What the files of load share. */
#pragma once

#include "engine/image/content.h"
#include "engine/image/internal.h"

struct load {
    struct engine *engine;
    const struct image_load_opts *opts;
    struct image_platform platform; /* resolved */
    bool platform_asked;            /* by the user */
    struct content *content;
    int dirfd;            /* the archive's files */
    bool is_ours;         /* in staging, so nobody changes them; else read once and copied */
    const char *dir_name; /* of a directory that the user named, or NULL */
    struct strv names;    /* for the user: full names, or "sha256:<id>" */
};

/* Whether the archive has this file. */
bool load_has(const struct load *l, const char *path);
/* Open a regular file of the archive; links inside it are followed, and lead nowhere else. */
struct err *load_open(const struct load *l, const char *path, int *ret_fd) ERR_RESULT;
struct err *load_read(const struct load *l, const char *path, size_t max, char **ret, size_t *ret_len) ERR_RESULT;

/* One image of an archive. `manifest` NULL: it is made from the layers. */
struct load_image {
    const char *manifest, *media_type;
    size_t manifest_len;
    const char *config;
    size_t config_len;
    const struct strv *layer_paths;           /* bottom first */
    const struct manifest_descriptor *layers; /* what the manifest says of them, or NULL */
    const struct strv *names, *extra_digests; /* extra_digests may be NULL */
};
/* Verify, unpack, remember for the commit; adds to l->names. */
struct err *load_add(struct load *l, const struct load_image *image) ERR_RESULT;

/* A manifest and what it refers to, in files named by their digests: "<dir>/<hex>", `dir` "" or "blobs/sha256/". */
struct err *load_by_digests(struct load *l, const char *dir, const char *manifest, size_t manifest_len,
                            const char *media_type, const struct strv *names,
                            const struct strv *extra_digests) ERR_RESULT;
/* May it come in? Archives and layouts have no signatures; directories of one image may. */
struct err *load_verify(const struct load *l, const char *transport) ERR_RESULT;
struct err *load_verify_dir(const struct load *l, const char *manifest, size_t len) ERR_RESULT;
struct err *load_docker(struct load *l, const char *manifest_json, size_t len) ERR_RESULT;
struct err *load_oci(struct load *l) ERR_RESULT;
