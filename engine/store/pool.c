#include "engine/store/pool.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FINE_STEP 16 /* classes up to FINE_MAX */
#define FINE_MAX 512
#define COARSE_STEP 512
#define COARSE_MAX 8192
#define FINE_CLASSES (FINE_MAX / FINE_STEP)
#define CLASSES (FINE_CLASSES + (COARSE_MAX - FINE_MAX) / COARSE_STEP)
#define PIECE_BYTES ((size_t)64 << 10)

/* In front of what SQLite gets, which must be aligned to 8. */
struct block {
    union {
        int size_bytes; /* of what follows, in use */
        uint64_t align;
    };
    struct block *next; /* in its list, free; the first bytes of what follows */
};
#define HEAD offsetof(struct block, next)

static struct {
    struct block *free[CLASSES];
    char *at, *end; /* what is left of the newest piece */
} pool;

static size_t class_of(int size)
{
    return size <= FINE_MAX ? (size_t)(size - 1) / FINE_STEP
                            : FINE_CLASSES + (size_t)(size - FINE_MAX - 1) / COARSE_STEP;
}

static int pool_roundup(int size)
{
    int step = size <= FINE_MAX ? FINE_STEP : COARSE_STEP;
    return size > COARSE_MAX ? (size + 7) & ~7 : size <= 0 ? FINE_STEP : (size + step - 1) / step * step;
}

/* Of the newest piece, or a new one; what was left of the old one is lost, less than a block. */
static struct block *cut(size_t len)
{
    if ((size_t)(pool.end - pool.at) < len) {
        pool.at = malloc(PIECE_BYTES);
        pool.end = pool.at ? pool.at + PIECE_BYTES : NULL;
        if (!pool.at)
            return NULL;
    }
    struct block *b = (struct block *)(void *)pool.at;
    pool.at += len;
    return b;
}

/* SQLite asks for at most 2 GB, and for sizes from roundup() only. */
static void *pool_malloc(int size)
{
    struct block *b;
    size = pool_roundup(size);
    if (size > COARSE_MAX) {
        b = malloc(HEAD + (size_t)size);
    } else {
        struct block **list = &pool.free[class_of(size)];
        b = *list;
        if (b)
            *list = b->next;
        else
            b = cut(HEAD + (size_t)size);
    }
    if (!b)
        return NULL;
    b->size_bytes = size;
    return (char *)b + HEAD;
}

static struct block *block_of(void *p)
{
    return (struct block *)(void *)((char *)p - HEAD);
}

static int pool_size(void *p)
{
    return p ? block_of(p)->size_bytes : 0;
}

static void pool_free(void *p)
{
    if (!p)
        return;
    struct block *b = block_of(p);
    if (b->size_bytes > COARSE_MAX) {
        free(b);
        return;
    }
    struct block **list = &pool.free[class_of(b->size_bytes)];
    b->next = *list;
    *list = b;
}

static void *pool_realloc(void *p, int size)
{
    int old = pool_size(p);
    if (pool_roundup(size) == old)
        return p;
    void *new = pool_malloc(size);
    if (!new)
        return NULL;
    memcpy(new, p, (size_t)(old < size ? old : size));
    pool_free(p);
    return new;
}

static int pool_init(void *arg)
{
    (void)arg;
    return SQLITE_OK;
}

static void pool_shutdown(void *arg)
{
    (void)arg;
}

const sqlite3_mem_methods store_pool = {
    .xMalloc = pool_malloc,
    .xFree = pool_free,
    .xRealloc = pool_realloc,
    .xSize = pool_size,
    .xRoundup = pool_roundup,
    .xInit = pool_init,
    .xShutdown = pool_shutdown,
};
