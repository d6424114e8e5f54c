#include "engine/image/reference.h"

#include <string.h>

#include "base/mem.h"
#include "engine/store/digest.h"

#define NAME_MAX_LEN 255
#define TAG_MAX_LEN 128
#define DOCKER_DOMAIN "docker.io"
#define DOCKER_LEGACY_DOMAIN "index.docker.io"
#define DOCKER_LIBRARY "library/"
#define LOCAL_DOMAIN "localhost"
/* name, tag and digest, with some air: longer text is refused before it is looked at. */
#define TEXT_MAX_LEN 1024

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

void reference_done(struct reference *r)
{
    mem_freep(&r->domain);
    mem_freep(&r->path);
    mem_freep(&r->tag);
    mem_freep(&r->digest);
}

static bool all_of(const char *s, size_t len, const char *set)
{
    return strspn(s, set) >= len;
}

static bool is_one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

/* [a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])? */
static bool is_domain_component(const char *s, size_t len)
{
    return len > 0 && all_of(s, len, LOWER UPPER DIGITS "-") && s[0] != '-' && s[len - 1] != '-';
}

static bool is_port(const char *s, size_t len)
{
    return len > 0 && len <= 5 && all_of(s, len, DIGITS);
}

/* Components with dots between and an optional port, or an IPv6 address in brackets. */
static bool is_domain(const char *s, size_t len)
{
    size_t host = len;
    if (s[0] == '[') {
        const char *close = memchr(s, ']', len);
        if (!close || close == s + 1 || !all_of(s + 1, (size_t)(close - s - 1), "abcdefABCDEF" DIGITS ":"))
            return false;
        host = (size_t)(close - s) + 1;
        return host == len || (s[host] == ':' && is_port(s + host + 1, len - host - 1));
    }
    const char *colon = memchr(s, ':', len);
    if (colon) {
        host = (size_t)(colon - s);
        if (!is_port(colon + 1, len - host - 1))
            return false;
    }
    for (size_t at = 0;;) {
        const char *dot = memchr(s + at, '.', host - at);
        size_t end = dot ? (size_t)(dot - s) : host;
        if (!is_domain_component(s + at, end - at))
            return false;
        if (end == host)
            return true;
        at = end + 1;
    }
}

/* [a-z0-9]+ with separators between: one dot, one or two underscores, any number of dashes. */
static bool is_path_component(const char *s, size_t len)
{
    size_t at = 0;
    for (;;) {
        size_t word = strspn(s + at, LOWER DIGITS);
        if (word == 0)
            return false;
        at += word;
        if (at >= len)
            return at == len;
        if (s[at] == '.')
            at++;
        else if (s[at] == '_')
            at += s[at + 1] == '_' ? 2 : 1;
        else if (s[at] == '-')
            at += strspn(s + at, "-");
        else
            return false;
    }
}

static bool is_path(const char *s, size_t len)
{
    for (size_t at = 0;;) {
        const char *slash = memchr(s + at, '/', len - at);
        size_t end = slash ? (size_t)(slash - s) : len;
        /* is_path_component stops at what is no letter, '/' included, so it cannot run over the end. */
        if (end == at || !is_path_component(s + at, end - at))
            return false;
        if (end == len)
            return true;
        at = end + 1;
    }
}

static bool is_tag(const char *s)
{
    size_t len = strlen(s);
    return len > 0 && len <= TAG_MAX_LEN && is_one_of(s[0], LOWER UPPER DIGITS "_") &&
           all_of(s, len, LOWER UPPER DIGITS "_.-");
}

/* The first component is a domain when it looks like one: Docker's rule. */
static bool starts_with_domain(const char *s, size_t len)
{
    return memchr(s, '.', len) || memchr(s, ':', len) ||
           (len == strlen(LOCAL_DOMAIN) && memcmp(s, LOCAL_DOMAIN, len) == 0) || strcspn(s, UPPER) < len;
}

static struct err *bad(const char *text, const char *why)
{
    return ERR_NEW(ERR_INVALID, "invalid reference '%.300s': %s", text, why);
}

/* `name` is domain and path. */
static struct err *split_name(const char *text, const char *name, struct reference *r)
{
    size_t len = strlen(name);
    const char *path = name;
    const char *slash = strchr(name, '/');
    if (slash && starts_with_domain(name, (size_t)(slash - name))) {
        if (!is_domain(name, (size_t)(slash - name)))
            return bad(text, "the part before the first slash is not a host name");
        TRY(mem_strndup(name, (size_t)(slash - name), &r->domain));
        path = slash + 1;
    }
    if (len > NAME_MAX_LEN)
        return bad(text, "the name is longer than 255 characters");
    if (strpbrk(path, UPPER))
        return bad(text, "repository name must be lowercase");
    if (!is_path(path, strlen(path)))
        return bad(text, "the name may have lower-case letters, digits, and single separators between them");
    if (!r->domain && len == DIGEST_HEX_LEN && all_of(path, len, "abcdef" DIGITS))
        return bad(text, "64 hexadecimal digits are an id, not a name");
    return mem_strdup(path, &r->path);
}

