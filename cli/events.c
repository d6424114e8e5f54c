/* events. */
#include "engine/container/events.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/report.h"
#include "cli/verbs.h"

#define SHORT_ID 12
#define NSEC_PER_SEC INT64_C(1000000000)

struct events_verb_opts {
    bool no_trunc, stream;
    const char *format, *since, *until;
    struct strv filters;
};
#define O(field) offsetof(struct events_verb_opts, field)

static const struct cli_flag events_flags[] = {
    {"filter", 'f', CLI_ARRAY, .offset = O(filters), .help = "filter output"},
    {"format", 0, CLI_STRING, .offset = O(format), .help = "format the output using a Go template"},
    {"no-trunc", 0, CLI_BOOL, .offset = O(no_trunc), .def = "true", .help = "do not truncate the output"},
    {"since", 0, CLI_STRING, .offset = O(since), .help = "show all events created since timestamp"},
    {"stream", 0, CLI_BOOL, .hidden = true, .offset = O(stream), .def = "true",
     .help = "stream events and do not exit when returning the last known event"},
    {"until", 0, CLI_STRING, .offset = O(until), .help = "show all events until timestamp"},
    {0},
};

/* --- fields */

#define TEXT_FIELD(name)                                       \
    static struct err *get_##name(const void *p, json_t **ret) \
    {                                                          \
        const struct event *event = p;                         \
        return report_string(ret, event->name);                \
    }
TEXT_FIELD(type)
TEXT_FIELD(status)
TEXT_FIELD(id)
TEXT_FIELD(name)
TEXT_FIELD(image)
TEXT_FIELD(health)

static struct err *get_time(const void *p, json_t **ret)
{
    const struct event *event = p;
    return report_string(ret, timefmt_rfc3339(event->at_nsec, 1).s);
}

static struct err *get_time_nano(const void *p, json_t **ret)
{
    const struct event *event = p;
    return report_integer(ret, event->at_nsec);
}

static struct err *get_exit_code(const void *p, json_t **ret)
{
    const struct event *event = p;
    return report_integer(ret, event->exit_code);
}

static struct err *get_attributes(const void *p, json_t **ret)
{
    const struct event *event = p;
    *ret = event->labels ? json_deep_copy(event->labels) : json_object();
    return *ret ? NULL : err_oom();
}

/* What is empty is left out, as Podman's tags have it. */
static struct err *put_text(json_t *o, const char *key, const char *value)
{
    return *value ? json_put_str(o, key, value) : NULL;
}

/* "Time" as Podman 4 has it, "time" and "timeNano" as Podman 5. */
static struct err *get_all(const void *p, json_t **ret)
{
    const struct event *event = p;
    AUTO_JSON json_t *o = json_object();
    if (event->has_exit)
        TRY(json_put_int(o, "ContainerExitCode", event->exit_code));
    TRY(put_text(o, "ID", event->id));
    TRY(put_text(o, "Image", event->image));
    TRY(put_text(o, "Name", *event->container ? event->container : event->name));
    if (*event->container)
        TRY(json_put_str(o, "network", event->name));
    TRY(json_put_str(o, "Status", event->status));
    TRY(json_put_str(o, "Time", timefmt_rfc3339(event->at_nsec, 1).s));
    TRY(json_put_int(o, "time", event->at_nsec / NSEC_PER_SEC));
    TRY(json_put_int(o, "timeNano", event->at_nsec));
    TRY(json_put_str(o, "Type", event->type));
    TRY(put_text(o, "health_status", event->health));
    if (event->has_streak) {
        TRY(json_put_int(o, "HealthFailingStreak", event->failing_streak));
        TRY(put_text(o, "HealthLog", event->health_log));
    }
    TRY(json_put(o, "Attributes", event->labels ? json_deep_copy(event->labels) : json_null()));
    *ret = json_incref(o);
    return NULL;
}

static const struct template_field fields[] = {
    {"ID", NULL, get_id, NULL},
    {"Image", NULL, get_image, NULL},
    {"Name", NULL, get_name, NULL},
    {"Status", NULL, get_status, NULL},
    {"Time", NULL, get_time, NULL},
    {"TimeNano", NULL, get_time_nano, NULL},
    {"Type", NULL, get_type, NULL},
    {"HealthStatus", NULL, get_health, NULL},
    {"ContainerExitCode", NULL, get_exit_code, NULL},
    {"Attributes", NULL, get_attributes, NULL},
    {0},
};
static const struct template_class class = {.type_name = "*events.Event", .fields = fields, .get_all = get_all};
static const struct template_member members[] = {
    {"Attributes", TEMPLATE_MAP, "map[string]string"}, {"Time", TEMPLATE_TIME, NULL}, {0}};

