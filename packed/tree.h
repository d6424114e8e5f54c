/* The files of a packed image (squashfs), read by libsquashfuse. Private to coracle-packed.
 *
 * libsquashfuse is not thread-safe and its caches belong to what was opened, so each thread opens a tree of its own on
 * the same descriptor (pread only). An inode is known by where it is in the file; nothing is remembered between calls.
 * The file is hostile: whoever calls is confined, and what comes from the library is checked for size and range.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/err.h"

struct tree;
/* Borrows `fd`. ERR_INVALID for what is no squashfs that can be read here. */
struct err *tree_open(int fd, struct tree **ret) ERR_RESULT;
void tree_free(struct tree *t);

/* Everything below returns 0 or more, or a negative errno. */
uint64_t tree_root(const struct tree *t);
int tree_stat(struct tree *t, uint64_t inode, struct stat *ret);
/* -ENOENT. */
int tree_lookup(struct tree *t, uint64_t dir, const char *name, uint64_t *ret);
/* With a NUL at the end. */
int tree_readlink(struct tree *t, uint64_t inode, char *buf, size_t size);
ssize_t tree_read(struct tree *t, uint64_t inode, void *buf, size_t size, off_t offset);
/* Entries from *cookie on (0: the first), "." and ".." left out; `fn` returns false when it takes no more. `next` is
 * the cookie behind the entry. */
struct tree_entry {
    const char *name;
    uint64_t inode;
    mode_t type;
    uint64_t number; /* st_ino */
    off_t next;
};
typedef bool (*tree_entry_fn)(void *arg, const struct tree_entry *e);
int tree_list(struct tree *t, uint64_t dir, off_t cookie, tree_entry_fn fn, void *arg);
/* False: no file has any. */
bool tree_has_xattrs(const struct tree *t);
/* The length; with size 0 only that. -ENODATA, -ERANGE. */
ssize_t tree_getxattr(struct tree *t, uint64_t inode, const char *name, void *buf, size_t size);
/* Names, each with its NUL. */
ssize_t tree_listxattr(struct tree *t, uint64_t inode, char *buf, size_t size);
struct tree_usage {
    uint32_t block_size;
    uint64_t bytes, inodes;
};
struct tree_usage tree_usage(const struct tree *t);
