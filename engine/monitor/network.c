/* Named networks are join.c's; what follows is about a coracle-slirp of the container's own, which in that case knows
 * published ports alone, and is there when there are any.
 *
 * States: begun (coracle-slirp was started) ──► up (it has made the namespace) ──► lost ──► started again, for the same
 * namespace, and told the same ports. Only the first time somebody waits for it: the container must not start before
 * its interface is there. All else happens in the loop.
 *
 * Ports are told one by one, each answered; a limited number is under way, since neither side may wait for the other.
 */
#include "engine/monitor/network.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/monitor/join.h"
#include "engine/monitor/server.h"
#include "slirp/client.h"
#include "slirp/port_bind.h"
#include "slirp/port_maker.h"

#define NETWORK_PORTS_MAX 65536
#define NETWORK_RANGES_MAX 1024u
#define NETWORK_READY_MSEC 20000
#define NETWORK_UNDER_WAY 32u
#define NETWORK_FILES_SPARE 256u
#define NETWORK_RETRY_LAST_NSEC (UINT64_C(5000) * SERVER_NSEC_PER_MSEC)
#define NETWORK_RETRY_FIRST_NSEC (UINT64_C(50) * SERVER_NSEC_PER_MSEC)

struct published {
    struct slirp_port port;
    int fd; /* -1: libslirp listens itself */
    bool told;
};

struct network {
    struct server *server;
    struct slirp_config config;
    bool hostfwd;
    char *uid_map, *gid_map;        /* of a user namespace to be made; NULL: none */
    struct monitor_publish *ranges; /* to be bound */
    size_t n_ranges;
    struct published *ports;
    size_t n_ports, cap_ports;

    struct slirp_client client;
    struct loop_source *src; /* its connection, once it is up for the first time */
    struct loop_source *retry;
    uint64_t delay_nsec;
    int netns_fd, userns_fd; /* userns -1: the session's */
    struct join_set *joins;  /* of named networks; NULL: a network of its own */
    uint32_t n_joins;        /* to come before the start */
    bool up;                 /* the container may start */
    pid_t slirp_pid, maker_pid;
    bool has_maker; /* told to this coracle-slirp */
    bool ready;     /* this coracle-slirp is at work */
    unsigned under_way;
};

/* --- begin */

static struct err *start_slirp(struct network *n)
{
    n->client = (struct slirp_client)SLIRP_CLIENT_INIT;
    n->ready = n->has_maker = false;
    n->under_way = 0;
    for (size_t i = 0; i < n->n_ports; i++)
        n->ports[i].told = false;
    if (n->joins)
        TRY(slirp_client_start_ports(&n->client, &n->config));
    else
        TRY(slirp_client_start(&n->client, &n->config, NULL, true, n->netns_fd, n->userns_fd));
    n->slirp_pid = n->client.proc.pid;
    return NULL;
}

static struct err *begin(struct network *n, const struct msg *m)
{
    struct monitor_network head;
    if (m->len < sizeof(head))
        return ERR_NEW(ERR_CORRUPT, "a network of %zu bytes", m->len);
    memcpy(&head, m->data, sizeof(head));
    if (head.uid_map_len > NETPLAN_MAP_MAX || head.gid_map_len > NETPLAN_MAP_MAX ||
        m->len != sizeof(head) + head.uid_map_len + head.gid_map_len)
        return ERR_NEW(ERR_CORRUPT, "a network with malformed id maps");
    if (head.joins > NETPLAN_JOINS_MAX)
        return ERR_NEW(ERR_CORRUPT, "%u networks for one container", head.joins);
    n->n_joins = head.joins;
    if (head.joins)
        TRY(join_set_new(n->server, &n->joins));
    else
        TRY(slirp_config_check(&head.config));
    n->config = head.config;
    n->hostfwd = head.hostfwd && !head.joins;
    if (!head.uid_map_len)
        return m->n_fds ? fd_duplicate(m->fds[0], &n->userns_fd) : NULL;
    const char *text = m->data + sizeof(head);
    TRY(mem_strndup(text, head.uid_map_len, &n->uid_map));
    return mem_strndup(text + head.uid_map_len, head.gid_map_len, &n->gid_map);
}

