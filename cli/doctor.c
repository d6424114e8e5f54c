/* doctor: what this host allows, and the ladder behind it. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "engine/storage/storage.h"
#include "rootless/doctor.h"

struct doctor_verb_opts {
    const char *format;
    bool ladder;
};
static const struct cli_flag doctor_flags[] = {
    {"format", 'f', CLI_STRING, .offset = offsetof(struct doctor_verb_opts, format),
     .help = "Change the output format to JSON or a Go template"},
    {"ladder", 0, CLI_BOOL, .offset = offsetof(struct doctor_verb_opts, ladder),
     .help = "Print what is needed, tried and lost on any host, as a table; nothing is probed"},
    {0},
};

/* Lines to be copied, so without anything in front but blanks. */
static struct err *print_file(struct cli *c, const char *text)
{
    AUTO_STRV struct strv lines = STRV_INIT;
    if (!*text)
        return NULL;
    TRY(strv_split(text, '\n', &lines));
    for (size_t i = 0; i < lines.count; i++)
        TRY(cli_printf(c, "%s%s\n", *lines.items[i] ? "                " : "", lines.items[i]));
    return NULL;
}

static struct err *print_verdict(struct cli *c, unsigned broken)
{
    static const struct {
        unsigned bit;
        const char *what;
    } all[] = {{LADDER_RUN, "run"}, {LADDER_BUILD, "build"}, {LADDER_PORTS, "-p"}};
    TRY(cli_printf(c, "\n"));
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        TRY(cli_printf(c, "%s%s %s", i ? ", " : "", all[i].what, broken & all[i].bit ? "does not work" : "works"));
    return cli_printf(c, "\n");
}

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
        TRY(print_file(c, item->file));
    }
    return print_verdict(c, doctor_verdict(r));
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
    const struct doctor_verb_opts *o = opts;
    struct doctor_report report = {0};
    const struct doctor_opts doctor = {
        .root = c->globals.root,
        .runroot = c->globals.runroot,
        .storage_probe = storage_probe,
    };
    if (o->ladder)
        return ladder_markdown(&c->out);
    TRY(doctor_run(&doctor, &report));
    struct err *e = print_report(c, o->format, &report);
    *exit_code = (int)doctor_verdict(&report);
    doctor_report_done(&report);
    return e;
}

const struct cli_verb cli_verb_doctor = {
    .paths = "doctor|system doctor",
    .synopsis = "[options]",
    .summary = "Show what this host allows and what would change that",
    .description =
        "Probes what containers of an ordinary user need: id ranges, user namespaces, storage, cgroups, the "
        "OCI runtime …\nFor each need it shows what was found; where something is missing also what that "
        "means and what would fix it.\n\nThe exit code is the sum of 1 if `run` does not work here, 2 if building does "
        "not, and 4 if publishing ports does not: 0 when all do.",
    .examples = "@\n@ --format json\n@ --ladder",
    .flags = doctor_flags,
    .opts_size = sizeof(struct doctor_verb_opts),
    .run = doctor_verb,
};
