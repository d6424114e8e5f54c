#include "slirp/stack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <slirp/libslirp.h>

#include "base/log.h"
#include "base/mem.h"
#include "slirp/frame.h"

#define STACK_FDS_FIRST 64
#define STACK_TIMERS_MAX 4 /* libslirp has one: router advertisements */
#define STACK_NSEC_PER_MSEC 1000000
/* slirp_pollfds_fill() never asks for more; it means "nothing to do". */
#define STACK_IDLE_MSEC 1000

struct stack_timer {
    SlirpTimerId id;
    void *opaque;
    int64_t at_msec; /* INT64_MAX: not set */
    bool used;
};

struct stack {
    Slirp *slirp;
    const struct slirp_config *config;
    const struct device *device;
    struct sockaddr_in outbound;
    struct sockaddr_in6 outbound6;
    struct pollfd *fds;
    size_t n, cap, first;
    struct stack_timer timers[STACK_TIMERS_MAX];
    uint16_t dns_ports[2]; /* IPv4, IPv6; host order */
    bool gone;
};

static int64_t stack_now(void *opaque)
{
    struct timespec ts;
    (void)opaque;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static ssize_t stack_send(const void *buf, size_t len, void *opaque)
{
    struct stack *st = opaque;
    /* libslirp hands us a buffer of its own, which it is done with. */
    uint8_t *frame = (uint8_t *)(uintptr_t)buf;
    if (st->config->bridge && frame_is_advertisement(frame, len))
        return (ssize_t)len;
    frame_limit_mss(frame, len);
    if (st->dns_ports[0] || st->dns_ports[1])
        frame_unredirect(st->config, st->dns_ports, frame, len);
    /* libslirp computed the checksums: the container need not. */
    if (device_write(st->device, buf, len, true) < 0)
        st->gone = true;
    return (ssize_t)len;
}

static void stack_guest_error(const char *msg, void *opaque)
{
    (void)opaque;
    log_debug("container sent what cannot be: %s", msg);
}

static void *stack_timer_new(SlirpTimerId id, void *cb_opaque, void *opaque)
{
    struct stack *st = opaque;
    for (size_t i = 0; i < STACK_TIMERS_MAX; i++) {
        struct stack_timer *t = &st->timers[i];
        if (t->used)
            continue;
        *t = (struct stack_timer){.id = id, .opaque = cb_opaque, .at_msec = INT64_MAX, .used = true};
        return t;
    }
    return NULL;
}

static void stack_timer_free(void *timer, void *opaque)
{
    struct stack_timer *t = timer;
    (void)opaque;
    if (t)
        t->used = false;
}

static void stack_timer_mod(void *timer, int64_t expire_msec, void *opaque)
{
    struct stack_timer *t = timer;
    (void)opaque;
    if (t)
        t->at_msec = expire_msec;
}

static void stack_poll_fd(int fd, void *opaque)
{
    (void)fd;
    (void)opaque;
}

static void stack_notify(void *opaque)
{
    (void)opaque; /* we are not asleep when it is called */
}

static const SlirpCb stack_callbacks = {
    .send_packet = stack_send,
    .guest_error = stack_guest_error,
    .clock_get_ns = stack_now,
    .timer_new_opaque = stack_timer_new,
    .timer_free = stack_timer_free,
    .timer_mod = stack_timer_mod,
    .register_poll_fd = stack_poll_fd,
    .unregister_poll_fd = stack_poll_fd,
    .notify = stack_notify,
};

static void stack_configure(struct stack *st, SlirpConfig *cfg)
{
    const struct slirp_config *c = st->config;
    *cfg = (SlirpConfig){
        .version = 4,
        .in_enabled = c->prefix_len != 0,
        .vnetwork = c->network,
        .vnetmask.s_addr = slirp_config_netmask(c),
        .vhost = c->gateway,
        .in6_enabled = c->ipv6,
        .vprefix_addr6 = c->network6,
        .vprefix_len = (uint8_t)c->prefix6_len,
        .vhost6 = c->gateway6,
        .vdhcp_start = c->bridge ? c->gateway : c->guest, /* a bridge's DHCP requests never get here */
        .vnameserver = c->dns,
        .vnameserver6 = c->dns6,
        .if_mtu = c->mtu,
        .if_mru = c->mtu,
        .disable_host_loopback = !c->host_loopback,
        .enable_emu = false,
        .disable_dns = true, /* dns.c answers there */
    };
    if (c->outbound.s_addr) {
        st->outbound = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = c->outbound};
        cfg->outbound_addr = &st->outbound;
    }
    if (!IN6_IS_ADDR_UNSPECIFIED(&c->outbound6)) {
        st->outbound6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = c->outbound6};
        cfg->outbound_addr6 = &st->outbound6;
    }
}

struct err *stack_new(const struct slirp_config *config, const struct device *device, struct stack **ret)
{
    struct stack *st = mem_zalloc(sizeof(*st));
    SlirpConfig cfg;
    if (!st)
        return err_oom();
    st->config = config;
    st->device = device;
    stack_configure(st, &cfg);
    st->slirp = slirp_new(&cfg, &stack_callbacks, st);
    if (!st->slirp) {
        stack_free(st);
        return ERR_NEW(ERR_INTERNAL, "libslirp %s refuses this network", slirp_version_string());
    }
    *ret = st;
    return NULL;
}

void stack_free(struct stack *st)
{
    if (!st)
        return;
    if (st->slirp)
        slirp_cleanup(st->slirp);
    free(st->fds);
    free(st);
}

