/* Growing byte strings. */
#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define STRBUF_FIRST ((size_t)64)

/* The limit stays: an emptied buffer of a parser must not become an unlimited one. */
void strbuf_done(struct strbuf *sb)
{
    free(sb->data);
    *sb = (struct strbuf){.max = sb->max};
}

struct err *strbuf_reserve(struct strbuf *sb, size_t len)
{
    size_t max = sb->max ? sb->max : STRBUF_MAX_DEFAULT;
    if (sb->len > max || len > max - sb->len)
        return ERR_NEW(ERR_NO_SPACE, "text is longer than %zu bytes", max);
    size_t need = sb->len + len + 1;
    if (need == 0) /* max is SIZE_MAX and reached */
        return err_oom();
    if (need <= sb->cap)
        return NULL;
    size_t cap = sb->cap < STRBUF_FIRST ? STRBUF_FIRST : sb->cap;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    /* Doubling keeps adding byte by byte linear. */
    char *grown = mem_realloc(sb->data, cap);
    if (!grown)
        return err_oom();
    grown[sb->len] = '\0';
    sb->data = grown;
    sb->cap = cap;
    return NULL;
}

struct err *strbuf_add(struct strbuf *sb, const void *data, size_t len)
{
    TRY(strbuf_reserve(sb, len));
    if (len)
        memcpy(sb->data + sb->len, data, len);
    sb->len += len;
    sb->data[sb->len] = '\0';
    return NULL;
}

struct err *strbuf_puts(struct strbuf *sb, const char *s)
{
    return strbuf_add(sb, s, strlen(s));
}

struct err *strbuf_putc(struct strbuf *sb, char c)
{
    return strbuf_add(sb, &c, 1);
}

struct err *strbuf_printf(struct strbuf *sb, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct err *e = strbuf_vprintf(sb, fmt, ap);
    va_end(ap);
    return e;
}

struct err *strbuf_vprintf(struct strbuf *sb, const char *fmt, va_list ap)
{
    va_list measure;
    va_copy(measure, ap);
    int n = vsnprintf(NULL, 0, fmt, measure);
    va_end(measure);
    if (n < 0)
        return ERR_NEW(ERR_INTERNAL, "cannot format a text");
    /* Formatted twice: measuring first needs no buffer that might be too small. */
    TRY(strbuf_reserve(sb, (size_t)n));
    (void)vsnprintf(sb->data + sb->len, (size_t)n + 1, fmt, ap);
    sb->len += (size_t)n;
    return NULL;
}

/* Length of the UTF-8 sequence at `s`, 0 when it is not one: overlong forms, surrogates and values past U+10FFFF are
 * refused (RFC 3629, section 4). */
static size_t strbuf_utf8_len(const unsigned char *s, size_t len)
{
    size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] <= 0xdf ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 4;
    if (n == 1)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n > len)
        return 0;
    unsigned char low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    }
    return n;
}

/* The two-character escape of RFC 8259, section 7, or 0. */
static char strbuf_json_escape(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

struct err *strbuf_put_rune(struct strbuf *sb, uint64_t code)
{
    char b[4];
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        code = 0xfffd;
    if (code < 0x80)
        return strbuf_putc(sb, (char)code);
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        b[i] = (char)(0x80 | (code & 0x3f));
    b[0] = (char)((0xf00u >> n & 0xf0u) | code);
    return strbuf_add(sb, b, n);
}

/* One character of `n` bytes; n == 0 is a byte that belongs to none. */
static struct err *strbuf_put_json_char(struct strbuf *sb, const unsigned char *s, size_t n)
{
    if (n == 0)
        return strbuf_add(sb, "\xef\xbf\xbd", 3);
    char escape = strbuf_json_escape(s[0]);
    if (escape) {
        char pair[2] = {'\\', escape};
        return strbuf_add(sb, pair, sizeof(pair));
    }
    /* RFC 8259 wants only these escaped; DEL and everything above go through as they are. */
    if (s[0] < 0x20)
        return strbuf_printf(sb, "\\u%04x", s[0]);
    return strbuf_add(sb, s, n);
}

/* Eight bytes at once, of which none is a control character, quote, backslash, DEL or above ASCII. Each term has the
 * top bit of every byte for which it is so; a borrow can only set more of them: then the bytes are looked at singly. */
static bool strbuf_json_plain_word(uint64_t w)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t quote = w ^ (ones * '"'), backslash = w ^ (ones * '\\'), del = w ^ (ones * 0x7f);
    return ((w | (w - ones * 0x20) | (quote - ones) | (backslash - ones) | (del - ones)) & tops) == 0;
}

/* How many bytes from the start go through as they are: printable ASCII without quote and backslash. */
static size_t strbuf_json_plain(const unsigned char *s, size_t len)
{
    size_t n = 0;
    for (uint64_t w; len - n >= sizeof(w); n += sizeof(w)) { /* base64 and lists of names are long */
        memcpy(&w, s + n, sizeof(w));
        if (!strbuf_json_plain_word(w))
            break;
    }
    while (n < len && s[n] >= 0x20 && s[n] < 0x7f && s[n] != '"' && s[n] != '\\')
        n++;
    return n;
}

struct err *strbuf_put_json(struct strbuf *sb, const char *s, size_t len)
{
    const unsigned char *u = (const unsigned char *)s;
    TRY(strbuf_putc(sb, '"'));
    for (size_t i = 0; i < len;) {
        size_t plain = strbuf_json_plain(u + i, len - i);
        if (plain) {
            TRY(strbuf_add(sb, u + i, plain));
            i += plain;
            continue;
        }
        size_t n = strbuf_utf8_len(u + i, len - i);
        TRY(strbuf_put_json_char(sb, u + i, n));
        i += n ? n : 1;
    }
    return strbuf_putc(sb, '"');
}

void strbuf_truncate(struct strbuf *sb, size_t len)
{
    if (len >= sb->len)
        return;
    sb->len = len;
    sb->data[len] = '\0';
}

const char *strbuf_str(const struct strbuf *sb)
{
    return sb->data ? sb->data : "";
}

struct err *strbuf_take(struct strbuf *sb, char **ret)
{
    TRY(strbuf_reserve(sb, 0)); /* an empty one has no memory yet */
    *ret = TAKE_PTR(sb->data);
    sb->len = 0;
    sb->cap = 0;
    return NULL;
}
