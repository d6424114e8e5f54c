#include "slirp/slirp.h"

#include <errno.h>
#include <poll.h>

#include "slirp/device.h"
#include "slirp/frame.h"
#include "slirp/stack.h"

#define SERVE_BATCH 64 /* frames in one go, before sockets get their turn */

enum serve_fd { SERVE_DEVICE, SERVE_LOOP, SERVE_FDS };

/* The longest frame and its header; one at a time is looked at. */
static uint8_t serve_buf[DEVICE_HDR + DEVICE_FRAME_MAX];

static void serve_frames(struct slirp *s)
{
    for (int i = 0; i < SERVE_BATCH; i++) {
        ssize_t n = device_read(s->device, serve_buf, sizeof(serve_buf));
        if (n < 0)
            s->quit = true;
        if (n <= 0)
            return;
        switch (frame_check(&s->config, serve_buf, (size_t)n)) {
        case FRAME_PASS:
            stack_input(s->stack, serve_buf + DEVICE_HDR, (size_t)n - DEVICE_HDR);
            break;
        case FRAME_DNS:
        case FRAME_DROP:
        default:
            break;
        }
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
        if (device)
            serve_frames(s);
        if (loop)
            TRY(loop_serve(s->loop));
    }
    return NULL;
}
