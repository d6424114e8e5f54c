/* system connection: destinations of remote services, kept as Podman keeps them; and system service, which would be
 * one.
 */
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "engine/conf/connections.h"

const struct cli_verb cli_verb_system_connection = {
    .paths = "system connection",
    .summary = "Manage remote API service destinations",
    .description = "Manage remote API service destination information in podman configuration",
    .traits = CLI_GROUP,
};

/* --- add */

struct add_opts {
    bool make_default;
    const char *identity, *socket_path;
    uint64_t port;
};
#define O(field) offsetof(struct add_opts, field)

static const struct cli_flag add_flags[] = {
    {"default", 'd', CLI_BOOL, .offset = O(make_default), .help = "Set connection to be default"},
    {"identity", 0, CLI_STRING, CLI_COMPLETE_FILE, .offset = O(identity), .help = "path to SSH identity file"},
    {"port", 'p', CLI_UINT, .offset = O(port), .def = "22", .help = "SSH port number for destination"},
    {"socket-path", 0, CLI_STRING, .offset = O(socket_path), .help = "path to podman socket on remote host."},
    {0},
};

static const char *user_name(void)
{
    const struct passwd *pw = getpwuid(getuid());
    const char *name = pw ? pw->pw_name : getenv("USER");
    return name && *name ? name : "root";
}

static struct err *add_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct add_opts *o = opts;
    AUTO_FREE char *uri = NULL, *warning = NULL;
    (void)exit_code;
    if (cli_given(c, "port") && (o->port < 1 || o->port > UINT16_MAX))
        return ERR_NEW(ERR_INVALID, "--port %llu: not from 1 to 65535", (unsigned long long)o->port);
    const struct connection_url_opts url = {
        .destination = c->args[1],
        .identity = o->identity,
        .socket_path = o->socket_path,
        .port = cli_given(c, "port") ? (int64_t)o->port : 0,
        .user = user_name(),
    };
    TRY(connection_url(&url, &uri, &warning));
    if (warning)
        log_write(LOG_LEVEL_WARN, "%s", warning);
    return connections_add(c->args[0], uri, o->identity, o->make_default);
}

const struct cli_verb cli_verb_system_connection_add = {
    .paths = "system connection add",
    .synopsis = "[options] NAME DESTINATION",
    .summary = "Record destination for the Podman service",
    .description = "Add destination to podman configuration.\n\"destination\" is one of the form:\n"
                   "  [user@]hostname (will default to ssh)\n"
                   "  ssh://[user@]hostname[:port][/path] (for others than root the path must be given)\n"
                   "  tcp://hostname:port (not secured)\n"
                   "  unix://path (absolute path required)",
    .examples = "@ laptop root@server.fubar.com\n"
                "@ --identity ~/.ssh/dev_rsa testing ssh://root@server.fubar.com:2222\n"
                "@ debug tcp://localhost:8080",
    .flags = add_flags,
    .opts_size = sizeof(struct add_opts),
    .min_args = 2,
    .max_args = 2,
    .run = add_verb,
};

/* --- list */

struct list_opts {
    const char *format;
    bool quiet;
};
#undef O
#define O(field) offsetof(struct list_opts, field)

static const struct cli_flag list_flags[] = {
    {"format", 'f', CLI_STRING, .offset = O(format), .help = "Custom Go template for printing connections"},
    {"quiet", 'q', CLI_BOOL, .offset = O(quiet), .help = "Only print the names of connections"},
    {0},
};

static struct err *get_name(const void *p, json_t **ret)
{
    return report_string(ret, ((const struct connection *)p)->name);
}

static struct err *get_uri(const void *p, json_t **ret)
{
    return report_string(ret, ((const struct connection *)p)->uri);
}

static struct err *get_identity(const void *p, json_t **ret)
{
    return report_string(ret, ((const struct connection *)p)->identity);
}

static struct err *get_default(const void *p, json_t **ret)
{
    return report_boolean(ret, ((const struct connection *)p)->is_default);
}

static struct err *get_read_write(const void *p, json_t **ret)
{
    return report_boolean(ret, ((const struct connection *)p)->read_write);
}

static struct err *get_machine(const void *p, json_t **ret)
{
    return report_boolean(ret, ((const struct connection *)p)->is_machine);
}

static const struct template_field fields[] = {
    {"Name", "Name", get_name, NULL},
    {"URI", "URI", get_uri, NULL},
    {"Identity", "Identity", get_identity, NULL},
    {"IsMachine", "IsMachine", get_machine, NULL},
    {"Default", "Default", get_default, NULL},
    {"ReadWrite", "ReadWrite", get_read_write, NULL},
    {0},
};

