/* Which directories were changed since the mount: what `diff` and `commit` have to look at, without walking anything.
 *
 * A directory is noted once, by its path in the merged tree when that happened, when an entry of it is made, removed,
 * renamed, copied up or gets other attributes. Read by an ioctl(2) on any directory of the mount (changes_ioctl.h). */
#pragma once

#include "fuse-overlay/overlay.h"

struct changes;

struct changes *changes_new(void);
void changes_free(struct changes *c);
/* Something in the directory changed; best effort: when memory is out the set says that it is incomplete. */
void changes_dir(struct overlay *fs, struct node *dir);
/* Attributes or data of the node changed: that concerns the directories of its names. */
void changes_node(struct overlay *fs, struct node *n);
/* Paths from the `from`th on, each ending in NUL, as many as fit. Returns how many; *ret_incomplete: some were lost. */
size_t changes_read(const struct changes *c, size_t from, char *buf, size_t size, size_t *ret_bytes,
                    bool *ret_incomplete);
