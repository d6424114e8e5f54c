#include "packed/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/privileges.h"
#include "base/syscalls.h"

/* A tmpfs on a directory that is always there becomes the root, and everything else is let go. */
struct err *confine_leave_mounts(void)
{
    if (unshare(CLONE_NEWNS) < 0)
        return ERR_SYS(errno, "leave the mount namespace");
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return ERR_SYS(errno, "make mounts private");
    if (mount("none", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,nr_inodes=1,mode=0555") < 0)
        return ERR_SYS(errno, "mount an empty root");
    if (chdir("/proc") < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
        return ERR_SYS(errno, "enter an empty root");
    if (umount2(".", MNT_DETACH) < 0)
        return ERR_SYS(errno, "let go of mounts");
    return chdir("/") < 0 ? ERR_SYS(errno, "enter an empty root") : NULL;
}

/* The lists are grouped by what the calls are for, not one to a line. */
/* clang-format off */
static const char *const confine_calls[] = {
    "read", "readv", "pread64", "write", "writev", "close", "poll", "ppoll", "ppoll_time64",
    "munmap", "mremap", "madvise", "brk",
    "futex", "futex_time64", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "membarrier", "exit",
    "exit_group", "gettid", "getpid", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
    "restart_syscall", "clock_gettime", "clock_gettime64", "gettimeofday", "getrandom",
};
/* clang-format on */

static int confine_fill(scmp_filter_ctx ctx, void *arg)
{
    static const struct scmp_arg_cmp not_exec = {
        .arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0};
    const struct scmp_arg_cmp thread = {
        .arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = CLONE_THREAD | CLONE_VM, .datum_b = CLONE_THREAD | CLONE_VM};
    const struct scmp_arg_cmp self = {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)getpid()};
    static const int memory[] = {SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect)};
    (void)arg;
    int r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 1);
    if (!r)
        r = syscalls_add(ctx, SCMP_ACT_ALLOW, confine_calls, ARRAY_LEN(confine_calls));
    for (size_t i = 0; !r && i < ARRAY_LEN(memory); i++)
        r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, memory[i], 1, &not_exec);
    if (!r)
        r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, &thread);
    return r ? r : seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &self);
}

struct err *confine_forever(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    TRY(privileges_drop());
    TRY(privileges_seal());
    return syscalls_restrict(confine_fill, NULL);
}
