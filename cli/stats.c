/* stats. */
#include "engine/container/stats.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/number.h"
#include "cli/pod_select.h"
#include "cli/report.h"
#include "cli/select.h"
#include "cli/verbs.h"

#define TABLE                                                                                                         \
    "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDS}}\t{{.UpTime}}" \
    "\t{{.AVGCPU}}"

#define POD_INTERVAL_SEC 5
#define POD_TABLE \
    "{{.Pod}}\t{{.CID}}\t{{.Name}}\t{{.CPU}}\t{{.MemUsage}}\t{{.Mem}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDS}}"

struct stats_opts {
    bool pods; /* arguments are pods */
    bool all, latest, no_reset, no_stream, no_trunc;
    const char *format;
    int64_t interval;
};
#define O(field) offsetof(struct stats_opts, field)

static const struct cli_flag stats_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all),
     .help = "Show all containers. Only running containers are shown by default. The default is false"},
    {"format", 0, CLI_STRING, .offset = O(format),
     .help = "Pretty-print container statistics to JSON or using a Go template"},
    {"interval", 'i', CLI_INT, .offset = O(interval), .def = "5", .help = "Time in seconds between stats reports"},
    CLI_LATEST_FLAG(O(latest), "container"),
    {"no-reset", 0, CLI_BOOL, .offset = O(no_reset), .help = "Disable resetting the screen between intervals"},
    {"no-stream", 0, CLI_BOOL, .offset = O(no_stream),
     .help = "Disable streaming stats and only pull the first result, default setting is false"},
    {"no-trunc", 0, CLI_BOOL, .offset = O(no_trunc), .help = "Do not truncate output"},
    {0},
};

/* --- fields */

struct row {
    char *id, *name, *pod_id; /* owned */
    bool no_trunc;
    struct stats_sample now, before; /* before: all zero in the first round */
};

static struct err *percent(json_t **ret, double value)
{
    char text[32];
    if (!(value > 0))
        return report_string(ret, "--");
    (void)snprintf(text, sizeof text, "%.2f%%", value);
    return report_string(ret, text);
}

static struct number_text binary_bytes(uint64_t bytes)
{
    struct number_text text;
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t i = 0;
    for (; value >= 1024 && i + 1 < ARRAY_LEN(units); i++)
        value /= 1024;
    (void)snprintf(text.s, sizeof text.s, "%.4g%s", value, units[i]);
    return text;
}

static struct err *pair(json_t **ret, uint64_t a, uint64_t b, struct number_text (*write)(uint64_t bytes))
{
    char text[100];
    if (!a && !b)
        return report_string(ret, "-- / --");
    (void)snprintf(text, sizeof text, "%s / %s", write(a).s, write(b).s);
    return report_string(ret, text);
}

/* Since the round before, else since the start. */
static double cpu_percent(const struct row *r)
{
    int64_t from = r->before.at_nsec ? r->before.at_nsec : r->now.started_nsec;
    uint64_t used = r->now.cpu_nsec > r->before.cpu_nsec ? r->now.cpu_nsec - r->before.cpu_nsec : 0;
    return r->now.at_nsec > from ? 100.0 * (double)used / (double)(r->now.at_nsec - from) : 0;
}

static double average_percent(const struct row *r)
{
    struct row whole = *r;
    whole.before = (struct stats_sample){0};
    return cpu_percent(&whole);
}

static struct err *get_id(const void *p, json_t **ret)
{
    const struct row *r = p;
    return report_id(ret, r->id, r->no_trunc);
}

static struct err *get_pod(const void *p, json_t **ret)
{
    const struct row *r = p;
    return report_id(ret, r->pod_id, r->no_trunc);
}

static struct err *get_name(const void *p, json_t **ret)
{
    const struct row *r = p;
    return report_string(ret, r->name);
}

static struct err *get_cpu(const void *p, json_t **ret)
{
    return percent(ret, cpu_percent(p));
}

static struct err *get_average(const void *p, json_t **ret)
{
    return percent(ret, average_percent(p));
}

static struct err *get_cpu_time(const void *p, json_t **ret)
{
    const struct row *r = p;
    return report_string(ret, number_duration((int64_t)r->now.cpu_nsec).s);
}

static struct err *get_memory(const void *p, json_t **ret)
{
    const struct row *r = p;
    return pair(ret, r->now.memory_bytes, r->now.memory_limit_bytes, number_packed_bytes);
}

static struct err *get_memory_bytes(const void *p, json_t **ret)
{
    const struct row *r = p;
    return pair(ret, r->now.memory_bytes, r->now.memory_limit_bytes, binary_bytes);
}

static struct err *get_memory_percent(const void *p, json_t **ret)
{
    const struct row *r = p;
    double limit = (double)r->now.memory_limit_bytes;
    return percent(ret, limit > 0 ? 100.0 * (double)r->now.memory_bytes / limit : 0);
}

static struct err *get_net(const void *p, json_t **ret)
{
    const struct row *r = p;
    return pair(ret, r->now.net_in_bytes, r->now.net_out_bytes, number_packed_bytes);
}

