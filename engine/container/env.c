/* Environment variables from flags, files and the host: podman-run(1), "Environment". */
#include "engine/container/env.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "engine/container/spec_internal.h"

#define ENV_FILE_MAX ((size_t)4 << 20)

/* The assignment "K=V" of the host's environment, borrowed; `key` need not end at `len`. */
static const char *host_get(char *const *host_env, const char *key, size_t len)
{
    for (; host_env && *host_env; host_env++)
        if (strncmp(*host_env, key, len) == 0 && (*host_env)[len] == '=')
            return *host_env;
    return NULL;
}

/* Everything that begins with the prefix; entries without "=" (a broken environment) are no variables. */
static struct err *add_prefix(struct strv *env, const char *prefix, size_t len, char *const *host_env)
{
    for (; host_env && *host_env; host_env++)
        if (strncmp(*host_env, prefix, len) == 0 && strchr(*host_env, '='))
            TRY(strv_env_set(env, *host_env));
    return NULL;
}

/* A name without value: the host's, if it has one. */
static struct err *add_from_host(struct strv *env, const char *key, char *const *host_env)
{
    const char *assignment = host_get(host_env, key, strlen(key));
    return assignment ? strv_env_set(env, assignment) : NULL;
}

struct err *env_add(struct strv *env, const char *value, char *const *host_env)
{
    if (value[0] == '=')
        return ERR_NEW(ERR_INVALID, "invalid environment variable: \"%s\"", value);
    if (value[0] == '\0')
        return NULL;
    size_t len = strlen(value);
    if (strchr(value, '='))
        return strv_env_set(env, value);
    if (value[len - 1] == '*')
        return add_prefix(env, value, len - 1, host_env);
    return add_from_host(env, value, host_env);
}

/* `line` without its newline; a carriage return before it belongs to the newline. White space in front of a name is
 * not part of it; anything else is. */
static struct err *add_line(struct strv *env, char *line, char *const *host_env)
{
    size_t len = strlen(line);
    if (len && line[len - 1] == '\r')
        line[len - 1] = '\0';
    while (isspace((unsigned char)*line))
        line++;
    return *line == '#' ? NULL : env_add(env, line, host_env);
}

/* Lines end at "\n" or "\r\n"; quotes, escapes and continuation lines mean nothing here, as in Docker and Podman. */
struct err *env_add_file(struct strv *env, const char *text, size_t len, char *const *host_env)
{
    if (len > ENV_FILE_MAX)
        return ERR_NEW(ERR_INVALID, "larger than %zu bytes", ENV_FILE_MAX);
    if (memchr(text, '\0', len))
        return ERR_NEW(ERR_INVALID, "contains a NUL byte");
    AUTO_FREE char *copy = NULL;
    TRY(mem_strndup(text, len, &copy));
    /* A byte order mark of a text editor isn't part of the first name. */
    char *line = strncmp(copy, "\xef\xbb\xbf", 3) == 0 ? copy + 3 : copy;
    while (line) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        TRY(add_line(env, line, host_env));
        line = end ? end + 1 : NULL;
    }
    return NULL;
}

/* Both spellings: curl reads one of them, most libraries the other, and no program reads all. */
struct err *env_add_proxies(struct strv *env, char *const *host_env)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "ftp_proxy", "no_proxy",
                                        "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        TRY(add_from_host(env, names[i], host_env));
    return NULL;
}

struct err *spec_add_env(struct container_spec *s, const char *value, char *const *host_env)
{
    return env_add(&s->env, value, host_env);
}

struct err *spec_add_env_file(struct container_spec *s, const char *text, size_t len, char *const *host_env)
{
    return env_add_file(&s->env, text, len, host_env);
}

/* Below the image's environment, so that an image's own PATH wins over the host's with --env-host. */
struct err *spec_add_host_env(struct container_spec *s, char *const *host_env)
{
    if (s->env_host)
        return add_prefix(&s->env_base, "", 0, host_env);
    return s->no_http_proxy ? NULL : env_add_proxies(&s->env_base, host_env);
}