void stack_input(struct stack *st, const uint8_t *frame, size_t len)
{
    slirp_input(st->slirp, frame, (int)len);
}

/* The values of poll(2) and libslirp's, beside each other. */
static const struct {
    short poll;
    int slirp;
} stack_events[] = {
    {POLLIN, SLIRP_POLL_IN},   {POLLOUT, SLIRP_POLL_OUT}, {POLLPRI, SLIRP_POLL_PRI},
    {POLLERR, SLIRP_POLL_ERR}, {POLLHUP, SLIRP_POLL_HUP},
};

static int stack_add_poll(int fd, int events, void *opaque)
{
    struct stack *st = opaque;
    if (st->n == st->cap) {
        struct err *e = mem_grow(&st->fds, st->n, &st->cap, sizeof(*st->fds), INT_MAX);
        if (e) {
            err_drop(e);
            return -1; /* it is looked at again the next time */
        }
    }
    struct pollfd *p = &st->fds[st->n];
    *p = (struct pollfd){.fd = fd};
    for (size_t i = 0; i < ARRAY_LEN(stack_events); i++) {
        if (events & stack_events[i].slirp)
            p->events = (short)(p->events | stack_events[i].poll);
    }
    return (int)st->n++;
}

static int stack_get_revents(int index, void *opaque)
{
    const struct stack *st = opaque;
    int events = 0;
    if (index < 0 || (size_t)index >= st->n)
        return 0;
    short revents = st->fds[index].revents;
    for (size_t i = 0; revents && i < ARRAY_LEN(stack_events); i++) {
        if (revents & stack_events[i].poll)
            events |= stack_events[i].slirp;
    }
    return events;
}

struct err *stack_prepare(struct stack *st, size_t first, struct pollfd **ret, size_t *ret_n, int *ret_timeout_msec)
{
    uint32_t timeout = UINT32_MAX;
    int64_t now = stack_now(NULL) / STACK_NSEC_PER_MSEC;
    while (st->cap < first)
        TRY(mem_grow(&st->fds, st->cap, &st->cap, sizeof(*st->fds), INT_MAX));
    st->n = st->first = first;
    slirp_pollfds_fill(st->slirp, &timeout, stack_add_poll, st);
    int64_t wait = timeout >= STACK_IDLE_MSEC ? INT64_MAX : (int64_t)timeout;
    for (size_t i = 0; i < STACK_TIMERS_MAX; i++) {
        const struct stack_timer *t = &st->timers[i];
        if (t->used && t->at_msec != INT64_MAX && t->at_msec - now < wait)
            wait = t->at_msec > now ? t->at_msec - now : 0;
    }
    *ret_timeout_msec = wait == INT64_MAX ? -1 : wait > INT_MAX ? INT_MAX : (int)wait;
    *ret = st->fds;
    *ret_n = st->n;
    return NULL;
}

void stack_serve(struct stack *st)
{
    int64_t now = stack_now(NULL) / STACK_NSEC_PER_MSEC;
    slirp_pollfds_poll(st->slirp, 0, stack_get_revents, st);
    for (size_t i = 0; i < STACK_TIMERS_MAX; i++) {
        struct stack_timer *t = &st->timers[i];
        if (!t->used || t->at_msec > now)
            continue;
        t->at_msec = INT64_MAX;
        slirp_handle_timer(st->slirp, t->id, t->opaque);
    }
}

void stack_set_dns_port(struct stack *st, int family, uint16_t port)
{
    st->dns_ports[family == AF_INET6] = port;
}

bool stack_owns(const struct stack *st, const struct sockaddr *addr, socklen_t len)
{
    for (size_t i = st->first; i < st->n; i++) {
        union slirp_addr own;
        socklen_t own_len = sizeof(own);
        if (getsockname(st->fds[i].fd, &own.sa, &own_len) == 0 && own_len == len && !memcmp(&own, addr, len))
            return true;
    }
    return false;
}

bool stack_is_gone(const struct stack *st)
{
    return st->gone;
}

static socklen_t stack_addr_len(const union slirp_addr *a)
{
    return a->sa.sa_family == AF_INET ? sizeof(a->in) : sizeof(a->in6);
}

struct err *stack_forward(struct stack *st, const struct slirp_port *port)
{
    union slirp_addr guest = port->guest;
    int flags = (port->proto == SLIRP_UDP ? SLIRP_HOSTFWD_UDP : 0) | SLIRP_HOSTFWD_V6ONLY;
    if (guest.sa.sa_family == AF_INET && !guest.in.sin_addr.s_addr)
        guest.in.sin_addr = st->config->guest;
    if (guest.sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&guest.in6.sin6_addr))
        guest.in6.sin6_addr = st->config->guest6;
    if (slirp_add_hostxfwd(st->slirp, &port->host.sa, stack_addr_len(&port->host), &guest.sa, stack_addr_len(&guest),
                           flags) < 0)
        return ERR_SYS(errno, "forward host port %u", ntohs(port->host.in.sin_port));
    return NULL;
}

struct err *stack_unforward(struct stack *st, const struct slirp_port *port)
{
    int flags = (port->proto == SLIRP_UDP ? SLIRP_HOSTFWD_UDP : 0) | SLIRP_HOSTFWD_V6ONLY;
    if (slirp_remove_hostxfwd(st->slirp, &port->host.sa, stack_addr_len(&port->host), flags) < 0)
        return ERR_NEW(ERR_NOT_FOUND, "host port %u is not forwarded", ntohs(port->host.in.sin_port));
    return NULL;
}
