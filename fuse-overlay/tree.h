/* Operations on the merged tree: what changes names. One function for a request; each returns 0 or a negative errno. */
#pragma once

#include "fuse-overlay/overlay.h"

struct tree_new {
    struct node *parent;
    const char *name;
    mode_t mode; /* with the file type */
    dev_t rdev;
    const char *target; /* of a symbolic link */
    uid_t uid;          /* of the process that asks */
    gid_t gid;
    mode_t umask;
};

/* make.c: a file, directory, link or special file. The node is not remembered; *ret_st is its real inode. */
int tree_make(struct overlay *fs, const struct tree_new *t, struct node **ret, struct stat *ret_st);
/* A file without a name (O_TMPFILE); tree_link() may give it one. */
int tree_make_tmpfile(struct overlay *fs, const struct tree_new *t, struct node **ret, struct stat *ret_st);
int tree_link(struct overlay *fs, struct node *n, struct node *parent, const char *name);
/* remove.c */
int tree_unlink(struct overlay *fs, struct node *parent, const char *name);
int tree_rmdir(struct overlay *fs, struct node *parent, const char *name);
/* rename.c; flags of renameat2(2) */
int tree_rename(struct overlay *fs, struct node *from, const char *from_name, struct node *to, const char *to_name,
                unsigned flags);

/* Between these files. A name of a node that is no directory is gone from its layer: its links, and those of its copy.
 */
void tree_count_unlinked(struct overlay *fs, struct node *n, unsigned layer);
/* Descriptors of what is about to lose its last name `d`. */
int tree_keep(struct overlay *fs, struct dentry *d, struct node *n);
/* After dir_remove(): there is a whiteout now. */
int tree_add_whiteout(struct overlay *fs, struct node *parent, const char *name);
