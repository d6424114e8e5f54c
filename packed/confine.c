#include "packed/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
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
    (void)arg;
    int r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 1);
    if (!r)
        r = syscalls_add(ctx, SCMP_ACT_ALLOW, confine_calls, ARRAY_LEN(confine_calls));
    return r ? r : syscalls_add_threads(ctx);
}

struct err *confine_forever(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    TRY(privileges_drop());
    TRY(privileges_seal());
    return syscalls_restrict(confine_fill, NULL);
}
