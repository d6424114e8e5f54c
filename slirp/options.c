#include "slirp/options.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"

/* slirp4netns' own default; coracle and podman ask for SLIRP_MTU_DEFAULT. */
#define OPTIONS_MTU 1500u

enum option_id {
    OPTION_CONFIGURE,
    OPTION_EXIT_FD,
    OPTION_READY_FD,
    OPTION_MTU,
    OPTION_IPV6,
    OPTION_API_SOCKET,
    OPTION_CIDR,
    OPTION_NO_LOOPBACK,
    OPTION_NETNS_TYPE,
    OPTION_USERNS_PATH,
    OPTION_SANDBOX,
    OPTION_SECCOMP,
    OPTION_OUTBOUND,
    OPTION_OUTBOUND6,
    OPTION_NO_DNS,
    OPTION_MAC,
    OPTION_TARGET_TYPE,
    OPTION_NO_TUN,
    OPTION_NO_GATEWAY,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option_row {
    const char *name; /* without the dashes */
    char letter;      /* or 0 */
    bool has_value;
    enum option_id id;
} options_table[] = {
    {"configure", 'c', false, OPTION_CONFIGURE},
    {"exit-fd", 'e', true, OPTION_EXIT_FD},
    {"ready-fd", 'r', true, OPTION_READY_FD},
    {"mtu", 'm', true, OPTION_MTU},
    {"enable-ipv6", '6', false, OPTION_IPV6},
    {"api-socket", 'a', true, OPTION_API_SOCKET},
    {"cidr", 0, true, OPTION_CIDR},
    {"disable-host-loopback", 0, false, OPTION_NO_LOOPBACK},
    {"netns-type", 0, true, OPTION_NETNS_TYPE},
    {"userns-path", 0, true, OPTION_USERNS_PATH},
    {"enable-sandbox", 0, false, OPTION_SANDBOX},
    {"enable-seccomp", 0, false, OPTION_SECCOMP},
    {"outbound-addr", 0, true, OPTION_OUTBOUND},
    {"outbound-addr6", 0, true, OPTION_OUTBOUND6},
    {"disable-dns", 0, false, OPTION_NO_DNS},
    {"macaddress", 0, true, OPTION_MAC},
    {"target-type", 0, true, OPTION_TARGET_TYPE},
    {"no-tun", 0, false, OPTION_NO_TUN},
    {"no-gateway", 0, false, OPTION_NO_GATEWAY},
    {"help", 'h', false, OPTION_HELP},
    {"version", 'v', false, OPTION_VERSION},
};

const char *options_help(void)
{
    return "Usage: coracle-slirp [OPTION]... PID|PATH [TAPNAME]\n"
           "A network for a network namespace, without privileges. Options are those of slirp4netns.\n"
           "\n"
           "-c, --configure          bring up the interface\n"
           "-e, --exit-fd=FD         end when this descriptor is closed\n"
           "-r, --ready-fd=FD        write 1 to this descriptor when the network is ready\n"
           "-m, --mtu=MTU            MTU of the interface (default 1500, at most 65521)\n"
           "-6, --enable-ipv6        IPv6 as well: fd00::/64\n"
           "-a, --api-socket=PATH    socket for add_hostfwd, list_hostfwd, remove_hostfwd\n"
           "--cidr=CIDR              network (default 10.0.2.0/24)\n"
           "--disable-host-loopback  the gateway does not lead to 127.0.0.1 of the host\n"
           "--netns-type=TYPE        what names the namespace: path or pid (default pid)\n"
           "--userns-path=PATH       user namespace to join first\n"
           "--enable-sandbox         accepted: the sandbox is always on\n"
           "--enable-seccomp         accepted: the system call filter is always on\n"
           "--outbound-addr=IPv4     source address, or interface, of what leaves\n"
           "--outbound-addr6=IPv6    the same for IPv6\n"
           "--disable-dns            no resolver at 10.0.2.3\n"
           "--macaddress=MAC         address of the interface (only with -c)\n"
           "--target-type=TYPE       netns\n"
           "--no-tun                 veth even where /dev/net/tun is there\n"
           "--no-gateway             TCP connections through libslirp, too\n"
           "-h, --help               show this help\n"
           "-v, --version            show versions\n";
}

static struct err *options_fd(const char *value, int *ret)
{
    uint64_t fd = 0;
    TRY(number_parse_u64(value, INT_MAX, &fd));
    *ret = (int)fd;
    return NULL;
}

static struct err *options_choice(const char *value, const char *a, const char *b, bool *ret_is_a)
{
    if (strcmp(value, a) != 0 && (!b || strcmp(value, b) != 0))
        return ERR_NEW(ERR_INVALID, "\"%s\" is not possible: %s%s%s", value, a, b ? " or " : "", b ? b : "");
    *ret_is_a = !strcmp(value, a);
    return NULL;
}

static struct err *options_mtu(const char *value, struct slirp_config *c)
{
    uint64_t mtu = 0;
    TRY(number_parse_u64(value, SLIRP_MTU_MAX, &mtu));
    c->mtu = (uint32_t)mtu;
    return NULL;
}

/* An address, or else the name of an interface, which is looked up later. */
static struct err *options_outbound(const char *value, int family, void *ret_addr, const char **ret_name)
{
    if (inet_pton(family, value, ret_addr) == 1)
        return NULL;
    struct slirp_config probe;
    TRY_WRAP(slirp_config_set_ifname(&probe, value), "neither an address nor an interface");
    *ret_name = value;
    return NULL;
}

static struct err *options_set_value(struct options *o, enum option_id id, const char *value)
{
    bool netns = false;
    switch ((int)id) {
    case OPTION_EXIT_FD:
        return options_fd(value, &o->exit_fd);
    case OPTION_READY_FD:
        return options_fd(value, &o->ready_fd);
    case OPTION_MTU:
        return options_mtu(value, &o->config);
    case OPTION_API_SOCKET:
        o->api_socket = value;
        return NULL;
    case OPTION_CIDR:
        return slirp_config_set_cidr(&o->config, value);
    case OPTION_NETNS_TYPE:
        return options_choice(value, "path", "pid", &o->target_is_path);
    case OPTION_USERNS_PATH:
        o->userns_path = value;
        return NULL;
    case OPTION_OUTBOUND:
        return options_outbound(value, AF_INET, &o->config.outbound, &o->outbound);
    case OPTION_OUTBOUND6:
        return options_outbound(value, AF_INET6, &o->config.outbound6, &o->outbound6);
    case OPTION_MAC:
        return slirp_config_set_mac(&o->config, value);
    case OPTION_TARGET_TYPE:
        return options_choice(value, "netns", NULL, &netns);
    default:
        return ERR_NEW(ERR_INTERNAL, "option without a setter");
    }
}

static void options_set_flag(struct options *o, enum option_id id)
{
    switch ((int)id) {
    case OPTION_CONFIGURE:
        o->config.configure = 1;
        break;
    case OPTION_IPV6:
        o->config.ipv6 = 1;
        break;
    case OPTION_NO_LOOPBACK:
        o->config.host_loopback = 0;
        break;
    case OPTION_NO_DNS:
        o->config.no_dns = 1;
        break;
    case OPTION_NO_TUN:
        o->config.no_tun = 1;
        break;
    case OPTION_NO_GATEWAY:
        o->config.no_gateway = 1;
        break;
    case OPTION_HELP:
        o->help = true;
        break;
    case OPTION_VERSION:
        o->version = true;
        break;
    default: /* the sandbox and the filter are always on */
        break;
    }
}

static const struct option_row *options_find_long(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(options_table); i++) {
        if (strlen(options_table[i].name) == len && !memcmp(options_table[i].name, name, len))
            return &options_table[i];
    }
    return NULL;
}

