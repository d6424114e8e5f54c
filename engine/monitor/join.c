/* States of a seat: asked (a request is on its way to the hub) ──► held ──► lost (the hub has ended) ──► asked again,
 * with the namespace that the last hub left. A request that fails of a running container is tried again, more and more
 * seldom: the container lives on without that network meanwhile. */
#include "engine/monitor/join.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/monitor/server.h"
#include "slirp/hub_client.h"
#include "slirp/netns_visit.h"

#define JOIN_READY_MSEC 20000
#define JOIN_LIVE_MSEC 5000 /* of a running container: its output waits meanwhile */
#define JOIN_HUBS_MAX 1024u
#define JOIN_RETRY_FIRST_NSEC (UINT64_C(20) * SERVER_NSEC_PER_MSEC)
#define JOIN_RETRY_LAST_NSEC (UINT64_C(5000) * SERVER_NSEC_PER_MSEC)

struct seat {
    struct join_set *set;
    struct monitor_join plan;
    char *names, *resolv;
    int sock;
    struct loop_source *src, *retry;
    uint64_t delay_nsec;
    int hub_netns; /* of the network, for its next hub; -1: not known yet */
};

struct join_set {
    struct server *server;
    int netns_fd, userns_fd; /* borrowed */
    struct seat *seats[NETPLAN_JOINS_MAX];
    size_t n;
};

/* --- hubs among our children */

static struct err *remember_hub(struct server *s, pid_t pid)
{
    TRY(mem_grow(&s->hubs, s->n_hubs, &s->cap_hubs, sizeof(*s->hubs), JOIN_HUBS_MAX));
    s->hubs[s->n_hubs++] = pid;
    return NULL;
}

bool join_is_hub(const struct server *s, pid_t pid)
{
    for (size_t i = 0; i < s->n_hubs; i++)
        if (s->hubs[i] == pid)
            return true;
    return false;
}

void join_forget_hub(struct server *s, pid_t pid)
{
    for (size_t i = 0; i < s->n_hubs; i++) {
        if (s->hubs[i] == pid) {
            s->hubs[i] = s->hubs[--s->n_hubs];
            return;
        }
    }
}

/* --- one seat */

static void seat_free(struct seat *take_s)
{
    if (!take_s)
        return;
    loop_remove(take_s->src);
    loop_remove(take_s->retry);
    (void)fd_close(take_s->sock);
    (void)fd_close(take_s->hub_netns);
    mem_freep(&take_s->names);
    mem_freep(&take_s->resolv);
    mem_freep(&take_s);
}

/* Over the connection that it has. */
static struct err *seat_request(struct seat *s)
{
    AUTO_FD int netns = -1, route = -1;
    TRY(netns_visit_route(s->set->userns_fd, s->set->netns_fd, &netns, &route));
    return hub_client_join(s->sock, &s->plan.join, s->names, s->resolv, netns, route);
}

static struct err *seat_connect(struct seat *s)
{
    pid_t started = 0;
    const struct hub_connect o = {
        .run_dir = s->set->server->plan.run_dir,
        .network = s->plan.network,
        .config = &s->plan.join.network,
        .resolv = s->resolv,
        .mntns_fd = s->set->server->session_mntns_fd,
        .netns_fd = s->hub_netns,
    };
    struct err *e = hub_connect(&o, &s->sock, &started);
    if (started)
        err_drop(remember_hub(s->set->server, started)); /* out of memory: then it will be started again */
    return e;
}

/* Its request was sent: wait for the answer. */
static struct err *seat_answer(struct seat *s, int timeout_msec)
{
    int netns = -1;
    TRY(hub_client_answer(s->sock, timeout_msec, &netns));
    if (netns >= 0) {
        (void)fd_close(s->hub_netns);
        s->hub_netns = netns;
    }
    return NULL;
}

/* All of it, of a running container. */
static struct err *seat_take(struct seat *s)
{
    TRY(seat_connect(s));
    TRY(seat_request(s));
    return seat_answer(s, JOIN_LIVE_MSEC);
}

static struct err *seat_lost(struct seat *s);

static struct err *on_hub(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct seat *s = arg;
    (void)src, (void)fd, (void)events;
    struct err *e = seat_answer(s, -1);
    if (e) {
        err_drop(e);
        return seat_lost(s);
    }
    s->delay_nsec = 0;
    return NULL;
}

