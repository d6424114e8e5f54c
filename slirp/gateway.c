#include "slirp/gateway.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "slirp/control.h"
#include "slirp/netlink.h"
#include "slirp/pace.h"
#include "slirp/port_route.h"

#define GATEWAY_MARK 0x676f7574u
#define GATEWAY_TABLE_IN 25455u
#define GATEWAY_TABLE_OUT 25456u
#define GATEWAY_PRIORITY_IN 100u
#define GATEWAY_PRIORITY_OUT 101u
#define GATEWAY_BACKLOG 8
#define GATEWAY_WAIT_SEC 1 /* for a connection inside the kernel */

static const uint8_t neighbour_address[16] = {0xfe, 0x80, [15] = 0x63}; /* link-local; libslirp has fe80::2 */

void gateway_choose_mac(struct gateway *g, const struct slirp_config *config)
{
    g->mac[0] = 0x52;
    g->mac[1] = 0x55;
    memcpy(g->mac + 2, &config->gateway, 4);
}

/* --- the namespace */

static struct err *write_sysctl(const char *path, const char *value)
{
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, value, strlen(value)) < 0)
        return ERR_SYS(errno, "write %s", path);
    return NULL;
}

static bool reads_zero(const char *path)
{
    char text[4] = "";
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && text[0] == '0';
}

/* Addresses of the container have no way back but for what is marked, so nothing may insist on one (rp_filter). Where
 * /proc/sys is read-only, most hosts have what is needed anyway. */
static struct err *prepare_sysctls(const char *ifname)
{
    char path[64];
    static const char all[] = "/proc/sys/net/ipv4/conf/all/rp_filter";
    static const char ports[] = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
    (void)snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter", ifname);
    if (!reads_zero(all))
        TRY(write_sysctl(all, "0"));
    if (!reads_zero(path))
        TRY(write_sysctl(path, "0"));
    /* Our sockets have the addresses of servers, whose ports are mostly small ones, and are bound without rights. */
    if (!reads_zero(ports))
        TRY(write_sysctl(ports, "0"));
    /* No segment is late on this wire, so nothing has to wait for it (TIME_WAIT): a client may come again from the same
     * port at once. One that has given up is not asked for minutes. Both only help. */
    err_drop(write_sysctl("/proc/sys/net/ipv4/tcp_max_tw_buckets", "0"));
    err_drop(write_sysctl("/proc/sys/net/ipv4/tcp_syn_retries", "2"));
    return NULL;
}

static struct err *prepare_family(int route, int family, const char *ifname)
{
    struct port_rule in = {.family = family,
                           .priority = GATEWAY_PRIORITY_IN,
                           .table = GATEWAY_TABLE_IN,
                           .ip_proto = IPPROTO_TCP,
                           .ifname = ifname};
    struct port_rule out = {
        .family = family, .priority = GATEWAY_PRIORITY_OUT, .table = GATEWAY_TABLE_OUT, .mark = GATEWAY_MARK};
    TRY(port_route_local(route, family, GATEWAY_TABLE_IN, NULL, NULL, true));
    TRY(port_route_rule(route, &in, true));
    return port_route_rule(route, &out, true);
}

static struct err *prepare_routes(const struct slirp_config *c, struct netlink *nl, const char *ifname, unsigned index)
{
    AUTO_FD int route = -1;
    TRY(port_route_open(&route));
    if (c->prefix_len) {
        TRY(prepare_family(route, AF_INET, ifname));
        TRY(netlink_add_route(nl, index, AF_INET, GATEWAY_TABLE_OUT, &c->network, c->prefix_len));
    }
    if (!c->ipv6)
        return NULL;
    TRY(prepare_family(route, AF_INET6, ifname));
    TRY(netlink_add_address(nl, index, AF_INET6, neighbour_address, 64)); /* to ask for link addresses with */
    return netlink_add_route(nl, index, AF_INET6, GATEWAY_TABLE_OUT, &c->network6, c->prefix6_len);
}

/* --- sockets */

static bool set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static socklen_t loopback_of(int family, union slirp_addr *ret)
{
    *ret = (union slirp_addr){.sa.sa_family = (sa_family_t)family};
    if (family == AF_INET6) {
        ret->in6.sin6_addr = in6addr_loopback;
        return sizeof(ret->in6);
    }
    ret->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return sizeof(ret->in);
}

static struct err *open_listener(int family, int *ret)
{
    union slirp_addr a;
    const struct timeval wait = {.tv_sec = GATEWAY_WAIT_SEC};
    socklen_t len = loopback_of(family, &a);
    AUTO_FD int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool six = family == AF_INET6;
    if (fd < 0 || !set(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_TRANSPARENT : IP_TRANSPARENT, 1) ||
        !set(fd, SOL_SOCKET, SO_MARK, (int)GATEWAY_MARK) || !set(fd, SOL_SOCKET, SO_REUSEADDR, 1) ||
        !set(fd, IPPROTO_TCP, TCP_NODELAY, 1) || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0 ||
        bind(fd, &a.sa, len) < 0 || listen(fd, GATEWAY_BACKLOG) < 0)
        return ERR_SYS(errno, "make a transparent socket");
    pace_disable(fd);
    *ret = TAKE_FD(fd);
    return NULL;
}