/* --- the verb */

struct printer {
    struct cli *c;
    const struct events_verb_opts *opts;
    struct report report;
    struct template *template; /* NULL: lines for people, or JSON */
};

/* On one line, whatever the container wrote. */
static struct err *print_health_log(struct cli *c, const struct event *event)
{
    AUTO_FREE char *text = NULL;
    TRY(mem_strdup(event->health_log, &text));
    for (char *p = text; *p; p++)
        *p = (unsigned char)*p < ' ' || *p == 127 ? ' ' : *p;
    return cli_printf(c, ", health_failing_streak=%d, health_log=%s", event->failing_streak, text);
}

/* "TIME container start ID (image=…, name=…, label=…)" */
static struct err *print_container(struct cli *c, const struct event *event, const char *id)
{
    const char *key;
    json_t *value;
    TRY(cli_printf(c, " %s (image=%s, name=%s", id, event->image, event->name));
    if (*event->health)
        TRY(cli_printf(c, ", health_status=%s", event->health));
    if (event->has_streak)
        TRY(print_health_log(c, event));
    json_object_foreach ((json_t *)(uintptr_t)event->labels, key, value)
        TRY(cli_printf(c, ", %s=%s", key, json_string_value(value)));
    return cli_printf(c, ")");
}

static struct err *print_line(struct cli *c, const struct events_verb_opts *o, const struct event *event)
{
    char id[80];
    (void)snprintf(id, sizeof id, "%.*s", o->no_trunc ? 79 : SHORT_ID, event->id);
    TRY(cli_printf(c, "%s %s %s", timefmt_go(event->at_nsec).s, event->type, event->status));
    if (strcmp(event->type, "container") == 0 || strcmp(event->type, "pod") == 0)
        TRY(print_container(c, event, id));
    else if (strcmp(event->type, "volume") == 0 || strcmp(event->type, "system") == 0)
        TRY(cli_printf(c, "%s%s", *event->name ? " " : "", event->name));
    else if (strcmp(event->type, "network") == 0)
        TRY(*event->container ? cli_printf(c, " %s (container=%s, name=%s)", id, id, event->name)
                              : cli_printf(c, " %s (name=%s, type=bridge)", id, event->name));
    else
        TRY(cli_printf(c, " %s %s", id, event->name));
    return cli_printf(c, "\n");
}

static struct err *print_event(struct printer *p, const struct event *event)
{
    const void *const rows[] = {event};
    if (p->template)
        return report_print(p->c, &p->report, p->opts->format, p->template, rows, 1);
    if (!p->opts->format)
        return print_line(p->c, p->opts, event);
    AUTO_JSON json_t *object = NULL;
    TRY(get_all(event, &object));
    return report_json(p->c, object, 0);
}

static struct err *on_event(void *arg, const struct event *event)
{
    struct printer *p = arg;
    return event ? print_event(p, event) : cli_flush(p->c);
}

static struct err *events_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct events_verb_opts *o = opts;
    AUTO_TEMPLATE struct template *t = NULL;
    struct events_opts events = {.stream = o->stream, .filters = o->filters};
    struct engine *e;
    (void)exit_code;
    struct printer p = {
        .c = c,
        .opts = o,
        .report = {.name = "events", .class = &class, .members = members, .no_heading = true},
    };
    TRY(cli_parse_time("since", o->since, &events.since_nsec));
    TRY(cli_parse_time("until", o->until, &events.until_nsec));
    TRY(events_check_filters(&o->filters));
    if (o->format && !report_is_json(o->format))
        TRY(report_parse(&p.report, o->format, &t));
    p.template = t;
    TRY(cli_engine(c, &e));
    return events_read(e, &events, on_event, &p);
}

const struct cli_verb cli_verb_events = {
    .paths = "events|system events",
    .synopsis = "[options]",
    .summary = "Show " CLI_PROGRAM " events",
    .description = "Monitor " CLI_PROGRAM " events.\n\nBy default, streaming mode is used, printing new events as they "
                   "occur.  Previous events can be listed via --since and --until.",
    .examples = "@\n@ --filter event=create\n@ --format {{.Image}}\n@ --since 1h30s",
    .flags = events_flags,
    .opts_size = sizeof(struct events_verb_opts),
    .run = events_verb,
};
