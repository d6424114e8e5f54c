#include "slirp/port_maker.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/trim.h"
#include "slirp/pace.h"
#include "slirp/port_confine.h"
#include "slirp/port_route.h"

#define MAKER_SOCK 3 /* the only descriptor besides 0, 1 and 2 */
#define MAKER_QUIET_USEC 500000
#define MAKER_PRIORITY_TCP 100u
#define MAKER_PRIORITY_UDP 101u
#define MAKER_BATCH_MAX 64u
#define MAKER_ADDRESSES_MAX 4096
#define MAKER_PORTS 65536u

/* An address that is local as long as there are flows of it. */
struct maker_address {
    union slirp_addr address;
    union slirp_addr guest; /* that its route prefers */
    uint32_t refs;
};

struct maker {
    int sock;
    int route; /* netlink */
    bool ipv6;
    bool tcp_by_port; /* the sysctl could not be written */
    struct maker_address *addresses;
    size_t n_addresses, cap_addresses;
    uint8_t open[SLIRP_PROTO_MAX][MAKER_PORTS / 8]; /* bit sets: ports that rules are for */
};

/* --- the namespace */

static struct err *write_sysctl(const char *path, const char *value)
{
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, value, strlen(value)) < 0)
        return ERR_SYS(errno, "write %s", path);
    return NULL;
}

/* Marks of a SYN come back on what the server sends, resets included. tcp_tw_reuse: ports of clients come again sooner
 * than a minute (both ends of these connections are here and have time stamps). */
static struct err *prepare_sysctls(const struct maker *m)
{
    TRY(write_sysctl("/proc/sys/net/ipv4/tcp_fwmark_accept", "1"));
    TRY(write_sysctl("/proc/sys/net/ipv4/fwmark_reflect", "1"));
    if (m->ipv6)
        TRY(write_sysctl("/proc/sys/net/ipv6/fwmark_reflect", "1"));
    err_drop(write_sysctl("/proc/sys/net/ipv4/tcp_tw_reuse", "1"));
    return NULL;
}

static struct err *prepare_family(const struct maker *m, int family)
{
    const struct port_rule rule = {
        .family = family, .priority = MAKER_PRIORITY_TCP, .mark = PORT_MAKER_MARK, .table = PORT_MAKER_TABLE_TCP};
    TRY(port_route_local(m->route, family, PORT_MAKER_TABLE_TCP, NULL, NULL, true));
    return port_route_rule(m->route, &rule, true);
}

static struct err *prepare(struct maker *m, int netns_fd)
{
    if (setns(netns_fd, CLONE_NEWNET) < 0)
        return ERR_SYS(errno, "enter the container's network namespace");
    (void)fd_close(netns_fd);
    TRY(port_route_open(&m->route));
    TRY(prepare_family(m, AF_INET));
    struct err *e = prepare_family(m, AF_INET6);
    m->ipv6 = !e;
    err_drop(e);
    e = prepare_sysctls(m);
    m->tcp_by_port = e != NULL;
    err_drop(e);
    return port_confine();
}

/* --- rules by port */

static bool is_open(const struct maker *m, uint32_t proto, uint32_t port)
{
    return port && port < MAKER_PORTS && (m->open[proto][port / 8] >> port % 8 & 1);
}

static void change_rule(const struct maker *m, uint32_t proto, uint32_t first, uint32_t last, bool add)
{
    struct port_rule rule = {
        .priority = proto == SLIRP_TCP ? MAKER_PRIORITY_TCP : MAKER_PRIORITY_UDP,
        .ip_proto = proto == SLIRP_TCP ? IPPROTO_TCP : IPPROTO_UDP,
        .first = (uint16_t)first,
        .last = (uint16_t)last,
        .table = proto == SLIRP_TCP ? PORT_MAKER_TABLE_TCP : PORT_MAKER_TABLE_UDP,
    };
    if (first > last)
        return;
    rule.family = AF_INET;
    err_drop(port_route_rule(m->route, &rule, add));
    rule.family = AF_INET6;
    if (m->ipv6)
        err_drop(port_route_rule(m->route, &rule, add));
}

/* Neighbours share a rule, so that a range of a thousand ports is one: the kernel looks at rules one by one. */
static void on_port(struct maker *m, const struct port_maker_port *p, bool open)
{
    uint32_t first = p->port, last = p->port;
    if (p->proto >= SLIRP_PROTO_MAX || !p->port || p->port >= MAKER_PORTS || is_open(m, p->proto, p->port) == open ||
        (p->proto == SLIRP_TCP && !m->tcp_by_port))
        return;
    while (is_open(m, p->proto, first - 1))
        first--;
    while (is_open(m, p->proto, last + 1))
        last++;
    /* The rules as they are with the port closed, and the one with it open, take turns. */
    change_rule(m, p->proto, first, last, open);
    change_rule(m, p->proto, first, p->port - 1, !open);
    change_rule(m, p->proto, p->port + 1, last, !open);
    m->open[p->proto][p->port / 8] ^= (uint8_t)(1u << p->port % 8);
}

