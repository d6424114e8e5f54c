/* version, info, doctor and the group `system`. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/info.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "cli/yaml.h"
#include "engine/storage/storage.h"
#include "rootless/doctor.h"

const struct cli_verb cli_verb_system = {
    .paths = "system",
    .summary = "Manage " CLI_PROGRAM,
    .traits = CLI_GROUP,
};

struct format_opts {
    const char *format;
};
static const struct cli_flag format_flags[] = {
    {"format", 'f', CLI_STRING, .offset = offsetof(struct format_opts, format),
     .help = "Change the output format to JSON or a Go template"},
    {0},
};

/* --- version */

static struct err *print_version(struct cli *c, const json_t *client)
{
    return cli_printf(c, "Client:       Coracle Engine\nVersion:      %s\nAPI Version:  %s\nOS/Arch:      %s\n",
                      json_string_value(json_object_get(client, "Version")),
                      json_string_value(json_object_get(client, "APIVersion")),
                      json_string_value(json_object_get(client, "OsArch")));
}

static struct err *version_verb(struct cli *c, void *opts, int *exit_code)
{
    static const struct template_member members[] = {
        {"Client", TEMPLATE_STRUCT, "*define.Version"}, {"Server", TEMPLATE_STRUCT, "*define.Version"}, {0}};
    const struct format_opts *o = opts;
    AUTO_JSON json_t *document = json_object();
    json_t *client;
    (void)exit_code;
    TRY(info_version(&client));
    TRY(json_put(document, "Client", client));
    if (!o->format)
        return print_version(c, client);
    if (report_is_json(o->format))
        return report_json(c, document, 0);
    TRY(json_put(document, "Server", json_null()));
    return report_object(c, "version", o->format, document, members, "*define.Version");
}

const struct cli_verb cli_verb_version = {
    .paths = "version",
    .synopsis = "[options]",
    .summary = "Display the " CLI_PROGRAM " version information",
    .flags = format_flags,
    .opts_size = sizeof(struct format_opts),
    .run = version_verb,
};

/* --- info */

static struct err *info_verb(struct cli *c, void *opts, int *exit_code)
{
    static const struct template_member members[] = {{"Host", TEMPLATE_STRUCT, "*define.HostInfo"},
                                                     {"Store", TEMPLATE_STRUCT, "*define.StoreInfo"},
                                                     {"GraphOptions", TEMPLATE_MAP, NULL},
                                                     {"GraphStatus", TEMPLATE_MAP, NULL},
                                                     {"Registries", TEMPLATE_MAP, NULL},
                                                     {0}};
    const struct format_opts *o = opts;
    AUTO_JSON json_t *document = NULL, *named = NULL;
    struct engine *e;
    (void)exit_code;
    TRY(cli_engine(c, &e));
    TRY(info_collect(e, &document));
    if (o->format && !report_is_json(o->format))
        return report_object(c, "info", o->format, document, members, "*define.Info");
    TRY(info_json_names(document, &named));
    return o->format ? report_json(c, named, 2) : yaml_render(named, &c->out);
}

const struct cli_verb cli_verb_info = {
    .paths = "info|system info",
    .synopsis = "[options]",
    .summary = "Display " CLI_PROGRAM " system information",
    .description =
        "Display information pertaining to the host, current storage stats, and build of " CLI_PROGRAM ".\n\n"
        "Useful for the user and when reporting issues.",
    .examples = "@",
    .flags = format_flags,
    .opts_size = sizeof(struct format_opts),
    .run = info_verb,
};

/* --- doctor */

/* Three columns; what is wrong is explained below its line. */
static struct err *print_doctor(struct cli *c, const struct doctor_report *r)
{
    size_t width = 0;
    for (size_t i = 0; i < r->count; i++)
        if (strlen(r->items[i].need) > width)
            width = strlen(r->items[i].need);
    for (size_t i = 0; i < r->count; i++) {
        const struct doctor_item *item = &r->items[i];
        TRY(cli_printf(c, "%-8s  %-*s  %s\n", doctor_state_name(item->state), (int)width, item->need, item->found));
        if (item->state == DOCTOR_OK)
            continue;
        const struct {
            const char *label, *text;
        } lines[] = {{"looked at", item->probed}, {"means", item->meaning}, {"to fix", item->fix}};
        for (size_t k = 0; k < ARRAY_LEN(lines); k++)
            if (*lines[k].text)
                TRY(cli_printf(c, "%*s%s: %s\n", 12, "", lines[k].label, lines[k].text));
    }
    return NULL;
}

/* Text, JSON or a template over the same report. */
static struct err *print_report(struct cli *c, const char *format, const struct doctor_report *r)
{
    if (!format)
        return print_doctor(c, r);
    AUTO_FREE char *text = NULL;
    AUTO_JSON json_t *document = NULL;
    TRY(doctor_json(r, &text));
    TRY(json_parse(text, strlen(text), "doctor's report", &document));
    if (report_is_json(format))
        return report_json(c, document, 2);
    return report_object(c, "doctor", format, document, NULL, "doctor report");
}

static struct err *doctor_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct format_opts *o = opts;
    struct doctor_report report = {0};
    const struct doctor_opts doctor = {
        .root = c->globals.root,
        .runroot = c->globals.runroot,
        .storage_probe = storage_probe,
    };
    (void)exit_code;
    TRY(doctor_run(&doctor, &report));
    struct err *e = print_report(c, o->format, &report);
    doctor_report_done(&report);
    return e;
}

const struct cli_verb cli_verb_doctor = {
    .paths = "doctor|system doctor",
    .synopsis = "[options]",
    .summary = "Show what this host allows and what would change that",
    .description = "Probes what containers of an ordinary user need: id ranges, user namespaces, storage, cgroups, the "
                   "OCI runtime …\nFor each need it shows what was found; where something is missing also what that "
                   "means and what would fix it.",
    .examples = "@\n@ --format json",
    .flags = format_flags,
    .opts_size = sizeof(struct format_opts),
    .run = doctor_verb,
};