static struct err *get_block(const void *p, json_t **ret)
{
    const struct row *r = p;
    return pair(ret, r->now.block_in_bytes, r->now.block_out_bytes, number_packed_bytes);
}

static struct err *get_pids(const void *p, json_t **ret)
{
    const struct row *r = p;
    char text[32];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)r->now.pids);
    return report_string(ret, r->now.pids ? text : "--");
}

static const struct template_field fields[] = {
    {"ID", "ID", get_id, NULL},
    {"ContainerID", "ID", get_id, NULL},
    {"Container", "ID", get_id, NULL},
    {"Name", "NAME", get_name, NULL},
    {"CPUPerc", "CPU %", get_cpu, NULL},
    {"CPU", "CPU %", get_cpu, NULL},
    {"MemUsage", "MEM USAGE / LIMIT", get_memory, NULL},
    {"MemUsageBytes", "MEM USAGE / LIMIT", get_memory_bytes, NULL},
    {"MemPerc", "MEM %", get_memory_percent, NULL},
    {"NetIO", "NET IO", get_net, NULL},
    {"BlockIO", "BLOCK IO", get_block, NULL},
    {"PIDS", "PIDS", get_pids, NULL},
    {"PIDs", "PIDS", get_pids, NULL},
    {"UpTime", "CPU TIME", get_cpu_time, NULL},
    {"AVGCPU", "AVG CPU %", get_average, NULL},
    {0},
};

/* JSON has other names. */
static struct err *get_all(const void *p, json_t **ret)
{
    static const struct template_field members[] = {
        {"id", NULL, get_id, NULL},
        {"name", NULL, get_name, NULL},
        {"cpu_time", NULL, get_cpu_time, NULL},
        {"cpu_percent", NULL, get_cpu, NULL},
        {"avg_cpu", NULL, get_average, NULL},
        {"mem_usage", NULL, get_memory, NULL},
        {"mem_percent", NULL, get_memory_percent, NULL},
        {"net_io", NULL, get_net, NULL},
        {"block_io", NULL, get_block, NULL},
        {"pids", NULL, get_pids, NULL},
        {0},
    };
    return report_all(members, p, ret);
}

static const struct template_class class = {
    .type_name = "*containers.containerStats", .fields = fields, .get_all = get_all};
static const struct report report = {.name = "stats", .class = &class, .table = TABLE};

/* The fields of `pod stats` have other names. */
static const struct template_field pod_fields[] = {
    {"Pod", "POD", get_pod, NULL},
    {"CID", "CID", get_id, NULL},
    {"Name", "NAME", get_name, NULL},
    {"CPU", "CPU %", get_cpu, NULL},
    {"MemUsage", "MEM USAGE/ LIMIT", get_memory, NULL},
    {"MemUsageBytes", "MEM USAGE/ LIMIT", get_memory_bytes, NULL},
    {"Mem", "MEM %", get_memory_percent, NULL},
    {"NetIO", "NET IO", get_net, NULL},
    {"BlockIO", "BLOCK IO", get_block, NULL},
    {"PIDS", "PIDS", get_pids, NULL},
    {0},
};

static struct err *get_pod_all(const void *p, json_t **ret)
{
    return report_all(pod_fields, p, ret);
}

static const struct template_class pod_class = {
    .type_name = "*entities.PodStatsReport", .fields = pod_fields, .get_all = get_pod_all};
static const struct report pod_report = {.name = "pod stats", .class = &pod_class, .table = POD_TABLE};

/* --- rounds */

struct round {
    struct row *rows;
    size_t count, cap;
};

static void round_done(struct round *r)
{
    for (size_t i = 0; i < r->count; i++) {
        mem_freep(&r->rows[i].id);
        mem_freep(&r->rows[i].name);
        mem_freep(&r->rows[i].pod_id);
    }
    mem_freep(&r->rows);
    *r = (struct round){0};
}

static const struct row *find_row(const struct round *r, const char *id)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->rows[i].id, id) == 0)
            return &r->rows[i];
    return NULL;
}

static struct err *add_row(struct cli *c, const struct stats_opts *o, struct container *ct, const struct round *before,
                           struct round *r)
{
    TRY(container_load_spec(c->engine, ct));
    TRY(mem_grow(&r->rows, r->count, &r->cap, sizeof *r->rows, SIZE_MAX / sizeof *r->rows));
    struct row *row = &r->rows[r->count++];
    *row = (struct row){.no_trunc = o->no_trunc};
    TRY(mem_strdup(ct->id, &row->id));
    TRY(mem_strdup(ct->name, &row->name));
    TRY(mem_strdup(ct->pod_id, &row->pod_id));
    const struct row *old = find_row(before, ct->id);
    if (old)
        row->before = old->now;
    return container_stats(c->engine, ct, &row->now);
}

static struct err *collect_pod(struct cli *c, const struct stats_opts *o, const struct pod *p,
                               const struct round *before, struct round *r)
{
    for (size_t i = 0; i < p->n_members; i++)
        if (container_is_live(p->members[i]))
            TRY(add_row(c, o, p->members[i], before, r));
    return NULL;
}

