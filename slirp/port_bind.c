#include "slirp/port_bind.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"

#define BIND_BACKLOG 4096 /* the kernel takes the lesser of this and net.core.somaxconn */
#define BIND_UNPRIVILEGED "/proc/sys/net/ipv4/ip_unprivileged_port_start"

struct port_text port_bind_text(const union slirp_addr *a)
{
    struct port_text t = {""};
    char ip[INET6_ADDRSTRLEN] = "?";
    bool six = a->sa.sa_family == AF_INET6;
    (void)inet_ntop(a->sa.sa_family, six ? (const void *)&a->in6.sin6_addr : (const void *)&a->in.sin_addr, ip,
                    sizeof(ip));
    (void)snprintf(t.s, sizeof(t.s), six ? "[%s]:%u" : "%s:%u", ip, (unsigned)ntohs(a->in.sin_port));
    return t;
}

/* 0: unknown. */
static uint64_t unprivileged_start(void)
{
    AUTO_FREE char *text = NULL;
    uint64_t n = 0;
    struct err *e = file_read(AT_FDCWD, BIND_UNPRIVILEGED, 16, &text, NULL);
    if (!e) {
        text[strcspn(text, "\n")] = '\0';
        e = number_parse_u64(text, 65536, &n);
    }
    err_drop(e);
    return n;
}

/* As Podman words it; the address is the one that users wrote. */
static struct err *bind_error(const struct slirp_port *p, bool dual, int errnum)
{
    union slirp_addr shown = p->host;
    if (dual)
        shown.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = p->host.in.sin_port};
    const char *proto = p->proto == SLIRP_UDP ? "udp" : "tcp";
    const struct port_text text = port_bind_text(&shown);
    unsigned number = ntohs(p->host.in.sin_port);
    if (errnum == EADDRINUSE)
        return ERR_NEW(ERR_IN_USE, "listen %s %s: bind: address already in use", proto, text.s);
    if (errnum == EACCES)
        return ERR_NEW(ERR_DENIED,
                       "cannot expose privileged port %u, you can add 'net.ipv4.ip_unprivileged_port_start=%u' to "
                       "/etc/sysctl.conf (currently %u), or choose a larger port number (>= %u): listen %s %s: bind: "
                       "permission denied",
                       number, number, (unsigned)unprivileged_start(), (unsigned)unprivileged_start(), proto, text.s);
    if (errnum == EADDRNOTAVAIL)
        return ERR_NEW(ERR_INVALID, "listen %s %s: bind: cannot assign requested address", proto, text.s);
    return ERR_SYS(errnum, "listen %s %s", proto, text.s);
}

static bool set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

/* 0 or the errno. What a listening socket is set to, accepted ones inherit (TCP_NODELAY). */
static int open_bound(struct slirp_port *p, bool dual, int *ret)
{
    bool six = p->host.sa.sa_family == AF_INET6, udp = p->proto == SLIRP_UDP;
    socklen_t len = six ? sizeof(p->host.in6) : sizeof(p->host.in);
    AUTO_FD int fd = socket(p->host.sa.sa_family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    if (six && !set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !dual))
        return errno;
    if (!udp && (!set(fd, SOL_SOCKET, SO_REUSEADDR, 1) || !set(fd, IPPROTO_TCP, TCP_NODELAY, 1)))
        return errno;
    if (bind(fd, &p->host.sa, len) < 0 || (!udp && listen(fd, BIND_BACKLOG) < 0) ||
        getsockname(fd, &p->host.sa, &len) < 0)
        return errno;
    *ret = TAKE_FD(fd);
    return 0;
}

struct err *port_bind(struct slirp_port *port, bool dual, int *ret)
{
    bool wildcard = port->host.sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&port->host.in6.sin6_addr);
    dual = dual && wildcard;
    int errnum = open_bound(port, dual, ret);
    if (dual && (errnum == EAFNOSUPPORT || errnum == EADDRNOTAVAIL)) { /* a host without IPv6 */
        port->host.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port->host.in.sin_port};
        errnum = open_bound(port, false, ret);
    }
    return errnum ? bind_error(port, dual, errnum) : NULL;
}