/* Takes tag and digest off the end of `name`. */
static struct err *split_suffixes(const char *text, char *name, struct reference *r)
{
    char *at = strchr(name, '@');
    if (at) {
        *at = '\0';
        TRY_WRAP(digest_check(at + 1), "invalid reference '%.300s'", text);
        TRY(mem_strdup(at + 1, &r->digest));
    }
    char *slash = strrchr(name, '/');
    char *colon = strrchr(name, ':');
    if (colon && (!slash || colon > slash)) {
        *colon = '\0';
        if (!is_tag(colon + 1))
            return bad(text, "the tag may have letters, digits, '_', '.', '-', and 128 characters");
        TRY(mem_strdup(colon + 1, &r->tag));
    }
    return NULL;
}

static struct err *parse(const char *text, struct reference *r)
{
    static const char scheme[] = "docker://";
    AUTO_FREE char *name = NULL;
    size_t skip = strncmp(text, scheme, strlen(scheme)) == 0 ? strlen(scheme) : 0;
    if (!text[skip])
        return bad(text, "it is empty");
    if (strlen(text) > TEXT_MAX_LEN)
        return bad(text, "it is too long");
    TRY(mem_strdup(text + skip, &name));
    TRY(split_suffixes(text, name, r));
    return split_name(text, name, r);
}

struct err *reference_parse(const char *text, struct reference *ret)
{
    AUTO_REFERENCE struct reference r = {0};
    TRY(parse(text, &r));
    *ret = r;
    r = (struct reference){0};
    return NULL;
}

/* The full name of `r` in `domain` (used when r has none). */
static struct err *full_name(const struct reference *r, const char *domain, char **ret)
{
    if (r->domain)
        domain = strcmp(r->domain, DOCKER_LEGACY_DOMAIN) == 0 ? DOCKER_DOMAIN : r->domain;
    bool library = strcmp(domain, DOCKER_DOMAIN) == 0 && !strchr(r->path, '/');
    const char *tag = r->tag ? r->tag : r->digest ? NULL : "latest";
    return mem_asprintf(ret, "%s/%s%s%s%s%s%s", domain, library ? DOCKER_LIBRARY : "", r->path, tag ? ":" : "",
                        tag ? tag : "", r->digest ? "@" : "", r->digest ? r->digest : "");
}

struct err *reference_normalize(const char *text, char **ret)
{
    AUTO_REFERENCE struct reference r = {0};
    TRY(reference_parse(text, &r));
    return full_name(&r, LOCAL_DOMAIN, ret);
}

struct err *reference_normalize_new(const char *text, char **ret)
{
    AUTO_REFERENCE struct reference r = {0};
    TRY(reference_parse(text, &r));
    if (r.digest)
        return ERR_NEW(ERR_INVALID, "'%s' has a digest; a new name cannot choose one", text);
    return full_name(&r, LOCAL_DOMAIN, ret);
}

struct err *reference_normalize_docker(const char *text, char **ret)
{
    AUTO_REFERENCE struct reference r = {0};
    TRY(reference_parse(text, &r));
    return full_name(&r, DOCKER_DOMAIN, ret);
}

struct err *reference_candidates(const char *text, struct strv *ret)
{
    AUTO_REFERENCE struct reference r = {0};
    AUTO_FREE char *first = NULL, *second = NULL;
    TRY(reference_parse(text, &r));
    TRY(full_name(&r, LOCAL_DOMAIN, &first));
    TRY(strv_take(ret, TAKE_PTR(first)));
    if (r.domain)
        return NULL;
    TRY(full_name(&r, DOCKER_DOMAIN, &second));
    return strv_take(ret, TAKE_PTR(second));
}

size_t reference_repository_len(const char *full_name)
{
    size_t len = strcspn(full_name, "@");
    for (size_t i = len; i > 0 && full_name[i - 1] != '/'; i--)
        if (full_name[i - 1] == ':')
            len = i - 1;
    return len;
}

struct err *reference_repository(const char *full_name, char **ret)
{
    return mem_strndup(full_name, reference_repository_len(full_name), ret);
}
