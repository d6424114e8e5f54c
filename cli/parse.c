/* From argv to verb, options and arguments, by the rules of pflag and cobra (Podman's parsers):
 *
 *   --flag=value  --flag value  -f value  -fvalue  -f=value  -abc (a and b take no value)  --bool  --bool=false  --
 *
 * Flags may stand before and behind arguments, except for verbs with CLI_ARGS_LAST, where the first argument ends
 * them. Words that aren't flags name the verb until one is reached that is no group. Global flags are known everywhere,
 * a verb's own flag of the same name or letter goes first.
 */
#include "cli/absent.h"
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/suggest.h"

#define GIVEN_MAX ((size_t)1 << 20)

struct parser {
    struct cli *c;
    char **argv;
    int next; /* index of the argument to look at */
    int argc;
    bool group; /* still looking for the verb */
};

static struct err *hint_see(struct cli *c)
{
    mem_freep(&c->hint);
    c->hint = NULL;
    return mem_asprintf(&c->hint, "See '" CLI_PROGRAM "%s%s --help'\n", *c->path ? " " : "", c->path);
}

/* A usage error: keeps `take_e`, adds where to read more. */
static struct err *usage(struct cli *c, struct err *take_e)
{
    err_drop(hint_see(c));
    return take_e;
}

static const struct cli_flag *verb_flags(const struct cli *c, int which)
{
    if (!c->verb)
        return NULL;
    return which ? c->verb->more_flags : c->verb->flags;
}

/* The tables that apply here, in the order of lookup. */
static size_t flag_tables(const struct cli *c, const struct cli_flag *tables[3])
{
    tables[0] = verb_flags(c, 0);
    tables[1] = verb_flags(c, 1);
    tables[2] = cli_global_flags;
    return 3;
}

static struct err *unknown_flag(struct parser *p, const char *name, size_t len)
{
    AUTO_FREE char *copy = NULL;
    TRY(mem_strndup(name, len, &copy));
    const struct cli_flag *tables[3];
    const struct cli_flag *near = suggest_flag(tables, flag_tables(p->c, tables), copy);
    if (near)
        return usage(p->c, ERR_NEW(ERR_INVALID, "unknown flag: --%s, did you mean --%s?", copy, near->name));
    return usage(p->c, ERR_NEW(ERR_INVALID, "unknown flag: --%s", copy));
}

/* Apply a value and remember that the flag was given. `global` flags have their own options. */
static struct err *take_flag(struct parser *p, const struct cli_flag *f, bool global, const char *value)
{
    struct cli *c = p->c;
    TRY(mem_grow(&c->given, c->n_given, &c->given_cap, sizeof *c->given, GIVEN_MAX));
    struct err *e = cli_flag_apply(f, global ? (void *)&c->globals : c->opts, value);
    if (e)
        return err_kind(e) == ERR_INVALID && f->kind != CLI_CALL && f->kind != CLI_CALL_CSV ? usage(c, e) : e;
    c->given[c->n_given++] = f;
    return NULL;
}

/* --name, --name=value, --name value */
static struct err *parse_long(struct parser *p, const char *arg)
{
    const char *name = arg + 2, *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    if (!len || *name == '-')
        return usage(p->c, ERR_NEW(ERR_INVALID, "bad flag syntax: %s", arg));
    const struct cli_flag *tables[3], *f = NULL;
    size_t n = flag_tables(p->c, tables), t = 0;
    for (; t < n && !f; t++)
        f = cli_flag_find(tables[t], name, len);
    bool global = f && t == n;
    if (!f && len == 4 && strncmp(name, "help", 4) == 0) {
        p->c->help = !equals || strcmp(equals, "=false") != 0;
        return NULL;
    }
    if (!f)
        return unknown_flag(p, name, len);
    if (equals)
        return take_flag(p, f, global, equals + 1);
    if (cli_flag_is_bool(f))
        return take_flag(p, f, global, "true");
    if (p->next >= p->argc && !f->missing)
        return usage(p->c, ERR_NEW(ERR_INVALID, "flag needs an argument: --%s", f->name));
    return take_flag(p, f, global, p->next < p->argc ? p->argv[p->next++] : "");
}

/* -abc, -fvalue, -f=value, -f value */
static struct err *parse_letters(struct parser *p, const char *arg)
{
    for (const char *s = arg + 1; *s; s++) {
        const struct cli_flag *tables[3], *f = NULL;
        size_t n = flag_tables(p->c, tables), t = 0;
        for (; t < n && !f; t++)
            f = cli_flag_find_letter(tables[t], *s);
        bool global = f && t == n;
        if (!f && *s == 'h') {
            p->c->help = true;
            continue;
        }
        if (!f)
            return usage(p->c, ERR_NEW(ERR_INVALID, "unknown shorthand flag: '%c' in %s", *s, arg));
        if (s[1] == '=' && s[2])
            return take_flag(p, f, global, s + 2);
        if (cli_flag_is_bool(f)) {
            TRY(take_flag(p, f, global, "true"));
            continue;
        }
        if (s[1])
            return take_flag(p, f, global, s + 1);
        if (p->next >= p->argc && !f->missing)
            return usage(p->c, ERR_NEW(ERR_INVALID, "flag needs an argument: '%c' in %s", *s, arg));
        return take_flag(p, f, global, p->next < p->argc ? p->argv[p->next++] : "");
    }
    return NULL;
}

