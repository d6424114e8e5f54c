/* The process that answers. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/msg.h"
#include "engine/monitor/ids_internal.h"

/* Wake who answers on the processor of who waits: both take turns (Linux 6.6; headers may be older). */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define SYNC_WAKE_UP UINT64_C(1)

struct ids {
    struct loop *loop;
    struct ids_state *state;
    bool sealed_outside;
};

/* A filter as the loop knows it. */
struct watched {
    struct ids *ids;
    uint64_t serial;
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

/* Until it is answered the call is in shared memory, where the kernel has put it: ids_internal.h. */
static void answer(const struct ids *ids, int listener)
{
    struct ids_state *st = ids->state;
    const struct ids_call call = {
        .listener = listener, .notif = &st->notif, .table = &st->table, .sealed_outside = ids->sealed_outside};
    const struct ids_answer a = answer_of(&call);
    send_answer(&call, &a);
    st->notif.id = 0;
}

static struct err *on_call(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct watched *w = arg;
    struct ids_state *st = w->ids->state;
    if (!(events & EPOLLIN)) { /* the last process with this filter is gone */
        loop_remove(src);
        fd_close(fd);
        mem_freep(&w);
        return NULL;
    }
    st->serial = w->serial;
    st->notif = (struct seccomp_notif){.id = 0};
    if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &st->notif) < 0)
        return NULL; /* ENOENT: killed meanwhile */
    answer(w->ids, fd);
    return NULL;
}

/* --- filters */

/* Its calls fail with ENOSYS once nobody has it open. */
static struct err *watch(struct ids *ids, int listener, uint64_t serial)
{
    uint64_t flags = SYNC_WAKE_UP;
    struct watched *w = mem_zalloc(sizeof(*w));
    if (!w)
        return err_oom();
    *w = (struct watched){.ids = ids, .serial = serial};
    (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, &flags);
    struct err *e = loop_add_fd(ids->loop, listener, EPOLLIN, on_call, w, NULL);
    if (e)
        mem_freep(&w);
    return e;
}

static struct err *on_filter(struct loop_source *src, int sock, uint32_t events, void *arg)
{
    AUTO_MSG struct msg m = MSG_INIT;
    uint64_t serial = 0;
    bool eof = false;
    (void)src;
    (void)events;
    TRY(msg_recv(sock, &m, &eof));
    if (eof || m.len != sizeof(serial) || m.n_fds != 1)
        return ERR_NEW(ERR_CORRUPT, "the monitor is gone");
    memcpy(&serial, m.data, sizeof(serial));
    TRY(watch(arg, m.fds[0], serial));
    m.fds[0] = -1;
    return NULL;
}

/* What the one before us had begun to answer. Whoever dies of a call twice leaves it without an answer. */
static void take_over(struct ids *ids, const struct ids_filter *filters, size_t n)
{
    struct ids_state *st = ids->state;
    int listener = -1;
    for (size_t i = 0; i < n; i++)
        if (filters[i].serial == st->serial)
            listener = filters[i].fd;
    uint64_t id = st->notif.id;
    if (id == 0 || listener < 0 || ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) < 0) {
        st->notif.id = 0;
        return;
    }
    if (st->tried == id) {
        const struct ids_call call = {.listener = listener, .notif = &st->notif};
        const struct ids_answer no = IDS_ERRNO(ENOSYS);
        send_answer(&call, &no);
        st->notif.id = 0;
        return;
    }
    st->tried = id;
    answer(ids, listener);
}

/* --- the process */

static int by_fd(const void *a, const void *b)
{
    const struct ids_filter *x = a, *y = b;
    return (x->fd > y->fd) - (x->fd < y->fd);
}

/* All but the socket and the filters. */
static void close_others(int sock, const struct ids_filter *filters, size_t n)
{
    int next = 0;
    bool sock_done = false;
    for (size_t i = 0; i <= n; i++) {
        int fd = i < n ? filters[i].fd : INT_MAX;
        if (!sock_done && sock < fd) {
            sock_done = true;
            fd = sock;
            i--;
        }
        if (fd == INT_MAX)
            break;
        if (fd > next)
            fd_close_range((unsigned)next, (unsigned)fd - 1);
        next = fd + 1;
    }
    fd_close_from(next);
}

/* What the monitor has open, blocks and handles is none of ours. */
static void separate(void)
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
    (void)umask(0); /* modes are as the process's own umask leaves them */
}

void ids_live(struct ids_state *state, int sock, struct ids_filter *filters, size_t n, pid_t monitor)
{
    struct ids ids = {.state = state};
    separate();
    if (getppid() != monitor)
        _exit(1);
    if (n)
        qsort(filters, n, sizeof(*filters), by_fd);
    close_others(sock, filters, n);
    ids.sealed_outside = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    struct err *e = loop_new(&ids.loop);
    if (!e)
        e = loop_add_fd(ids.loop, sock, EPOLLIN, on_filter, &ids, NULL);
    for (size_t i = 0; !e && i < n; i++)
        e = watch(&ids, filters[i].fd, filters[i].serial);
    if (!e) {
        take_over(&ids, filters, n);
        e = loop_run(ids.loop);
    }
    _exit(e ? 1 : 0);
}
