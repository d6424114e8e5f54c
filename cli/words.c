#include "cli/words.h"

#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"

#define BLANKS " \t\r\n"

/* One quoted part, from behind its opening quote; *at is behind the closing one then. */
static struct err *quoted(const char **at, char quote, struct strbuf *word)
{
    for (const char *p = *at; *p; p++) {
        if (*p == quote) {
            *at = p + 1;
            return NULL;
        }
        if (quote == '"' && *p == '\\' && (p[1] == '"' || p[1] == '\\'))
            p++;
        TRY(strbuf_putc(word, *p));
    }
    return ERR_NEW(ERR_INVALID, "EOF found when expecting closing quote");
}

static struct err *one_word(const char **at, struct strbuf *word)
{
    while (**at && !strchr(BLANKS, **at)) {
        char c = *(*at)++;
        if (c == '\'' || c == '"') {
            TRY(quoted(at, c, word));
            continue;
        }
        if (c == '\\') {
            if (!**at)
                return ERR_NEW(ERR_INVALID, "EOF found after escape character");
            c = *(*at)++;
        }
        TRY(strbuf_putc(word, c));
    }
    return NULL;
}

struct err *words_split(const char *text, struct strv *ret)
{
    for (const char *at = text + strspn(text, BLANKS); *at; at += strspn(at, BLANKS)) {
        AUTO_STRBUF struct strbuf word = STRBUF_INIT;
        if (*at == '#') {
            at += strcspn(at, "\n");
            continue;
        }
        TRY(one_word(&at, &word));
        TRY(strv_add(ret, strbuf_str(&word)));
    }
    return NULL;
}

static bool is_name(char c)
{
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The name behind a dollar; *at is behind it then. "" when there is none. */
static struct err *take_name(const char **at, char **ret)
{
    const char *begin = *at;
    if (*begin == '{') {
        size_t len = strcspn(begin + 1, "}");
        *at = begin + 1 + len + (begin[1 + len] == '}');
        return mem_strndup(begin + 1, len, ret);
    }
    size_t len = 0;
    while (is_name(begin[len]))
        len++;
    *at = begin + len;
    return mem_strndup(begin, len, ret);
}

struct err *words_expand(const char *text, const struct strv *values, char **ret)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    for (const char *at = text; *at;) {
        AUTO_FREE char *name = NULL;
        size_t plain = strcspn(at, "$");
        TRY(strbuf_add(&sb, at, plain));
        at += plain;
        if (!*at)
            break;
        at++;
        TRY(take_name(&at, &name));
        const char *value = *name ? strv_env_get(values, name) : "$";
        if (value)
            TRY(strbuf_puts(&sb, value));
    }
    return strbuf_take(&sb, ret);
}
