#include "engine/registry/challenge.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/strbuf.h"

#define TEXT_MAX ((size_t)8192)
#define BLANKS " \t,"
/* Characters of an RFC 9110 token. */
#define TOKEN "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

void challenge_done(struct challenge *c)
{
    mem_freep(&c->realm);
    mem_freep(&c->service);
    mem_freep(&c->scope);
    mem_freep(&c->error);
}

/* A token or a quoted string. */
static struct err *take_value(const char **at, char **ret)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    const char *p = *at;
    if (*p != '"') {
        size_t len = strcspn(p, BLANKS);
        *at = p + len;
        return mem_strndup(p, len, ret);
    }
    for (p++; *p && *p != '"'; p++) {
        if (*p == '\\' && p[1])
            p++;
        if ((unsigned char)*p < ' ')
            return ERR_NEW(ERR_INVALID, "control character in WWW-Authenticate");
        TRY(strbuf_putc(&out, *p));
    }
    if (*p != '"')
        return ERR_NEW(ERR_INVALID, "a string without end in WWW-Authenticate");
    *at = p + 1;
    return mem_strdup(strbuf_str(&out), ret);
}

static struct err *parameters(const char *at, struct challenge *c)
{
    const struct {
        const char *name;
        char **slot;
    } known[] = {{"realm", &c->realm}, {"service", &c->service}, {"scope", &c->scope}, {"error", &c->error}};
    for (at += strspn(at, BLANKS); *at; at += strspn(at, BLANKS)) {
        AUTO_FREE char *value = NULL;
        const char *name = at;
        size_t len = strspn(at, TOKEN);
        at += len;
        at += strspn(at, " \t");
        if (len == 0)
            return ERR_NEW(ERR_INVALID, "WWW-Authenticate makes no sense");
        if (*at != '=')
            return NULL; /* the next challenge begins: the first one counts */
        at++;
        at += strspn(at, " \t");
        TRY(take_value(&at, &value));
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            if (strlen(known[i].name) == len && strncasecmp(known[i].name, name, len) == 0 && !*known[i].slot)
                *known[i].slot = TAKE_PTR(value);
    }
    return NULL;
}

struct err *challenge_parse(const char *text, struct challenge *ret)
{
    AUTO_CHALLENGE struct challenge c = {0};
    if (strlen(text) > TEXT_MAX)
        return ERR_NEW(ERR_INVALID, "WWW-Authenticate is too long");
    text += strspn(text, BLANKS);
    size_t len = strspn(text, TOKEN);
    if (len == 5 && strncasecmp(text, "Basic", 5) == 0)
        c.scheme = CHALLENGE_BASIC;
    else if (len == 6 && strncasecmp(text, "Bearer", 6) == 0)
        c.scheme = CHALLENGE_BEARER;
    if (c.scheme != CHALLENGE_NONE)
        TRY(parameters(text + len, &c));
    if (c.scheme == CHALLENGE_BEARER && !c.realm)
        return ERR_NEW(ERR_INVALID, "WWW-Authenticate names no realm to get a token from");
    *ret = c;
    c = (struct challenge){0};
    return NULL;
}
