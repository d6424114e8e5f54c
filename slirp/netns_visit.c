/* A network namespace belongs to a task, and one that was left can be entered again only with rights over it, which we
 * don't have over the host's. So a second task goes there. It shares memory and descriptors (CLONE_VM, CLONE_FILES), so
 * it need not send anything back, and we are suspended meanwhile (CLONE_VFORK), so it may use all of the C library as
 * if it were us. It is a process and no thread, since only a process of one thread may enter a user namespace. */
#include "slirp/netns_visit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "slirp/port_route.h"

#define VISIT_STACK ((size_t)256 << 10)

struct visit {
    const struct netns_visit *v;
    int netns_fd;
    struct err *error;
    bool finished;
};

static struct err *visit_enter(struct visit *w)
{
    const struct netns_visit *v = w->v;
    if (v->userns_fd >= 0 && setns(v->userns_fd, CLONE_NEWUSER) < 0)
        return ERR_SYS(errno, "enter the user namespace of the network");
    if (v->netns_fd >= 0 && setns(v->netns_fd, CLONE_NEWNET) < 0)
        return ERR_SYS(errno, "enter the network namespace");
    if (v->netns_fd < 0 && unshare(CLONE_NEWNET) < 0)
        return ERR_SYS(errno, "make a network namespace");
    w->netns_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    return w->netns_fd < 0 ? ERR_SYS(errno, "open the network namespace") : NULL;
}

static int visit_child(void *arg)
{
    struct visit *w = arg;
    w->error = visit_enter(w);
    if (!w->error)
        w->error = w->v->work(w->netns_fd, w->v->arg);
    w->finished = true;
    return 0;
}

/* 0 or a positive errno. */
static int visit_run(struct visit *w)
{
    int status = 0;
    char *stack = mmap(NULL, VISIT_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return errno;
    pid_t pid = clone(visit_child, stack + VISIT_STACK, CLONE_VM | CLONE_FILES | CLONE_VFORK | SIGCHLD, w);
    int errnum = pid < 0 ? errno : 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    (void)munmap(stack, VISIT_STACK);
    return errnum ? errnum : w->finished ? 0 : ECHILD;
}

struct err *netns_visit(const struct netns_visit *v, int *ret_netns)
{
    struct visit w = {.v = v, .netns_fd = -1};
    int errnum = visit_run(&w);
    struct err *e = errnum ? ERR_SYS(errnum, "start a process to set up the network") : w.error;
    if (e)
        (void)fd_close(w.netns_fd);
    else
        *ret_netns = w.netns_fd;
    return e;
}

static struct err *visit_open_route(int netns_fd, void *arg)
{
    (void)netns_fd;
    return port_route_open(arg);
}

struct err *netns_visit_route(int userns_fd, int netns_fd, int *ret_netns, int *ret_route)
{
    int route = -1;
    const struct netns_visit v = {
        .netns_fd = netns_fd, .userns_fd = userns_fd, .work = visit_open_route, .arg = &route};
    struct err *e = netns_visit(&v, ret_netns);
    if (e)
        (void)fd_close(route);
    else
        *ret_route = route;
    return e;
}
