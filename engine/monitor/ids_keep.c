/* The monitor's part of ids.h: it takes the filters that runtimes bring, keeps them, and hands them to the process that
 * answers. As long as somebody has a filter open, calls wait for an answer instead of failing (seccomp_unotify(2)); so
 * when that process is killed, by the kernel for want of memory, say, the container only waits for the next one, which
 * inherits everything from here. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/msg.h"
#include "engine/monitor/ids.h"
#include "engine/monitor/ids_internal.h"
#include "engine/monitor/runtime_socket.h"
#include "engine/monitor/server.h"

#define BACKLOG 16
#define FILTERS_MAX ((size_t)1 << 16)
#define FILTER_MESSAGE 1
/* One that ends sooner than this is not replaced at once, lest we do nothing else. */
#define SHORT_LIFE_SEC 1
#define PAUSE_NSEC (UINT64_C(100) * SERVER_NSEC_PER_MSEC)

struct ids_keep {
    struct server *server;
    struct ids_state *state; /* shared memory */
    int listen_fd;
    struct loop_source *listen_src, *timer;
    int sock; /* to the process; -1: there is none */
    struct ids_filter *filters;
    size_t n_filters, cap_filters;
    uint64_t serial;
    time_t started_sec;
};

static time_t now_sec(void)
{
    struct timespec t = {.tv_sec = 0};
    (void)clock_gettime(CLOCK_BOOTTIME, &t);
    return t.tv_sec;
}

/* --- the process */

static struct err *fork_process(struct ids_keep *k)
{
    int pair[2];
    TRY(msg_pair(pair));
    AUTO_FD int ours = pair[0];
    AUTO_FD int theirs = pair[1];
    if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
        return ERR_SYS(errno, "make a socket");
    pid_t monitor = getpid(), pid = fork();
    if (pid < 0)
        return ERR_SYS(errno, "start the process that answers for ids");
    if (pid == 0)
        ids_live(k->state, theirs, k->filters, k->n_filters, monitor);
    k->server->ids_pid = pid;
    k->started_sec = now_sec();
    k->sock = TAKE_FD(ours);
    return NULL;
}

static struct err *on_pause_over(struct loop_source *src, void *arg)
{
    struct ids_keep *k = arg;
    struct err *e = fork_process(k);
    if (!e) {
        loop_remove(src);
        k->timer = NULL;
    }
    err_drop(e); /* no process to be had: again later, calls wait meanwhile */
    return NULL;
}

/* Without a timer it is as if nobody kept the filters. */
static void drop_filters(struct ids_keep *k);
static void start_later(struct ids_keep *k)
{
    struct err *e = NULL;
    if (!k->timer)
        e = loop_add_timer(k->server->loop, PAUSE_NSEC, PAUSE_NSEC, on_pause_over, k, &k->timer);
    if (e)
        drop_filters(k);
    err_drop(e);
}

void ids_ended(struct server *s)
{
    struct ids_keep *k = s->ids_keep;
    s->ids_pid = 0;
    k->sock = fd_close(k->sock);
    if (now_sec() - k->started_sec <= SHORT_LIFE_SEC) {
        start_later(k);
        return;
    }
    struct err *e = fork_process(k);
    if (e)
        start_later(k);
    err_drop(e);
}

/* --- filters */

/* Its last process is gone. Our source asks for nothing else. */
static struct err *on_unused(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    const struct server *s = arg;
    struct ids_keep *k = s->ids_keep;
    (void)events;
    loop_remove(src);
    for (size_t i = 0; i < k->n_filters; i++) {
        if (k->filters[i].fd == fd) {
            k->filters[i] = k->filters[--k->n_filters];
            break;
        }
    }
    fd_close(fd);
    return NULL;
}

static void drop_filters(struct ids_keep *k)
{
    while (k->n_filters) {
        const struct ids_filter *f = &k->filters[--k->n_filters];
        loop_remove(f->src);
        fd_close(f->fd);
    }
}

/* A process that doesn't take it is stuck: its successor inherits it. */
static void hand_over(struct ids_keep *k, const struct ids_filter *f)
{
    struct err *e = NULL;
    if (k->sock >= 0)
        e = msg_send(k->sock, FILTER_MESSAGE, &f->serial, sizeof(f->serial), &f->fd, 1);
    if (e && k->server->ids_pid > 0)
        (void)kill(k->server->ids_pid, SIGKILL);
    err_drop(e);
}

static struct err *keep(struct ids_keep *k, int take_listener)
{
    AUTO_FD int listener = take_listener;
    TRY(mem_grow(&k->filters, k->n_filters, &k->cap_filters, sizeof(*k->filters), FILTERS_MAX));
    struct ids_filter *f = &k->filters[k->n_filters];
    *f = (struct ids_filter){.fd = listener, .serial = ++k->serial};
    TRY(loop_add_fd(k->server->loop, listener, 0, on_unused, k->server, &f->src));
    (void)TAKE_FD(listener);
    k->n_filters++;
    hand_over(k, f);
    return NULL;
}

static struct err *on_message(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    const struct server *s = arg;
    int listener = -1;
    (void)events;
    err_drop(runtime_socket_receive(fd, &listener)); /* what it says of the container isn't needed */
    loop_remove(src);
    fd_close(fd);
    if (!s->ids_keep)
        fd_close(listener);
    else if (listener >= 0)
        err_drop(keep(s->ids_keep, listener)); /* without memory its calls fail with ENOSYS */
    return NULL;
}

/* crun connects early and sends late: no connection may keep the others waiting. */
static struct err *on_connection(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct ids_keep *k = arg;
    (void)src;
    (void)events;
    AUTO_FD int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (conn < 0)
        return NULL;
    struct err *e = loop_add_fd(k->server->loop, conn, EPOLLIN, on_message, k->server, NULL);
    if (!e)
        (void)TAKE_FD(conn);
    err_drop(e);
    return NULL;
}

/* --- begin and end */

static struct err *begin(struct ids_keep *k)
{
    void *memory =
        mmap(NULL, sizeof(*k->state), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return err_oom();
    k->state = memory;
    TRY(runtime_socket_listen(k->server->private_fd, IDS_SOCKET, BACKLOG, &k->listen_fd));
    TRY(loop_add_fd(k->server->loop, k->listen_fd, EPOLLIN, on_connection, k, &k->listen_src));
    return fork_process(k);
}

struct err *ids_start(struct server *s)
{
    if (!s->plan.emulate_ids)
        return NULL;
    struct ids_keep *k = mem_zalloc(sizeof(*k));
    if (!k)
        return err_oom();
    *k = (struct ids_keep){.server = s, .listen_fd = -1, .sock = -1};
    s->ids_keep = k;
    return begin(k); /* ids_end() undoes what there is of it */
}

void ids_end(struct server *s)
{
    struct ids_keep *k = s->ids_keep;
    if (!k)
        return;
    if (s->ids_pid > 0) {
        (void)kill(s->ids_pid, SIGKILL);
        while (waitpid(s->ids_pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    s->ids_pid = 0;
    if (k->timer)
        loop_remove(k->timer);
    if (k->listen_src)
        loop_remove(k->listen_src);
    fd_close(k->listen_fd);
    fd_close(k->sock);
    drop_filters(k);
    mem_freep(&k->filters);
    if (k->state)
        (void)munmap(k->state, sizeof(*k->state));
    mem_freep(&s->ids_keep);
}
