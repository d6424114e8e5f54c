/* Podman's layout of --help: summary, description, usage, commands or aliases, examples, options in two columns. */
#include "cli/help.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"

#define VERBS_MAX 128

/* --- flags */

static void add_flags(struct help_flags *list, const struct cli_flag *table)
{
    for (const struct cli_flag *f = table; f && f->name; f++)
        if (!f->hidden && list->count < HELP_FLAGS_MAX)
            list->items[list->count++] = f;
}

static int by_flag_name(const void *a, const void *b)
{
    const struct cli_flag *const *fa = a, *const *fb = b;
    return strcmp((*fa)->name, (*fb)->name);
}

void help_flags_collect(struct help_flags *list, const struct cli_flag *table, const struct cli_flag *more)
{
    list->count = 0;
    add_flags(list, table);
    add_flags(list, more);
    qsort(list->items, list->count, sizeof list->items[0], by_flag_name);
}

struct err *help_default(const struct cli_flag *f, struct strbuf *out)
{
    if (!f->def || !*f->def || f->missing || strcmp(f->def, "false") == 0 || strcmp(f->def, "0") == 0)
        return NULL;
    bool quoted = f->kind == CLI_STRING || f->kind == CLI_DURATION || f->kind == CLI_CALL;
    return strbuf_printf(out, quoted ? " (default \"%s\")" : " (default %s)", f->def);
}

/* What can't be used yet is told from what never will. */
struct err *help_missing(const struct cli_flag *f, struct strbuf *out)
{
    static const char yet[] = "not built yet";
    size_t len = strlen(f->missing), n = sizeof yet - 1;
    bool later = len >= n && strcmp(f->missing + len - n, yet) == 0;
    return strbuf_puts(out, later ? " (not built yet)" : " (not supported)");
}

/* "  -f, --filter strings" */
static struct err *flag_head(const struct cli_flag *f, struct strbuf *out)
{
    if (f->letter)
        TRY(strbuf_printf(out, "  -%c, --%s", f->letter, f->name));
    else
        TRY(strbuf_printf(out, "      --%s", f->name));
    const char *arg = cli_flag_arg(f);
    return *arg ? strbuf_printf(out, " %s", arg) : NULL;
}

/* Help text; lines after the first are indented to the column. */
static struct err *flag_text(const struct cli_flag *f, size_t column, struct strbuf *out)
{
    for (const char *s = f->help ? f->help : ""; *s; s++) {
        TRY(strbuf_putc(out, *s));
        if (*s == '\n')
            TRY(strbuf_printf(out, "%*s", (int)column, ""));
    }
    if (f->missing)
        return help_missing(f, out);
    return help_default(f, out);
}

static struct err *render_flags(const struct help_flags *list, struct strbuf *out)
{
    if (!list->count)
        return NULL;
    size_t widest = 0;
    for (size_t i = 0; i < list->count; i++) {
        AUTO_STRBUF struct strbuf head = STRBUF_INIT;
        TRY(flag_head(list->items[i], &head));
        if (head.len > widest)
            widest = head.len;
    }
    TRY(strbuf_puts(out, "\nOptions:\n"));
    for (size_t i = 0; i < list->count; i++) {
        size_t start = out->len;
        TRY(flag_head(list->items[i], out));
        TRY(strbuf_printf(out, "%*s", (int)(widest + 3 - (out->len - start)), ""));
        TRY(flag_text(list->items[i], widest + 3, out));
        TRY(strbuf_putc(out, '\n'));
    }
    return NULL;
}

/* --- verbs below */

struct verb_entry {
    const char *summary;
    char name[64];
};
struct verb_list {
    struct verb_entry entries[VERBS_MAX];
    size_t count;
};

static struct err *add_verb(const struct cli_verb *v, const char *path, void *arg)
{
    struct verb_list *list = arg;
    if (v->traits & CLI_HIDDEN || list->count == VERBS_MAX)
        return NULL;
    const char *space = strrchr(path, ' '), *name = space ? space + 1 : path;
    struct verb_entry *entry = &list->entries[list->count++];
    size_t len = strnlen(name, sizeof entry->name - 1);
    memcpy(entry->name, name, len);
    entry->name[len] = '\0';
    entry->summary = v->summary;
    return NULL;
}