static struct err *seat_watch(struct seat *s)
{
    return s->src ? NULL : loop_add_fd(s->set->server->loop, s->sock, EPOLLIN, on_hub, s, &s->src);
}

static struct err *on_retry(struct loop_source *src, void *arg)
{
    struct seat *s = arg;
    loop_remove(src);
    s->retry = NULL;
    struct err *e = seat_connect(s);
    if (!e)
        e = seat_request(s);
    if (!e)
        return seat_watch(s);
    err_drop(e); /* it tries once more by itself */
    return seat_lost(s);
}

/* At once the first time, since the container is cut off. */
static struct err *seat_lost(struct seat *s)
{
    uint64_t delay = s->delay_nsec;
    loop_remove(s->src);
    s->src = NULL;
    s->sock = fd_close(s->sock);
    s->delay_nsec = delay ? delay * 2 : JOIN_RETRY_FIRST_NSEC;
    if (s->delay_nsec > JOIN_RETRY_LAST_NSEC)
        s->delay_nsec = JOIN_RETRY_LAST_NSEC;
    return loop_add_timer(s->set->server->loop, delay, 0, on_retry, s, &s->retry);
}

/* --- all of them */

struct err *join_set_new(struct server *s, struct join_set **ret)
{
    struct join_set *js = mem_zalloc(sizeof(*js));
    if (!js)
        return err_oom();
    *js = (struct join_set){.server = s, .netns_fd = -1, .userns_fd = -1};
    *ret = js;
    return NULL;
}

void join_set_free(struct join_set *js)
{
    for (size_t i = 0; js && i < js->n; i++)
        seat_free(js->seats[i]);
    mem_freep(&js);
}

size_t join_count(const struct join_set *js)
{
    return js->n;
}

static struct seat **find(struct join_set *js, const char *network)
{
    for (size_t i = 0; i < js->n; i++)
        if (strcmp(js->seats[i]->plan.network, network) == 0)
            return &js->seats[i];
    return NULL;
}

static struct err *seat_new(struct join_set *js, const struct msg *m, struct seat **ret)
{
    struct seat *s = mem_zalloc(sizeof(*s));
    if (!s)
        return err_oom();
    *s = (struct seat){.set = js, .sock = -1, .hub_netns = -1};
    struct err *e = netplan_decode_join(m->data, m->len, &s->plan, &s->names, &s->resolv);
    if (e)
        seat_free(s);
    else
        *ret = s;
    return e;
}

static struct err *append(struct join_set *js, struct seat *take_s)
{
    if (js->n < NETPLAN_JOINS_MAX) {
        js->seats[js->n++] = take_s;
        return NULL;
    }
    seat_free(take_s);
    return ERR_NEW(ERR_NO_SPACE, "a container can be in %d networks", NETPLAN_JOINS_MAX);
}

static void cut(struct join_set *js, struct seat **at)
{
    seat_free(*at);
    js->n--;
    memmove(at, at + 1, (size_t)(&js->seats[js->n] - at) * sizeof(struct seat *));
}

struct err *join_add(struct join_set *js, const struct msg *m)
{
    struct seat *s = NULL;
    TRY(seat_new(js, m, &s));
    if (!find(js, s->plan.network))
        return append(js, s);
    seat_free(s);
    return ERR_NEW(ERR_CORRUPT, "one network twice");
}

/* Behind each seat but the last one there is another resolver to ask. Returns the one of them for which that is new, or
 * NULL: with a network more or less it is one at most. */
static struct seat *settle_more(struct join_set *js)
{
    struct seat *changed = NULL;
    bool more = false;
    for (size_t i = js->n; i-- > 0;) {
        struct hub_join *j = &js->seats[i]->plan.join;
        if (j->more != more)
            changed = js->seats[i];
        j->more = more;
        more = more || !j->network.no_dns;
    }
    return changed;
}

/* Hubs first, since they may have to be started; meanwhile the namespace is made. Interfaces come one after the other,
 * so that their numbers are in the order of their names: the first is asked for here. */
struct err *join_start(struct join_set *js, int userns_fd, int *ret_netns)
{
    AUTO_FD int route = -1;
    for (size_t i = 0; i < js->n; i++)
        TRY_WRAP(seat_connect(js->seats[i]), "network of the container");
    TRY(netns_visit_route(userns_fd, -1, ret_netns, &route));
    js->netns_fd = *ret_netns;
    js->userns_fd = userns_fd;
    (void)settle_more(js);
    return js->n ? seat_request(js->seats[0]) : NULL;
}

