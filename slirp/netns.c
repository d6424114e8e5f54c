/* A network namespace belongs to a task, and one that was left can be entered again only with rights over it, which we
 * don't have over the host's. So a second task goes there. It shares memory and descriptors (CLONE_VM, CLONE_FILES), so
 * it need not send anything back, and we are suspended meanwhile (CLONE_VFORK), so it may use all of the C library as
 * if it were us. It is a process and no thread, since only a process of one thread may enter a user namespace. */
#include "slirp/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

#define NETNS_STACK ((size_t)256 << 10)

struct netns_work {
    const struct netns_opts *opts;
    struct device device;
    int netns_fd;
    struct err *error;
    bool finished;
};

static struct err *netns_enter(struct netns_work *w)
{
    const struct netns_opts *o = w->opts;
    if (o->userns_fd >= 0 && setns(o->userns_fd, CLONE_NEWUSER) < 0)
        return ERR_SYS(errno, "enter the user namespace of the network");
    if (o->netns_fd >= 0 && setns(o->netns_fd, CLONE_NEWNET) < 0)
        return ERR_SYS(errno, "enter the network namespace");
    if (o->netns_fd < 0 && unshare(CLONE_NEWNET) < 0)
        return ERR_SYS(errno, "make a network namespace");
    w->netns_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    return w->netns_fd < 0 ? ERR_SYS(errno, "open the network namespace") : NULL;
}

static struct err *netns_work(struct netns_work *w)
{
    TRY(netns_enter(w));
    TRY(device_open(w->opts->config, w->netns_fd, &w->device));
    return w->opts->inside ? w->opts->inside(w->opts->inside_arg) : NULL;
}

static int netns_child(void *arg)
{
    struct netns_work *w = arg;
    w->error = netns_work(w);
    w->finished = true;
    return 0;
}

/* 0 or a positive errno. */
static int netns_run_child(struct netns_work *w)
{
    int status = 0;
    char *stack = mmap(NULL, NETNS_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return errno;
    pid_t pid = clone(netns_child, stack + NETNS_STACK, CLONE_VM | CLONE_FILES | CLONE_VFORK | SIGCHLD, w);
    int errnum = pid < 0 ? errno : 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    (void)munmap(stack, NETNS_STACK);
    return errnum ? errnum : w->finished ? 0 : ECHILD;
}

struct err *netns_setup(const struct netns_opts *opts, struct device *ret_device, int *ret_netns)
{
    struct netns_work w = {.opts = opts, .device = DEVICE_INIT, .netns_fd = -1};
    int errnum = netns_run_child(&w);
    struct err *e = errnum ? ERR_SYS(errnum, "start a process to set up the network") : w.error;
    if (e) {
        device_close(&w.device);
        (void)fd_close(w.netns_fd);
        return e;
    }
    *ret_device = w.device;
    *ret_netns = w.netns_fd;
    return NULL;
}
