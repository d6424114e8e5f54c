#include "slirp/outgoing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "slirp/dns.h"
#include "slirp/frame_tcp.h"
#include "slirp/gateway.h"
#include "slirp/pace.h"
#include "slirp/port_source.h"
#include "slirp/splice.h"

#define OUTGOING_DIALS_MAX 4096u
#define OUTGOING_BUCKETS 256u /* by the client's port */

/* A connection that doesn't stand yet. First the host's side is waited for, then (mostly not at all) the container's.
 */
struct dial {
    struct dial *next; /* of its bucket */
    struct outgoing *outgoing;
    struct loop_source *src;
    struct frame_syn syn;
    int host, guest; /* guest -1: the host's side is being waited for */
};

struct outgoing {
    struct loop *loop;
    const struct slirp_config *config;
    const struct device *device;
    struct splice_set *pairs;
    size_t connections_max;
    size_t n_dials;
    struct dial *dials[OUTGOING_BUCKETS];
};

/* --- dials by client and server */

static struct dial **bucket_of(struct outgoing *o, const struct frame_syn *syn)
{
    return &o->dials[ntohs(syn->client.in.sin_port) % OUTGOING_BUCKETS];
}

/* Its SYN was sent again. */
static bool is_under_way(struct outgoing *o, const struct frame_syn *syn)
{
    for (const struct dial *d = *bucket_of(o, syn); d; d = d->next)
        if (port_source_equal(&d->syn.client, &syn->client) && port_source_equal(&d->syn.server, &syn->server))
            return true;
    return false;
}

static void dial_free(struct dial *take_d)
{
    struct dial **at = bucket_of(take_d->outgoing, &take_d->syn);
    while (*at != take_d)
        at = &(*at)->next;
    *at = take_d->next;
    take_d->outgoing->n_dials--;
    loop_remove(take_d->src);
    mem_freep(&take_d);
}

/* --- the host's side */

/* Where the host is to connect to. False: nowhere. */
static bool find_server(const struct slirp_config *c, const union slirp_addr *server, union slirp_addr *ret)
{
    *ret = *server;
    if (server->sa.sa_family == AF_INET6) {
        const struct in6_addr *a = &server->in6.sin6_addr;
        bool gateway = memcmp(a, &c->gateway6, sizeof(*a)) == 0;
        if (gateway)
            ret->in6.sin6_addr = in6addr_loopback;
        return gateway ? c->host_loopback : !IN6_IS_ADDR_MULTICAST(a) && !IN6_IS_ADDR_LINKLOCAL(a);
    }
    bool gateway = server->in.sin_addr.s_addr == c->gateway.s_addr;
    if (gateway)
        ret->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return gateway ? c->host_loopback
                   : !IN_MULTICAST(ntohl(server->in.sin_addr.s_addr)) &&
                         server->in.sin_addr.s_addr != htonl(INADDR_BROADCAST);
}

static bool bind_outbound(const struct slirp_config *c, int fd, int family)
{
    union slirp_addr a = {.sa.sa_family = (sa_family_t)family};
    if (family == AF_INET)
        a.in.sin_addr = c->outbound;
    else
        a.in6.sin6_addr = c->outbound6;
    bool wanted = family == AF_INET ? c->outbound.s_addr != 0 : !IN6_IS_ADDR_UNSPECIFIED(&c->outbound6);
    return !wanted || bind(fd, &a.sa, port_source_length(&a)) == 0;
}

static enum splice_progress dial_host(const struct outgoing *o, const struct frame_syn *syn, int *ret)
{
    static const int on = 1;
    union slirp_addr server;
    int family = syn->server.sa.sa_family;
    if (!find_server(o->config, &syn->server, &server)) {
        errno = ENETUNREACH;
        return SPLICE_FAILED;
    }
    AUTO_FD int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || !bind_outbound(o->config, fd, family))
        return SPLICE_FAILED;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (port_source_is_loopback(&server))
        pace_disable(fd);
    enum splice_progress out = splice_connect(fd, &server.sa, port_source_length(&server));
    if (out != SPLICE_FAILED)
        *ret = TAKE_FD(fd);
    return out;
}

/* As a router would say it. Of our own troubles (descriptors, memory) and of servers that keep silent the container
 * hears nothing: it sends its SYN again until it has had enough. */
static void refuse(const struct outgoing *o, const struct frame_syn *syn, int errnum)
{
    uint8_t answer[FRAME_REFUSAL_MAX];
    enum frame_refusal how;
    switch (errnum) {
    case ECONNREFUSED:
    case ECONNRESET:
        how = FRAME_REFUSE_RESET;
        break;
    case ENETUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        how = FRAME_REFUSE_NET;
        break;
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case EACCES:
    case EPERM:
    case EINVAL:
        how = FRAME_REFUSE_HOST;
        break;
    default:
        return;
    }
    size_t len = frame_refuse(o->config, syn, how, answer);
    (void)device_write(o->device, answer, len, true); /* a device that is gone shows itself */
}

/* --- the container's side */

