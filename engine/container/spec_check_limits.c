/* container_spec_check: resources, sysctls, names and addresses. */
#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"
#include "engine/container/spec_internal.h"
#include "engine/network/options.h"

/* "0-3,7": what cpuset.cpus takes. */
static struct err *check_cpuset(const char *flag, const char *value)
{
    if (!value)
        return NULL;
    size_t len = strlen(value);
    bool good = len > 0 && len < 4096 && strspn(value, "0123456789-,") == len;
    char before = ',';
    for (const char *p = value; *p && good; p++) {
        bool digit = *p >= '0' && *p <= '9', before_digit = before >= '0' && before <= '9';
        good = digit || before_digit;
        before = *p;
    }
    if (!good || before == '-' || before == ',')
        return ERR_NEW(ERR_INVALID, "invalid value for %s: \"%s\"", flag, value);
    return NULL;
}

/* Podman asks the host first whether it has the controllers; contradictions are contradictions without them, too. */
static struct err *check_memory(const struct resource_spec *r)
{
    if (r->memory_swap_bytes > 0 && r->memory_bytes == 0)
        return ERR_NEW(ERR_INVALID, "you should always set the memory limit when using memoryswap limit, see usage");
    if (r->memory_swap_bytes > 0 && r->memory_swap_bytes < r->memory_bytes)
        return ERR_NEW(ERR_INVALID, "minimum memoryswap limit should be larger than memory limit, see usage");
    if (r->memory_reservation_bytes && r->memory_bytes && r->memory_reservation_bytes > r->memory_bytes)
        return ERR_NEW(ERR_INVALID, "minimum memory limit cannot be less than memory reservation limit, see usage");
    if (r->memory_swappiness < -1 || r->memory_swappiness > 100)
        return ERR_NEW(ERR_INVALID, "invalid value: %lld, valid memory swappiness range is 0-100",
                       (long long)r->memory_swappiness);
    if (r->memory_bytes < 0 || r->memory_reservation_bytes < 0 || r->memory_swap_bytes < -1)
        return ERR_NEW(ERR_INVALID, "a memory limit cannot be negative");
    return NULL;
}

