/* The work directory: where files come into being before they appear by rename, and where they go to be removed. */
#pragma once

#include "fuse-overlay/overlay.h"

struct stage_name {
    char s[24];
};

/* Name of the Nth staged file, "#<N>". */
struct stage_name stage_name(uint64_t number);
/* A number that was not used before. */
uint64_t stage_new(struct overlay *fs);
/* Remove a staged file, or a directory with everything directly in it (whiteouts; a deeper tree stays for the end). */
void stage_remove(struct overlay *fs, uint64_t number);
/* Remove what is directly in a directory of the upper or work tree, entries that are directories excepted. */
int stage_clear_dir(struct overlay *fs, int dirfd);
/* Rename a staged file to dirfd/name. Flags of renameat2(2). */
int stage_place(struct overlay *fs, uint64_t number, int dirfd, const char *name, unsigned flags);
