/* Deletions: from the .wh. entries of a layer to what overlayfs understands, and back.
 *
 * A whiteout is a character device 0/0. Linux lets anybody make that one (5.8), but some file systems and sandboxes
 * refuse; since Linux 6.7 a lower layer may instead hold an empty file with user.overlay.whiteout in a directory that
 * has user.overlay.opaque=x. Which form is taken shows at the first whiteout.
 * Sources: OCI image-spec layer.md "Whiteouts"; kernel Documentation/filesystems/overlayfs.rst.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define WHITEOUT_META_PREFIX ".wh..wh." /* AUFS' own files, except the opaque mark: not part of the tree */

enum whiteout_kind {
    WHITEOUT_NONE, /* an ordinary entry */
    WHITEOUT_FILE, /* deletes the name behind the prefix */
    WHITEOUT_OPAQUE_DIR,
    WHITEOUT_IGNORED,
    WHITEOUT_INVALID, /* ".wh." alone, or one that deletes "." or ".." */
};
/* By the last part of an entry's name. */
enum whiteout_kind whiteout_kind_of(const char *last);

/* Delete `victim` in `dirfd` from the layers below. Whiteouts act on lower layers only: what this layer itself has
 * under that name stays, and a directory becomes opaque. ERR_UNSUPPORTED where neither form can be made. */
struct err *whiteout_make(int dirfd, const char *victim) ERR_RESULT;
/* Mark a directory opaque: nothing of the lower layers shows through. */
struct err *whiteout_set_opaque(int dirfd) ERR_RESULT;
/* Is this existing entry (with `st` from lstat) a whiteout of either form? */
bool whiteout_is_one(int dirfd, const char *name, const struct stat *st);
bool whiteout_dir_is_opaque(int dirfd);
/* Attributes that belong to overlayfs and to no layer: an archive must not bring them in. */
bool whiteout_owns_xattr(const char *xattr);
