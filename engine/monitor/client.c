/* Connections and requests. Starting a monitor: client_start.c. */
#include "engine/monitor/client.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/monitor/client_internal.h"
#include "engine/monitor/lockfile.h"
#include "engine/monitor/netplan.h"

void monitor_free(struct monitor *m)
{
    if (!m)
        return;
    fd_close(m->sock);
    fd_close(m->stdin_fd);
    if (m->child.pidfd >= 0) {
        siginfo_t si;
        /* It outlives us as a rule; if it has ended already, leave no zombie. */
        (void)waitid((idtype_t)3 /* P_PIDFD */, (id_t)m->child.pidfd, &si, WEXITED | WNOHANG);
        fd_close(m->child.pidfd);
    }
    mem_freep(&m);
}

int monitor_fd(const struct monitor *m)
{
    return m->sock;
}

pid_t monitor_pid(const struct monitor *m)
{
    return m->child.pid;
}

struct err *client_send(struct monitor *m, uint32_t type, const void *data, size_t len, const int *fds, size_t n_fds)
{
    struct err *e = msg_send(m->sock, type, data, len, fds, n_fds);
    if (e && err_kind(e) == ERR_NETWORK) {
        err_drop(e);
        e = NULL;
    }
    return ERR_WRAP(e, "container's monitor");
}

struct err *client_recv(struct monitor *m, struct msg *ret)
{
    AUTO_MSG struct msg msg = MSG_INIT;
    bool eof = false;
    struct err *e = msg_recv(m->sock, &msg, &eof);
    if (e && err_errno(e) == ECONNRESET) {
        /* It closed without reading all we sent. What it had said before is behind the reset. */
        err_drop(e);
        e = msg_recv(m->sock, &msg, &eof);
    }
    TRY_WRAP(e, "container's monitor");
    if (eof)
        return ERR_NEW(ERR_NETWORK, "the container's monitor has ended without an answer");
    if (msg.type == MONITOR_FAILED) {
        struct err *outcome = NULL;
        TRY(err_decode(msg.data, msg.len, &outcome));
        return outcome ? outcome : ERR_NEW(ERR_CORRUPT, "container's monitor: a failure without an error");
    }
    *ret = msg;
    msg = (struct msg)MSG_INIT;
    return NULL;
}

struct err *client_expect(struct monitor *m, uint32_t type, size_t min, struct msg *ret)
{
    AUTO_MSG struct msg msg = MSG_INIT;
    TRY(client_recv(m, &msg));
    if (msg.type != type || msg.len < min)
        return ERR_NEW(ERR_CORRUPT, "container's monitor: message %u of %zu bytes instead of %u", msg.type, msg.len,
                       type);
    *ret = msg;
    msg = (struct msg)MSG_INIT;
    return NULL;
}

struct err *client_note_attached(struct monitor *m, struct msg *msg)
{
    struct monitor_attached a;
    memcpy(&a, msg->data, sizeof(a));
    m->attached = true;
    m->tty = a.tty != 0;
    if (a.has_stdin && msg->n_fds == 1) {
        m->stdin_fd = msg->fds[0];
        msg->fds[0] = -1;
    }
    return NULL;
}

struct err *monitor_connect(const char *run_dir, const char *id, struct monitor **ret)
{
    AUTO_FD int dir = -1, sock = -1;
    struct err *e = lockfile_open_dir(run_dir, id, &dir);
    if (!e)
        e = msg_connect(dir, LOCKFILE_SOCKET, &sock);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_drop(e);
        return ERR_NEW(ERR_STATE, "container %.12s is not running", id);
    }
    TRY(e);
    struct monitor *m = mem_zalloc(sizeof(*m));
    if (!m)
        return err_oom();
    *m = (struct monitor){.sock = TAKE_FD(sock), .child = PROC_INIT, .stdin_fd = -1};
    *ret = m;
    return NULL;
}

static struct err *request(struct monitor *m, uint32_t type, const void *data, size_t len, uint32_t reply, size_t min,
                           struct msg *ret)
{
    if (m->attached)
        return ERR_NEW(ERR_INTERNAL, "a request on an attached connection");
    TRY(client_send(m, type, data, len, NULL, 0));
    return client_expect(m, reply, min, ret);
}