static enum splice_progress dial_guest(const struct outgoing *o, const struct frame_syn *syn, int *ret)
{
    AUTO_FD int fd = gateway_socket(&o->device->gateway, syn->server.sa.sa_family);
    if (fd < 0 || bind(fd, &syn->server.sa, port_source_length(&syn->server)) < 0)
        return SPLICE_FAILED;
    enum splice_progress out = splice_connect(fd, &syn->client.sa, port_source_length(&syn->client));
    if (out != SPLICE_FAILED)
        *ret = TAKE_FD(fd);
    return out;
}

/* --- from one to the other */

static struct err *on_dial(struct loop_source *src, int fd, uint32_t events, void *arg);

static void give_up(int host, int guest)
{
    (void)fd_close(guest);
    if (host >= 0)
        splice_reset(host);
}

/* Until `host` (guest -1) or `guest` stands. Both are taken. */
static void dial_wait(struct outgoing *o, const struct frame_syn *syn, int take_host, int take_guest)
{
    struct dial *d = o->n_dials < OUTGOING_DIALS_MAX ? mem_alloc(sizeof(*d)) : NULL;
    int waits = take_guest >= 0 ? take_guest : take_host;
    if (!d) {
        give_up(take_host, take_guest);
        return;
    }
    *d = (struct dial){.outgoing = o, .syn = *syn, .host = take_host, .guest = take_guest};
    d->next = *bucket_of(o, syn);
    *bucket_of(o, syn) = d;
    o->n_dials++;
    struct err *e = loop_add_fd(o->loop, waits, EPOLLOUT, on_dial, d, &d->src);
    if (e) {
        dial_free(d);
        give_up(take_host, take_guest);
    }
    err_drop(e);
}

/* The host's side stands. */
static void answer(struct outgoing *o, const struct frame_syn *syn, int take_host)
{
    int guest = -1;
    switch (dial_guest(o, syn, &guest)) {
    case SPLICE_STANDS:
        err_drop(splice_join(o->pairs, take_host, guest));
        break;
    case SPLICE_WAITS:
        dial_wait(o, syn, take_host, guest);
        break;
    case SPLICE_FAILED: /* the client has given up, or its last connection to there is not over yet */
    default:
        give_up(take_host, -1);
        break;
    }
}

static struct err *on_dial(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct dial *d = arg;
    struct outgoing *o = d->outgoing;
    struct frame_syn syn = d->syn;
    int host = d->host, guest = d->guest, error = 0;
    socklen_t len = sizeof(error);
    (void)src, (void)events;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    dial_free(d);
    if (!error && guest < 0) {
        answer(o, &syn, host);
    } else if (!error) {
        err_drop(splice_join(o->pairs, host, guest));
    } else {
        if (guest < 0)
            refuse(o, &syn, error);
        give_up(host, guest);
    }
    return NULL;
}

/* By its link address; else it is to the resolver, or to nobody. */
static bool is_to_gateway(const struct outgoing *o, const uint8_t *frame)
{
    return memcmp(frame, o->device->gateway.mac, sizeof(o->device->gateway.mac)) == 0;
}

/* No server's answer is waited for: it is us. */
bool outgoing_input_dns(struct outgoing *o, struct dns *dns, const uint8_t *frame, size_t len)
{
    struct frame_syn syn;
    int guest = -1;
    if (!is_to_gateway(o, frame))
        return false;
    if (dns && frame_syn_parse(frame, len, &syn) == FRAME_TCP_SYN && dial_guest(o, &syn, &guest) != SPLICE_FAILED)
        err_drop(dns_tcp_serve(dns, guest, &syn.client));
    return true;
}

bool outgoing_input(struct outgoing *o, const uint8_t *frame, size_t len)
{
    struct frame_syn syn;
    int host = -1;
    if (!is_to_gateway(o, frame))
        return false;
    enum frame_tcp kind = frame_syn_parse(frame, len, &syn);
    if (kind != FRAME_TCP_SYN)
        return kind == FRAME_TCP_OTHER;
    if (is_under_way(o, &syn) || splice_count(o->pairs) + o->n_dials >= o->connections_max)
        return true;
    switch (dial_host(o, &syn, &host)) {
    case SPLICE_STANDS:
        answer(o, &syn, host);
        break;
    case SPLICE_WAITS:
        dial_wait(o, &syn, host, -1);
        break;
    case SPLICE_FAILED:
    default:
        refuse(o, &syn, errno);
        break;
    }
    return true;
}

/* --- life */

struct err *outgoing_new(const struct outgoing_opts *opts, struct outgoing **ret)
{
    struct outgoing *o = mem_zalloc(sizeof(*o));
    if (!o)
        return err_oom();
    o->loop = opts->loop;
    o->config = opts->config;
    o->device = opts->device;
    o->connections_max = opts->connections_max;
    struct err *e = splice_set_new(o->loop, NULL, NULL, &o->pairs);
    if (e) {
        mem_freep(&o);
        return e;
    }
    *ret = o;
    return NULL;
}

void outgoing_free(struct outgoing *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < OUTGOING_BUCKETS; i++) {
        while (o->dials[i]) {
            give_up(o->dials[i]->host, o->dials[i]->guest);
            dial_free(o->dials[i]);
        }
    }
    splice_set_free(o->pairs);
    mem_freep(&o);
}
