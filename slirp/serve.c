#include "slirp/slirp.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "slirp/device.h"
#include "slirp/dns.h"
#include "slirp/frame.h"
#include "slirp/stack.h"

#define SERVE_BATCH 64 /* frames in one go, before sockets get their turn */

enum serve_fd { SERVE_DEVICE, SERVE_LOOP, SERVE_FDS };

/* The longest frame and its header; one at a time is looked at. */
static uint8_t serve_buf[DEVICE_HDR + DEVICE_FRAME_MAX];

/* A connection to the resolver: its listener exists from the first frame on. */
static void serve_dns_tcp(struct slirp *s, uint8_t *frame, size_t len)
{
    int family = frame[12] == 0x08 ? AF_INET : AF_INET6; /* the frame was checked: ETH_P_IP is 0x0800 */
    uint16_t port = s->dns ? dns_tcp_port(s->dns, family) : 0;
    if (!port)
        return;
    stack_set_dns_port(s->stack, family, port);
    frame_redirect(frame, len, port);
    stack_input(s->stack, frame, len);
}

static void serve_frame(struct slirp *s, uint8_t *frame, size_t len, enum frame_verdict verdict)
{
    switch (verdict) {
    case FRAME_PASS:
        stack_input(s->stack, frame, len);
        break;
    case FRAME_DNS:
        if (s->dns)
            dns_input(s->dns, frame, len);
        break;
    case FRAME_DNS_TCP:
        serve_dns_tcp(s, frame, len);
        break;
    case FRAME_DROP:
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
        serve_frame(s, serve_buf + DEVICE_HDR, (size_t)n - DEVICE_HDR, frame_check(&s->config, serve_buf, (size_t)n));
    }
}

struct err *slirp_serve(struct slirp *s)
{
    while (!s->quit && !stack_is_gone(s->stack)) {
        struct pollfd *fds;
        size_t n;
        int timeout_msec;
        TRY(stack_prepare(s->stack, SERVE_FDS, &fds, &n, &timeout_msec));
        fds[SERVE_DEVICE] = (struct pollfd){.fd = s->device->fd, .events = POLLIN};
        fds[SERVE_LOOP] = (struct pollfd){.fd = loop_fd(s->loop), .events = POLLIN};
        if (poll(fds, n, timeout_msec) < 0 && errno != EINTR)
            return ERR_SYS(errno, "wait for frames");
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
