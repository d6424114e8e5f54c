#include "fuse-overlay/changes.h"

#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "fuse-overlay/node.h"

#define CHANGES_DEPTH_MAX 512
#define CHANGES_MAX ((size_t)1 << 20)

/* Paths in the order of their first change, and a hash set over them (index + 1, 0: free). */
struct changes {
    struct strv paths;
    uint32_t *slots;
    size_t n_slots;
    bool is_incomplete;
};

struct changes *changes_new(void)
{
    return mem_zalloc(sizeof(struct changes));
}

void changes_free(struct changes *c)
{
    if (!c)
        return;
    strv_done(&c->paths);
    mem_freep(&c->slots);
    mem_freep(&c);
}

static size_t changes_slot(const struct changes *c, const char *path)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (const char *s = path; *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
    size_t i = (size_t)(h ^ h >> 29) & (c->n_slots - 1);
    while (c->slots[i] && strcmp(c->paths.items[c->slots[i] - 1], path) != 0)
        i = (i + 1) & (c->n_slots - 1);
    return i;
}

static bool changes_grow(struct changes *c)
{
    if (c->paths.count * 2 < c->n_slots)
        return true;
    size_t n = c->n_slots ? c->n_slots * 2 : 64;
    uint32_t *slots = mem_zalloc(n * sizeof(*slots));
    if (!slots)
        return false;
    mem_freep(&c->slots);
    c->slots = slots;
    c->n_slots = n;
    for (size_t i = 0; i < c->paths.count; i++)
        c->slots[changes_slot(c, c->paths.items[i])] = (uint32_t)i + 1;
    return true;
}

/* Path of a directory in the merged tree, built from its end; NULL when it is too long for anybody to open it. */
static const char *changes_path(const struct overlay *fs, const struct node *dir, char *buf, size_t size)
{
    size_t at = size - 1;
    buf[at] = '\0';
    for (unsigned depth = 0; dir != fs->root; depth++) {
        const struct dentry *d = dir->names;
        size_t len = d ? strlen(d->name) : 0;
        if (!d || depth > CHANGES_DEPTH_MAX || len + 1 > at)
            return NULL;
        at -= len;
        memcpy(buf + at, d->name, len);
        buf[--at] = '/';
        dir = d->parent;
    }
    if (at == size - 1)
        buf[--at] = '/';
    return buf + at;
}

void changes_dir(struct overlay *fs, struct node *dir)
{
    struct changes *c = fs->changes;
    char buf[4096];
    if (dir->flags & (NODE_CHANGED | NODE_REMOVED) || c->is_incomplete)
        return;
    dir->flags |= NODE_CHANGED;
    const char *path = changes_path(fs, dir, buf, sizeof(buf));
    if (!path || c->paths.count >= CHANGES_MAX || !changes_grow(c)) {
        c->is_incomplete = true;
        return;
    }
    size_t slot = changes_slot(c, path);
    if (!c->slots[slot]) {
        struct err *e = strv_add(&c->paths, path);
        c->is_incomplete = e != NULL;
        if (!e)
            c->slots[slot] = (uint32_t)c->paths.count;
        err_drop(e);
    }
}

void changes_node(struct overlay *fs, struct node *n)
{
    if (n->type == DT_DIR) {
        changes_dir(fs, n->names ? n->names->parent : n);
        return;
    }
    for (const struct dentry *d = n->names; d; d = d->alias)
        changes_dir(fs, d->parent);
}

size_t changes_read(const struct changes *c, size_t from, char *buf, size_t size, size_t *ret_bytes,
                    bool *ret_incomplete)
{
    size_t count = 0, at = 0;
    for (size_t i = from; i < c->paths.count; i++, count++) {
        size_t len = strlen(c->paths.items[i]) + 1;
        if (len > size - at)
            break;
        memcpy(buf + at, c->paths.items[i], len);
        at += len;
    }
    *ret_bytes = at;
    *ret_incomplete = c->is_incomplete;
    return count;
}
