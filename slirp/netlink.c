#include "slirp/netlink.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include "base/fd.h"

#define NETLINK_BUF 2048       /* our requests are below 300 bytes; the answer is one acknowledgement */
#define NETLINK_LINK_BUF 16384 /* all that the kernel tells of one interface */
#define NETLINK_LO 1           /* lo is the first device of every namespace */

struct err *netlink_open(struct netlink *ret)
{
    struct mnl_socket *sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!sock)
        return ERR_SYS(errno, "open a netlink socket");
    if (mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0) {
        struct err *e = ERR_SYS(errno, "bind a netlink socket");
        (void)mnl_socket_close(sock);
        return e;
    }
    *ret = (struct netlink){.sock = sock, .portid = mnl_socket_get_portid(sock)};
    return NULL;
}

struct err *netlink_adopt(int take_fd, struct netlink *ret)
{
    struct mnl_socket *sock = mnl_socket_fdopen(take_fd);
    if (!sock) {
        struct err *e = ERR_SYS(errno, "use a netlink socket");
        (void)fd_close(take_fd);
        return e;
    }
    *ret = (struct netlink){.sock = sock}; /* bound by its first message: no answer can be meant for another */
    return NULL;
}

void netlink_close(struct netlink *nl)
{
    if (nl->sock)
        (void)mnl_socket_close(nl->sock);
    nl->sock = NULL;
}

static struct nlmsghdr *netlink_request(struct netlink *nl, char *buf, uint16_t type, uint16_t flags)
{
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    nlh->nlmsg_type = type;
    nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    nlh->nlmsg_seq = ++nl->seq;
    return nlh;
}

/* Send, and wait for the acknowledgement; 0 or a positive errno. What comes before it goes to `fn`. */
static int netlink_ask(struct netlink *nl, const struct nlmsghdr *nlh, char *buf, size_t cap, mnl_cb_t fn, void *arg)
{
    if (mnl_socket_sendto(nl->sock, nlh, nlh->nlmsg_len) < 0)
        return errno;
    for (;;) {
        ssize_t n = mnl_socket_recvfrom(nl->sock, buf, cap);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != ENOSPC) /* a longer answer than ours can be: extended acknowledgements are off */
            return errno;
        int r = n < 0 ? MNL_CB_OK : mnl_cb_run(buf, (size_t)n, nl->seq, nl->portid, fn, arg);
        if (r == MNL_CB_ERROR)
            return errno;
        if (r == MNL_CB_STOP)
            return 0;
    }
}

static int netlink_talk(struct netlink *nl, const struct nlmsghdr *nlh)
{
    char buf[NETLINK_BUF];
    return netlink_ask(nl, nlh, buf, sizeof(buf), NULL, NULL);
}

/* Before the interface comes up, which is when the kernel gives it a link-local address. A kernel without IPv6 refuses,
 * and then there is nothing to be prevented. */
static void netlink_set_no_ipv6(struct netlink *nl, unsigned index)
{
    char buf[NETLINK_BUF];
    struct nlmsghdr *nlh = netlink_request(nl, buf, RTM_NEWLINK, 0);
    struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
    ifi->ifi_index = (int)index;
    struct nlattr *spec = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
    struct nlattr *inet6 = mnl_attr_nest_start(nlh, AF_INET6);
    mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    mnl_attr_nest_end(nlh, inet6);
    mnl_attr_nest_end(nlh, spec);
    (void)netlink_talk(nl, nlh);
}

struct err *netlink_set_link(struct netlink *nl, unsigned index, const struct netlink_link *link)
{
    char buf[NETLINK_BUF];
    if (link->no_ipv6)
        netlink_set_no_ipv6(nl, index);
    struct nlmsghdr *nlh = netlink_request(nl, buf, RTM_NEWLINK, 0);
    struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
    ifi->ifi_index = (int)index;
    ifi->ifi_change = link->up ? IFF_UP : 0;
    ifi->ifi_flags = link->up ? IFF_UP : 0;
    if (link->mtu)
        mnl_attr_put_u32(nlh, IFLA_MTU, link->mtu);
    if (link->mac)
        mnl_attr_put(nlh, IFLA_ADDRESS, 6, link->mac);
    if (link->master)
        mnl_attr_put_u32(nlh, IFLA_MASTER, link->master);
    int errnum = netlink_talk(nl, nlh);
    return errnum ? ERR_SYS(errnum, "configure network interface %u", index) : NULL;
}

struct err *netlink_set_loopback(struct netlink *nl)
{
    return netlink_set_link(nl, NETLINK_LO, &(struct netlink_link){.up = true});
}

