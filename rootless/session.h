/* The session: one holder process per user and data directory keeps a user namespace and a mount namespace; every
 * command joins them before it touches storage, networks or containers.
 *
 * Rendezvous, all in the session directory <root>/run/<boot id>/ (or <runroot>/<boot id>/, when given), so it never
 * depends on the environment:
 *   lock        flock'ed through ONE open file description that the holder, every client and every monitor share.
 *               While anybody of the session lives the kernel keeps it locked; free means the session is gone.
 *   socket      the holder listens here (SOCK_SEQPACKET). A client that connects receives descriptors: user
 *               namespace, mount namespace, the lock. No process id is ever read, stored or trusted.
 *   start.lock  taken by whoever starts a holder, so that two first commands make one session.
 *   t/          inside the session's mount namespace a private tmpfs: the transient directory (`run_dir`). It exists
 *               only there, so nothing stale survives a crash, a logout or a reboot.
 * Where sockets or flock don't work below the root, $XDG_RUNTIME_DIR/coracle-<hash of root>/ or
 * /tmp/coracle-<uid>-<hash of root>/ takes its place. In a pid namespace of its own (in a container) the boot id has
 * that namespace's number behind it. Directories of other boots are removed when their lock is free.
 *
 * The holder leaves when nobody has been connected for a minute ($CORACLE_SESSION_IDLE seconds, 0: at once).
 *
 * When the holder is killed while monitors live, each monitor sees the end of its connection and calls
 * session_adopt(): one of them becomes the parent of a new holder of the same namespaces, the others find it there.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "userns/idmap.h"

struct session_opts {
    const char *root;    /* data directory; NULL: $CORACLE_ROOT, $XDG_DATA_HOME/coracle, ~/.local/share/coracle; as root
                            /var/lib/coracle */
    const char *runroot; /* NULL: <root>/run */
    bool only_existing;  /* ERR_NOT_FOUND instead of starting a holder */
};

struct session {
    char *root;        /* absolute data directory, exists, mode 0700 */
    char *session_dir; /* absolute; what session_connect and session_adopt take */
    char *run_dir;     /* absolute transient directory (tmpfs), valid inside the session's mount namespace */
    int conn_fd;       /* connection to the holder: open means "in use" */
    int lock_fd;       /* the shared lock; whatever outlives this command inherits it */
    int userns_fd;     /* the namespaces entered */
    int mntns_fd;
    uid_t host_uid; /* who we are outside */
    gid_t host_gid;
    struct idmap uid_map; /* ct = id in the session, host = id outside */
    struct idmap gid_map;
    bool single_id; /* only one id is mapped */
    bool keeps;     /* session_keep() may be called: the holder may be of an earlier version */
    bool remapped;  /* 0 inside is not our own id outside: root's session */
    char *notice;   /* one line to show the user once (single id …), or NULL;
                     by the command that started the session */
};

/* Find or start the session, join its namespaces and become uid 0 / gid 0 in them. The calling process must be
 * single-threaded. The working directory is kept (by path; "/" where the session cannot reach it). Supplementary groups
 * stay, except in root's session. From a process that is inside already it joins the session's mount namespace again.
 * Errors name who refused and what would fix it: ERR_DENIED, ERR_UNSUPPORTED; ERR_TIMEOUT names who holds the lock. */
struct err *session_enter(const struct session_opts *opts, struct session **ret) ERR_RESULT;
void session_free(struct session *s);
/* A descriptor that becomes readable when the holder ends, for what lives as long as the session's mount namespace
 * without being a reason for the session to stay: a pidfd. The caller's. */
struct err *session_watch(const struct session *s, int *ret_fd) ERR_RESULT;
/* Where session_enter would look, without entering. */
struct err *session_default_root(char **ret) ERR_RESULT;

/* --- for monitors: session_link, which needs base/ alone.
 * What a monitor says to the holder over its own connection (it opens one with session_connect, from inside).
 * Register: from then on the holder kills `pidfd` (SIGKILL) when the connection ends without session_unregister.
 * Both are one message without an answer. session_connect: ERR_NOT_FOUND when nobody listens; ERR_STATE when the holder
 * there is another session's (the run directory was wiped, and the holder killed with it). */
struct err *session_connect(const char *session_dir, int *ret_conn) ERR_RESULT;
struct err *session_register(int conn, const char *ct_id, int pidfd) ERR_RESULT;
struct err *session_unregister(int conn) ERR_RESULT;
/* For clients: the holder keeps `fd` open, in place of the one that was given to it before. Something quick that others
 * can do without: it goes when the holder is killed. */
struct err *session_keep(int conn, int fd) ERR_RESULT;
/* The connection ended: see to it that a holder serves the session again. Runs
 *     coracle-session --adopt --dir SESSION_DIR    with descriptors 3: the lock, 4: the mount namespace, 5: a pipe
 * and returns when somebody listens; then session_connect and session_register again. The caller is in the session's
 * user namespace, in any mount namespace; `mntns_fd` is the session's (keep it open from the start: /proc/self/ns/mnt
 * before unsharing). A caller that is a subreaper sees the new holder end as a child that it did not start. */
struct err *session_adopt(const char *session_dir, int lock_fd, int mntns_fd) ERR_RESULT;
