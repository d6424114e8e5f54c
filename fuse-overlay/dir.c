/* The names in a directory: a hash table to find them and an array, in the order of their cookies, to list them.
 * Declared in node.h. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "fuse-overlay/node.h"

#define DIR_BUCKETS_MIN 8

/* FNV-1a with a final mix. Names come from images: who makes collisions slows their own container down. */
static uint32_t dir_hash(const char *name)
{
    uint32_t h = 2166136261U;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 16777619U;
    h ^= h >> 15;
    return h * 2246822519U;
}

struct dentry *dir_find(const struct node *parent, const char *name)
{
    const struct dir *dir = parent->dir;
    if (dir->n_entries == 0)
        return NULL;
    uint32_t h = dir_hash(name);
    struct dentry *d = dir->buckets[h & (dir->n_buckets - 1)];
    while (d && (d->hash != h || strcmp(d->name, name) != 0))
        d = d->hash_next;
    return d;
}

static int dir_grow(struct dir *dir)
{
    uint32_t n = dir->n_buckets ? dir->n_buckets * 2 : DIR_BUCKETS_MIN;
    struct dentry **buckets = mem_zalloc(n * sizeof(struct dentry *));
    if (!buckets)
        return -ENOMEM;
    for (uint32_t i = 0; i < dir->n_buckets; i++) {
        for (struct dentry *d = dir->buckets[i], *next; d; d = next) {
            next = d->hash_next;
            d->hash_next = buckets[d->hash & (n - 1)];
            buckets[d->hash & (n - 1)] = d;
        }
    }
    mem_freep(&dir->buckets);
    dir->buckets = buckets;
    dir->n_buckets = n;
    return 0;
}

/* Close the gaps that removed names have left. */
static void dir_compact(struct dir *dir)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < dir->n_order; i++) {
        if (dir->order[i])
            dir->order[n++] = dir->order[i];
    }
    dir->n_order = n;
}

int dir_list(struct dentry *d)
{
    struct dir *dir = d->parent->dir;
    if (dir->n_order == dir->order_cap && dir->n_listed < dir->n_order / 2)
        dir_compact(dir);
    if (dir->n_order == dir->order_cap) {
        /* By halves: an array of a hundred thousand should not be twice as large as needed. */
        uint32_t cap = dir->order_cap + dir->order_cap / 2 + 8;
        struct dentry **order = mem_realloc_array(dir->order, cap, sizeof(struct dentry *));
        if (!order)
            return -ENOMEM;
        dir->order = order;
        dir->order_cap = cap;
    }
    d->cookie = ++dir->last_cookie;
    dir->order[dir->n_order++] = d;
    dir->n_listed++;
    dir->n_subdirs += d->type == DT_DIR;
    return 0;
}

/* Index of the first place in the order whose entry has a cookie above `cookie`, gaps counted. */
static uint32_t dir_place(const struct dir *dir, uint64_t cookie)
{
    uint32_t low = 0, high = dir->n_order;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2, probe = mid;
        while (probe < high && !dir->order[probe])
            probe++;
        if (probe < high && dir->order[probe]->cookie <= cookie)
            low = probe + 1;
        else
            high = mid;
    }
    return low;
}

struct dentry *dir_next(const struct dir *dir, uint64_t cookie)
{
    uint32_t i = dir_place(dir, cookie);
    while (i < dir->n_order && !dir->order[i])
        i++;
    return i < dir->n_order ? dir->order[i] : NULL;
}

static void dir_unlist(struct dir *dir, struct dentry *d)
{
    if (!d->cookie)
        return;
    uint32_t i = dir_place(dir, d->cookie - 1);
    while (i < dir->n_order && dir->order[i] != d)
        i++;
    if (i < dir->n_order)
        dir->order[i] = NULL;
    if (i + 1 == dir->n_order)
        dir->n_order--;
    dir->n_listed--;
    dir->n_subdirs -= d->type == DT_DIR;
    if (dir->n_listed == 0)
        dir->n_order = 0;
}

