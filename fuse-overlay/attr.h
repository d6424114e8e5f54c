/* Attributes: from an inode of a layer to what the merged tree shows, and back. */
#pragma once

#include "fuse-overlay/overlay.h"

/* Owner, mode and device as they are meant to be, whatever the layer keeps them in; ids as on disk. */
struct owner {
    uid_t uid;
    gid_t gid;
    mode_t mode; /* with the file type */
    dev_t rdev;
};

/* Where the real file of a node is: a directory's descriptor, borrowed, and a name in it ("." for a directory itself).
 * -ESTALE when it has no name any more: node->file has it then. */
int attr_place(struct overlay *fs, struct node *n, int *ret_dirfd, const char **ret_name);
/* The real inode's attributes. */
int attr_raw(struct overlay *fs, struct node *n, struct stat *ret);
/* Turn the real inode's attributes into those to show. For directories node->dir->mode is set. */
void attr_show(struct overlay *fs, struct node *n, struct stat *st);
int attr_get(struct overlay *fs, struct node *n, struct stat *ret);

/* The owner that `st`, the inode dirfd/name of a layer, stands for. */
struct owner attr_owner(struct overlay *fs, unsigned layer, int dirfd, const char *name, const struct stat *st);
/* Give it to a file in the upper or work directory. `have`: what it has already, so that as little as possible is done.
 */
int attr_set_owner(struct overlay *fs, int dirfd, const char *name, const struct owner *want, const struct stat *have);
/* Ids in the merged tree to ids on disk. 0, -EOVERFLOW. */
int attr_ids_to_disk(const struct overlay *fs, uint32_t uid, uint32_t gid, struct owner *ret);
/* File type on disk: with override_stat special files are regular ones. */
mode_t attr_disk_type(const struct overlay *fs, mode_t type);

/* SETATTR: what `mask` names of `st`. */
enum attr_mask {
    ATTR_MODE = 1,
    ATTR_UID = 2,
    ATTR_GID = 4,
    ATTR_SIZE = 8,
    ATTR_ATIME = 16,
    ATTR_MTIME = 32,
    ATTR_ATIME_NOW = 64,
    ATTR_MTIME_NOW = 128,
    ATTR_KILL = 256, /* take set-user-id and set-group-id away */
};
int attr_set(struct overlay *fs, struct node *n, const struct stat *st, unsigned mask);
/* Take them away, as a write by somebody without CAP_FSETID does. Returns whether there were any, or an errno. */
int attr_kill_suid(struct overlay *fs, struct node *n);
