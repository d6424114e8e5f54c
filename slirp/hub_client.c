#include "slirp/hub_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/proc.h"
#include "base/strbuf.h"
#include "slirp/control.h"

#define CLIENT_HUB_FD 3

static struct err *client_spawn_hub(const char *network, int child_sock, pid_t *ret)
{
    AUTO_FREE char *path = NULL;
    AUTO_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct proc p = PROC_INIT;
    if (null < 0)
        return ERR_SYS(errno, "open /dev/null");
    TRY(proc_find_helper("coracle-slirp", &path));
    char *const argv[] = {(char[]){"coracle-slirp"}, (char[]){"--hub"}, (char[]){"3"}, (char *)(uintptr_t)network,
                          NULL}; /* which nobody writes to */
    char *const envp[] = {NULL}; /* it has nothing to keep secret */
    const struct proc_fd fds[] = {{null, 0}, {null, 1}, {null, 2}, {child_sock, CLIENT_HUB_FD}};
    const struct proc_opts opts = {
        .path = path,
        .argv = argv,
        .envp = envp,
        .fds = fds,
        .n_fds = ARRAY_LEN(fds),
        .cwd = "/",
        .new_session = true,
        .default_signals = true,
    };
    TRY_WRAP(proc_spawn(&opts, &p), "start the network's process");
    (void)fd_close(p.pidfd); /* its life is its own */
    *ret = p.pid;
    return NULL;
}

static struct err *client_send_start(const struct hub_connect *o, int sock, int dir, int listener)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    struct slirp_start start = {.version = SLIRP_CONTROL_VERSION, .config = *o->config};
    int fds[4] = {dir, listener, o->mntns_fd, o->netns_fd};
    start.dns_len = (uint32_t)strlen(o->resolv);
    start.flags = o->netns_fd >= 0 ? SLIRP_START_NETNS : 0;
    start.log_level = log_enabled(LOG_LEVEL_DEBUG) ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN;
    TRY(strbuf_add(&sb, &start, sizeof(start)));
    TRY(strbuf_add(&sb, o->resolv, start.dns_len));
    return msg_send(sock, HUB_START, sb.data, sb.len, fds, o->netns_fd >= 0 ? 4 : 3);
}

/* The socket is ours until the hub has it, so that we, and others after us, can connect at once. */
static struct err *client_start_hub(const struct hub_connect *o, int dir, pid_t *ret)
{
    int pair[2];
    AUTO_FD int listener = -1;
    TRY(msg_listen(dir, HUB_SOCKET, &listener));
    TRY(msg_pair(pair));
    AUTO_FD int ours = pair[0];
    AUTO_FD int its = pair[1];
    TRY(client_send_start(o, ours, dir, listener));
    return client_spawn_hub(o->network, its, ret);
}

struct err *hub_connect(const struct hub_connect *o, int *ret_sock, pid_t *ret_started)
{
    AUTO_FREE char *path = NULL;
    AUTO_FD int dir = -1, lock = -1;
    pid_t started = 0;
    TRY(mem_asprintf(&path, "%s/" HUB_DIR "/%s", o->run_dir, o->network));
    TRY(file_mkdirs(path, 0700));
    TRY(file_open_dir(AT_FDCWD, path, &dir));
    TRY(file_open_locked(dir, HUB_LOCK, true, true, &lock));
    struct err *e = msg_connect(dir, HUB_SOCKET, ret_sock);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_drop(e);
        TRY(client_start_hub(o, dir, &started));
        e = msg_connect(dir, HUB_SOCKET, ret_sock);
    }
    *ret_started = started; /* also when it has failed since: somebody has to know the child */
    return e;
}

struct err *hub_client_join(int sock, const struct hub_join *join, const char *names, const char *resolv, int netns_fd,
                            int route_fd)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    const int fds[] = {netns_fd, route_fd};
    TRY(strbuf_add(&sb, join, sizeof(*join)));
    TRY(strbuf_add(&sb, names, join->names_len));
    TRY(strbuf_add(&sb, resolv, join->resolv_len));
    return msg_send(sock, HUB_JOIN, sb.data, sb.len, fds, ARRAY_LEN(fds));
}

static struct err *client_wait(int sock, int timeout_msec)
{
    struct pollfd pfd = {.fd = sock, .events = POLLIN};
    int r;
    do {
        r = poll(&pfd, 1, timeout_msec);
    } while (r < 0 && errno == EINTR);
    return r ? NULL : ERR_NEW(ERR_TIMEOUT, "the network did not answer within %d seconds", timeout_msec / 1000);
}

struct err *hub_client_answer(int sock, int timeout_msec, int *ret_netns)
{
    AUTO_MSG struct msg m = MSG_INIT;
    struct err *failed = NULL;
    bool eof = false;
    if (timeout_msec >= 0)
        TRY(client_wait(sock, timeout_msec));
    TRY(msg_recv(sock, &m, &eof));
    if (eof)
        return ERR_SYS_AS(ERR_NETWORK, ECONNRESET, "the network's process has ended");
    if (m.type == HUB_JOINED && m.n_fds == 1) {
        *ret_netns = TAKE_FD(m.fds[0]);
        return NULL;
    }
    if (m.type == HUB_LEFT)
        return NULL;
    if (m.type != HUB_FAILED)
        return ERR_NEW(ERR_CORRUPT, "the network's process answered with message %u", m.type);
    TRY(err_decode(m.data, m.len, &failed));
    return failed ? failed : ERR_NEW(ERR_CORRUPT, "the network's process failed without an error");
}
