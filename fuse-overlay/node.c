#include "fuse-overlay/node.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "fuse-overlay/file.h"
#include "fuse-overlay/realdir.h"

#define ROOT_NUMBER 1 /* FUSE_ROOT_ID */

struct node *node_new(unsigned type, unsigned layer, uint64_t real_ino, uint64_t ino)
{
    struct node *n = mem_zalloc(sizeof(*n));
    if (!n)
        return NULL;
    n->type = (uint8_t)type;
    n->layer = (uint16_t)layer;
    n->real_ino = real_ino;
    n->ino = ino;
    if (type == DT_DIR) {
        n->dir = mem_zalloc(sizeof(*n->dir));
        if (!n->dir)
            mem_freep(&n);
    }
    return n;
}

struct node *node_get(struct overlay *fs, uint64_t number)
{
    return number == ROOT_NUMBER ? fs->root : (struct node *)(uintptr_t)number;
}

uint64_t node_number(const struct overlay *fs, const struct node *n)
{
    return n == fs->root ? ROOT_NUMBER : (uint64_t)(uintptr_t)n;
}

void node_ref(struct node *n)
{
    n->refs++;
}

static void node_free_dir(struct overlay *fs, struct dir *dir)
{
    dir_clear(dir);
    for (uint32_t i = 0; i < dir->n_reals; i++)
        realdir_unref(fs, dir->reals[i]);
    mem_freep(&dir->reals);
    mem_freep(&dir);
}

/* Free it, and then its parent if that was only there for it, and so on: a loop, since paths can be very deep. */
static void node_free(struct overlay *fs, struct node *n)
{
    while (n) {
        struct node *parent = NULL;
        node_unhash(fs, n);
        if (n->type == DT_DIR)
            node_free_dir(fs, n->dir);
        else
            file_disown(fs, n);
        while (n->names) {
            struct dentry *d = n->names;
            /* Only a directory's parent can end with it here: of a file's several names all but one are handled by the
             * recursion of node_unref(), which is as deep as names of one file are nested in each other: once. */
            if (parent)
                node_unref(fs, parent);
            parent = d->parent;
            n->names = n->type == DT_DIR ? NULL : d->alias;
            if (n->type != DT_DIR)
                d->alias = NULL;
            d->flags &= (uint8_t)~DENTRY_NODE;
            d->ino = n->real_ino;
        }
        mem_freep(&n);
        n = parent && --parent->refs == 0 && parent != fs->root ? parent : NULL;
    }
}

void node_unref(struct overlay *fs, struct node *n)
{
    if (--n->refs == 0 && n != fs->root)
        node_free(fs, n);
}

void node_drop(struct overlay *fs, struct node *n)
{
    if (n->refs == 0 && n != fs->root)
        node_free(fs, n);
}

void node_remember(struct node *n)
{
    if (n->lookups++ == 0)
        n->refs++;
}

void node_forget(struct overlay *fs, struct node *n, uint64_t times)
{
    if (n == fs->root || n->lookups == 0)
        return;
    n->lookups -= times < n->lookups ? times : n->lookups;
    if (n->lookups == 0)
        node_unref(fs, n);
}

static size_t inode_bucket(const struct overlay *fs, uint32_t dev_index, uint64_t ino)
{
    return (size_t)((ino ^ ((uint64_t)dev_index << 40)) * UINT64_C(0x9e3779b97f4a7c15) >> 20) &
           (fs->n_inode_buckets - 1);
}

static struct node **inode_slot(const struct overlay *fs, const struct node *n)
{
    return &fs->inodes[inode_bucket(fs, fs->layers[n->layer].dev_index, n->real_ino)];
}

/* Twice as many buckets. */
static int inode_grow(struct overlay *fs)
{
    size_t n = fs->n_inode_buckets ? fs->n_inode_buckets * 2 : 64;
    struct node **buckets = mem_zalloc(n * sizeof(*buckets));
    if (!buckets)
        return -ENOMEM;
    struct node **old = fs->inodes;
    size_t n_old = fs->n_inode_buckets;
    fs->inodes = buckets;
    fs->n_inode_buckets = n;
    for (size_t i = 0; i < n_old; i++) {
        for (struct node *p = old[i], *next; p; p = next) {
            next = p->hash_next;
            struct node **slot = inode_slot(fs, p);
            p->hash_next = *slot;
            *slot = p;
        }
    }
    mem_freep(&old);
    return 0;
}

int node_hash(struct overlay *fs, struct node *n)
{
    if (n->flags & NODE_HASHED)
        return 0;
    if (fs->n_inodes >= fs->n_inode_buckets) {
        int r = inode_grow(fs);
        if (r < 0)
            return r;
    }
    struct node **slot = inode_slot(fs, n);
    n->hash_next = *slot;
    *slot = n;
    n->flags |= NODE_HASHED;
    fs->n_inodes++;
    return 0;
}

void node_unhash(struct overlay *fs, struct node *n)
{
    if (!(n->flags & NODE_HASHED))
        return;
    struct node **p = inode_slot(fs, n);
    while (*p && *p != n)
        p = &(*p)->hash_next;
    if (*p)
        *p = n->hash_next;
    n->flags &= (uint8_t)~NODE_HASHED;
    fs->n_inodes--;
}

struct node *node_find(const struct overlay *fs, unsigned layer, uint64_t real_ino)
{
    if (fs->n_inodes == 0)
        return NULL;
    uint32_t dev_index = fs->layers[layer].dev_index;
    struct node *p = fs->inodes[inode_bucket(fs, dev_index, real_ino)];
    while (p && (p->real_ino != real_ino || fs->layers[p->layer].dev_index != dev_index))
        p = p->hash_next;
    return p;
}
