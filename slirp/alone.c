#include "slirp/alone.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/proc.h"
#include "base/strbuf.h"
#include "slirp/api.h"
#include "slirp/netns.h"
#include "slirp/options.h"
#include "slirp/run.h"
#include "slirp/version.h"

struct alone {
    struct slirp s;
    struct options o;
    struct device device;
    int netns_fd, userns_fd;
    int pidfd; /* of a target that is a process */
    struct api *api;
};

static struct err *alone_open(const char *path, int *ret)
{
    *ret = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return *ret < 0 ? ERR_SYS(errno, "open %s", path) : NULL;
}

/* setns(2) into the user namespace that one is in already fails, and is not needed. */
static bool alone_is_ours(int userns_fd)
{
    struct stat ours, theirs;
    return stat("/proc/self/ns/user", &ours) == 0 && fstat(userns_fd, &theirs) == 0 && ours.st_ino == theirs.st_ino &&
           ours.st_dev == theirs.st_dev;
}

static struct err *alone_open_process(struct alone *a)
{
    uint64_t pid = 0;
    char path[64];
    TRY_WRAP(number_parse_u64(a->o.target, INT_MAX, &pid), "process id");
    TRY(proc_pidfd_open((pid_t)pid, &a->pidfd));
    (void)snprintf(path, sizeof(path), "/proc/%u/ns/net", (unsigned)pid);
    TRY(alone_open(path, &a->netns_fd));
    if (a->o.userns_path)
        return NULL;
    (void)snprintf(path, sizeof(path), "/proc/%u/ns/user", (unsigned)pid);
    return alone_open(path, &a->userns_fd);
}

static struct err *alone_open_target(struct alone *a)
{
    if (a->o.target_is_path)
        TRY(alone_open(a->o.target, &a->netns_fd));
    else
        TRY(alone_open_process(a));
    if (a->o.userns_path)
        TRY(alone_open(a->o.userns_path, &a->userns_fd));
    if (a->userns_fd >= 0 && alone_is_ours(a->userns_fd))
        a->userns_fd = fd_close(a->userns_fd);
    return NULL;
}

/* The first address of an interface of the host. */
static struct err *alone_interface_addr(const char *name, int family, void *ret, size_t len)
{
    struct ifaddrs *all, *i;
    if (getifaddrs(&all) < 0)
        return ERR_SYS(errno, "list the addresses of this host");
    for (i = all; i; i = i->ifa_next) {
        if (i->ifa_addr && i->ifa_addr->sa_family == family && !strcmp(i->ifa_name, name))
            break;
    }
    if (i && family == AF_INET)
        memcpy(ret, &((const union slirp_addr *)(const void *)i->ifa_addr)->in.sin_addr, len);
    else if (i)
        memcpy(ret, &((const union slirp_addr *)(const void *)i->ifa_addr)->in6.sin6_addr, len);
    freeifaddrs(all);
    return i ? NULL : ERR_NEW(ERR_NOT_FOUND, "no interface %s with such an address", name);
}

static struct err *alone_outbound(struct options *o)
{
    struct slirp_config *c = &o->config;
    if (o->outbound)
        TRY_WRAP(alone_interface_addr(o->outbound, AF_INET, &c->outbound, sizeof(c->outbound)), "--outbound-addr");
    if (o->outbound6)
        TRY_WRAP(alone_interface_addr(o->outbound6, AF_INET6, &c->outbound6, sizeof(c->outbound6)), "--outbound-addr6");
    return NULL;
}

static struct err *alone_end(struct loop_source *src, int fd, uint32_t events, void *arg)
{
    struct alone *a = arg;
    (void)src;
    (void)fd;
    (void)events;
    a->s.quit = true;
    return NULL;
}

static struct err *alone_signal(struct loop_source *src, const struct signalfd_siginfo *info, void *arg)
{
    struct alone *a = arg;
    (void)src;
    (void)info;
    a->s.quit = true;
    return NULL;
}

/* Whose end is ours. */
static struct err *alone_watch(struct alone *a)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    TRY(loop_add_signals(a->s.loop, &set, alone_signal, a, NULL));
    /* Closing the other end is what counts, and comes unasked (EPOLLHUP, EPOLLERR); what is written there doesn't. */
    if (a->o.exit_fd >= 0)
        TRY_WRAP(loop_add_fd(a->s.loop, a->o.exit_fd, 0, alone_end, a, NULL), "--exit-fd");
    return a->pidfd >= 0 ? loop_add_fd(a->s.loop, a->pidfd, EPOLLIN, alone_end, a, NULL) : NULL;
}

static struct err *alone_tell_ready(int fd)
{
    if (fd < 0)
        return NULL;
    struct err *e = fd_write_all(fd, "1", 1);
    (void)fd_close(fd);
    return ERR_WRAP(e, "--ready-fd");
}

/* It can be connected to from here on; requests are served when frames are. */
static struct err *alone_api(struct alone *a)
{
    int sock = -1;
    if (!a->o.api_socket)
        return NULL;
    TRY(api_listen(a->o.api_socket, &sock));
    return api_new(a->s.loop, &a->s.hostfwd, sock, &a->api);
}

static struct err *alone_setup(struct alone *a)
{
    TRY(alone_open_target(a));
    TRY(alone_outbound(&a->o));
    a->s.config = a->o.config;
    TRY(slirp_prepare_dns(&a->s, NULL, 0, true));
    TRY(loop_new(&a->s.loop));
    TRY(alone_watch(a));
    TRY(alone_api(a));
    int netns = -1;
    const struct netns_opts opts = {.config = &a->s.config, .netns_fd = a->netns_fd, .userns_fd = a->userns_fd};
    TRY(netns_setup(&opts, &a->device, &netns));
    (void)fd_close(netns);
    a->netns_fd = fd_close(a->netns_fd);
    a->userns_fd = fd_close(a->userns_fd);
    return alone_tell_ready(a->o.ready_fd);
}

struct err *alone_run(int argc, char *const *argv)
{
    struct alone a = {.device = DEVICE_INIT, .netns_fd = -1, .userns_fd = -1, .pidfd = -1};
    slirp_init(&a.s);
    TRY(options_parse(argc, argv, &a.o));
    if (a.o.help)
        return fd_write_all(STDOUT_FILENO, options_help(), strlen(options_help()));
    if (a.o.version)
        return version_print(STDOUT_FILENO);
    struct err *e = alone_setup(&a);
    if (!e)
        e = slirp_run(&a.s, &a.device);
    api_free(a.api);
    slirp_done(&a.s);
    device_close(&a.device);
    (void)fd_close(a.netns_fd);
    (void)fd_close(a.userns_fd);
    (void)fd_close(a.pidfd);
    return e;
}