struct err *network_join(struct server *s, const struct msg *m)
{
    struct network *n = s->net;
    if (!n || !n->joins || join_count(n->joins) >= n->n_joins)
        return ERR_NEW(ERR_CORRUPT, "one network more than was announced");
    return join_add(n->joins, m);
}

struct err *network_start(struct server *s)
{
    struct network *n = s->net;
    if (!n || n->slirp_pid || n->netns_fd >= 0 || (n->joins && join_count(n->joins) < n->n_joins))
        return NULL;
    if (n->uid_map)
        TRY(network_make_userns(n->uid_map, n->gid_map, &n->userns_fd));
    return n->joins ? join_start(n->joins, n->userns_fd, &n->netns_fd) : start_slirp(n);
}

struct err *network_begin(struct server *s, const struct msg *m)
{
    if (s->net)
        return ERR_NEW(ERR_CORRUPT, "two networks for one container");
    struct network *n = mem_zalloc(sizeof(*n));
    if (!n)
        return err_oom();
    *n = (struct network){.server = s, .netns_fd = -1, .userns_fd = -1, .client = SLIRP_CLIENT_INIT};
    s->net = n;
    return begin(n, m);
}

struct err *network_publish(struct server *s, const struct msg *m)
{
    struct network *n = s->net;
    if (!n || n->ranges || !m->len || m->len % sizeof(*n->ranges) || m->len / sizeof(*n->ranges) > NETWORK_RANGES_MAX)
        return ERR_NEW(ERR_CORRUPT, "ports of %zu bytes", m->len);
    n->ranges = mem_alloc(m->len);
    if (!n->ranges)
        return err_oom();
    memcpy(n->ranges, m->data, m->len);
    n->n_ranges = m->len / sizeof(*n->ranges);
    return NULL;
}

/* --- published ports */

static bool is_any6(const union slirp_addr *a)
{
    return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
}

static struct err *check_range(const struct monitor_publish *r)
{
    unsigned host = ntohs(r->first.host.in.sin_port), guest = ntohs(r->first.guest.in.sin_port);
    sa_family_t family = r->first.host.sa.sa_family;
    if (r->first.proto >= SLIRP_PROTO_MAX || (family != AF_INET && family != AF_INET6) ||
        r->first.guest.sa.sa_family != AF_INET || !host || !guest || !r->count || r->count > 65535 ||
        host + r->count > 65536 || guest + r->count > 65536)
        return ERR_NEW(ERR_CORRUPT, "a range of %u ports from %u to %u", r->count, host, guest);
    return NULL;
}

static struct err *bind_one(struct network *n, struct slirp_port *port)
{
    int fd = -1;
    TRY(mem_grow(&n->ports, n->n_ports, &n->cap_ports, sizeof(*n->ports), NETWORK_PORTS_MAX));
    if (n->hostfwd && is_any6(&port->host)) /* as slirp4netns: IPv4 */
        port->host.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port->host.in.sin_port};
    if (n->hostfwd)
        port->guest.in.sin_addr = n->config.guest;
    else
        TRY(port_bind(port, true, &fd));
    n->ports[n->n_ports++] = (struct published){.port = *port, .fd = fd};
    return NULL;
}

static void unbind_from(struct network *n, size_t first)
{
    while (n->n_ports > first)
        (void)fd_close(n->ports[--n->n_ports].fd);
}

