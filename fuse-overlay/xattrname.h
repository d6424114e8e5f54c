/* Names of extended attributes: which are the format's own, and how a file system inside may use them all the same.
 *
 * What the overlay keeps in user.overlay.* and user.fuseoverlayfs.* never shows in the merged tree. A program in there
 * that wants such an attribute (another overlay) gets it under an escaped name on disk, user.overlay.overlay.*, as the
 * kernel's overlay does since 6.7. Computes only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define XATTRNAME_MAX 255

/* The name on disk for a name in the merged tree. 0, -EOPNOTSUPP when it can't be had, -ERANGE when too long. `ret` has
 * XATTRNAME_MAX + 1 bytes. */
int xattrname_to_disk(const char *name, char *ret);
/* The other way round; false: it does not show. */
bool xattrname_to_tree(const char *name, char *ret);
