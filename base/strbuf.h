/* Growing byte string with a maximum. Always NUL-terminated, may hold NUL bytes. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct strbuf {
    char *data; /* NULL while empty and never grown */
    size_t len;
    size_t cap;
    size_t max; /* 0 means STRBUF_MAX_DEFAULT */
};

#define STRBUF_MAX_DEFAULT ((size_t)64 << 20)
#define STRBUF_INIT \
    {               \
        0           \
    }

void strbuf_done(struct strbuf *sb);
#define AUTO_STRBUF __attribute__((cleanup(strbuf_done)))

struct err *strbuf_add(struct strbuf *sb, const void *data, size_t len) ERR_RESULT;
struct err *strbuf_puts(struct strbuf *sb, const char *s) ERR_RESULT;
struct err *strbuf_putc(struct strbuf *sb, char c) ERR_RESULT;
struct err *strbuf_printf(struct strbuf *sb, const char *fmt, ...) __attribute__((format(printf, 2, 3))) ERR_RESULT;
struct err *strbuf_vprintf(struct strbuf *sb, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0))) ERR_RESULT;
/* A code point as UTF-8; what is none (a surrogate, past U+10FFFF) becomes U+FFFD, as in Go. */
struct err *strbuf_put_rune(struct strbuf *sb, uint64_t code) ERR_RESULT;
/* `s` as a JSON string with quotes; invalid UTF-8 becomes U+FFFD. */
struct err *strbuf_put_json(struct strbuf *sb, const char *s, size_t len) ERR_RESULT;
/* Room for `len` more bytes behind data + len (NUL not counted). */
struct err *strbuf_reserve(struct strbuf *sb, size_t len) ERR_RESULT;
void strbuf_truncate(struct strbuf *sb, size_t len);
/* The string, never NULL; borrowed until the next change. */
const char *strbuf_str(const struct strbuf *sb);
/* Hand the buffer over as a heap string; the strbuf is empty afterwards. */
struct err *strbuf_take(struct strbuf *sb, char **ret) ERR_RESULT;
