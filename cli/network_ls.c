/* network ls. */
#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "engine/network/network.h"

struct ls_opts {
    bool no_heading, no_trunc, quiet;
    const char *format;
    struct strv filters;
};
#define O(field) offsetof(struct ls_opts, field)

static const struct cli_flag ls_flags[] = {
    {"filter", 'f', CLI_ARRAY, .offset = O(filters), .help = "Provide filter values (e.g. 'name=podman')"},
    {"format", 0, CLI_STRING, .offset = O(format), .help = "Pretty-print networks to JSON or using a Go template"},
    {"no-trunc", 0, CLI_BOOL, .offset = O(no_trunc), .help = "Do not truncate the network ID"},
    {"noheading", 'n', CLI_BOOL, .offset = O(no_heading), .help = "Do not print headers"},
    {"quiet", 'q', CLI_BOOL, .offset = O(quiet), .help = "display only names"},
    {0},
};

struct row {
    const struct network *n;
    bool no_trunc;
};

static const struct network *network_of(const void *p)
{
    return ((const struct row *)p)->n;
}

static struct err *get_id(const void *p, json_t **ret)
{
    const struct row *row = p;
    return report_id(ret, row->n->id, row->no_trunc);
}

static struct err *get_name(const void *p, json_t **ret)
{
    return report_string(ret, network_of(p)->name);
}

static struct err *get_driver(const void *p, json_t **ret)
{
    return report_string(ret, network_of(p)->driver);
}

static struct err *get_interface(const void *p, json_t **ret)
{
    return report_string(ret, network_of(p)->interface);
}

static struct err *get_created(const void *p, json_t **ret)
{
    return report_string(ret, timefmt_rfc3339(network_of(p)->created_nsec, 0).s);
}

/* As Podman's lists of networks print them: sorted, with commas. */
static struct err *get_labels(const void *p, json_t **ret)
{
    AUTO_STRV struct strv labels = STRV_INIT;
    AUTO_FREE char *text = NULL;
    TRY(strv_copy(&network_of(p)->labels, &labels));
    strv_sort(&labels);
    TRY(strv_join(&labels, ",", &text));
    return report_string(ret, text);
}

static struct err *get_options(const void *p, json_t **ret)
{
    return json_from_pairs(&network_of(p)->options, ret);
}

/* A member of the JSON form; what is left out there is an empty list. */
static struct err *get_member(const void *p, const char *name, json_t **ret)
{
    AUTO_JSON json_t *o = NULL;
    TRY(network_json(network_of(p), &o));
    json_t *member = json_object_get(o, name);
    *ret = member ? json_incref(member) : json_array();
    return *ret ? NULL : err_oom();
}

static struct err *get_subnets(const void *p, json_t **ret)
{
    return get_member(p, "subnets", ret);
}

static struct err *get_routes(const void *p, json_t **ret)
{
    return get_member(p, "routes", ret);
}

static struct err *get_ipam(const void *p, json_t **ret)
{
    return get_member(p, "ipam_options", ret);
}

static struct err *get_ipv6(const void *p, json_t **ret)
{
    return report_boolean(ret, network_of(p)->ipv6);
}

static struct err *get_internal(const void *p, json_t **ret)
{
    return report_boolean(ret, network_of(p)->internal);
}

static struct err *get_dns(const void *p, json_t **ret)
{
    return report_boolean(ret, network_of(p)->dns);
}

static struct err *get_servers(const void *p, json_t **ret)
{
    AUTO_JSON json_t *o = json_object();
    if (!o)
        return err_oom();
    TRY(json_put_strv(o, "servers", &network_of(p)->dns_servers));
    *ret = json_incref(json_object_get(o, "servers"));
    return NULL;
}

static struct err *get_all(const void *p, json_t **ret)
{
    return network_json(network_of(p), ret);
}

static const struct template_field fields[] = {
    {"ID", "NETWORK ID", get_id, NULL},
    {"Name", NULL, get_name, NULL},
    {"Driver", NULL, get_driver, NULL},
    {"NetworkInterface", NULL, get_interface, NULL},
    {"Created", NULL, get_created, NULL},
    {"Subnets", NULL, get_subnets, NULL},
    {"IPv6Enabled", NULL, get_ipv6, NULL},
    {"Internal", NULL, get_internal, NULL},
    {"DNSEnabled", NULL, get_dns, NULL},
    {"NetworkDNSServers", NULL, get_servers, NULL},
    {"Labels", NULL, get_labels, NULL},
    {"Options", NULL, get_options, NULL},
    {"IPAMOptions", NULL, get_ipam, NULL},
    {"Routes", NULL, get_routes, NULL},
    {0},
};
static const struct template_class network_class = {
    .type_name = "networks.ListPrintReports",
    .fields = fields,
    .get_all = get_all,
};
static const struct template_member network_members[] = {
    {"Options", TEMPLATE_MAP, NULL},
    {"IPAMOptions", TEMPLATE_MAP, NULL},
    {"Created", TEMPLATE_TIME, NULL},
    {"Routes", TEMPLATE_LIST, NULL},
    {"Subnets", TEMPLATE_LIST, NULL},
    {"NetworkDNSServers", TEMPLATE_LIST, NULL},
    {0},
};

static struct err *print_networks(struct cli *c, const struct ls_opts *o, struct network *const *list, size_t count)
{
    const struct report r = {
        .name = "network ls",
        .class = &network_class,
        .members = network_members,
        .table = "{{.ID}}\t{{.Name}}\t{{.Driver}}",
        .no_heading = o->no_heading,
    };
    AUTO_FREE struct row *rows = mem_zalloc((count + 1) * sizeof(*rows));
    AUTO_FREE const void **pointers = mem_zalloc((count + 1) * sizeof(*pointers));
    if (!rows || !pointers)
        return err_oom();
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct row){.n = list[i], .no_trunc = o->no_trunc};
        pointers[i] = &rows[i];
    }
    if (report_is_json(o->format) && !o->quiet)
        return report_list(c, &network_class, pointers, count, 2);
    return report_rows(c, &r, o->quiet ? "{{.Name}}" : o->format, pointers, count);
}

static struct err *ls_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct ls_opts *o = opts;
    struct engine *e;
    struct network **list;
    size_t count;
    (void)exit_code;
    TRY(cli_engine(c, &e));
    TRY(network_list(e, &o->filters, &list, &count));
    struct err *err = print_networks(c, o, list, count);
    network_list_free(list, count);
    return err;
}

const struct cli_verb cli_verb_network_ls = {
    .paths = "network ls,list",
    .synopsis = "[options]",
    .summary = "network list",
    .description = "List networks",
    .examples = "@ --filter driver=bridge\n@ --format '{{.Name}}'",
    .flags = ls_flags,
    .opts_size = sizeof(struct ls_opts),
    .run = ls_verb,
};
