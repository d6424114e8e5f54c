/* Theory of operation
 *
 * Buffers are numbered from 0 without end. `head` is the number of the next one to fill, each reader's `tail` the one
 * it reads or waits for. The filling thread waits while a reader is RING_SLOTS behind, so memory is bounded whatever
 * the sizes and speeds are. A reader keeps its buffer until it asks for the next: data is used where it lies.
 *
 * A buffer is put into the lowest slot that is free: as long as the readers keep up, a few slots are used over and
 * over, which stay in the processor's cache, and a small layer never touches (and so never gets) the others' memory.
 *
 * One lock and one condition for everything: a buffer holds 128 KiB, so a layer of a gigabyte wakes the threads some
 * 8,000 times, which nobody can measure. What does not happen here: errors. Who fails tells its own caller, and calls
 * ring_cancel() so that nobody waits for it.
 */
#include "engine/layer/ring.h"

#include <stdlib.h>

#include "base/mem.h"

struct err *ring_init(struct ring *r)
{
    *r = (struct ring){.head = 0};
    r->mem = mem_alloc(RING_SLOTS * RING_SLOT_BYTES);
    if (!r->mem)
        return err_oom();
    int errnum = pthread_mutex_init(&r->lock, NULL);
    if (!errnum) {
        errnum = pthread_cond_init(&r->changed, NULL);
        if (errnum)
            (void)pthread_mutex_destroy(&r->lock);
    }
    if (errnum) {
        free(r->mem);
        r->mem = NULL;
        return ERR_SYS(errnum, "make a lock");
    }
    return NULL;
}

void ring_done(struct ring *r)
{
    if (!r->mem)
        return;
    (void)pthread_cond_destroy(&r->changed);
    (void)pthread_mutex_destroy(&r->lock);
    free(r->mem);
    r->mem = NULL;
}

static bool ring_is_full(const struct ring *r)
{
    for (size_t i = 0; i < RING_READERS; i++) {
        if (r->tail[i] != UINT64_MAX && r->head - r->tail[i] >= RING_SLOTS)
            return true;
    }
    return false;
}

/* Not held by any buffer that somebody still has to read; there is one. */
static uint8_t ring_free_slot(const struct ring *r)
{
    unsigned used = 0;
    uint64_t oldest = r->head;
    for (size_t i = 0; i < RING_READERS; i++) {
        if (r->tail[i] < oldest)
            oldest = r->tail[i];
    }
    for (uint64_t n = oldest; n < r->head; n++)
        used |= 1U << r->slot[n % RING_SLOTS];
    return (uint8_t)__builtin_ctz(~used);
}

char *ring_acquire(struct ring *r)
{
    (void)pthread_mutex_lock(&r->lock);
    while (ring_is_full(r) && !r->cancelled)
        (void)pthread_cond_wait(&r->changed, &r->lock);
    char *slot = NULL;
    if (!r->cancelled) {
        uint8_t *at = &r->slot[r->head % RING_SLOTS];
        *at = ring_free_slot(r);
        slot = r->mem + *at * RING_SLOT_BYTES;
    }
    (void)pthread_mutex_unlock(&r->lock);
    return slot;
}

void ring_publish(struct ring *r, size_t len)
{
    (void)pthread_mutex_lock(&r->lock);
    r->len[r->head % RING_SLOTS] = len;
    r->head++;
    (void)pthread_cond_broadcast(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
}

void ring_end(struct ring *r)
{
    (void)pthread_mutex_lock(&r->lock);
    r->ended = true;
    (void)pthread_cond_broadcast(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
}

size_t ring_read(struct ring *r, enum ring_reader who, const char **ret_data)
{
    size_t len = 0;
    (void)pthread_mutex_lock(&r->lock);
    if (r->holds[who]) {
        r->tail[who]++;
        r->holds[who] = false;
        (void)pthread_cond_broadcast(&r->changed);
    }
    while (r->tail[who] == r->head && !r->ended && !r->cancelled)
        (void)pthread_cond_wait(&r->changed, &r->lock);
    if (r->tail[who] < r->head && !r->cancelled) {
        size_t n = r->tail[who] % RING_SLOTS;
        *ret_data = r->mem + r->slot[n] * RING_SLOT_BYTES;
        len = r->len[n];
        r->holds[who] = true;
    }
    (void)pthread_mutex_unlock(&r->lock);
    return len;
}

void ring_leave(struct ring *r, enum ring_reader who)
{
    (void)pthread_mutex_lock(&r->lock);
    r->tail[who] = UINT64_MAX;
    r->holds[who] = false;
    (void)pthread_cond_broadcast(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
}

void ring_cancel(struct ring *r)
{
    (void)pthread_mutex_lock(&r->lock);
    r->cancelled = true;
    (void)pthread_cond_broadcast(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
}