static int by_verb_name(const void *a, const void *b)
{
    return strcmp(((const struct verb_entry *)a)->name, ((const struct verb_entry *)b)->name);
}

static struct err *render_verbs(const char *group, struct strbuf *out)
{
    AUTO_FREE struct verb_list *list = mem_zalloc(sizeof *list);
    if (!list)
        return err_oom();
    TRY(cli_verb_each_below(group, add_verb, list));
    qsort(list->entries, list->count, sizeof list->entries[0], by_verb_name);
    TRY(strbuf_puts(out, "\nAvailable Commands:\n"));
    for (size_t i = 0; i < list->count; i++)
        TRY(strbuf_printf(out, "  %-11s %s\n", list->entries[i].name, list->entries[i].summary));
    return NULL;
}

/* --- the rest */

static struct err *render_indented(const char *text, struct strbuf *out)
{
    bool line_start = true;
    for (const char *s = text; *s; s++) {
        if (line_start && *s != '\n')
            TRY(strbuf_puts(out, "  "));
        TRY(strbuf_putc(out, *s));
        line_start = *s == '\n';
    }
    return strbuf_putc(out, '\n');
}

struct err *help_examples(const struct cli_verb *v, const char *path, const char *indent, struct strbuf *out)
{
    TRY(strbuf_puts(out, indent));
    for (const char *s = v->examples; *s; s++) {
        if (*s == '@')
            TRY(strbuf_printf(out, CLI_PROGRAM " %s", path));
        else
            TRY(strbuf_putc(out, *s));
        if (*s == '\n')
            TRY(strbuf_puts(out, indent));
    }
    return strbuf_putc(out, '\n');
}

/* Names in the same place, when there are several: "list, ls". */
static struct err *render_aliases(const struct cli_verb *v, const char *path, struct strbuf *out)
{
    AUTO_STRBUF struct strbuf names = STRBUF_INIT;
    struct cli_verb_names it;
    bool here = false;
    size_t count = 0;
    for (cli_verb_names_start(&it, v); cli_verb_names_next(&it);) {
        if (!it.alias) {
            if (here)
                break;
            names.len = 0;
            count = 0;
        }
        here |= strcmp(it.path, path) == 0;
        TRY(strbuf_printf(&names, "%s%s", count++ ? ", " : "", it.path + it.group_len));
    }
    if (!here || count < 2)
        return NULL;
    return strbuf_printf(out, "\nAliases:\n  %s\n", strbuf_str(&names));
}

static struct err *render_program(struct strbuf *out)
{
    AUTO_FREE struct help_flags *list = mem_zalloc(sizeof *list);
    if (!list)
        return err_oom();
    TRY(strbuf_puts(out, "Manage containers, images and volumes as an ordinary user\n\n"
                         "Usage:\n  " CLI_PROGRAM " [options] [command]\n"));
    TRY(render_verbs("", out));
    help_flags_collect(list, cli_global_flags, NULL);
    return render_flags(list, out);
}

struct err *help_render(const struct cli_verb *v, const char *path, struct strbuf *out)
{
    if (!v)
        return render_program(out);
    TRY(strbuf_printf(out, "%s\n\nDescription:\n", v->summary));
    TRY(render_indented(v->description ? v->description : v->summary, out));
    TRY(strbuf_printf(out, "\nUsage:\n  " CLI_PROGRAM " %s %s\n", path,
                      v->traits & CLI_GROUP ? "[command]" : v->synopsis));
    if (v->traits & CLI_GROUP)
        TRY(render_verbs(path, out));
    TRY(render_aliases(v, path, out));
    if (v->examples) {
        TRY(strbuf_puts(out, "\nExamples:\n"));
        TRY(help_examples(v, path, "  ", out));
    }
    AUTO_FREE struct help_flags *list = mem_zalloc(sizeof *list);
    if (!list)
        return err_oom();
    help_flags_collect(list, v->flags, v->more_flags);
    TRY(render_flags(list, out));
    return strbuf_putc(out, '\n');
}
