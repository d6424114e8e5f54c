/* A new image from another one and one more layer: what `commit` does behind the container's side of it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

struct engine;
struct image;

struct image_commit_opts {
    const struct image *base; /* whose layers are below; NULL: the layer is the whole image */
    const struct image *from; /* what the platform and the past are taken from; NULL: this machine's, none */
    int layer_fd;             /* the layer, a plain tar, read to its end; may be a pipe; borrowed */
    json_t *settings;         /* the config's "config" object; borrowed */
    const char *name;         /* reference for it, or NULL */
    const char *author, *message, *container_id;
    const char *created_by, *comment; /* of its line in the history */
    bool docker;                      /* Docker's formats rather than OCI's */
    void (*progress)(void *arg, const char *line);
    void *progress_arg;
};
/* Called when the layer was read, before the image comes into being: an error of the layer's source goes first. */
struct image_commit_source {
    struct err *(*finish)(void *arg, const char *diff_id);
    void *arg;
};
/* Waits for the layer; the new image's id. */
struct err *image_commit(struct engine *e, const struct image_commit_opts *opts,
                         const struct image_commit_source *source, char **ret_id) ERR_RESULT;
/* The config's "config" object of an image, a copy; an empty one when it has none. */
struct err *image_settings(struct engine *e, const struct image *i, json_t **ret) ERR_RESULT;
/* Refuses what cannot be an image's name. */
struct err *image_commit_check_name(const char *name) ERR_RESULT;