struct err *monitor_kill(struct monitor *m, int sig)
{
    AUTO_MSG struct msg msg = MSG_INIT;
    uint32_t number = (uint32_t)sig;
    return request(m, MONITOR_KILL, &number, sizeof(number), MONITOR_OK, 0, &msg);
}

struct err *monitor_check_health(struct monitor *m, struct monitor_health_result *ret)
{
    AUTO_MSG struct msg msg = MSG_INIT;
    TRY(request(m, MONITOR_HEALTH, NULL, 0, MONITOR_HEALTH, sizeof(*ret), &msg));
    memcpy(ret, msg.data, sizeof(*ret));
    return NULL;
}

struct err *monitor_update(struct monitor *m, const struct plan_update *u, const int fds[3])
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    AUTO_MSG struct msg msg = MSG_INIT;
    AUTO_FD int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0)
        return ERR_SYS(errno, "open /dev/null");
    const int sent[] = {fds[0] < 0 ? null : fds[0], fds[1] < 0 ? null : fds[1], fds[2] < 0 ? null : fds[2]};
    TRY(plan_update_encode(u, &sb));
    TRY(client_send(m, MONITOR_UPDATE, sb.data, sb.len, sent, 3));
    return client_expect(m, MONITOR_OK, 0, &msg);
}

struct err *monitor_pause(struct monitor *m, bool on, bool *ret_signals)
{
    AUTO_MSG struct msg msg = MSG_INIT;
    uint32_t number = on, signals;
    TRY(request(m, MONITOR_PAUSE, &number, sizeof(number), MONITOR_OK, sizeof(signals), &msg));
    memcpy(&signals, msg.data, sizeof(signals));
    *ret_signals = signals != 0;
    return NULL;
}

struct err *monitor_stop(struct monitor *m, int sig, int64_t timeout_nsec, struct monitor_exit *ret)
{
    TRY(monitor_begin_stop(m, sig, timeout_nsec));
    return monitor_end_stop(m, ret);
}

struct err *monitor_begin_stop(struct monitor *m, int sig, int64_t timeout_nsec)
{
    const struct monitor_stop stop = {.signal = (uint32_t)sig, .timeout_nsec = timeout_nsec};
    return client_send(m, MONITOR_STOP, &stop, sizeof(stop), NULL, 0);
}

struct err *monitor_end_stop(struct monitor *m, struct monitor_exit *ret)
{
    AUTO_MSG struct msg msg = MSG_INIT;
    TRY(client_expect(m, MONITOR_EXITED, sizeof(*ret), &msg));
    memcpy(ret, msg.data, sizeof(*ret));
    return NULL;
}

struct err *monitor_restart(struct monitor *m, int64_t timeout_nsec, struct monitor_started *ret)
{
    AUTO_MSG struct msg msg = MSG_INIT;
    const struct monitor_stop stop = {.timeout_nsec = timeout_nsec};
    TRY(request(m, MONITOR_RESTART, &stop, sizeof(stop), MONITOR_STARTED, sizeof(*ret), &msg));
    memcpy(ret, msg.data, sizeof(*ret));
    return NULL;
}

struct err *monitor_wait(struct monitor *m, const char *job, struct monitor_exit *ret)
{
    AUTO_MSG struct msg msg = MSG_INIT;
    TRY(request(m, MONITOR_WAIT, job, job ? strlen(job) : 0, MONITOR_EXITED, sizeof(*ret), &msg));
    memcpy(ret, msg.data, sizeof(*ret));
    return NULL;
}

