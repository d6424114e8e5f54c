/* Keeping a program and this server on the same processor.
 *
 * A program that waits for an answer sleeps, and so does the server between requests. The kernel wakes a sleeper on a
 * processor that is idle if there is one, so on an idle machine of two processors the two always run on different ones:
 * each request costs one or two interrupts to a halted processor, 20 to 50 µs where that processor is virtual, against
 * 2 µs for two switches on the same one. Where a single program sends request after request, a thread of the lowest
 * priority therefore occupies the processor that neither of them needs. It does so only as long as requests follow
 * each other at once, and ends at the first sign that somebody else wants the processor.
 *
 * Only for two processors: with more, all but one would have to be occupied.
 * Source: select_idle_sibling() in kernel/sched/fair.c; sched(7), "The nice value". */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct occupy {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_started, is_wanted, is_leaving; /* under the lock */
    int cpu;                                /* to occupy; under the lock */
    atomic_bool is_on;
    atomic_bool is_disturbed; /* it ended because the processor was wanted, or the server was on it */
    atomic_uint requests;
};

void occupy_init(struct occupy *o);
/* Ends the thread. */
void occupy_done(struct occupy *o);
/* Occupy the processor that the calling thread runs on, and move to the other one; false: not possible here. */
bool occupy_begin(struct occupy *o);
void occupy_end(struct occupy *o);
/* A request has come. False: it is over; *ret_disturbed: not for want of requests. */
bool occupy_request(struct occupy *o, bool *ret_disturbed);
