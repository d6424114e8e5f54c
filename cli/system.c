/* version, info and the group `system`. */

#include "base/json.h"
#include "cli/info.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "cli/yaml.h"

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
