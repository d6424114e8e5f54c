/* Values of flags, by kind. The words of the refusals are pflag's and strconv's, since scripts and people know them
 * from Podman and Docker; the parsing itself is base/number's. */
#include "cli/flag.h"

#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/strbuf.h"
#include "base/strv.h"

const struct cli_flag *cli_flag_find(const struct cli_flag *table, const char *name, size_t len)
{
    for (const struct cli_flag *f = table; f && f->name; f++)
        if (strncmp(f->name, name, len) == 0 && f->name[len] == '\0')
            return f;
    return NULL;
}

const struct cli_flag *cli_flag_find_letter(const struct cli_flag *table, char letter)
{
    for (const struct cli_flag *f = table; f && f->name; f++)
        if (f->letter == letter)
            return f;
    return NULL;
}

bool cli_flag_is_bool(const struct cli_flag *f)
{
    return f->kind == CLI_BOOL || f->kind == CLI_TRISTATE || f->kind == CLI_CALL_BOOL;
}

const char *cli_flag_arg(const struct cli_flag *f)
{
    static const char *const names[] = {
        [CLI_BOOL] = "",           [CLI_TRISTATE] = "",        [CLI_STRING] = "string",
        [CLI_INT] = "int",         [CLI_UINT] = "uint",        [CLI_FLOAT] = "float",
        [CLI_DURATION] = "string", [CLI_STRINGS] = "strings",  [CLI_ARRAY] = "stringArray",
        [CLI_CALL] = "string",     [CLI_CALL_CSV] = "strings", [CLI_CALL_BOOL] = "",
    };
    return f->arg ? f->arg : names[f->kind];
}

/* Where the value lives. */
static void *slot(const struct cli_flag *f, void *opts)
{
    return (char *)opts + f->offset;
}

/* `invalid argument "x" for "-n, --last" flag: WHY`, as pflag says it. */
static struct err *invalid(const struct cli_flag *f, const char *value, const char *why)
{
    char letter[8] = "";
    if (f->letter) {
        letter[0] = '-';
        letter[1] = f->letter;
        letter[2] = ',';
        letter[3] = ' ';
        letter[4] = '\0';
    }
    return ERR_NEW(ERR_INVALID, "invalid argument \"%s\" for \"%s--%s\" flag: %s", value, letter, f->name, why);
}

/* The same for a value that Go's strconv would refuse. */
static struct err *invalid_syntax(const struct cli_flag *f, const char *value, const char *parser)
{
    AUTO_FREE char *why = NULL;
    TRY(mem_asprintf(&why, "strconv.%s: parsing \"%s\": invalid syntax", parser, value));
    return invalid(f, value, why);
}

/* strconv.ParseBool's spellings. */
static bool parse_bool(const char *value, bool *ret)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (strcmp(value, yes[i]) == 0)
            return *ret = true, true;
        if (strcmp(value, no[i]) == 0)
            return *ret = false, true;
    }
    return false;
}

static struct err *apply_bool(const struct cli_flag *f, void *opts, const char *value)
{
    bool on;
    if (!parse_bool(value, &on))
        return invalid_syntax(f, value, "ParseBool");
    if (f->kind == CLI_CALL_BOOL)
        return f->set(opts, f, on ? "true" : "false");
    if (f->kind == CLI_TRISTATE)
        *(int *)slot(f, opts) = on;
    else
        *(bool *)slot(f, opts) = on;
    return NULL;
}

/* Bare durations are milliseconds, as `wait --interval 500` has them. */
static struct err *apply_number(const struct cli_flag *f, void *opts, const char *value)
{
    struct err *e;
    if (f->kind == CLI_UINT)
        e = number_parse_u64(value, INT64_MAX, slot(f, opts));
    else if (f->kind == CLI_INT)
        e = number_parse_i64(value, INT64_MIN, INT64_MAX, slot(f, opts));
    else if (f->kind == CLI_FLOAT)
        e = number_parse_double(value, slot(f, opts));
    else {
        int64_t msec;
        e = number_parse_i64(value, 0, INT64_MAX / 1000000, &msec);
        if (!e)
            *(int64_t *)slot(f, opts) = msec * 1000000;
        else {
            err_drop(e);
            e = number_parse_duration(value, false, slot(f, opts));
        }
    }
    if (!e)
        return NULL;
    err_drop(e);
    if (f->kind == CLI_DURATION)
        return invalid(f, value, "time: invalid duration");
    return invalid_syntax(f, value,
                          f->kind == CLI_UINT    ? "ParseUint"
                          : f->kind == CLI_FLOAT ? "ParseFloat"
                                                 : "ParseInt");
}