static const struct option_row *options_find_letter(char letter)
{
    for (size_t i = 0; i < ARRAY_LEN(options_table); i++) {
        if (letter && options_table[i].letter == letter)
            return &options_table[i];
    }
    return NULL;
}

/* `value` comes from the same word, or NULL; else the next word is taken. */
static struct err *options_set(struct options *o, const struct option_row *row, const char *value, int argc,
                               char *const *argv, int *at)
{
    if (!row->has_value) {
        if (value)
            return ERR_NEW(ERR_INVALID, "--%s takes no value", row->name);
        options_set_flag(o, row->id);
        return NULL;
    }
    if (!value) {
        if (*at + 1 >= argc)
            return ERR_NEW(ERR_INVALID, "--%s needs a value", row->name);
        value = argv[++*at];
    }
    return ERR_WRAP(options_set_value(o, row->id, value), "--%s", row->name);
}

static struct err *options_long(struct options *o, int argc, char *const *argv, int *at)
{
    const char *name = argv[*at] + 2, *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const struct option_row *row = options_find_long(name, len);
    if (!row)
        return ERR_NEW(ERR_INVALID, "unknown option %s", argv[*at]);
    return options_set(o, row, equals ? equals + 1 : NULL, argc, argv, at);
}

/* "-c6r3": letters without values, and one with the rest as its value. */
static struct err *options_letters(struct options *o, int argc, char *const *argv, int *at)
{
    for (const char *p = argv[*at] + 1; *p; p++) {
        const struct option_row *row = options_find_letter(*p);
        if (!row)
            return ERR_NEW(ERR_INVALID, "unknown option -%c", *p);
        if (row->has_value)
            return options_set(o, row, p[1] ? p + 1 : NULL, argc, argv, at);
        TRY(options_set(o, row, NULL, argc, argv, at));
    }
    return NULL;
}

static struct err *options_check(struct options *o, const char *tapname)
{
    if (o->help || o->version)
        return NULL;
    if (!o->target)
        return ERR_NEW(ERR_INVALID, "which namespace? Usage: coracle-slirp [OPTION]... PID|PATH [TAPNAME]");
    if (tapname)
        TRY(slirp_config_set_ifname(&o->config, tapname));
    if (o->config.mac_set && !o->config.configure)
        return ERR_NEW(ERR_INVALID, "--macaddress needs --configure");
    return slirp_config_check(&o->config);
}

struct err *options_parse(int argc, char *const *argv, struct options *ret)
{
    struct options o = {.ready_fd = -1, .exit_fd = -1};
    const char *words[2] = {NULL, NULL};
    size_t n = 0;
    bool only_words = false;
    slirp_config_default(&o.config);
    o.config.configure = 0;
    o.config.mtu = OPTIONS_MTU;
    o.config.host_loopback = 1;
    for (int at = 1; at < argc; at++) {
        const char *word = argv[at];
        if (only_words || word[0] != '-' || !word[1]) {
            if (n == ARRAY_LEN(words))
                return ERR_NEW(ERR_INVALID, "too many arguments: %s", word);
            words[n++] = word;
        } else if (!strcmp(word, "--")) {
            only_words = true;
        } else {
            TRY(word[1] == '-' ? options_long(&o, argc, argv, &at) : options_letters(&o, argc, argv, &at));
        }
    }
    o.target = words[0];
    TRY(options_check(&o, words[1]));
    *ret = o;
    return NULL;
}
