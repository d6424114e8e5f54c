/* Adding images to the store: what load, import (and whoever else brings images) share.
 *
 * All of one command's images are added together, or none. Documents and blobs are gathered in a staging directory,
 * layers are unpacked there side by side by coracle-layer; content_commit() syncs, moves everything to its place and
 * inserts all rows in one durable transaction. The store's content lock is held shared from begin to free, so that
 * nothing that was found present is removed meanwhile. Whatever goes wrong: content_free() leaves nothing behind.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"
#include "engine/image/manifest.h"
#include "engine/store/digest.h"
#include "engine/store/store.h"

struct engine;
struct content;

struct err *content_begin(struct engine *e, struct content **ret) ERR_RESULT;
void content_free(struct content *take_c);
void content_freep(struct content **c);
#define AUTO_CONTENT __attribute__((cleanup(content_freep)))
/* Where the caller may put files of its own. */
const struct store_staging *content_staging(const struct content *c);

/* A manifest or config. */
struct err *content_put_document(struct content *c, const void *data, size_t len, struct digest *ret) ERR_RESULT;

/* Any other file, from where `fd` stands to its end. At most `max` bytes. `keep_fd`: as in content_layer_source. */
struct err *content_put_file(struct content *c, int fd, uint64_t max, int keep_fd, struct digest *ret,
                             uint64_t *ret_bytes) ERR_RESULT;

struct content_layer_source {
    int fd;                  /* read to its end; borrowed, may be closed afterwards */
    bool is_ours;            /* a file in content_staging(): linked instead of copied */
    const char *diff_id;     /* expected; NULL: take what comes */
    const char *blob_digest; /* expected; NULL: take what comes */
    uint64_t size_bytes;     /* expected of the blob; UINT64_MAX: unknown */
    int keep_fd;             /* > 0: the blob is written to this file of the store's file system, from its start, and
                                linked from there: what came before a failure stays in it */
};
/* Start unpacking, unless the layer is in the store already. *ret_index: for content_layer_at(). Layers that are given
 * twice have one index. Errors name the layer; those of a layer given earlier may come out here too. */
struct err *content_put_layer(struct content *c, const struct content_layer_source *source,
                              size_t *ret_index) ERR_RESULT;
/* Whether nothing will be read from the layer's source, because it is in the store. */
bool content_layer_is_known(const struct content *c, size_t index);
/* How many layers are unpacked at once, where another number than the default is better. */
void content_set_jobs(struct content *c, size_t jobs);
/* Called ten times a second while layers are waited for, and files are copied. */
void content_set_tick(struct content *c, void (*fn)(void *arg), void *arg);
/* How much of a layer's blob has come, and how much of that was unpacked; *ret_done: all, and verified. Of a layer
 * whose blob is neither a file nor kept in one: 0 until it is done. */
void content_layer_moved(const struct content *c, size_t index, uint64_t *ret_came, uint64_t *ret_unpacked,
                         bool *ret_done);
/* All layers given so far are unpacked and verified. */
struct err *content_wait(struct content *c) ERR_RESULT;

/* Valid after content_wait(). */
struct content_layer {
    struct digest diff_id, blob;
    uint64_t blob_bytes, tar_bytes;
};
const struct content_layer *content_layer_at(const struct content *c, size_t index);

/* How the blob is compressed, by its content; ERR_UNSUPPORTED where OCI has no media type for it. */
struct err *content_packing(const struct content *c, size_t index, enum manifest_packing *ret) ERR_RESULT;
/* A layer whose compression has no media type (xz, bzip2) is packed anew, and then has other digests. */
struct err *content_make_portable(struct content *c, size_t index) ERR_RESULT;

struct content_image {
    struct digest manifest, config;
    size_t manifest_len, config_len;
    const char *media_type;
    const struct manifest_config *parsed; /* borrowed */
    const size_t *layers;                 /* indexes, bottom first; borrowed */
    const struct strv *names;             /* full names; borrowed */
    const struct strv *extra_digests;     /* further digests it is known by (of an index), or NULL */
    const char *pulled_digest;            /* the one among them that users shall see, or NULL */
    bool own_manifest;                    /* made here */
    const char *event;                    /* "loadfromarchive", "import" … */
};
/* Remember an image for the commit; documents and layers have been put. */
struct err *content_add_image(struct content *c, const struct content_image *image) ERR_RESULT;
/* The same where the documents were made here: puts them, and fills in what comes of them (`parsed` excepted). */
struct err *content_add_made(struct content *c, const char *config, const char *manifest,
                             struct content_image *image) ERR_RESULT;
/* Further rows, in the transaction of the commit, when blobs and images are in. */
void content_set_rows(struct content *c, struct err *(*write)(struct store *s, void *arg), void *arg);
struct err *content_commit(struct content *c) ERR_RESULT;
