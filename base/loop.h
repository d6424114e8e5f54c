/* One epoll loop: descriptors, processes (a pidfd is readable when the process has ended), signals, timers.
 * Single-threaded; callbacks may add and remove any source, themselves included. `ret` may be NULL where a source is
 * never touched again; the loop frees it. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <sys/types.h>

#include "base/err.h"

struct loop;
struct loop_source;

/* `events` are EPOLLIN/EPOLLOUT/EPOLLHUP…. An error returned by a callback ends loop_run() with it. */
typedef struct err *(*loop_fd_fn)(struct loop_source *src, int fd, uint32_t events, void *arg);
typedef struct err *(*loop_signal_fn)(struct loop_source *src, const struct signalfd_siginfo *info, void *arg);
typedef struct err *(*loop_timer_fn)(struct loop_source *src, void *arg);

#define AUTO_LOOP __attribute__((cleanup(loop_freep)))
struct err *loop_new(struct loop **ret) ERR_RESULT;
void loop_free(struct loop *l); /* not from a callback */
void loop_freep(struct loop **l);

/* The descriptor is borrowed; the source belongs to the loop until loop_remove(). Remove it before closing the
 * descriptor. Files that never block (regular files, /dev/null) count as always ready; events 0 pauses them. */
struct err *loop_add_fd(struct loop *l, int fd, uint32_t events, loop_fd_fn fn, void *arg,
                        struct loop_source **ret) ERR_RESULT;
/* Ask for other events from now on, also of those pending. EPOLLERR and EPOLLHUP come unasked, as epoll has it. */
struct err *loop_set_events(struct loop_source *src, uint32_t events) ERR_RESULT;
/* Blocks the signals in this thread and delivers them here. They stay blocked after loop_remove(). */
struct err *loop_add_signals(struct loop *l, const sigset_t *set, loop_signal_fn fn, void *arg,
                             struct loop_source **ret) ERR_RESULT;
#define LOOP_NEVER UINT64_MAX
/* CLOCK_BOOTTIME; once after `first_nsec` (LOOP_NEVER: not before loop_rearm()), then every `every_nsec` (0: once).
 * Expirations that were missed come as one. */
struct err *loop_add_timer(struct loop *l, uint64_t first_nsec, uint64_t every_nsec, loop_timer_fn fn, void *arg,
                           struct loop_source **ret) ERR_RESULT;
/* Start a timer anew; an expiration that was not delivered yet is dropped. */
struct err *loop_rearm(struct loop_source *src, uint64_t first_nsec, uint64_t every_nsec) ERR_RESULT;
/* Safe from any callback, for any source, pending or not: it is not called again. The pointer is dead afterwards. */
void loop_remove(struct loop_source *src);

/* Until loop_quit(), also one before this call, or an error. Without any source: ERR_INTERNAL. */
struct err *loop_run(struct loop *l) ERR_RESULT;
void loop_quit(struct loop *l);

/* For programs that wait in a loop of their own: this descriptor is readable while loop_serve() has something to do
 * (epoll descriptors nest; sources that never block don't show there). Borrowed. */
int loop_fd(const struct loop *l);
/* Serve what is ready now, without waiting. */
struct err *loop_serve(struct loop *l) ERR_RESULT;
/* The same, but wait for the first event, `timeout_msec` at most. *ret_any (may be NULL): there was one. */
struct err *loop_serve_for(struct loop *l, int timeout_msec, bool *ret_any) ERR_RESULT;
