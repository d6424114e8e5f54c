/* ps, and its other names. */
#include "cli/ps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "engine/network/network.h"

#define DEFAULT_TABLE "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.CreatedHuman}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"
#define NS_TABLE \
    "{{.ID}}\t{{.Names}}\t{{.Pid}}\t{{.Cgroup}}\t{{.IPC}}\t{{.MNT}}\t{{.NET}}\t{{.PIDNS}}\t{{.USERNS}}\t{{.UTS}}"

struct ps_opts {
    bool all, external, latest, no_trunc, no_heading, ns, pod, quiet, size, sync;
    int64_t last;
    uint64_t watch;
    const char *format, *sort;
    struct strv filters;
};
#define O(field) offsetof(struct ps_opts, field)

static const struct cli_flag ps_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Show all the containers, default is only running containers"},
    {"external", 0, CLI_BOOL, .offset = O(external),
     .help = "Show containers in storage not controlled by " CLI_PROGRAM " (there are never any in this store)"},
    {"filter", 'f', CLI_STRINGS, .offset = O(filters), .help = "Filter output based on conditions given"},
    {"format", 0, CLI_STRING, .offset = O(format), .help = "Pretty-print containers to JSON or using a Go template"},
    {"last", 'n', CLI_INT, .offset = O(last), .def = "-1", .help = "Print the n last created containers (all states)"},
    CLI_LATEST_FLAG(O(latest), "container"),
    {"namespace", 0, CLI_BOOL, .hidden = true, .offset = O(ns)},
    {"no-trunc", 0, CLI_BOOL, .offset = O(no_trunc), .help = "Display the extended information"},
    {"noheading", 0, CLI_BOOL, .offset = O(no_heading), .help = "Do not print headers"},
    {"ns", 0, CLI_BOOL, .offset = O(ns), .help = "Display namespace information"},
    {"pod", 'p', CLI_BOOL, .offset = O(pod),
     .help = "Print the ID and name of the pod the containers are associated with"},
    {"quiet", 'q', CLI_BOOL, .offset = O(quiet), .help = "Print the numeric IDs of the containers only"},
    {"size", 's', CLI_BOOL, .offset = O(size), .help = "Display the total file sizes"},
    {"sort", 0, CLI_STRING, .offset = O(sort), .arg = "choice",
     .choices = "command|created|id|image|names|runningfor|size|status",
     .help = "Sort output by: command, created, id, image, names, runningfor, size, status"},
    {"storage", 0, CLI_BOOL, .hidden = true, .offset = O(external)},
    {"sync", 0, CLI_BOOL, .offset = O(sync), .help = "Sync container state with OCI runtime (it always is)"},
    {"watch", 'w', CLI_UINT, .offset = O(watch), .help = "Watch the ps output on an interval in seconds"},
    {0},
};

/* What was looked up for the rows of one listing. */
struct known_image {
    char *id;
    struct image_config config;
};
struct listing {
    struct container **containers;
    size_t count;
    struct ps_row *rows;
    struct ps_namespaces *namespaces;
    struct strv *networks;       /* names, where they are needed */
    const void **order;          /* rows, sorted */
    struct known_image **images; /* pointers, so that configs stay where they are */
    size_t n_images, cap_images;
};

static void listing_done(struct listing *l)
{
    for (size_t i = 0; i < l->n_images; i++) {
        image_config_done(&l->images[i]->config);
        mem_freep(&l->images[i]->id);
        mem_freep(&l->images[i]);
    }
    mem_freep(&l->images);
    for (size_t i = 0; l->networks && i < l->count; i++)
        strv_done(&l->networks[i]);
    mem_freep(&l->networks);
    mem_freep(&l->rows);
    mem_freep(&l->namespaces);
    mem_freep(&l->order);
    container_list_free(l->containers, l->count);
}

/* --- looking up */

static struct err *load_config(struct engine *e, const char *id, struct image_config *ret)
{
    struct image *image;
    TRY(image_find(e, id, &image));
    struct err *err = image_read_config(e, image, ret);
    image_free(image);
    return err;
}

/* The image's config; NULL when it can't be read, which `ps` doesn't fail for. */
static struct err *find_config(struct engine *e, struct listing *l, const char *id, const struct image_config **ret)
{
    *ret = NULL;
    if (!id)
        return NULL;
    for (size_t i = 0; i < l->n_images; i++) {
        if (strcmp(l->images[i]->id, id) == 0) {
            *ret = &l->images[i]->config;
            return NULL;
        }
    }
    TRY(mem_grow(&l->images, l->n_images, &l->cap_images, sizeof *l->images, SIZE_MAX / 64));
    struct known_image *known = mem_zalloc(sizeof *known);
    if (!known)
        return err_oom();
    l->images[l->n_images++] = known;
    TRY(mem_strdup(id, &known->id));
    struct err *err = load_config(e, id, &known->config);
    if (err && err_kind(err) == ERR_NO_MEMORY)
        return err;
    err_drop(err);
    *ret = &known->config;
    return NULL;
}

