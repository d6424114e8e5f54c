/* The part of the session that monitors need. Depends on base/ alone, so that coracle-monitor stays small. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/proc.h"
#include "rootless/session.h"
#include "rootless/session_wire.h"

/* A holder answers in microseconds; one that is stopped or swapped out may take its time, but not for ever. */
#define LINK_TIMEOUT_MSEC 30000

static struct err *link_wait_readable(int fd, const char *who)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n;
    do {
        n = poll(&p, 1, LINK_TIMEOUT_MSEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return ERR_SYS(errno, "wait for %s", who);
    return n > 0 ? NULL : ERR_NEW(ERR_TIMEOUT, "%s does not answer", who);
}

/* When holder and directory were lost together, another session may have the place now. */
static struct err *link_check_namespace(const struct msg *hello)
{
    struct stat ours, theirs;
    if (hello->n_fds < 1 || fstat(hello->fds[0], &theirs) < 0)
        return ERR_NEW(ERR_CORRUPT, "the session's holder sent something unexpected");
    if (stat("/proc/self/ns/user", &ours) < 0)
        return ERR_SYS(errno, "look at the own user namespace");
    if (ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino)
        return NULL;
    return ERR_NEW(ERR_STATE, "another session has taken the place of this one");
}

struct err *session_connect(const char *session_dir, int *ret_conn)
{
    AUTO_FD int dir = open(session_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return ERR_SYS(errno, "open session directory %s", session_dir);
    AUTO_FD int conn = -1;
    AUTO_MSG struct msg hello = MSG_INIT; /* taken off the queue; what it brings is known already */
    bool eof = false;
    TRY(msg_connect(dir, SESSION_SOCKET, &conn));
    TRY(link_wait_readable(conn, "the session's holder"));
    struct err *e = msg_recv(conn, &hello, &eof);
    if (e && err_errno(e) == ECONNRESET) { /* it was killed just now */
        err_drop(e);
        eof = true;
        e = NULL;
    }
    TRY(e);
    if (eof || hello.type != SESSION_HELLO)
        return ERR_NEW(ERR_NOT_FOUND, "the session's holder is leaving");
    TRY(link_check_namespace(&hello));
    *ret_conn = TAKE_FD(conn);
    return NULL;
}

struct err *session_register(int conn, const char *ct_id, int pidfd)
{
    return ERR_WRAP(msg_send(conn, SESSION_REGISTER, ct_id, strlen(ct_id), &pidfd, 1), "register container %s", ct_id);
}

struct err *session_unregister(int conn)
{
    return msg_send(conn, SESSION_UNREGISTER, NULL, 0, NULL, 0);
}

struct err *session_keep(int conn, int fd)
{
    return msg_send(conn, SESSION_KEEP, NULL, 0, &fd, 1);
}

/* The one who listens is the holder; in a pid namespace that it is not in, its end is seen by the connection, which
 * then has to stay. */
struct err *session_watch(const struct session *s, int *ret_fd)
{
    struct ucred cred = {0};
    socklen_t len = sizeof(cred);
    if (getsockopt(s->conn_fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
        return ERR_SYS(errno, "ask for the session's holder");
    if (cred.pid <= 0)
        return fd_duplicate(s->conn_fd, ret_fd);
    AUTO_FD int fd = -1;
    TRY(proc_pidfd_open(cred.pid, &fd));
    struct pollfd p = {.fd = s->conn_fd, .events = POLLRDHUP};
    if (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLRDHUP | POLLERR))) /* its number may be another's by now */
        return ERR_NEW(ERR_STATE, "the session's holder has ended");
    *ret_fd = TAKE_FD(fd);
    return NULL;
}

static struct err *link_spawn_adopter(const char *session_dir, int lock_fd, int mntns_fd, int ready, struct proc *ret)
{
    AUTO_FREE char *path = NULL;
    AUTO_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return ERR_SYS(errno, "open /dev/null");
    TRY(proc_find_helper("coracle-session", &path));
    char *const argv[] = {(char[]){"coracle-session"}, (char[]){"--adopt"}, (char[]){"--dir"},
                          (char *)(uintptr_t)session_dir, NULL};
    char *const envp[] = {NULL};
    const struct proc_fd fds[] = {{null, 0}, {null, 1}, {null, 2}, {lock_fd, 3}, {mntns_fd, 4}, {ready, 5}};
    struct proc_opts opts = {
        .path = path,
        .argv = argv,
        .envp = envp,
        .fds = fds,
        .n_fds = ARRAY_LEN(fds),
        .cwd = "/",
        .new_session = true,
        .default_signals = true,
    };
    return proc_spawn(&opts, ret);
}

struct err *session_adopt(const char *session_dir, int lock_fd, int mntns_fd)
{
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return ERR_SYS(errno, "make a pipe");
    AUTO_FD int ready = pipe_fds[0];
    AUTO_FD int ready_write = pipe_fds[1];
    AUTO_PROC struct proc child = PROC_INIT;
    struct err *outcome = NULL;
    TRY_WRAP(link_spawn_adopter(session_dir, lock_fd, mntns_fd, ready_write, &child), "start a new session holder");
    ready_write = fd_close(ready_write);
    /* The child has a child, which becomes the holder, and ends at once. */
    TRY(proc_wait(&child, &(int){0}));
    TRY(link_wait_readable(ready, "the new session holder"));
    TRY_WRAP(err_recv(ready, &outcome), "start a new session holder");
    return outcome;
}
