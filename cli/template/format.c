/* printf, as Go's fmt.Sprintf: flags "+-# 0", width, precision, "*", and the verbs v T t d b o x X c q U e f g s %.
 * What doesn't fit is shown the way Go shows it: %!d(string=x), %!v(MISSING), %!(EXTRA int=1). */
#include <stdio.h>
#include <string.h>

#include "cli/template/internal.h"

#define WIDTH_MAX 100000

struct directive {
    bool plus, minus, sharp, space, zero;
    int64_t width, precision; /* -1: none */
    char verb;
};

struct formatter {
    struct value *args;
    size_t n, next;
    struct strbuf out;
};

/* `text` into the field; zeros go behind a sign. */
static struct err *put_padded(struct formatter *f, const struct directive *d, const char *text, size_t len, bool number)
{
    size_t runes = 0;
    for (size_t i = 0; i < len; i++)
        runes += ((unsigned char)text[i] & 0xc0) != 0x80;
    size_t fill = d->width > 0 && (uint64_t)d->width > runes ? (size_t)d->width - runes : 0;
    if (d->minus) {
        TRY(strbuf_add(&f->out, text, len));
        return strbuf_printf(&f->out, "%*s", (int)fill, "");
    }
    if (d->zero && number) {
        if (len && (*text == '-' || *text == '+')) {
            TRY(strbuf_putc(&f->out, *text++));
            len--;
        }
        for (; fill; fill--)
            TRY(strbuf_putc(&f->out, '0'));
    }
    TRY(strbuf_printf(&f->out, "%*s", (int)fill, ""));
    return strbuf_add(&f->out, text, len);
}

/* %!d(string=x) */
static struct err *put_wrong(struct formatter *f, char verb, const struct value *v)
{
    if (v->kind == VALUE_MISSING || json_is_null(v->json))
        return strbuf_printf(&f->out, "%%!%c(<nil>)", verb);
    TRY(strbuf_printf(&f->out, "%%!%c(%s=", verb, value_type(v)));
    TRY(value_print(v, &f->out));
    return strbuf_putc(&f->out, ')');
}

static struct err *put_integer(struct formatter *f, const struct directive *d, const struct value *v)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    int64_t i = json_integer_value(v->json);
    uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    if (d->verb == 'c' || d->verb == 'q') {
        TRY(d->verb == 'q' ? strbuf_putc(&text, '\'') : NULL);
        TRY(strbuf_put_rune(&text, (uint64_t)i));
        TRY(d->verb == 'q' ? strbuf_putc(&text, '\'') : NULL);
        return put_padded(f, d, strbuf_str(&text), text.len, false);
    }
    if (i < 0 || d->plus || d->space)
        TRY(strbuf_putc(&text, i < 0 ? '-' : d->plus ? '+' : ' '));
    switch (d->verb) {
    case 'x':
    case 'X':
        TRY(d->sharp ? strbuf_puts(&text, d->verb == 'x' ? "0x" : "0X") : NULL);
        TRY(d->verb == 'x' ? strbuf_printf(&text, "%llx", (unsigned long long)u)
                           : strbuf_printf(&text, "%llX", (unsigned long long)u));
        break;
    case 'o':
        TRY(strbuf_printf(&text, d->sharp ? "0%llo" : "%llo", (unsigned long long)u));
        break;
    case 'b':
        for (int bit = u ? 63 - __builtin_clzll(u) : 0; bit >= 0; bit--)
            TRY(strbuf_putc(&text, u >> bit & 1 ? '1' : '0'));
        break;
    case 'U':
        TRY(strbuf_printf(&text, "U+%04llX", (unsigned long long)u));
        break;
    case 'd':
    case 'v':
        TRY(strbuf_printf(&text, "%llu", (unsigned long long)u));
        break;
    default:
        return put_wrong(f, d->verb, v);
    }
    return put_padded(f, d, strbuf_str(&text), text.len, true);
}

static struct err *put_float(struct formatter *f, const struct directive *d, const struct value *v)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    double number = json_real_value(v->json);
    int precision = d->precision < 0 ? 6 : (int)d->precision;
    if (d->plus && number >= 0)
        TRY(strbuf_putc(&text, '+'));
    switch (d->verb) {
    case 'e':
        TRY(strbuf_printf(&text, "%.*e", precision, number));
        break;
    case 'E':
        TRY(strbuf_printf(&text, "%.*E", precision, number));
        break;
    case 'f':
    case 'F':
        TRY(strbuf_printf(&text, "%.*f", precision, number));
        break;
    case 'g':
    case 'G':
    case 'v':
        TRY(d->precision < 0 ? value_print_double(number, &text) : strbuf_printf(&text, "%.*g", precision, number));
        break;
    default:
        return put_wrong(f, d->verb, v);
    }
    return put_padded(f, d, strbuf_str(&text), text.len, true);
}

