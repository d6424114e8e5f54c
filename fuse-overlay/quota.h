/* Limits of what a mount may keep in its upper directory: bytes on disk, and files.
 *
 * What is there at the beginning is counted once, by walking. From then on whatever changes a file asks the file system
 * before and after how much the file takes (st_blocks, which includes what will be allocated later) and adds the
 * difference; nothing is remembered for a single file. What has lost its last name counts until nobody has it open any
 * more. Whiteouts don't count, nor what is staged in the work directory; directories do, as they grow.
 *
 * The limit says ENOSPC before anything is written. What exists already may be overwritten when it is reached. File
 * systems that allocate more or less when they write back (extent blocks, compression) make the sum a little wrong,
 * until the next mount counts again.
 *
 * Without limits fs->quota is NULL, and nothing here costs anything. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <sys/statvfs.h>

#include "fuse-overlay/overlay.h"

struct quota {
    int64_t max_bytes, max_files; /* 0: no limit */
    atomic_llong bytes, files;
    pthread_mutex_t writes; /* from asking to adding; never together with fs->lock */
    bool is_strict;         /* a file claimed to be whole and wasn't: only its ranges with data count as there */
};

/* Count, if opts->max_bytes or opts->max_files are set. The layers are open. */
struct err *quota_open(struct overlay *fs) ERR_RESULT;
void quota_free(struct quota *q);

/* May there be so much more? 0, -ENOSPC. Adds it then. */
int quota_take(struct overlay *fs, int64_t bytes, int64_t files);
/* It is more or, below 0, less. */
void quota_add(struct overlay *fs, int64_t bytes, int64_t files);
/* What an open file or directory takes; 0 without limits. */
int64_t quota_bytes(const struct overlay *fs, int fd);
int64_t quota_stat_bytes(const struct stat *st);
/* The same of a directory of the upper layer that is about to go. */
int64_t quota_dir_bytes(struct overlay *fs, struct node *dir);
/* A file without a name is freed: what its descriptor still holds is free now. */
void quota_forget(struct overlay *fs, const struct node *n);

/* Around what changes data, without fs->lock. Begin: how many of `size` bytes at `at` may be written, at least one;
 * -ENOSPC: end must not be called then. */
struct quota_change {
    int64_t before;
    bool is_there; /* it was let through because it is there already */
};
int64_t quota_begin(struct overlay *fs, int fd, off_t at, size_t size, struct quota_change *c);
void quota_end(struct overlay *fs, int fd, const struct quota_change *c);

/* The limits in the place of the file system's own sizes. */
void quota_statfs(const struct overlay *fs, struct statvfs *vfs);