static struct err *bind_range(struct network *n, const struct monitor_publish *r)
{
    size_t before = n->n_ports;
    struct err *e = check_range(r);
    fd_want(n->n_ports + r->count + NETWORK_FILES_SPARE);
    for (uint32_t i = 0; !e && i < r->count; i++) {
        struct slirp_port p = r->first;
        p.host.in.sin_port = htons((uint16_t)(ntohs(r->first.host.in.sin_port) + i));
        p.guest.in.sin_port = htons((uint16_t)(ntohs(r->first.guest.in.sin_port) + i));
        e = bind_one(n, &p);
    }
    if (e)
        unbind_from(n, before);
    return e;
}

struct err *network_bind(struct server *s)
{
    for (size_t i = 0; s->net && i < s->net->n_ranges; i++)
        TRY(bind_range(s->net, &s->net->ranges[i]));
    return NULL;
}

/* --- talking to coracle-slirp */

static struct err *send_maker(struct network *n)
{
    AUTO_FD int sock = -1;
    TRY(port_maker_start(n->netns_fd, &n->maker_pid, &sock));
    TRY(msg_send(n->client.sock, SLIRP_PORT_MAKER, NULL, 0, &sock, 1));
    n->has_maker = true;
    n->under_way++;
    return NULL;
}

/* Tell the next ports. */
static struct err *feed(struct network *n)
{
    if (!n->hostfwd && n->n_ports && !n->has_maker)
        TRY(send_maker(n));
    for (size_t i = 0; i < n->n_ports && n->under_way < NETWORK_UNDER_WAY; i++) {
        struct published *p = &n->ports[i];
        if (p->told)
            continue;
        TRY(msg_send(n->client.sock, SLIRP_PORT_ADD, &p->port, sizeof(p->port), &p->fd, p->fd >= 0 ? 1 : 0));
        p->told = true;
        n->under_way++;
    }
    return NULL;
}

static struct err *on_slirp(struct loop_source *src, int fd, uint32_t events, void *arg);

/* From "ready" on, for the first time or again. */
static struct err *serve(struct network *n)
{
    n->ready = true;
    TRY(fd_set_nonblock(n->client.sock, true));
    if (!n->src)
        TRY(loop_add_fd(n->server->loop, n->client.sock, EPOLLIN, on_slirp, n, &n->src));
    return feed(n);
}

static struct err *again(struct network *n);

static struct err *on_retry(struct loop_source *src, void *arg)
{
    struct network *n = arg;
    loop_remove(src);
    n->retry = NULL;
    struct err *e = again(n);
    err_drop(e); /* it tries once more by itself */
    return NULL;
}

/* It has ended, whoever did that: the next one, at once, or after a while when it doesn't live long. */
static struct err *lost(struct network *n)
{
    loop_remove(n->src);
    n->src = NULL;
    slirp_client_done(&n->client);
    n->slirp_pid = n->maker_pid = 0; /* the maker ends with its connection */
    uint64_t delay = n->delay_nsec;
    n->delay_nsec = delay ? delay * 2 : NETWORK_RETRY_FIRST_NSEC;
    if (n->delay_nsec > NETWORK_RETRY_LAST_NSEC)
        n->delay_nsec = NETWORK_RETRY_LAST_NSEC;
    return loop_add_timer(n->server->loop, delay, 0, on_retry, n, &n->retry);
}

static struct err *again(struct network *n)
{
    struct err *e = start_slirp(n);
    if (!e)
        e = loop_add_fd(n->server->loop, n->client.sock, EPOLLIN, on_slirp, n, &n->src);
    if (!e)
        return NULL;
    err_drop(e);
    return lost(n);
}

/* A port of a running container: nobody waits for the answer, so its log is where it is told. Where the sockets are the
 * monitor's this needs a shortage of something; where they are not, another program may have the port by now. */
static void tell_failure(const struct network *n, const struct msg *m)
{
    struct err *failed = NULL, *bad = err_decode(m->data, m->len, &failed);
    AUTO_FREE char *line = NULL;
    struct err *e = mem_asprintf(&line, "coracle: a published port does not work: %s\n",
                                 failed ? err_text(failed) : "coracle-slirp gives no reason");
    if (!e && n->server->log)
        ctlog_write(n->server->log, CTLOG_STDERR, line, strlen(line));
    err_drop(e);
    err_drop(failed);
    err_drop(bad);
}

