#include "fuse-overlay/origin.h"

#include <string.h>

#include "base/mem.h"

struct origins {
    struct origin **buckets;
    size_t n_buckets, count;
};

struct origins *origins_new(void)
{
    return mem_zalloc(sizeof(struct origins));
}

void origins_free(struct origins *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < o->n_buckets; i++) {
        for (struct origin *p = o->buckets[i], *next; p; p = next) {
            next = p->next;
            mem_freep(&p);
        }
    }
    mem_freep(&o->buckets);
    mem_freep(&o);
}

static struct origin **bucket_of(const struct origins *o, uint64_t key, uint32_t dev_index, bool is_group)
{
    uint64_t h = (key ^ (uint64_t)dev_index << 40 ^ (uint64_t)is_group << 63) * UINT64_C(0x9e3779b97f4a7c15);
    return &o->buckets[(size_t)(h >> 20) & (o->n_buckets - 1)];
}

static struct origin *find(const struct origins *o, uint64_t key, uint32_t dev_index, bool is_group)
{
    if (o->count == 0)
        return NULL;
    struct origin *p = *bucket_of(o, key, dev_index, is_group);
    while (p && (p->key != key || p->is_group != is_group || p->dev_index != dev_index))
        p = p->next;
    return p;
}

static bool grow(struct origins *o)
{
    struct origins n = {.n_buckets = o->n_buckets ? o->n_buckets * 2 : 64, .count = o->count};
    n.buckets = mem_zalloc(n.n_buckets * sizeof(*n.buckets));
    if (!n.buckets)
        return false;
    for (size_t i = 0; i < o->n_buckets; i++) {
        for (struct origin *p = o->buckets[i], *next; p; p = next) {
            next = p->next;
            struct origin **b = bucket_of(&n, p->key, p->dev_index, p->is_group);
            p->next = *b;
            *b = p;
        }
    }
    mem_freep(&o->buckets);
    *o = n;
    return true;
}

static struct origin *add(struct origins *o, uint64_t key, uint32_t dev_index, bool is_group)
{
    if (o->count >= o->n_buckets && !grow(o))
        return NULL;
    struct origin *p = mem_zalloc(sizeof(*p));
    if (!p)
        return NULL;
    p->key = key;
    p->dev_index = dev_index;
    p->is_group = is_group;
    struct origin **b = bucket_of(o, key, dev_index, is_group);
    p->next = *b;
    *b = p;
    o->count++;
    return p;
}

struct origin *origin_find(const struct overlay *fs, uint64_t upper_ino)
{
    return find(fs->origins, upper_ino, 0, false);
}

/* Inode numbers of further file systems get the file system's number into their upper bits, which are rarely used. */
uint64_t origin_ino(const struct overlay *fs, unsigned layer, uint64_t real_ino)
{
    if (overlay_is_upper(fs, layer)) {
        const struct origin *o = origin_find(fs, real_ino);
        if (o)
            return o->ino;
    }
    return real_ino ^ (uint64_t)fs->layers[layer].dev_index << 48;
}

struct origin *origin_set(struct overlay *fs, uint64_t upper_ino, uint64_t ino)
{
    struct origin *o = origin_find(fs, upper_ino);
    if (!o)
        o = add(fs->origins, upper_ino, 0, false);
    if (!o)
        return NULL;
    o->ino = ino;
    o->bias = 0;
    o->index = 0;
    return o;
}

void origin_drop(struct overlay *fs, uint64_t upper_ino)
{
    struct origin *o = origin_find(fs, upper_ino);
    if (!o)
        return;
    struct origin **p = bucket_of(fs->origins, upper_ino, 0, false);
    while (*p != o)
        p = &(*p)->next;
    *p = o->next;
    fs->origins->count--;
    mem_freep(&o);
}

struct origin *origin_group(struct overlay *fs, uint32_t dev_index, uint64_t lower_ino, bool make)
{
    struct origin *o = find(fs->origins, lower_ino, dev_index, true);
    return o || !make ? o : add(fs->origins, lower_ino, dev_index, true);
}