/* One of "a|b|c"? */
static bool is_choice(const char *choices, const char *value)
{
    size_t len = strlen(value);
    for (const char *p = choices; p;) {
        const char *bar = strchr(p, '|');
        size_t n = bar ? (size_t)(bar - p) : strlen(p);
        if (n == len && memcmp(p, value, n) == 0)
            return true;
        p = bar ? bar + 1 : NULL;
    }
    return false;
}

static struct err *apply_string(const struct cli_flag *f, void *opts, const char *value)
{
    if (f->choices && !is_choice(f->choices, value)) {
        AUTO_STRBUF struct strbuf why = STRBUF_INIT;
        TRY(strbuf_printf(&why, "\"%s\" is not a valid value.  Choose from: \"", value));
        for (const char *p = f->choices; *p; p++)
            TRY(*p == '|' ? strbuf_puts(&why, ", ") : strbuf_putc(&why, *p));
        TRY(strbuf_putc(&why, '"'));
        return invalid(f, value, strbuf_str(&why));
    }
    *(const char **)slot(f, opts) = value;
    return NULL;
}

/* One field of a CSV record: up to the comma, or quoted with "" for a quote. *p is moved to the comma or the end. */
static struct err *csv_field(const char **p, char **ret)
{
    AUTO_STRBUF struct strbuf field = STRBUF_INIT;
    const char *s = *p;
    if (*s == '"') {
        for (s++; *s && (*s != '"' || s[1] == '"'); s++) {
            if (*s == '"')
                s++;
            TRY(strbuf_putc(&field, *s));
        }
        if (*s != '"')
            return ERR_NEW(ERR_INVALID, "parse error: extraneous or missing \" in quoted-field");
        s++;
        if (*s && *s != ',')
            return ERR_NEW(ERR_INVALID, "parse error: extraneous or missing \" in quoted-field");
    } else {
        for (; *s && *s != ','; s++) {
            if (*s == '"')
                return ERR_NEW(ERR_INVALID, "parse error: bare \" in non-quoted-field");
            TRY(strbuf_putc(&field, *s));
        }
    }
    *p = s;
    return strbuf_take(&field, ret);
}

struct err *cli_flag_split_csv(const char *value, struct strv *ret)
{
    if (!*value)
        return NULL;
    for (const char *p = value;; p++) {
        char *field;
        TRY(csv_field(&p, &field));
        TRY(strv_take(ret, field));
        if (!*p)
            return NULL;
    }
}

/* A value of several: each part goes its own way. */
static struct err *apply_csv(const struct cli_flag *f, void *opts, const char *value)
{
    AUTO_STRV struct strv parts = STRV_INIT;
    struct err *e = cli_flag_split_csv(value, &parts);
    if (e) {
        struct err *named = invalid(f, value, err_text(e));
        err_drop(e);
        return named;
    }
    for (size_t i = 0; i < parts.count; i++)
        TRY(f->kind == CLI_STRINGS ? strv_add(slot(f, opts), parts.items[i]) : f->set(opts, f, parts.items[i]));
    return NULL;
}

struct err *cli_flag_apply(const struct cli_flag *f, void *opts, const char *value)
{
    if (f->missing)
        return ERR_NEW(ERR_UNSUPPORTED, "--%s: %s", f->name, f->missing);
    switch (f->kind) {
    case CLI_BOOL:
    case CLI_TRISTATE:
    case CLI_CALL_BOOL:
        return apply_bool(f, opts, value);
    case CLI_INT:
    case CLI_UINT:
    case CLI_FLOAT:
    case CLI_DURATION:
        return apply_number(f, opts, value);
    case CLI_STRING:
        return apply_string(f, opts, value);
    case CLI_ARRAY:
        return strv_add(slot(f, opts), value);
    case CLI_STRINGS:
    case CLI_CALL_CSV:
        return apply_csv(f, opts, value);
    case CLI_CALL:
        return f->set(opts, f, value);
    }
    return ERR_NEW(ERR_INTERNAL, "--%s: flag of unknown kind", f->name);
}

struct err *cli_flag_defaults(const struct cli_flag *table, void *opts)
{
    for (const struct cli_flag *f = table; f && f->name; f++) {
        if (f->kind == CLI_TRISTATE)
            *(int *)slot(f, opts) = -1;
        else if (f->def && !f->missing && f->kind <= CLI_DURATION)
            TRY(cli_flag_apply(f, opts, f->def));
    }
    return NULL;
}

void cli_flag_done(const struct cli_flag *table, void *opts)
{
    for (const struct cli_flag *f = table; f && f->name; f++)
        if ((f->kind == CLI_STRINGS || f->kind == CLI_ARRAY) && !f->missing)
            strv_done(slot(f, opts));
}
