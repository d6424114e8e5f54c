/* Packed images: one file shown as a directory tree by one process, coracle-packed, for all that use it.
 *
 * The mount is `dir`/<what the file is>/root, in the session's mount namespace, from where it spreads into those of
 * monitors. It is there to be found by the next one who needs the same file; overlays keep the file system alive
 * without it, for as long as they need it, and coracle-packed ends with the last of both (packed/main.c). So taking the
 * mount away too early costs a second process, and nothing else. A file that was replaced is another file, and gets a
 * mount of its own.
 */
#pragma once

#include "base/err.h"

/* Have the file `path` mounted below `dir` (in a file system of the session), unless it is. *ret_path: its root.
 * ERR_UNSUPPORTED where FUSE isn't to be had; ERR_INVALID for what is no packed image. */
struct err *storage_packed(const char *dir, const char *path, char **ret_path) ERR_RESULT;
/* Until *ret_fd is closed nothing is swept: from before storage_packed() until somebody has mounted what it gave. */
struct err *storage_packed_hold(const char *dir, int *ret_fd) ERR_RESULT;
/* Take the mounts away, unless somebody holds them. */
void storage_packed_sweep(const char *dir);
