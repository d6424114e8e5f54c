/* Root file systems of images as directories, read-only, in the session's mount namespace; and comparing them.
 *
 * They are counted (engine/storage/counted.h) in <run_dir>/images/<id>/ and live as long as the session. Everything
 * here is called inside the session.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/strv.h"
#include "engine/image/treediff.h"

struct engine;
struct image;

/* Mount it, or count one more user. *ret_path: where, in the session's mount namespace. */
struct err *image_mount(struct engine *e, const struct image *i, char **ret_path) ERR_RESULT;
/* Count one user less, and unmount with the last; force: now. *ret_was: it was mounted. */
struct err *image_unmount(struct engine *e, const char *id, bool force, bool *ret_was) ERR_RESULT;
/* The same at a user's request, which is told as an event. */
struct err *image_unmount_user(struct engine *e, const char *id, bool force, bool *ret_was) ERR_RESULT;
/* Ids of all that are mounted. */
struct err *image_mounted(struct engine *e, struct strv *ret_ids) ERR_RESULT;
/* Where an image is mounted; *ret stays NULL when it isn't. */
struct err *image_mount_path(struct engine *e, const char *id, char **ret) ERR_RESULT;

/* Layers, bottom first, read-only on `target`. `lasting`: as long as the session, not only as long as this command. */
struct err *image_mount_layers(struct engine *e, const struct strv *layers, const char *target,
                               bool lasting) ERR_RESULT;

/* Its files, in a private mount namespace of this process: for commands that end afterwards. *ret_path: where. */
struct err *image_mount_private(struct engine *e, const struct image *i, char **ret_path) ERR_RESULT;

/* What makes `i` of `parent`; NULL: of all its layers but the topmost. Paths that every container has anew are left
 * out. Gives this process a private mount namespace: for commands that end afterwards. */
struct err *image_diff(struct engine *e, const struct image *i, const struct image *parent,
                       struct tree_changes *ret) ERR_RESULT;
