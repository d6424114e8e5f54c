/* What is left to a hub: descriptors that it has or is sent, files to be read, CAP_NET_ADMIN. It makes no socket and
 * enters no namespace: what it changes are the namespaces whose netlink sockets it holds. */
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/privileges.h"
#include "base/syscalls.h"
#include "slirp/hub_internal.h"

/* clang-format off */
static const char *const confine_allowed[] = {
    /* connections and netlink: hub_seat.c, netlink.c, base/msg */
    "read", "pread64", "readv", "write", "writev", "close", "sendto", "recvfrom", "sendmsg", "recvmsg", "send", "recv", "accept",
    "accept4", "getsockname", "getsockopt", "fcntl", "fcntl64",
    /* waiting: base/loop */
    "poll", "ppoll", "ppoll_time64", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "timerfd_create",
    "timerfd_settime", "timerfd_settime64", "restart_syscall",
    /* the lock and the socket's name: hub.c; the host's resolv.conf: resolv_watch.c */
    "flock", "unlinkat", "inotify_init1", "inotify_add_watch", "fstat", "fstat64", "newfstatat", "fstatat64", "statx",
    "lstat", "lstat64", "stat", "stat64", "readlink", "readlinkat", "lseek", "_llseek",
    /* memory and time: the C library */
    "munmap", "mremap", "madvise", "brk", "clock_gettime", "clock_gettime64", "gettimeofday", "time", "getrandom",
    "futex", "futex_time64", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "set_robust_list", "rseq",
    "getpid", "gettid", "geteuid", "geteuid32", "exit", "exit_group",
};
/* clang-format on */

/* The lock is opened for writing where it exists; nothing is truncated. Memory that is never executable. */
static int confine_conditional(scmp_filter_ctx ctx)
{
    static const int memory[] = {SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect)};
    int r = 0;
    for (size_t i = 0; !r && i < ARRAY_LEN(memory); i++)
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, memory[i], 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (!r)
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, O_TRUNC, 0));
    return r ? r
             : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
}

static int confine_fill(scmp_filter_ctx ctx, void *arg)
{
    (void)arg;
    int r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
    if (!r)
        r = syscalls_add(ctx, SCMP_ACT_ALLOW, confine_allowed, ARRAY_LEN(confine_allowed));
    return r ? r : confine_conditional(ctx);
}

struct err *hub_confine(void)
{
    static const unsigned keep[] = {CAP_NET_ADMIN};
    TRY(privileges_seal());
    TRY(privileges_keep(keep, ARRAY_LEN(keep)));
    return syscalls_restrict(confine_fill, NULL);
}
