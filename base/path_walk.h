/* Resolving a path inside a root without openat2: the part of path_open_in_root() for kernels and seccomp filters that
 * lack it. Used by path_root.c; public only for its tests. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Thin: a descriptor, or a negative errno, the same that openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS) gives.
 * `make_dirs`: directories that are missing on the way, the last one included, are made (0755, the last one `mode`,
 * whatever the umask). */
int path_walk_open(int rootfd, const char *path, int flags, mode_t mode, bool make_dirs);
