/* Log lines.
 *
 * Two forms, as logrus has them: `time="…" level=warning msg="…"` for files and pipes, `WARN[0003] …` in colour for
 * terminals. One line is one write(2), so that lines of several processes don't mix (pipes: up to PIPE_BUF). Messages
 * carry names and errors from outside: no control character reaches the terminal. Keeps errno.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/timefmt.h"

#define LOG_MESSAGE_MAX 4096
#define NSEC_PER_SEC INT64_C(1000000000)

/* The level and, for the terminal form, the second that "[0000]" counts from. */
static struct {
    enum log_level level;
    int64_t start_sec;
} log_state = {.level = LOG_LEVEL_WARN};

static const struct {
    const char *text;       /* after level= */
    const char *short_text; /* on terminals */
    int color;              /* SGR number, logrus' choice */
} level_forms[] = {
    [LOG_LEVEL_ERROR] = {"error", "ERRO", 31}, [LOG_LEVEL_WARN] = {"warning", "WARN", 33},
    [LOG_LEVEL_INFO] = {"info", "INFO", 36},   [LOG_LEVEL_DEBUG] = {"debug", "DEBU", 37},
    [LOG_LEVEL_TRACE] = {"trace", "TRAC", 37},
};

/* Podman's names. Nothing is quieter than an error here: what panics or is fatal there is an error that ends us. */
static const struct {
    const char *name;
    enum log_level level;
} level_names[] = {
    {"panic", LOG_LEVEL_ERROR},  {"fatal", LOG_LEVEL_ERROR}, {"error", LOG_LEVEL_ERROR}, {"warn", LOG_LEVEL_WARN},
    {"warning", LOG_LEVEL_WARN}, {"info", LOG_LEVEL_INFO},   {"debug", LOG_LEVEL_DEBUG}, {"trace", LOG_LEVEL_TRACE},
};

static int64_t now_sec(void)
{
    return timefmt_now() / NSEC_PER_SEC;
}

void log_set_level(enum log_level level)
{
    log_state.level = level;
    if (log_state.start_sec == 0)
        log_state.start_sec = now_sec();
}

bool log_enabled(enum log_level level)
{
    return level <= log_state.level;
}

struct err *log_parse_level(const char *name, enum log_level *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (strcasecmp(name, level_names[i].name) == 0) {
            *ret = level_names[i].level;
            return NULL;
        }
    }
    return ERR_NEW(ERR_INVALID,
                   "log level \"%s\" is not supported, choose from: trace, debug, info, warn, warning, error, fatal, "
                   "panic",
                   name);
}

/* A line under construction: no allocation, since a log line may be about running out of memory. */
struct line {
    size_t len;
    char s[4 * LOG_MESSAGE_MAX + 256]; /* the worst case of quoting, and what surrounds it */
};

static void line_add(struct line *l, const char *s, size_t len)
{
    if (len > sizeof(l->s) - l->len)
        len = sizeof(l->s) - l->len;
    memcpy(l->s + l->len, s, len);
    l->len += len;
}

__attribute__((format(printf, 2, 3))) static void line_addf(struct line *l, const char *fmt, ...)
{
    char text[128];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n > 0)
        line_add(l, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

/* logrus quotes what has anything but these. */
static bool needs_quotes(const char *s)
{
    return s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/@^+")] != '\0';
}

/* U+0080 to U+009F in UTF-8: terminals may take them for escape sequences. */
static bool is_c1_control(const unsigned char *s)
{
    return s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f;
}

/* As Go's %q. */
static void line_add_quoted(struct line *l, const char *text)
{
    line_add(l, "\"", 1);
    for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
        if (*s == '"' || *s == '\\')
            line_addf(l, "\\%c", *s);
        else if (*s == '\n')
            line_add(l, "\\n", 2);
        else if (*s == '\t')
            line_add(l, "\\t", 2);
        else if (*s == '\r')
            line_add(l, "\\r", 2);
        else if (*s < 0x20 || *s == 0x7f)
            line_addf(l, "\\x%02x", *s);
        else if (is_c1_control(s))
            line_addf(l, "\\u00%02x", *++s);
        else
            line_add(l, (const char *)s, 1);
    }
    line_add(l, "\"", 1);
}

/* On a terminal, text stays as it is except for what the terminal would obey. */
static void line_add_printable(struct line *l, const char *text)
{
    for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
        if (is_c1_control(s)) {
            s++;
            line_add(l, "?", 1);
        } else if ((*s < 0x20 && *s != '\n' && *s != '\t') || *s == 0x7f) {
            line_add(l, "?", 1);
        } else {
            line_add(l, (const char *)s, 1);
        }
    }
}

static void write_line(const struct line *l)
{
    for (size_t done = 0; done < l->len;) {
        ssize_t n = write(STDERR_FILENO, l->s + done, l->len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nowhere to report it */
        done += (size_t)n;
    }
}

void log_write(enum log_level level, const char *fmt, ...)
{
    if (!log_enabled(level))
        return;
    int saved_errno = errno;

    char message[LOG_MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    if (n < 0)
        message[0] = '\0';
    size_t len = strlen(message);
    if (len > 0 && message[len - 1] == '\n')
        message[len - 1] = '\0';

    struct line line;
    line.len = 0;
    int64_t sec = now_sec();
    if (isatty(STDERR_FILENO)) {
        if (log_state.start_sec == 0)
            log_state.start_sec = sec;
        line_addf(&line, "\x1b[%dm%s\x1b[0m[%04lld] ", level_forms[level].color, level_forms[level].short_text,
                  (long long)(sec - log_state.start_sec));
        line_add_printable(&line, message);
    } else {
        line_addf(&line, "time=\"%s\" level=%s msg=", timefmt_rfc3339(sec * NSEC_PER_SEC, 1).s,
                  level_forms[level].text);
        if (needs_quotes(message))
            line_add_quoted(&line, message);
        else
            line_add(&line, message, strlen(message));
    }
    line_add(&line, "\n", 1);
    write_line(&line);
    errno = saved_errno;
}
