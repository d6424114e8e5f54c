#include "slirp/slirp.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "base/trim.h"
#include "slirp/device.h"
#include "slirp/dns.h"
#include "slirp/frame.h"
#include "slirp/frame_reass.h"
#include "slirp/outgoing.h"
#include "slirp/stack.h"

#define SERVE_BATCH 64 /* frames in one go, before sockets get their turn */

#define SERVE_QUIET_MSEC 500 /* without anything to do: then memory is given back, once */

#define SERVE_PAGE 4096 /* or more: then the advice is refused, and nothing lost */
#define SERVE_BUF ((DEVICE_HDR + DEVICE_FRAME_MAX + SERVE_PAGE - 1) / SERVE_PAGE * SERVE_PAGE)

#define SERVE_PORTS_MSEC 2 /* of quiet, and published ports no longer have it all for themselves */
#define SERVE_PORTS_LONGEST_NSEC 100000000

/* How long to look for the next event before sleeping: what a wake-up costs. */
#define SERVE_SPIN_NSEC 50000
#define SERVE_SOON_NSEC 80000 /* with the event's handling */

enum serve_fd { SERVE_DEVICE, SERVE_LOOP, SERVE_FDS };

/* The longest frame and its header; one at a time is looked at. */
static _Alignas(SERVE_PAGE) uint8_t serve_buf[SERVE_BUF];

static void serve_stack(struct slirp *s, const uint8_t *frame, size_t len)
{
    s->stack_used = true;
    stack_input(s->stack, frame, len);
}

/* A connection to the resolver: its listener exists from the first frame on. */
static void serve_dns_tcp(struct slirp *s, uint8_t *frame, size_t len)
{
    int family = frame[12] == 0x08 ? AF_INET : AF_INET6; /* the frame was checked: ETH_P_IP is 0x0800 */
    if (s->outgoing && outgoing_input_dns(s->outgoing, s->dns, frame, len))
        return;
    uint16_t port = s->dns ? dns_tcp_port(s->dns, family) : 0;
    if (!port)
        return;
    stack_set_dns_port(s->stack, family, port);
    frame_redirect(frame, len, port);
    serve_stack(s, frame, len);
}

static void serve_frame(struct slirp *s, uint8_t *buf, size_t len)
{
    uint8_t *frame = buf + DEVICE_HDR, *whole = NULL;
    size_t n = len - DEVICE_HDR; /* of what was checked; see below */
    switch (frame_check(&s->config, buf, len)) {
    case FRAME_PASS:
        if (!s->outgoing || !outgoing_input(s->outgoing, frame, n))
            serve_stack(s, frame, n);
        break;
    case FRAME_DNS:
        if (s->dns)
            dns_input(s->dns, frame, n);
        break;
    case FRAME_DNS_TCP:
        serve_dns_tcp(s, frame, n);
        break;
    case FRAME_FRAGMENT:
        err_drop(frame_reass_add(&s->reass, buf, len, dns_now(), &whole, &n));
        if (whole)
            serve_frame(s, whole, n); /* which is no fragment */
        break;
    case FRAME_DROP: /* also what is shorter than its headers */
    default:
        break;
    }
}

static void serve_frames(struct slirp *s)
{
    for (int i = 0; i < SERVE_BATCH; i++) {
        ssize_t n = device_read(s->device, serve_buf, sizeof(serve_buf));
        if (n < 0)
            s->quit = true;
        if (n <= 0)
            return;
        serve_frame(s, serve_buf, (size_t)n);
    }
}

/* Wait, with as little memory as possible. */
static int serve_rest(struct pollfd *fds, size_t n, int timeout_msec)
{
    (void)madvise(serve_buf, sizeof(serve_buf), MADV_DONTNEED); /* static, so whole pages of zeros again */
    trim_stack();
    return trim_poll(fds, (unsigned)n, timeout_msec, true);
}

