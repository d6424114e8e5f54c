/* port: which port of the host leads to which of a container. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "cli/select.h"
#include "cli/verbs.h"
#include "engine/network/publish.h"

struct port_opts {
    bool all, latest;
    struct strv add, remove;
};
#define O(field) offsetof(struct port_opts, field)

static const struct cli_flag port_flags[] = {
    {"add", 0, CLI_ARRAY, .offset = O(add), .arg = "[[IP:]HOSTPORT:]PORT[/PROTO]",
     .help = "Publish one more port, also of a running container"},
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Display port information for all containers"},
    CLI_LATEST_FLAG(O(latest), "container"),
    {"rm", 0, CLI_ARRAY, .offset = O(remove), .arg = "[IP:]HOSTPORT:PORT[/PROTO]",
     .help = "Publish a port no longer; connections that are open stay"},
    {0},
};

/* What PORT[/PROTO] asks for. */
struct wanted {
    bool one;
    uint32_t port;
    const char *proto;
};

static struct err *parse_wanted(const char *text, struct wanted *ret)
{
    AUTO_FREE char *number = NULL;
    const char *slash = strchr(text, '/');
    uint64_t port = 0;
    TRY(mem_strndup(text, slash ? (size_t)(slash - text) : strlen(text), &number));
    struct err *e = number_parse_u64(number, 65535, &port);
    if (e) {
        err_drop(e);
        return ERR_NEW(ERR_INVALID, "strconv.Atoi: parsing \"%s\": invalid syntax", number);
    }
    *ret = (struct wanted){.one = true, .port = (uint32_t)port, .proto = slash ? slash + 1 : "tcp"};
    return NULL;
}

/* One port of a range. */
static struct err *show_port(struct cli *c, const char *prefix, const struct publish *p, uint32_t k, bool alone)
{
    bool six = strchr(p->host_ip, ':') != NULL;
    if (!alone)
        TRY(cli_printf(c, "%s%u/%s -> ", prefix, p->ct_port + k, publish_proto_name(p->proto)));
    return cli_printf(c, "%s%s%s:%u\n", six ? "[" : "", p->host_ip[0] ? p->host_ip : "0.0.0.0", six ? "]" : "",
                      p->host_port + k);
}

static struct err *show_container(struct cli *c, const struct container *ct, const char *prefix,
                                  const struct wanted *wanted, bool *ret_found)
{
    AUTO_PUBLISH struct publish_list list = {0};
    if (ct->state != CT_RUNNING && ct->state != CT_PAUSED) /* as Podman: nothing is open */
        return NULL;
    AUTO_STRV struct strv published = STRV_INIT;
    TRY(container_published(ct, &published));
    TRY(publish_parse_all(&published, &list));
    for (size_t i = 0; i < list.count; i++) {
        const struct publish *p = &list.items[i];
        for (uint32_t k = 0; k < p->count; k++) {
            if (wanted->one &&
                (p->ct_port + k != wanted->port || strcmp(publish_proto_name(p->proto), wanted->proto) != 0))
                continue;
            TRY(show_port(c, prefix, p, k, wanted->one));
            *ret_found = true;
        }
    }
    return NULL;
}

static struct err *show_all(struct cli *c)
{
    struct engine *e;
    struct container **list = NULL;
    size_t count = 0;
    const struct container_list_opts opts = {.with_spec = true};
    const struct wanted any = {.one = false};
    bool found = false;
    TRY(cli_engine(c, &e));
    TRY(container_list(e, &opts, &list, &count));
    struct err *err = NULL;
    for (size_t i = 0; i < count && !err; i++) {
        char prefix[16];
        (void)snprintf(prefix, sizeof(prefix), "%.12s\t", list[i]->id);
        err = container_load_spec(e, list[i]);
        if (!err)
            err = show_container(c, list[i], prefix, &any, &found);
    }
    container_list_free(list, count);
    return err;
}

static struct err *change(struct cli *c, const struct port_opts *o, struct container *ct)
{
    if (c->n_args > (o->latest ? 0u : 1u))
        return ERR_NEW(ERR_INVALID, "--add and --rm name their ports themselves");
    for (size_t i = 0; i < o->remove.count; i++)
        TRY(container_change_ports(c->engine, ct, o->remove.items[i], false));
    for (size_t i = 0; i < o->add.count; i++)
        TRY(container_change_ports(c->engine, ct, o->add.items[i], true));
    return NULL;
}

static struct err *show_or_change(struct cli *c, const struct port_opts *o, struct container *ct)
{
    struct wanted wanted = {.one = false};
    size_t at = o->latest ? 0 : 1;
    bool found = false;
    if (o->add.count || o->remove.count)
        return change(c, o, ct);
    if (c->n_args > at)
        TRY(parse_wanted(c->args[at], &wanted));
    TRY(show_container(c, ct, "", &wanted, &found));
    if (wanted.one && !found)
        return ERR_NEW(ERR_NOT_FOUND, "failed to find published port \"%s\"", c->args[at]);
    return NULL;
}

static struct err *port_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct port_opts *o = opts;
    struct engine *e;
    struct container *ct = NULL;
    (void)exit_code;
    if (o->all && c->n_args)
        return ERR_NEW(ERR_INVALID, "no arguments are needed with --all");
    if (o->all && o->latest)
        return ERR_NEW(ERR_INVALID, "--all and --latest cannot be used together");
    if (o->all)
        return show_all(c);
    if (!o->latest && !c->n_args)
        return ERR_NEW(ERR_INVALID, "you must supply a running container name or id");
    TRY(cli_engine(c, &e));
    if (o->latest)
        TRY(select_latest(c, &ct));
    else
        TRY(container_find(e, c->args[0], &ct));
    struct err *err = container_load_spec(e, ct);
    if (!err)
        err = show_or_change(c, o, ct);
    container_free(ct);
    return err;
}

const struct cli_verb cli_verb_port = {
    .paths = "port|container port",
    .synopsis = "[options] CONTAINER [PORT[/PROTO]]",
    .summary = "List port mappings or a specific mapping for the container",
    .description = "List port mappings for the CONTAINER, or look up the host's side of one PORT. With --add and --rm "
                   "ports are published, or no longer, also while the container runs.",
    .examples = "@ --all\n@ ctrID 80/tcp\n@ --add 8081:80 ctrID\n@ --rm 8081:80 ctrID",
    .flags = port_flags,
    .opts_size = sizeof(struct port_opts),
    .min_args = 0,
    .max_args = 2,
    .complete = CLI_COMPLETE_CONTAINER,
    .complete_args = 1,
    .run = port_verb,
};
