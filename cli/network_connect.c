/* network connect, disconnect, reload, update: what changes for containers that are there. */
#include "cli/select.h"
#include "cli/verbs.h"
#include "engine/network/network.h"

/* --- connect */

struct connect_opts {
    struct strv aliases;
    struct network_attach attach;
};
#define O(field) offsetof(struct connect_opts, field)

static struct err *set_ip(void *opts, const struct cli_flag *f, const char *value)
{
    struct connect_opts *o = opts;
    struct ip_addr a;
    if (!ip_parse(value, &a))
        return ERR_NEW(ERR_INVALID, "invalid argument \"%s\" for \"--%s\" flag: failed to parse IP: \"%s\"", value,
                       f->name, value);
    return network_attach_set_ip(&o->attach, value);
}

static struct err *set_mac(void *opts, const struct cli_flag *f, const char *value)
{
    struct connect_opts *o = opts;
    (void)f;
    return network_attach_set_mac(&o->attach, value);
}

static void connect_done(void *opts)
{
    network_attach_done(&((struct connect_opts *)opts)->attach);
}

static const struct cli_flag connect_flags[] = {
    {"alias", 0, CLI_STRINGS, .offset = O(aliases), .help = "network scoped alias for container"},
    {"ip", 0, CLI_CALL, .set = set_ip, .arg = "ip", .help = "set a static ipv4 address for this container network"},
    {"ip6", 0, CLI_CALL, .set = set_ip, .arg = "ip", .help = "set a static ipv6 address for this container network"},
    {"mac-address", 0, CLI_CALL, .set = set_mac, .help = "set a static mac address for this container network"},
    {0},
};

/* The two that the arguments name. */
static struct err *find_both(struct cli *c, struct network **ret_n, struct container **ret_ct)
{
    struct engine *e;
    TRY(cli_engine(c, &e));
    TRY(container_find(e, c->args[1], ret_ct));
    return network_find(e, c->args[0], ret_n);
}

static struct err *connect_verb(struct cli *c, void *opts, int *exit_code)
{
    struct connect_opts *o = opts;
    struct network *n = NULL;
    struct container *ct = NULL;
    (void)exit_code;
    for (size_t i = 0; i < o->aliases.count; i++)
        TRY(network_attach_add_alias(&o->attach, o->aliases.items[i]));
    struct err *e = find_both(c, &n, &ct);
    if (!e)
        e = container_connect(c->engine, ct, n, &o->attach);
    network_free(n);
    container_free(ct);
    return e;
}

const struct cli_verb cli_verb_network_connect = {
    .paths = "network connect",
    .synopsis = "[options] NETWORK CONTAINER",
    .summary = "network connect",
    .description = "Add container to a network",
    .examples = "@ web secondary\n@ --alias db --ip 10.89.0.7 web secondary",
    .flags = connect_flags,
    .opts_size = sizeof(struct connect_opts),
    .done = connect_done,
    .min_args = 2,
    .max_args = 2,
    .complete = CLI_COMPLETE_NETWORK_THEN_CONTAINER,
    .run = connect_verb,
};

/* --- disconnect */

struct disconnect_opts {
    bool force;
};
#undef O
#define O(field) offsetof(struct disconnect_opts, field)

static const struct cli_flag disconnect_flags[] = {
    {"force", 'f', CLI_BOOL, .offset = O(force), .help = "force removal of container from network"},
    {0},
};

static struct err *disconnect_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct disconnect_opts *o = opts;
    struct network *n = NULL;
    struct container *ct = NULL;
    (void)exit_code;
    struct err *e = find_both(c, &n, &ct);
    if (!e)
        e = container_disconnect(c->engine, ct, n, o->force);
    network_free(n);
    container_free(ct);
    return e;
}

const struct cli_verb cli_verb_network_disconnect = {
    .paths = "network disconnect",
    .synopsis = "[options] NETWORK CONTAINER",
    .summary = "network disconnect",
    .description = "Remove container from a network",
    .examples = "@ web secondary",
    .flags = disconnect_flags,
    .opts_size = sizeof(struct disconnect_opts),
    .min_args = 2,
    .max_args = 2,
    .complete = CLI_COMPLETE_NETWORK_THEN_CONTAINER,
    .run = disconnect_verb,
};

/* --- reload */

struct reload_opts {
    bool all, latest;
};
#undef O
#define O(field) offsetof(struct reload_opts, field)

static const struct cli_flag reload_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Reload network configuration of all containers"},
    CLI_LATEST_FLAG(O(latest), "container"),
    {0},
};

static struct err *reload_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct reload_opts *o = opts;
    AUTO_SELECTION struct selection all = {0};
    struct cli_errors errors = {0};
    const struct select_opts which = {.all = o->all, .latest = o->latest, .running_only = true};
    (void)exit_code;
    TRY(select_containers(c, &which, &all));
    for (size_t i = 0; i < all.count; i++) {
        struct container *ct = all.items[i].container;
        struct err *e = container_reload_networks(c->engine, ct);
        cli_errors_add(&errors, e ? e : cli_printf(c, "%s\n", ct->id));
    }
    return cli_errors_finish(&errors);
}

const struct cli_verb cli_verb_network_reload = {
    .paths = "network reload",
    .synopsis = "[options] [CONTAINER...]",
    .summary = "Reload the networks of one or more containers",
    .description = "Make anew what is missing of the networks of running containers: their processes, interfaces and "
                   "names. There are no firewall rules here that a reload of the host's firewall could lose.",
    .examples = "@ --latest\n@ 3c13ef6dd843\n@ test1 test2",
    .flags = reload_flags,
    .opts_size = sizeof(struct reload_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_RUNNING,
    .run = reload_verb,
};

/* --- update */

struct update_opts {
    struct strv add, drop;
};
#undef O
#define O(field) offsetof(struct update_opts, field)

static const struct cli_flag update_flags[] = {
    {"dns-add", 0, CLI_STRINGS, .offset = O(add), .help = "add network level nameservers"},
    {"dns-drop", 0, CLI_STRINGS, .offset = O(drop), .help = "remove network level nameservers"},
    {0},
};

static struct err *update_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct update_opts *o = opts;
    struct engine *e;
    struct network *n;
    (void)exit_code;
    TRY(cli_engine(c, &e));
    TRY(network_find(e, c->args[0], &n));
    struct err *err = network_update_dns(e, n, &o->add, &o->drop);
    if (!err)
        err = container_tell_network(e, n);
    network_free(n);
    return err ? err : cli_printf(c, "%s\n", c->args[0]);
}

const struct cli_verb cli_verb_network_update = {
    .paths = "network update",
    .synopsis = "[options] NETWORK",
    .summary = "Update an existing network",
    .description = "Changes the nameservers that a network asks, also for the containers that are on it now.",
    .examples = "@ --dns-add 192.0.2.53 --dns-drop 192.0.2.54 mynet",
    .flags = update_flags,
    .opts_size = sizeof(struct update_opts),
    .min_args = 1,
    .max_args = 1,
    .complete = CLI_COMPLETE_NETWORK_NAME,
    .run = update_verb,
};
