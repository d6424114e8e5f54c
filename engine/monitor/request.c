/* What each message does. A handler returns false when the message makes no sense: the peer is dropped then. What makes
 * sense but cannot be done is answered with MONITOR_FAILED. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/msg.h"
#include "engine/monitor/early.h"
#include "engine/monitor/freeze.h"
#include "engine/monitor/health.h"
#include "engine/monitor/launch.h"
#include "engine/monitor/life.h"
#include "engine/monitor/network.h"
#include "engine/monitor/peer.h"

static struct err *not_running(const struct server *s)
{
    return ERR_NEW(ERR_STATE, "container %.12s is not running", s->plan.id);
}

/* An answer without contents, or the error. */
static void reply(struct peer *p, struct err *take_e)
{
    if (take_e)
        peer_send_error(p, take_e);
    else
        peer_send(p, MONITOR_OK, NULL, 0, NULL, 0);
}

static bool on_start(struct peer *p, struct msg *m)
{
    struct server *s = p->server;
    (void)m;
    if (p != s->control || (s->container && !s->early) || s->started || s->start_asked)
        return false;
    struct err *e = network_up(s);
    if (!e)
        e = early_finish(s);
    if (!e && !s->start_asked && !s->container)
        e = life_start(s);
    if (e)
        err_drop(life_start_failed(s, e));
    return true;
}

static bool on_go(struct peer *p, struct msg *m)
{
    (void)m;
    p->waiting_start = true;
    struct err *e = life_go(p->server);
    if (e) {
        p->waiting_start = false;
        peer_send_error(p, e);
    }
    return true;
}

static bool on_cleaned(struct peer *p, struct msg *m)
{
    struct monitor_cleaned c;
    memcpy(&c, m->data, sizeof(c));
    p->server->cleaned = true;
    p->server->erase = c.erase != 0;
    life_check_end(p->server);
    return true;
}

void request_attach(struct peer *p, struct job *j, const struct monitor_attach *a)
{
    bool has_stdin = j->in_fd >= 0 && !a->no_stdin;
    const struct monitor_attached reply_data = {.tty = j->tty, .has_stdin = has_stdin};
    p->attached = j;
    p->want_stdout = !a->no_stdout;
    p->want_stderr = !a->no_stderr;
    job_resize(j, a->size);
    peer_send(p, MONITOR_ATTACHED, &reply_data, sizeof(reply_data), &j->in_fd, has_stdin ? 1 : 0);
}

static bool on_attach(struct peer *p, struct msg *m)
{
    struct server *s = p->server;
    struct monitor_attach a;
    memcpy(&a, m->data, sizeof(a));
    if (p->attached || !memchr(a.job, 0, sizeof(a.job)))
        return false;
    struct job *j = job_find(s, a.job);
    if (!*a.job && ((p == s->control && !s->started) || s->initialized)) { /* from the start on */
        p->attach = a;
        p->attach_asked = true;
        return true;
    }
    if (!j && *a.job)
        peer_send_error(p, ERR_NEW(ERR_NOT_FOUND, "no exec session with id %s", a.job));
    else if (!j || !j->running)
        peer_send_error(p, not_running(s));
    else if (j == s->container && server_is_passthrough(s))
        peer_send_error(p,
                        ERR_NEW(ERR_STATE, "container %.12s has log driver passthrough: there is nothing to attach to",
                                s->plan.id));
    else
        request_attach(p, j, &a);
    return true;
}

static bool on_end_input(struct peer *p, struct msg *m)
{
    struct job *j = p->attached;
    (void)m;
    if (j && !j->tty)
        j->in_fd = fd_close(j->in_fd);
    return true;
}

static bool on_resize(struct peer *p, struct msg *m)
{
    struct monitor_size size;
    memcpy(&size, m->data, sizeof(size));
    if (p->attached)
        job_resize(p->attached, size);
    return true;
}