/* Inode number of a namespace, "" when it can't be seen. */
static void read_namespace(pid_t host_pid, const char *name, char *ret, size_t cap)
{
    char path[64], link[64];
    (void)snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)host_pid, name);
    ssize_t n = readlink(path, link, sizeof link - 1);
    const char *open = n > 0 ? memchr(link, '[', (size_t)n) : NULL;
    const char *close = open ? memchr(open, ']', (size_t)(link + n - open)) : NULL;
    if (close)
        (void)snprintf(ret, cap, "%.*s", (int)(close - open - 1), open + 1);
}

static void read_namespaces(pid_t host_pid, struct ps_namespaces *ns)
{
    if (host_pid <= 0)
        return;
    read_namespace(host_pid, "cgroup", ns->cgroup, sizeof ns->cgroup);
    read_namespace(host_pid, "ipc", ns->ipc, sizeof ns->ipc);
    read_namespace(host_pid, "mnt", ns->mnt, sizeof ns->mnt);
    read_namespace(host_pid, "net", ns->net, sizeof ns->net);
    read_namespace(host_pid, "pid", ns->pid, sizeof ns->pid);
    read_namespace(host_pid, "user", ns->user, sizeof ns->user);
    read_namespace(host_pid, "uts", ns->uts, sizeof ns->uts);
}

/* --- sorting */

/* NULL first. */
static int by_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static int compare(const void *pa, const void *pb, void *arg)
{
    const struct ps_row *a = *(const struct ps_row *const *)pa, *b = *(const struct ps_row *const *)pb;
    const struct container *ca = a->container, *cb = b->container;
    const char *key = arg;
    int order = 0;
    if (strcmp(key, "command") == 0)
        order = by_text(ca->command, cb->command);
    else if (strcmp(key, "id") == 0)
        order = by_text(ca->id, cb->id);
    else if (strcmp(key, "image") == 0)
        order = by_text(ca->image_name, cb->image_name);
    else if (strcmp(key, "names") == 0)
        order = by_text(ca->name, cb->name);
    else if (strcmp(key, "runningfor") == 0)
        order = (ca->started_nsec > cb->started_nsec) - (ca->started_nsec < cb->started_nsec);
    else if (strcmp(key, "size") == 0)
        order = (a->size_root > b->size_root) - (a->size_root < b->size_root);
    else if (strcmp(key, "status") == 0)
        order = by_text(container_state_name(ca->state), container_state_name(cb->state));
    if (order)
        return order;
    return (ca->created_nsec > cb->created_nsec) - (ca->created_nsec < cb->created_nsec);
}

/* --- the listing */

/* Which parts of a container the output needs: each costs something. */
struct needs {
    bool spec, config, size, networks;
};

static struct needs needs_of(const struct ps_opts *o, const struct template *t, bool json)
{
    struct needs n = {.size = o->size};
    bool all = json || (t && o->format && strstr(o->format, "{{.}}"));
    n.config = all || (t && (template_uses(t, "Labels") || template_uses(t, "Label")));
    n.spec = n.config || (t && (template_uses(t, "Mounts") || template_uses(t, "CIDFile")));
    n.networks = all || (t && template_uses(t, "Networks"));
    n.size |= (t && template_uses(t, "Size")) || (o->sort && strcmp(o->sort, "size") == 0);
    return n;
}

/* Everything a row's fields will ask for. */
static struct err *fill_row(struct engine *e, const struct ps_opts *o, struct needs needs, struct listing *l, size_t i)
{
    struct ps_row *row = &l->rows[i];
    row->container = l->containers[i];
    row->no_trunc = o->no_trunc;
    row->now_nsec = timefmt_now();
    if (needs.config)
        TRY(find_config(e, l, row->container->image_id, &row->config));
    if (needs.size) {
        struct err *err = container_size(e, row->container, &row->size_rw, &row->size_root);
        row->has_size = !err;
        err_drop(err); /* it may be gone by now */
    }
    if (needs.networks) {
        TRY(network_names_of(e, row->container->id, &l->networks[i]));
        row->networks = &l->networks[i];
    }
    if (o->ns) {
        read_namespaces(row->container->host_pid, &l->namespaces[i]);
        row->namespaces = &l->namespaces[i];
    }
    return NULL;
}

