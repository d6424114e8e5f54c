/* What the host's interfaces and routes use: a network of ours that overlapped would hide it from containers. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/mem.h"
#include "engine/network/internal.h"

#define ROUTES_MAX ((size_t)4 << 20)

static bool address_of(const struct sockaddr *sa, struct ip_addr *ret)
{
    *ret = (struct ip_addr){0};
    if (!sa || (sa->sa_family != AF_INET && sa->sa_family != AF_INET6))
        return false;
    ret->family = sa->sa_family;
    size_t at =
        sa->sa_family == AF_INET6 ? offsetof(struct sockaddr_in6, sin6_addr) : offsetof(struct sockaddr_in, sin_addr);
    memcpy(ret->b, (const char *)sa + at, sa->sa_family == AF_INET6 ? 16 : 4);
    return true;
}

static unsigned prefix_of(const struct ip_addr *mask)
{
    unsigned n = 0;
    while (n < (mask->family == AF_INET6 ? 128u : 32u) && (mask->b[n / 8] & (0x80u >> (n % 8))))
        n++;
    return n;
}

static bool is_link_local(const struct ip_addr *a)
{
    return a->family == AF_INET6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

static struct err *add_interfaces(struct network_taken *t)
{
    struct ifaddrs *all = NULL;
    struct err *e = NULL;
    if (getifaddrs(&all) < 0)
        return ERR_SYS(errno, "list the host's interfaces");
    for (const struct ifaddrs *i = all; i && !e; i = i->ifa_next) {
        struct ip_addr a, mask;
        if (!address_of(i->ifa_addr, &a) || !address_of(i->ifa_netmask, &mask) || is_link_local(&a))
            continue;
        struct subnet s = subnet_around(&a, prefix_of(&mask));
        e = network_taken_add(t, &s);
    }
    freeifaddrs(all);
    return e;
}

/* proc_net_route: Iface, Destination, Gateway, Flags, RefCnt, Use, Metric, Mask; addresses as the machine has them in
 * memory, in hexadecimal digits. The default route is everybody's. */
static struct err *add_routes(struct network_taken *t)
{
    AUTO_FREE char *text = NULL;
    struct err *e = file_read(AT_FDCWD, "/proc/net/route", ROUTES_MAX, &text, NULL);
    if (e) { /* an unusual /proc: then interfaces have to do */
        err_drop(e);
        return NULL;
    }
    for (const char *line = strchr(text, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
        unsigned destination, flags, mask;
        struct ip_addr a = {.family = AF_INET}, m = {.family = AF_INET};
        if (sscanf(line + 1, "%*s %8x %*x %4x %*d %*d %*d %8x", &destination, &flags, &mask) != 3 || !mask)
            continue;
        memcpy(a.b, &destination, 4);
        memcpy(m.b, &mask, 4);
        struct subnet s = subnet_around(&a, prefix_of(&m));
        TRY(network_taken_add(t, &s));
    }
    return NULL;
}

struct err *network_taken_by_host(struct network_taken *t)
{
    TRY(add_interfaces(t));
    return add_routes(t);
}
