#include "engine/registry/toml.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/strbuf.h"

#define DEPTH_MAX 16
#define BARE_KEY "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

struct toml {
    const char *at, *end;
    const char *file;
    size_t line;
    int depth;
};

static struct err *bad(const struct toml *t, const char *why)
{
    return ERR_NEW(ERR_INVALID, "%s:%zu: %s", t->file, t->line, why);
}

static char peek(const struct toml *t)
{
    return t->at < t->end ? *t->at : '\0';
}

static void skip_blanks(struct toml *t)
{
    while (peek(t) == ' ' || peek(t) == '\t')
        t->at++;
}

/* Blanks, comments and ends of lines. */
static void skip_lines(struct toml *t)
{
    for (; t->at < t->end; t->at++) {
        if (*t->at == '#') { /* most of what distributions ship */
            const char *newline = memchr(t->at, '\n', (size_t)(t->end - t->at));
            t->at = newline ? newline : t->end;
        }
        if (t->at >= t->end || !strchr(" \t\r\n", *t->at))
            return;
        if (*t->at == '\n')
            t->line++;
    }
}

/* What is behind a value or a heading. */
static struct err *end_of_line(struct toml *t)
{
    skip_blanks(t);
    if (t->at < t->end && !strchr("#\r\n", *t->at))
        return bad(t, "there is something behind the value");
    return NULL;
}

static struct err *unicode_escape(struct toml *t, struct strbuf *out, int digits)
{
    uint32_t c = 0;
    for (int i = 0; i < digits; i++) {
        static const char hex[] = "0123456789abcdef";
        char d = peek(t);
        const char *p = d ? strchr(hex, d >= 'A' && d <= 'F' ? d - 'A' + 'a' : d) : NULL;
        if (!p)
            return bad(t, "the escape needs hexadecimal digits");
        c = c << 4 | (uint32_t)(p - hex);
        t->at++;
    }
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return bad(t, "the escape is no character");
    return strbuf_put_rune(out, c);
}

static struct err *escape(struct toml *t, struct strbuf *out)
{
    static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
    char c = peek(t);
    if (t->at < t->end)
        t->at++;
    if (c == 'u' || c == 'U')
        return unicode_escape(t, out, c == 'u' ? 4 : 8);
    const char *p = c ? strchr(from, c) : NULL;
    return p ? strbuf_putc(out, to[p - from]) : bad(t, "unknown escape in a string");
}

/* The cursor is on the quote. */
static struct err *string(struct toml *t, char **ret)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    char quote = *t->at;
    if (t->end - t->at >= 3 && t->at[1] == quote && t->at[2] == quote)
        return bad(t, "strings of several lines are not supported");
    for (t->at++;;) {
        if (t->at >= t->end || *t->at == '\n')
            return bad(t, "the string has no end on this line");
        char c = *t->at++;
        if (c == quote)
            break;
        if ((unsigned char)c < ' ' && c != '\t')
            return bad(t, "control character in a string");
        if (c == '\\' && quote == '"')
            TRY(escape(t, &out));
        else
            TRY(strbuf_putc(&out, c));
    }
    return mem_strdup(strbuf_str(&out), ret);
}

static struct err *key(struct toml *t, char **ret)
{
    skip_blanks(t);
    if (peek(t) == '"' || peek(t) == '\'')
        return string(t, ret);
    size_t len = 0;
    while (t->at + len < t->end && t->at[len] && strchr(BARE_KEY, t->at[len]))
        len++;
    if (len == 0)
        return bad(t, "a key is missing");
    TRY(mem_strndup(t->at, len, ret));
    t->at += len;
    return NULL;
}

/* A table below `in`, made when missing; of an array of tables the last one. */
static struct err *descend(struct toml *t, json_t *in, const char *name, json_t **ret)
{
    json_t *next = json_object_get(in, name);
    if (!next)
        return json_put_obj(in, name, ret);
    if (json_is_array(next) && json_array_size(next) > 0)
        next = json_array_get(next, json_array_size(next) - 1);
    if (!json_is_object(next))
        return bad(t, "the key has a value already and cannot be a table");
    *ret = next;
    return NULL;
}

/* a.b.c: *ret_table is where c belongs. */
static struct err *dotted(struct toml *t, json_t *in, json_t **ret_table, char **ret_last)
{
    for (int i = 0; i < DEPTH_MAX; i++) {
        AUTO_FREE char *name = NULL;
        TRY(key(t, &name));
        skip_blanks(t);
        if (peek(t) != '.') {
            *ret_table = in;
            *ret_last = TAKE_PTR(name);
            return NULL;
        }
        t->at++;
        TRY(descend(t, in, name, &in));
    }
    return bad(t, "tables are nested too deep");
}

