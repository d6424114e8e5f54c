/* The session's holder: it kills our container should we be killed, and the session lives as long as somebody holds it.
 * When the holder dies we see to it that there is a new one: it becomes a child of ours, since we are a subreaper. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/proc.h"
#include "engine/monitor/job.h"
#include "engine/monitor/server.h"
#include "engine/monitor/spawnfd.h"
#include "rootless/session.h"

#define HOLDER_RETRY_NSEC (1000 * SERVER_NSEC_PER_MSEC)

static struct err *holder_open(struct server *s);

static struct err *on_retry(struct loop_source *src, void *arg)
{
    struct server *s = arg;
    loop_remove(src);
    holder_connect(s);
    return NULL;
}

/* Messages from the holder mean nothing to us; its end does. */
static struct err *on_holder(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct server *s = arg;
    AUTO_MSG struct msg m = MSG_INIT;
    bool eof = false;
    (void)src;
    (void)events;
    struct err *e = msg_recv(fd, &m, &eof);
    bool again = e && err_errno(e) == EAGAIN;
    bool lost = eof || (e && !again);
    err_drop(e);
    if (!lost)
        return NULL;
    loop_remove(s->holder_src);
    s->holder_src = NULL;
    s->holder_fd = fd_close(s->holder_fd);
    holder_connect(s);
    return NULL;
}

static struct err *holder_open(struct server *s)
{
    struct err *e = session_connect(s->plan.session_dir, &s->holder_fd);
    if (e) { /* nobody listens */
        err_drop(e);
        TRY(session_adopt(s->plan.session_dir, SPAWN_FD_SESSION_LOCK, s->session_mntns_fd));
        TRY(session_connect(s->plan.session_dir, &s->holder_fd));
    }
    TRY(fd_set_nonblock(s->holder_fd, true));
    return loop_add_fd(s->loop, s->holder_fd, EPOLLIN, on_holder, s, &s->holder_src);
}

void holder_connect(struct server *s)
{
    if (!s->plan.session_dir || s->ending)
        return;
    struct err *e = holder_open(s);
    if (!e && s->container && s->container->running)
        holder_register(s, s->container->pidfd);
    if (e && !s->holder_src) {
        s->holder_fd = fd_close(s->holder_fd);
        err_drop(loop_add_timer(s->loop, HOLDER_RETRY_NSEC, 0, on_retry, s, NULL));
    }
    err_drop(e);
}

void holder_register(struct server *s, int pidfd)
{
    if (s->holder_fd >= 0 && pidfd >= 0)
        err_drop(session_register(s->holder_fd, s->plan.id, pidfd));
}

void holder_unregister(struct server *s)
{
    if (s->holder_fd >= 0)
        err_drop(session_unregister(s->holder_fd));
}

/* By what it runs: a process of the container could take its name, but not its executable file. */
bool holder_is_child(pid_t pid)
{
    AUTO_FREE char *program = NULL;
    char exe[32];
    struct stat its, ours;
    (void)snprintf(exe, sizeof(exe), "/proc/%d/exe", (int)pid);
    struct err *e = proc_find_helper("coracle-session", &program);
    bool same = !e && stat(exe, &its) == 0 && stat(program, &ours) == 0 && its.st_dev == ours.st_dev &&
                its.st_ino == ours.st_ino;
    err_drop(e);
    return same;
}