static bool get_signal(const struct msg *m, int *ret)
{
    uint32_t sig;
    memcpy(&sig, m->data, sizeof(sig));
    if (sig == 0 || sig >= (uint32_t)_NSIG)
        return false;
    *ret = (int)sig;
    return true;
}

static bool on_signal(struct peer *p, struct msg *m)
{
    int sig;
    if (!get_signal(m, &sig))
        return false;
    if (p->attached && p->attached == p->server->container)
        err_drop(life_kill(p->server, sig));
    else if (p->attached)
        err_drop(job_signal(p->attached, sig));
    return true;
}

static bool on_kill(struct peer *p, struct msg *m)
{
    int sig;
    if (!get_signal(m, &sig))
        return false;
    reply(p, life_kill(p->server, sig));
    return true;
}

static void send_end(struct peer *p)
{
    const struct monitor_exit *last = &p->server->state.last;
    peer_send(p, MONITOR_EXITED, last, sizeof(*last), NULL, 0);
}

static bool on_pause(struct peer *p, struct msg *m)
{
    uint32_t on;
    bool signals = false;
    memcpy(&on, m->data, sizeof(on));
    struct err *e = p->server->initialized ? not_running(p->server)
                    : on                   ? freeze_pause(p->server, &signals)
                                           : freeze_resume(p->server);
    uint32_t by_signals = signals;
    if (e)
        peer_send_error(p, e);
    else
        peer_send(p, MONITOR_OK, &by_signals, sizeof(by_signals), NULL, 0);
    return true;
}

static bool on_health(struct peer *p, struct msg *m)
{
    (void)m;
    struct err *e = health_ask(p);
    if (e)
        peer_send_error(p, e);
    return true;
}

/* A file of the private directory anew, from a descriptor; /dev/null is empty: nothing to do. */
static struct err *replace_file(struct server *s, const char *name, int fd)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    TRY(fd_read_all(fd, MSG_PAYLOAD_MAX * 16, &text, &len));
    return len ? file_write_atomic(s->private_fd, name, text, len, 0600, FILE_NOSYNC) : NULL;
}

