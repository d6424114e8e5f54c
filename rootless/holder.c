/* One loop, a list of connections, one idle timer. A connection is "in use"; when there has been none for a while the
 * holder ends, and with it the namespaces. Nothing that comes in can make it fail: a bad message closes its
 * connection. */
#include "rootless/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/ident.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/proc.h"
#include "base/strbuf.h"
#include "rootless/holder_watch.h"
#include "rootless/session_wire.h"

#define HELLO_FILE_MAX ((size_t)64 << 10)
#define NSEC_PER_SEC ((uint64_t)1000000000)
#define FIRST_CLIENT_NSEC (2 * NSEC_PER_SEC) /* until the command that started us connects */
#define ADOPTED_NSEC (10 * NSEC_PER_SEC)     /* until the monitors have come back */
#define RESTORE_NSEC (NSEC_PER_SEC / 50)     /* let `rm -r` come to its end */
#define RESTORE_TRIES 500
#define ACCEPT_PAUSE_NSEC (NSEC_PER_SEC / 10) /* out of descriptors */
#define BUSY_NAMES_MAX 5

struct holder;

struct holder_conn {
    struct holder *holder;
    struct holder_conn *next;
    struct loop_source *src;
    int fd;
    int pidfd; /* -1: not registered */
    char ct_id[IDENT_LEN + 1];
};

struct holder {
    struct loop *loop;
    struct loop_source *listener;
    struct loop_source *idle;
    struct loop_source *unpause;
    struct loop_source *restore;
    unsigned restore_tries;
    struct holder_watch watch;
    struct holder_conn *conns;
    int dir_fd; /* of the directory that has our socket; owned after the first was wiped */
    bool owns_dir_fd;
    int listen_fd;
    int fds[SESSION_HELLO_FDS]; /* user namespace, mount namespace, lock (borrowed) */
    char *hello;
    size_t hello_len;
    int kept_fd; /* SESSION_KEEP */
    uint64_t idle_nsec;
    bool remapped;
};

static void holder_done(struct holder *h)
{
    while (h->conns) {
        struct holder_conn *c = h->conns;
        h->conns = c->next;
        (void)fd_close(c->fd);
        (void)fd_close(c->pidfd);
        free(c);
    }
    loop_free(h->loop);
    (void)fd_close(h->listen_fd);
    (void)fd_close(h->fds[0]);
    (void)fd_close(h->fds[1]);
    (void)fd_close(h->kept_fd);
    if (h->owns_dir_fd)
        (void)fd_close(h->dir_fd);
    holder_watch_done(&h->watch);
    free(h->hello);
}
#define AUTO_HOLDER __attribute__((cleanup(holder_done)))

/* --- connections */

static struct err *holder_conn_end(struct holder_conn *c)
{
    struct holder *h = c->holder;
    if (c->pidfd >= 0) /* the monitor died: its container must not go on unwatched */
        (void)proc_pidfd_signal(c->pidfd, SIGKILL);
    for (struct holder_conn **p = &h->conns; *p; p = &(*p)->next) {
        if (*p == c) {
            *p = c->next;
            break;
        }
    }
    loop_remove(c->src);
    (void)fd_close(c->fd);
    (void)fd_close(c->pidfd);
    free(c);
    if (h->conns)
        return NULL;
    if (h->idle_nsec == 0) {
        loop_quit(h->loop);
        return NULL;
    }
    return loop_rearm(h->idle, h->idle_nsec, 0);
}

static struct err *conn_on_register(struct holder_conn *c, struct msg *m)
{
    if (m->n_fds != 1 || !m->data || m->len > IDENT_LEN || !ident_is_prefix(m->data))
        return ERR_NEW(ERR_INVALID, "malformed registration");
    (void)fd_close(c->pidfd);
    c->pidfd = TAKE_FD(m->fds[0]);
    memcpy(c->ct_id, m->data, m->len + 1);
    return NULL;
}

/* Containers by their short ids, a few of them, and the rest as a number. */
static struct err *conn_busy_text(const struct holder_conn *self, struct strbuf *sb)
{
    unsigned containers = 0, commands = 0;
    for (const struct holder_conn *c = self->holder->conns; c; c = c->next) {
        if (c == self)
            continue;
        if (c->pidfd < 0)
            commands++;
        else if (containers++ < BUSY_NAMES_MAX)
            TRY(strbuf_printf(sb, "%s%.12s", containers == 1 ? "containers " : ", ", c->ct_id));
    }
    if (containers > BUSY_NAMES_MAX)
        TRY(strbuf_printf(sb, " and %u more", containers - BUSY_NAMES_MAX));
    if (commands)
        TRY(strbuf_printf(sb, "%s%u running command%s", containers ? ", " : "", commands, commands == 1 ? "" : "s"));
    return NULL;
}

static bool msg_digest(const struct msg *m, uint64_t *ret)
{
    if (m->len != sizeof(*ret))
        return false;
    memcpy(ret, m->data, sizeof(*ret));
    return true;
}

