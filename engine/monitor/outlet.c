#include "engine/monitor/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

void outlet_open(struct outlet *o, int fd)
{
    struct stat st;
    *o = (struct outlet)OUTLET_INIT;
    if (fd < 0 || fstat(fd, &st) < 0)
        return;
    o->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* the loop wants a number of its own for each */
    if (o->fd < 0)
        return;
    o->is_socket = S_ISSOCK(st.st_mode);
    if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
        return;
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && (flags & O_NONBLOCK))
        return;
    int own = open(fd_proc_path(fd).s, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (flags & O_APPEND));
    o->careful = own < 0;
    if (own < 0)
        return;
    fd_close(o->fd);
    o->fd = own;
}

static void outlet_idle(struct outlet *o)
{
    loop_remove(o->src);
    o->src = NULL;
    mem_freep(&o->data);
    o->len = o->at = 0;
}

void outlet_close(struct outlet *o)
{
    outlet_idle(o);
    fd_close(o->fd);
    *o = (struct outlet)OUTLET_INIT;
}

/* One write, as much as goes without waiting; -1 with EAGAIN when nothing does. */
static ssize_t outlet_try(const struct outlet *o, const char *data, size_t len)
{
    struct pollfd p = {.fd = o->fd, .events = POLLOUT};
    if (o->is_socket)
        return send(o->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (o->careful) {
        if (poll(&p, 1, 0) <= 0 || !(p.revents & (POLLOUT | POLLERR))) {
            errno = EAGAIN;
            return -1;
        }
        len = len > PIPE_BUF ? PIPE_BUF : len;
    }
    return write(o->fd, data, len);
}

struct err *outlet_flush(struct outlet *o)
{
    while (o->at < o->len) {
        ssize_t n = outlet_try(o, o->data + o->at, o->len - o->at);
        if (n >= 0) {
            o->at += (size_t)n;
        } else if (errno == EAGAIN) {
            return NULL;
        } else if (errno != EINTR) {
            int errnum = errno;
            outlet_close(o);
            /* Nobody reads any more: no reason to stop the container. */
            return errnum == EPIPE || errnum == EIO || errnum == ECONNRESET ? NULL : ERR_SYS(errnum, "write output");
        }
    }
    outlet_idle(o);
    return NULL;
}

struct err *outlet_write(struct outlet *o, struct loop *l, char *take_data, size_t len, loop_fd_fn fn, void *arg)
{
    if (o->fd < 0) {
        mem_freep(&take_data);
        return NULL;
    }
    outlet_idle(o);
    o->data = take_data;
    o->len = len;
    TRY(outlet_flush(o));
    if (!outlet_waits(o))
        return NULL;
    return loop_add_fd(l, o->fd, EPOLLOUT, fn, arg, &o->src);
}

bool outlet_waits(const struct outlet *o)
{
    return o->at < o->len;
}
