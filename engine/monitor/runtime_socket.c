#include "engine/monitor/runtime_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"

struct err *runtime_socket_listen(int dirfd, const char *name, int backlog, int *ret)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int n = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", fd_proc_path(dirfd).s, name);
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return ERR_SYS(errno, "make a socket for the OCI runtime");
    if (n < 0 || (size_t)n >= sizeof(addr.sun_path) || fchmod(fd, 0600) < 0 ||
        bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, backlog) < 0)
        return ERR_SYS(errno, "listen for the OCI runtime on %s", name);
    *ret = TAKE_FD(fd);
    return NULL;
}

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

struct err *runtime_socket_receive(int conn, int *ret)
{
    union {
        char buf[CMSG_SPACE(sizeof(int) * 4)];
        struct cmsghdr align;
    } control;
    char text[4096];
    struct iovec iov = {.iov_base = text, .iov_len = sizeof(text)};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf)};
    ssize_t n;
    do {
        n = recvmsg(conn, &msg, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return ERR_SYS(errno, "receive a descriptor from the OCI runtime");
    *ret = take_fd(&msg);
    return NULL;
}
