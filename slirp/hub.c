#include "slirp/hub.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/trim.h"
#include "slirp/control.h"
#include "slirp/engine.h"
#include "slirp/hub_client.h"
#include "slirp/hub_internal.h"
#include "slirp/netns.h"

#define HUB_END_NSEC UINT64_C(20000000) /* somebody holds the lock, who may be about to connect */
#define HUB_FDS_MIN 3u                  /* of HUB_START */
#define HUB_QUIET_MSEC 500
#define HUB_HEAR_MSEC 5000 /* monitors that connect ask soon */

/* --- the end */

/* Whoever has connected meanwhile gets a seat. *ret_any: there was somebody. */
static struct err *hub_accept(struct hub *h, bool *ret_any)
{
    *ret_any = false;
    for (;;) {
        unsigned uid = 0;
        AUTO_FD int sock = accept4(h->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (sock < 0)
            return NULL;
        TRY(msg_peer_uid(sock, &uid));
        if (uid != geteuid())
            continue; /* the directory is our user's alone */
        *ret_any = true;
        TRY(hub_seat_add(h, TAKE_FD(sock)));
    }
}

static struct err *hub_on_end(struct loop_source *src, void *arg)
{
    (void)src;
    return hub_check_end(arg);
}

/* Under the lock nobody looks for us; where the directory is gone nobody can. It is let go of by the end of the
 * process, and by then the kernel has nothing of the network any more that the next hub could find in its way. */
struct err *hub_check_end(struct hub *h)
{
    AUTO_FD int lock = -1;
    bool any = false;
    if (h->seats)
        return NULL;
    struct err *e = file_open_locked(h->dir_fd, HUB_LOCK, true, false, &lock);
    bool busy = e && err_kind(e) == ERR_IN_USE;
    err_drop(e);
    if (busy) {
        return h->end_timer ? loop_rearm(h->end_timer, HUB_END_NSEC, 0)
                            : loop_add_timer(h->loop, HUB_END_NSEC, 0, hub_on_end, h, &h->end_timer);
    }
    TRY(hub_accept(h, &any));
    if (any)
        return NULL;
    (void)unlinkat(h->dir_fd, HUB_SOCKET, 0);
    (void)TAKE_FD(lock);
    h->ended = true;
    return NULL;
}

/* A connection that is closed with something unread is reset, and what was sent by it is lost: so the question first.
 */
static void hub_hear(int sock)
{
    struct pollfd pfd = {.fd = sock, .events = POLLIN};
    AUTO_MSG struct msg m = MSG_INIT;
    bool eof = false;
    if (poll(&pfd, 1, HUB_HEAR_MSEC) > 0)
        err_drop(msg_recv(sock, &m, &eof));
}

/* It was not to be: everybody who waits learns why. */
static void hub_refuse(const struct hub *h, struct err *why)
{
    AUTO_FD int lock = -1;
    err_drop(file_open_locked(h->dir_fd, HUB_LOCK, true, true, &lock));
    for (;;) {
        AUTO_FD int sock = accept4(h->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (sock < 0)
            break;
        err_drop(msg_send_error(sock, HUB_FAILED, why));
        hub_hear(sock);
    }
    (void)unlinkat(h->dir_fd, HUB_SOCKET, 0);
}

/* --- the confined half */

struct err *hub_tell(struct hub *h, uint32_t type, const void *data, size_t len)
{
    return ERR_WRAP(msg_send(h->half_sock, type, data, len, NULL, 0), "tell the network's resolver");
}

static struct err *hub_tell_host_resolvers(struct hub *h)
{
    AUTO_FREE char *text = NULL;
    TRY(resolv_read(&text));
    return hub_tell(h, SLIRP_RESOLV, text, strlen(text));
}

static struct err *hub_on_resolv(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct hub *h = arg;
    (void)fd, (void)events;
    loop_remove(src);
    h->watch_src = NULL;
    struct err *e = resolv_watch_again(&h->watch);
    if (!e)
        e = loop_add_fd(h->loop, h->watch.fd, EPOLLIN, hub_on_resolv, h, &h->watch_src);
    if (e) { /* what is known stays in use */
        err_drop(e);
        return NULL;
    }
    return *h->resolv ? NULL : hub_tell_host_resolvers(h);
}

static struct err *hub_watch(struct hub *h)
{
    struct err *e = resolv_watch_open(&h->watch);
    if (!e)
        return loop_add_fd(h->loop, h->watch.fd, EPOLLIN, hub_on_resolv, h, &h->watch_src);
    err_drop(e); /* no inotify left: names go on, changes are not seen */
    return NULL;
}

struct err *hub_set_resolv(struct hub *h, const char *text)
{
    if (strcmp(h->resolv, text) == 0)
        return NULL;
    TRY(mem_replace(&h->resolv, text));
    return *text ? hub_tell(h, SLIRP_RESOLV, text, strlen(text)) : hub_tell_host_resolvers(h);
}

/* It has ended: so do we, and the monitors start both anew. */
static struct err *hub_on_half(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    (void)src, (void)fd, (void)events, (void)arg;
    return ERR_NEW(ERR_NETWORK, "the network's process has ended");
}

/* From 3 on, and nothing else stays open. First all of them go out of each other's way. */
static bool half_keep(int *const fds[], size_t n)
{
    int to = 3;
    for (size_t i = 0; i < n; i++)
        if (*fds[i] >= 0 && (*fds[i] = fcntl(*fds[i], F_DUPFD_CLOEXEC, 3 + (int)n)) < 0)
            return false;
    for (size_t i = 0; i < n; i++) {
        if (*fds[i] < 0)
            continue;
        if (dup3(*fds[i], to, O_CLOEXEC) < 0)
            return false;
        *fds[i] = to++;
    }
    fd_close_from(to);
    return true;
}

static void hub_half(const struct hub *h, int sock, struct device *device)
{
    AUTO_FREE char *text = NULL;
    struct device own = *device;
    struct err *e = *h->resolv ? mem_strdup(h->resolv, &text) : resolv_read(&text);
    int *const keep[] = {&sock,
                         &own.fd,
                         &own.gateway.listener[GATEWAY_IP4],
                         &own.gateway.connector[GATEWAY_IP4],
                         &own.gateway.listener[GATEWAY_IP6],
                         &own.gateway.connector[GATEWAY_IP6]};
    if (e || !half_keep(keep, ARRAY_LEN(keep)))
        _exit(1);
    err_drop(engine_run_bridge(&h->config, sock, text, &own));
    _exit(0); /* nothing of the parent's is cleaned up twice */
}

static struct err *hub_fork(struct hub *h, struct device *device)
{
    int pair[2];
    TRY(msg_pair(pair));
    AUTO_FD int ours = pair[0];
    AUTO_FD int its = pair[1];
    pid_t pid = fork();
    if (pid < 0)
        return ERR_SYS(errno, "start the network's process");
    if (pid == 0)
        hub_half(h, its, device);
    TRY(fd_set_nonblock(ours, true));
    h->half_sock = TAKE_FD(ours);
    return loop_add_fd(h->loop, h->half_sock, EPOLLIN, hub_on_half, h, NULL);
}

/* --- the start */

static struct err *hub_open_netlink(void *arg)
{
    return netlink_open(arg);
}

/* The mount namespace that we are born into is one container's: it would stay as long as we do. */
static struct err *hub_leave_mounts(int mntns_fd)
{
    return setns(mntns_fd, CLONE_NEWNS) < 0 || chdir("/") < 0 ? ERR_SYS(errno, "enter the session's mount namespace")
                                                              : NULL;
}

static struct err *hub_read_start(struct hub *h, struct msg *m)
{
    struct slirp_start start;
    if (m->type != HUB_START || m->len < sizeof(start))
        return ERR_NEW(ERR_INVALID, "no start message came");
    memcpy(&start, m->data, sizeof(start));
    size_t n_fds = HUB_FDS_MIN + (start.flags & SLIRP_START_NETNS ? 1 : 0);
    if (start.version != SLIRP_CONTROL_VERSION || m->n_fds != n_fds || m->len != sizeof(start) + start.dns_len)
        return ERR_NEW(ERR_INVALID, "a malformed start message came");
    h->dir_fd = TAKE_FD(m->fds[0]);
    h->listen_fd = TAKE_FD(m->fds[1]);
    h->config = start.config;
    TRY(fd_set_nonblock(h->listen_fd, true));
    log_set_level(start.log_level >= LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN);
    return mem_strndup(m->data + sizeof(start), start.dns_len, &h->resolv);
}

static struct err *hub_setup(struct hub *h, struct msg *m)
{
    struct device device = DEVICE_INIT;
    struct slirp_config uplink = h->config;
    TRY(slirp_config_check(&h->config));
    TRY(slirp_config_set_ifname(&uplink, HUB_UPLINK));
    TRY(hub_leave_mounts(m->fds[2]));
    const struct netns_opts opts = {
        .config = &uplink,
        .netns_fd = m->n_fds > HUB_FDS_MIN ? m->fds[HUB_FDS_MIN] : -1,
        .userns_fd = -1,
        .inside = hub_open_netlink,
        .inside_arg = &h->nl,
    };
    TRY(loop_new(&h->loop));
    TRY(netns_setup(&opts, &device, &h->netns_fd));
    h->gateway = device.gateway.on;
    memcpy(h->gateway_mac, device.gateway.mac, sizeof(h->gateway_mac));
    struct err *e = hub_link_bridge(h);
    if (!e)
        e = hub_fork(h, &device);
    device_close(&device);
    return e;
}

static struct err *hub_on_connection(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    bool any;
    (void)src, (void)fd, (void)events;
    return hub_accept(arg, &any);
}

/* Until nobody is left. When all is quiet, what only the start needed (most of it the libraries of the other half) is
 * given back, as that half does (serve.c). */
static struct err *hub_wait(struct hub *h)
{
    bool busy = true;
    while (!h->ended) {
        bool any = false;
        TRY(loop_serve_for(h->loop, busy ? HUB_QUIET_MSEC : 0, &any));
        busy = any;
        if (!any) {
            struct pollfd fd = {.fd = loop_fd(h->loop), .events = POLLIN};
            trim_stack();
            (void)trim_poll(&fd, 1, -1, true);
        }
    }
    return NULL;
}

/* Those who wait already are served before we take our rights away, which takes longer than they do. */
static struct err *hub_serve(struct hub *h)
{
    bool any = false;
    (void)signal(SIGPIPE, SIG_IGN);
    TRY(loop_add_fd(h->loop, h->listen_fd, EPOLLIN, hub_on_connection, h, NULL));
    TRY(hub_accept(h, &any));
    TRY(loop_serve(h->loop));
    TRY(hub_watch(h));
    TRY_WRAP(hub_confine(), "confine the network process");
    TRY(hub_check_end(h));
    return hub_wait(h);
}

static void hub_done(struct hub *h)
{
    hub_seats_free(h);
    loop_freep(&h->loop);
    netlink_close(&h->nl);
    resolv_watch_close(&h->watch);
    (void)fd_close(h->half_sock);
    (void)fd_close(h->netns_fd);
    (void)fd_close(h->listen_fd);
    (void)fd_close(h->dir_fd);
    mem_freep(&h->resolv);
}

struct err *hub_run(int take_sock)
{
    AUTO_MSG struct msg m = MSG_INIT;
    AUTO_FD int sock = take_sock;
    struct hub h = {.dir_fd = -1, .listen_fd = -1, .netns_fd = -1, .half_sock = -1, .watch = RESOLV_WATCH_INIT};
    bool eof = false;
    struct err *e = msg_recv(sock, &m, &eof);
    sock = fd_close(sock);
    if (!e)
        e = hub_read_start(&h, &m);
    struct err *bad = e ? NULL : hub_setup(&h, &m);
    if (bad) {
        hub_refuse(&h, bad);
        e = bad;
    } else if (!e) {
        msg_done(&m);
        e = hub_serve(&h);
    }
    hub_done(&h);
    return e;
}
