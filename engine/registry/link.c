#include "engine/registry/link.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define BLANKS " \t"

/* Whether "next" is one of the words. */
static bool has_next(const char *words, size_t len)
{
    size_t at = 0;
    while (at < len) {
        size_t word = 0;
        while (at + word < len && !strchr(BLANKS, words[at + word]))
            word++;
        if (word == 4 && strncasecmp(words + at, "next", 4) == 0)
            return true;
        at += word + 1;
    }
    return false;
}

/* One parameter, behind its semicolon: *at moves past it. False when it cannot be one. */
static bool parameter(const char **at, bool *ret_next)
{
    const char *p = *at + strspn(*at, BLANKS);
    size_t name = strcspn(p, "=;," BLANKS "\"");
    const char *value = p + name + strspn(p + name, BLANKS);
    size_t len = 0;
    if (name == 0)
        return false;
    if (*value != '=') { /* it has none */
        *at = value;
        return true;
    }
    value += 1 + strspn(value + 1, BLANKS);
    if (*value == '"') {
        value++;
        while (value[len] && value[len] != '"')
            len += value[len] == '\\' && value[len + 1] ? 2 : 1;
        if (!value[len])
            return false;
        *at = value + len + 1;
    } else {
        len = strcspn(value, ";," BLANKS);
        *at = value + len;
    }
    if (name == 3 && strncasecmp(p, "rel", 3) == 0)
        *ret_next |= has_next(value, len);
    return true;
}

struct err *link_next(const char *text, char **ret)
{
    for (const char *p = text;;) {
        p += strspn(p, BLANKS ",");
        if (*p != '<')
            return NULL;
        const char *target = p + 1;
        size_t len = strcspn(target, ">");
        bool next = false;
        if (!target[len])
            return NULL;
        p = target + len + 1;
        for (p += strspn(p, BLANKS); *p == ';'; p += strspn(p, BLANKS)) {
            p++;
            if (!parameter(&p, &next))
                return NULL;
        }
        if (next)
            return mem_strndup(target, len, ret);
    }
}
