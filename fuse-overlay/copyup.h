/* Copying up: a lower file or directory appears in the upper directory, whole, by rename from the work directory.
 *
 *     1. the parents, from the root downwards
 *     2. a staged file: data (FICLONE, copy_file_range, holes kept), owner, mode, attributes, times
 *     3. rename to its place; the parent gets its times back
 *     4. the node now lives in the upper layer, with the number it had
 *
 * Set-user-id bits and capabilities of a layer where they had no effect (nosuid, or an owner that has no meaning in
 * this user namespace) are not carried over: nobody may gain a right by writing to a file (CVE-2023-0386). The data is
 * sent on its way to the disk before the name can be there, of small files soon after (writeout.h), but copying up
 * doesn't wait for it; fsync(2) does. */
#pragma once

#include "fuse-overlay/overlay.h"

enum copyup_flags {
    COPYUP_KEEP_LOCK = 1, /* never let go of fs->lock, however large the file */
};

/* 0: it is in the upper layer. -EROFS. */
int copyup_dir(struct overlay *fs, struct node *dir);
/* At most `size` bytes of data, -1: all. 0: done, or nothing to do; 1: the same, but the lock was let go of meanwhile,
 * so what the caller knew about names may be out of date. */
int copyup_file(struct overlay *fs, struct node *n, off_t size, unsigned flags);
/* A directory with all that is below it, so that it consists of its upper directory alone; keeps the lock. */
int copyup_tree(struct overlay *fs, struct node *dir);
/* `d` names a lower file that was copied up under another name: make it a link to the copy. */
int copyup_join(struct overlay *fs, struct dentry *d);
/* Wait until nobody copies the node up; true when that took the lock away. */
bool copyup_wait(struct overlay *fs, struct node *n);

/* Between the files of it: owner, attributes and times of a staged file (copyup_attr.c). */
struct copyup_source {
    unsigned layer;
    int dirfd; /* -1: by `fd` alone */
    const char *name;
    int fd;        /* open, for regular files; else -1 */
    bool is_plain; /* known to have no extended attributes */
    struct stat st;
};
/* `fd`: of the staged file, or -1. */
int copyup_attributes(struct overlay *fs, const struct copyup_source *from, const char *staged, int fd);
/* Links of a copied-up file that had several (copyup_links.c). */
int copyup_links(struct overlay *fs, struct node *n, const struct stat *lower, const struct stat *upper);
/* The same for one whose name was removed: 1 when others may be there, so that the staged file is kept for them. */
int copyup_links_removed(struct overlay *fs, struct node *n, const struct stat *lower, uint64_t upper_ino,
                         uint64_t staged);
/* Put a directory's times back after something was renamed into it. */
void copyup_restore_times(int dirfd, const struct stat *st);
