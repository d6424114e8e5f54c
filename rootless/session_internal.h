/* What the sources of the client side share. */
#pragma once

#include "base/msg.h"
#include "rootless/session.h"
#include "rootless/session_dir.h"
#include "rootless/session_wire.h"
#include "userns/subid.h"

/* A connection to a holder, with what its hello said and brought. Nothing is trusted before session_verify(). */
struct session_peer {
    char *dir;  /* the session directory it was found in */
    int dir_fd; /* O_PATH */
    int conn;
    int userns, mntns, lock;
    struct session_hello hello;
};
#define SESSION_PEER_INIT                                               \
    {                                                                   \
        .dir_fd = -1, .conn = -1, .userns = -1, .mntns = -1, .lock = -1 \
    }
void session_peer_done(struct session_peer *p);
#define AUTO_PEER __attribute__((cleanup(session_peer_done)))

/* Connect to the session in p->dir, or in one of the other places; ERR_NOT_FOUND when no holder answers. */
struct err *session_find(const struct session_place *place, struct session_peer *ret) ERR_RESULT;
/* The same for one directory. */
struct err *session_find_in(const struct session_place *place, const char *dir, struct session_peer *ret) ERR_RESULT;
/* Is this our session: its owner, its namespaces, its lock? *ret_inside: this process is in its user namespace. */
struct err *session_verify(const struct session_place *place, const struct session_peer *p, bool *ret_inside,
                           bool *ret_same_mounts) ERR_RESULT;
/* Start a holder, or wait for the one that another command is starting. */
struct err *session_start(const struct session_place *place, struct session_peer *ret) ERR_RESULT;
/* Have the subordinate ids changed since the session was made? *ret_retired: nobody used it and it is going away, start
 * another. *ret_notice: it is used, and by whom; or NULL. */
struct err *session_refresh(const struct session_peer *p, bool *ret_retired, char **ret_notice) ERR_RESULT;
/* Ask the holder to leave. When it stays, *ret_users says who is there. `digest`: of the id sources as they are now. */
struct err *session_retire(const struct session_peer *p, uint64_t digest, bool *ret_retired,
                           char **ret_users) ERR_RESULT;
/* "PID (command)" of the processes that have the file `lock_fd` refers to open, at most a few; for messages. */
struct err *session_lock_users(int lock_fd, char **ret) ERR_RESULT;

/* The subordinate ids of this user, asked from coracle-session --print-ranges. `self`: path of coracle-session, NULL:
 * look for it. */
struct err *session_ask_ranges(const char *self, const char *user, struct subid_ranges *ret) ERR_RESULT;
