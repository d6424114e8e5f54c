/* Making packed images (packdoc.h) and filling image stores (outside.h). mksquashfs does the work. */
#pragma once

#include "base/err.h"
#include "engine/image/image.h"

struct image_pack_opts {
    const char *compression; /* "zstd" (NULL), "lz4", "gzip", "xz", "none" */
    int level;               /* 0: the usual one */
    bool unpacked;           /* into a store: plain files, which belong to the user and are for all to read */
};
/* The image `name` as the file `path`, which appears whole. ERR_NOT_FOUND: squashfs-tools are missing. */
struct err *image_pack(struct engine *e, const char *name, const char *path,
                       const struct image_pack_opts *opts) ERR_RESULT;
/* Into the store `dir`, which is made when needed. *ret_id. */
struct err *image_pack_into(struct engine *e, const char *name, const char *dir, const struct image_pack_opts *opts,
                            char **ret_id) ERR_RESULT;
/* Take an image out of the store, by name or id. */
struct err *image_pack_remove(const char *name, const char *dir, char **ret_id) ERR_RESULT;
