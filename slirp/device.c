#include "slirp/device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "slirp/netlink.h"

#define DEVICE_TUN "/dev/net/tun"
#define DEVICE_BUSY_TRIES 100 /* of 10 ms: a process that was killed gives its tap back when it has died entirely */
#define DEVICE_OFFLOADS (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)
#define DEVICE_INNER_VETH "veth0" /* name of our end, which nobody sees */
/* Not what the other end has in its namespace: of a pair with equal numbers Linux (net/core/link_watch.c) tells up to a
 * second late that it is connected, and as long a bridge forwards nothing. */
#define DEVICE_INNER_INDEX 1000
#define DEVICE_SOCKET_BUF (4 << 20) /* what the kernel grants of it */

/* The container's interface may be gone with its namespace; anything else is about one frame. */
static bool device_is_gone(int errnum)
{
    return errnum == EBADFD || errnum == ENETDOWN || errnum == ENXIO || errnum == ENODEV || errnum == EBADF;
}

ssize_t device_read(const struct device *d, void *buf, size_t cap)
{
    ssize_t n = read(d->fd, buf, cap);
    if (n >= 0)
        return n;
    return device_is_gone(errno) && d->kind == DEVICE_TAP ? -errno : 0;
}

int device_write(const struct device *d, const void *frame, size_t len, bool checked)
{
    struct virtio_net_hdr hdr = {.flags = checked ? VIRTIO_NET_HDR_F_DATA_VALID : 0};
    struct iovec iov[2] = {{.iov_base = &hdr, .iov_len = sizeof(hdr)},
                           {.iov_base = (void *)(uintptr_t)frame, .iov_len = len}}; /* writev does not write there */
    ssize_t n = writev(d->fd, iov, 2);
    return n < 0 && device_is_gone(errno) && d->kind == DEVICE_TAP ? -errno : 0;
}

/* ENOENT, EACCES, EPERM, ENODEV … : there is no tun for us. */
static int device_open_tap(const char *ifname, int *ret)
{
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    AUTO_FD int fd = open(DEVICE_TUN, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno;
    (void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
    int r = ioctl(fd, TUNSETIFF, &ifr);
    for (int i = 0; r < 0 && errno == EBUSY && i < DEVICE_BUSY_TRIES; i++) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        r = ioctl(fd, TUNSETIFF, &ifr);
    }
    if (r < 0)
        return errno;
    /* Checksums and segmentation of what the container sends are then up to us (frame.c). Failing, nothing changes. */
    if (ioctl(fd, TUNSETOFFLOAD, DEVICE_OFFLOADS) < 0)
        log_debug("the tap device has no offloads");
    *ret = TAKE_FD(fd);
    return 0;
}

static struct err *device_socket(int *ret)
{
    int one = 1, size = DEVICE_SOCKET_BUF;
    AUTO_FD int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return ERR_SYS(errno, "make a packet socket");
    if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) < 0)
        return ERR_SYS(errno, "prepare a packet socket");
    /* Linux 4.20; without it our own frames come back, and libslirp drops what is not for it. */
    (void)setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    *ret = TAKE_FD(fd);
    return NULL;
}

/* A predecessor that was killed leaves its pair to the kernel, which needs a moment. */
static struct err *device_add_veth(struct netlink *nl, const char *ifname, int netns_fd)
{
    const struct netlink_veth veth = {
        .name = DEVICE_INNER_VETH, .peer = ifname, .peer_netns = netns_fd, .index = DEVICE_INNER_INDEX};
    struct err *e = netlink_add_veth(nl, &veth);
    for (int i = 0; e && err_errno(e) == EEXIST && i < DEVICE_BUSY_TRIES; i++) {
        err_drop(e);
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        e = netlink_add_veth(nl, &veth);
    }
    return e;
}

static struct err *device_attach_veth(struct device *d, const struct slirp_config *config, struct netlink *nl,
                                      bool gateway)
{
    AUTO_FD int fd = -1;
    unsigned index = if_nametoindex(DEVICE_INNER_VETH);
    const struct netlink_link link = {
        .mtu = config->mtu, .mac = gateway ? d->gateway.mac : NULL, .up = true, .no_ipv6 = true};
    struct sockaddr_ll addr = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)index};
    gateway_choose_mac(&d->gateway, config);
    TRY(netlink_set_link(nl, index, &link));
    TRY(device_socket(&fd));
    if (gateway) {
        TRY(gateway_prepare(&d->gateway, config, nl, DEVICE_INNER_VETH, index));
        TRY(gateway_filter(&d->gateway, fd));
    }
    if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
        return ERR_SYS(errno, "bind a packet socket");
    d->fd = TAKE_FD(fd);
    return NULL;
}