static struct err *value(struct toml *t, json_t **ret);

static struct err *array(struct toml *t, json_t **ret)
{
    AUTO_JSON json_t *list = json_array();
    for (t->at++;;) {
        skip_lines(t);
        if (peek(t) == ']')
            break;
        json_t *item = NULL;
        TRY(value(t, &item));
        TRY(json_push(list, item));
        skip_lines(t);
        if (peek(t) == ',')
            t->at++;
        else if (peek(t) != ']')
            return bad(t, "an array needs ',' or ']' here");
    }
    t->at++;
    *ret = TAKE_PTR(list);
    return NULL;
}

static struct err *assignment(struct toml *t, json_t *in)
{
    AUTO_FREE char *name = NULL;
    json_t *table = NULL, *v = NULL;
    TRY(dotted(t, in, &table, &name));
    if (peek(t) != '=')
        return bad(t, "'=' is missing behind the key");
    t->at++;
    skip_blanks(t);
    if (json_object_get(table, name))
        return ERR_NEW(ERR_INVALID, "%s:%zu: %s is set twice", t->file, t->line, name);
    TRY(value(t, &v));
    return json_put(table, name, v);
}

static struct err *inline_table(struct toml *t, json_t **ret)
{
    AUTO_JSON json_t *table = json_object();
    t->at++;
    skip_blanks(t);
    while (peek(t) != '}') {
        TRY(assignment(t, table));
        skip_blanks(t);
        if (peek(t) == ',')
            t->at++;
        else if (peek(t) != '}')
            return bad(t, "an inline table needs ',' or '}' here");
        skip_blanks(t);
    }
    t->at++;
    *ret = TAKE_PTR(table);
    return NULL;
}

/* Booleans and integers. */
static struct err *word(struct toml *t, json_t **ret)
{
    size_t len = 0;
    int64_t number;
    AUTO_FREE char *text = NULL;
    while (t->at + len < t->end && t->at[len] && (strchr(BARE_KEY "+.:", t->at[len])))
        len++;
    TRY(mem_strndup(t->at, len, &text));
    t->at += len;
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        *ret = json_boolean(text[0] == 't');
        return NULL;
    }
    struct err *e = number_parse_i64(text, INT64_MIN, INT64_MAX, &number);
    err_drop(e);
    if (e)
        return bad(t, "a value must be a string, an integer, true, false, an array or a table");
    *ret = json_integer(number);
    return NULL;
}

static struct err *value(struct toml *t, json_t **ret)
{
    AUTO_FREE char *text = NULL;
    if (t->depth >= DEPTH_MAX)
        return bad(t, "values are nested too deep");
    t->depth++;
    struct err *e = NULL;
    switch (peek(t)) {
    case '"':
    case '\'':
        e = string(t, &text);
        if (!e && !(*ret = json_string(text)))
            e = bad(t, "the string is not UTF-8");
        break;
    case '[':
        e = array(t, ret);
        break;
    case '{':
        e = inline_table(t, ret);
        break;
    default:
        e = word(t, ret);
    }
    t->depth--;
    return e;
}

/* [a.b] or [[a.b]]: *ret is the table that the following lines fill. */
static struct err *heading(struct toml *t, json_t *root, json_t **ret)
{
    AUTO_FREE char *name = NULL;
    json_t *in = NULL, *list;
    bool many = t->end - t->at > 1 && t->at[1] == '[';
    t->at += many ? 2 : 1;
    TRY(dotted(t, root, &in, &name));
    if (peek(t) != ']' || (many && (t->end - t->at < 2 || t->at[1] != ']')))
        return bad(t, "']' is missing behind the table's name");
    t->at += many ? 2 : 1;
    if (!many)
        return descend(t, in, name, ret);
    list = json_object_get(in, name);
    if (!list)
        TRY(json_put_arr(in, name, &list));
    if (!json_is_array(list))
        return bad(t, "the key has a value already and cannot be an array of tables");
    return json_push_obj(list, ret);
}

struct err *toml_parse(const char *text, size_t len, const char *file, json_t **ret)
{
    struct toml t = {.at = text, .end = text + len, .file = file, .line = 1};
    AUTO_JSON json_t *root = json_object();
    json_t *table = root;
    if (!root)
        return err_oom();
    if (len > TOML_MAX_BYTES || memchr(text, '\0', len))
        return ERR_NEW(ERR_INVALID, "%s: too large, or no text", file);
    for (;;) {
        skip_lines(&t);
        if (t.at >= t.end)
            break;
        if (*t.at == '[')
            TRY(heading(&t, root, &table));
        else
            TRY(assignment(&t, table));
        TRY(end_of_line(&t));
    }
    *ret = TAKE_PTR(root);
    return NULL;
}
