/* What holder, clients and monitors say to each other: base/msg messages, and the hello that describes a session.
 * The holder answers each connection with SESSION_HELLO before it is asked. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "userns/idmap.h"

enum session_msg {
    SESSION_HELLO = 1,  /* holder → all: struct session_hello, encoded; fds: user namespace, mount namespace, lock */
    SESSION_REGISTER,   /* monitor → holder: container id; fd: pidfd to kill when the connection ends */
    SESSION_UNREGISTER, /* monitor → holder */
    SESSION_CHECKED,    /* client → holder: uint64 digest: the id sources changed, the ranges are the same */
    SESSION_RETIRE, /* client → holder: leave if I am the only one; reply SESSION_OK or SESSION_BUSY (text: who) */
    SESSION_OK,
    SESSION_BUSY,
    SESSION_KEEP, /* client → holder: fd: keep it open, in place of the one before */
};

#define SESSION_SOCKET "socket"
#define SESSION_LOCK "lock"
#define SESSION_START_LOCK "start.lock"
#define SESSION_TMP "t"
#define SESSION_HELLO_FILE "hello" /* in t/: the encoded hello, for whoever adopts the session */
#define SESSION_HELLO_FDS 3

enum session_flag {
    SESSION_REMAPPED = 1,       /* 0 inside is not the owner's own id */
    SESSION_HELPER_TROUBLE = 2, /* a single id only because newuidmap could not work */
    SESSION_KEEPS = 8,          /* the holder knows SESSION_KEEP */
    SESSION_STALE = 4,          /* the id sources say something else now */
};

struct session_hello {
    uint32_t flags;
    uid_t host_uid; /* the owner, outside */
    gid_t host_gid;
    uint64_t digest; /* of the id sources, session_sources_digest() */
    uint64_t idle_nsec;
    struct idmap uids, gids;
    char *root;
    char *notice; /* NULL when none */
};
void session_hello_done(struct session_hello *h);
#define AUTO_HELLO __attribute__((cleanup(session_hello_done)))
struct err *session_hello_encode(const struct session_hello *h, struct strbuf *ret) ERR_RESULT;
/* ERR_CORRUPT; ERR_UNSUPPORTED when the holder is of another version. */
struct err *session_hello_decode(const void *data, size_t len, struct session_hello *ret) ERR_RESULT;
/* Change what a holder may change in an encoded hello. */
void session_hello_set_digest(void *data, uint64_t digest, bool stale);

/* A cheap digest (inode, size, change time) of what decides about subordinate ids: /etc/subuid, /etc/subgid and
 * /etc/nsswitch.conf. What a directory server changes is not seen. */
uint64_t session_sources_digest(void);
