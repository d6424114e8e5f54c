#include "slirp/client.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/strbuf.h"

#define CLIENT_CHILD_FD 3
#define CLIENT_VERSION_MAX ((size_t)4096)

static struct err *client_spawn(struct slirp_client *c, int child_sock)
{
    AUTO_FREE char *path = NULL;
    TRY(proc_find_helper("coracle-slirp", &path));
    char *const argv[] = {(char[]){"coracle-slirp"}, (char[]){"--engine"}, (char[]){"3"}, NULL};
    char *const envp[] = {NULL}; /* it has nothing to keep secret */
    const struct proc_fd fds[] = {{.from = child_sock, .to = CLIENT_CHILD_FD}};
    const struct proc_opts opts = {
        .path = path,
        .argv = argv,
        .envp = envp,
        .fds = fds,
        .n_fds = ARRAY_LEN(fds),
        .default_signals = true,
    };
    return proc_spawn(&opts, &c->proc);
}

static struct err *client_send_start(int sock, const struct slirp_start *start, const char *dns, const int *fds,
                                     size_t n_fds)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    TRY(strbuf_add(&sb, start, sizeof(*start)));
    TRY(strbuf_add(&sb, dns ? dns : "", start->dns_len));
    return msg_send(sock, SLIRP_START, sb.data, sb.len, fds, n_fds);
}

static struct err *client_start(struct slirp_client *c, struct slirp_start *start, const char *dns, const int *fds,
                                size_t n_fds)
{
    int pair[2];
    start->log_level = log_enabled(LOG_LEVEL_DEBUG) ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN;
    TRY(msg_pair(pair));
    AUTO_FD int ours = pair[0];
    AUTO_FD int theirs = pair[1];
    TRY(client_send_start(ours, start, dns, fds, n_fds));
    TRY_WRAP(client_spawn(c, theirs), "start the network");
    c->sock = TAKE_FD(ours);
    return NULL;
}

struct err *slirp_client_start(struct slirp_client *c, const struct slirp_config *config, const char *dns, bool watch,
                               int netns_fd, int userns_fd)
{
    int fds[2];
    size_t n_fds = 0, dns_len = dns ? strlen(dns) : 0;
    struct slirp_start start = {.version = SLIRP_CONTROL_VERSION, .config = *config};
    if (dns_len > SLIRP_DNS_TEXT_MAX)
        return ERR_NEW(ERR_INVALID, "a resolv.conf of %zu bytes is too long", dns_len);
    start.dns_len = (uint32_t)dns_len;
    if (netns_fd >= 0) {
        start.flags |= SLIRP_START_NETNS;
        fds[n_fds++] = netns_fd;
    }
    if (userns_fd >= 0) {
        start.flags |= SLIRP_START_USERNS;
        fds[n_fds++] = userns_fd;
    }
    start.flags |= watch ? SLIRP_START_WATCH : 0u;
    return client_start(c, &start, dns, fds, n_fds);
}

struct err *slirp_client_start_ports(struct slirp_client *c, const struct slirp_config *config)
{
    struct slirp_start start = {.version = SLIRP_CONTROL_VERSION, .flags = SLIRP_START_PORTS, .config = *config};
    return client_start(c, &start, NULL, NULL, 0);
}

/* One answer; SLIRP_FAILED becomes the error it carries. */
static struct err *client_answer(struct slirp_client *c, uint32_t expected, struct msg *ret)
{
    bool eof = false;
    struct err *failed = NULL;
    TRY(msg_recv(c->sock, ret, &eof));
    if (eof)
        return ERR_NEW(ERR_NETWORK, "coracle-slirp has ended");
    if (ret->type == expected)
        return NULL;
    if (ret->type != SLIRP_FAILED)
        return ERR_NEW(ERR_CORRUPT, "coracle-slirp answered with message %u", ret->type);
    TRY(err_decode(ret->data, ret->len, &failed));
    return failed ? failed : ERR_NEW(ERR_CORRUPT, "coracle-slirp failed without an error");
}

/* It ended without a word. Mostly because it cannot be loaded, which the dynamic loader tells whoever reads its stderr:
 * so it is asked for its version. */
static struct err *client_explain(struct err *take_e)
{
    AUTO_FREE char *path = NULL, *text = NULL;
    if (err_errno(take_e) != ECONNRESET && err_kind(take_e) != ERR_NETWORK)
        return take_e;
    struct err *why = proc_find_helper("coracle-slirp", &path);
    char *const argv[] = {(char[]){"coracle-slirp"}, (char[]){"--version"}, NULL};
    char *const envp[] = {NULL};
    const struct proc_opts opts = {.path = path, .argv = argv, .envp = envp, .default_signals = true};
    if (!why)
        why = proc_output(&opts, CLIENT_VERSION_MAX, &text);
    if (!why)
        return take_e; /* it can */
    struct err *e = ERR_NEW(ERR_UNSUPPORTED, "coracle-slirp does not start: %s", err_text(why));
    err_drop(why);
    err_drop(take_e);
    return e;
}

struct err *slirp_client_ready(struct slirp_client *c, int *ret_netns)
{
    AUTO_MSG struct msg m = MSG_INIT;
    struct err *e = client_answer(c, SLIRP_READY, &m);
    if (e)
        return ERR_WRAP(client_explain(e), "set up the network");
    if (m.n_fds != 1)
        return ERR_NEW(ERR_CORRUPT, "coracle-slirp sent no namespace");
    *ret_netns = TAKE_FD(m.fds[0]);
    return NULL;
}

struct err *slirp_client_port_add(struct slirp_client *c, const struct slirp_port *port, int sock)
{
    AUTO_MSG struct msg m = MSG_INIT;
    TRY(msg_send(c->sock, SLIRP_PORT_ADD, port, sizeof(*port), &sock, sock >= 0 ? 1 : 0));
    return client_answer(c, SLIRP_OK, &m);
}

struct err *slirp_client_port_remove(struct slirp_client *c, const struct slirp_port *port)
{
    AUTO_MSG struct msg m = MSG_INIT;
    TRY(msg_send(c->sock, SLIRP_PORT_REMOVE, port, sizeof(*port), NULL, 0));
    return client_answer(c, SLIRP_OK, &m);
}

struct err *slirp_client_port_list(struct slirp_client *c, struct slirp_port **ret, size_t *ret_n)
{
    AUTO_MSG struct msg m = MSG_INIT;
    TRY(msg_send(c->sock, SLIRP_PORT_LIST, NULL, 0, NULL, 0));
    TRY(client_answer(c, SLIRP_PORTS, &m));
    if (m.len % sizeof(struct slirp_port))
        return ERR_NEW(ERR_CORRUPT, "coracle-slirp sent a broken list of ports");
    struct slirp_port *ports = mem_alloc(m.len);
    if (!ports)
        return err_oom();
    if (m.len)
        memcpy(ports, m.data, m.len);
    *ret = ports;
    *ret_n = m.len / sizeof(*ports);
    return NULL;
}

void slirp_client_done(struct slirp_client *c)
{
    c->sock = fd_close(c->sock);
    proc_done(&c->proc);
}
