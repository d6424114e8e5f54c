/* Whiteouts in the upper directory: devices 0/0, hard links of one; where those can't be made, ".wh.<name>" files,
 * and where those can't either, files with an attribute (whiteout.c). */
#pragma once

#include "fuse-overlay/overlay.h"

/* Hide dirfd/name, which does not exist in the upper directory. */
int whiteout_make(struct overlay *fs, int dirfd, const char *name);
/* Replace what is there, at one blow: a file, or a directory whose entries are whiteouts. */
int whiteout_over_file(struct overlay *fs, int dirfd, const char *name);
int whiteout_over_dir(struct overlay *fs, int dirfd, const char *name);
/* Remove a directory whose entries are whiteouts, without putting a whiteout into its place. */
int whiteout_rmdir(struct overlay *fs, int dirfd, const char *name);
/* Take away the ".wh." file of a name that exists (again). */
void whiteout_drop_file(int dirfd, const char *name);
/* Hide everything that lower layers have below the directory dirfd/name (not yet visible: in the work directory). */
int whiteout_set_opaque(struct overlay *fs, int dirfd, const char *name);