static int64_t serve_now_nsec(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct err *serve_device_ready(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct slirp *s = arg;
    (void)src, (void)fd;
    if (events & EPOLLIN)
        serve_frames(s);
    else
        s->stack_used = true; /* an error: slirp_serve() knows what to do */
    return NULL;
}

/* Wait for an event, `timeout_msec` at most. Where the last one came soon, the next one will: question and answer
 * over one connection, say, which would pay for a wake-up each way. Whoever else wants this processor gets it. */
static struct err *serve_wait(struct loop *loop, int timeout_msec, bool *soon, bool *ret_any)
{
    int64_t begin = serve_now_nsec(), now = begin;
    *ret_any = false;
    for (; *soon && !*ret_any && now - begin < SERVE_SPIN_NSEC; now = serve_now_nsec()) {
        TRY(loop_serve_for(loop, 0, ret_any));
        if (!*ret_any)
            (void)sched_yield();
    }
    if (*ret_any)
        return NULL;
    TRY(loop_serve_for(loop, timeout_msec, ret_any));
    *soon = *ret_any && serve_now_nsec() - now < SERVE_SOON_NSEC;
    return NULL;
}

/* libslirp has no sockets, so only connections that don't pass it had something to do: then waiting in the loop itself,
 * with the device as a guest, spares two system calls and, above all, the detour of a nested epoll descriptor, which
 * wakes us on whatever processor has time rather than on the one where the data are. Until a frame is libslirp's, or
 * all is quiet, or a while has passed (libslirp's slow timers). */
static struct err *serve_ports(struct slirp *s)
{
    struct loop_source *device = NULL;
    bool any = true, soon = false;
    int64_t until = serve_now_nsec() + SERVE_PORTS_LONGEST_NSEC;
    s->stack_used = false;
    TRY(loop_add_fd(s->loop, s->device->fd, EPOLLIN, serve_device_ready, s, &device));
    struct err *e = NULL;
    while (!e && any && !s->stack_used && !s->quit && serve_now_nsec() < until)
        e = serve_wait(s->loop, SERVE_PORTS_MSEC, &soon, &any);
    loop_remove(device);
    return e;
}

struct err *slirp_serve_ports(struct slirp *s)
{
    bool busy = true, soon = false;
    while (!s->quit) {
        bool any = false;
        TRY(serve_wait(s->loop, busy ? SERVE_QUIET_MSEC : -1, &soon, &any));
        if (!any && busy) {
            struct pollfd fd = {.fd = loop_fd(s->loop), .events = POLLIN};
            (void)serve_rest(&fd, 1, -1);
        }
        busy = any;
    }
    return NULL;
}

struct err *slirp_serve(struct slirp *s)
{
    bool busy = true, rest = false;
    while (!s->quit && !stack_is_gone(s->stack)) {
        struct pollfd *fds;
        size_t n;
        int timeout_msec, ready;
        TRY(stack_prepare(s->stack, SERVE_FDS, &fds, &n, &timeout_msec));
        if (busy && (timeout_msec < 0 || timeout_msec > SERVE_QUIET_MSEC))
            timeout_msec = SERVE_QUIET_MSEC;
        fds[SERVE_DEVICE] = (struct pollfd){.fd = s->device->fd, .events = POLLIN};
        fds[SERVE_LOOP] = (struct pollfd){.fd = loop_fd(s->loop), .events = POLLIN};
        ready = rest ? serve_rest(fds, n, timeout_msec) : poll(fds, n, timeout_msec);
        if (ready < 0 && errno != EINTR)
            return ERR_SYS(errno, "wait for frames");
        rest = !ready && busy;
        busy = ready != 0;
        if (ready == 1 && fds[SERVE_LOOP].revents && n == SERVE_FDS) {
            TRY(serve_ports(s));
            continue;
        }
        short device = fds[SERVE_DEVICE].revents, loop = fds[SERVE_LOOP].revents;
        stack_serve(s->stack);
        if (device & (POLLERR | POLLNVAL) && !(device & POLLIN))
            return NULL; /* the interface was removed */
        /* Before new connections are made: the resolver asks stack_owns() about those that were waited for. */
        if (loop)
            TRY(loop_serve(s->loop));
        if (device)
            serve_frames(s);
    }
    return NULL;
}
