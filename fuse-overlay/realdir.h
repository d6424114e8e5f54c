/* Directories of layers, by descriptor.
 *
 * A realdir knows its parent and its name there, so that its descriptor can be closed when there are too many and
 * opened again: component by component, never following a link, so nothing outside the layer is ever reached. */
#pragma once

#include "fuse-overlay/overlay.h"

/* One reference, the caller's; NULL when memory is out. The top of a layer has no parent and gets `fd`, which it owns.
 */
struct realdir *realdir_new(struct realdir *parent, const char *name, unsigned layer, int fd);
struct realdir *realdir_ref(struct realdir *rd);
void realdir_unref(struct overlay *fs, struct realdir *rd);
/* A descriptor, borrowed until the end of the request; or a negative errno. */
int realdir_fd(struct overlay *fs, struct realdir *rd);
/* It was renamed in its layer. */
int realdir_moved(struct overlay *fs, struct realdir *rd, struct realdir *parent, const char *name);
/* It is about to be removed: from now on its descriptor stays open. */
int realdir_pin(struct overlay *fs, struct realdir *rd);
/* At the end of a request: close what was not used for longest, down to the limit. */
void realdir_trim(struct overlay *fs);