struct err *monitor_query(struct monitor *m, struct monitor_state *ret, struct monitor_exec_state **ret_execs,
                          size_t *ret_count)
{
    AUTO_MSG struct msg msg = MSG_INIT;
    TRY(request(m, MONITOR_STATE, NULL, 0, MONITOR_STATE, sizeof(*ret), &msg));
    memcpy(ret, msg.data, sizeof(*ret));
    if (!ret_execs)
        return NULL;
    size_t bytes = msg.len - sizeof(*ret);
    if (bytes % sizeof(**ret_execs))
        return ERR_NEW(ERR_CORRUPT, "container's monitor: a broken list of exec sessions");
    struct monitor_exec_state *list = mem_alloc(bytes);
    if (!list)
        return err_oom();
    memcpy(list, msg.data + sizeof(*ret), bytes);
    *ret_execs = list;
    *ret_count = bytes / sizeof(*list);
    return NULL;
}

struct err *monitor_namespaces(struct monitor *m, struct monitor_namespaces *ret)
{
    AUTO_MSG struct msg msg = MSG_INIT;
    TRY(request(m, MONITOR_NAMESPACES, NULL, 0, MONITOR_NAMESPACES, 0, &msg));
    if (msg.n_fds < 2)
        return ERR_NEW(ERR_CORRUPT, "container's monitor: no namespaces in its answer");
    *ret = (struct monitor_namespaces){.mntns_fd = msg.fds[0], .root_fd = msg.fds[1], .pidfd = msg.fds[2]};
    for (size_t i = 0; i < 3; i++)
        msg.fds[i] = -1;
    return NULL;
}

struct err *monitor_change_port(struct monitor *m, const struct monitor_port_change *change)
{
    AUTO_MSG struct msg msg = MSG_INIT;
    TRY(client_send(m, MONITOR_PORT, change, sizeof(*change), NULL, 0));
    return client_expect(m, MONITOR_OK, 0, &msg);
}

struct err *monitor_join(struct monitor *m, const struct strbuf *join)
{
    AUTO_MSG struct msg msg = MSG_INIT;
    return request(m, MONITOR_JOIN, join->data, join->len, MONITOR_OK, 0, &msg);
}

struct err *monitor_leave(struct monitor *m, const char *network_id)
{
    AUTO_MSG struct msg msg = MSG_INIT;
    struct monitor_leave leave = {""};
    size_t len = strlen(network_id);
    if (len >= sizeof(leave.network))
        return ERR_NEW(ERR_INVALID, "%s is no id of a network", network_id);
    memcpy(leave.network, network_id, len);
    return request(m, MONITOR_LEAVE, &leave, sizeof(leave), MONITOR_OK, 0, &msg);
}

struct err *monitor_reload(struct monitor *m)
{
    AUTO_MSG struct msg msg = MSG_INIT;
    return request(m, MONITOR_RELOAD, NULL, 0, MONITOR_OK, 0, &msg);
}

struct err *monitor_reopen_log(struct monitor *m)
{
    AUTO_MSG struct msg msg = MSG_INIT;
    return request(m, MONITOR_REOPEN_LOG, NULL, 0, MONITOR_OK, 0, &msg);
}

struct err *monitor_request_attach(struct monitor *m, const struct monitor_attach *a)
{
    AUTO_MSG struct msg msg = MSG_INIT;
    TRY(request(m, MONITOR_ATTACH, a, sizeof(*a), MONITOR_ATTACHED, sizeof(struct monitor_attached), &msg));
    return client_note_attached(m, &msg);
}

struct err *monitor_exec(struct monitor *m, const struct monitor_exec *x, int process_fd, const int *preserve,
                         struct monitor_started *ret)
{
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    AUTO_MSG struct msg msg = MSG_INIT;
    AUTO_MSG struct msg attached = MSG_INIT;
    int fds[1 + PLAN_EXEC_PRESERVE_FDS_MAX] = {process_fd};
    TRY(plan_exec_encode(x, &sb));
    for (uint32_t i = 0; i < x->preserve_fds; i++)
        fds[1 + i] = preserve[i];
    TRY(client_send(m, MONITOR_EXEC, sb.data, sb.len, fds, 1 + x->preserve_fds));
    TRY(client_expect(m, MONITOR_STARTED, sizeof(*ret), &msg));
    memcpy(ret, msg.data, sizeof(*ret));
    if (!x->attach)
        return NULL;
    TRY(client_expect(m, MONITOR_ATTACHED, sizeof(struct monitor_attached), &attached));
    return client_note_attached(m, &attached);
}
