/* What the files of the image module share. Not for other folders. */
#pragma once

#include "engine/engine.h"
#include "engine/image/image.h"
#include "engine/image/manifest.h"
#include "engine/store/store.h"

#define AUTO_IMAGE __attribute__((cleanup(image_freep)))
void image_freep(struct image **i);
/* More names than this in one place are nobody's wish. */
#define IMAGE_LIST_MAX ((size_t)1 << 20)

/* By exact id; ERR_NOT_FOUND. */
struct err *image_fetch(struct store *s, const char *id, struct image **ret) ERR_RESULT;
/* As image_find(), for a platform (NULL: this machine's) where the name is a manifest list's. */
struct err *image_find_for(struct engine *e, const char *name, const struct image_platform *platform,
                           struct image **ret) ERR_RESULT;
/* The list's image for a platform, if it is here; ERR_NOT_FOUND says what there is. index.c. */
struct err *index_instance(struct engine *e, const struct image *list, const struct image_platform *platform,
                           struct image **ret) ERR_RESULT;
/* Names and digest names, oldest of each first. */
struct err *image_all_names(const struct image *i, struct strv *ret) ERR_RESULT;
/* As image_find(), only the id, and a manifest list stands for itself. With `ret_name`: the full name by which it was
 * found, NULL when by id or by a digest that is not a name. */
struct err *image_find_id(struct store *s, const char *name, char **ret_id, char **ret_name) ERR_RESULT;

/* Inside a transaction: point a full name to an image, moving it from where it was. */
struct err *image_name_set(struct store *s, const char *full_name, const char *id, int64_t now_nsec) ERR_RESULT;
/* Inside a transaction: the digests that an image is known by are known for one more repository. */
struct err *image_digests_copy(struct store *s, const char *full_name, const char *id) ERR_RESULT;

/* Config and manifest, parsed. */
struct err *image_parse_config(struct engine *e, const struct image *i, struct manifest_config *ret) ERR_RESULT;
struct err *image_parse_manifest(struct engine *e, const struct image *i, struct manifest *ret) ERR_RESULT;
/* One line of a config's history. Strings borrowed from the config. */
struct image_history_entry {
    const char *created, *created_by, *comment, *author;
    bool empty_layer;
};
/* Both by index; the count is json_array_size(). *ret_array is borrowed and may be NULL. */
struct err *image_history_array(const struct manifest_config *c, json_t **ret_array) ERR_RESULT;
struct err *image_history_entry(json_t *array, size_t index, struct image_history_entry *ret) ERR_RESULT;

/* The image that `i` was built on by one more step (Podman's rule: the same layers below, and the same history but for
 * the last line); *ret is NULL when it isn't here. */
struct err *image_parent(struct engine *e, const struct image *i, struct image **ret) ERR_RESULT;
struct err *image_has_children(struct engine *e, const struct image *i, bool *ret) ERR_RESULT;
/* Ids of layers as Podman has them: chains of hashes over diff ids; 64 hex each. */
struct err *image_chain_ids(const struct image *i, struct strv *ret) ERR_RESULT;
/* Sizes of the layers, bottom first; `ret` has room for all. */
struct err *image_layer_sizes(struct store *s, const struct image *i, uint64_t *ret) ERR_RESULT;
