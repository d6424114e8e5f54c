#include "engine/monitor/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/timefmt.h"
#include "engine/monitor/life.h"
#include "engine/monitor/peer.h"
#include "engine/monitor/report.h"

/* After a process has ended, how long a pipe may be silent that somebody else still holds open (a child of exec's
 * process in the background). With a pid namespace nobody is left to hold the container's own. */
#define GRACE_NSEC (100 * SERVER_NSEC_PER_MSEC)

void job_stdio_done(struct job_stdio *io)
{
    for (size_t i = 0; i < 3; i++)
        io->fds[i] = fd_close(io->fds[i]);
}

struct err *job_new(struct server *s, const char *id, bool tty, bool interactive, struct job **ret)
{
    struct job *j = mem_zalloc(sizeof(*j));
    if (!j)
        return err_oom();
    (void)snprintf(j->id, sizeof(j->id), "%s", id);
    j->server = s;
    j->tty = tty;
    j->interactive = interactive;
    j->in_fd = j->pidfd = -1;
    j->out = (struct stream){.job = j, .fd = -1, .msg_type = MONITOR_OUTPUT, .log_stream = CTLOG_STDOUT};
    j->err = (struct stream){.job = j, .fd = -1, .msg_type = MONITOR_ERROR_OUTPUT, .log_stream = CTLOG_STDERR};
    j->next = s->jobs;
    s->jobs = j;
    *ret = j;
    return NULL;
}

/* Ours doesn't block; theirs must, since programs expect it. They are different open files. */
static struct err *open_pipe(int *ret_ours, int *ret_theirs, bool we_read)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return ERR_SYS(errno, "make a pipe");
    *ret_ours = fds[we_read ? 0 : 1];
    *ret_theirs = fds[we_read ? 1 : 0];
    return fd_set_nonblock(*ret_ours, true);
}

struct err *job_open_pipes(struct job *j, struct job_stdio *ret)
{
    struct job_stdio io = {{-1, -1, -1}};
    struct err *e = NULL;
    if (j->interactive)
        e = open_pipe(&j->in_fd, &io.fds[0], false);
    if (!e)
        e = open_pipe(&j->out.fd, &io.fds[1], true);
    if (!e)
        e = open_pipe(&j->err.fd, &io.fds[2], true);
    if (e)
        job_stdio_done(&io);
    else
        *ret = io;
    return e;
}

void job_take_terminal(struct job *j, int take_master)
{
    if (j->out.fd >= 0) {
        fd_close(take_master);
        return;
    }
    err_drop(fd_set_nonblock(take_master, true));
    j->out.fd = take_master;
    j->in_fd = j->interactive ? take_master : -1;
}

struct err *job_started(struct job *j, pid_t pid, bool early)
{
    /* Not reaped: it may have ended, but is a zombie of ours then, so the number is right. */
    if (!early)
        TRY(proc_pidfd_open(pid, &j->pidfd));
    j->pid = pid;
    j->running = true;
    j->exit.started_nsec = timefmt_now();
    return NULL;
}

void job_ended(struct job *j, int status)
{
    j->ended = true;
    j->running = false;
    j->pidfd = fd_close(j->pidfd);
    j->pid = 0;
    j->exit.exit_code = proc_exit_code(status);
    j->exit.finished_nsec = timefmt_now();
    loop_remove(j->grace); /* a retry of its terminal */
    j->grace = NULL;
    if (j == j->server->container)
        life_process_ended(j->server);
    job_update(j);
}

static bool is_blocked(const struct job *j)
{
    for (const struct peer *p = j->server->peers; p; p = p->next) {
        if (p->attached == j && peer_is_blocked(p))
            return true;
    }
    return false;
}

void job_tell_end(struct job *j)
{
    for (struct peer *p = j->server->peers; p; p = p->next) {
        if (p->attached != j && p->waiting != j)
            continue;
        peer_send(p, MONITOR_EXITED, &j->exit, sizeof(j->exit), NULL, 0);
        p->attached = NULL;
        p->waiting = NULL;
    }
}

static void job_close(struct job *j)
{
    loop_remove(j->grace);
    j->grace = NULL;
    stream_close(&j->out);
    stream_close(&j->err);
    j->in_fd = j->tty ? -1 : fd_close(j->in_fd);
    j->closed = true;
    if (j != j->server->container) {
        job_tell_end(j);
        if (!j->is_probe)
            report_end(j->server, "exec_died", j->exit.exit_code);
    }
    life_job_closed(j->server, j);
}

static struct err *grace_over(struct loop_source *src, void *arg)
{
    (void)src;
    job_close(arg);
    return NULL;
}

/* Ended, but a stream is open: each time something was read the wait begins anew. */
static struct err *wait_for_silence(struct job *j)
{
    if (j->grace)
        return loop_rearm(j->grace, GRACE_NSEC, 0);
    return loop_add_timer(j->server->loop, GRACE_NSEC, 0, grace_over, j, &j->grace);
}

void job_update(struct job *j)
{
    struct err *e = NULL;
    if (j->closed || (!j->running && !j->ended))
        return;
    if (j->ended && j->out.fd < 0 && j->err.fd < 0) {
        job_close(j);
        return;
    }
    if (is_blocked(j) || (j == j->server->container && j->server->initialized)) {
        stream_pause(&j->out);
        stream_pause(&j->err);
        if (j->ended && j->grace)
            e = loop_rearm(j->grace, LOOP_NEVER, 0);
    } else {
        e = stream_resume(&j->out);
        if (!e)
            e = stream_resume(&j->err);
        if (!e && j->ended)
            e = wait_for_silence(j);
    }
    /* Without memory for a timer or a place in epoll its output cannot be read: better an end than a hang. */
    if (e)
        job_close(j);
    err_drop(e);
}

struct job *job_find(struct server *s, const char *id)
{
    if (!*id)
        return s->container;
    for (struct job *j = s->jobs; j; j = j->next) {
        if (j != s->container && strcmp(j->id, id) == 0)
            return j;
    }
    return NULL;
}

void job_free(struct job *j)
{
    struct server *s = j->server;
    for (struct job **at = &s->jobs; *at; at = &(*at)->next) {
        if (*at == j) {
            *at = j->next;
            break;
        }
    }
    for (struct peer *p = s->peers; p; p = p->next) {
        p->attached = p->attached == j ? NULL : p->attached;
        p->waiting = p->waiting == j ? NULL : p->waiting;
    }
    loop_remove(j->grace);
    stream_close(&j->out);
    stream_close(&j->err);
    if (!j->tty)
        fd_close(j->in_fd);
    fd_close(j->pidfd);
    if (s->container == j)
        s->container = NULL;
    mem_freep(&j);
}

struct err *job_signal(const struct job *j, int sig)
{
    if (!j->running || j->pidfd < 0)
        return ERR_NEW(ERR_STATE, "the process has ended");
    if (proc_pidfd_signal(j->pidfd, sig) < 0)
        return ERR_SYS(errno, "send signal %d", sig);
    return NULL;
}

void job_resize(const struct job *j, struct monitor_size size)
{
    const struct winsize ws = {.ws_row = size.rows, .ws_col = size.cols};
    if (j->tty && j->out.fd >= 0 && size.rows && size.cols)
        (void)ioctl(j->out.fd, TIOCSWINSZ, &ws);
}
