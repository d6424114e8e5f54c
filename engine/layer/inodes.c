/* Only files with more than one link are entered, so that the table stays small for ordinary trees. */
#include "engine/layer/inodes.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"

#define INODES_MAX ((size_t)1 << 25)

void inodes_done(struct inodes *t)
{
    for (size_t i = 0; i < t->cap; i++)
        free(t->slots[i].name);
    free(t->slots);
    *t = (struct inodes){.cap = 0};
}

static struct inode *inodes_slot(const struct inodes *t, dev_t dev, ino_t ino)
{
    uint64_t h = ((uint64_t)ino ^ (uint64_t)dev << 40) * 0x9e3779b97f4a7c15u;
    size_t i = (size_t)(h >> 24) & (t->cap - 1);
    while (t->slots[i].name && (t->slots[i].ino != ino || t->slots[i].dev != dev))
        i = (i + 1) & (t->cap - 1);
    return &t->slots[i];
}

static struct err *inodes_grow(struct inodes *t)
{
    struct inodes grown = {.cap = t->cap ? t->cap * 2 : 64, .count = t->count};
    if (grown.cap > INODES_MAX)
        return ERR_NEW(ERR_NO_SPACE, "more than %zu files with several links", t->count);
    grown.slots = mem_zalloc(grown.cap * sizeof(*grown.slots));
    if (!grown.slots)
        return err_oom();
    for (size_t i = 0; i < t->cap; i++) {
        if (t->slots[i].name)
            *inodes_slot(&grown, t->slots[i].dev, t->slots[i].ino) = t->slots[i];
    }
    free(t->slots);
    *t = grown;
    return NULL;
}

struct err *inodes_see(struct inodes *t, const struct stat *st, const char *name, const char **ret_first)
{
    if (t->count >= t->cap / 2)
        TRY(inodes_grow(t));
    struct inode *slot = inodes_slot(t, st->st_dev, st->st_ino);
    *ret_first = slot->name;
    if (slot->name)
        return NULL;
    TRY(mem_strdup(name, &slot->name));
    slot->dev = st->st_dev;
    slot->ino = st->st_ino;
    t->count++;
    return NULL;
}
