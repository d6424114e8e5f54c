#include "slirp/port_route.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"

#define ROUTE_LOOPBACK_INDEX 1 /* lo is the first device of every namespace */
#define ROUTE_REPLY_MAX 4096

/* One request as it is put together. */
struct request {
    struct nlmsghdr header;
    union {
        struct fib_rule_hdr rule;
        struct rtmsg route;
    } body;
    char attributes[256];
};

_Static_assert(sizeof(struct fib_rule_hdr) == sizeof(struct rtmsg), "bodies of one length need no padding between");

static void request_init(struct request *r, uint16_t type, bool add)
{
    static uint32_t sequence;
    memset(r, 0, sizeof(*r));
    r->header.nlmsg_len = NLMSG_LENGTH(sizeof(r->body));
    r->header.nlmsg_type = type;
    r->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_EXCL : 0));
    r->header.nlmsg_seq = ++sequence;
}

/* There is room: requests have eight small attributes at most. */
static void put(struct request *r, unsigned short type, const void *data, size_t len)
{
    size_t at = NLMSG_ALIGN(r->header.nlmsg_len) - offsetof(struct request, attributes);
    struct rtattr a = {.rta_len = (unsigned short)RTA_LENGTH(len), .rta_type = type};
    if (at + RTA_SPACE(len) > sizeof(r->attributes))
        return;
    memcpy(r->attributes + at, &a, sizeof(a));
    memcpy(r->attributes + at + RTA_LENGTH(0), data, len);
    r->header.nlmsg_len = (uint32_t)(offsetof(struct request, attributes) + at + RTA_LENGTH(len));
}

static void put_u32(struct request *r, unsigned short type, uint32_t value)
{
    put(r, type, &value, sizeof(value));
}

static void put_address(struct request *r, unsigned short type, const union slirp_addr *a)
{
    if (a->sa.sa_family == AF_INET6)
        put(r, type, &a->in6.sin6_addr, sizeof(a->in6.sin6_addr));
    else
        put(r, type, &a->in.sin_addr, sizeof(a->in.sin_addr));
}

/* The kernel answers each request with an acknowledgement: errno, 0 for success. */
static struct err *exchange(int sock, const struct request *r, bool add, const char *what)
{
    union {
        struct nlmsghdr header;
        char bytes[ROUTE_REPLY_MAX];
    } reply;
    struct nlmsgerr ack;
    ssize_t n = send(sock, r, r->header.nlmsg_len, 0);
    if (n < 0)
        return ERR_SYS(errno, "%s", what);
    do {
        n = recv(sock, &reply, sizeof(reply), 0);
        if (n < 0 && errno != EINTR)
            return ERR_SYS(errno, "%s", what);
    } while (n < 0 || (n >= (ssize_t)sizeof(reply.header) && reply.header.nlmsg_seq != r->header.nlmsg_seq));
    if (n < (ssize_t)NLMSG_LENGTH(sizeof(ack)) || reply.header.nlmsg_type != NLMSG_ERROR)
        return ERR_NEW(ERR_INTERNAL, "%s: netlink gave no answer", what);
    memcpy(&ack, NLMSG_DATA(&reply.header), sizeof(ack));
    int errnum = -ack.error;
    if (!errnum || (add && errnum == EEXIST) || (!add && (errnum == ENOENT || errnum == ESRCH)))
        return NULL;
    return ERR_SYS(errnum, "%s", what);
}

struct err *port_route_open(int *ret)
{
    int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (sock < 0)
        return ERR_SYS(errno, "open netlink");
    *ret = sock;
    return NULL;
}

struct err *port_route_rule(int sock, const struct port_rule *rule, bool add)
{
    struct request r;
    const struct fib_rule_port_range range = {.start = rule->first, .end = rule->last};
    request_init(&r, add ? RTM_NEWRULE : RTM_DELRULE, add);
    r.body.rule.family = (uint8_t)rule->family;
    r.body.rule.action = FR_ACT_TO_TBL;
    put_u32(&r, FRA_PRIORITY, rule->priority);
    put_u32(&r, FRA_TABLE, rule->table);
    if (rule->mark) {
        put_u32(&r, FRA_FWMARK, rule->mark);
        put_u32(&r, FRA_FWMASK, UINT32_MAX);
    }
    if (rule->ifname)
        put(&r, FRA_IIFNAME, rule->ifname, strlen(rule->ifname) + 1);
    if (rule->ip_proto)
        put(&r, FRA_IP_PROTO, &rule->ip_proto, sizeof(rule->ip_proto));
    if (rule->first)
        put(&r, FRA_SPORT_RANGE, &range, sizeof(range));
    return exchange(sock, &r, add, "routing rule of the container");
}

struct err *port_route_local(int sock, int family, uint32_t table, const union slirp_addr *address,
                             const union slirp_addr *source, bool add)
{
    struct request r;
    request_init(&r, add ? RTM_NEWROUTE : RTM_DELROUTE, add);
    r.body.route.rtm_family = (uint8_t)family;
    r.body.route.rtm_dst_len = !address ? 0 : family == AF_INET6 ? 128 : 32;
    r.body.route.rtm_table = RT_TABLE_UNSPEC; /* the attribute counts */
    r.body.route.rtm_protocol = RTPROT_STATIC;
    r.body.route.rtm_scope = family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_HOST;
    r.body.route.rtm_type = RTN_LOCAL;
    put_u32(&r, RTA_TABLE, table);
    put_u32(&r, RTA_OIF, ROUTE_LOOPBACK_INDEX);
    if (address)
        put_address(&r, RTA_DST, address);
    if (source)
        put_address(&r, RTA_PREFSRC, source);
    return exchange(sock, &r, add, "route of the container");
}
