/* The group `network`: create, rm, prune, exists (ls is in network_ls.c, connect and its kin in network_connect.c,
 * inspect in inspect.c). */
#include "engine/network/network.h"
#include "cli/cli.h"
#include "cli/labels.h"
#include "cli/select.h"
#include "cli/verbs.h"
#include "engine/container/container.h"

const struct cli_verb cli_verb_network = {
    .paths = "network",
    .summary = "Manage networks",
    .description =
        "Containers on a network of their own find each other there by name. The network exists in the kernel "
        "while containers are on it, apart from the host and from all other networks.",
    .traits = CLI_GROUP,
};

/* --- create */

struct network_flags {
    bool disable_dns, ignore, internal, ipv6;
    const char *driver, *ipam_driver, *interface;
    struct strv dns, gateways, ranges, routes, labels, options, subnets;
};
#define O(field) offsetof(struct network_flags, field)

static const struct cli_flag create_network_flags[] = {
    {"disable-dns", 0, CLI_BOOL, .offset = O(disable_dns), .help = "disable dns plugin"},
    {"dns", 0, CLI_STRINGS, .offset = O(dns), .help = "DNS servers this network will use"},
    {"driver", 'd', CLI_STRING, .offset = O(driver), .def = "bridge", .help = "driver to manage the network"},
    {"gateway", 0, CLI_STRINGS, .offset = O(gateways), .help = "IPv4 or IPv6 gateway for the subnet"},
    {"ignore", 0, CLI_BOOL, .offset = O(ignore), .help = "Don't fail if network already exists"},
    {"interface-name", 0, CLI_STRING, .offset = O(interface),
     .help = "interface name which is used by the driver, as shown by inspect"},
    {"internal", 0, CLI_BOOL, .offset = O(internal), .help = "restrict external access from this network"},
    {"ip-range", 0, CLI_ARRAY, .offset = O(ranges), .help = "allocate container IP from range"},
    {"ipam-driver", 0, CLI_STRING, .offset = O(ipam_driver), .help = "IP Address Management Driver"},
    {"ipv6", 0, CLI_BOOL, .offset = O(ipv6), .help = "enable IPv6 networking"},
    {"label", 0, CLI_ARRAY, .offset = O(labels), .help = "set metadata on a network"},
    {"opt", 'o', CLI_ARRAY, .offset = O(options), .help = "Set driver specific options"},
    {"route", 0, CLI_ARRAY, .offset = O(routes), .help = "static routes: DESTINATION/BITS,GATEWAY[,METRIC]"},
    {"subnet", 0, CLI_ARRAY, .offset = O(subnets), .help = "subnets in CIDR format"},
    {0},
};

static struct err *create_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct network_flags *o = opts;
    AUTO_STRV struct strv labels = STRV_INIT;
    struct network *n;
    struct engine *e;
    (void)exit_code;
    TRY(cli_parse_labels(&(const struct strv)STRV_INIT, &o->labels, &labels));
    TRY(cli_engine(c, &e));
    const struct network_create_opts create = {
        .name = c->n_args && *c->args[0] ? c->args[0] : NULL,
        .driver = o->driver,
        .ipam_driver = o->ipam_driver,
        .interface = o->interface,
        .subnets = o->subnets,
        .gateways = o->gateways,
        .ranges = o->ranges,
        .routes = o->routes,
        .dns_servers = o->dns,
        .labels = labels,
        .options = o->options,
        .pools = c->globals.subnet_pools,
        .ipv6 = o->ipv6,
        .internal = o->internal,
        .disable_dns = o->disable_dns,
        .ignore_existing = o->ignore,
    };
    TRY(network_create(e, &create, &n));
    struct err *err = cli_printf(c, "%s\n", n->name);
    network_free(n);
    return err;
}

const struct cli_verb cli_verb_network_create = {
    .paths = "network create",
    .synopsis = "[options] [NAME]",
    .summary = "network create",
    .description = "create networks for containers and pods",
    .examples = "@ podman1\n@ --subnet 10.89.7.0/24 --gateway 10.89.7.1 mynet\n@ --internal db",
    .flags = create_network_flags,
    .opts_size = sizeof(struct network_flags),
    .max_args = 1,
    .run = create_verb,
};

/* --- rm */

struct rm_opts {
    bool force;
    uint64_t time;
};
#undef O
#define O(field) offsetof(struct rm_opts, field)

