/* What commit.c is made of besides. */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "engine/container/container.h"

struct container_root;
struct image;

/* commit_settings.c: the "config" object of the new image: the image's, what the container was told, --change. */
struct err *commit_settings(struct engine *e, const struct container *c, const struct image *i,
                            const struct container_commit_opts *opts, json_t **ret) ERR_RESULT;
/* commit_gather.c, driver copy: the container's changes as a layer in the empty directory `to_dirfd`: files are hard
 * links, deletions .wh. files. */
struct err *commit_gather(const struct container_root *r, int to_dirfd) ERR_RESULT;