static struct err *get_all(const void *p, json_t **ret)
{
    return report_all(fields, p, ret);
}

static const struct template_class class = {
    .type_name = "connection.namedDestination", .fields = fields, .get_all = get_all};

static struct err *print_list(struct cli *c, const struct list_opts *o, const struct connections *all)
{
    const struct report report = {
        .name = "list",
        .class = &class,
        .table = "{{.Name}}\t{{.URI}}\t{{.Identity}}\t{{.Default}}\t{{.ReadWrite}}",
    };
    AUTO_FREE const void **rows = mem_zalloc((all->count + 1) * sizeof(*rows));
    if (!rows)
        return err_oom();
    for (size_t i = 0; i < all->count; i++)
        rows[i] = &all->items[i];
    if (report_is_json(o->format))
        return report_list(c, &class, rows, all->count, 4);
    return report_rows(c, &report, o->format ? o->format : o->quiet ? "{{.Name}}" : NULL, rows, all->count);
}

static struct err *list_verb(struct cli *c, void *opts, int *exit_code)
{
    AUTO_CONNECTIONS struct connections all = {0};
    (void)exit_code;
    TRY(connections_read(c->conf, &all));
    return print_list(c, opts, &all);
}

const struct cli_verb cli_verb_system_connection_list = {
    .paths = "system connection list,ls",
    .synopsis = "[options]",
    .summary = "List destination for the Podman service(s)",
    .description = "List destination information for the Podman service(s) in podman configuration",
    .examples = "@\n@ --format=json",
    .flags = list_flags,
    .opts_size = sizeof(struct list_opts),
    .run = list_verb,
};

/* --- default, remove, rename */

static struct err *default_verb(struct cli *c, void *opts, int *exit_code)
{
    (void)opts, (void)exit_code;
    return connections_set_default(c->args[0]);
}

const struct cli_verb cli_verb_system_connection_default = {
    .paths = "system connection default",
    .synopsis = "NAME",
    .summary = "Set named destination as default",
    .description = "Set named destination as default for the Podman service",
    .examples = "@ testing",
    .opts_size = 1,
    .min_args = 1,
    .max_args = 1,
    .run = default_verb,
};

struct remove_opts {
    bool all;
};

static const struct cli_flag remove_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = offsetof(struct remove_opts, all), .help = "Remove all connections"},
    {0},
};

static struct err *remove_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct remove_opts *o = opts;
    (void)exit_code;
    if (o->all && c->n_args)
        return ERR_NEW(ERR_INVALID, "no arguments are needed with --all");
    if (!o->all && c->n_args != 1)
        return ERR_NEW(ERR_INVALID, "accepts 1 arg(s), received %zu", c->n_args);
    return connections_remove(o->all ? NULL : c->args[0]);
}

const struct cli_verb cli_verb_system_connection_remove = {
    .paths = "system connection remove,rm",
    .synopsis = "[options] NAME",
    .summary = "Delete named destination",
    .description = "Delete named destination from podman configuration",
    .examples = "@ devl",
    .flags = remove_flags,
    .opts_size = sizeof(struct remove_opts),
    .max_args = -1,
    .run = remove_verb,
};

static struct err *rename_verb(struct cli *c, void *opts, int *exit_code)
{
    (void)opts, (void)exit_code;
    return connections_rename(c->args[0], c->args[1]);
}

const struct cli_verb cli_verb_system_connection_rename = {
    .paths = "system connection rename,mv",
    .synopsis = "OLD NEW",
    .summary = "Rename \"old\" to \"new\"",
    .description = "Rename destination for the Podman service from \"old\" to \"new\"",
    .examples = "@ laptop devl",
    .opts_size = 1,
    .min_args = 2,
    .max_args = 2,
    .run = rename_verb,
};

/* --- service */

#define NO_SERVICE "the REST API is not built yet"

static const struct cli_flag service_flags[] = {
    {"cors", 0, CLI_STRING, .missing = NO_SERVICE, .help = "Set CORS Headers"},
    {"time", 't', CLI_UINT, .missing = NO_SERVICE, .def = "5",
     .help = "Time until the service session expires in seconds.  Use 0 to disable the timeout"},
    {0},
};

static struct err *service_verb(struct cli *c, void *opts, int *exit_code)
{
    (void)c, (void)opts, (void)exit_code;
    return ERR_NEW(ERR_UNSUPPORTED, "system service: " NO_SERVICE);
}

const struct cli_verb cli_verb_system_service = {
    .paths = "system service",
    .synopsis = "[options] [URI]",
    .summary = "Run API service",
    .description = "Run an API service: " NO_SERVICE ".",
    .flags = service_flags,
    .opts_size = sizeof(uint64_t),
    .max_args = 1,
    .run = service_verb,
};