static struct err *load(struct engine *e, const struct ps_opts *o, struct needs needs, struct listing *l)
{
    const struct container_list_opts opts = {
        .all = o->all || o->last > 0 || o->latest,
        .last = o->last > 0 ? (o->last > INT32_MAX ? INT32_MAX : (int)o->last) : 0,
        .latest = o->latest,
        .filters = o->filters,
        .with_spec = needs.spec,
        .with_size = needs.size,
    };
    TRY(container_list(e, &opts, &l->containers, &l->count));
    l->rows = mem_zalloc((l->count + 1) * sizeof *l->rows);
    l->order = mem_zalloc((l->count + 1) * sizeof *l->order);
    l->namespaces = o->ns ? mem_zalloc((l->count + 1) * sizeof *l->namespaces) : NULL;
    l->networks = needs.networks ? mem_zalloc((l->count + 1) * sizeof *l->networks) : NULL;
    if (!l->rows || !l->order || (o->ns && !l->namespaces) || (needs.networks && !l->networks))
        return err_oom();
    for (size_t i = 0; i < l->count; i++) {
        TRY(fill_row(e, o, needs, l, i));
        l->order[i] = &l->rows[i];
    }
    char key[16];
    (void)snprintf(key, sizeof key, "%s", o->sort ? o->sort : "created");
    qsort_r(l->order, l->count, sizeof *l->order, compare, key);
    return NULL;
}

/* --quiet needs no template. */
static struct err *print_ids(struct cli *c, const struct ps_opts *o, const struct listing *l)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct ps_row *row = l->order[i];
        TRY(cli_printf(c, "%.*s\n", o->no_trunc ? 64 : 12, row->container->id));
    }
    return NULL;
}

/* One listing: `t` is what the format was parsed to, NULL for JSON and --quiet. */
static struct err *list_once(struct cli *c, const struct ps_opts *o, const struct report *r, const struct template *t)
{
    __attribute__((cleanup(listing_done))) struct listing l = {0};
    struct engine *e;
    bool json = report_is_json(o->format);
    TRY(cli_engine(c, &e));
    TRY(load(e, o, needs_of(o, t, json), &l));
    if (json)
        return report_list(c, &ps_class, l.order, l.count, 2);
    if (!t)
        return print_ids(c, o, &l);
    return report_print(c, r, o->format, t, l.order, l.count);
}

static struct err *default_table(const struct ps_opts *o, struct strbuf *ret)
{
    TRY(strbuf_puts(ret, o->ns ? NS_TABLE : DEFAULT_TABLE));
    if (o->pod)
        TRY(strbuf_puts(ret, "\t{{.Pod}}\t{{.PodName}}"));
    return o->size ? strbuf_puts(ret, "\t{{.Size}}") : NULL;
}

static struct err *check(const struct cli *c, const struct ps_opts *o)
{
    if (o->latest && o->last > 0)
        return ERR_NEW(ERR_INVALID, "last and latest are mutually exclusive");
    if (o->ns && o->size)
        return ERR_NEW(ERR_INVALID, "size and namespace options conflict");
    if (o->watch && o->latest)
        return ERR_NEW(ERR_INVALID, "the watch and latest flags cannot be used together");
    if (cli_given(c, "watch") && !o->watch)
        return ERR_NEW(ERR_INVALID, "invalid argument \"0\" for \"-w, --watch\" flag: not a number of seconds");
    return NULL;
}

static struct err *ps_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct ps_opts *o = opts;
    AUTO_TEMPLATE struct template *t = NULL;
    AUTO_STRBUF struct strbuf table = STRBUF_INIT;
    (void)exit_code;
    TRY(check(c, o));
    TRY(default_table(o, &table));
    const struct report r = {
        .name = "ps",
        .class = &ps_class,
        .members = ps_members,
        .table = strbuf_str(&table),
        .no_heading = o->no_heading,
    };
    if (!report_is_json(o->format) && (!o->quiet || o->format))
        TRY(report_parse(&r, o->format, &t));
    for (;;) {
        if (o->watch)
            TRY(cli_printf(c, "\033[H\033[2J"));
        TRY(list_once(c, o, &r, t));
        TRY(cli_flush(c));
        if (!o->watch)
            return NULL;
        const struct timespec pause = {.tv_sec = (time_t)o->watch};
        (void)nanosleep(&pause, NULL);
    }
}

const struct cli_verb cli_verb_ps = {
    .paths = "ps|container list,ls|container ps",
    .synopsis = "[options]",
    .summary = "List containers",
    .description = "Prints out information about the containers",
    .examples = "@ -a\n@ -a --format \"{{.ID}}  {{.Image}}  {{.Labels}}  {{.Mounts}}\"\n@ --size --sort names",
    .flags = ps_flags,
    .opts_size = sizeof(struct ps_opts),
    .run = ps_verb,
};
