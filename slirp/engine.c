#include "slirp/engine.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/strbuf.h"
#include "slirp/control.h"
#include "slirp/dns.h"
#include "slirp/dns_names.h"
#include "slirp/netns.h"
#include "slirp/port.h"
#include "slirp/run.h"

struct engine {
    struct slirp s;
    int sock; /* also in the loop */
    bool ports_only;
};

static struct err *engine_answer(struct engine *g, struct err *take_e)
{
    AUTO_ERR struct err *e = take_e;
    return e ? msg_send_error(g->sock, SLIRP_FAILED, e) : msg_send(g->sock, SLIRP_OK, NULL, 0, NULL, 0);
}

static struct err *engine_names(struct engine *g, const struct msg *m)
{
    struct dns_names_entry e;
    uint32_t id;
    if (g->s.names && m->type == SLIRP_NAMES && m->len >= sizeof(e)) {
        memcpy(&e, m->data, sizeof(e));
        return dns_names_set(g->s.names, &e, m->data + sizeof(e), m->len - sizeof(e));
    }
    if (g->s.names && m->type == SLIRP_NAMES_GONE && m->len == sizeof(id)) {
        memcpy(&id, m->data, sizeof(id));
        dns_names_remove(g->s.names, id);
        return NULL;
    }
    return ERR_NEW(ERR_INVALID, "names of %zu bytes", m->len);
}

static struct err *engine_maker(struct engine *g, struct msg *m)
{
    if (m->n_fds != 1)
        return ERR_NEW(ERR_INVALID, "a maker without a connection");
    return port_set_maker(g->s.port, TAKE_FD(m->fds[0]));
}

/* A port with a socket is ours to carry, one without is forwarded as slirp4netns would. */
static struct err *engine_port(struct engine *g, struct msg *m)
{
    struct slirp_port port;
    if (m->len != sizeof(port))
        return ERR_NEW(ERR_INVALID, "a port of %zu bytes", m->len);
    memcpy(&port, m->data, sizeof(port));
    if (m->type == SLIRP_PORT_ADD && m->n_fds)
        return port_add(g->s.port, &port, TAKE_FD(m->fds[0]));
    if (!g->s.hostfwd.stack) /* published ports alone */
        return m->type == SLIRP_PORT_REMOVE ? port_remove(g->s.port, &port)
                                            : ERR_NEW(ERR_INVALID, "a port without a socket");
    if (m->type == SLIRP_PORT_ADD)
        return hostfwd_add(&g->s.hostfwd, &port, NULL);
    struct err *e = hostfwd_remove(&g->s.hostfwd, &port);
    if (!e || err_kind(e) != ERR_NOT_FOUND)
        return e;
    err_drop(e);
    return port_remove(g->s.port, &port);
}

static struct err *engine_list(struct engine *g)
{
    const struct hostfwd *h = &g->s.hostfwd;
    AUTO_FREE struct slirp_port *spliced = NULL;
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    size_t n = 0;
    TRY(port_list(g->s.port, &spliced, &n));
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!spliced[i].id) /* else it is among those below */
            spliced[kept++] = spliced[i];
    n = kept;
    TRY(strbuf_add(&sb, spliced, n * sizeof(*spliced)));
    TRY(strbuf_add(&sb, h->ports, h->n * sizeof(*h->ports)));
    n = (n + h->n < SLIRP_CONTROL_PORTS_MAX ? n + h->n : SLIRP_CONTROL_PORTS_MAX) * sizeof(*h->ports);
    return msg_send(g->sock, SLIRP_PORTS, sb.data, n, NULL, 0);
}

static struct err *engine_request(struct engine *g, struct msg *m)
{
    bool about_ports = m->type != SLIRP_RESOLV && m->type != SLIRP_NAMES && m->type != SLIRP_NAMES_GONE;
    if (about_ports && !g->s.port)
        return engine_answer(g, ERR_NEW(ERR_INVALID, "this process publishes no ports"));
    switch (m->type) {
    case SLIRP_NAMES:
    case SLIRP_NAMES_GONE:
        return engine_names(g, m);
    case SLIRP_PORT_ADD:
    case SLIRP_PORT_REMOVE:
        return engine_answer(g, engine_port(g, m));
    case SLIRP_PORT_MAKER:
        return engine_answer(g, engine_maker(g, m));
    case SLIRP_PORT_LIST:
        return engine_list(g);
    case SLIRP_RESOLV:
        if (g->s.dns)
            dns_set_resolv(g->s.dns, m->data ? m->data : "", m->len);
        return NULL;
    default:
        return engine_answer(g, ERR_NEW(ERR_INVALID, "unknown message %u", m->type));
    }
}

