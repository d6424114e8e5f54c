#include "engine/monitor/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/monitor/server.h"

#define NOTIFY_AT_ONCE 64 /* datagrams, before other work gets its turn */

static struct err *pass_on(const struct server *s, const char *text, size_t len)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    TRY(notify_filter(text, len, &out));
    return out.len ? notify_send(s->plan.notify_socket, out.data, out.len) : NULL;
}

static struct err *on_message(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct server *s = arg;
    char text[NOTIFY_MAX];
    (void)src, (void)events;
    for (int i = 0; i < NOTIFY_AT_ONCE; i++) {
        /* Descriptors that come along (FDSTORE) have no place in `msg`, so the kernel drops them. */
        ssize_t n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
        if (n < 0)
            return NULL;
        err_drop(pass_on(s, text, (size_t)n)); /* a service manager that has gone is no fault of the container's */
    }
    return NULL;
}

/* Whoever is who in the container may write to it; nobody else gets into the private directory. */
static struct err *bind_socket(int dir, int fd)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int n = snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/" NOTIFY_NAME, dir);
    if (n < 0 || (size_t)n >= sizeof(addr.sun_path) || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
        return ERR_SYS(errno, "bind " NOTIFY_NAME);
    return fchmodat(dir, NOTIFY_NAME, 0777, 0) < 0 ? ERR_SYS(errno, "set mode of " NOTIFY_NAME) : NULL;
}

struct err *notify_listen(struct server *s)
{
    if (!s->plan.notify_socket || s->plan.notify != PLAN_NOTIFY_CONTAINER)
        return NULL;
    AUTO_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return ERR_SYS(errno, "make a socket");
    if (mkdirat(s->private_fd, NOTIFY_DIR, 0755) < 0 && errno != EEXIST)
        return ERR_SYS(errno, "create " NOTIFY_DIR);
    AUTO_FD int dir = openat(s->private_fd, NOTIFY_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return ERR_SYS(errno, "open " NOTIFY_DIR);
    TRY(bind_socket(dir, fd));
    TRY(loop_add_fd(s->loop, fd, EPOLLIN, on_message, s, &s->notify_src));
    s->notify_fd = TAKE_FD(fd);
    return NULL;
}

void notify_close(struct server *s)
{
    loop_remove(s->notify_src);
    s->notify_src = NULL;
    s->notify_fd = fd_close(s->notify_fd);
}

void notify_healthy(struct server *s)
{
    static const char ready[] = "READY=1\n";
    if (s->notified || !s->plan.notify_socket || s->plan.notify != PLAN_NOTIFY_HEALTHY)
        return;
    s->notified = true;
    err_drop(notify_send(s->plan.notify_socket, ready, sizeof(ready) - 1));
}
