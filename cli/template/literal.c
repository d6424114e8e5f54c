/* Constants of the template language: numbers, quoted strings, characters; Go's syntax. */
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "cli/template/internal.h"

/* Digits with "_" and a base prefix as Go's literals have them; false when they are wrong or too large. */
static bool parse_integer(const char *s, int64_t *ret)
{
    bool negative = *s == '-';
    if (*s == '-' || *s == '+')
        s++;
    unsigned base = 10;
    if (s[0] == '0' && s[1]) {
        char c = (char)(s[1] | 0x20);
        base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
        s += c == 'x' || c == 'b' || c == 'o' ? 2 : 1;
    }
    uint64_t value = 0;
    size_t digits = 0;
    for (; *s; s++) {
        char c = *s;
        if (c == '_')
            continue;
        unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : ((unsigned)c | 0x20u) - 'a' + 10u;
        if (digit >= base || __builtin_mul_overflow(value, (uint64_t)base, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value))
            return false;
        digits++;
    }
    if (!digits || value > (uint64_t)INT64_MAX + negative)
        return false;
    *ret = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

struct err *literal_number(const char *s, size_t len, json_t **ret)
{
    AUTO_FREE char *copy = NULL;
    TRY(mem_strndup(s, len, &copy));
    int64_t integer;
    double number;
    if (parse_integer(copy, &integer)) {
        *ret = json_integer(integer);
    } else {
        struct err *e = strpbrk(copy, "xX_") ? ERR_NEW(ERR_INVALID, "not a float") : number_parse_double(copy, &number);
        if (e) {
            err_free(e);
            return ERR_NEW(ERR_INVALID, "bad number syntax: \"%s\"", copy);
        }
        *ret = json_real(number);
    }
    return *ret ? NULL : err_oom();
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `n` digits of base 8 or 16 at *s; false when there are fewer. */
static bool scan_code(const char **s, const char *end, size_t n, unsigned base, uint32_t *ret)
{
    uint32_t value = 0;
    for (size_t i = 0; i < n; i++, (*s)++) {
        int digit = *s < end ? hex_digit(**s) : -1;
        if (digit < 0 || (unsigned)digit >= base)
            return false;
        value = value * base + (unsigned)digit;
    }
    *ret = value;
    return true;
}

/* One escape behind its backslash; false when Go knows none like it. */
static bool unescape(const char **s, const char *end, char quote, struct strbuf *out, struct err **ret_e)
{
    static const char names[] = "abfnrtv\\", values[] = "\a\b\f\n\r\t\v\\";
    uint32_t code;
    if (*s >= end)
        return false;
    char c = *(*s)++;
    const char *known = memchr(names, c, sizeof names - 1);
    if (known || c == quote) {
        *ret_e = strbuf_putc(out, known ? values[known - names] : quote);
        return true;
    }
    if (c >= '0' && c <= '7') {
        (*s)--;
        if (!scan_code(s, end, 3, 8, &code) || code > 255)
            return false;
    } else {
        size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
        if (!digits || !scan_code(s, end, digits, 16, &code))
            return false;
        if (c != 'x') {
            if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
                return false;
            *ret_e = strbuf_put_rune(out, code);
            return true;
        }
    }
    *ret_e = strbuf_putc(out, (char)code);
    return true;
}

static struct err *unquote(const char *s, size_t len, struct strbuf *out)
{
    const char quote = s[0], *end = s + len - 1;
    for (const char *p = s + 1; p < end;) {
        if (*p != '\\') {
            TRY(strbuf_putc(out, *p++));
            continue;
        }
        struct err *e = NULL;
        p++;
        if (!unescape(&p, end, quote, out, &e))
            return ERR_NEW(ERR_INVALID, "invalid syntax");
        TRY(e);
    }
    return NULL;
}

struct err *literal_string(const char *s, size_t len, json_t **ret)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    TRY(unquote(s, len, &text));
    *ret = json_stringn_nocheck(strbuf_str(&text), text.len);
    return *ret ? NULL : err_oom();
}

struct err *literal_char(const char *s, size_t len, json_t **ret)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    TRY(unquote(s, len, &text));
    const unsigned char *b = (const unsigned char *)strbuf_str(&text);
    uint32_t rune = b[0];
    size_t n = b[0] < 0x80 ? 1 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
    if (n > 1)
        rune = b[0] & (0x7fu >> n);
    if (text.len != n)
        return ERR_NEW(ERR_INVALID, "malformed character constant: %.*s", (int)len, s);
    for (size_t i = 1; i < n; i++)
        rune = rune << 6 | (b[i] & 0x3fu);
    *ret = json_integer(rune);
    return *ret ? NULL : err_oom();
}
