/* From names to nodes. */
#pragma once

#include "fuse-overlay/overlay.h"

/* The entry `name`, or a negative errno: -ENOENT when there is none. Reads the directory if that was not done yet. */
int lookup_entry(struct overlay *fs, struct node *dir, const char *name, struct dentry **ret);
/* The same, but a whiteout is returned as well and nothing at all is success with NULL. */
int lookup_any(struct overlay *fs, struct node *dir, const char *name, struct dentry **ret);
/* The node of an entry, made if there is none; not remembered. `ret_raw`: the real inode's attributes, may be NULL. */
int lookup_node(struct overlay *fs, struct dentry *d, struct node **ret, struct stat *ret_raw);
/* Check a name that shall come into being: -EINVAL for those of the format, -ENAMETOOLONG. */
int lookup_check_new(const struct overlay *fs, const char *name);
/* A node for an entry that has none, whose real inode is known to be `st` and to have no other name in memory. */
int lookup_attach(struct overlay *fs, struct dentry *d, const struct stat *st, struct node **ret);
