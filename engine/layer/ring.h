/* A ring of buffers between one thread that fills them and two that read every one of them. A buffer is filled again
 * when both readers have passed it, or have left. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define RING_SLOTS 8
#define RING_SLOT_BYTES ((size_t)128 << 10)

enum ring_reader { RING_PARSER, RING_HASHER, RING_READERS };

struct ring {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char *mem; /* RING_SLOTS * RING_SLOT_BYTES */
    size_t len[RING_SLOTS];
    uint8_t slot[RING_SLOTS];    /* where buffer n is: slot[n % RING_SLOTS] */
    uint64_t head;               /* buffers published */
    uint64_t tail[RING_READERS]; /* buffers given back by each reader; UINT64_MAX when it has left */
    bool holds[RING_READERS];    /* the reader works on buffer `tail` */
    bool ended;                  /* nothing more will be published */
    bool cancelled;              /* nobody wants more */
};

struct err *ring_init(struct ring *r) ERR_RESULT;
void ring_done(struct ring *r);

/* Filling: a free buffer of RING_SLOT_BYTES, waiting for one; NULL after ring_cancel(). */
char *ring_acquire(struct ring *r);
void ring_publish(struct ring *r, size_t len);
void ring_end(struct ring *r);

/* Reading: gives the previous buffer back and waits for the next; its length, 0 at the end. */
size_t ring_read(struct ring *r, enum ring_reader who, const char **ret_data);
/* This reader needs no more; the others go on. */
void ring_leave(struct ring *r, enum ring_reader who);
/* Stop everybody. */
void ring_cancel(struct ring *r);