/* An answer. */
static struct err *answered(struct network *n, const struct msg *m)
{
    if (m->type == SLIRP_READY)
        return serve(n);
    if (m->type != SLIRP_OK && m->type != SLIRP_FAILED)
        return ERR_NEW(ERR_CORRUPT, "coracle-slirp sent message %u", m->type);
    if (!n->ready)
        return ERR_NEW(ERR_NETWORK, "the network could not be set up again");
    if (m->type == SLIRP_FAILED)
        tell_failure(n, m);
    n->under_way -= n->under_way ? 1 : 0;
    if (!n->under_way)
        n->delay_nsec = 0;
    return feed(n);
}

static struct err *on_slirp(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct network *n = arg;
    AUTO_MSG struct msg m = MSG_INIT;
    bool eof = false;
    (void)src, (void)events;
    struct err *e = msg_recv(fd, &m, &eof);
    if (e && err_errno(e) == EAGAIN) {
        err_drop(e);
        return NULL;
    }
    if (!e && !eof)
        e = answered(n, &m);
    bool gone = e || eof;
    err_drop(e);
    return gone ? lost(n) : NULL;
}

/* --- up */

/* A namespace as a file, for the runtime to join by path. */
static struct err *show(const struct server *s, int ns_fd, const char *name)
{
    AUTO_FREE char *target = NULL;
    TRY(path_join(&target, s->plan.run_dir, name));
    AUTO_FD int file = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || mount(fd_proc_path(ns_fd).s, target, NULL, MS_BIND, NULL) < 0)
        return ERR_SYS(errno, "show a namespace at %s", target);
    return NULL;
}

/* libslirp binds the ports itself: whether it could is to be known before the container starts. */
static struct err *forward_all(struct network *n)
{
    for (size_t i = 0; i < n->n_ports; i++) {
        TRY(slirp_client_port_add(&n->client, &n->ports[i].port, -1));
        n->ports[i].told = true;
    }
    return NULL;
}

static struct err *wait_ready(struct network *n)
{
    struct pollfd pfd = {.fd = n->client.sock, .events = POLLIN};
    int r;
    do {
        r = poll(&pfd, 1, NETWORK_READY_MSEC);
    } while (r < 0 && errno == EINTR);
    if (r == 0)
        return ERR_NEW(ERR_TIMEOUT, "the container's network was not ready within %d seconds",
                       NETWORK_READY_MSEC / 1000);
    struct err *e = slirp_client_ready(&n->client, &n->netns_fd);
    if (e && err_kind(e) == ERR_UNSUPPORTED)
        return ERR_WRAP(e, "no network for the container can be made here; use --network host or --network none");
    return e;
}

/* The first port of a container on named networks, or their first network is another one now. */
static struct err *restart_ports(struct network *n)
{
    struct slirp_config config;
    if (!join_ports_config(n->joins, &config))
        return NULL;
    n->config = config;
    n->delay_nsec = 0;
    loop_remove(n->retry);
    n->retry = NULL;
    return lost(n);
}

struct err *network_up(struct server *s)
{
    struct network *n = s->net;
    if (!n || n->up)
        return NULL;
    TRY(n->joins ? join_wait(n->joins) : wait_ready(n));
    TRY(show(s, n->netns_fd, MONITOR_NETNS));
    if (n->userns_fd >= 0)
        TRY(show(s, n->userns_fd, MONITOR_USERNS));
    n->up = true;
    if (n->hostfwd)
        TRY(forward_all(n));
    if (n->joins)
        return n->n_ports ? restart_ports(n) : NULL;
    return serve(n);
}

/* --- changes */