static struct err *open_pair(struct gateway *g, enum gateway_family i)
{
    const struct timeval wait = {.tv_sec = GATEWAY_WAIT_SEC};
    int family = i == GATEWAY_IP6 ? AF_INET6 : AF_INET;
    TRY(open_listener(family, &g->listener[i]));
    g->connector[i] = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (g->connector[i] < 0 || setsockopt(g->connector[i], SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0)
        return ERR_SYS(errno, "make a socket");
    AUTO_FD int first = gateway_socket(g, family); /* does it work? */
    return first < 0 ? ERR_SYS(errno, "make sockets by accepting them") : NULL;
}

struct err *gateway_prepare(struct gateway *g, const struct slirp_config *config, struct netlink *nl,
                            const char *ifname, unsigned index)
{
    TRY(prepare_sysctls(ifname));
    TRY(netlink_set_loopback(nl));
    TRY(prepare_routes(config, nl, ifname, index));
    if (config->prefix_len)
        TRY(open_pair(g, GATEWAY_IP4));
    if (config->ipv6)
        TRY(open_pair(g, GATEWAY_IP6));
    g->on = true;
    return NULL;
}

static bool dissolve(int fd)
{
    const struct sockaddr none = {.sa_family = AF_UNSPEC};
    return connect(fd, &none, sizeof(none)) == 0;
}

int gateway_socket(const struct gateway *g, int family)
{
    enum gateway_family i = family == AF_INET6 ? GATEWAY_IP6 : GATEWAY_IP4;
    union slirp_addr a;
    socklen_t len = sizeof(a);
    if (g->listener[i] < 0) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    if (getsockname(g->listener[i], &a.sa, &len) < 0)
        return -1;
    int r = connect(g->connector[i], &a.sa, len);
    AUTO_FD int fd = r < 0 ? -1 : accept4(g->listener[i], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int errnum = errno;
    bool ok = fd >= 0 && dissolve(fd);
    (void)dissolve(g->connector[i]);
    if (ok)
        return TAKE_FD(fd);
    errno = errnum;
    return -1;
}

void gateway_close(struct gateway *g)
{
    for (int i = 0; i < GATEWAY_FAMILIES; i++) {
        g->listener[i] = fd_close(g->listener[i]);
        g->connector[i] = fd_close(g->connector[i]);
    }
    g->on = false;
}

/* --- which frames are to be seen */

#define STMT(op, value) ((struct sock_filter){.code = (op), .k = (value)})
#define JUMP(op, value, if_true, if_false) \
    ((struct sock_filter){.code = (op), .jt = (if_true), .jf = (if_false), .k = (value)})
#define FILTER_ALL 0x40000u
#define TCP_SYN_ACK 0x12u
#define TCP_SYN_ALONE 0x02u

/* Frames to other addresses than ours (the resolver's) are libslirp's, TCP too. Later fragments are the kernel's. */
struct err *gateway_filter(const struct gateway *g, int packet_fd)
{
    uint32_t high = (uint32_t)g->mac[0] << 24 | (uint32_t)g->mac[1] << 16 | (uint32_t)g->mac[2] << 8 | g->mac[3];
    uint32_t low = (uint32_t)g->mac[4] << 8 | g->mac[5];
    struct sock_filter code[] = {
        STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 0, 18),
        STMT(BPF_LD | BPF_H | BPF_ABS, 4),
        JUMP(BPF_JMP | BPF_JEQ | BPF_K, low, 0, 16),
        STMT(BPF_LD | BPF_H | BPF_ABS, 12),
        JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 7, 0),
        JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 13),
        STMT(BPF_LD | BPF_B | BPF_ABS, ETH_HLEN + 9),
        JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 11),
        STMT(BPF_LD | BPF_H | BPF_ABS, ETH_HLEN + 6),
        JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 8, 0),
        STMT(BPF_LDX | BPF_B | BPF_MSH, ETH_HLEN),
        JUMP(BPF_JMP | BPF_JA, 3, 0, 0), /* over IPv6 */
        STMT(BPF_LD | BPF_B | BPF_ABS, ETH_HLEN + 6),
        JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 5),
        STMT(BPF_LDX | BPF_W | BPF_IMM, 40),
        STMT(BPF_LD | BPF_B | BPF_IND, ETH_HLEN + 13),
        STMT(BPF_ALU | BPF_AND | BPF_K, TCP_SYN_ACK),
        JUMP(BPF_JMP | BPF_JEQ | BPF_K, TCP_SYN_ALONE, 1, 0),
        STMT(BPF_RET | BPF_K, 0),
        STMT(BPF_RET | BPF_K, FILTER_ALL),
    };
    const struct sock_fprog program = {.len = ARRAY_LEN(code), .filter = code};
    return setsockopt(packet_fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0
               ? ERR_SYS(errno, "filter frames")
               : NULL;
}
