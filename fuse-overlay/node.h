/* Nodes and names: the merged tree as far as it is in memory. What is behind them is filled in by merge.h and lookup.h.
 *
 * Who holds a node: the kernel (lookups), requests that work without the lock, and the nodes of its entries. When
 * nobody does, it is freed, and its name remains in its directory with the inode number only. When a directory's node
 * is freed so are all its names: memory is bounded by what the kernel remembers. */
#pragma once

#include "fuse-overlay/overlay.h"

/* Without references; NULL when memory is out. */
struct node *node_new(unsigned type, unsigned layer, uint64_t real_ino, uint64_t ino);
/* From a number that the kernel sent; 1 is the root. */
struct node *node_get(struct overlay *fs, uint64_t number);
uint64_t node_number(const struct overlay *fs, const struct node *n);
void node_ref(struct node *n);
void node_unref(struct overlay *fs, struct node *n);
/* Free it if nobody holds it: after dentry_node() for a moment's use. */
void node_drop(struct overlay *fs, struct node *n);
/* The kernel is told of it; it forgets. */
void node_remember(struct node *n);
void node_forget(struct overlay *fs, struct node *n, uint64_t times);

/* Nodes that can be found by file system and inode number, since they have several names. */
int node_hash(struct overlay *fs, struct node *n);
void node_unhash(struct overlay *fs, struct node *n);
struct node *node_find(const struct overlay *fs, unsigned layer, uint64_t real_ino);

struct dentry *dir_find(const struct node *parent, const char *name);
/* A new name, listed unless it is a whiteout. NULL when memory is out. */
struct dentry *dir_add(struct node *parent, const char *name, unsigned layer, unsigned type, uint64_t ino,
                       unsigned flags);
/* Remove and free a name, detaching its node. */
void dir_remove(struct overlay *fs, struct dentry *d);
/* A whiteout that turned out to be an entry gets its place in listings. */
int dir_list(struct dentry *d);
/* The first listed name behind `cookie` (0: the first); NULL at the end. */
struct dentry *dir_next(const struct dir *dir, uint64_t cookie);
/* Forget all names (none may have a node), so that it is read again. */
void dir_clear(struct dir *dir);
/* The directory of one layer among those that `dir` consists of, or NULL. */
struct realdir *dir_real(const struct dir *dir, unsigned layer);

void dentry_attach(struct dentry *d, struct node *n);
void dentry_detach(struct overlay *fs, struct dentry *d);
/* The layers of a directory's name; `alone` is used when there is one. */
const uint16_t *dentry_layers(const struct dentry *d, uint32_t *ret_count);
int dentry_join(struct dentry *d, unsigned layer, bool at_top);