static struct err *put_string(struct formatter *f, const struct directive *d, const struct value *v)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    const char *s = json_string_value(v->json);
    size_t len = json_string_length(v->json);
    if (d->precision >= 0 && (uint64_t)d->precision < len)
        len = (size_t)d->precision;
    switch (d->verb) {
    case 'v':
        if (v->time || d->sharp) {
            TRY(d->sharp ? strbuf_put_json(&text, s, len) : value_print(v, &text));
            break;
        }
        __attribute__((fallthrough));
    case 's':
        return put_padded(f, d, s, len, false);
    case 'q':
        TRY(strbuf_put_json(&text, s, len));
        break;
    case 'x':
    case 'X':
        for (size_t i = 0; i < len; i++)
            TRY(d->verb == 'x' ? strbuf_printf(&text, "%02x", (unsigned)(unsigned char)s[i])
                               : strbuf_printf(&text, "%02X", (unsigned)(unsigned char)s[i]));
        break;
    default:
        return put_wrong(f, d->verb, v);
    }
    return put_padded(f, d, strbuf_str(&text), text.len, false);
}

static struct err *put_value(struct formatter *f, const struct directive *d, const struct value *v)
{
    if (d->verb == 'T')
        return put_padded(f, d, value_type(v), strlen(value_type(v)), false);
    if (v->kind == VALUE_JSON && json_is_integer(v->json))
        return put_integer(f, d, v);
    if (v->kind == VALUE_JSON && json_is_real(v->json))
        return put_float(f, d, v);
    if (value_string(v))
        return put_string(f, d, v);
    bool boolean = v->kind == VALUE_JSON && json_is_boolean(v->json);
    bool nil = v->kind == VALUE_MISSING || (v->kind == VALUE_JSON && json_is_null(v->json) && !v->map && !v->list);
    bool fits = d->verb == 'v' || (boolean && d->verb == 't') || (!boolean && !nil && d->verb == 's');
    if (!fits)
        return put_wrong(f, d->verb, v);
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    TRY(nil ? strbuf_puts(&text, "<nil>") : value_print(v, &text));
    return put_padded(f, d, strbuf_str(&text), text.len, false);
}

/* A width or precision: digits, or "*" for the next argument. */
static int64_t scan_size(struct formatter *f, const char **s)
{
    int64_t n = 0;
    if (**s == '*') {
        (*s)++;
        if (f->next < f->n && f->args[f->next].kind == VALUE_JSON)
            n = json_integer_value(f->args[f->next++].json);
        return n < -WIDTH_MAX || n > WIDTH_MAX ? 0 : n;
    }
    for (; **s >= '0' && **s <= '9'; (*s)++)
        n = n > WIDTH_MAX ? n : n * 10 + (**s - '0');
    return n > WIDTH_MAX ? 0 : n;
}

static void scan_directive(struct formatter *f, const char **s, struct directive *d)
{
    *d = (struct directive){.width = -1, .precision = -1};
    for (;; (*s)++) {
        if (**s == '+')
            d->plus = true;
        else if (**s == '-')
            d->minus = true;
        else if (**s == '#')
            d->sharp = true;
        else if (**s == ' ')
            d->space = true;
        else if (**s == '0')
            d->zero = true;
        else
            break;
    }
    d->width = scan_size(f, s);
    if (d->width < 0) {
        d->minus = true;
        d->width = -d->width;
    }
    if (**s == '.') {
        (*s)++;
        d->precision = scan_size(f, s);
    }
    d->verb = **s;
    if (**s)
        (*s)++;
}

static struct err *put_extra(struct formatter *f)
{
    if (f->next >= f->n)
        return NULL;
    TRY(strbuf_puts(&f->out, "%!(EXTRA "));
    for (size_t i = f->next; i < f->n; i++) {
        TRY(strbuf_printf(&f->out, "%s%s=", i > f->next ? ", " : "", value_type(&f->args[i])));
        TRY(value_print(&f->args[i], &f->out));
    }
    return strbuf_putc(&f->out, ')');
}

static struct err *format_all(struct formatter *f, const char *s)
{
    while (*s) {
        if (*s != '%') {
            TRY(strbuf_putc(&f->out, *s++));
            continue;
        }
        struct directive d;
        s++;
        scan_directive(f, &s, &d);
        if (!d.verb)
            TRY(strbuf_puts(&f->out, "%!(NOVERB)"));
        else if (d.verb == '%')
            TRY(strbuf_putc(&f->out, '%'));
        else if (f->next >= f->n)
            TRY(strbuf_printf(&f->out, "%%!%c(MISSING)", d.verb));
        else
            TRY(put_value(f, &d, &f->args[f->next++]));
    }
    return put_extra(f);
}

struct err *fn_printf(struct value *args, size_t n, struct value *ret)
{
    const char *format = value_string(&args[0]);
    if (!format)
        return ERR_NEW(ERR_INVALID, "wrong type for value; expected string; got %s", value_type(&args[0]));
    struct formatter f = {.args = args + 1, .n = n - 1, .out.max = TEMPLATE_OUTPUT_MAX};
    struct err *e = format_all(&f, format);
    if (!e)
        e = value_take_string(&f.out, ret);
    strbuf_done(&f.out);
    return e;
}
