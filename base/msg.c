/* Messages over SOCK_SEQPACKET. The kernel keeps their boundaries, so there is no framing to get wrong: a message is
 * looked at first (MSG_PEEK) to learn its length, then read into memory of that size. */
#include "base/msg.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"

#define MSG_BACKLOG 128

/* Room for one SCM_RIGHTS with MSG_FDS_MAX descriptors, aligned as cmsg(3) wants it. */
union msg_control {
    char buf[CMSG_SPACE(sizeof(int) * MSG_FDS_MAX)];
    struct cmsghdr align;
};

/* Also descriptors that nobody asked for are closed here: a peer cannot fill our table. */
void msg_done(struct msg *m)
{
    for (size_t i = 0; i < m->n_fds; i++)
        (void)fd_close(m->fds[i]);
    free(m->data);
    *m = (struct msg)MSG_INIT;
}

/* EAGAIN gets its own words: the caller decides by kind and errno, never by the text. */
static struct err *msg_io_error(const char *what)
{
    if (errno == EAGAIN)
        return ERR_SYS_AS(ERR_TIMEOUT, EAGAIN, "%s a message", what);
    return ERR_SYS(errno, "%s a message", what);
}

struct err *msg_send(int sock, uint32_t type, const void *data, size_t len, const int *fds, size_t n_fds)
{
    if (len > MSG_PAYLOAD_MAX)
        return ERR_NEW(ERR_INVALID, "message of %zu bytes is too long", len);
    if (n_fds > MSG_FDS_MAX)
        return ERR_NEW(ERR_INVALID, "message with %zu descriptors", n_fds);
    /* The type and the payload in two pieces, so that nothing has to be copied together. */
    char none = 0;
    void *payload = len ? (void *)(uintptr_t)data : &none; /* sendmsg does not write there */
    struct iovec iov[2] = {{.iov_base = &type, .iov_len = sizeof(type)}, {.iov_base = payload, .iov_len = len}};
    struct msghdr h = {.msg_iov = iov, .msg_iovlen = len ? 2 : 1};
    union msg_control control;
    /* Padding between the header and the descriptors is sent too: zero it. */
    if (n_fds) {
        memset(&control, 0, sizeof(control));
        h.msg_control = control.buf;
        h.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
    }
    if (fault_hit(FAULT_SYS))
        return ERR_SYS(EPIPE, "send a message");
    ssize_t n;
    do {
        n = sendmsg(sock, &h, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? msg_io_error("send") : NULL;
}

struct err *msg_send_error(int sock, uint32_t type, struct err *e)
{
    char buf[ERR_WIRE_MAX];
    return msg_send(sock, type, buf, err_encode(e, buf, sizeof(buf)), NULL, 0);
}

/* Collect the descriptors of a received message. The kernel has cut off what did not fit (MSG_CTRUNC). */
static void msg_take_fds(struct msghdr *h, struct msg *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (m->n_fds < MSG_FDS_MAX)
                m->fds[m->n_fds++] = fd;
            else
                (void)fd_close(fd);
        }
    }
}

