#include "engine/monitor/ids.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/monitor/ids_internal.h"
#include "engine/monitor/runtime_socket.h"
#include "engine/monitor/server.h"

#define BACKLOG 16

/* Wake who answers on the processor of who waits: both take turns (Linux 6.6; headers may be older). */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define SYNC_WAKE_UP UINT64_C(1)

struct ids {
    struct loop *loop;
    struct ids_table table;
    bool sealed_outside;
};

/* --- one call */

static const struct handler {
    int nr;
    struct ids_answer (*answer)(const struct ids_call *c);
} handlers[] = {
    {SYS_newfstatat, ids_do_stat},
    {SYS_fstat, ids_do_stat},
    {SYS_statx, ids_do_statx},
    {SYS_openat, ids_do_open},
    {SYS_execve, ids_do_exec},
    {SYS_execveat, ids_do_exec},
    {SYS_getuid, ids_do_get},
    {SYS_geteuid, ids_do_get},
    {SYS_getgid, ids_do_get},
    {SYS_getegid, ids_do_get},
    {SYS_getresuid, ids_do_get_three},
    {SYS_getresgid, ids_do_get_three},
    {SYS_getgroups, ids_do_get_groups},
    {SYS_setuid, ids_do_set},
    {SYS_setgid, ids_do_set},
    {SYS_setreuid, ids_do_set},
    {SYS_setregid, ids_do_set},
    {SYS_setresuid, ids_do_set},
    {SYS_setresgid, ids_do_set},
    {SYS_setfsuid, ids_do_set},
    {SYS_setfsgid, ids_do_set},
    {SYS_setgroups, ids_do_set_groups},
    {SYS_prctl, ids_do_keep},
    {SYS_fchown, ids_do_chown},
    {SYS_fchownat, ids_do_chown},
    {SYS_fchmod, ids_do_chmod},
    {SYS_fchmodat, ids_do_chmod},
    {452, ids_do_chmod}, /* fchmodat2, Linux 6.6: the same number everywhere */
    {SYS_mkdirat, ids_do_mkdir},
    {SYS_mknodat, ids_do_mknod},
#ifdef SYS_open /* what newer machines don't have */
    {SYS_open, ids_do_open},
    {SYS_creat, ids_do_open},
    {SYS_stat, ids_do_stat},
    {SYS_lstat, ids_do_stat},
    {SYS_chown, ids_do_chown},
    {SYS_lchown, ids_do_chown},
    {SYS_chmod, ids_do_chmod},
    {SYS_mkdir, ids_do_mkdir},
    {SYS_mknod, ids_do_mknod},
#endif
};

/* The filter asks only for calls of the machine's own architecture. */
static struct ids_answer answer_of(const struct ids_call *c)
{
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++)
        if (handlers[i].nr == c->notif->data.nr)
            return handlers[i].answer(c);
    return IDS_GO_ON;
}

/* That the process is gone, or has been interrupted, makes the answer useless and nothing else. */
static void send_answer(const struct ids_call *c, const struct ids_answer *a)
{
    struct seccomp_notif_resp resp = {.id = c->notif->id};
    if (a->sent)
        return;
    if (a->go_on)
        resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    else
        resp.error = -a->errnum, resp.val = a->errnum ? 0 : a->value;
    (void)ioctl(c->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

static struct err *on_call(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct ids *ids = arg;
    struct seccomp_notif notif = {.id = 0};
    if (!(events & EPOLLIN)) { /* the last process with this filter is gone */
        loop_remove(src);
        fd_close(fd);
        return NULL;
    }
    if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &notif) < 0)
        return NULL; /* ENOENT: killed meanwhile */
    const struct ids_call call = {
        .listener = fd, .notif = &notif, .table = &ids->table, .sealed_outside = ids->sealed_outside};
    const struct ids_answer a = answer_of(&call);
    send_answer(&call, &a);
    return NULL;
}

/* --- filters */

static struct err *on_message(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct ids *ids = arg;
    uint64_t flags = SYNC_WAKE_UP;
    int listener = -1;
    (void)events;
    err_drop(runtime_socket_receive(fd, &listener)); /* what it says of the container isn't needed */
    loop_remove(src);
    fd_close(fd);
    if (listener < 0)
        return NULL;
    (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, &flags);
    struct err *e = loop_add_fd(ids->loop, listener, EPOLLIN, on_call, ids, NULL);
    if (e)
        fd_close(listener); /* its calls fail with ENOSYS */
    err_drop(e);
    return NULL;
}

/* crun connects early and sends late: no connection may keep the others waiting. */
static struct err *on_connection(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct ids *ids = arg;
    (void)src;
    (void)events;
    AUTO_FD int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (conn < 0)
        return NULL;
    struct err *e = loop_add_fd(ids->loop, conn, EPOLLIN, on_message, ids, NULL);
    if (!e)
        (void)TAKE_FD(conn);
    err_drop(e);
    return NULL;
}

/* --- the process */

/* What the monitor has open, blocks and handles is none of ours. */
static void separate(int listen_fd)
{
    sigset_t none;
    for (int sig = 1; sig < _NSIG; sig++)
        (void)signal(sig, SIG_DFL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 0);
    (void)prctl(PR_SET_NAME, "coracle-ids", 0, 0, 0);
    fd_close_range(0, (unsigned)listen_fd - 1);
    fd_close_from(listen_fd + 1);
    (void)umask(0); /* modes are as the process's own umask leaves them */
}

static void live(int listen_fd, pid_t monitor)
{
    struct ids ids = {.loop = NULL};
    separate(listen_fd);
    if (getppid() != monitor)
        _exit(1);
    ids.sealed_outside = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    struct err *e = loop_new(&ids.loop);
    if (!e)
        e = loop_add_fd(ids.loop, listen_fd, EPOLLIN, on_connection, &ids, NULL);
    if (!e)
        e = loop_run(ids.loop);
    _exit(e ? 1 : 0);
}

struct err *ids_start(struct server *s)
{
    if (!s->plan.emulate_ids)
        return NULL;
    AUTO_FD int listen_fd = -1;
    TRY(runtime_socket_listen(s->private_fd, IDS_SOCKET, BACKLOG, &listen_fd));
    pid_t monitor = getpid();
    s->ids_pid = fork();
    if (s->ids_pid < 0) {
        s->ids_pid = 0;
        return ERR_SYS(errno, "start the process that answers for ids");
    }
    if (s->ids_pid == 0)
        live(listen_fd, monitor);
    return NULL;
}

void ids_end(struct server *s)
{
    if (s->ids_pid <= 0)
        return;
    (void)kill(s->ids_pid, SIGKILL);
    while (waitpid(s->ids_pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    s->ids_pid = 0;
}