struct err *join_wait(struct join_set *js)
{
    for (size_t i = 0; i < js->n; i++) {
        if (i)
            TRY(seat_request(js->seats[i]));
        TRY_WRAP(seat_answer(js->seats[i], JOIN_READY_MSEC), "join network");
    }
    for (size_t i = 0; i < js->n; i++)
        TRY(seat_watch(js->seats[i]));
    return NULL;
}

/* --- changes */

/* A hub that is there now is asked, and waited for; one that is not, or ends meanwhile, will be when it is back. */
static struct err *ask_again(struct seat *s)
{
    if (s->sock < 0)
        return NULL;
    loop_remove(s->src);
    s->src = NULL;
    struct err *e = seat_request(s);
    if (!e)
        e = seat_answer(s, JOIN_LIVE_MSEC);
    if (e && (err_errno(e) == ECONNRESET || err_errno(e) == EPIPE)) {
        err_drop(e);
        return seat_lost(s);
    }
    struct err *bad = seat_watch(s);
    if (!bad)
        return e;
    err_drop(e);
    return bad;
}

/* Names and resolvers take the place of those that were. */
static struct err *change(struct seat *s, struct seat *take_with)
{
    struct hub_join was = s->plan.join;
    char *names = s->names, *resolv = s->resolv;
    s->plan.join = take_with->plan.join;
    s->plan.join.more = was.more;
    s->plan.join.metric = was.metric; /* what is set already stays */
    s->names = take_with->names;
    s->resolv = take_with->resolv;
    take_with->names = names;
    take_with->resolv = resolv;
    struct err *e = ask_again(s);
    if (e) { /* refused: it stays as it was */
        s->plan.join = was;
        take_with->names = s->names;
        take_with->resolv = s->resolv;
        s->names = names;
        s->resolv = resolv;
    }
    seat_free(take_with);
    return e;
}

/* After a change of what there is. What fails of it is tried again with the next hub. */
static struct err *tell_more(struct join_set *js)
{
    struct seat *changed = settle_more(js);
    return changed ? ask_again(changed) : NULL;
}

struct err *join_connect(struct join_set *js, const struct msg *m, bool *ret_first)
{
    struct seat *s = NULL;
    TRY(seat_new(js, m, &s));
    struct seat **known = find(js, s->plan.network);
    *ret_first = js->n == 0;
    if (known)
        return change(*known, s);
    TRY(append(js, s)); /* the last, so that there is nothing behind it */
    struct err *e = seat_take(s);
    if (!e)
        e = seat_watch(s);
    if (e)
        cut(js, &js->seats[js->n - 1]);
    return e ? e : tell_more(js);
}

static struct err *ask_and_leave(struct seat *s, bool ask)
{
    if (ask)
        TRY(seat_take(s));
    if (s->sock < 0)
        return ERR_NEW(ERR_NETWORK, "the network's process is not there");
    TRY(msg_send(s->sock, HUB_LEAVE, NULL, 0, NULL, 0));
    return seat_answer(s, JOIN_LIVE_MSEC);
}

/* Where the hub is gone the interface has stayed: the next one takes it away. */
struct err *join_leave(struct join_set *js, const char *network, bool *ret_first)
{
    struct seat **at = find(js, network);
    if (!at)
        return ERR_NEW(ERR_STATE, "the container is not in that network");
    struct seat *s = *at;
    *ret_first = at == js->seats;
    loop_remove(s->src);
    s->src = NULL;
    struct err *e = ask_and_leave(s, false);
    if (e) {
        err_drop(e);
        s->sock = fd_close(s->sock);
        e = ask_and_leave(s, true);
    }
    cut(js, at);
    return e ? e : tell_more(js);
}

struct err *join_reload(struct join_set *js)
{
    for (size_t i = 0; i < js->n; i++)
        TRY(ask_again(js->seats[i]));
    return NULL;
}

bool join_ports_config(const struct join_set *js, struct slirp_config *ret)
{
    if (!js->n)
        return false;
    const struct hub_join *j = &js->seats[0]->plan.join;
    *ret = j->network;
    ret->guest = j->ip;
    ret->guest6 = j->ip6;
    return true;
}
