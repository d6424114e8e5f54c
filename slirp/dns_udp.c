/* Queries from frames. A query that is forwarded keeps a copy of itself, to be sent to the next server. */
#include "slirp/dns_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#include "base/fd.h"
#include "base/mem.h"

#define UDP_BUF (DNS_MESSAGE_MAX + 1 + DEVICE_FRAME_MAX)

struct dns_udp {
    struct dns *dns;
    struct dns_udp *next;
    int fd;
    struct loop_source *src;
    uint64_t deadline_nsec;
    unsigned tries;
    uint16_t wire_id; /* towards the server */
    struct dns_query query;
    struct frame_udp frame;
    size_t len;
    uint8_t msg[]; /* with the client's id */
};

static void udp_free(struct dns_udp *u)
{
    loop_remove(u->src);
    (void)fd_close(u->fd);
    free(u);
}

static void udp_remove(struct dns_udp *u)
{
    for (struct dns_udp **p = &u->dns->udp; *p; p = &(*p)->next) {
        if (*p == u) {
            *p = u->next;
            u->dns->n_udp--;
            break;
        }
    }
    udp_free(u);
}

void dns_udp_close_all(struct dns *d)
{
    while (d->udp)
        udp_remove(d->udp);
}

/* Longer than the client can take, or than the interface: it will ask again by TCP. */
static void udp_send(struct dns *d, const struct frame_udp *f, const struct dns_query *q, const uint8_t *reply,
                     size_t len)
{
    uint8_t *frame = d->buf + DNS_MESSAGE_MAX + 1;
    uint8_t small[DNS_HEADER + DNS_NAME_MAX + 4];
    size_t room = d->o.config->mtu - (f->from.sa.sa_family == AF_INET ? 28u : 48u);
    if (q && room > q->udp_size)
        room = q->udp_size;
    if (len > room) {
        len = dns_reply_truncated(reply, len, small, sizeof(small));
        reply = small;
    }
    size_t n = len ? frame_udp_answer(f, reply, len, frame, DEVICE_FRAME_MAX) : 0;
    if (n)
        (void)device_write(d->o.device, frame, n, true);
}

static void udp_fail(struct dns *d, const struct frame_udp *f, const uint8_t *msg, size_t len, enum dns_rcode rcode)
{
    uint8_t out[DNS_HEADER + DNS_NAME_MAX + 4];
    size_t n = dns_reply_code(msg, len, rcode, out, sizeof(out));
    if (n)
        udp_send(d, f, NULL, out, n);
}

static struct err *udp_readable(struct loop_source *src, int fd, uint32_t events, void *arg);

/* Ask the next server; a server that refuses at once is passed over. */
static bool udp_ask(struct dns_udp *u)
{
    struct dns *d = u->dns;
    const struct resolv *servers = dns_resolvers(d, &u->frame.from);
    uint8_t out[DNS_QUERY_MAX];
    while (u->tries < DNS_TRIES) {
        loop_remove(u->src);
        u->src = NULL;
        (void)fd_close(u->fd);
        u->fd = dns_connect(&servers->servers[u->tries++ % servers->n], SOCK_DGRAM);
        if (u->fd < 0 || getrandom(&u->wire_id, sizeof(u->wire_id), 0) != sizeof(u->wire_id))
            continue;
        memcpy(out, u->msg, u->len);
        dns_set_id(out, u->wire_id);
        struct err *e = loop_add_fd(d->o.loop, u->fd, EPOLLIN, udp_readable, u, &u->src);
        bool good = !e && send(u->fd, out, u->len, 0) == (ssize_t)u->len;
        err_drop(e);
        u->deadline_nsec = dns_now() + DNS_TRY_NSEC;
        if (good)
            return true;
    }
    return false;
}

static void udp_ask_or_fail(struct dns_udp *u)
{
    if (udp_ask(u))
        return;
    udp_fail(u->dns, &u->frame, u->msg, u->len, DNS_SERVFAIL);
    udp_remove(u);
}

static struct err *udp_readable(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct dns_udp *u = arg;
    struct dns *d = u->dns;
    (void)src;
    (void)events;
    ssize_t n = recv(fd, d->buf, DNS_MESSAGE_MAX, 0);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        udp_ask_or_fail(u); /* nobody listens there: ECONNREFUSED */
        return NULL;
    }
    /* What does not fit is somebody else's; the right answer may still come. */
    if (n <= 0 || !dns_reply_fits(d->buf, (size_t)n, u->msg, u->len, u->wire_id))
        return NULL;
    dns_set_id(d->buf, u->query.id);
    udp_send(d, &u->frame, &u->query, d->buf, (size_t)n);
    udp_remove(u);
    return NULL;
}

void dns_udp_expire(struct dns *d, uint64_t now)
{
    struct dns_udp *next;
    for (struct dns_udp *u = d->udp; u; u = next) {
        next = u->next;
        if (u->deadline_nsec <= now)
            udp_ask_or_fail(u);
    }
}

static bool udp_same_client(const struct dns_udp *u, const struct frame_udp *f)
{
    return !memcmp(&u->frame, f, sizeof(*f));
}

/* Asked again before we have answered: nothing to do. Asked often by several: it goes in a circle. */
static bool udp_is_known(const struct dns *d, const struct frame_udp *f, const struct dns_query *q, const uint8_t *msg,
                         bool *ret_loop)
{
    size_t same = 0;
    for (const struct dns_udp *u = d->udp; u; u = u->next) {
        if (u->query.question_len != q->question_len ||
            memcmp(u->msg + DNS_HEADER, msg + DNS_HEADER, q->question_len) != 0)
            continue;
        if (u->query.id == q->id && udp_same_client(u, f))
            return true;
        same++;
    }
    *ret_loop = same >= DNS_SAME_MAX;
    return false;
}

static void udp_forward(struct dns *d, const struct frame_udp *f, const struct dns_query *q, const uint8_t *msg,
                        size_t len)
{
    bool loop = false;
    if (udp_is_known(d, f, q, msg, &loop))
        return;
    struct dns_udp *u = loop || d->n_udp >= DNS_UDP_MAX ? NULL : mem_zalloc(sizeof(*u) + len);
    if (!u) {
        udp_fail(d, f, msg, len, DNS_SERVFAIL);
        return;
    }
    u->dns = d;
    u->fd = -1;
    u->query = *q;
    u->frame = *f;
    u->len = len;
    memcpy(u->msg, msg, len);
    u->next = d->udp;
    d->udp = u;
    d->n_udp++;
    dns_tick(d);
    udp_ask_or_fail(u);
}

void dns_input(struct dns *d, const uint8_t *frame, size_t len)
{
    struct frame_udp f;
    struct dns_query q;
    enum dns_rcode rcode = DNS_FORMERR;
    const uint8_t *msg;
    size_t msg_len;
    if (!d->buf && !(d->buf = mem_alloc(UDP_BUF)))
        return;
    if (!frame_udp_parse(frame, len, &f, &msg, &msg_len))
        return;
    switch (dns_parse(msg, msg_len, &q, &rcode)) {
    case DNS_QUERY:
        break;
    case DNS_BROKEN:
        udp_fail(d, &f, msg, msg_len, rcode);
        return;
    case DNS_IGNORE:
    default:
        return;
    }
    size_t n = dns_local(d, &f.from, msg, msg_len, &q, d->buf, DNS_MESSAGE_MAX);
    if (n)
        udp_send(d, &f, &q, d->buf, n);
    else
        udp_forward(d, &f, &q, msg, msg_len);
}