struct dentry *dir_add(struct node *parent, const char *name, unsigned layer, unsigned type, uint64_t ino,
                       unsigned flags)
{
    struct dir *dir = parent->dir;
    if (dir->n_entries >= dir->n_buckets && dir_grow(dir) < 0)
        return NULL;
    size_t len = strlen(name);
    size_t size = offsetof(struct dentry, name) + len + 1;
    struct dentry *d = mem_alloc(size < sizeof(*d) ? sizeof(*d) : size);
    if (!d)
        return NULL;
    *d = (struct dentry){.parent = parent,
                         .ino = ino,
                         .layer = (uint16_t)layer,
                         .type = (uint8_t)type,
                         .flags = (uint8_t)flags,
                         .hash = dir_hash(name)};
    memcpy(d->name, name, len + 1);
    if (!(flags & (DENTRY_WHITEOUT | DENTRY_HIDDEN)) && dir_list(d) < 0) {
        mem_freep(&d);
        return NULL;
    }
    struct dentry **slot = &dir->buckets[d->hash & (dir->n_buckets - 1)];
    d->hash_next = *slot;
    *slot = d;
    dir->n_entries++;
    return d;
}

void dir_remove(struct overlay *fs, struct dentry *d)
{
    struct dir *dir = d->parent->dir;
    struct dentry **p = &dir->buckets[d->hash & (dir->n_buckets - 1)];
    while (*p != d)
        p = &(*p)->hash_next;
    *p = d->hash_next;
    dir->n_entries--;
    dir_unlist(dir, d);
    dentry_detach(fs, d);
    if (d->type == DT_DIR)
        mem_freep(&d->joined);
    mem_freep(&d);
}

void dir_clear(struct dir *dir)
{
    for (uint32_t i = 0; i < dir->n_buckets; i++) {
        for (struct dentry *d = dir->buckets[i], *next; d; d = next) {
            next = d->hash_next;
            if (d->type == DT_DIR)
                mem_freep(&d->joined);
            mem_freep(&d);
        }
    }
    mem_freep(&dir->buckets);
    mem_freep(&dir->order);
    dir->n_buckets = dir->n_entries = dir->n_order = dir->order_cap = dir->n_listed = dir->n_subdirs = 0;
    dir->is_loaded = false;
}

struct realdir *dir_real(const struct dir *dir, unsigned layer)
{
    for (uint32_t i = 0; i < dir->n_reals; i++) {
        if (dir->reals[i]->layer == layer)
            return dir->reals[i];
    }
    return NULL;
}

void dentry_attach(struct dentry *d, struct node *n)
{
    d->node = n;
    d->flags |= DENTRY_NODE;
    if (n->type != DT_DIR)
        d->alias = n->names;
    n->names = d;
    node_ref(d->parent);
}

void dentry_detach(struct overlay *fs, struct dentry *d)
{
    if (!(d->flags & DENTRY_NODE))
        return;
    struct node *n = d->node;
    if (n->type == DT_DIR) {
        n->names = NULL;
    } else {
        struct dentry **p = &n->names;
        while (*p != d)
            p = &(*p)->alias;
        *p = d->alias;
        d->alias = NULL;
    }
    d->flags &= (uint8_t)~DENTRY_NODE;
    d->ino = n->real_ino;
    node_unref(fs, d->parent);
}

const uint16_t *dentry_layers(const struct dentry *d, uint32_t *ret_count)
{
    *ret_count = d->joined ? d->joined->count : 1;
    return d->joined ? d->joined->layers : &d->layer;
}

int dentry_join(struct dentry *d, unsigned layer, bool at_top)
{
    uint32_t n = 0;
    const uint16_t *old = dentry_layers(d, &n);
    struct layer_set *set = mem_alloc(sizeof(*set) + (n + 1) * sizeof(set->layers[0]));
    if (!set)
        return -ENOMEM;
    memcpy(set->layers + (at_top ? 1 : 0), old, n * sizeof(*old));
    set->layers[at_top ? 0 : n] = (uint16_t)layer;
    set->count = n + 1;
    mem_freep(&d->joined);
    d->joined = set;
    if (at_top)
        d->layer = (uint16_t)layer;
    return 0;
}