/* pod stats: the running containers of pods. */
static struct err *collect_pods(struct cli *c, const struct stats_opts *o, const struct round *before, struct round *r)
{
    AUTO_PODS struct pod_selection pods = {0};
    const struct pod_select_opts which = {
        .all = !c->n_args && !o->latest, .latest = o->latest, .ignore = before->count > 0};
    TRY(pod_select(c, &which, &pods));
    for (size_t i = 0; i < pods.count; i++)
        TRY(collect_pod(c, o, pods.items[i], before, r));
    return NULL;
}

/* Names are looked up in every round: they stop and start meanwhile. */
static struct err *collect(struct cli *c, const struct stats_opts *o, const struct round *before, struct round *r)
{
    AUTO_SELECTION struct selection all = {0};
    if (o->pods)
        return collect_pods(c, o, before, r);
    const struct select_opts which = {
        .all = !c->n_args && !o->latest, .latest = o->latest, .running_only = !o->all, .ignore = before->count > 0};
    TRY(select_containers(c, &which, &all));
    for (size_t i = 0; i < all.count; i++)
        TRY(add_row(c, o, all.items[i].container, before, r));
    return NULL;
}

static struct err *print_round(struct cli *c, const struct stats_opts *o, const struct template *t,
                               const struct round *r)
{
    AUTO_FREE const void **rows = mem_zalloc((r->count + 1) * sizeof *rows);
    if (!rows)
        return err_oom();
    for (size_t i = 0; i < r->count; i++)
        rows[i] = &r->rows[i];
    if (!o->no_stream && !o->no_reset && !report_is_json(o->format))
        TRY(cli_printf(c, "\033[2J\033[1;1H"));
    const struct report *what = o->pods ? &pod_report : &report;
    TRY(t ? report_print(c, what, o->format, t, rows, r->count) : report_list(c, what->class, rows, r->count, 1));
    return cli_flush(c);
}

static struct err *stats_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct stats_opts *o = opts;
    AUTO_TEMPLATE struct template *t = NULL;
    __attribute__((cleanup(round_done))) struct round before = {0};
    (void)exit_code;
    if ((o->all + o->latest + (c->n_args > 0)) > 1)
        return ERR_NEW(ERR_INVALID, "--all, --latest and containers cannot be used together");
    if (o->interval < 1)
        return ERR_NEW(ERR_INVALID, "invalid interval, must be a positive number greater zero");
    if (!report_is_json(o->format))
        TRY(report_parse(o->pods ? &pod_report : &report, o->format, &t));
    for (;;) {
        __attribute__((cleanup(round_done))) struct round now = {0};
        TRY(collect(c, o, &before, &now));
        TRY(print_round(c, o, t, &now));
        if (o->no_stream)
            return NULL;
        round_done(&before);
        before = now;
        now = (struct round){0};
        const struct timespec pause = {.tv_sec = (time_t)o->interval};
        (void)nanosleep(&pause, NULL);
    }
}

const struct cli_verb cli_verb_stats = {
    .paths = "stats|container stats",
    .synopsis = "[options] [CONTAINER...]",
    .summary = "Display a live stream of container resource usage statistics",
    .description = "Display percentage of CPU, memory, network I/O, block I/O and PIDs for one or more containers.",
    .examples = "@ --all --no-stream\n@ ctrID\n@ --no-stream --format \"table {{.ID}} {{.Name}} {{.MemUsage}}\" ctrID",
    .flags = stats_flags,
    .opts_size = sizeof(struct stats_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_RUNNING,
    .run = stats_verb,
};

/* --- pod stats */

static const struct cli_flag pod_stats_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Provide stats for all pods"},
    {"format", 0, CLI_STRING, .offset = O(format),
     .help = "Pretty-print container statistics to JSON or using a Go template"},
    CLI_LATEST_FLAG(O(latest), "pod"),
    {"no-reset", 0, CLI_BOOL, .offset = O(no_reset), .help = "Disable resetting the screen when streaming"},
    {"no-stream", 0, CLI_BOOL, .offset = O(no_stream),
     .help = "Disable streaming stats and only pull the first result"},
    {0},
};

static struct err *pod_stats_verb(struct cli *c, void *opts, int *exit_code)
{
    struct stats_opts *o = opts;
    if ((o->all + o->latest + (c->n_args > 0)) > 1)
        return ERR_NEW(ERR_INVALID, "--all, --latest and arguments cannot be used together");
    o->pods = true;
    o->interval = POD_INTERVAL_SEC;
    return stats_verb(c, opts, exit_code);
}

const struct cli_verb cli_verb_pod_stats = {
    .paths = "pod stats",
    .synopsis = "[options] [POD...]",
    .summary = "Display a live stream of resource usage statistics for the containers in one or more pods",
    .description = "Display the containers' resource-usage statistics of one or more running pod",
    .examples = "@\n@ a69b23034235 named-pod\n@ --latest\n@ --all",
    .flags = pod_stats_flags,
    .opts_size = sizeof(struct stats_opts),
    .max_args = -1,
    .complete = CLI_COMPLETE_POD,
    .run = pod_stats_verb,
};
