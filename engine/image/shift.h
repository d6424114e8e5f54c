/* Copies of an image's layers with other owners, for containers with a user namespace of their own.
 *
 * The kernel's overlay cannot shift owners for an ordinary user, so a layer is copied once per id map and kept (row in
 * `layers` with its map; swept when no container or image needs it). The overlay of our own does without.
 */
#pragma once

#include "base/err.h"
#include "base/strv.h"
#include "engine/image/image.h"
#include "userns/idmap.h"

/* Directory names of the layers of `i` whose files belong to what `uids` and `gids` map (ct id to session id), bottom
 * first; made where they are missing. Takes as long as a copy of the image the first time. */
struct err *image_shifted_layers(struct engine *e, const struct image *i, const struct idmap *uids,
                                 const struct idmap *gids, struct strv *ret_dirs) ERR_RESULT;
