/* pod ps. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "engine/network/network.h"
#include "engine/pod/pod.h"

struct ps_opts {
    bool ctr_ids, ctr_names, ctr_status, latest, no_trunc, no_heading, ns, quiet;
    const char *format, *sort;
    struct strv filters;
};
#define O(field) offsetof(struct ps_opts, field)

static const struct cli_flag ps_flags[] = {
    {"ctr-ids", 0, CLI_BOOL, .offset = O(ctr_ids),
     .help = "Display the container UUIDs. If no-trunc is not set they will be truncated"},
    {"ctr-names", 0, CLI_BOOL, .offset = O(ctr_names), .help = "Display the container names"},
    {"ctr-status", 0, CLI_BOOL, .offset = O(ctr_status), .help = "Display the container status"},
    {"filter", 'f', CLI_STRINGS, .offset = O(filters), .help = "Filter output based on conditions given"},
    {"format", 0, CLI_STRING, .offset = O(format), .help = "Pretty-print pods to JSON or using a Go template"},
    CLI_LATEST_FLAG(O(latest), "pod"),
    {"namespace", 0, CLI_BOOL, .hidden = true, .offset = O(ns)},
    {"no-trunc", 0, CLI_BOOL, .offset = O(no_trunc), .help = "Do not truncate pod and container IDs"},
    {"noheading", 0, CLI_BOOL, .offset = O(no_heading), .help = "Do not print headers"},
    {"ns", 0, CLI_BOOL, .offset = O(ns), .help = "Display namespace information of the pod"},
    {"quiet", 'q', CLI_BOOL, .offset = O(quiet), .help = "Print the numeric IDs of the pods only"},
    {"sort", 0, CLI_STRING, .offset = O(sort), .help = "Sort output by created, id, name, or number (default created)"},
    {0},
};

/* What was looked up for one pod; the rest is in the pod. */
struct row {
    const struct pod *pod;
    char *cgroup; /* owned, as the list is */
    struct strv networks;
    bool no_trunc;
};

static const struct pod_row *row_of(const void *p)
{
    return &((const struct row *)p)->pod->row;
}

static struct err *get_id(const void *p, json_t **ret)
{
    return report_id(ret, row_of(p)->id, ((const struct row *)p)->no_trunc);
}

static struct err *get_name(const void *p, json_t **ret)
{
    return report_string(ret, row_of(p)->name);
}

static struct err *get_status(const void *p, json_t **ret)
{
    return report_string(ret, pod_state_name(((const struct row *)p)->pod->state));
}

static struct err *get_created(const void *p, json_t **ret)
{
    return report_ago(ret, timefmt_now() - row_of(p)->created_nsec);
}

static struct err *get_infra(const void *p, json_t **ret)
{
    return report_id(ret, row_of(p)->infra_id, ((const struct row *)p)->no_trunc);
}

static struct err *get_number(const void *p, json_t **ret)
{
    return report_integer(ret, (int64_t)((const struct row *)p)->pod->n_members);
}

static struct err *get_cgroup(const void *p, json_t **ret)
{
    return report_string(ret, ((const struct row *)p)->cgroup);
}

static struct err *get_labels(const void *p, json_t **ret)
{
    return json_from_pairs(&row_of(p)->labels, ret);
}

static struct err *get_networks(const void *p, json_t **ret)
{
    AUTO_FREE char *text = NULL;
    TRY(strv_join(&((const struct row *)p)->networks, ",", &text));
    return report_string(ret, text);
}

/* Podman's is a view of the store, which there are none of. */
static struct err *get_namespace(const void *p, json_t **ret)
{
    (void)p;
    return report_string(ret, "");
}

enum detail { DETAIL_ID, DETAIL_NAME, DETAIL_STATUS };

/* One detail of each of its containers, in the order of their ids. */
static struct err *details(const struct row *row, enum detail what, json_t **ret)
{
    AUTO_FREE const struct container **sorted = NULL;
    AUTO_STRV struct strv all = STRV_INIT;
    AUTO_FREE char *text = NULL;
    TRY(pod_sorted_members(row->pod, &sorted));
    for (size_t i = 0; i < row->pod->n_members; i++) {
        const struct container *c = sorted[i];
        if (what == DETAIL_ID)
            TRY(strv_addf(&all, "%.*s", row->no_trunc ? 64 : 12, c->id));
        else
            TRY(strv_add(&all, what == DETAIL_NAME ? c->name : container_state_name(c->state)));
    }
    TRY(strv_join(&all, ",", &text));
    return report_string(ret, text);
}

