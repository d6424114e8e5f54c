/* Containers in a network: a seat for each connection of a monitor. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/strbuf.h"
#include "slirp/control.h"
#include "slirp/dns_names.h"
#include "slirp/hub_internal.h"

struct hub_seat {
    struct hub_seat *next;
    struct hub *hub;
    int sock;
    struct loop_source *src;
    uint32_t id; /* of its names */
    bool joined;
    struct hub_join join;
};

/* --- leaving */

/* What it has in the network goes. */
static struct err *seat_leave(struct hub_seat *s)
{
    if (!s->joined)
        return NULL;
    s->joined = false;
    TRY(hub_tell(s->hub, SLIRP_NAMES_GONE, &s->id, sizeof(s->id)));
    err_drop(hub_link_leave(s->hub, &s->join)); /* its namespace may have gone first */
    return NULL;
}

static void seat_free(struct hub_seat *take_s)
{
    loop_remove(take_s->src);
    (void)fd_close(take_s->sock);
    free(take_s);
}

static struct err *seat_close(struct hub_seat *take_s)
{
    struct hub *h = take_s->hub;
    struct err *e = seat_leave(take_s);
    for (struct hub_seat **at = &h->seats; *at; at = &(*at)->next) {
        if (*at == take_s) {
            *at = take_s->next;
            break;
        }
    }
    seat_free(take_s);
    return e ? e : hub_check_end(h);
}

void hub_seats_free(struct hub *h)
{
    while (h->seats) {
        struct hub_seat *s = h->seats;
        h->seats = s->next;
        seat_free(s);
    }
}

/* --- joining */

static struct err *seat_tell_names(struct hub_seat *s, const char *names, size_t len)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    struct dns_names_entry e = {
        .id = s->id,
        .has4 = s->join.network.prefix_len != 0,
        .has6 = s->join.network.ipv6,
        .more = s->join.more,
        .ip = s->join.ip,
        .ip6 = s->join.ip6,
        .n_servers = s->join.n_servers,
    };
    memcpy(e.servers, s->join.servers, sizeof(e.servers));
    TRY(strbuf_add(&sb, &e, sizeof(e)));
    TRY(strbuf_add(&sb, names, len));
    return hub_tell(s->hub, SLIRP_NAMES, sb.data, sb.len);
}

/* A monitor that was killed may have left its connection to us in the same moment in which the next came. */
static struct err *seat_replace(struct hub_seat *s)
{
    for (struct hub_seat *other = s->hub->seats; other; other = other->next)
        if (other != s && other->joined && strcmp(other->join.container, s->join.container) == 0)
            TRY(seat_leave(other));
    return NULL;
}

/* Everything is as it was but for the texts, which may change. */
static bool seat_is_same(const struct hub_join *a, const struct hub_join *b)
{
    struct hub_join x = *a;
    x.names_len = b->names_len;
    x.resolv_len = b->resolv_len;
    x.more = b->more;
    x.metric = b->metric;
    return memcmp(&x, b, sizeof(x)) == 0;
}

static struct err *seat_read_join(const struct hub_seat *s, const struct msg *m, struct hub_join *ret)
{
    if (m->len < sizeof(*ret) || m->n_fds != 2)
        return ERR_NEW(ERR_CORRUPT, "a request of %zu bytes to join a network", m->len);
    memcpy(ret, m->data, sizeof(*ret));
    TRY(hub_join_check(ret));
    if (m->len != sizeof(*ret) + ret->names_len + ret->resolv_len)
        return ERR_NEW(ERR_CORRUPT, "a malformed request to join a network");
    if (memcmp(&ret->network, &s->hub->config, sizeof(ret->network)) != 0)
        return ERR_NEW(ERR_STATE, "the network was changed while containers are in it");
    if (s->joined && !seat_is_same(&s->join, ret))
        return ERR_NEW(ERR_STATE, "the container's addresses cannot be changed while it is in the network");
    return NULL;
}

/* *ret_lost: the confined half is. */
static struct err *seat_join(struct hub_seat *s, struct msg *m, struct err **ret_lost)
{
    struct hub_join j;
    AUTO_NETLINK struct netlink inside = {.sock = NULL};
    AUTO_FREE char *resolv = NULL;
    TRY(seat_read_join(s, m, &j));
    TRY(netlink_adopt(TAKE_FD(m->fds[1]), &inside));
    s->join = j;
    *ret_lost = seat_replace(s);
    TRY(hub_link_join(s->hub, &j, m->fds[0], &inside));
    s->joined = true;
    const char *text = m->data + sizeof(j);
    TRY(mem_strndup(text + j.names_len, j.resolv_len, &resolv));
    if (!*ret_lost)
        *ret_lost = seat_tell_names(s, text, j.names_len);
    return hub_set_resolv(s->hub, resolv);
}

/* --- the conversation */

static struct err *seat_answer(struct hub_seat *s, uint32_t type, const int *fd, struct err *take_e)
{
    AUTO_ERR struct err *e = take_e;
    return e ? msg_send_error(s->sock, HUB_FAILED, e) : msg_send(s->sock, type, NULL, 0, fd, fd ? 1 : 0);
}

/* True: the seat is of no use any more. */
static bool seat_serve(struct hub_seat *s, struct msg *m, struct err **ret_lost)
{
    struct err *e;
    if (m->type == HUB_JOIN)
        e = seat_answer(s, HUB_JOINED, &s->hub->netns_fd, seat_join(s, m, ret_lost));
    else if (m->type == HUB_LEAVE)
        e = seat_answer(s, HUB_LEFT, NULL, seat_leave(s));
    else
        return true;
    bool bad = e != NULL;
    err_drop(e);
    return bad;
}

static struct err *seat_ready(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct hub_seat *s = arg;
    AUTO_MSG struct msg m = MSG_INIT;
    struct err *lost = NULL;
    bool eof = false;
    (void)src, (void)events;
    struct err *e = msg_recv(fd, &m, &eof);
    bool none = e && err_errno(e) == EAGAIN;
    bool bad = (e && !none) || eof;
    err_drop(e);
    if (none)
        return NULL;
    if (!bad)
        bad = seat_serve(s, &m, &lost);
    if (lost)
        return lost;
    return bad ? seat_close(s) : NULL;
}

struct err *hub_seat_add(struct hub *h, int take_sock)
{
    AUTO_FD int sock = take_sock;
    struct hub_seat *s = mem_zalloc(sizeof(*s));
    if (!s)
        return err_oom();
    *s = (struct hub_seat){.hub = h, .sock = sock, .id = ++h->last_id};
    struct err *e = fd_set_nonblock(sock, true);
    if (!e)
        e = loop_add_fd(h->loop, sock, EPOLLIN, seat_ready, s, &s->src);
    if (e) {
        free(s);
        return e;
    }
    (void)TAKE_FD(sock);
    s->next = h->seats;
    h->seats = s;
    return NULL;
}