/* --- addresses of UDP clients */

static bool same_address(const union slirp_addr *a, const union slirp_addr *b)
{
    if (a->sa.sa_family != b->sa.sa_family)
        return false;
    return a->sa.sa_family == AF_INET6 ? memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(a->in6.sin6_addr)) == 0
                                       : a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
}

static struct maker_address *find_address(struct maker *m, const union slirp_addr *a)
{
    for (size_t i = 0; i < m->n_addresses; i++)
        if (same_address(&m->addresses[i].address, a))
            return &m->addresses[i];
    return NULL;
}

/* What the server sends to the client comes to its flow, with the address of the guest that the flow knows. */
static struct err *use_address(struct maker *m, const struct port_maker_flow *f)
{
    struct maker_address *known = find_address(m, &f->source);
    if (known) {
        known->refs++;
        return NULL;
    }
    TRY(mem_grow(&m->addresses, m->n_addresses, &m->cap_addresses, sizeof(*m->addresses), MAKER_ADDRESSES_MAX));
    TRY(port_route_local(m->route, f->source.sa.sa_family, PORT_MAKER_TABLE_UDP, &f->source, &f->guest, true));
    m->addresses[m->n_addresses++] = (struct maker_address){.address = f->source, .guest = f->guest, .refs = 1};
    return NULL;
}

static void drop_address(struct maker *m, const struct port_maker_flow *f)
{
    struct maker_address *known = find_address(m, &f->source);
    if (!known || --known->refs)
        return;
    err_drop(
        port_route_local(m->route, f->source.sa.sa_family, PORT_MAKER_TABLE_UDP, &f->source, &known->guest, false));
    *known = m->addresses[--m->n_addresses];
}

/* --- sockets */

static bool set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

