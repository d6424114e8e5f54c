/* The network of a container's own: what its monitor is told of it, and what is published. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/container/internal.h"
#include "engine/container/start.h"
#include "engine/engine.h"
#include "engine/monitor/protocol.h"
#include "engine/network/publish.h"

bool container_has_network(const struct container_spec *s)
{
    return s->network.mode == NS_DEFAULT || s->network.mode == NS_PRIVATE || s->network.mode == NS_BRIDGE;
}

struct err *container_network_options(const struct container_spec *s, struct network_options *ret)
{
    return network_options_parse(s->network.arg, s->ip, s->ip6, s->mac_address, ret);
}

/* --- addresses of this host */

/* An address as it is, or the first of an interface. */
static struct err *resolve_outbound(const char *text, int family, void *ret)
{
    struct ifaddrs *all = NULL;
    bool found = false;
    if (inet_pton(family, text, ret) == 1)
        return NULL;
    if (getifaddrs(&all) < 0)
        return ERR_SYS(errno, "list the host's interfaces");
    for (const struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
        if (strcmp(i->ifa_name, text) != 0 || !i->ifa_addr || i->ifa_addr->sa_family != family)
            continue;
        union slirp_addr a;
        found = true;
        memcpy(&a, i->ifa_addr, family == AF_INET6 ? sizeof(a.in6) : sizeof(a.in));
        if (family == AF_INET6)
            memcpy(ret, &a.in6.sin6_addr, sizeof(a.in6.sin6_addr));
        else
            memcpy(ret, &a.in.sin_addr, sizeof(a.in.sin_addr));
    }
    freeifaddrs(all);
    if (found)
        return NULL;
    return ERR_NEW(ERR_INVALID, "outbound_addr%s: the host has no interface or %s address \"%s\"",
                   family == AF_INET6 ? "6" : "", family == AF_INET6 ? "IPv6" : "IPv4", text);
}

/* The address that this host has for the rest of the world: no packet is sent for it. */
bool container_host_address(char ret[INET_ADDRSTRLEN])
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0xc6336401)};
    socklen_t len = sizeof(a); /* 198.51.100.1, for documentation (RFC 5737) */
    AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const struct sockaddr *sa = (const struct sockaddr *)&a;
    if (fd < 0 || connect(fd, sa, len) < 0 || getsockname(fd, (struct sockaddr *)&a, &len) < 0)
        return false;
    return ntohl(a.sin_addr.s_addr) >> 24 != 127 && inet_ntop(AF_INET, &a.sin_addr, ret, INET_ADDRSTRLEN) != NULL;
}

/* --- what the monitor is told */

struct err *container_network_plan(const struct container_spec *spec, struct network_options *ret_options,
                                   struct monitor_network *ret)
{
    struct slirp_config *c = &ret_options->config;
    TRY(container_network_options(spec, ret_options));
    if (ret_options->outbound)
        TRY(resolve_outbound(ret_options->outbound, AF_INET, &c->outbound));
    if (ret_options->outbound6)
        TRY(resolve_outbound(ret_options->outbound6, AF_INET6, &c->outbound6));
    *ret = (struct monitor_network){.config = *c, .hostfwd = ret_options->ports == NETWORK_PORTS_SLIRP};
    return NULL;
}

/* As the kernel wants it in /proc/PID/uid_map. */
static struct err *map_text(const struct idmap *m, struct strbuf *sb)
{
    for (size_t i = 0; i < m->count; i++)
        TRY(strbuf_printf(sb, "%u %u %u\n", m->ranges[i].ct, m->ranges[i].host, m->ranges[i].count));
    return NULL;
}

static struct err *settle_ports(struct start *s)
{
    AUTO_PUBLISH struct publish_list list = {0};
    TRY(publish_parse_all(&s->c->spec.publish, &list));
    if (!list.count)
        return NULL;
    s->publish = mem_zalloc(list.count * sizeof(*s->publish));
    if (!s->publish)
        return err_oom();
    for (size_t i = 0; i < list.count; i++) {
        TRY(publish_address(&list.items[i], &s->publish[i].first));
        s->publish[i].count = list.items[i].count;
    }
    s->n_publish = list.count;
    return NULL;
}