static struct err *get_ctr_ids(const void *p, json_t **ret)
{
    return details(p, DETAIL_ID, ret);
}

static struct err *get_ctr_names(const void *p, json_t **ret)
{
    return details(p, DETAIL_NAME, ret);
}

static struct err *get_ctr_status(const void *p, json_t **ret)
{
    return details(p, DETAIL_STATUS, ret);
}

/* --- --format json */

static struct err *put_containers(const struct row *row, json_t *o)
{
    AUTO_FREE const struct container **sorted = NULL;
    json_t *list;
    TRY(pod_sorted_members(row->pod, &sorted));
    TRY(json_put_arr(o, "Containers", &list));
    for (size_t i = 0; i < row->pod->n_members; i++) {
        json_t *item;
        TRY(json_push_obj(list, &item));
        TRY(json_put_str(item, "Id", sorted[i]->id));
        TRY(json_put_str(item, "Names", sorted[i]->name));
        TRY(json_put_str(item, "Status", container_state_name(sorted[i]->state)));
    }
    return NULL;
}

static struct err *get_all(const void *p, json_t **ret)
{
    const struct row *row = p;
    const struct pod_row *r = row_of(p);
    AUTO_JSON json_t *o = json_object();
    TRY(json_put_str(o, "Cgroup", row->cgroup));
    TRY(put_containers(row, o));
    TRY(json_put_str(o, "Created", timefmt_rfc3339(r->created_nsec, 0).s));
    TRY(json_put_str(o, "Id", r->id));
    TRY(json_put_str(o, "InfraId", r->infra_id));
    TRY(json_put_str(o, "Name", r->name));
    TRY(json_put_str(o, "Namespace", ""));
    TRY(json_put_strv(o, "Networks", &row->networks));
    TRY(json_put_str(o, "Status", pod_state_name(row->pod->state)));
    TRY(json_put_pairs(o, "Labels", &r->labels));
    *ret = json_incref(o);
    return NULL;
}

static const struct template_field fields[] = {
    {"Id", "POD ID", get_id, NULL},
    {"ID", "POD ID", get_id, NULL},
    {"Name", NULL, get_name, NULL},
    {"Status", NULL, get_status, NULL},
    {"Created", NULL, get_created, NULL},
    {"InfraId", "INFRA ID", get_infra, NULL},
    {"InfraID", "INFRA ID", get_infra, NULL},
    {"NumberOfContainers", "# OF CONTAINERS", get_number, NULL},
    {"Cgroup", NULL, get_cgroup, NULL},
    {"Labels", NULL, get_labels, NULL},
    {"Networks", NULL, get_networks, NULL},
    {"Namespace", "NAMESPACES", get_namespace, NULL},
    {"ContainerIds", "IDS", get_ctr_ids, NULL},
    {"ContainerNames", "NAMES", get_ctr_names, NULL},
    {"ContainerStatuses", "STATUS", get_ctr_status, NULL},
    {0},
};
static const struct template_class ps_pods_class = {
    .type_name = "pods.ListPodReporter", .fields = fields, .get_all = get_all};
static const struct template_member ps_pods_members[] = {{"Labels", TEMPLATE_MAP, NULL}, {0}};

/* --- the listing */

static int compare(const void *pa, const void *pb, void *arg)
{
    const struct row *a = *(const struct row *const *)pa, *b = *(const struct row *const *)pb;
    const char *key = arg;
    if (strcmp(key, "id") == 0)
        return strcmp(a->pod->row.id, b->pod->row.id);
    if (strcmp(key, "name") == 0 || strcmp(key, "names") == 0)
        return strcmp(a->pod->row.name, b->pod->row.name);
    if (strcmp(key, "number") == 0)
        return (a->pod->n_members > b->pod->n_members) - (a->pod->n_members < b->pod->n_members);
    return (a->pod->row.created_nsec < b->pod->row.created_nsec) -
           (a->pod->row.created_nsec > b->pod->row.created_nsec);
}

