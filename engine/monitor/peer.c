#include "engine/monitor/peer.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/msg.h"
#include "engine/monitor/job.h"
#include "engine/monitor/launch.h"
#include "engine/monitor/life.h"

/* A message is queued only when a socket is full, and output not at all then (job_update): what comes on top are
 * answers, which a client asks for one by one. */
#define PEER_FRAMES_MAX 32
#define FRAME_FDS_MAX 3
/* A client with an exec session has one descriptor for itself and up to six for the session. */
#define FILES_PER_PEER 8
#define FILES_SPARE 64

struct frame {
    struct frame *next;
    uint32_t type;
    size_t len;
    size_t n_fds;
    int fds[FRAME_FDS_MAX]; /* duplicates, ours */
    char data[];
};

static void frame_free(struct frame *f)
{
    for (size_t i = 0; i < f->n_fds; i++)
        (void)fd_close(f->fds[i]);
    mem_freep(&f);
}

static struct err *frame_new(uint32_t type, const void *data, size_t len, const int *fds, size_t n_fds,
                             struct frame **ret)
{
    struct frame *f = mem_zalloc(sizeof(*f) + len);
    if (!f)
        return err_oom();
    f->type = type;
    f->len = len;
    if (len)
        memcpy(f->data, data, len);
    for (size_t i = 0; i < n_fds && i < FRAME_FDS_MAX; i++) {
        struct err *e = fd_duplicate(fds[i], &f->fds[i]);
        if (e) {
            frame_free(f);
            return e;
        }
        f->n_fds++;
    }
    *ret = f;
    return NULL;
}

/* Our callback comes at once, since the shut down socket has events, until all that the peer had said is read: the word
 * that it recorded the exit must not be lost because it has stopped reading. */
void peer_break(struct peer *p)
{
    p->broken = true;
    (void)shutdown(p->fd, SHUT_RDWR);
}

bool peer_is_blocked(const struct peer *p)
{
    return p->first && !p->broken;
}

