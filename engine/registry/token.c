/* Credentials: basic, and tokens of the Docker token protocol
 * (https://distribution.github.io/distribution/spec/auth/token/,
 * https://distribution.github.io/distribution/spec/auth/oauth/). */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/registry/base64.h"
#include "engine/registry/serve.h"

#define TOKEN_MAX ((size_t)65536)

static struct err *add_parameter(struct op *o, struct strbuf *sb, const char *key, const char *value)
{
    if (!value || !value[0])
        return NULL;
    char *escaped = curl_easy_escape(o->easy, value, 0);
    if (!escaped)
        return err_oom();
    struct err *e = strbuf_printf(sb, "%s%s=%s", sb->len ? "&" : "", key, escaped);
    curl_free(escaped);
    return e;
}

/* What we are going to do, in the token protocol's words; a login asks for nothing. */
static struct err *scope(struct op *o, char **ret)
{
    if (o->verb == REGISTRY_PING)
        return NULL;
    if (o->verb == REGISTRY_CATALOG)
        return mem_strdup("registry:catalog:*", ret);
    return mem_asprintf(ret, "repository:%s:%s", op_place(o)->source.repository, o->serve->push ? "pull,push" : "pull");
}

struct err *token_request(struct op *o, char **ret_url, char **ret_form)
{
    AUTO_STRBUF struct strbuf q = STRBUF_INIT;
    AUTO_FREE char *wanted = NULL;
    const struct registry_source *s = &op_place(o)->source;
    const struct challenge *c = &o->challenge;
    if (!c->realm || (strncmp(c->realm, "https://", 8) != 0 && !(s->insecure && strncmp(c->realm, "http://", 7) == 0)))
        return ERR_NEW(ERR_DENIED, "the registry wants a token from %.200s, which is not https",
                       c->realm ? c->realm : "nowhere");
    TRY(scope(o, &wanted));
    if (s->identity) {
        TRY(add_parameter(o, &q, "grant_type", "refresh_token"));
        TRY(add_parameter(o, &q, "client_id", "coracle"));
        TRY(add_parameter(o, &q, "refresh_token", s->identity));
    }
    TRY(add_parameter(o, &q, "service", c->service));
    TRY(add_parameter(o, &q, "scope", wanted));
    if (o->mount_from) {
        AUTO_FREE char *from = NULL;
        TRY(mem_asprintf(&from, "repository:%s:pull", o->mount_from));
        TRY(add_parameter(o, &q, "scope", from));
    }
    if (s->identity) {
        TRY(mem_strdup(strbuf_str(&q), ret_form));
        return mem_strdup(c->realm, ret_url);
    }
    TRY(add_parameter(o, &q, "account", s->user));
    return mem_asprintf(ret_url, "%s%c%s", c->realm, strchr(c->realm, '?') ? '&' : '?', strbuf_str(&q));
}

static struct err *basic(const struct registry_source *s, char **ret)
{
    AUTO_FREE char *pair = NULL, *encoded = NULL;
    TRY(mem_asprintf(&pair, "%s:%s", s->user, s->password ? s->password : ""));
    TRY(base64_encode(pair, strlen(pair), &encoded));
    return mem_asprintf(ret, "Basic %s", encoded);
}

struct err *token_header(struct op *o, char **ret)
{
    struct place *p = op_place(o);
    if (o->step == STEP_TOKEN)
        return p->source.user && !p->source.identity ? basic(&p->source, ret) : NULL;
    o->token_used = p->token_number;
    if (p->auth == AUTH_TOKEN && p->token)
        return mem_asprintf(ret, "Bearer %s", p->token);
    if (p->auth == AUTH_BASIC && p->source.user)
        return basic(&p->source, ret);
    return NULL;
}

struct err *token_take(struct op *o)
{
    struct place *p = op_place(o);
    AUTO_JSON json_t *root = NULL;
    const char *token = NULL;
    TRY_WRAP(json_parse(strbuf_str(&o->body), o->body.len, "token", &root), "the token server's answer");
    TRY(json_get_str(root, "token", "token", &token));
    if (!token || !token[0])
        TRY(json_get_str(root, "access_token", "token", &token));
    if (!token || !token[0] || strlen(token) > TOKEN_MAX || strpbrk(token, "\r\n"))
        return ERR_NEW(ERR_CORRUPT, "the token server's answer has no token");
    TRY(mem_replace(&p->token, token));
    p->token_number++;
    p->auth = AUTH_TOKEN;
    return NULL;
}