/* Transparent: may have addresses that are not this namespace's. */
static int make_socket(int family, int type)
{
    AUTO_FD int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    bool ok = family == AF_INET6 ? set(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1) : set(fd, IPPROTO_IP, IP_TRANSPARENT, 1);
    ok = ok && set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (ok && type == SOCK_STREAM) /* in the order: what a connection needs, what only helps */
        ok = set(fd, SOL_SOCKET, SO_MARK, (int)PORT_MAKER_MARK) && set(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
             set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    if (ok && type == SOCK_STREAM)
        pace_disable(fd);
    return ok ? TAKE_FD(fd) : -1;
}

static struct err *send_batch(struct maker *m, uint32_t family, uint32_t count)
{
    struct port_maker_batch answer = {.family = family};
    int fds[MSG_FDS_MAX];
    while (answer.count < count && answer.count < MSG_FDS_MAX) {
        int fd = make_socket((int)family, SOCK_STREAM);
        answer.errnum = fd < 0 ? errno : 0;
        if (fd < 0)
            break;
        fds[answer.count++] = fd;
    }
    struct err *e = msg_send(m->sock, PORT_MAKER_TCP, &answer, sizeof(answer), fds, answer.count);
    for (uint32_t i = 0; i < answer.count; i++)
        (void)fd_close(fds[i]);
    return e;
}

static struct err *on_batch(struct maker *m, const struct port_maker_batch *b)
{
    uint32_t left = b->count > MAKER_BATCH_MAX ? MAKER_BATCH_MAX : b->count;
    bool known = b->family == AF_INET || (b->family == AF_INET6 && m->ipv6);
    if (!known) {
        const struct port_maker_batch answer = {.family = b->family, .errnum = EAFNOSUPPORT};
        return msg_send(m->sock, PORT_MAKER_TCP, &answer, sizeof(answer), NULL, 0);
    }
    for (; left; left -= left < MSG_FDS_MAX ? left : MSG_FDS_MAX)
        TRY(send_batch(m, b->family, left));
    return NULL;
}

static socklen_t length_of(const union slirp_addr *a)
{
    return a->sa.sa_family == AF_INET6 ? sizeof(a->in6) : sizeof(a->in);
}

/* 0, or the errno. */
static int open_flow(struct maker *m, const struct port_maker_flow *f, int *ret)
{
    AUTO_FD int fd = make_socket(f->source.sa.sa_family, SOCK_DGRAM);
    if (fd < 0 || bind(fd, &f->source.sa, length_of(&f->source)) < 0 ||
        connect(fd, &f->guest.sa, length_of(&f->guest)) < 0)
        return errno;
    struct err *e = use_address(m, f);
    int errnum = e ? err_errno(e) : 0;
    if (e && !errnum)
        errnum = ENOBUFS;
    err_drop(e);
    if (!errnum)
        *ret = TAKE_FD(fd);
    return errnum;
}

static struct err *on_flow(struct maker *m, const struct port_maker_flow *f)
{
    AUTO_FD int fd = -1;
    struct port_maker_flow answer = *f;
    sa_family_t family = f->source.sa.sa_family;
    bool known = family == f->guest.sa.sa_family && (family == AF_INET || (family == AF_INET6 && m->ipv6));
    answer.errnum = known ? open_flow(m, f, &fd) : EAFNOSUPPORT;
    return msg_send(m->sock, PORT_MAKER_UDP, &answer, sizeof(answer), &fd, fd >= 0 ? 1 : 0);
}

/* A message that makes no sense ends the maker: its peer is a program of the same build, or has been taken over. */
static struct err *handle(struct maker *m, const struct msg *msg)
{
    union {
        struct port_maker_batch batch;
        struct port_maker_flow flow;
        struct port_maker_port port;
    } u;
    size_t want = msg->type == PORT_MAKER_TCP                                      ? sizeof(u.batch)
                  : msg->type == PORT_MAKER_UDP || msg->type == PORT_MAKER_UDP_END ? sizeof(u.flow)
                  : msg->type == PORT_MAKER_OPEN || msg->type == PORT_MAKER_CLOSE  ? sizeof(u.port)
                                                                                   : 0;
    if (!want || msg->len != want)
        return ERR_NEW(ERR_CORRUPT, "a message of %zu bytes and type %u", msg->len, msg->type);
    memcpy(&u, msg->data, want);
    switch (msg->type) {
    case PORT_MAKER_TCP:
        return on_batch(m, &u.batch);
    case PORT_MAKER_UDP:
        return on_flow(m, &u.flow);
    case PORT_MAKER_UDP_END:
        drop_address(m, &u.flow);
        return NULL;
    default:
        on_port(m, &u.port, msg->type == PORT_MAKER_OPEN);
        return NULL;
    }
}

static void wait_for(int sock, suseconds_t usec)
{
    const struct timeval limit = {.tv_usec = usec}; /* 0: as long as it takes */
    (void)setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

/* Once all is quiet: without what the monitor's start and ours have touched. */
static void rest(struct maker *m)
{
    struct pollfd fd = {.fd = m->sock, .events = POLLIN};
    wait_for(m->sock, 0);
    trim_stack();
    (void)trim_poll(&fd, 1, -1, false);
}

static struct err *serve(struct maker *m)
{
    const struct port_maker_ready ready = {.ipv6 = m->ipv6};
    TRY(msg_send(m->sock, PORT_MAKER_READY, &ready, sizeof(ready), NULL, 0));
    wait_for(m->sock, MAKER_QUIET_USEC);
    for (;;) {
        AUTO_MSG struct msg msg = MSG_INIT;
        bool eof = false;
        struct err *e = msg_recv(m->sock, &msg, &eof);
        if (e && err_errno(e) == EAGAIN) {
            err_drop(e);
            rest(m);
            continue;
        }
        TRY(e);
        if (eof)
            return NULL;
        TRY(handle(m, &msg));
    }
}

/* --- its start */

/* What the parent has open, blocks and handles is none of the maker's business. */
static void separate(int sock, int netns_fd, int *ret_netns)
{
    sigset_t none;
    for (int sig = 1; sig < _NSIG; sig++)
        (void)signal(sig, SIG_DFL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    /* Out of the way of each other first. */
    int high_sock = fcntl(sock, F_DUPFD_CLOEXEC, 16), high_netns = fcntl(netns_fd, F_DUPFD_CLOEXEC, 16);
    if (high_sock < 0 || high_netns < 0 || dup3(high_sock, MAKER_SOCK, O_CLOEXEC) < 0 ||
        dup3(high_netns, MAKER_SOCK + 1, O_CLOEXEC) < 0)
        _exit(1);
    *ret_netns = MAKER_SOCK + 1;
    fd_close_from(MAKER_SOCK + 2);
    (void)prctl(PR_SET_NAME, "coracle-ports", 0, 0, 0);
}

static void live(int sock, int netns_fd)
{
    static struct maker m; /* zero; its bit sets cost nothing before they are used */
    int ns = -1;
    separate(sock, netns_fd, &ns);
    m.sock = MAKER_SOCK;
    m.route = -1;
    struct err *e = prepare(&m, ns);
    err_drop(e ? msg_send_error(m.sock, PORT_MAKER_FAILED, e) : serve(&m));
    _exit(0); /* nothing of the parent's is cleaned up twice */
}

struct err *port_maker_start(int netns_fd, pid_t *ret_pid, int *ret_sock)
{
    int pair[2];
    TRY(msg_pair(pair));
    AUTO_FD int ours = pair[0];
    AUTO_FD int its = pair[1];
    pid_t pid = fork();
    if (pid < 0)
        return ERR_SYS(errno, "start the maker of sockets");
    if (pid == 0)
        live(its, netns_fd);
    *ret_pid = pid;
    *ret_sock = TAKE_FD(ours);
    return NULL;
}
