/* What a file was before it was copied up: so that its inode number stays, and its hard links stay together.
 *
 * Lives as long as the mount. A copied-up file is known by its inode in the upper directory; it keeps the number that
 * it was shown with. A lower file with several links gets an entry when one of them is removed or copied up: names of
 * it that are looked up later become links to the copy (lookup.c), which a link in the work directory, "ix<number>",
 * keeps reachable meanwhile. */
#pragma once

#include "fuse-overlay/overlay.h"

struct origin {
    struct origin *next;
    uint64_t key;       /* inode in the upper directory; of a link group: in the lower layer */
    uint64_t ino;       /* number to show; of a link group: inode of the copy, 0 before there is one */
    uint32_t dev_index; /* of a link group's lower file system */
    int32_t bias;       /* links to show = those of the real file + bias */
    uint64_t index;     /* N of "ix<N>" in the work directory, or 0 */
    bool is_group;
};

struct origins *origins_new(void);
void origins_free(struct origins *o);

/* Entry of a copied-up file, by its inode in the upper directory; NULL when there is none. */
struct origin *origin_find(const struct overlay *fs, uint64_t upper_ino);
/* Number to show for an inode of a layer. */
uint64_t origin_ino(const struct overlay *fs, unsigned layer, uint64_t real_ino);
/* Make the entry, or replace it. NULL when memory is out. */
struct origin *origin_set(struct overlay *fs, uint64_t upper_ino, uint64_t ino);
void origin_drop(struct overlay *fs, uint64_t upper_ino);
/* The group of hard links that a lower file belongs to; make: an empty one is made. */
struct origin *origin_group(struct overlay *fs, uint32_t dev_index, uint64_t lower_ino, bool make);
/* A name of the copy was removed; when no link is left to show, the entry goes, and its link in the work directory. */
void origin_unlinked(struct overlay *fs, uint64_t upper_ino, int64_t links_left);
