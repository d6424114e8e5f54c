/* A thread that answers on the client's own processor.
 *
 * A program that waits for an answer sleeps, and so does the server between requests. The kernel wakes a sleeper on an
 * idle processor if there is one, so on a machine that has nothing else to do the two always run on different ones, and
 * each request costs one or two interrupts to a halted processor: 20 to 50 µs where that processor is virtual, against
 * 2 µs for two switches on the same one.
 *
 * A thread with the policy SCHED_IDLE doesn't count as occupying its processor. Whom it wakes runs there at once, in
 * its place; it goes on when that one sleeps again, which it does when it has sent its next request. Nobody has to be
 * woken then, and no other processor is needed, however many there are. So where a single program sends one request
 * after the other, the leader (serve.h) lends its role to such a thread, the companion. Which processor the client is
 * on is found by trying: on the right one the next request is there when an answer has been written.
 *
 * The price is that it waits for anybody else who wants that processor. So the role is lent only while no more threads
 * want to run than there are processors, and the leader looks every millisecond whether that is still so and whether
 * the companion gets on; else it takes its role back, sets it free to go to another processor, and lends it more
 * rarely. What may take long or copies much (protocol.h), and whatever comes when several programs ask at once, the
 * companion leaves to the leader as well.
 *
 * Source: select_idle_sibling() and sched_idle_cpu() in kernel/sched/fair.c, sched(7), sched_setattr(2). */
#pragma once

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct serve_state;

enum companion_end {
    COMPANION_QUIET,  /* no request for a while */
    COMPANION_PASSED, /* a request for the leader */
    COMPANION_BUSY,   /* several programs ask */
    COMPANION_APART,  /* the client isn't met anywhere, or there cannot be a companion here */
    COMPANION_HELD,   /* it didn't get on: its processor is wanted */
    COMPANION_LEAVE,  /* the mount is gone, or we are told to */
};

struct companion {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wanted, back;
    bool is_started, is_leaving; /* under the lock, as all that follows, if it isn't atomic */
    bool is_able;
    atomic_bool is_on;
    atomic_bool is_working; /* on a request */
    atomic_uint served;
    enum companion_end end;
    size_t passed; /* bytes of a request for the leader, in buf */
    char *buf;
    pid_t tid;
    int leader_cpu, cpu; /* the latter: where the client was met last, or -1 */
    cpu_set_t allowed;
    unsigned rest, backoff; /* the leader's: requests until the role is lent again */
};

void companion_init(struct companion *c);
/* Ends the thread. */
void companion_done(struct companion *c);
/* Lend the leader's role, if it is time, until it comes back. The length of a request, which is in `buf` then; 0: go
 * on; -1: leave. */
ssize_t companion_lend(struct serve_state *s, char *buf);
