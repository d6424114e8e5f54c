/* One thread, no archive, no decision: take a message, fork, tell the pid. A message comes from our own parent, who
 * could start what he likes anyway; what makes no sense ends this program.
 *
 * fork() would make grandchildren of the asking process, which it could neither wait for nor kill safely; with
 * CLONE_PARENT they are its children. Nothing else of fork() is missed: there are no other threads whose locks could be
 * held, and the child uses no lock that knows thread ids.
 */
#include "engine/layer/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/msg.h"
#include "engine/layer/wire.h"

#define SERVE_ARGS_MAX 32

static struct err *serve_parse(struct msg *m, struct serve_job *ret)
{
    if (m->type != WIRE_JOB || m->len == 0 || m->data[m->len - 1] != '\0' || m->n_fds < WIRE_COPY - WIRE_RESULT)
        return ERR_NEW(ERR_INVALID, "a request that makes no sense");
    ret->argv = mem_zalloc((SERVE_ARGS_MAX + 1) * sizeof *ret->argv);
    if (!ret->argv)
        return err_oom();
    ret->text = TAKE_PTR(m->data);
    for (size_t at = 0; at < m->len; at += strlen(ret->text + at) + 1) {
        if (ret->argc >= SERVE_ARGS_MAX)
            return ERR_NEW(ERR_INVALID, "a request with too many arguments");
        ret->argv[ret->argc++] = ret->text + at;
    }
    return NULL;
}

/* In the child: the numbers that a coracle-layer of its own would have found. Nothing may be overwritten before it was
 * moved, so all go up first. */
static struct err *serve_place(struct msg *m, pid_t asker)
{
    int up[MSG_FDS_MAX];
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != asker)
        return ERR_NEW(ERR_STATE, "the asking process is gone");
    for (size_t i = 0; i < m->n_fds; i++) {
        up[i] = fcntl(m->fds[i], F_DUPFD_CLOEXEC, WIRE_RESULT + (int)m->n_fds); /* above the targets */
        if (up[i] < 0)
            return ERR_SYS(errno, "duplicate a descriptor");
        m->fds[i] = fd_close(m->fds[i]);
    }
    for (size_t i = 0; i < m->n_fds; i++) /* what is above is closed with everything else */
        if (dup2(up[i], WIRE_RESULT + (int)i) < 0)
            return ERR_SYS(errno, "place a descriptor");
    return NULL;
}

static struct err *serve_fork(struct msg *m, bool *ret_child)
{
    pid_t asker = getppid();
    AUTO_FD int pidfd = -1;
    long pid = syscall(SYS_clone, CLONE_PARENT | CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, NULL);
    if (pid == 0) {
        *ret_child = true;
        return serve_place(m, asker);
    }
    int32_t told = pid < 0 ? -errno : (int32_t)pid;
    return msg_send(WIRE_RESULT, WIRE_STARTED, &told, sizeof told, &pidfd, pid < 0 ? 0 : 1);
}

static void serve_job_done(struct serve_job *j)
{
    mem_freep(&j->text);
    mem_freep(&j->argv);
    j->argc = 0;
}

struct err *serve_jobs(bool *ret_child, struct serve_job *ret)
{
    *ret_child = false;
    for (;;) {
        AUTO_MSG struct msg m = MSG_INIT;
        bool eof = false;
        TRY(msg_recv(WIRE_RESULT, &m, &eof));
        if (eof)
            return NULL;
        struct err *e = serve_parse(&m, ret);
        if (!e)
            e = serve_fork(&m, ret_child);
        if (e || *ret_child)
            return e;
        serve_job_done(ret);
    }
}
