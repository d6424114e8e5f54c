/* Functions from text to text: case, and escaping for HTML, JavaScript and URLs. */
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "base/mem.h"
#include "cli/template/internal.h"

/* The arguments as print shows them, or the one string. */
static struct err *text_of(struct value *args, size_t n, struct strbuf *out)
{
    return value_print_all(args, n, false, out);
}

static struct err *one_string(const struct value *v, const char **ret, size_t *ret_len)
{
    *ret = value_string(v);
    if (!*ret)
        return ERR_NEW(ERR_INVALID, "wrong type for value; expected string; got %s", value_type(v));
    *ret_len = json_string_length(v->json);
    return NULL;
}

/* Length of the UTF-8 sequence at s (at least 1) and its code, or the byte where it is none. */
static size_t decode(const char *s, size_t len, wint_t *ret)
{
    unsigned char c = (unsigned char)*s;
    size_t n = c < 0x80 ? 1 : (c & 0xe0) == 0xc0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : (c & 0xf8) == 0xf0 ? 4 : 1;
    if (n > len)
        n = 1;
    *ret = n == 1 ? c : c & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        *ret = *ret << 6 | ((unsigned char)s[i] & 0x3fu);
    return n;
}

enum letter_case { CASE_LOWER, CASE_UPPER, CASE_TITLE };

/* Go's unicode tables are glibc's C.UTF-8; without that locale only ASCII changes. */
static struct err *change_case(const char *s, size_t len, enum letter_case to, locale_t utf8, struct strbuf *out)
{
    bool in_word = false;
    for (size_t i = 0; i < len;) {
        wint_t code;
        size_t n = decode(s + i, len - i, &code);
        bool upper = to == CASE_UPPER || (to == CASE_TITLE && !in_word);
        bool invalid = n == 1 && code >= 0x80;
        if (invalid || (code >= 0x80 && !utf8))
            TRY(strbuf_add(out, s + i, n));
        else if (code < 0x80) {
            bool is_letter = (code | 0x20) >= 'a' && (code | 0x20) <= 'z';
            if (is_letter && (upper || to == CASE_LOWER))
                code = upper ? code & ~0x20u : code | 0x20u;
            TRY(strbuf_putc(out, (char)code));
        } else {
            TRY(strbuf_put_rune(out, upper              ? towupper_l(code, utf8)
                                     : to == CASE_LOWER ? towlower_l(code, utf8)
                                                        : code));
        }
        in_word = code >= 0x80 || code == '_' || (code >= '0' && code <= '9') ||
                  ((code | 0x20) >= 'a' && (code | 0x20) <= 'z');
        i += n;
    }
    return NULL;
}

static struct err *in_case(struct value *args, enum letter_case to, struct value *ret)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    const char *s;
    size_t len;
    TRY(one_string(&args[0], &s, &len));
    bool ascii = true;
    for (size_t i = 0; i < len && ascii; i++)
        ascii = !(s[i] & 0x80);
    locale_t utf8 = ascii ? (locale_t)0 : newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    struct err *e = change_case(s, len, to, utf8, &out);
    if (utf8)
        freelocale(utf8);
    TRY(e);
    return value_take_string(&out, ret);
}

struct err *fn_upper(struct value *args, size_t n, struct value *ret)
{
    (void)n;
    return in_case(args, CASE_UPPER, ret);
}

struct err *fn_lower(struct value *args, size_t n, struct value *ret)
{
    (void)n;
    return in_case(args, CASE_LOWER, ret);
}

struct err *fn_title(struct value *args, size_t n, struct value *ret)
{
    (void)n;
    return in_case(args, CASE_TITLE, ret);
}

/* --- escaping */

static struct err *escape_html(char c, struct strbuf *out)
{
    switch (c) {
    case '&':
        return strbuf_puts(out, "&amp;");
    case '<':
        return strbuf_puts(out, "&lt;");
    case '>':
        return strbuf_puts(out, "&gt;");
    case '"':
        return strbuf_puts(out, "&#34;");
    case '\'':
        return strbuf_puts(out, "&#39;");
    default:
        return strbuf_putc(out, c);
    }
}

static struct err *escape_js(char c, struct strbuf *out)
{
    switch (c) {
    case '\\':
    case '\'':
    case '"':
        return strbuf_printf(out, "\\%c", c);
    case '<':
    case '>':
    case '&':
    case '=':
        return strbuf_printf(out, "\\u%04X", (unsigned)c);
    default:
        if ((unsigned char)c < 0x20)
            return strbuf_printf(out, "\\u%04X", (unsigned)c);
        return strbuf_putc(out, c);
    }
}

static struct err *escape_url(char c, struct strbuf *out)
{
    if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c && strchr("-_.~", c)))
        return strbuf_putc(out, c);
    if (c == ' ')
        return strbuf_putc(out, '+');
    return strbuf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
}

static struct err *escaped(struct value *args, size_t n, struct err *(*escape)(char c, struct strbuf *out),
                           struct value *ret)
{
    AUTO_STRBUF struct strbuf in = STRBUF_INIT, out = STRBUF_INIT;
    TRY(text_of(args, n, &in));
    for (size_t i = 0; i < in.len; i++)
        TRY(escape(in.data[i], &out));
    return value_take_string(&out, ret);
}

struct err *fn_html(struct value *args, size_t n, struct value *ret)
{
    return escaped(args, n, escape_html, ret);
}

struct err *fn_js(struct value *args, size_t n, struct value *ret)
{
    return escaped(args, n, escape_js, ret);
}

struct err *fn_urlquery(struct value *args, size_t n, struct value *ret)
{
    return escaped(args, n, escape_url, ret);
}
