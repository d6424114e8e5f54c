#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/monitor/launch.h"

#define CONSOLE_RECEIVE_SEC 2 /* the runtime sends as soon as it has connected */

struct err *console_listen(int dirfd, const char *name, int *ret)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int n = snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s", dirfd, name);
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return ERR_SYS(errno, "make a socket for the terminal");
    if (n < 0 || (size_t)n >= sizeof(addr.sun_path) || fchmod(fd, 0600) < 0 ||
        bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1) < 0)
        return ERR_SYS(errno, "listen for the terminal");
    *ret = TAKE_FD(fd);
    return NULL;
}

/* The descriptor of a message; more than one would be a strange runtime, and are closed. */
static int take_fd(struct msghdr *msg)
{
    int found = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
            if (found < 0)
                found = fd;
            else
                fd_close(fd);
        }
    }
    return found;
}

struct err *console_receive(int listen_fd, int *ret_master)
{
    union {
        char buf[CMSG_SPACE(sizeof(int) * 4)];
        struct cmsghdr align;
    } control;
    char text[256];
    struct iovec iov = {.iov_base = text, .iov_len = sizeof(text)};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf)};
    const struct timeval limit = {.tv_sec = CONSOLE_RECEIVE_SEC};
    *ret_master = -1;
    AUTO_FD int conn = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (conn < 0)
        return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED ? NULL
                                                                          : ERR_SYS(errno, "accept the terminal");
    (void)setsockopt(conn, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ssize_t n;
    do {
        n = recvmsg(conn, &msg, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return ERR_SYS(errno, "receive the terminal");
    *ret_master = take_fd(&msg);
    return *ret_master < 0 ? ERR_NEW(ERR_INTERNAL, "the OCI runtime sent no terminal") : NULL;
}
