/* An image of one layer, made of the files of an image that is not in our own store (outside.h): those have their files
 * and documents, but not the layers that they came with, which pushing, saving and committing need.
 *
 * It is in staging, for one command; only a commit takes the layer into the store. The same files make the same image
 * each time.
 */
#pragma once

#include "base/err.h"
#include "engine/image/image.h"
#include "engine/store/digest.h"
#include "engine/store/store.h"

struct flat {
    struct store *store;
    char *from_id;
    struct image *image; /* with its documents; no layer_dirs, and no origin. Owned */
    struct store_staging staging;
};
/* `from` has an origin. Gives this process a private mount namespace: for commands that end afterwards. */
struct err *flat_make(struct engine *e, const struct image *from, struct flat **ret) ERR_RESULT;
void flat_free(struct flat *take_f);
void flat_freep(struct flat **f);
#define AUTO_FLAT __attribute__((cleanup(flat_freep)))
/* Its layer, or its config; for push_source, `arg` is the flat. */
struct err *flat_open(void *arg, const char *digest, uint64_t size_bytes, int *ret_fd) ERR_RESULT;
