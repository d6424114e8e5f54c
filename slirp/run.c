#include "slirp/run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/msg.h"
#include "slirp/dns.h"
#include "slirp/dns_names.h"
#include "slirp/frame_reass.h"
#include "slirp/outgoing.h"
#include "slirp/port.h"
#include "slirp/resolv_watch.h"
#include "slirp/sandbox.h"
#include "slirp/splice.h"
#include "slirp/stack.h"

void slirp_init(struct slirp *s)
{
    *s = (struct slirp){.resolv_sock = -1};
}

void slirp_done(struct slirp *s)
{
    dns_free(s->dns);
    dns_names_free(s->names);
    frame_reass_free(s->reass);
    hostfwd_done(&s->hostfwd);
    port_free(s->port);
    outgoing_free(s->outgoing);
    stack_free(s->stack);
    loop_freep(&s->loop);
    (void)fd_close(s->resolv_sock);
    free(s->resolv_text);
    slirp_init(s);
}

struct err *slirp_prepare_dns(struct slirp *s, const char *text, size_t len, bool watch)
{
    if (s->config.no_dns)
        return NULL;
    if (len)
        TRY(mem_strndup(text, len, &s->resolv_text));
    else
        TRY(resolv_read(&s->resolv_text));
    return watch ? resolv_watch_spawn(&s->resolv_sock) : NULL;
}

/* From the process that watches. Without it what we have stays in use. */
static struct err *run_resolv_ready(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct slirp *s = arg;
    AUTO_MSG struct msg m = MSG_INIT;
    bool eof = false;
    (void)events;
    struct err *e = msg_recv(fd, &m, &eof);
    if (!e && !eof && m.type == SLIRP_RESOLV)
        dns_set_resolv(s->dns, m.data ? m.data : "", m.len);
    if (e || eof)
        loop_remove(src);
    err_drop(e);
    return NULL;
}

static bool run_is_ours(void *arg, const struct sockaddr *addr, socklen_t len)
{
    const struct slirp *s = arg;
    return stack_owns(s->stack, addr, len);
}

static struct err *run_dns(struct slirp *s)
{
    const struct dns_opts opts = {
        .loop = s->loop,
        .config = &s->config,
        .device = s->device,
        .is_ours = run_is_ours,
        .is_ours_arg = s,
        .names = s->names,
    };
    if (s->config.no_dns)
        return NULL;
    TRY(dns_new(&opts, &s->dns));
    if (s->resolv_text)
        dns_set_resolv(s->dns, s->resolv_text, strlen(s->resolv_text));
    if (s->resolv_sock < 0)
        return NULL;
    return loop_add_fd(s->loop, s->resolv_sock, EPOLLIN, run_resolv_ready, s, NULL);
}

/* Where TCP doesn't go through libslirp. */
static struct err *run_gateway(struct slirp *s)
{
    const struct gateway *gateway = &s->device->gateway;
    const struct outgoing_opts opts = {
        .loop = s->loop, .config = &s->config, .device = s->device, .connections_max = splice_pairs_max()};
    const struct port_opts ports = {.loop = s->loop, .config = &s->config, .gateway = gateway};
    if (!gateway->on)
        return NULL;
    if (!s->port)
        TRY(port_new(&ports, &s->port));
    s->hostfwd.port = s->port; /* libslirp would not see the answers */
    return outgoing_new(&opts, &s->outgoing);
}

struct err *slirp_run(struct slirp *s, const struct device *device)
{
    s->device = device;
    TRY_WRAP(sandbox_enter(), "confine the network process");
    TRY(stack_new(&s->config, device, &s->stack));
    s->hostfwd.stack = s->stack;
    TRY(run_dns(s));
    TRY(run_gateway(s));
    TRY_WRAP(sandbox_filter(), "confine the network process");
    return slirp_serve(s);
}

struct err *slirp_run_ports(struct slirp *s)
{
    TRY_WRAP(sandbox_enter(), "confine the network process");
    TRY_WRAP(sandbox_filter(), "confine the network process");
    return slirp_serve_ports(s);
}
