/* Extended attributes of the merged tree. All return a size or 0, or a negative errno. */
#pragma once

#include "fuse-overlay/overlay.h"

/* size 0: how long it is. Most files have none, which is remembered, so that the questions that the kernel asks with
 * each access (capabilities, access control lists) cost nothing. */
int xattr_get(struct overlay *fs, struct node *n, const char *name, char *buf, size_t size);
int xattr_list(struct overlay *fs, struct node *n, char *buf, size_t size);
int xattr_set(struct overlay *fs, struct node *n, const char *name, const char *value, size_t size, int flags);
int xattr_remove(struct overlay *fs, struct node *n, const char *name);
