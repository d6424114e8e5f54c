/* From what a user calls a destination to its URI. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/number.h"
#include "engine/conf/connections.h"

#define SSH_PORT 22
#define ROOT_SOCKET "/run/podman/podman.sock"

struct url {
    char *scheme, *user, *host, *port, *path; /* NULL: not there */
};

static void url_done(struct url *u)
{
    mem_freep(&u->scheme);
    mem_freep(&u->user);
    mem_freep(&u->host);
    mem_freep(&u->port);
    mem_freep(&u->path);
}
#define AUTO_URL __attribute__((cleanup(url_done)))

static struct err *bad(const char *text, const char *why)
{
    return ERR_NEW(ERR_INVALID, "\"%s\" is not a valid destination: %s", text, why);
}

/* "host", "host:port", "[v6]:port". */
static struct err *split_host(const char *text, const char *host, size_t len, struct url *u)
{
    const char *end = host + len, *colon = NULL;
    if (len && *host == '[') {
        const char *close = memchr(host, ']', len);
        if (!close || (close + 1 < end && close[1] != ':'))
            return bad(text, "the address in brackets has no end");
        colon = close + 1 < end ? close + 1 : NULL;
    } else {
        colon = memchr(host, ':', len);
    }
    TRY(mem_strndup(host, colon ? (size_t)(colon - host) : len, &u->host));
    if (!colon || colon + 1 == end)
        return NULL;
    int64_t port;
    TRY(mem_strndup(colon + 1, (size_t)(end - colon - 1), &u->port));
    struct err *e = number_parse_i64(u->port, 1, 65535, &port);
    if (!e)
        return NULL;
    err_drop(e);
    return bad(text, "the port is no number from 1 to 65535");
}

/* What has no scheme is reached by ssh. */
static struct err *parse(const char *text, struct url *u)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
    bool has_scheme = len && strncmp(text + len, "://", 3) == 0;
    const char *rest = has_scheme ? text + len + 3 : text;
    TRY(has_scheme ? mem_strndup(text, len, &u->scheme) : mem_strdup("ssh", &u->scheme));
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return bad(text, "it has blanks or control characters");
    size_t authority = strcspn(rest, "/");
    const char *at = memchr(rest, '@', authority);
    if (at)
        TRY(mem_strndup(rest, (size_t)(at - rest), &u->user));
    const char *host = at ? at + 1 : rest;
    TRY(split_host(text, host, authority - (size_t)(host - rest), u));
    return rest[authority] ? mem_strdup(rest + authority, &u->path) : NULL;
}

static struct err *set_port(struct url *u, int64_t port)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%lld", (long long)port);
    return mem_replace(&u->port, text);
}

static struct err *complete_ssh(const struct connection_url_opts *o, struct url *u)
{
    if (!u->host || !*u->host)
        return bad(o->destination, "it names no host");
    if (!u->user)
        TRY(mem_strdup(o->user, &u->user));
    if (o->port || !u->port)
        TRY(set_port(u, o->port ? o->port : SSH_PORT));
    if (o->socket_path)
        TRY(mem_replace(&u->path, o->socket_path));
    if (u->path && strcmp(u->path, "/") != 0)
        return NULL;
    if (strcmp(u->user, "root") == 0)
        return mem_replace(&u->path, ROOT_SOCKET);
    return ERR_NEW(ERR_UNSUPPORTED, "%s: give --socket-path: asking the other side for its socket is not built yet",
                   o->destination);
}

static struct err *complete_unix(const struct connection_url_opts *o, struct url *u, char **ret_warning)
{
    struct stat st;
    if (o->identity)
        return ERR_NEW(ERR_INVALID, "--identity option not supported for unix scheme");
    if (o->socket_path)
        TRY(mem_replace(&u->path, o->socket_path));
    if ((u->host && *u->host) || !u->path)
        return bad(o->destination, "the path of a socket is absolute: unix:///run/…");
    if (stat(u->path, &st) < 0)
        return mem_asprintf(ret_warning, "\"%s\" does not exists", u->path);
    return S_ISSOCK(st.st_mode) ? NULL : ERR_NEW(ERR_INVALID, "\"%s\" exists and is not a unix domain socket", u->path);
}

static struct err *complete_tcp(const struct connection_url_opts *o, struct url *u)
{
    if (o->socket_path)
        return ERR_NEW(ERR_INVALID, "--socket-path option not supported for tcp scheme");
    if (o->identity)
        return ERR_NEW(ERR_INVALID, "--identity option not supported for tcp scheme");
    if (o->port)
        TRY(set_port(u, o->port));
    return u->port ? NULL : ERR_NEW(ERR_INVALID, "tcp scheme requires a port either via --port or in destination URL");
}

struct err *connection_url(const struct connection_url_opts *o, char **ret, char **ret_warning)
{
    AUTO_URL struct url u = {0};
    TRY(parse(o->destination, &u));
    if (strcmp(u.scheme, "ssh") == 0)
        TRY(complete_ssh(o, &u));
    else if (strcmp(u.scheme, "unix") == 0)
        TRY(complete_unix(o, &u, ret_warning));
    else if (strcmp(u.scheme, "tcp") == 0)
        TRY(complete_tcp(o, &u));
    else
        TRY(mem_asprintf(ret_warning, "\"%s\" unknown scheme, no validation provided", u.scheme));
    return mem_asprintf(ret, "%s://%s%s%s%s%s%s", u.scheme, u.user ? u.user : "", u.user ? "@" : "",
                        u.host ? u.host : "", u.port ? ":" : "", u.port ? u.port : "", u.path ? u.path : "");
}