static size_t netlink_addr_len(int family)
{
    return family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

struct err *netlink_add_address(struct netlink *nl, unsigned index, int family, const void *addr, unsigned bits)
{
    char buf[NETLINK_BUF];
    struct nlmsghdr *nlh = netlink_request(nl, buf, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
    struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
    ifa->ifa_family = (uint8_t)family;
    ifa->ifa_prefixlen = (uint8_t)bits;
    ifa->ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0;
    ifa->ifa_scope = RT_SCOPE_UNIVERSE;
    ifa->ifa_index = index;
    mnl_attr_put(nlh, IFA_LOCAL, netlink_addr_len(family), addr);
    mnl_attr_put(nlh, IFA_ADDRESS, netlink_addr_len(family), addr);
    if (family == AF_INET) {
        /* Broadcast as everybody's tools set it; the kernel has no default for netlink. */
        struct in_addr broadcast;
        memcpy(&broadcast, addr, sizeof(broadcast));
        broadcast.s_addr |= bits < 32 ? htonl(~0u >> bits) : 0;
        mnl_attr_put(nlh, IFA_BROADCAST, sizeof(broadcast), &broadcast);
    }
    int errnum = netlink_talk(nl, nlh);
    if (errnum && errnum != EEXIST)
        return ERR_SYS(errnum, "add an IPv%c address", family == AF_INET ? '4' : '6');
    return NULL;
}

/* The beginning of a route through an interface: to everywhere, in the main table. */
static struct nlmsghdr *netlink_new_route(struct netlink *nl, char *buf, unsigned index, int family,
                                          struct rtmsg **ret_rtm)
{
    struct nlmsghdr *nlh = netlink_request(nl, buf, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
    struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
    rtm->rtm_family = (uint8_t)family;
    rtm->rtm_table = RT_TABLE_MAIN;
    rtm->rtm_protocol = RTPROT_BOOT;
    rtm->rtm_scope = RT_SCOPE_UNIVERSE;
    rtm->rtm_type = RTN_UNICAST;
    mnl_attr_put_u32(nlh, RTA_OIF, index);
    *ret_rtm = rtm;
    return nlh;
}

struct err *netlink_add_route_via(struct netlink *nl, unsigned index, const struct netlink_via *via)
{
    char buf[NETLINK_BUF];
    struct rtmsg *rtm;
    struct nlmsghdr *nlh = netlink_new_route(nl, buf, index, via->family, &rtm);
    rtm->rtm_dst_len = (uint8_t)via->bits;
    if (via->bits)
        mnl_attr_put(nlh, RTA_DST, netlink_addr_len(via->family), via->to);
    mnl_attr_put(nlh, RTA_GATEWAY, netlink_addr_len(via->family), via->gateway);
    if (via->metric)
        mnl_attr_put_u32(nlh, RTA_PRIORITY, via->metric);
    int errnum = netlink_talk(nl, nlh);
    return errnum ? ERR_SYS(errnum, "add the IPv%c %sroute", via->family == AF_INET ? '4' : '6',
                            via->bits ? "" : "default ")
                  : NULL;
}

struct err *netlink_add_default_route(struct netlink *nl, unsigned index, int family, const void *gateway,
                                      uint32_t metric)
{
    const struct netlink_via via = {.family = family, .gateway = gateway, .metric = metric};
    return netlink_add_route_via(nl, index, &via);
}

struct err *netlink_add_route(struct netlink *nl, unsigned index, int family, uint32_t table, const void *addr,
                              unsigned bits)
{
    char buf[NETLINK_BUF];
    struct rtmsg *rtm;
    struct nlmsghdr *nlh = netlink_new_route(nl, buf, index, family, &rtm);
    rtm->rtm_dst_len = (uint8_t)bits;
    rtm->rtm_scope = family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    if (table)
        mnl_attr_put_u32(nlh, RTA_TABLE, table);
    mnl_attr_put(nlh, RTA_DST, netlink_addr_len(family), addr);
    int errnum = netlink_talk(nl, nlh);
    return errnum ? ERR_SYS(errnum, "add an IPv%c route", family == AF_INET ? '4' : '6') : NULL;
}

struct err *netlink_add_neighbour(struct netlink *nl, unsigned index, int family, const void *addr,
                                  const uint8_t mac[6])
{
    char buf[NETLINK_BUF];
    struct nlmsghdr *nlh = netlink_request(nl, buf, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
    struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));
    ndm->ndm_family = (uint8_t)family;
    ndm->ndm_state = NUD_PERMANENT;
    ndm->ndm_ifindex = (int)index;
    mnl_attr_put(nlh, NDA_DST, netlink_addr_len(family), addr);
    mnl_attr_put(nlh, NDA_LLADDR, 6, mac);
    int errnum = netlink_talk(nl, nlh);
    return errnum ? ERR_SYS(errnum, "add an IPv%c neighbour", family == AF_INET ? '4' : '6') : NULL;
}

static void netlink_put_peer(struct nlmsghdr *nlh, const struct netlink_veth *v)
{
    struct nlattr *data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
    struct nlattr *other = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
    (void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(nlh, IFLA_IFNAME, v->peer);
    mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)v->peer_netns);
    if (v->mtu)
        mnl_attr_put_u32(nlh, IFLA_MTU, v->mtu);
    if (v->mac)
        mnl_attr_put(nlh, IFLA_ADDRESS, 6, v->mac);
    mnl_attr_nest_end(nlh, other);
    mnl_attr_nest_end(nlh, data);
}

/* The beginning of a new interface of a kind, up to its IFLA_LINKINFO, which is *ret_info. */
static struct nlmsghdr *netlink_new_link(struct netlink *nl, char *buf, const char *name, const char *kind,
                                         uint32_t mtu, unsigned master, struct nlattr **ret_info)
{
    struct nlmsghdr *nlh = netlink_request(nl, buf, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    (void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
    if (mtu)
        mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
    if (master)
        mnl_attr_put_u32(nlh, IFLA_MASTER, master);
    *ret_info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
    mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind);
    return nlh;
}

struct err *netlink_add_veth(struct netlink *nl, const struct netlink_veth *v)
{
    char buf[NETLINK_BUF];
    struct nlattr *info;
    struct nlmsghdr *nlh = netlink_new_link(nl, buf, v->name, "veth", v->mtu, v->master, &info);
    struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
    ifi->ifi_index = (int)v->index;
    netlink_put_peer(nlh, v);
    mnl_attr_nest_end(nlh, info);
    int errnum = netlink_talk(nl, nlh);
    if (errnum == EOPNOTSUPP)
        return ERR_SYS_AS(ERR_UNSUPPORTED, errnum, "the kernel has no veth devices (module veth)");
    if (errnum == EEXIST)
        return ERR_SYS_AS(ERR_EXISTS, errnum, "there is an interface %s already", v->peer);
    return errnum ? ERR_SYS(errnum, "make a veth pair with %s", v->peer) : NULL;
}

struct err *netlink_add_bridge(struct netlink *nl, const char *name, uint32_t mtu, uint16_t vlan)
{
    char buf[NETLINK_BUF];
    struct nlattr *info;
    struct nlmsghdr *nlh = netlink_new_link(nl, buf, name, "bridge", mtu, 0, &info);
    struct nlattr *data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
    /* Nobody sends the queries without which a bridge that snoops forgets who listens, IPv6's neighbours included. */
    mnl_attr_put_u8(nlh, IFLA_BR_MCAST_SNOOPING, 0);
    if (vlan) { /* that of every port, and of what comes from one without a tag */
        mnl_attr_put_u8(nlh, IFLA_BR_VLAN_FILTERING, 1);
        mnl_attr_put_u16(nlh, IFLA_BR_VLAN_DEFAULT_PVID, vlan);
    }
    mnl_attr_nest_end(nlh, data);
    mnl_attr_nest_end(nlh, info);
    int errnum = netlink_talk(nl, nlh);
    if (errnum == EOPNOTSUPP)
        return ERR_SYS_AS(ERR_UNSUPPORTED, errnum, "the kernel has no bridges%s",
                          vlan ? " with VLANs (CONFIG_BRIDGE_VLAN_FILTERING)" : " (module bridge)");
    return errnum ? ERR_SYS(errnum, "make the bridge of a network") : NULL;
}

static int netlink_on_attribute(const struct nlattr *attr, void *arg)
{
    struct netlink_found *f = arg;
    if (mnl_attr_get_type(attr) == IFLA_LINK && mnl_attr_get_payload_len(attr) == sizeof(uint32_t))
        f->peer = mnl_attr_get_u32(attr);
    if (mnl_attr_get_type(attr) == IFLA_ADDRESS && mnl_attr_get_payload_len(attr) == sizeof(f->mac))
        memcpy(f->mac, mnl_attr_get_payload(attr), sizeof(f->mac));
    return MNL_CB_OK;
}

static int netlink_on_link(const struct nlmsghdr *nlh, void *arg)
{
    struct netlink_found *f = arg;
    const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
    if (nlh->nlmsg_type != RTM_NEWLINK)
        return MNL_CB_OK;
    f->index = (unsigned)ifi->ifi_index;
    return mnl_attr_parse(nlh, sizeof(*ifi), netlink_on_attribute, f);
}

struct err *netlink_find(struct netlink *nl, const char *name, struct netlink_found *ret)
{
    char buf[NETLINK_BUF], answer[NETLINK_LINK_BUF];
    struct netlink_found found = {0};
    struct nlmsghdr *nlh = netlink_request(nl, buf, RTM_GETLINK, 0);
    (void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
    mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    int errnum = netlink_ask(nl, nlh, answer, sizeof(answer), netlink_on_link, &found);
    if (errnum && errnum != ENODEV)
        return ERR_SYS(errnum, "look for interface %s", name);
    *ret = errnum ? (struct netlink_found){0} : found;
    return NULL;
}

struct err *netlink_remove(struct netlink *nl, unsigned index)
{
    char buf[NETLINK_BUF];
    struct nlmsghdr *nlh = netlink_request(nl, buf, RTM_DELLINK, 0);
    struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
    ifi->ifi_index = (int)index;
    int errnum = netlink_talk(nl, nlh);
    return errnum && errnum != ENODEV ? ERR_SYS(errnum, "remove network interface %u", index) : NULL;
}