/* Our end is in a namespace of its own, which lives as long as the sockets: the container sees its end alone. */
static struct err *device_make_veth(struct device *d, const struct slirp_config *config, int netns_fd, bool gateway)
{
    AUTO_NETLINK struct netlink nl = {.sock = NULL};
    TRY(netlink_open(&nl));
    TRY(device_add_veth(&nl, config->ifname, netns_fd));
    struct err *e = device_attach_veth(d, config, &nl, gateway);
    if (!e)
        return NULL;
    gateway_close(&d->gateway);
    err_drop(netlink_remove(&nl, if_nametoindex(DEVICE_INNER_VETH))); /* so that the name is free at once */
    return e;
}

static struct err *device_open_veth(struct device *d, const struct slirp_config *config, int netns_fd, bool gateway)
{
    if (unshare(CLONE_NEWNET) < 0)
        return ERR_SYS(errno, "make a network namespace for our end of a veth pair");
    struct err *e = device_make_veth(d, config, netns_fd, gateway);
    if (setns(netns_fd, CLONE_NEWNET) < 0 && !e) {
        device_close(d);
        return ERR_SYS(errno, "return to the network namespace");
    }
    if (!e)
        d->kind = DEVICE_VETH;
    return e;
}

static struct err *device_configure6(const struct slirp_config *c, struct netlink *nl, unsigned index,
                                     const struct gateway *g)
{
    TRY(netlink_add_address(nl, index, AF_INET6, &c->guest6, c->prefix6_len));
    if (g->on)
        TRY(netlink_add_neighbour(nl, index, AF_INET6, &c->gateway6, g->mac));
    return netlink_add_default_route(nl, index, AF_INET6, &c->gateway6, 0);
}

static struct err *device_configure(const struct slirp_config *c, const struct gateway *g)
{
    AUTO_NETLINK struct netlink nl = {.sock = NULL};
    unsigned index = if_nametoindex(c->ifname);
    TRY(netlink_open(&nl));
    TRY(netlink_set_loopback(&nl));
    const struct netlink_link link = {
        .mtu = c->mtu, .mac = c->mac_set ? c->mac : NULL, .up = true, .no_ipv6 = !c->ipv6};
    TRY(netlink_set_link(&nl, index, &link));
    TRY(netlink_add_address(&nl, index, AF_INET, &c->guest, c->prefix_len));
    if (g->on)
        TRY(netlink_add_neighbour(&nl, index, AF_INET, &c->gateway, g->mac));
    TRY(netlink_add_default_route(&nl, index, AF_INET, &c->gateway, 0));
    return c->ipv6 ? device_configure6(c, &nl, index, g) : NULL;
}

/* What the process that had a bridge's uplink before has left is in nobody's way: its namespace, which the kernel takes
 * down when it has time, can do without. */
static void device_remove_uplink(const struct slirp_config *config)
{
    AUTO_NETLINK struct netlink nl = {.sock = NULL};
    unsigned index = if_nametoindex(config->ifname);
    if (!index)
        return;
    struct err *e = netlink_open(&nl);
    err_drop(e ? e : netlink_remove(&nl, index));
}

/* A gateway needs the link addresses of its neighbours to be as it says, so the interface has to be ours to configure,
 * or a bridge's uplink, whose other ports are (hub_link.c). */
static bool device_try_gateway(struct device *d, const struct slirp_config *config, int netns_fd)
{
    if (config->no_gateway || config->internal || (!config->configure && !config->bridge))
        return false;
    if (config->bridge)
        device_remove_uplink(config);
    AUTO_ERR struct err *e = device_open_veth(d, config, netns_fd, true);
    if (e)
        log_debug("no gateway (%s): TCP goes through libslirp", err_text(e));
    return !e;
}

static struct err *device_make(struct device *d, const struct slirp_config *config, int netns_fd)
{
    if (device_try_gateway(d, config, netns_fd))
        return NULL;
    int tun = config->no_tun ? ENOENT : device_open_tap(config->ifname, &d->fd);
    if (tun == EBUSY || tun == EINVAL)
        return ERR_SYS(tun, "make the interface %s", config->ifname);
    if (!tun)
        return NULL;
    log_debug("no tap device (%s), trying veth", strerror(tun));
    AUTO_ERR struct err *why = device_open_veth(d, config, netns_fd, false);
    return why ? ERR_SYS_AS(ERR_UNSUPPORTED, tun,
                            "no network is possible here: %s; and %s cannot be used (modprobe tun); "
                            "--network host and --network none work without",
                            err_text(why), DEVICE_TUN)
               : NULL;
}

struct err *device_open(const struct slirp_config *config, int netns_fd, struct device *ret)
{
    struct device d = DEVICE_INIT;
    TRY(device_make(&d, config, netns_fd));
    struct err *e = config->configure ? device_configure(config, &d.gateway) : NULL;
    if (e) {
        device_close(&d);
        return ERR_WRAP(e, "network interface %s", config->ifname);
    }
    *ret = d;
    return NULL;
}

void device_close(struct device *d)
{
    d->fd = fd_close(d->fd);
    gateway_close(&d->gateway);
}