/* Length of the next message without taking it; 0 at the end. */
static struct err *msg_peek_len(int sock, size_t *ret)
{
    ssize_t n;
    if (fault_hit(FAULT_SYS))
        return ERR_SYS(ECONNRESET, "receive a message");
    do {
        n = recv(sock, NULL, 0, MSG_PEEK | MSG_TRUNC);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return msg_io_error("receive");
    *ret = (size_t)n;
    return NULL;
}

struct err *msg_recv(int sock, struct msg *ret, bool *ret_eof)
{
    /* From the moment they are received, descriptors belong to `m`, which closes them on every way out. */
    AUTO_MSG struct msg m = MSG_INIT;
    size_t expected = 0;
    TRY(msg_peek_len(sock, &expected));
    size_t room = expected <= sizeof(m.type) ? 0 : expected - sizeof(m.type);
    if (room > MSG_PAYLOAD_MAX)
        room = MSG_PAYLOAD_MAX; /* still read it, so that the next one can be */
    if (room && !(m.data = mem_alloc(room + 1)))
        return err_oom();
    union msg_control control;
    struct iovec iov[2] = {{.iov_base = &m.type, .iov_len = sizeof(m.type)}, {.iov_base = m.data, .iov_len = room}};
    struct msghdr h = {
        .msg_iov = iov,
        .msg_iovlen = room ? 2 : 1,
        .msg_control = control.buf,
        .msg_controllen = sizeof(control.buf),
    };
    ssize_t n;
    do {
        n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return msg_io_error("receive");
    msg_take_fds(&h, &m);
    if (n == 0) { /* no message of ours is empty, and the end of the stream reads so */
        *ret_eof = true;
        return NULL;
    }
    if (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || (size_t)n < sizeof(m.type) || (size_t)n != sizeof(m.type) + room)
        return ERR_NEW(ERR_CORRUPT, "received a malformed message of %zu bytes", expected);
    /* Complete: hand it over. */
    m.len = room;
    if (m.data)
        m.data[room] = '\0';
    *ret = m;
    *ret_eof = false;
    m = (struct msg)MSG_INIT;
    return NULL;
}

struct err *msg_pair(int ret[2])
{
    if (fault_hit(FAULT_SYS))
        return ERR_SYS(EMFILE, "make a socket pair");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0)
        return ERR_SYS(errno, "make a socket pair");
    return NULL;
}

/* A socket, and the address of `name` in `dirfd`. sun_path holds 108 bytes; through /proc/self/fd only the name itself
 * counts, whatever the path of the directory (unix(7)). */
static struct err *msg_socket(int dirfd, const char *name, struct sockaddr_un *ret_addr, int *ret)
{
    /* A slash would leave the directory. */
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int n;
    if (!*name || strchr(name, '/'))
        return ERR_NEW(ERR_INVALID, "\"%s\" cannot be the name of a socket", name);
    if (dirfd == AT_FDCWD)
        n = snprintf(addr.sun_path, sizeof(addr.sun_path), "./%s", name);
    else
        n = snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s", dirfd, name);
    if (n < 0 || (size_t)n >= sizeof(addr.sun_path))
        return ERR_NEW(ERR_INVALID, "socket name \"%s\" is too long", name);
    int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (sock < 0)
        return ERR_SYS(errno, "make a socket");
    *ret_addr = addr;
    *ret = sock;
    return NULL;
}

/* No file, or one that a dead listener left behind: for the caller the same, nobody is there. */
static struct err *msg_not_listening(const char *name, int errnum)
{
    if (errnum == ENOENT || errnum == ECONNREFUSED)
        return ERR_SYS_AS(ERR_NOT_FOUND, errnum, "connect to socket %s", name);
    return ERR_SYS(errnum, "connect to socket %s", name);
}

/* Connecting is not restarted after a signal, it goes on by itself (connect(2), EINTR); a Unix socket never waits but
 * for a full backlog, where trying again is right. */
static int msg_connect_errno(int sock, const struct sockaddr_un *addr)
{
    int r;
    do {
        r = connect(sock, (const struct sockaddr *)addr, sizeof(*addr));
    } while (r < 0 && errno == EINTR);
    return r < 0 ? errno : 0;
}

struct err *msg_connect(int dirfd, const char *name, int *ret)
{
    struct sockaddr_un addr;
    AUTO_FD int sock = -1;
    TRY(msg_socket(dirfd, name, &addr, &sock));
    int errnum = fault_hit(FAULT_SYS) ? ECONNREFUSED : msg_connect_errno(sock, &addr);
    if (errnum)
        return msg_not_listening(name, errnum);
    *ret = TAKE_FD(sock);
    return NULL;
}

/* The name is taken: remove it if it is a socket that nobody listens on. Two starters at once are kept apart by the
 * caller's lock. */
static struct err *msg_remove_stale(int dirfd, const char *name)
{
    struct stat st;
    AUTO_FD int probe = -1;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISSOCK(st.st_mode))
        return ERR_NEW(ERR_EXISTS, "%s is in the way and is not a socket", name);
    struct err *e = msg_connect(dirfd, name, &probe);
    if (!e)
        return ERR_NEW(ERR_IN_USE, "another process listens on socket %s", name);
    if (err_kind(e) != ERR_NOT_FOUND && err_errno(e) != EPROTOTYPE)
        return e;
    err_drop(e);
    if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
        return ERR_SYS(errno, "remove stale socket %s", name);
    return NULL;
}

struct err *msg_listen(int dirfd, const char *name, int *ret)
{
    struct sockaddr_un addr;
    AUTO_FD int sock = -1;
    TRY(msg_socket(dirfd, name, &addr, &sock));
    /* The mode of the unbound socket is that of the file: never open to others, not even for a moment. */
    if (fchmod(sock, S_IRUSR | S_IWUSR) < 0)
        return ERR_SYS(errno, "set the mode of socket %s", name);
    /* Only a name that is taken gets a second try. */
    int r = bind(sock, (const struct sockaddr *)&addr, sizeof(addr));
    if (r < 0 && errno == EADDRINUSE) {
        TRY(msg_remove_stale(dirfd, name));
        r = bind(sock, (const struct sockaddr *)&addr, sizeof(addr));
    }
    if (r < 0)
        return ERR_SYS(errno, "bind socket %s", name);
    if (listen(sock, MSG_BACKLOG) < 0)
        return ERR_SYS(errno, "listen on socket %s", name);
    *ret = TAKE_FD(sock);
    return NULL;
}

struct err *msg_peer_uid(int sock, unsigned *ret_uid)
{
    /* Who connected or listened, as the kernel noted it then (SO_PEERCRED, unix(7)); overflow id where unmapped. */
    struct ucred cred;
    socklen_t len = sizeof(cred);
    if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
        return ERR_SYS(errno, "ask who the peer is");
    *ret_uid = cred.uid;
    return NULL;
}