/* --cpus is a shorthand for a quota and a period, so the three exclude each other. */
static struct err *check_cpu(const struct resource_spec *r)
{
    if (r->cpus < 0)
        return ERR_NEW(ERR_INVALID, "invalid value for --cpus: must not be negative");
    bool cpus = r->cpus > 0;
    if (cpus && r->cpu_period)
        return ERR_NEW(ERR_INVALID, "--cpu-period and --cpus cannot be set together");
    if (cpus && r->cpu_quota)
        return ERR_NEW(ERR_INVALID, "--cpu-quota and --cpus cannot be set together");
    /* The kernel's own limits: a period of 1 ms to 1 s, a quota of at least 1 ms. */
    if (r->cpu_period && (r->cpu_period < 1000 || r->cpu_period > 1000000))
        return ERR_NEW(ERR_INVALID,
                       "CPU cfs period cannot be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
    if (r->cpu_quota > 0 && r->cpu_quota < 1000)
        return ERR_NEW(ERR_INVALID, "CPU cfs quota cannot be less than 1ms (i.e. 1000)");
    if (r->cpu_shares < 0)
        return ERR_NEW(ERR_INVALID, "CPU shares cannot be negative");
    TRY(check_cpuset("--cpuset-cpus", r->cpuset_cpus));
    return check_cpuset("--cpuset-mems", r->cpuset_mems);
}

/* Ranges are the kernel's or the specification's; out of them the runtime would fail with less to say. */
struct err *spec_check_resources(const struct resource_spec *r)
{
    TRY(check_memory(r));
    TRY(check_cpu(r));
    TRY(spec_check_throttles(r));
    if (r->blkio_weight && (r->blkio_weight < 10 || r->blkio_weight > 1000))
        return ERR_NEW(ERR_INVALID, "range of blkio weight is from 10 to 1000");
    if (r->pids_limit < -1)
        return ERR_NEW(ERR_INVALID, "invalid value for --pids-limit: %lld", (long long)r->pids_limit);
    if (r->oom_score_adj_set && (r->oom_score_adj < -1000 || r->oom_score_adj > 1000))
        return ERR_NEW(ERR_INVALID, "invalid value \"%lld\" for --oom-score-adj, range is -1000 to 1000",
                       (long long)r->oom_score_adj);
    return NULL;
}

/* Only what belongs to a namespace of the container's own. */
static bool is_ipc_sysctl(const char *key, size_t len)
{
    static const char *const names[] = {"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
                                        "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strlen(names[i]) == len && memcmp(names[i], key, len) == 0)
            return true;
    return strncmp(key, "fs.mqueue.", strlen("fs.mqueue.")) == 0;
}

/* A sysctl is written by the runtime with the rights of the container's root; one that isn't namespaced would change
 * the host. */
static struct err *check_sysctl(const struct container_spec *s, const char *value)
{
    const char *eq = strchr(value, '=');
    if (!eq || eq == value)
        return ERR_NEW(ERR_INVALID, "%s is invalid, sysctl values must be in the form of KEY=VALUE", value);
    size_t len = (size_t)(eq - value);
    bool net = strncmp(value, "net.", 4) == 0, ipc = is_ipc_sysctl(value, len);
    if (!net && !ipc)
        return ERR_NEW(ERR_INVALID, "sysctl '%.*s' is not allowed", (int)len, value);
    if (memchr(value, '/', len) || memmem(value, len, "..", 2)) /* a key becomes a path below /proc/sys */
        return ERR_NEW(ERR_INVALID, "sysctl '%.*s' is not allowed", (int)len, value);
    if (net && s->network.mode == NS_HOST)
        return ERR_NEW(ERR_INVALID, "sysctl %s can't be set since Network Namespace set to host: invalid argument",
                       value);
    if (ipc && s->ipc.mode == NS_HOST)
        return ERR_NEW(ERR_INVALID, "sysctl %s can't be set since IPC Namespace set to host: invalid argument", value);
    return NULL;
}

struct err *spec_check_sysctls(const struct container_spec *s)
{
    for (size_t i = 0; i < s->sysctl.count; i++)
        TRY(check_sysctl(s, s->sysctl.items[i]));
    return NULL;
}

static bool is_address(const char *text)
{
    char buf[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, text, buf) == 1 || inet_pton(AF_INET6, text, buf) == 1;
}

/* "name:address" or "name1;name2:address"; Podman also knows the word host-gateway. */
static struct err *check_add_host(const char *value)
{
    const char *colon = strchr(value, ':');
    if (!colon || colon == value)
        return ERR_NEW(ERR_INVALID, "bad format for add-host: \"%s\"", value);
    if (!is_address(colon + 1) && strcmp(colon + 1, "host-gateway") != 0)
        return ERR_NEW(ERR_INVALID, "invalid IP address in add-host: \"%s\"", colon + 1);
    /* The name is written into /etc/hosts as it is. */
    if (strcspn(value, " \t\r\n#") < (size_t)(colon - value))
        return ERR_NEW(ERR_INVALID, "bad format for add-host: \"%s\"", value);
    return NULL;
}

/* Lines of resolv.conf: a value with a newline would be a line of its own. */
static struct err *check_line_values(const char *flag, const struct strv *values)
{
    for (size_t i = 0; i < values->count; i++)
        if (strpbrk(values->items[i], "\r\n"))
            return ERR_NEW(ERR_INVALID, "%s: a value cannot contain a line break", flag);
    return NULL;
}

/* It goes into /etc/hosts and /etc/hostname as it is, and the kernel takes 64 bytes (sethostname(2)). */
static struct err *check_hostname(const char *name)
{
    if (!name)
        return NULL;
    if (strlen(name) > 64)
        return ERR_NEW(ERR_INVALID, "hostname \"%.80s\" is longer than 64 characters", name);
    if (strpbrk(name, " \t\r\n/"))
        return ERR_NEW(ERR_INVALID, "invalid hostname \"%s\"", name);
    return NULL;
}

/* --ip and its kin mean the only network there is. */
static struct err *check_named_networks(const struct container_spec *s)
{
    const struct {
        const char *flag, *value;
    } single[] = {{"ip", s->ip}, {"ip6", s->ip6}, {"mac-address", s->mac_address}};
    for (size_t i = 0; i < ARRAY_LEN(single); i++)
        if (single[i].value && s->networks.count != 1)
            return ERR_NEW(ERR_INVALID, "--%s can only be set for a single network: invalid argument", single[i].flag);
    char scratch[sizeof(struct in6_addr)];
    if (s->ip && inet_pton(AF_INET, s->ip, scratch) != 1)
        return ERR_NEW(ERR_INVALID, "\"%s\" is not an ip address", s->ip);
    if (s->ip6 && inet_pton(AF_INET6, s->ip6, scratch) != 1)
        return ERR_NEW(ERR_INVALID, "\"%s\" is not an ip address", s->ip6);
    return NULL;
}

/* Options of a network of the container's own, and that nothing of the kind was said of another. */
static struct err *check_own_network(const struct container_spec *s)
{
    AUTO_NETWORK_OPTIONS struct network_options options = {0};
    if (s->network.mode == NS_BRIDGE)
        return check_named_networks(s);
    if (s->network_alias.count)
        return ERR_NEW(ERR_INVALID,
                       "--network-alias can only be set when the network mode is bridge: invalid argument");
    if (s->network.mode == NS_DEFAULT || s->network.mode == NS_PRIVATE)
        return network_options_parse(s->network.arg, s->ip, s->ip6, s->mac_address, &options);
    if (s->ip || s->ip6 || s->mac_address)
        return ERR_NEW(ERR_INVALID, "invalid config provided: networks and static ip/mac address can only be used with "
                                    "Bridge mode networking");
    return NULL;
}

/* Everything that ends up in /etc/hosts or /etc/resolv.conf: no value may bring lines of its own. */
struct err *spec_check_network(const struct container_spec *s)
{
    const char *mode = s->network.mode == NS_NONE ? "none" : s->network.mode == NS_CONTAINER ? "container" : NULL;
    if (mode && (s->dns.count || s->dns_search.count || s->dns_option.count))
        return ERR_NEW(ERR_INVALID, "conflicting options: dns and the network mode: %s", mode);
    for (size_t i = 0; i < s->dns.count; i++) {
        const char *server = s->dns.items[i];
        if (strcmp(server, "none") == 0 && s->dns.count > 1)
            return ERR_NEW(ERR_INVALID, "\"none\" is not allowed to be specified with other DNS ip addresses");
        if (strcmp(server, "none") != 0 && !is_address(server))
            return ERR_NEW(ERR_INVALID, "%s is not an ip address", server);
    }
    TRY(check_line_values("--dns-search", &s->dns_search));
    TRY(check_line_values("--dns-option", &s->dns_option));
    if (s->no_hosts && s->add_host.count)
        return ERR_NEW(ERR_INVALID, "--no-hosts and --add-host cannot be set together");
    for (size_t i = 0; i < s->add_host.count; i++)
        TRY(check_add_host(s->add_host.items[i]));
    for (size_t i = 0; i < s->expose.count; i++)
        TRY(spec_check_expose(s->expose.items[i]));
    TRY(check_own_network(s));
    if (s->no_hosts && s->hosts_file)
        return ERR_NEW(ERR_INVALID, "--no-hosts and --hosts-file cannot be set together");
    return check_hostname(s->hostname);
}