static struct err *fill_row(struct cli *c, const struct ps_opts *o, const struct pod *p, struct row *row)
{
    AUTO_FREE char *own = NULL;
    row->pod = p;
    row->no_trunc = o->no_trunc;
    TRY(pod_cgroup(c->engine, p, &row->cgroup, &own));
    return pod_infra(p) ? network_names_of(c->engine, pod_infra(p)->id, &row->networks) : NULL;
}

/* As many as there are places in the default table. */
static struct err *default_table(const struct ps_opts *o, struct strbuf *ret)
{
    TRY(strbuf_puts(ret, "{{.Id}}\t{{.Name}}\t{{.Status}}\t{{.Created}}\t{{.InfraId}}"));
    if (o->ctr_ids)
        TRY(strbuf_puts(ret, "\t{{.ContainerIds}}"));
    if (o->ctr_names)
        TRY(strbuf_puts(ret, "\t{{.ContainerNames}}"));
    if (o->ctr_status)
        TRY(strbuf_puts(ret, "\t{{.ContainerStatuses}}"));
    if (o->ns)
        TRY(strbuf_puts(ret, "\t{{.Cgroup}}\t{{.Namespace}}"));
    bool any = o->ctr_ids || o->ctr_names || o->ctr_status || o->ns;
    return any ? NULL : strbuf_puts(ret, "\t{{.NumberOfContainers}}");
}

static struct err *print_rows(struct cli *c, const struct ps_opts *o, const void *const *rows, size_t n)
{
    AUTO_STRBUF struct strbuf table = STRBUF_INIT;
    if (o->quiet) { /* whole, as Podman */
        for (size_t i = 0; i < n; i++)
            TRY(cli_printf(c, "%s\n", row_of(rows[i])->id));
        return NULL;
    }
    if (report_is_json(o->format))
        return report_list(c, &ps_pods_class, rows, n, 2);
    TRY(default_table(o, &table));
    const struct report r = {
        .name = "ps",
        .class = &ps_pods_class,
        .members = ps_pods_members,
        .table = strbuf_str(&table),
        .no_heading = o->no_heading,
    };
    return report_rows(c, &r, o->format, rows, n);
}

static struct err *print_pods(struct cli *c, const struct ps_opts *o, struct pod *const *list, size_t n)
{
    AUTO_FREE struct row *rows = mem_zalloc((n + 1) * sizeof(*rows));
    AUTO_FREE const void **order = mem_zalloc((n + 1) * sizeof(*order));
    struct err *err = rows && order ? NULL : err_oom();
    char key[16];
    for (size_t i = 0; i < n && !err; i++) {
        order[i] = &rows[i];
        err = fill_row(c, o, list[i], &rows[i]);
    }
    (void)snprintf(key, sizeof(key), "%s", o->sort ? o->sort : "created");
    if (!err) {
        qsort_r(order, n, sizeof(*order), compare, key);
        err = print_rows(c, o, order, n);
    }
    for (size_t i = 0; rows && i < n; i++) {
        mem_freep(&rows[i].cgroup);
        strv_done(&rows[i].networks);
    }
    return err;
}

static struct err *check_sort(const char *sort)
{
    static const char *const known[] = {"created", "id", "name", "names", "number"};
    for (size_t i = 0; sort && i < ARRAY_LEN(known); i++)
        if (strcmp(known[i], sort) == 0)
            return NULL;
    return sort ? ERR_NEW(ERR_INVALID, "invalid option for --sort, options are: id, names, or number") : NULL;
}

static struct err *ps_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct ps_opts *o = opts;
    const struct pod_list_opts list_opts = {.filters = o->filters, .latest = o->latest};
    struct pod **list = NULL;
    struct engine *e;
    size_t n = 0;
    (void)exit_code;
    if (o->quiet && cli_given(c, "format"))
        return ERR_NEW(ERR_INVALID, "quiet and format cannot be used together");
    TRY(check_sort(o->sort));
    TRY(cli_engine(c, &e));
    TRY(pod_list(e, &list_opts, &list, &n));
    struct err *err = print_pods(c, o, list, n);
    pod_list_free(list, n);
    return err;
}

const struct cli_verb cli_verb_pod_ps = {
    .paths = "pod ps,ls,list",
    .synopsis = "[options]",
    .summary = "List pods",
    .description = "List all pods on system including their names, ids and current state.",
    .examples = "@\n@ --ctr-names --filter status=running",
    .flags = ps_flags,
    .opts_size = sizeof(struct ps_opts),
    .run = ps_verb,
};