static bool is_of(const struct slirp_port *p, const struct monitor_publish *r)
{
    unsigned first = ntohs(r->first.host.in.sin_port), port = ntohs(p->host.in.sin_port);
    if (p->proto != r->first.proto || port < first || port >= first + r->count)
        return false;
    if (is_any6(&r->first.host) && p->host.sa.sa_family == AF_INET) /* a host without IPv6 */
        return p->host.in.sin_addr.s_addr == 0;
    if (p->host.sa.sa_family != r->first.host.sa.sa_family)
        return false;
    return p->host.sa.sa_family == AF_INET
               ? p->host.in.sin_addr.s_addr == r->first.host.in.sin_addr.s_addr
               : memcmp(&p->host.in6.sin6_addr, &r->first.host.in6.sin6_addr, sizeof(struct in6_addr)) == 0;
}

static struct err *remove_range(struct network *n, const struct monitor_publish *r)
{
    size_t removed = 0;
    for (size_t i = n->n_ports; i-- > 0;) {
        struct published *p = &n->ports[i];
        if (!is_of(&p->port, r))
            continue;
        if (p->told && n->ready) {
            TRY(msg_send(n->client.sock, SLIRP_PORT_REMOVE, &p->port, sizeof(p->port), NULL, 0));
            n->under_way++;
        }
        (void)fd_close(p->fd);
        memmove(p, p + 1, (n->n_ports - i - 1) * sizeof(*p));
        n->n_ports--;
        removed++;
    }
    return removed ? NULL : ERR_NEW(ERR_NOT_FOUND, "port %u is not published", ntohs(r->first.host.in.sin_port));
}

struct err *network_change(struct server *s, const struct monitor_port_change *change)
{
    struct network *n = s->net;
    if (!n)
        return ERR_NEW(ERR_STATE, "container %.12s has no network of its own to publish ports of", s->plan.id);
    TRY(check_range(&change->publish));
    if (!change->add)
        return remove_range(n, &change->publish);
    if (n->joins && !join_count(n->joins))
        return ERR_NEW(ERR_STATE, "container %.12s is in no network to publish ports of", s->plan.id);
    TRY(bind_range(n, &change->publish));
    if (n->joins && n->up && !n->slirp_pid && !n->retry)
        return restart_ports(n);
    return n->ready ? feed(n) : NULL;
}

static struct err *check_joined(const struct server *s)
{
    if (s->net && s->net->joins && s->net->up)
        return NULL;
    return ERR_NEW(ERR_STATE,
                   "container %.12s is in no named network, and only those that were started in one can join another",
                   s->plan.id);
}

struct err *network_connect(struct server *s, const struct msg *m)
{
    bool first = false;
    TRY(check_joined(s));
    TRY(join_connect(s->net->joins, m, &first));
    return first && s->net->n_ports ? restart_ports(s->net) : NULL;
}

struct err *network_leave(struct server *s, const char *network)
{
    bool first = false;
    TRY(check_joined(s));
    struct err *e = join_leave(s->net->joins, network, &first);
    struct err *ports = first && s->net->n_ports ? restart_ports(s->net) : NULL;
    if (!e)
        return ports;
    err_drop(ports);
    return e;
}

struct err *network_reload(struct server *s)
{
    TRY(check_joined(s));
    return join_reload(s->net->joins);
}

/* --- end */

bool network_is_child(const struct server *s, pid_t pid)
{
    const struct network *n = s->net;
    return pid > 0 && (join_is_hub(s, pid) || (n && (pid == n->slirp_pid || pid == n->maker_pid)));
}

void network_end(struct server *s)
{
    struct network *n = s->net;
    if (!n)
        return;
    s->net = NULL;
    loop_remove(n->src);
    loop_remove(n->retry);
    unbind_from(n, 0);
    slirp_client_done(&n->client);
    join_set_free(n->joins);
    (void)fd_close(n->netns_fd);
    (void)fd_close(n->userns_fd);
    mem_freep(&n->uid_map);
    mem_freep(&n->gid_map);
    mem_freep(&n->ranges);
    mem_freep(&n->ports);
    mem_freep(&n);
}
