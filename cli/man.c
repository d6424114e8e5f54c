/* __man DIR: manual pages from the tables, one for each verb and one for the program. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/verbs.h"

#define DIR_MODE 0755
#define PAGE_MODE 0644

/* Text for troff: backslashes, leading dots and quotes are no requests; blank lines are paragraphs. */
static struct err *put_text(struct strbuf *out, const char *text)
{
    bool line_start = true;
    for (const char *s = text; *s; s++) {
        if (line_start && (*s == '.' || *s == '\''))
            TRY(strbuf_puts(out, "\\&"));
        if (*s == '\\')
            TRY(strbuf_puts(out, "\\e"));
        else if (*s == '-')
            TRY(strbuf_puts(out, "\\-"));
        else if (*s == '\n' && s[1] == '\n')
            TRY(strbuf_puts(out, "\n.PP"));
        else
            TRY(strbuf_putc(out, *s));
        line_start = *s == '\n';
    }
    return NULL;
}

static struct err *put_flags(struct strbuf *out, const struct cli_flag *table, const struct cli_flag *more)
{
    struct help_flags list;
    help_flags_collect(&list, table, more);
    for (size_t i = 0; i < list.count; i++) {
        const struct cli_flag *f = list.items[i];
        TRY(strbuf_puts(out, ".TP\n"));
        if (f->letter)
            TRY(strbuf_printf(out, "\\fB\\-%c\\fR, ", f->letter));
        TRY(strbuf_puts(out, "\\fB\\-\\-"));
        TRY(put_text(out, f->name));
        TRY(strbuf_puts(out, "\\fR"));
        const char *arg = cli_flag_arg(f);
        if (*arg) {
            TRY(strbuf_puts(out, "=\\fI"));
            TRY(put_text(out, arg));
            TRY(strbuf_puts(out, "\\fR"));
        }
        TRY(strbuf_putc(out, '\n'));
        TRY(put_text(out, f->help && *f->help ? f->help : f->name));
        if (f->missing)
            TRY(help_missing(f, out));
        TRY(help_default(f, out));
        TRY(strbuf_putc(out, '\n'));
    }
    return NULL;
}

/* An entry for one verb of a group. */
static struct err *put_below(const struct cli_verb *v, const char *path, void *arg)
{
    struct strbuf *out = arg;
    if (v->traits & CLI_HIDDEN)
        return NULL;
    TRY(strbuf_puts(out, ".TP\n\\fB"));
    TRY(put_text(out, path));
    TRY(strbuf_puts(out, "\\fR\n"));
    TRY(put_text(out, v->summary));
    return strbuf_putc(out, '\n');
}

/* Title and name; the date is left out, so that equal tables give equal pages. */
static struct err *put_head(struct strbuf *out, const char *page, const char *summary)
{
    TRY(strbuf_puts(out, ".\\\" Made from the tables of the command line by " CLI_PROGRAM " __man.\n.TH \""));
    for (const char *s = page; *s; s++)
        TRY(strbuf_putc(out, *s >= 'a' && *s <= 'z' ? (char)(*s - 'a' + 'A') : *s));
    TRY(strbuf_puts(out, "\" \"1\" \"\" \"" CLI_PROGRAM " " CORACLE_VERSION "\" \"" CLI_PROGRAM "\"\n.SH NAME\n"));
    TRY(put_text(out, page));
    TRY(strbuf_puts(out, " \\- "));
    TRY(put_text(out, summary));
    return strbuf_putc(out, '\n');
}

