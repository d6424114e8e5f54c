/* The requests of the kernel, one function for each, as libfuse's low-level interface calls them. Each sends exactly
 * one reply, with the lock already released. */
#pragma once

#define FUSE_USE_VERSION 312

#include <fuse_lowlevel.h>

#include "fuse-overlay/overlay.h"

extern const struct fuse_lowlevel_ops requests_ops;

/* Shared with requests_dir.c, requests_tree.c and protocol.c. */
struct overlay *requests_fs(fuse_req_t req);
void requests_unlock(struct overlay *fs);
/* An entry to answer with; the node is remembered. `st`: of its real inode. */
void requests_entry(struct overlay *fs, struct node *n, const struct stat *raw, struct fuse_entry_param *ret);

void request_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void request_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void request_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void request_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi);
void request_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void request_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void request_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name);
void request_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void request_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void request_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent, const char *new_name,
                    unsigned flags);
void request_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void request_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off, struct fuse_file_info *fi);
void request_fsync(fuse_req_t req, fuse_ino_t ino, int data_only, struct fuse_file_info *fi);
void request_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len, struct fuse_file_info *fi);
void request_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi);
void request_copy_file_range(fuse_req_t req, fuse_ino_t in, off_t in_at, struct fuse_file_info *in_fi, fuse_ino_t out,
                             off_t out_at, struct fuse_file_info *out_fi, size_t len, int flags);
