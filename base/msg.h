/* Messages over SOCK_SEQPACKET: one type, a payload, up to MSG_FDS_MAX descriptors.
 *
 * The wire form is a native-endian uint32 type followed by the payload. Both ends are processes of one user on one
 * machine; the receiver still treats lengths and types as hostile.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define MSG_PAYLOAD_MAX ((size_t)64 << 10)
#define MSG_FDS_MAX 8

struct msg {
    uint32_t type;
    size_t len;           /* bytes in data */
    char *data;           /* heap, NUL-terminated behind len; NULL when empty */
    int fds[MSG_FDS_MAX]; /* owned; fds[i >= n_fds] are -1 */
    size_t n_fds;
};

#define MSG_INIT                                  \
    {                                             \
        .fds = { -1, -1, -1, -1, -1, -1, -1, -1 } \
    }
void msg_done(struct msg *m);
#define AUTO_MSG __attribute__((cleanup(msg_done)))

/* Send; descriptors are borrowed. On a non-blocking socket that is full: ERR_TIMEOUT with errno EAGAIN. A gone peer
 * is ERR_NETWORK with errno EPIPE/ECONNRESET; never raises SIGPIPE. */
struct err *msg_send(int sock, uint32_t type, const void *data, size_t len, const int *fds, size_t n_fds) ERR_RESULT;
/* The same with err_encode()d `e`, which stays the caller's. */
struct err *msg_send_error(int sock, uint32_t type, struct err *e) ERR_RESULT;
/* Receive one; *ret_eof tells an orderly end (no message then). EAGAIN as in msg_send. */
struct err *msg_recv(int sock, struct msg *ret, bool *ret_eof) ERR_RESULT;
/* A connected pair, cloexec. */
struct err *msg_pair(int ret[2]) ERR_RESULT;
/* Listen on / connect to `name` inside the directory `dirfd`, whatever the length of its path. The listener replaces
 * a stale socket file. connect: ERR_NOT_FOUND when there is no socket or nobody listens. */
struct err *msg_listen(int dirfd, const char *name, int *ret) ERR_RESULT;
struct err *msg_connect(int dirfd, const char *name, int *ret) ERR_RESULT;
/* Uid of the peer, as seen in this user namespace. */
struct err *msg_peer_uid(int sock, unsigned *ret_uid) ERR_RESULT;