static struct err *put_verb(struct strbuf *out, const struct cli_verb *v, const char *path)
{
    TRY(strbuf_puts(out, ".SH SYNOPSIS\n\\fB" CLI_PROGRAM " "));
    TRY(put_text(out, path));
    TRY(strbuf_puts(out, "\\fR "));
    TRY(put_text(out, v->traits & CLI_GROUP ? "COMMAND" : v->synopsis));
    TRY(strbuf_puts(out, "\n.SH DESCRIPTION\n"));
    TRY(put_text(out, v->description ? v->description : v->summary));
    TRY(strbuf_putc(out, '\n'));
    if (v->traits & CLI_GROUP) {
        TRY(strbuf_puts(out, ".SH COMMANDS\n"));
        TRY(cli_verb_each_below(path, put_below, out));
    }
    if (v->flags || v->more_flags) {
        TRY(strbuf_puts(out, ".SH OPTIONS\n"));
        TRY(put_flags(out, v->flags, v->more_flags));
    }
    if (v->examples) {
        AUTO_STRBUF struct strbuf examples = STRBUF_INIT;
        TRY(help_examples(v, path, "", &examples));
        TRY(strbuf_puts(out, ".SH EXAMPLES\n.nf\n"));
        TRY(put_text(out, strbuf_str(&examples)));
        TRY(strbuf_puts(out, ".fi\n"));
    }
    return strbuf_puts(out, ".SH SEE ALSO\n\\fB" CLI_PROGRAM "\\fR(1)\n");
}

/* DIR/PAGE.1, whole or not at all. */
static struct err *write_page(const char *dir, const char *page, const struct strbuf *text)
{
    AUTO_FREE char *name = NULL, *path = NULL;
    TRY(mem_asprintf(&name, "%s.1", page));
    TRY(path_join(&path, dir, name));
    return file_write_atomic(AT_FDCWD, path, strbuf_str(text), text->len, PAGE_MODE, FILE_NOSYNC);
}

static struct err *write_verb(const char *dir, const struct cli_verb *v, const char *path)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    char page[sizeof CLI_PROGRAM + 64];
    (void)snprintf(page, sizeof page, CLI_PROGRAM "-%s", path);
    for (char *s = page; *s; s++)
        if (*s == ' ')
            *s = '-';
    TRY(put_head(&text, page, v->summary));
    TRY(put_verb(&text, v, path));
    return write_page(dir, page, &text);
}

static struct err *write_program(const char *dir)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    TRY(put_head(&text, CLI_PROGRAM, "manage containers, images and volumes as an ordinary user"));
    TRY(strbuf_puts(&text, ".SH SYNOPSIS\n\\fB" CLI_PROGRAM "\\fR [options] COMMAND\n.SH DESCRIPTION\n"));
    TRY(put_text(&text, "Runs containers without root, without a daemon and without setup. Commands, flags and output "
                        "are those of Docker and Podman."));
    TRY(strbuf_puts(&text, "\n.SH COMMANDS\n"));
    TRY(cli_verb_each_below("", put_below, &text));
    TRY(strbuf_puts(&text, ".SH OPTIONS\n"));
    TRY(put_flags(&text, cli_global_flags, NULL));
    TRY(strbuf_puts(&text,
                    ".SH EXIT STATUS\n125: " CLI_PROGRAM " itself failed. 126: the container's command cannot be "
                    "run. 127: it was not found. Else the command's own.\n"));
    return write_page(dir, CLI_PROGRAM, &text);
}

static struct err *man_verb(struct cli *c, void *opts, int *exit_code)
{
    const char *dir = c->args[0];
    (void)opts, (void)exit_code;
    TRY(file_mkdirs(dir, DIR_MODE));
    TRY(write_program(dir));
    for (const struct cli_verb *const *v = cli_verbs; *v; v++) {
        struct cli_verb_names it;
        if ((*v)->traits & CLI_HIDDEN)
            continue;
        for (cli_verb_names_start(&it, *v); cli_verb_names_next(&it);)
            if (!it.alias)
                TRY(write_verb(dir, *v, it.path));
    }
    return NULL;
}

const struct cli_verb cli_verb_man = {
    .paths = "__man",
    .synopsis = "DIR",
    .summary = "Write the manual pages into a directory",
    .opts_size = 1,
    .min_args = 1,
    .max_args = 1,
    .traits = CLI_HIDDEN,
    .complete = CLI_COMPLETE_DIR,
    .run = man_verb,
};