static struct err *update(struct peer *p, const struct msg *m, bool *ret_later)
{
    struct server *s = p->server;
    AUTO_PLAN_UPDATE struct plan_update u = {0};
    struct stat st;
    TRY(plan_update_decode(m->data, m->len, &u));
    if (!s->container || s->ending)
        return not_running(s);
    if (u.set_restart) {
        s->plan.restart = u.restart;
        s->plan.restart_max = u.restart_max;
        s->plan.restart_count = 0;
    }
    if (u.set_health) {
        TRY(replace_file(s, HEALTH_PROCESS, m->fds[1]));
        TRY(replace_file(s, HEALTH_STARTUP_PROCESS, m->fds[2]));
        plan_health_done(&s->plan.health);
        s->plan.health = u.health;
        u.health.log_file = NULL;
        health_changed(s);
    }
    *ret_later = fstat(m->fds[0], &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
    return *ret_later ? launch_update(s, p, m->fds[0]) : NULL;
}

static bool on_update(struct peer *p, struct msg *m)
{
    bool later = false;
    if (m->n_fds != 3)
        return false;
    struct err *e = update(p, m, &later);
    if (e || !later)
        reply(p, e);
    return true;
}

static bool on_stop(struct peer *p, struct msg *m)
{
    struct monitor_stop stop;
    memcpy(&stop, m->data, sizeof(stop));
    if (stop.signal >= (uint32_t)_NSIG || stop.timeout_nsec < -1)
        return false;
    if (p->server->ending) {
        send_end(p);
        return true;
    }
    p->waiting_end = true; /* before: it may be over at once */
    struct err *e = life_stop(p->server, &stop);
    if (e) {
        p->waiting_end = false;
        peer_send_error(p, e);
    }
    return true;
}

static bool on_restart(struct peer *p, struct msg *m)
{
    struct monitor_stop stop;
    memcpy(&stop, m->data, sizeof(stop));
    if (stop.signal >= (uint32_t)_NSIG || stop.timeout_nsec < -1)
        return false;
    p->waiting_start = true;
    struct err *e = life_restart(p->server, &stop);
    if (e) {
        p->waiting_start = false;
        peer_send_error(p, e);
    }
    return true;
}

static bool on_wait(struct peer *p, struct msg *m)
{
    struct server *s = p->server;
    if (m->len == 0) {
        if (s->ending)
            send_end(p);
        p->waiting_end = !s->ending;
        return true;
    }
    if (m->len > MONITOR_ID_MAX || memchr(m->data, 0, m->len))
        return false;
    struct job *j = job_find(s, m->data);
    if (!j)
        peer_send_error(p, ERR_NEW(ERR_NOT_FOUND, "no exec session with id %s", m->data));
    else if (j->closed)
        peer_send(p, MONITOR_EXITED, &j->exit, sizeof(j->exit), NULL, 0);
    else
        p->waiting = j;
    return true;
}

static struct err *exec(struct peer *p, struct msg *m, struct monitor_exec *x)
{
    struct server *s = p->server;
    struct job *j = NULL;
    size_t running = 0;
    for (const struct job *i = s->jobs; i; i = i->next)
        running += !i->closed;
    if (!s->container || !s->container->running || s->initialized || s->ending)
        return not_running(s);
    if (s->paused)
        return ERR_NEW(ERR_STATE, "container %.12s is paused", s->plan.id);
    if (job_find(s, x->id))
        return ERR_NEW(ERR_EXISTS, "there is an exec session with id %s", x->id);
    if (running > MONITOR_EXECS_MAX)
        return ERR_NEW(ERR_NO_SPACE, "more than %d processes of exec at a time", MONITOR_EXECS_MAX);
    TRY(job_new(s, x->id, x->tty, x->interactive, &j));
    struct err *e = launch_exec(s, j, x, p, m->fds[0], m->fds + 1);
    if (e)
        job_free(j);
    return e;
}

static bool on_exec(struct peer *p, struct msg *m)
{
    struct monitor_exec x = {0};
    if (p->attached || m->n_fds < 1)
        return false;
    struct err *e = plan_exec_decode(m->data, m->len, &x);
    if (!e && m->n_fds != 1 + x.preserve_fds)
        e = ERR_NEW(ERR_CORRUPT, "exec: %zu descriptors came", m->n_fds);
    if (!e)
        e = exec(p, m, &x);
    plan_exec_done(&x);
    if (e)
        peer_send_error(p, e);
    return true;
}

static bool on_state(struct peer *p, struct msg *m)
{
    struct server *s = p->server;
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    (void)m;
    struct err *e = strbuf_add(&sb, &s->state, sizeof(s->state));
    for (const struct job *j = s->jobs; j && !e && sb.len + sizeof(struct monitor_exec_state) < MSG_PAYLOAD_MAX;
         j = j->next) {
        if (j == s->container || j->is_probe)
            continue;
        struct monitor_exec_state x = {.running = !j->ended, .host_pid = j->pid, .exit_code = j->exit.exit_code};
        memcpy(x.id, j->id, sizeof(x.id));
        e = strbuf_add(&sb, &x, sizeof(x));
    }
    if (e)
        peer_send_error(p, e);
    else
        peer_send(p, MONITOR_STATE, sb.data, sb.len, NULL, 0);
    return true;
}

static bool on_namespaces(struct peer *p, struct msg *m)
{
    const struct server *s = p->server;
    (void)m;
    AUTO_FD int mntns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (mntns < 0) {
        peer_send_error(p, ERR_SYS(errno, "open the mount namespace"));
        return true;
    }
    int pidfd = s->container ? s->container->pidfd : -1;
    const int fds[] = {mntns, s->root_fd, pidfd};
    peer_send(p, MONITOR_NAMESPACES, NULL, 0, fds, pidfd >= 0 ? 3 : 2);
    return true;
}

static bool on_port(struct peer *p, struct msg *m)
{
    struct monitor_port_change change;
    memcpy(&change, m->data, sizeof(change));
    reply(p, p->server->ending ? not_running(p->server) : network_change(p->server, &change));
    return true;
}

static bool on_join(struct peer *p, struct msg *m)
{
    reply(p, p->server->ending ? not_running(p->server) : network_connect(p->server, m));
    return true;
}

static bool on_leave(struct peer *p, struct msg *m)
{
    struct monitor_leave leave;
    memcpy(&leave, m->data, sizeof(leave));
    leave.network[sizeof(leave.network) - 1] = '\0';
    reply(p, p->server->ending ? not_running(p->server) : network_leave(p->server, leave.network));
    return true;
}

static bool on_reload(struct peer *p, struct msg *m)
{
    (void)m;
    reply(p, p->server->ending ? not_running(p->server) : network_reload(p->server));
    return true;
}

static bool on_reopen_log(struct peer *p, struct msg *m)
{
    (void)m;
    reply(p, ctlog_rotate(p->server->log));
    return true;
}

static const struct {
    bool (*handle)(struct peer *p, struct msg *m);
    size_t min, max; /* bytes of payload */
} handlers[MONITOR_MSG_MAX] = {
    [MONITOR_START] = {on_start, 0, 0},
    [MONITOR_GO] = {on_go, 0, 0},
    [MONITOR_CLEANED] = {on_cleaned, sizeof(struct monitor_cleaned), sizeof(struct monitor_cleaned)},
    [MONITOR_ATTACH] = {on_attach, sizeof(struct monitor_attach), sizeof(struct monitor_attach)},
    [MONITOR_END_INPUT] = {on_end_input, 0, 0},
    [MONITOR_RESIZE] = {on_resize, sizeof(struct monitor_size), sizeof(struct monitor_size)},
    [MONITOR_SIGNAL] = {on_signal, sizeof(uint32_t), sizeof(uint32_t)},
    [MONITOR_KILL] = {on_kill, sizeof(uint32_t), sizeof(uint32_t)},
    [MONITOR_HEALTH] = {on_health, 0, 0},
    [MONITOR_UPDATE] = {on_update, 1, MSG_PAYLOAD_MAX},
    [MONITOR_PAUSE] = {on_pause, sizeof(uint32_t), sizeof(uint32_t)},
    [MONITOR_STOP] = {on_stop, sizeof(struct monitor_stop), sizeof(struct monitor_stop)},
    [MONITOR_RESTART] = {on_restart, sizeof(struct monitor_stop), sizeof(struct monitor_stop)},
    [MONITOR_EXEC] = {on_exec, 1, MSG_PAYLOAD_MAX},
    [MONITOR_STATE] = {on_state, 0, 0},
    [MONITOR_WAIT] = {on_wait, 0, MONITOR_ID_MAX},
    [MONITOR_NAMESPACES] = {on_namespaces, 0, 0},
    [MONITOR_PORT] = {on_port, sizeof(struct monitor_port_change), sizeof(struct monitor_port_change)},
    [MONITOR_JOIN] = {on_join, sizeof(struct monitor_join), MSG_PAYLOAD_MAX},
    [MONITOR_LEAVE] = {on_leave, sizeof(struct monitor_leave), sizeof(struct monitor_leave)},
    [MONITOR_RELOAD] = {on_reload, 0, 0},
    [MONITOR_REOPEN_LOG] = {on_reopen_log, 0, 0},
};

bool request_handle(struct peer *p, struct msg *m)
{
    if (m->type >= MONITOR_MSG_MAX || !handlers[m->type].handle)
        return false;
    if (m->len < handlers[m->type].min || m->len > handlers[m->type].max)
        return false;
    return handlers[m->type].handle(p, m);
}