static struct err *conn_on_retire(struct holder_conn *c, const struct msg *m)
{
    struct holder *h = c->holder;
    uint64_t digest = 0;
    AUTO_STRBUF struct strbuf who = STRBUF_INIT;
    if (!msg_digest(m, &digest))
        return ERR_NEW(ERR_INVALID, "malformed message");
    if (h->conns == c && !c->next && c->pidfd < 0) {
        loop_quit(h->loop);
        return msg_send(c->fd, SESSION_OK, NULL, 0, NULL, 0);
    }
    session_hello_set_digest(h->hello, digest, true);
    TRY(conn_busy_text(c, &who));
    return msg_send(c->fd, SESSION_BUSY, strbuf_str(&who), who.len, NULL, 0);
}

static struct err *conn_on_keep(struct holder_conn *c, struct msg *m)
{
    if (m->n_fds != 1)
        return ERR_NEW(ERR_INVALID, "malformed message");
    (void)fd_close(c->holder->kept_fd);
    c->holder->kept_fd = TAKE_FD(m->fds[0]);
    return NULL;
}

static struct err *conn_on_msg(struct holder_conn *c, struct msg *m)
{
    uint64_t digest = 0;
    switch (m->type) {
    case SESSION_REGISTER:
        return conn_on_register(c, m);
    case SESSION_UNREGISTER:
        c->pidfd = fd_close(c->pidfd);
        return NULL;
    case SESSION_CHECKED:
        if (!msg_digest(m, &digest))
            return ERR_NEW(ERR_INVALID, "malformed message");
        session_hello_set_digest(c->holder->hello, digest, false);
        return NULL;
    case SESSION_KEEP:
        return conn_on_keep(c, m);
    case SESSION_RETIRE:
        return conn_on_retire(c, m);
    default:
        return ERR_NEW(ERR_INVALID, "unknown message %u", m->type);
    }
}

static struct err *holder_on_conn(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct holder_conn *c = arg;
    AUTO_MSG struct msg m = MSG_INIT;
    bool eof = false;
    (void)src;
    (void)events;
    struct err *e = msg_recv(fd, &m, &eof);
    /* The peer closed with our hello unread: what it had sent before is still to come, then the end. */
    if (e && (err_errno(e) == ECONNRESET || err_errno(e) == EAGAIN)) {
        err_drop(e);
        return NULL;
    }
    if (!e && !eof)
        e = conn_on_msg(c, &m);
    if (!e && !eof)
        return NULL;
    err_drop(e);
    return holder_conn_end(c);
}

/* The socket's directory keeps others out; this is the second door. Root's session sees root as an unmapped id. */
static bool holder_accepts(const struct holder *h, int fd)
{
    unsigned uid = (unsigned)-1;
    struct err *e = msg_peer_uid(fd, &uid);
    bool ok = !e && (uid == 0 || h->remapped);
    err_drop(e);
    return ok;
}

static struct err *holder_add_conn(struct holder *h, int *fd)
{
    AUTO_FREE struct holder_conn *c = mem_zalloc(sizeof(*c));
    if (!c)
        return err_oom();
    *c = (struct holder_conn){.holder = h, .fd = *fd, .pidfd = -1, .next = h->conns};
    TRY(msg_send(*fd, SESSION_HELLO, h->hello, h->hello_len, h->fds, SESSION_HELLO_FDS));
    TRY(loop_add_fd(h->loop, *fd, EPOLLIN, holder_on_conn, c, &c->src));
    *fd = -1;
    h->conns = TAKE_PTR(c);
    return loop_rearm(h->idle, LOOP_NEVER, 0);
}

static struct err *holder_on_unpause(struct loop_source *src, void *arg)
{
    struct holder *h = arg;
    (void)src;
    return loop_set_events(h->listener, EPOLLIN);
}

static struct err *holder_on_listener(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct holder *h = arg;
    (void)events;
    AUTO_FD int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (conn < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
        TRY(loop_set_events(src, 0)); /* a queue that can't be served must not spin */
        return loop_rearm(h->unpause, ACCEPT_PAUSE_NSEC, 0);
    }
    if (conn < 0 || !holder_accepts(h, conn))
        return NULL;
    err_drop(holder_add_conn(h, &conn));
    return NULL;
}

static struct err *holder_on_idle(struct loop_source *src, void *arg)
{
    struct holder *h = arg;
    (void)src;
    if (!h->conns)
        loop_quit(h->loop);
    return NULL;
}

/* --- a session directory that was wiped */

static struct err *holder_listen(struct holder *h, int dir_fd)
{
    if (h->listener)
        loop_remove(h->listener);
    h->listener = NULL;
    h->listen_fd = fd_close(h->listen_fd);
    TRY(msg_listen(dir_fd, SESSION_SOCKET, &h->listen_fd));
    TRY(fd_set_nonblock(h->listen_fd, true));
    return loop_add_fd(h->loop, h->listen_fd, EPOLLIN, holder_on_listener, h, &h->listener);
}