static struct err *unknown_verb(struct cli *c, const char *word)
{
    AUTO_STRBUF struct strbuf near = STRBUF_INIT, hint = STRBUF_INIT;
    const char *why;
    if (absent_verb(c->path, word, &why))
        return ERR_NEW(ERR_UNSUPPORTED, "`" CLI_PROGRAM "%s%s %s` is not %s%s", *c->path ? " " : "", c->path, word,
                       why ? "part of " CLI_PROGRAM ": " : "built yet", why ? why : "");
    TRY(suggest_verbs(c->path, word, &near));
    if (near.len)
        TRY(strbuf_printf(&hint, "\nDid you mean this?\n%s\n", near.data));
    const char *space = *c->path ? " " : "";
    TRY(strbuf_printf(&hint, "Try '" CLI_PROGRAM "%s%s --help' for more information\n", space, c->path));
    TRY(strbuf_take(&hint, &c->hint));
    return ERR_NEW(ERR_INVALID, "unrecognized command `" CLI_PROGRAM "%s%s %s`", space, c->path, word);
}

/* A word while no verb is known: descend. */
static struct err *enter_verb(struct parser *p, const char *word)
{
    struct cli *c = p->c;
    char path[sizeof c->path];
    int len = snprintf(path, sizeof path, "%s%s%s", c->path, *c->path ? " " : "", word);
    const struct cli_verb *v = NULL;
    if (len > 0 && (size_t)len < sizeof path && *word && !strpbrk(word, " |,"))
        v = cli_verb_find(path, (size_t)len, NULL);
    if (!v)
        return unknown_verb(c, word);
    memcpy(c->path, path, sizeof path);
    c->verb = v;
    p->group = v->traits & CLI_GROUP;
    if (p->group)
        return NULL;
    c->opts = mem_zalloc(v->opts_size ? v->opts_size : 1);
    if (!c->opts)
        return err_oom();
    if (v->init)
        TRY(v->init(c->opts));
    TRY(cli_flag_defaults(v->flags, c->opts));
    return cli_flag_defaults(v->more_flags, c->opts);
}

static struct err *check_count(const struct cli *c)
{
    const struct cli_verb *v = c->verb;
    size_t n = c->n_args, min = (size_t)v->min_args, max = (size_t)v->max_args;
    if (v->max_args == 0 && n > 0)
        return ERR_NEW(ERR_INVALID, "`" CLI_PROGRAM " %s` takes no arguments", c->path);
    if (v->min_args == v->max_args && n != min)
        return ERR_NEW(ERR_INVALID, "accepts %zu arg(s), received %zu", min, n);
    if (v->max_args > 0 && min > 0 && (n < min || n > max))
        return ERR_NEW(ERR_INVALID, "accepts between %zu and %zu arg(s), received %zu", min, max, n);
    if (v->max_args > 0 && n > max)
        return ERR_NEW(ERR_INVALID, "accepts at most %zu arg(s), received %zu", max, n);
    if (n < min)
        return ERR_NEW(ERR_INVALID, "requires at least %zu arg(s), only received %zu", min, n);
    return NULL;
}

/* Everything that is left is an argument. */
static void take_rest(struct parser *p)
{
    while (p->next < p->argc)
        p->c->args[p->c->n_args++] = p->argv[p->next++];
}

struct err *cli_parse(struct cli *c, int argc, char **argv)
{
    c->argc = argc;
    c->argv = argv;
    c->args = mem_zalloc(((size_t)argc + 1) * sizeof *c->args);
    if (!c->args)
        return err_oom();
    TRY(cli_flag_defaults(cli_global_flags, &c->globals));
    struct parser p = {.c = c, .argv = argv, .next = 1, .argc = argc, .group = true};
    while (p.next < argc) {
        char *arg = argv[p.next++];
        if (c->verb && c->verb->traits & CLI_RAW && !p.group) {
            c->args[c->n_args++] = arg;
            take_rest(&p);
        } else if (arg[0] != '-' || arg[1] == '\0') {
            if (p.group && c->globals.version)
                break; /* "--version foo" is "--version" */
            if (p.group) {
                TRY(enter_verb(&p, arg));
                continue;
            }
            c->args[c->n_args++] = arg;
            if (c->verb->traits & CLI_ARGS_LAST)
                take_rest(&p);
        } else if (arg[1] == '-' && arg[2] == '\0') {
            if (!p.group)
                take_rest(&p);
        } else {
            TRY(arg[1] == '-' ? parse_long(&p, arg) : parse_letters(&p, arg));
        }
    }
    if (c->help || c->globals.version || !c->verb || c->verb->traits & CLI_GROUP)
        return NULL;
    return check_count(c);
}