static struct err *peer_watch(struct peer *p)
{
    return loop_set_events(p->src, p->first ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static struct err *peer_enqueue(struct peer *p, uint32_t type, const void *data, size_t len, const int *fds,
                                size_t n_fds)
{
    struct frame *f = NULL;
    if (p->n_frames >= PEER_FRAMES_MAX)
        return ERR_NEW(ERR_NO_SPACE, "a client does not read its answers");
    TRY(frame_new(type, data, len, fds, n_fds, &f));
    if (p->last)
        p->last->next = f;
    else
        p->first = f;
    p->last = f;
    p->n_frames++;
    return peer_watch(p);
}

void peer_send(struct peer *p, uint32_t type, const void *data, size_t len, const int *fds, size_t n_fds)
{
    if (p->broken)
        return;
    struct err *e = NULL;
    if (!p->first)
        e = msg_send(p->fd, type, data, len, fds, n_fds);
    if (p->first || (e && err_errno(e) == EAGAIN)) {
        err_drop(e);
        e = peer_enqueue(p, type, data, len, fds, n_fds);
    }
    if (e)
        peer_break(p);
    err_drop(e);
}

void peer_send_error(struct peer *p, struct err *take_e)
{
    char buf[ERR_WIRE_MAX];
    peer_send(p, MONITOR_FAILED, buf, err_encode(take_e, buf, sizeof(buf)), NULL, 0);
    err_drop(take_e);
}

/* Out of everything that knows it. */
static void peer_remove(struct peer *p)
{
    struct server *s = p->server;
    struct job *j = p->attached;
    for (struct peer **at = &s->peers; *at; at = &(*at)->next) {
        if (*at == p) {
            *at = p->next;
            break;
        }
    }
    s->n_peers--;
    if (s->listen_src) /* it may have waited for a descriptor */
        err_drop(loop_set_events(s->listen_src, EPOLLIN));
    if (s->control == p)
        s->control = NULL;
    launch_forget_peer(s, p);
    loop_remove(p->src);
    while (p->first) {
        struct frame *next = p->first->next;
        frame_free(p->first);
        p->first = next;
    }
    fd_close(p->fd);
    mem_freep(&p);
    if (j)
        job_update(j);
}

static void peer_flush(struct peer *p)
{
    struct err *e = NULL;
    while (p->first && !e) {
        struct frame *f = p->first;
        e = msg_send(p->fd, f->type, f->data, f->len, f->fds, f->n_fds);
        if (e)
            break;
        p->first = f->next;
        p->n_frames--;
        frame_free(f);
    }
    if (!p->first)
        p->last = NULL;
    if (e && err_errno(e) != EAGAIN)
        peer_break(p);
    err_drop(e);
    err_drop(peer_watch(p));
    if (!p->first && p->attached)
        job_update(p->attached);
}

/* One message; the loop comes back for the next one. False: the end. */
static bool peer_receive(struct peer *p)
{
    AUTO_MSG struct msg m = MSG_INIT;
    bool eof = false;
    struct err *e = msg_recv(p->fd, &m, &eof);
    bool again = e && err_errno(e) == EAGAIN;
    bool bad = e != NULL;
    err_drop(e);
    if (again)
        return true;
    if (bad || eof)
        return false;
    return request_handle(p, &m);
}

static struct err *peer_event(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct peer *p = arg;
    struct server *s = p->server;
    bool keep = true;
    (void)src;
    (void)fd;
    if ((events & EPOLLOUT) && !p->broken)
        peer_flush(p);
    if (events & EPOLLIN)
        keep = peer_receive(p);
    else if (events & (EPOLLHUP | EPOLLERR))
        keep = false;
    if (keep)
        return NULL;
    bool was_control = s->control == p;
    peer_remove(p);
    /* Nobody will say START any more. */
    if (was_control && (!s->container || s->early) && !s->started)
        loop_quit(s->loop);
    if (s->started)
        life_trim_later(s);
    life_check_end(s);
    return NULL;
}

struct err *peer_add(struct server *s, int take_fd, struct peer **ret)
{
    AUTO_FD int fd = take_fd;
    TRY(fd_set_nonblock(fd, true));
    AUTO_FREE struct peer *p = mem_zalloc(sizeof(*p));
    if (!p)
        return err_oom();
    p->server = s;
    p->fd = fd;
    TRY(loop_add_fd(s->loop, fd, EPOLLIN, peer_event, p, &p->src));
    TAKE_FD(fd);
    p->next = s->peers;
    s->peers = p;
    s->n_peers++;
    if (ret)
        *ret = p;
    TAKE_PTR(p);
    return NULL;
}

static struct err *peer_accept(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct server *s = arg;
    (void)events;
    fd_want(FILES_SPARE + FILES_PER_PEER * (s->n_peers + 1));
    AUTO_FD int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (conn < 0) {
        /* Gone again; or out of descriptors: it waits until one of ours is free, and we don't turn in circles. */
        return (errno == EMFILE || errno == ENFILE) && s->n_peers ? loop_set_events(src, 0) : NULL;
    }
    if (s->n_peers < MONITOR_CLIENTS_MAX) {
        err_drop(peer_add(s, TAKE_FD(conn), NULL));
        return NULL;
    }
    struct err *e = ERR_NEW(ERR_NO_SPACE, "more than %d clients at once of one container", MONITOR_CLIENTS_MAX);
    err_drop(msg_send_error(conn, MONITOR_FAILED, e));
    err_drop(e);
    return NULL;
}

struct err *peer_listen(struct server *s)
{
    TRY(msg_listen(s->lock.dir_fd, LOCKFILE_SOCKET, &s->listen_fd));
    TRY(fd_set_nonblock(s->listen_fd, true));
    return loop_add_fd(s->loop, s->listen_fd, EPOLLIN, peer_accept, s, &s->listen_src);
}

/* Who connected but wasn't accepted yet reads the end, as of a monitor that is gone. */
void peer_unlisten(struct server *s)
{
    if (s->listen_fd < 0)
        return;
    (void)unlinkat(s->lock.dir_fd, LOCKFILE_SOCKET, 0);
    loop_remove(s->listen_src);
    s->listen_src = NULL;
    s->listen_fd = fd_close(s->listen_fd);
}

void peer_free_all(struct server *s)
{
    while (s->peers) {
        s->peers->attached = NULL;
        peer_remove(s->peers);
    }
}