static struct err *holder_restore(struct holder *h)
{
    AUTO_FD int dir = -1;
    AUTO_FD int start = -1;
    int lock = -1;
    TRY(holder_watch_restore(&h->watch, &dir, &start, &lock));
    if (lock >= 0) /* the old one goes with this process: others may still share it */
        h->fds[2] = lock;
    if (h->owns_dir_fd)
        (void)fd_close(h->dir_fd);
    h->dir_fd = TAKE_FD(dir);
    h->owns_dir_fd = true;
    return holder_listen(h, h->dir_fd);
}

/* The place is taken, or cannot be made again: containers that no command can reach must not go on, since another
 * session would start them a second time on the same files. */
static void holder_give_up(struct holder *h)
{
    for (const struct holder_conn *c = h->conns; c; c = c->next) {
        if (c->pidfd >= 0)
            (void)proc_pidfd_signal(c->pidfd, SIGKILL);
    }
    loop_quit(h->loop);
}

static struct err *holder_on_restore(struct loop_source *src, void *arg)
{
    struct holder *h = arg;
    if (holder_watch_intact(&h->watch)) {
        h->restore_tries = 0;
        return NULL;
    }
    if (!h->conns) { /* nobody would miss it, and whoever wiped it wants it gone */
        loop_quit(h->loop);
        return NULL;
    }
    struct err *e = holder_restore(h);
    if (!e) {
        h->restore_tries = 0;
        return NULL;
    }
    err_drop(e);
    if (++h->restore_tries >= RESTORE_TRIES) {
        holder_give_up(h);
        return NULL;
    }
    return loop_rearm(src, RESTORE_NSEC, 0);
}

static struct err *holder_on_wiped(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct holder *h = arg;
    (void)src;
    (void)fd;
    (void)events;
    holder_watch_drain(&h->watch);
    return holder_watch_intact(&h->watch) ? NULL : loop_rearm(h->restore, RESTORE_NSEC, 0);
}

static struct err *holder_watch_setup(struct holder *h, const struct holder_opts *o)
{
    holder_watch_start(&h->watch, o->dir, o->dir_fd, o->lock);
    if (h->watch.inotify < 0)
        return NULL;
    TRY(loop_add_timer(h->loop, LOOP_NEVER, 0, holder_on_restore, h, &h->restore));
    return loop_add_fd(h->loop, h->watch.inotify, EPOLLIN, holder_on_wiped, h, NULL);
}

/* --- making it */

static struct err *holder_open_namespace(const char *path, int *ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "open %s", path);
    *ret = fd;
    return NULL;
}

static struct err *holder_read_hello(struct holder *h, int dir_fd)
{
    AUTO_HELLO struct session_hello hello = {0};
    TRY(file_read(dir_fd, SESSION_TMP "/" SESSION_HELLO_FILE, HELLO_FILE_MAX, &h->hello, &h->hello_len));
    TRY(session_hello_decode(h->hello, h->hello_len, &hello));
    h->idle_nsec = hello.idle_nsec;
    h->remapped = hello.flags & SESSION_REMAPPED;
    return NULL;
}

static struct err *holder_setup(struct holder *h, const struct holder_opts *o)
{
    fd_want(SIZE_MAX); /* two descriptors for each running container */
    TRY(holder_read_hello(h, o->dir_fd));
    TRY(holder_open_namespace("/proc/self/ns/user", &h->fds[0]));
    TRY(holder_open_namespace("/proc/self/ns/mnt", &h->fds[1]));
    h->fds[2] = o->lock;
    uint64_t patience = o->adopted ? ADOPTED_NSEC : FIRST_CLIENT_NSEC;
    if (patience < h->idle_nsec)
        patience = h->idle_nsec;
    TRY(loop_new(&h->loop));
    TRY(loop_add_timer(h->loop, patience, 0, holder_on_idle, h, &h->idle));
    TRY(loop_add_timer(h->loop, LOOP_NEVER, 0, holder_on_unpause, h, &h->unpause));
    TRY(holder_watch_setup(h, o));
    h->dir_fd = o->dir_fd;
    return holder_listen(h, o->dir_fd);
}

struct err *holder_run(const struct holder_opts *o)
{
    AUTO_HOLDER struct holder h = {.listen_fd = -1, .fds = {-1, -1, -1}, .kept_fd = -1, .watch = HOLDER_WATCH_INIT};
    TRY(holder_setup(&h, o));
    err_drop(err_send(o->ready, NULL)); /* the one who asked may be gone; others come */
    (void)fd_close(o->ready);
    (void)fd_close(o->start_lock);
    TRY(loop_run(h.loop));
    /* Nobody can have taken our place yet: the lock is still held. */
    if (holder_watch_intact(&h.watch) || h.watch.inotify < 0)
        (void)unlinkat(h.dir_fd, SESSION_SOCKET, 0);
    return NULL;
}