static const struct cli_flag rm_flags[] = {
    {"force", 'f', CLI_BOOL, .offset = O(force), .help = "remove any containers using network"},
    {"time", 't', CLI_UINT, .offset = O(time), .def = "10",
     .help = "Seconds to wait for running containers to stop before killing the container"},
    {0},
};

/* --force: the containers that are on it go first. */
static struct err *remove_users(struct cli *c, const struct rm_opts *o, const struct network *n)
{
    AUTO_STRV struct strv ids = STRV_INIT;
    if (n->builtin) /* it cannot be removed anyway */
        return NULL;
    TRY(network_users(c->engine, n, &ids));
    return select_remove_users(c, &ids, cli_given(c, "time") ? (int64_t)o->time : -1);
}

static struct err *remove_network(struct cli *c, const struct rm_opts *o, const char *name)
{
    struct network *n;
    TRY(network_find(c->engine, name, &n));
    struct err *e = o->force ? remove_users(c, o, n) : NULL;
    if (!e)
        e = network_remove(c->engine, n);
    network_free(n);
    return e ? e : cli_printf(c, "%s\n", name);
}

static struct err *rm_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct rm_opts *o = opts;
    struct cli_errors errors = {0};
    struct engine *e;
    TRY(cli_engine(c, &e));
    for (size_t i = 0; i < c->n_args; i++) {
        struct err *err = remove_network(c, o, c->args[i]);
        if (err && err_kind(err) == ERR_NOT_FOUND && o->force) {
            err_drop(err);
            continue;
        }
        if (err)
            *exit_code = err_kind(err) == ERR_NOT_FOUND ? 1 : err_kind(err) == ERR_IN_USE ? 2 : 125;
        cli_errors_add(&errors, err);
    }
    return cli_errors_finish(&errors);
}

const struct cli_verb cli_verb_network_rm = {
    .paths = "network rm,remove",
    .synopsis = "[options] NETWORK [NETWORK...]",
    .summary = "network rm",
    .description = "Remove networks",
    .examples = "@ podman1\n@ --force db",
    .flags = rm_flags,
    .opts_size = sizeof(struct rm_opts),
    .min_args = 1,
    .max_args = -1,
    .complete = CLI_COMPLETE_NETWORK_NAME,
    .run = rm_verb,
};

/* --- prune */

struct prune_opts {
    bool force;
    struct strv filters;
};
#undef O
#define O(field) offsetof(struct prune_opts, field)

static const struct cli_flag prune_flags[] = {
    {"filter", 0, CLI_ARRAY, .offset = O(filters), .help = "Provide filter values (e.g. 'label=<key>=<value>')"},
    {"force", 'f', CLI_BOOL, .offset = O(force), .help = "do not prompt for confirmation"},
    {0},
};

static struct err *prune_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct prune_opts *o = opts;
    AUTO_STRV struct strv names = STRV_INIT;
    struct engine *e;
    bool go_on = o->force;
    (void)exit_code;
    TRY(cli_engine(c, &e));
    if (!o->force) {
        TRY(cli_printf(c, "WARNING! This will remove all networks not used by at least one container.\n"));
        TRY(cli_confirm(c, &go_on));
    }
    if (!go_on)
        return NULL;
    TRY(network_prune(e, &o->filters, &names));
    for (size_t i = 0; i < names.count; i++)
        TRY(cli_printf(c, "%s\n", names.items[i]));
    return NULL;
}

const struct cli_verb cli_verb_network_prune = {
    .paths = "network prune",
    .synopsis = "[options]",
    .summary = "network prune",
    .description = "Prune unused networks",
    .flags = prune_flags,
    .opts_size = sizeof(struct prune_opts),
    .run = prune_verb,
};

/* --- exists */

static struct err *exists_verb(struct cli *c, void *opts, int *exit_code)
{
    struct engine *e;
    struct network *n = NULL;
    (void)opts;
    TRY(cli_engine(c, &e));
    struct err *err = network_find(e, c->args[0], &n);
    network_free(n);
    return cli_exists(err, exit_code);
}

const struct cli_verb cli_verb_network_exists = {
    .paths = "network exists",
    .synopsis = "NETWORK",
    .summary = "network exists",
    .description =
        "If the named network exists, " CLI_PROGRAM " network exists exits with 0, otherwise the exit code will be 1.",
    .examples = "@ net1",
    .opts_size = 1,
    .min_args = 1,
    .max_args = 1,
    .complete = CLI_COMPLETE_NETWORK_NAME,
    .run = exists_verb,
};
