/* Open files. There is no OPEN and no RELEASE request (the kernel is told ENOSYS): a descriptor is opened when data is
 * needed first and kept for a while, so several programs share one. What has lost its last name keeps its descriptor
 * until the kernel forgets it. */
#pragma once

#include "fuse-overlay/overlay.h"

/* A counted file of a regular file's node; `write`: of the upper directory (copyup_file() comes first). */
int file_get(struct overlay *fs, struct node *n, bool write, struct file **ret);
/* May be called without the lock, as file_ref() by whoever has it already. */
void file_put(struct file *f);
static inline void file_ref(struct file *f)
{
    atomic_fetch_add(&f->refs, 1);
}
/* Its last name is about to go: make sure there is a descriptor. */
int file_keep(struct overlay *fs, struct node *n);
/* `take_fd` becomes the node's file, instead of what it had. */
int file_set(struct overlay *fs, struct node *n, int take_fd, bool is_writable);
/* The node is freed. */
void file_disown(struct overlay *fs, struct node *n);
/* At the end of a request, as realdir_trim(). */
void file_trim(struct overlay *fs);
/* It has a name again, or never had one: whether it may be closed for want of descriptors. */
void file_relist(struct overlay *fs, struct node *n);
