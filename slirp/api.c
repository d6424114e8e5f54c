#include "slirp/api.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "slirp/api_request.h"

#define API_REQUEST_MAX ((size_t)64 << 10)
#define API_CLIENTS_MAX 32
#define API_BACKLOG 32
#define API_TIMEOUT_NSEC UINT64_C(10000000000)
#define API_CHUNK 4096

struct api_client {
    struct api *api;
    struct api_client *next;
    int fd;
    struct loop_source *src, *timer;
    struct strbuf in;
};

struct api {
    struct loop *loop;
    struct hostfwd *hostfwd;
    int sock;
    struct loop_source *src;
    struct api_client *clients;
    size_t n;
};

struct err *api_listen(const char *path, int *ret_sock)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct stat st;
    if (strlen(path) >= sizeof(addr.sun_path))
        return ERR_NEW(ERR_INVALID, "the path of the API socket is too long (at most %zu bytes): %s",
                       sizeof(addr.sun_path) - 1, path);
    memcpy(addr.sun_path, path, strlen(path));
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return ERR_SYS(errno, "make the API socket");
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        (void)unlink(path);
    if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, API_BACKLOG) < 0)
        return ERR_SYS(errno, "listen on the API socket %s", path);
    json_object_seed(0); /* it reads random bytes from a file, which the sandbox would not let it */
    *ret_sock = TAKE_FD(fd);
    return NULL;
}

static void api_remove(struct api_client *c)
{
    for (struct api_client **p = &c->api->clients; *p; p = &(*p)->next) {
        if (*p == c) {
            *p = c->next;
            c->api->n--;
            break;
        }
    }
    loop_remove(c->src);
    loop_remove(c->timer);
    (void)fd_close(c->fd);
    strbuf_done(&c->in);
    free(c);
}

static struct err *api_execute(struct api *a, const struct api_request *r, char **ret)
{
    uint32_t id = 0;
    switch (r->verb) {
    case API_ADD:
        TRY(hostfwd_add(a->hostfwd, &r->port, &id));
        return api_answer_id(id, ret);
    case API_REMOVE:
        TRY(hostfwd_remove_id(a->hostfwd, r->port.id));
        return api_answer_empty(ret);
    case API_LIST:
    default:
        return api_answer_list(a->hostfwd->ports, a->hostfwd->n, ret);
    }
}

/* Requests are small, and so are answers but for lists of very many ports: they fit into the socket's buffer. */
static void api_finish(struct api_client *c, struct err *take_error, const struct api_request *r)
{
    AUTO_FREE char *text = NULL;
    AUTO_ERR struct err *e = take_error ? take_error : api_execute(c->api, r, &text);
    if (e)
        err_drop(api_answer_error(err_text(e), &text));
    if (text)
        (void)send(c->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
    api_remove(c);
}

/* Clients mark the end of a request by closing their side, or not at all: whole JSON is whole. */
static struct err *api_client_ready(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct api_client *c = arg;
    struct api_request r;
    char chunk[API_CHUNK];
    (void)src;
    (void)events;
    ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR)
            api_remove(c);
        return NULL;
    }
    struct err *e = strbuf_add(&c->in, chunk, (size_t)n);
    if (!e)
        e = api_request_parse(strbuf_str(&c->in), c->in.len, &r);
    if (e && n > 0 && err_kind(e) == ERR_INVALID && c->in.len < API_REQUEST_MAX && !memchr(chunk, '\n', (size_t)n)) {
        err_drop(e); /* there may be more */
        return NULL;
    }
    api_finish(c, e ? ERR_WRAP(e, "bad request") : NULL, &r);
    return NULL;
}

static struct err *api_client_timeout(struct loop_source *src, void *arg)
{
    struct api_client *c = arg;
    (void)src;
    api_finish(c, ERR_NEW(ERR_TIMEOUT, "bad request: it did not end"), NULL);
    return NULL;
}

static struct err *api_add(struct api *a, int take_fd)
{
    AUTO_FD int fd = take_fd;
    if (a->n >= API_CLIENTS_MAX)
        return ERR_NEW(ERR_NO_SPACE, "too many clients");
    struct api_client *c = mem_zalloc(sizeof(*c));
    if (!c)
        return err_oom();
    *c = (struct api_client){.api = a, .fd = TAKE_FD(fd), .in = {.max = API_REQUEST_MAX + API_CHUNK}};
    c->next = a->clients;
    a->clients = c;
    a->n++;
    struct err *e = loop_add_fd(a->loop, c->fd, EPOLLIN, api_client_ready, c, &c->src);
    if (!e)
        e = loop_add_timer(a->loop, API_TIMEOUT_NSEC, 0, api_client_timeout, c, &c->timer);
    if (e)
        api_remove(c);
    return e;
}

static struct err *api_accept(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    (void)src;
    (void)events;
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client >= 0)
        err_drop(api_add(arg, client));
    return NULL;
}

struct err *api_new(struct loop *loop, struct hostfwd *hostfwd, int take_sock, struct api **ret)
{
    AUTO_FD int sock = take_sock;
    AUTO_FREE struct api *a = mem_zalloc(sizeof(*a));
    if (!a)
        return err_oom();
    a->loop = loop;
    a->hostfwd = hostfwd;
    TRY(loop_add_fd(loop, sock, EPOLLIN, api_accept, a, &a->src));
    a->sock = TAKE_FD(sock);
    *ret = TAKE_PTR(a);
    return NULL;
}

void api_free(struct api *a)
{
    if (!a)
        return;
    while (a->clients)
        api_remove(a->clients);
    loop_remove(a->src);
    (void)fd_close(a->sock);
    free(a);
}
