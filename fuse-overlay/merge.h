/* Reading a directory: one listing out of those of all the layers that it consists of. */
#pragma once

#include "fuse-overlay/overlay.h"

/* Read it completely, unless it is. Whiteouts (devices 0/0, ".wh.<name>" files, the kernel's zero-sized files with an
 * attribute) hide what lower layers have, opaque directories everything below; a name that is something else than a
 * directory ends the merging of that name. 0 or a negative errno, then nothing is kept. */
int merge_load(struct overlay *fs, struct node *dir);
