/* Pairs of connected stream sockets, joined so that what arrives at one leaves at the other, both ways.
 *
 * Little data is read into one buffer that all pairs share and written on at once: two system calls, no pipe. When a
 * direction turns out to be bulk, its bytes go through a pipe by splice(2), never entering this process. What a slow
 * reader doesn't take stays in its direction (at most one buffer or one pipe), and its writer isn't read from
 * meanwhile: so memory is bounded, and nobody waits for anybody else's reader. Ends travel as they came: an end of
 * stream as one (half-close), a reset as a reset.
 *
 * Single-threaded; callbacks of the loop do all the work. Needs SIGPIPE to be ignored.
 */
#pragma once

#include <stddef.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/loop.h"

struct splice_set;

/* `on_end` (may be NULL) is called after a pair has been closed, so that room for another can be used. */
struct err *splice_set_new(struct loop *loop, void (*on_end)(void *arg), void *arg, struct splice_set **ret) ERR_RESULT;
/* Resets what is open. */
void splice_set_free(struct splice_set *set);
enum splice_progress { SPLICE_STANDS, SPLICE_WAITS, SPLICE_FAILED /* errno says why */ };
/* Connect a non-blocking socket that is to be joined. Inside this machine a connection mostly stands when connect(2)
 * returns: calling that again tells, and saves a turn of the loop. */
enum splice_progress splice_connect(int fd, const struct sockaddr *to, socklen_t len);
/* Non-blocking, connected. Both are taken in every case. */
struct err *splice_join(struct splice_set *set, int take_a, int take_b) ERR_RESULT;
/* How many pairs the limit of descriptors has room for; it is raised as far as it goes. While limits can be read. */
size_t splice_pairs_max(void);
size_t splice_count(const struct splice_set *set);
/* Close with a reset rather than an end of stream. */
void splice_reset(int take_fd);