/* A network belongs to a user namespace: the other container's, which runs then … */
static struct err *open_userns(struct start *s)
{
    char path[48];
    pid_t pid = 0;
    TRY(start_other(s, s->c->spec.userns.arg, &pid));
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYS(errno, "open the user namespace of container %s", s->c->spec.userns.arg);
    s->userns_fd = fd;
    return NULL;
}

/* … or one of its own: the monitor makes that, too. */
static struct err *describe_userns(struct start *s)
{
    AUTO_STRBUF struct strbuf uids = STRBUF_INIT, gids = STRBUF_INIT;
    TRY(map_text(&s->ct_uids, &uids));
    TRY(map_text(&s->ct_gids, &gids));
    TRY(start_keep(s, &s->uid_map, "%s", strbuf_str(&uids)));
    TRY(start_keep(s, &s->gid_map, "%s", strbuf_str(&gids)));
    return start_keep(s, &s->facts.user_ns, "%s/" MONITOR_USERNS, engine_run_dir(s->e));
}

struct err *start_settle_network(struct start *s)
{
    bool named = s->c->spec.network.mode == NS_BRIDGE;
    AUTO_STRV struct strv names = STRV_INIT;
    if (named)
        TRY(network_names_of(s->e, s->c->id, &names));
    s->plan.network = named ? names.count > 0 : container_has_network(&s->c->spec);
    if (!s->plan.network)
        return NULL;
    if (!named)
        TRY(container_network_plan(&s->c->spec, &s->network, &s->network_head));
    TRY(settle_ports(s));
    if (s->own_userns)
        TRY(s->facts.joins_userns ? open_userns(s) : describe_userns(s));
    s->facts.owns_network_ns = true;
    return start_keep(s, &s->facts.network_ns, "%s/" MONITOR_NETNS, engine_run_dir(s->e));
}

/* --- why a port could not be had */

static bool overlaps(const struct publish *a, const struct publish *b)
{
    return a->proto == b->proto && a->host_port < b->host_port + b->count && b->host_port < a->host_port + a->count &&
           (!a->host_ip[0] || !b->host_ip[0] || strcmp(a->host_ip, b->host_ip) == 0);
}

static struct err *find_overlap(const struct publish_list *mine, const struct container *other, bool *ret)
{
    AUTO_PUBLISH struct publish_list its = {0};
    *ret = false;
    if (!container_has_network(&other->spec))
        return NULL;
    TRY(publish_parse_all(&other->spec.publish, &its));
    for (size_t i = 0; i < mine->count; i++)
        for (size_t j = 0; j < its.count && !*ret; j++)
            *ret = overlaps(&mine->items[i], &its.items[j]);
    return NULL;
}

/* The running container that has one of these ports; NULL: none of ours. */
static struct err *find_owner(struct engine *e, const struct container *c, const struct publish_list *mine, char **ret)
{
    const struct container_list_opts opts = {.with_spec = true};
    struct container **all = NULL;
    size_t count = 0;
    TRY(container_list(e, &opts, &all, &count));
    struct err *err = NULL;
    for (size_t i = 0; !err && !*ret && i < count; i++) {
        bool found = false;
        if (strcmp(all[i]->id, c->id) == 0)
            continue;
        err = container_load_spec(e, all[i]);
        if (!err)
            err = find_overlap(mine, all[i], &found);
        if (!err && found)
            err = mem_strdup(all[i]->name, ret);
    }
    container_list_free(all, count);
    return err;
}

struct err *container_explain_port(struct engine *e, const struct container *c, const struct strv *publish,
                                   struct err *take_err)
{
    AUTO_PUBLISH struct publish_list mine = {0};
    AUTO_FREE char *owner = NULL;
    enum err_kind kind = take_err ? err_kind(take_err) : ERR_INTERNAL;
    if (!publish->count || (kind != ERR_IN_USE && kind != ERR_DENIED))
        return take_err;
    struct err *err = publish_parse_all(publish, &mine);
    if (!err && kind == ERR_IN_USE)
        err = find_owner(e, c, &mine, &owner);
    err_drop(err);
    /* Podman's exit code for it. */
    struct err *told = owner ? ERR_NEW(ERR_CANNOT_EXEC, "%s (published by container %s)", err_text(take_err), owner)
                             : ERR_NEW(ERR_CANNOT_EXEC, "%s", err_text(take_err));
    err_drop(take_err);
    return told;
}
