/* Finding the holder, and making sure that it is ours before its namespaces are entered: whoever owns a user namespace
 * has all power over the processes in it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "rootless/session_internal.h"

#define FIND_ANSWER_SEC 30

void session_peer_done(struct session_peer *p)
{
    free(p->dir);
    (void)fd_close(p->dir_fd);
    (void)fd_close(p->conn);
    (void)fd_close(p->userns);
    (void)fd_close(p->mntns);
    (void)fd_close(p->lock);
    session_hello_done(&p->hello);
    *p = (struct session_peer)SESSION_PEER_INIT;
}

/* A holder that leaves while we connect shows as an end or a reset: as good as none. */
static bool find_is_gone(struct err *e)
{
    return err_errno(e) == ECONNRESET || err_errno(e) == EPIPE;
}

static struct err *find_recv_hello(int conn, struct msg *m)
{
    bool eof = false;
    struct timeval limit = {.tv_sec = FIND_ANSWER_SEC};
    if (setsockopt(conn, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
        return ERR_SYS(errno, "set a time limit");
    struct err *e = msg_recv(conn, m, &eof);
    if (e && err_kind(e) == ERR_TIMEOUT) {
        err_drop(e);
        return ERR_NEW(ERR_TIMEOUT, "the session's holder (coracle-session) does not answer; is it stopped?");
    }
    if (eof || (e && find_is_gone(e))) {
        err_drop(e);
        return ERR_NEW(ERR_NOT_FOUND, "the session's holder is leaving");
    }
    TRY(e);
    if (m->type != SESSION_HELLO || m->n_fds != SESSION_HELLO_FDS)
        return ERR_NEW(ERR_CORRUPT, "the session's holder sent something unexpected");
    return NULL;
}

struct err *session_find_in(const struct session_place *place, const char *dir, struct session_peer *ret)
{
    AUTO_PEER struct session_peer p = SESSION_PEER_INIT;
    AUTO_MSG struct msg m = MSG_INIT;
    TRY(session_dir_open(place, dir, &p.dir_fd));
    TRY(msg_connect(p.dir_fd, SESSION_SOCKET, &p.conn));
    TRY(find_recv_hello(p.conn, &m));
    TRY(session_hello_decode(m.data, m.len, &p.hello));
    TRY(mem_strdup(dir, &p.dir));
    p.userns = TAKE_FD(m.fds[0]);
    p.mntns = TAKE_FD(m.fds[1]);
    p.lock = TAKE_FD(m.fds[2]);
    *ret = p;
    p = (struct session_peer)SESSION_PEER_INIT;
    return NULL;
}

struct err *session_find(const struct session_place *place, struct session_peer *ret)
{
    struct err *first = session_find_in(place, place->dir, ret);
    if (!first || err_kind(first) != ERR_NOT_FOUND)
        return first;
    AUTO_STRV struct strv dirs = STRV_INIT;
    struct err *e = session_place_fallbacks(place, &dirs);
    for (size_t i = 0; !e && i < dirs.count; i++) {
        e = session_find_in(place, dirs.items[i], ret);
        if (!e) {
            err_drop(first);
            return NULL;
        }
        if (err_kind(e) != ERR_NOT_FOUND && err_kind(e) != ERR_DENIED) {
            err_drop(first);
            return e;
        }
        err_drop(e);
        e = NULL;
    }
    err_drop(e);
    return first;
}

static struct err *verify_stat(int fd, const char *what, struct stat *ret)
{
    if (fstat(fd, ret) < 0)
        return ERR_SYS(errno, "look at the session's %s", what);
    return NULL;
}

static bool verify_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool verify_is_ours(const char *path, const struct stat *ns)
{
    struct stat own;
    return stat(path, &own) == 0 && verify_same(&own, ns);
}

/* A child of our own user namespace that we own (ioctl_ns(2)). */
static struct err *verify_child(int userns)
{
    uid_t owner = (uid_t)-1;
    struct stat parent;
    if (ioctl(userns, NS_GET_OWNER_UID, &owner) < 0)
        return ERR_SYS(errno, "the session's user namespace is none");
    if (owner != geteuid())
        return ERR_NEW(ERR_DENIED, "the session's user namespace belongs to uid %u, not to this user", owner);
    AUTO_FD int parent_fd = ioctl(userns, NS_GET_PARENT);
    if (parent_fd < 0 || fstat(parent_fd, &parent) < 0 || !verify_is_ours("/proc/self/ns/user", &parent))
        return ERR_NEW(ERR_UNSUPPORTED, "the session was started in another user namespace than this process is in; "
                                        "leave it, or use another data directory (--root)");
    return NULL;
}

static struct err *verify_mounts(int mntns, const struct stat *userns)
{
    struct stat owner;
    if (ioctl(mntns, NS_GET_NSTYPE) != CLONE_NEWNS)
        return ERR_NEW(ERR_CORRUPT, "the session's mount namespace is none");
    AUTO_FD int owner_fd = ioctl(mntns, NS_GET_USERNS);
    if (owner_fd < 0 || fstat(owner_fd, &owner) < 0 || !verify_same(&owner, userns))
        return ERR_NEW(ERR_CORRUPT, "the session's mount namespace is not of its user namespace");
    return NULL;
}

/* The path that the holder was started with and ours may differ by links. */
static struct err *verify_root(const struct session_place *place, const char *theirs)
{
    struct stat a, b;
    if (strcmp(place->root, theirs) == 0)
        return NULL;
    if (stat(place->root, &a) == 0 && stat(theirs, &b) == 0 && verify_same(&a, &b))
        return NULL;
    return ERR_NEW(ERR_IN_USE, "the session in %s is that of data directory %s; give %s a run directory of its own",
                   place->dir, theirs, place->root);
}

struct err *session_verify(const struct session_place *place, const struct session_peer *p, bool *ret_inside,
                           bool *ret_same_mounts)
{
    struct stat userns, mntns, lock, lock_file, dir;
    unsigned peer_uid = (unsigned)-1;
    TRY(verify_stat(p->userns, "user namespace", &userns));
    TRY(verify_stat(p->mntns, "mount namespace", &mntns));
    TRY(verify_stat(p->lock, "lock", &lock));
    TRY(verify_stat(p->dir_fd, "directory", &dir));
    TRY(msg_peer_uid(p->conn, &peer_uid));
    if (peer_uid != geteuid() && peer_uid != dir.st_uid)
        return ERR_NEW(ERR_DENIED, "the session's holder runs as uid %u, not as this user", peer_uid);
    if (fstatat(p->dir_fd, SESSION_LOCK, &lock_file, AT_SYMLINK_NOFOLLOW) < 0 || !verify_same(&lock, &lock_file))
        return ERR_NEW(ERR_CORRUPT, "the session's lock is not the one in %s", p->dir);
    *ret_inside = verify_is_ours("/proc/self/ns/user", &userns);
    *ret_same_mounts = *ret_inside && verify_is_ours("/proc/self/ns/mnt", &mntns);
    if (!*ret_inside)
        TRY(verify_child(p->userns));
    TRY(verify_mounts(p->mntns, &userns));
    return verify_root(place, p->hello.root);
}