/* The client is gone, or doesn't speak our language: nobody needs this network any more. */
static struct err *engine_ready(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct engine *g = arg;
    AUTO_MSG struct msg m = MSG_INIT;
    bool eof = false;
    (void)src;
    (void)events;
    struct err *e = msg_recv(fd, &m, &eof);
    if (e && err_errno(e) == EAGAIN) {
        err_drop(e);
        return NULL;
    }
    if (!e && !eof)
        e = engine_request(g, &m);
    if (e || eof)
        g->s.quit = true;
    err_drop(e);
    return NULL;
}

/* The start message: strings and numbers in range, descriptors as announced. */
static struct err *engine_read_start(int sock, struct msg *m, struct slirp_start *ret)
{
    bool eof = false;
    TRY(msg_recv(sock, m, &eof));
    if (eof || m->type != SLIRP_START || m->len < sizeof(*ret))
        return ERR_NEW(ERR_INVALID, "no start message came");
    memcpy(ret, m->data, sizeof(*ret));
    if (ret->version != SLIRP_CONTROL_VERSION)
        return ERR_NEW(ERR_INVALID, "this is coracle-slirp %s, and another version started it", CORACLE_VERSION);
    size_t n_fds = (ret->flags & SLIRP_START_NETNS ? 1 : 0) + (ret->flags & SLIRP_START_USERNS ? 1 : 0);
    if (m->len != sizeof(*ret) + ret->dns_len || ret->dns_len > SLIRP_DNS_TEXT_MAX || m->n_fds != n_fds)
        return ERR_NEW(ERR_INVALID, "a malformed start message came");
    log_set_level(ret->log_level >= LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN);
    return slirp_config_check(&ret->config);
}

static struct err *engine_start(struct engine *g, struct device *device)
{
    AUTO_MSG struct msg m = MSG_INIT;
    AUTO_FD int netns = -1;
    struct slirp_start start;
    TRY(engine_read_start(g->sock, &m, &start));
    g->s.config = start.config;
    g->ports_only = start.flags & SLIRP_START_PORTS;
    if (g->ports_only)
        return msg_send(g->sock, SLIRP_READY, NULL, 0, NULL, 0);
    const struct netns_opts opts = {
        .config = &g->s.config,
        .netns_fd = start.flags & SLIRP_START_NETNS ? m.fds[0] : -1,
        .userns_fd = start.flags & SLIRP_START_USERNS ? m.fds[m.n_fds - 1] : -1,
    };
    TRY(netns_setup(&opts, device, &netns));
    /* From here on the namespace can be used: everything else happens while the container is being made. */
    TRY(msg_send(g->sock, SLIRP_READY, NULL, 0, &netns, 1));
    return slirp_prepare_dns(&g->s, m.data + sizeof(start), start.dns_len, start.flags & SLIRP_START_WATCH);
}

static struct err *engine_serve(struct engine *g, struct device *device)
{
    TRY(loop_new(&g->s.loop));
    const struct port_opts ports = {.loop = g->s.loop, .config = &g->s.config, .gateway = &device->gateway};
    TRY(port_new(&ports, &g->s.port)); /* while limits can be read */
    TRY(fd_set_nonblock(g->sock, true));
    TRY(loop_add_fd(g->s.loop, g->sock, EPOLLIN, engine_ready, g, NULL));
    return g->ports_only ? slirp_run_ports(&g->s) : slirp_run(&g->s, device);
}

struct err *engine_run_bridge(const struct slirp_config *config, int take_sock, const char *resolv,
                              struct device *take_device)
{
    struct engine g = {.sock = take_sock};
    slirp_init(&g.s);
    g.s.config = *config;
    struct err *e = mem_strdup(resolv, &g.s.resolv_text);
    if (!e)
        e = dns_names_new(&g.s.names);
    if (!e)
        e = loop_new(&g.s.loop);
    if (!e)
        e = fd_set_nonblock(g.sock, true);
    if (!e)
        e = loop_add_fd(g.s.loop, g.sock, EPOLLIN, engine_ready, &g, NULL);
    if (!e)
        e = slirp_run(&g.s, take_device);
    slirp_done(&g.s);
    device_close(take_device);
    (void)fd_close(g.sock);
    return e;
}

struct err *engine_run(int take_sock)
{
    struct engine g = {.sock = take_sock};
    slirp_init(&g.s);
    struct device device = DEVICE_INIT;
    struct err *e = engine_start(&g, &device);
    if (e)
        err_drop(msg_send_error(g.sock, SLIRP_FAILED, e));
    else
        e = engine_serve(&g, &device);
    slirp_done(&g.s);
    device_close(&device);
    (void)fd_close(g.sock);
    return e;
}
