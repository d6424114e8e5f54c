/* Data of regular files. These take and let go of fs->lock themselves: only finding the file needs it. All return a
 * count, an offset or 0, or a negative errno. */
#pragma once

#include "fuse-overlay/overlay.h"

/* A counted file to read from; file_put() it. */
int io_open(struct overlay *fs, struct node *n, bool write, struct file **ret);
ssize_t io_write(struct overlay *fs, struct node *n, const char *data, size_t size, off_t at, bool kill_suid);
int io_fsync(struct overlay *fs, struct node *n, bool data_only);
int io_fallocate(struct overlay *fs, struct node *n, int mode, off_t at, off_t len);
int io_seek(struct overlay *fs, struct node *n, off_t at, int whence, off_t *ret);
ssize_t io_copy_range(struct overlay *fs, struct node *from, off_t from_at, struct node *to, off_t to_at, size_t len);
