/* image trust show, image trust set. */
#include <fcntl.h>
#include <stddef.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "cli/cli.h"
#include "cli/tabwriter.h"
#include "cli/verbs.h"
#include "engine/image/trust_list.h"

const struct cli_verb cli_verb_image_trust = {
    .paths = "image trust",
    .summary = "Manage container image trust policy",
    .description = "Manages which registries you trust as a source of container images based on their location, in "
                   "policy.json. The location is determined by the registry host, and maybe the repository.",
    .traits = CLI_GROUP,
};

/* --- show */

struct show_opts {
    bool json, raw, no_heading;
    const char *policy, *registries;
};
#define O(field) offsetof(struct show_opts, field)

static const struct cli_flag show_flags[] = {
    {"json", 'j', CLI_BOOL, .offset = O(json), .help = "Output as json"},
    {"noheading", 'n', CLI_BOOL, .offset = O(no_heading), .help = "Do not print column headings"},
    {"policypath", 0, CLI_STRING, CLI_COMPLETE_FILE, .hidden = true, .offset = O(policy)},
    {"raw", 0, CLI_BOOL, .offset = O(raw), .help = "Output raw policy file"},
    {"registrypath", 0, CLI_STRING, CLI_COMPLETE_DIR, .hidden = true, .offset = O(registries)},
    {0},
};

static const char *text(const char *s)
{
    return s ? s : "";
}

static struct err *print_table(struct cli *c, const struct trust_row *rows, size_t n, bool heading)
{
    AUTO_STRBUF struct strbuf lines = STRBUF_INIT, out = STRBUF_INIT;
    if (heading)
        TRY(strbuf_puts(&lines, "TRANSPORT\tNAME\tTYPE\tID\tSTORE\n"));
    for (size_t i = 0; i < n; i++)
        TRY(strbuf_printf(&lines, "%s\t%s\t%s\t%s\t%s\n", rows[i].transport, rows[i].repo_name, rows[i].type,
                          text(rows[i].gpg_id), text(rows[i].store)));
    TRY(tabwriter_format(strbuf_str(&lines), lines.len, TABWRITER_LISTING, &out));
    return cli_printf(c, "%s", strbuf_str(&out));
}

static struct err *print_json(struct cli *c, const struct trust_row *rows, size_t n)
{
    AUTO_JSON json_t *list = json_array();
    AUTO_FREE char *out = NULL;
    for (size_t i = 0; i < n; i++) {
        json_t *obj;
        const struct {
            const char *key, *value;
        } members[] = {{"transport", rows[i].transport}, {"name", rows[i].name}, {"repo_name", rows[i].repo_name},
                       {"sigstore", rows[i].store},      {"type", rows[i].type}, {"gpg_id", rows[i].gpg_id}};
        TRY(json_push_obj(list, &obj));
        for (size_t k = 0; k < ARRAY_LEN(members); k++)
            if (members[k].value && members[k].value[0])
                TRY(json_put_str(obj, members[k].key, members[k].value));
    }
    TRY(json_text_indented(list, 2, &out));
    return cli_printf(c, "%s\n", out);
}

static struct err *show_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct show_opts *o = opts;
    AUTO_FREE char *raw = NULL;
    struct trust_row *rows = NULL;
    size_t n = 0;
    (void)exit_code;
    if (o->raw) {
        TRY(trust_raw(o->policy, &raw));
        return cli_printf(c, "%s\n", raw);
    }
    TRY(trust_list(o->policy, o->registries, &rows, &n));
    for (size_t i = 0; i < n; i++)
        if (rows[i].problem)
            cli_warn("Getting key identity: %s", rows[i].problem);
    struct err *e = o->json ? print_json(c, rows, n) : print_table(c, rows, n, !o->no_heading);
    trust_rows_free(rows, n);
    return e;
}

const struct cli_verb cli_verb_image_trust_show = {
    .paths = "image trust show",
    .synopsis = "[options] [REGISTRY]",
    .summary = "Display trust policy for the system",
    .examples = "@\n@ --json\n@ --raw",
    .flags = show_flags,
    .opts_size = sizeof(struct show_opts),
    .max_args = 1,
    .run = show_verb,
};

/* --- set */

struct set_opts {
    struct strv keys;
    const char *type, *policy;
};
#undef O
#define O(field) offsetof(struct set_opts, field)

static const struct cli_flag set_flags[] = {
    {"policypath", 0, CLI_STRING, CLI_COMPLETE_FILE, .hidden = true, .offset = O(policy)},
    {"pubkeysfile", 'f', CLI_STRINGS, CLI_COMPLETE_FILE, .offset = O(keys),
     .help = "Path of installed public key(s) to trust for TARGET. Absolute path to keys is added to policy.json. May "
             "used multiple times to define multiple public keys. File(s) must exist before using this command"},
    {"type", 't', CLI_STRING, .offset = O(type), .def = "signedBy",
     .help = "Trust type, accept values: signedBy(default), accept, reject, sigstoreSigned"},
    {0},
};

static struct err *set_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct set_opts *o = opts;
    AUTO_STRV struct strv keys = STRV_INIT;
    (void)exit_code;
    for (size_t i = 0; i < o->keys.count; i++) {
        AUTO_FREE char *path = NULL;
        TRY(path_absolute(o->keys.items[i], &path));
        if (!file_exists(AT_FDCWD, path))
            return ERR_NEW(ERR_NOT_FOUND, "stat %s: no such file or directory", o->keys.items[i]);
        TRY(strv_take(&keys, TAKE_PTR(path)));
    }
    return trust_set(o->policy, c->args[0], o->type, &keys);
}

const struct cli_verb cli_verb_image_trust_set = {
    .paths = "image trust set",
    .synopsis = "[options] REGISTRY",
    .summary = "Set default trust policy or a new trust policy for a registry",
    .description = "Set default trust policy or add a new trust policy for a registry",
    .examples = "@ --type reject default\n@ --type signedBy --pubkeysfile key.asc registry.example.com/app",
    .flags = set_flags,
    .opts_size = sizeof(struct set_opts),
    .min_args = 1,
    .max_args = 1,
    .run = set_verb,
};
