/* Go's template lexer as a function that gives one token at a time. White space inside actions is a token of its own,
 * because "{{.a .b}}" and "{{.a.b}}" differ. */
#include <stdio.h>
#include <string.h>

#include "cli/template/internal.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_alnum(char c)
{
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

void lexer_start(struct lexer *l, const char *text, size_t len)
{
    *l = (struct lexer){.text = text, .len = len, .line = 1};
}

static char at(const struct lexer *l, size_t offset)
{
    return l->pos + offset < l->len ? l->text[l->pos + offset] : '\0';
}

static bool starts(const struct lexer *l, const char *prefix)
{
    size_t n = strlen(prefix);
    return l->len - l->pos >= n && memcmp(l->text + l->pos, prefix, n) == 0;
}

/* A token of what lies between `start` and the current position; counts its lines. */
static struct token emit(struct lexer *l, enum token_type type, size_t start)
{
    struct token t = {.type = type, .pos = start, .len = l->pos - start, .line = l->line};
    for (size_t i = start; i < l->pos; i++)
        if (l->text[i] == '\n')
            l->line++;
    return t;
}

static struct token bad(struct lexer *l, size_t start, const char *problem)
{
    l->problem = problem;
    l->inside = false;
    struct token t = {.type = TOKEN_BAD, .pos = start, .line = l->line};
    l->pos = l->len;
    return t;
}

static struct token bad_character(struct lexer *l, size_t start)
{
    unsigned char c = (unsigned char)at(l, 0);
    if (l->pos >= l->len)
        return bad(l, start, "unclosed action");
    if (c >= 0x20 && c < 0x7f)
        (void)snprintf(l->detail, sizeof l->detail, "U+%04X '%c'", c, c);
    else
        (void)snprintf(l->detail, sizeof l->detail, "U+%04X", c);
    return bad(l, start, "bad character %s");
}

/* "{{/" … "/}}" with its trim markers, at "{{". False when no comment starts here. */
static bool skip_comment(struct lexer *l, const char **ret_problem)
{
    size_t p = l->pos + 2;
    if (l->len - p >= 2 && l->text[p] == '-' && is_space(l->text[p + 1]))
        p += 2;
    if (l->len - p < 2 || memcmp(l->text + p, "/*", 2) != 0)
        return false;
    const char *end = memmem(l->text + p, l->len - p, "*/", 2);
    if (!end) {
        *ret_problem = "unclosed comment";
        return true;
    }
    size_t start = l->pos;
    l->pos = (size_t)(end - l->text) + 2;
    bool trim = is_space(at(l, 0)) && at(l, 1) == '-';
    if (trim)
        l->pos += 2;
    if (!starts(l, "}}")) {
        *ret_problem = "comment ends before closing delimiter";
        return true;
    }
    l->pos += 2;
    l->trim_next = trim;
    (void)emit(l, TOKEN_TEXT, start);
    return true;
}

/* Text up to the next action; comments are dropped here. */
static struct token lex_text(struct lexer *l)
{
    for (;;) {
        if (l->trim_next) {
            size_t start = l->pos;
            while (l->pos < l->len && is_space(l->text[l->pos]))
                l->pos++;
            (void)emit(l, TOKEN_TEXT, start);
            l->trim_next = false;
        }
        size_t start = l->pos;
        const char *open = memmem(l->text + start, l->len - start, "{{", 2);
        l->pos = open ? (size_t)(open - l->text) : l->len;
        bool trim = open && l->len - l->pos >= 4 && l->text[l->pos + 2] == '-' && is_space(l->text[l->pos + 3]);
        if (l->pos > start) {
            struct token t = emit(l, TOKEN_TEXT, start);
            while (trim && t.len && is_space(l->text[t.pos + t.len - 1]))
                t.len--;
            if (t.len)
                return t;
        }
        if (!open)
            return emit(l, TOKEN_EOF, l->pos);
        start = l->pos;
        const char *problem = NULL;
        if (skip_comment(l, &problem)) {
            if (problem)
                return bad(l, start, problem);
            continue;
        }
        l->pos += trim ? 4 : 2;
        l->inside = true;
        l->parens = 0;
        return emit(l, TOKEN_LEFT, start);
    }
}

/* "}}" or " -}}" here? */
static bool at_right(const struct lexer *l, bool *ret_trim)
{
    *ret_trim = is_space(at(l, 0)) && l->len - l->pos >= 4 && memcmp(l->text + l->pos + 1, "-}}", 3) == 0;
    return *ret_trim || starts(l, "}}");
}

static struct token lex_quote(struct lexer *l, size_t start, char quote)
{
    for (l->pos++; l->pos < l->len; l->pos++) {
        char c = l->text[l->pos];
        if (c == '\\' && quote != '`' && l->pos + 1 < l->len && l->text[l->pos + 1] != '\n')
            l->pos++;
        else if (c == '\n' && quote != '`')
            break;
        else if (c == quote) {
            l->pos++;
            return emit(l, quote == '"' ? TOKEN_STRING : quote == '`' ? TOKEN_RAW : TOKEN_CHAR, start);
        }
    }
    return bad(l, start,
               quote == '\''  ? "unterminated character constant"
               : quote == '`' ? "unterminated raw quoted string"
                              : "unterminated quoted string");
}

static struct token lex_number(struct lexer *l, size_t start)
{
    if (at(l, 0) == '+' || at(l, 0) == '-')
        l->pos++;
    bool hex = at(l, 0) == '0' && (at(l, 1) == 'x' || at(l, 1) == 'X');
    while (is_alnum(at(l, 0)) || at(l, 0) == '.' ||
           ((at(l, 0) == '+' || at(l, 0) == '-') && !hex && (l->text[l->pos - 1] | 0x20) == 'e'))
        l->pos++;
    return emit(l, TOKEN_NUMBER, start);
}

/* A word, after "." (field) or "$" (variable) or alone; it must end where Go's may. */
static struct token lex_word(struct lexer *l, enum token_type type, size_t start)
{
    while (l->pos < l->len && is_alnum(l->text[l->pos]))
        l->pos++;
    char c = at(l, 0);
    bool trim;
    if (l->pos < l->len && !is_space(c) && !strchr(".,|:)(=", c) && !at_right(l, &trim))
        return bad_character(l, start);
    return emit(l, type, start);
}

static struct token lex_symbol(struct lexer *l, size_t start)
{
    char c = at(l, 0);
    l->pos++;
    switch (c) {
    case ':':
        if (at(l, 0) != '=')
            return bad(l, start, "expected :=");
        l->pos++;
        return emit(l, TOKEN_DECLARE, start);
    case '=':
        return emit(l, TOKEN_ASSIGN, start);
    case '|':
        return emit(l, TOKEN_PIPE, start);
    case ',':
        return emit(l, TOKEN_COMMA, start);
    case '(':
        l->parens++;
        return emit(l, TOKEN_OPEN, start);
    case ')':
        if (!l->parens)
            return bad(l, start, "unexpected right paren");
        l->parens--;
        return emit(l, TOKEN_CLOSE, start);
    default:
        l->pos--;
        return bad_character(l, start);
    }
}

static struct token lex_inside(struct lexer *l)
{
    size_t start = l->pos;
    bool trim;
    if (at_right(l, &trim)) {
        if (l->parens)
            return bad(l, start, "unclosed left paren");
        l->pos += trim ? 4 : 2;
        l->inside = false;
        l->trim_next = trim;
        return emit(l, TOKEN_RIGHT, start);
    }
    if (l->pos >= l->len)
        return bad(l, start, "unclosed action");
    char c = at(l, 0);
    if (is_space(c)) {
        while (is_space(at(l, 0)) && !at_right(l, &trim))
            l->pos++;
        return emit(l, TOKEN_SPACE, start);
    }
    if (c == '"' || c == '`' || c == '\'')
        return lex_quote(l, start, c);
    if (c == '$') {
        l->pos++;
        return lex_word(l, TOKEN_VARIABLE, start);
    }
    if (c == '.' && !is_digit(at(l, 1))) {
        l->pos++;
        if (is_alnum(at(l, 0)))
            return lex_word(l, TOKEN_FIELD, start);
        return emit(l, TOKEN_DOT, start);
    }
    if (c == '.' || is_digit(c) || ((c == '+' || c == '-') && (is_digit(at(l, 1)) || at(l, 1) == '.')))
        return lex_number(l, start);
    if (is_alnum(c))
        return lex_word(l, TOKEN_IDENT, start);
    return lex_symbol(l, start);
}

struct token lexer_next(struct lexer *l)
{
    return l->inside ? lex_inside(l) : lex_text(l);
}
