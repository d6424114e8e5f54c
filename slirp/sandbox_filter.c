/* The system calls that are left. A list of what is needed, by what needs it; a call that something new needs has to be
 * added here with its reason. */
#include "slirp/sandbox.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/syscalls.h"

/* clang-format off */
static const char *const filter_allowed[] = {
    /* frames and sockets: device.c, libslirp, dns*.c, api.c, engine.c (base/msg) */
    "read", "readv", "write", "writev", "close", "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg",
    "send", "recv", "connect", "bind", "listen", "accept", "accept4", "shutdown", "getsockname", "getpeername",
    "getsockopt", "setsockopt", "fcntl", "fcntl64",
    /* waiting: serve.c, base/loop */
    "poll", "ppoll", "ppoll_time64", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
    "timerfd_create", "timerfd_settime", "timerfd_settime64", "restart_syscall", "sched_yield", "nanosleep",
    "clock_nanosleep", "clock_nanosleep_time64",
    /* ports: splice.c */
    "splice", "pipe2", "tee",
    /* memory and time: the C library */
    "munmap", "mremap", "madvise", "brk", "clock_gettime", "clock_gettime64", "gettimeofday", "time", "getrandom",
    "futex", "futex_time64", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "set_robust_list", "rseq",
    "getpid", "gettid", "exit", "exit_group",
};
/* A program that does these here is no longer ours. */
static const char *const filter_deadly[] = {"execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev"};
/* clang-format on */

/* Internet sockets only: unix(7) would reach whatever listens in the abstract namespace of the host. Memory that is
 * never executable. FIONREAD and FIONBIO for libslirp,
 * SIOCGIFINDEX for resolvers with a link-local address. Signals to ourselves alone (abort). */
static int filter_conditional(scmp_filter_ctx ctx)
{
    static const int families[] = {AF_INET, AF_INET6};
    static const int memory[] = {SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect)};
    static const uint32_t ioctls[] = {0x541B /* FIONREAD */, 0x5421 /* FIONBIO */, SIOCGIFINDEX};
    int r = 0;
    for (size_t i = 0; !r && i < ARRAY_LEN(families); i++)
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
    for (size_t i = 0; !r && i < ARRAY_LEN(memory); i++)
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, memory[i], 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    for (size_t i = 0; !r && i < ARRAY_LEN(ioctls); i++)
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, ioctls[i]));
    return r ? r
             : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
}

static int filter_fill(scmp_filter_ctx ctx, void *arg)
{
    (void)arg;
    int r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 1);
    if (!r)
        r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1); /* threads as well */
    if (!r)
        r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
    if (!r)
        r = syscalls_add(ctx, SCMP_ACT_ALLOW, filter_allowed, ARRAY_LEN(filter_allowed));
    if (!r)
        r = syscalls_add(ctx, SCMP_ACT_KILL_PROCESS, filter_deadly, ARRAY_LEN(filter_deadly));
    return r ? r : filter_conditional(ctx);
}

struct err *sandbox_filter(void)
{
    return syscalls_restrict(filter_fill, NULL);
}
